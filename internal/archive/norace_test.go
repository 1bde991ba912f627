//go:build !race

package archive

// fewer is how often a test that repeats itself with other seeds does so.
func fewer(n uint64) uint64 { return n }
