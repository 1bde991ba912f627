package wal

import "unsafe"

// stringBytes lets s be read as bytes, which must not be changed.
func stringBytes(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }

// bytesString lets b be read as a string; b must not be changed any more.
func bytesString(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
