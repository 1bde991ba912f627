package query

// A madeParts is what was made of the parts of a kept state and never changes, in the order
// in which they are read: runs of numbers and columns of groups. Who asks again need not
// make it again.
type madeParts struct {
	pieces []madePiece
	next   int  // of pieces that are known
	known  bool // all pieces are; otherwise they are being made
	bytes  int  // of those that were made
}

type madePiece struct {
	from, to int // bytes of the part that were left before and behind it
	value    any
}

// recalledMade returns what was remembered of a state, or one that takes note.
func recalledMade(made any) *madeParts {
	pieces, ok := made.([]madePiece)
	return &madeParts{pieces: pieces, known: ok}
}

// recall returns the next piece, which begins where r is, and moves r behind it. It may be
// nil.
func (m *madeParts) recall(r *reader) (value any, ok bool) {
	if m == nil || !m.known || r.err != nil || m.next == len(m.pieces) {
		return nil, false
	}
	p := &m.pieces[m.next]
	if p.from != len(r.b) || p.to > len(r.b) {
		return nil, false // of other parts
	}
	m.next++
	r.b = r.b[len(r.b)-p.to:]
	return p.value, true
}

// note takes note of a piece that was made, of so many bytes, from where r had from bytes
// left. m may be nil.
func (m *madeParts) note(r *reader, from int, value any, bytes int) {
	if m == nil || m.known || r.err != nil {
		return
	}
	m.pieces = append(m.pieces, madePiece{from, len(r.b), value})
	m.bytes += bytes + pieceCost
}

// pieceCost is about what a madePiece takes beside its value.
const pieceCost = 100
