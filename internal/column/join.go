package column

import (
	"slices"

	"github.com/llama-logs/llama"
)

// Join returns the events of blocks, one behind the other, as one block. Together
// they have at most MaxRows rows. Its columns are decoded and joined each time they
// are asked for, as merging asks once.
func Join(blocks []*Block) *Block {
	joined := &Block{Collection: blocks[0].Collection}
	for _, b := range blocks {
		joined.Times = append(joined.Times, b.Times...)
		joined.Seqs = append(joined.Seqs, b.Seqs...)
		joined.Names = append(joined.Names, b.Names...)
	}
	slices.Sort(joined.Names)
	joined.Names = slices.Compact(joined.Names)
	joined.Ingested = func() ([]llama.Time, error) {
		var all []llama.Time
		for _, b := range blocks {
			times, err := b.Ingested()
			if err != nil {
				return nil, err
			}
			all = append(all, times...)
		}
		return all, nil
	}
	joined.Load = func(name string) (*Column, error) {
		if name == llama.NameIngested {
			times, err := joined.Ingested()
			return TimeColumn(name, times), err
		}
		return joinColumns(blocks, name, joined.Rows())
	}
	return joined
}

func joinColumns(blocks []*Block, name string, rows int) (*Column, error) {
	cells := &Cells{name: name}
	base := 0
	for _, b := range blocks {
		c, err := b.Load(name)
		if err != nil {
			return nil, err
		}
		if c != nil {
			cells.append(base, c)
		}
		base += b.Rows()
	}
	if len(cells.codes) == 0 {
		return nil, nil
	}
	v := cells.view(rows)
	return v.column(rows), nil
}

// append adds the rows of col, the first of which is row base of c. Each value is
// looked up once.
func (c *Cells) append(base int, col *Column) {
	codes := make([]uint32, len(col.Values))
	for row, code := range col.Codes {
		if code == 0 {
			continue
		}
		if codes[code-1] == 0 {
			kind := llama.String
			if col.Kinds != nil {
				kind = col.Kinds[code-1]
			}
			codes[code-1], _ = c.code(col.Values[code-1], kind)
		}
		c.put(base+row, codes[code-1])
	}
}
