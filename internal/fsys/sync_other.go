//go:build darwin || freebsd

package fsys

import "os"

// syncData makes f durable.
func syncData(f *os.File) error { return f.Sync() }
