package column

// A Layout is told by its address: events of the same Layout have fields of the same names and
// kinds in the same order, and of those that are fixed, the same values. Whoever makes
// events may know that of them without looking.
type Layout struct {
	Fields int    // at most 64
	Fixed  uint64 // bits of fields, the lowest first
}
