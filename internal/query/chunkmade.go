package query

import (
	"slices"
	"strconv"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/column"
)

// made builds one of the columns that a block does not keep as text, for the
// rows that are in.
func (c *chunk) made(name string) *column.Column {
	var b builder
	if name == llama.NameCollection {
		b.init(c.rows, 1)
		b.share(c.sel, c.block.Collection)
		return b.column(name)
	}
	b.init(c.rows, len(c.sel))
	for _, r := range c.sel {
		text, kind := c.make(name, r)
		b.put(r, text, kind)
	}
	return b.column(name)
}

// isMade reports whether a field's text is made of what a block keeps otherwise.
func (c *chunk) isMade(name string) bool {
	switch name {
	case llama.NameTime, llama.NameCollection, llama.NameID, llama.NameSeq:
		return true
	case llama.NameIngested:
		return c.few != nil || c.arrivals() != nil
	}
	return false
}

// fewShare is which part of a block's rows are few, when it comes to their times.
const fewShare = 32

// fewLeft reads of the rows that are left what there is of them beside their fields, if
// these are so few that it is not worth to do so of all.
func (c *chunk) fewLeft() {
	if c.block == nil || c.block.At == nil || c.err != nil || len(c.sel) > max(fewRows, c.rows/fewShare) || len(c.sel) == 0 || c.items != nil || c.times != nil {
		return
	}
	var err error
	if c.few, err = c.block.At(c.sel); err != nil {
		c.fail(err)
	}
}

// place returns where a row is among the few; ok is false where all are at hand.
func (c *chunk) place(r uint32) (i int, ok bool) {
	if c.few == nil {
		return 0, false
	}
	return slices.BinarySearch(c.few.Rows, r)
}

func (c *chunk) timeOf(r uint32) llama.Time {
	if i, ok := c.place(r); ok {
		return c.few.Times[i]
	}
	return c.happened()[r]
}

func (c *chunk) seqOf(r uint32) uint64 {
	if i, ok := c.place(r); ok {
		return c.few.Seqs[i]
	}
	return c.numbered()[r]
}

func (c *chunk) arrivalOf(r uint32) llama.Time {
	if i, ok := c.place(r); ok {
		return c.few.Ingested[i]
	}
	return c.arrivals()[r]
}

// happened returns `_time` of each row of a block.
func (c *chunk) happened() []llama.Time {
	if c.times == nil {
		c.times = decoded(c, c.block.Times)
	}
	return c.times
}

// numbered returns `_seq` of each row of a block.
func (c *chunk) numbered() []uint64 {
	if c.seqs == nil {
		c.seqs = decoded(c, c.block.Seqs)
	}
	return c.seqs
}

// decoded reads something that each row has. After an error, which c keeps, it is
// zeros.
func decoded[T any](c *chunk, read func() ([]T, error)) []T {
	list, err := read()
	if err == nil {
		return list
	}
	c.fail(err)
	return make([]T, c.rows)
}

// arrivals returns event.ingested as times, or nil when the block has them as
// text only.
func (c *chunk) arrivals() []llama.Time {
	if c.ingested == nil && c.block.Ingested != nil && c.err == nil {
		c.ingested, c.err = c.block.Ingested()
	}
	return c.ingested
}

func (c *chunk) make(name string, r uint32) (string, llama.Kind) {
	switch name {
	case llama.NameTime:
		return c.timeOf(r).String(), llama.String
	case llama.NameIngested:
		return c.arrivalOf(r).String(), llama.String
	case llama.NameCollection:
		return c.block.Collection, llama.String
	case llama.NameSeq:
		return strconv.FormatUint(c.seqOf(r), 10), llama.Number
	}
	text := append(make([]byte, 0, len(c.node)+21), c.node...)
	return string(strconv.AppendUint(append(text, '-'), c.seqOf(r), 10)), llama.String
}

// clock returns the times of the rows when name is a field whose values the block
// has as times: `_time` and event.ingested, under whatever name.
func (c *chunk) clock(name string) []llama.Time {
	if f := c.find(name); f != nil && c.block != nil {
		switch f.base {
		case llama.NameTime:
			return c.happened()
		case llama.NameIngested:
			return c.arrivals()
		}
	}
	return nil
}
