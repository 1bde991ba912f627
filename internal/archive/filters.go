package archive

import (
	"github.com/llama-logs/llama/internal/column"
	"github.com/llama-logs/llama/internal/segment"
)

// filter returns the filter of a block, or nil when it has none. Where filters cannot be
// read blocks are looked through, so that no answer is wrong for it; it is counted as
// damage, and verifying says where it is. Readers are numbered.
func (a *Archive) filter(p *catalogPart, g *stored, number int, reader uint64) column.Filter {
	v, err := a.decoded.of(&g.held, wholeSegment, reader)(g.path, func() (any, int, error) {
		d, err := a.directories.of(g)
		if err != nil {
			return nil, 0, err
		}
		f, err := g.Filters(d)
		if err != nil {
			return nil, 0, err
		}
		return f, f.Bytes(), nil
	})
	if err != nil {
		a.met(p.explain(err))
		return nil
	}
	if f := v.(*segment.Filters).Of(number); f != nil {
		return f
	}
	return nil
}

// filtersUsed returns the newest reader that has used the filters of one of some segments, if
// they are kept. They are kept by the segment's path: who still reads a segment that was
// merged must not find those of the merged one.
func (a *Archive) filtersUsed(some ...*stored) (reader uint64, kept bool) {
	for _, s := range some {
		used, ok := a.decoded.used(&s.held, wholeSegment, s.path)
		reader, kept = max(reader, used), kept || ok
	}
	return reader, kept
}

// keepFilters keeps those of a segment that was written, for who read those of its blocks
// before: the newest was reader.
func (a *Archive) keepFilters(s *stored, w *segment.Writer, reader uint64) {
	if f, err := w.Filters(); err == nil { // who asks reads them else, and is told
		a.decoded.add(&s.held, wholeSegment, &decodedPiece{name: s.path, value: f, bytes: f.Bytes() + pieceOverhead, used: reader})
	}
}

// A knower looks whether a filter knows the words of events.
type knower struct {
	filter *segment.Filter // nil: knows all
	keys   []uint64
	failed bool // once is enough
}

// newKnower returns that of a block's filter. Without filters it knows all.
func newKnower(filters *segment.Filters, number int) *knower {
	if filters == nil {
		return &knower{}
	}
	return &knower{filter: filters.Of(number)}
}

// row reports whether the filter knows the words of an event; of the first that it does
// not, for all.
func (k *knower) row(row *column.Row) bool {
	if k.filter == nil || k.failed {
		return true
	}
	k.keys = column.AppendKeys(k.keys[:0], row.Message)
	inMessage := len(k.keys)
	k.keys = column.AppendKeys(k.keys, row.Shape.Source)
	for _, value := range row.Values {
		k.keys = column.AppendKeys(k.keys, value)
	}
	for i, key := range k.keys {
		if !k.filter.May(key, i < inMessage) {
			k.failed = true
			return false
		}
	}
	return true
}
