//go:build darwin || freebsd

package fsys

import "os"

// willNeed does nothing: what is read is waited for.
func willNeed(*os.File, int64, int64) {}
