package column

import "github.com/llama-logs/llama"

// Events appends the events of rows from to to, to not included, to dst. Their
// fields are in the order of their names, and strings are shared with the block.
func (b *Block) Events(dst []llama.Event, from, to int) ([]llama.Event, error) {
	ingested := make([]llama.Time, b.Rows())
	if b.Ingested != nil {
		var err error
		if ingested, err = b.Ingested(); err != nil {
			return dst, err
		}
	}
	times, err := b.Times()
	if err != nil {
		return dst, err
	}
	seqs, err := b.Seqs()
	if err != nil {
		return dst, err
	}
	start := len(dst)
	for row := from; row < to; row++ {
		dst = append(dst, llama.Event{Time: times[row], Ingested: ingested[row], Seq: seqs[row], Collection: b.Collection})
	}
	events := dst[start:]
	columns, err := b.load()
	if err != nil {
		return dst[:start], err
	}
	total := 0
	counts := make([]int, len(events))
	for _, c := range columns {
		if isPart(c.Name) {
			continue
		}
		for i := range events {
			if c.Codes[from+i] != 0 {
				counts[i]++
				total++
			}
		}
	}
	fields := make([]llama.Field, total) // one for all events
	for i := range events {
		if counts[i] > 0 {
			events[i].Fields, fields = fields[:0:counts[i]], fields[counts[i]:]
		}
	}
	for _, c := range columns {
		fill(events, c, from)
	}
	return dst, nil
}

// isPart reports whether the column called name is a part of the event and not one
// of its fields.
func isPart(name string) bool { return name == llama.NameMessage || name == llama.NameSource }

// load decodes all columns but that of the time of arrival.
func (b *Block) load() ([]*Column, error) {
	var columns []*Column
	for _, name := range b.Names {
		if name == llama.NameIngested {
			continue
		}
		c, err := b.Load(name)
		if err != nil {
			return nil, err
		}
		if c != nil {
			columns = append(columns, c)
		}
	}
	return columns, nil
}

// fill gives events, the rows from from on, what c holds for them.
func fill(events []llama.Event, c *Column, from int) {
	for i := range events {
		value, kind, ok := c.Value(from + i)
		switch {
		case !ok:
		case c.Name == llama.NameMessage:
			events[i].Message = value
		case c.Name == llama.NameSource:
			events[i].Source = value
		default:
			events[i].Fields = append(events[i].Fields, llama.Field{Name: c.Name, Value: value, Kind: kind})
		}
	}
}
