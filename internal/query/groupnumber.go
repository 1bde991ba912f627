package query

import (
	"github.com/llama-logs/llama"
)

// pick returns the numbers of ids, one for each row that is in, for the rows of
// sel only.
func (c *chunk) pick(sel, ids []uint32) []uint32 {
	out := c.work.numbers(len(sel))
	at := 0
	for _, r := range sel {
		for c.sel[at] != r {
			at++
		}
		out = append(out, ids[at])
	}
	return out
}

// number returns the group of each row that is in.
func (g *groupGatherer) number(c *chunk) ([]uint32, error) {
	ids := c.work.numbers(len(c.sel))[:len(c.sel)]
	clear(ids)
	if len(g.by) == 0 {
		return ids, nil
	}
	// Field after field, ids become the numbers of the combinations of values
	// that the chunk has; a combination is the number of one of the fields before
	// and the code of its own.
	levels := make([]level, len(g.by))
	for i := range g.by {
		codes, values, kinds := g.codes(c, &g.by[i])
		size := 1
		if i > 0 {
			size = len(levels[i-1].combos)
		}
		levels[i] = level{combine(ids, codes, size, len(values)), values, kinds}
	}
	global := make([]uint32, len(levels[len(levels)-1].combos))
	texts, kinds := make([]string, len(levels)), make([]llama.Kind, len(levels))
	var key wire
	for i := range global {
		if c.stopped(i) {
			return nil, c.err
		}
		at := uint32(i)
		for n := len(levels) - 1; n >= 0; n-- {
			combo := levels[n].combos[at]
			code := uint32(combo)
			at, texts[n] = uint32(combo>>32), levels[n].values[code]
			if kinds[n] = llama.String; levels[n].kinds != nil {
				kinds[n] = levels[n].kinds[code]
			}
		}
		id, err := g.id(&key, texts, kinds)
		if err != nil {
			return nil, err
		}
		global[i] = id
	}
	for i := range ids {
		ids[i] = global[ids[i]]
	}
	return ids, nil
}

// A level is the combinations up to one of the by fields: in the upper half the
// combination before, in the lower the code of the field's value.
type level struct {
	combos []uint64
	values []string
	kinds  []llama.Kind // of values; nil when all are strings
}

// combine refines ids, which are below size, by codes, which are below width:
// rows stay together that were and that have the same code. A table is used
// where it is small, else a map.
func combine(ids, codes []uint32, size, width int) (combos []uint64) {
	if size*width <= 1<<20 {
		table := make([]uint32, size*width)
		for i, code := range codes {
			at := int(ids[i])*width + int(code)
			if table[at] == 0 {
				combos = append(combos, uint64(ids[i])<<32|uint64(code))
				table[at] = uint32(len(combos))
			}
			ids[i] = table[at] - 1
		}
		return combos
	}
	seen := make(map[uint64]uint32)
	for i, code := range codes {
		combo := uint64(ids[i])<<32 | uint64(code)
		id, ok := seen[combo]
		if !ok {
			id = uint32(len(combos))
			combos = append(combos, combo)
			seen[combo] = id
		}
		ids[i] = id
	}
	return combos
}

// codes returns for each row that is in a number, and the texts the numbers
// stand for with their kinds, nil when all are strings.
func (g *groupGatherer) codes(c *chunk, by *byField) (codes []uint32, values []string, kinds []llama.Kind) {
	codes = c.work.numbers(len(c.sel))[:len(c.sel)]
	if times := c.clock(by.name); times != nil && by.bucket != "" {
		return codes, timeCodes(c, times, by, codes), nil
	}
	col := c.column(by.name)
	if col == nil {
		clear(codes)
		return codes, []string{""}, nil
	}
	if by.bucket == "" {
		for i, r := range c.sel {
			codes[i] = col.Codes[r]
		}
		if col.Kinds != nil {
			kinds = append([]llama.Kind{llama.String}, col.Kinds...)
		}
		return codes, append([]string{""}, col.Values...), kinds
	}
	values, kinds = []string{""}, []llama.Kind{llama.String}
	known := map[string]uint32{"": 0}
	of := make([]uint32, len(col.Values)+1)
	for i, r := range c.sel {
		code := col.Codes[r]
		if code != 0 && of[code] == 0 {
			text, kind := by.value(col.Values[code-1]), llama.String
			if col.Kinds != nil && llama.IsNumber(text) {
				kind = col.Kinds[code-1]
			}
			id, ok := known[text]
			if !ok {
				id = uint32(len(values))
				values, kinds = append(values, text), append(kinds, kind)
				known[text] = id
			} else if kinds[id] != kind {
				kinds[id] = llama.String
			}
			of[code] = id
		}
		codes[i] = of[code]
	}
	return codes, values, kinds
}

func timeCodes(c *chunk, times []llama.Time, by *byField, codes []uint32) (values []string) {
	known := map[int64]uint32{}
	last, lastCode := int64(0), uint32(0)
	// Times mostly are in the bucket of the one before. That of a month or a year has
	// no one length.
	length := int64(0)
	if by.size > 0 {
		length = by.whole()
	}
	for i, r := range c.sel {
		if t := int64(times[r]); i > 0 && t >= last && uint64(t)-uint64(last) < uint64(length) {
			codes[i] = lastCode
			continue
		}
		bucket := by.time(int64(times[r]))
		if i == 0 || bucket != last {
			code, ok := known[bucket]
			if !ok {
				code = uint32(len(values))
				values = append(values, llama.Time(bucket).String())
				known[bucket] = code
			}
			last, lastCode = bucket, code
		}
		codes[i] = lastCode
	}
	return values
}
