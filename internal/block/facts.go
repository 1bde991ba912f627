package block

import (
	"encoding/binary"
	"fmt"

	"github.com/llama-logs/llama/internal/column"
)

// A factList gathers what is known of the groups of a block's slots, chunk by chunk.
type factList struct {
	data  []byte
	group []column.Facts
}

func (l *factList) reset() { l.data = l.data[:0] }

// add adds the groups of a chunk. Members says of each slot its group, and is used when
// there are several.
func (l *factList) add(home int32, member []int) {
	l.data = binary.AppendUvarint(l.data, uint64(home+1))
	l.data = binary.AppendUvarint(l.data, uint64(len(l.group)))
	for i := range l.group {
		l.data = l.group[i].Append(l.data)
	}
	if len(l.group) > 1 {
		for _, g := range member {
			l.data = binary.AppendUvarint(l.data, uint64(g))
		}
	}
	l.group = l.group[:0]
}

// The facts of a block: by chunk, that of variables first, and number of slot.
type facts [][]*column.Facts

// facts returns what is known of the values of a slot without reading them; nil for
// nothing.
func (d *decoder) facts(s column.Slot) (*column.Facts, error) {
	d.mu.Lock()
	known := d.known
	d.mu.Unlock()
	if known != nil {
		return known.of(s), nil
	}
	all, err := kept(d.Keep, "facts", func() (facts, int, error) {
		l, err := d.layout()
		if err != nil {
			return nil, 0, err
		}
		data, err := d.Read(Facts, "")
		if err != nil || data == nil {
			return nil, 0, err
		}
		f, ok := l.facts(data)
		if !ok {
			return nil, 0, fmt.Errorf("%w: facts", ErrDamaged)
		}
		return f, 8 * len(data), nil
	})
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.known = &all
	return all.of(s), nil
}

func (f facts) of(s column.Slot) *column.Facts {
	if int(s.Home)+1 >= len(f) || int(s.Number) >= len(f[s.Home+1]) {
		return nil
	}
	return f[s.Home+1][s.Number]
}

// facts reads a chunk of the kind Facts.
func (l *layout) facts(data []byte) (facts, bool) {
	all := make(facts, len(l.names)+1)
	for len(data) > 0 {
		r := column.Reader{Data: data}
		home, groups := r.Uvarint(), r.Count(1)
		if r.Failed || home >= uint64(len(all)) {
			return nil, false
		}
		list := make([]column.Facts, groups)
		for i := range list {
			var ok bool
			if list[i], r.Data, ok = column.DecodeFacts(r.Data); !ok {
				return nil, false
			}
		}
		slots := l.variables
		if home > 0 {
			slots = l.fields[home-1]
		}
		all[home] = make([]*column.Facts, len(slots))
		for i := range slots {
			g := uint64(0)
			if groups > 1 {
				g = r.Uvarint()
			}
			if r.Failed || g >= uint64(groups) {
				return nil, false
			}
			all[home][i] = &list[g]
		}
		data = r.Data
	}
	return all, true
}
