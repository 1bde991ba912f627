package archive

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/block"
)

// Sizes say what takes how much of the disk.
type Sizes struct {
	Collections  []CollectionSize `json:"collections"`
	Events       uint64           `json:"events"` // in segments and not
	Bytes        int64            `json:"bytes"`  // of segments
	MessageBytes int64            `json:"message_bytes"`
	Ratio        float64          `json:"ratio"` // how many times smaller than their messages the segments are
	LogBytes     int64            `json:"log_bytes"`
	Damaged      int              `json:"damaged"` // segments that cannot be read, and are left out
}

// A CollectionSize is that of one collection.
type CollectionSize struct {
	Collection   string       `json:"collection"`
	Events       uint64       `json:"events"`
	Unsealed     uint64       `json:"unsealed"` // of these, that are in no segment yet; the sizes are without them
	First        llama.Time   `json:"-"`        // the earliest and latest time of an event
	Last         llama.Time   `json:"-"`
	Segments     int          `json:"segments"`
	Blocks       int          `json:"blocks"`
	Bytes        int64        `json:"bytes"`
	MessageBytes int64        `json:"message_bytes"` // what the messages took as they came
	Ratio        float64      `json:"ratio"`
	Templates    float64      `json:"templates_per_block"`
	Columns      []ColumnSize `json:"columns"` // the largest first
}

// A ColumnSize is that of a column in all segments of a collection.
type ColumnSize struct {
	Name   string `json:"name"` // in parentheses what belongs to no field
	Bytes  int64  `json:"bytes"`
	Blocks int    `json:"blocks"` // that have it
}

// columnNames are those of chunks that are no fields.
var columnNames = map[block.Kind]string{
	block.Times: llama.NameTime, block.Seqs: llama.NameSeq, block.Ingested: llama.NameIngested,
	block.Templates: "(templates)", block.Variables: "(rest of messages)", block.Loose: "(events without template)", block.Facts: "(facts)",
	block.Rows: "(templates of events)",
}

// Sizes reads the directories of all segments. A damaged one is counted and left out.
func (a *Archive) Sizes(ctx context.Context) (*Sizes, error) {
	s := a.Snapshot()
	defer s.Close()
	total := &Sizes{LogBytes: a.log.Bytes(), Collections: []CollectionSize{}}
	of := map[string]*CollectionSize{}
	for _, c := range s.Collections() {
		of[c.Name] = &CollectionSize{Collection: c.Name, Events: c.Events, First: c.MinTime, Last: c.MaxTime, Columns: []ColumnSize{}}
	}
	for _, h := range s.heads {
		if h.stat.Rows > 0 {
			of[h.stat.Collection].Unsealed += uint64(h.stat.Rows)
		}
	}
	columns := map[string]map[string]*ColumnSize{}
	for _, p := range s.parts {
		byName := columns[p.collection]
		if byName == nil {
			byName = map[string]*ColumnSize{}
			columns[p.collection] = byName
		}
		for _, g := range p.segments {
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			if err := a.measure(of[p.collection], byName, g); err != nil {
				total.Damaged++
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(of)) {
		c := of[name]
		for _, column := range columns[name] {
			c.Columns = append(c.Columns, *column)
		}
		slices.SortFunc(c.Columns, func(x, y ColumnSize) int { return cmp.Or(cmp.Compare(y.Bytes, x.Bytes), cmp.Compare(x.Name, y.Name)) })
		c.Ratio = ratio(c.MessageBytes, c.Bytes)
		if c.Blocks > 0 {
			c.Templates /= float64(c.Blocks)
		}
		total.Events += c.Events
		total.Bytes += c.Bytes
		total.MessageBytes += c.MessageBytes
		total.Collections = append(total.Collections, *c)
	}
	total.Ratio = ratio(total.MessageBytes, total.Bytes)
	return total, nil
}

func ratio(messages, bytes int64) float64 {
	if bytes == 0 {
		return 0
	}
	return float64(messages) / float64(bytes)
}

// measure adds one segment.
func (a *Archive) measure(c *CollectionSize, columns map[string]*ColumnSize, g *stored) error {
	d, err := a.directories.of(g)
	if err != nil {
		return err
	}
	c.Segments++
	c.Bytes += g.Bytes
	rest := g.Bytes
	add := func(name string, bytes int64) {
		if columns[name] == nil {
			columns[name] = &ColumnSize{Name: name}
		}
		columns[name].Bytes += bytes
		columns[name].Blocks++
		rest -= bytes
	}
	for i := range d.Blocks() {
		c.Blocks++
		c.MessageBytes += d.MessageBytes(i)
		d.EachColumn(i, func(kind block.Kind, name string, bytes int64, values int) {
			if kind != block.Field {
				name = columnNames[kind]
			}
			if kind == block.Templates {
				c.Templates += float64(values)
			}
			add(name, bytes)
		})
	}
	if filters := g.FilterBytes(); filters > 0 {
		add("(filters)", filters)
	}
	add("(directory)", rest)
	return nil
}
