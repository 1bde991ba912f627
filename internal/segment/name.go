package segment

import (
	"fmt"
	"strconv"
)

// A Name says which arrival numbers a segment spans and what it supersedes, as
// within a folder a segment holds all events of its span.
type Name struct {
	First, Last uint64
	Generation  int
}

// maxGeneration is what six digits hold.
const maxGeneration = 999999

// String returns the name of the file.
func (n Name) String() string { return fmt.Sprintf("%020d-%020d.%06d", n.First, n.Last, n.Generation) }

// ParseName reads the name of a file, and reports whether it is one of a segment.
func ParseName(text string) (Name, bool) {
	if len(text) != 48 || text[20] != '-' || text[41] != '.' {
		return Name{}, false
	}
	first, err1 := strconv.ParseUint(text[:20], 10, 64)
	last, err2 := strconv.ParseUint(text[21:41], 10, 64)
	generation, err3 := strconv.ParseUint(text[42:], 10, 32)
	n := Name{first, last, int(generation)}
	ok := err1 == nil && err2 == nil && err3 == nil && 0 < first && first <= last && generation > 0
	return n, ok
}

// Covers reports whether n replaces other: it spans all of it, and is longer or of a
// higher generation.
func (n Name) Covers(other Name) bool {
	wider := n.First < other.First || other.Last < n.Last
	return n.First <= other.First && other.Last <= n.Last && (wider || n.Generation > other.Generation)
}

// Overlaps reports whether the ranges of n and other have a number in common.
func (n Name) Overlaps(other Name) bool { return n.First <= other.Last && other.First <= n.Last }
