//go:build race

package archive

// fewer is how often a test that repeats itself with other seeds does so: under the
// race detector, which takes five times as long, less often.
func fewer(n uint64) uint64 { return max(1, n/4) }
