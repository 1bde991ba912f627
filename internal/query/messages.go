package query

import "github.com/llama-logs/llama/internal/column"

// messages puts messages of a family together, or a span of their parts.
type messages struct {
	block *column.Block
	parts []column.Part
	slots []slotValues
}

type slotValues struct {
	*column.Values
	first int
}

func (m *messages) open(f *column.Family, from, to int) error {
	m.parts = f.Parts[from:to]
	m.slots = make([]slotValues, len(m.parts))
	for i := range m.parts {
		if m.parts[i].Is == column.Fixed {
			continue
		}
		var err error
		if m.slots[i].Values, m.slots[i].first, err = m.block.Values(m.parts[i].Slot); err != nil {
			return err
		}
	}
	return nil
}

// append appends the text of the event at a place of the family.
func (m *messages) append(dst []byte, at int) []byte {
	for i := range m.parts {
		if v := &m.slots[i]; v.Values != nil {
			dst = v.Append(dst, v.Code(v.first+at))
		} else {
			dst = append(dst, m.parts[i].Text...)
		}
	}
	return dst
}
