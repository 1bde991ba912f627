package query

import (
	"context"
	"slices"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/column"
)

// Memory is a Source of events that lie in memory, so that a file or standard
// input can be asked without a server.
type Memory struct{ refs []column.Ref }

// blockRows is how many events a block of Memory has at most.
const blockRows = 16 << 10

// Events returns a source of the events, which it reads and does not change.
// Events without a Seq get one, in their order.
func Events(events []llama.Event) *Memory {
	byCollection := map[string][]int{}
	var names []string
	for i := range events {
		name := events[i].Collection
		if byCollection[name] == nil {
			names = append(names, name)
		}
		byCollection[name] = append(byCollection[name], i)
	}
	m := &Memory{}
	for _, name := range names {
		for part := range slices.Chunk(byCollection[name], blockRows) {
			m.add(name, events, part)
		}
	}
	return m
}

func (m *Memory) add(name string, events []llama.Event, part []int) {
	b := &column.Block{Collection: name}
	stat := column.Stat{Collection: name, Rows: len(part), MinTime: maxTime, MaxTime: minTime}
	columns := map[string]*dictionary{}
	put := func(row int, name, value string, kind llama.Kind) {
		d := columns[name]
		if d == nil {
			d = &dictionary{known: map[llama.Field]uint32{}}
			d.init(len(part), 0)
			columns[name] = d
		}
		d.set(uint32(row), value, kind)
	}
	for row, i := range part {
		e := &events[i]
		seq := e.Seq
		if seq == 0 {
			seq = uint64(i) + 1
		}
		b.Times, b.Seqs = append(b.Times, e.Time), append(b.Seqs, seq)
		stat.MinTime, stat.MaxTime = min(stat.MinTime, e.Time), max(stat.MaxTime, e.Time)
		if e.Message != "" {
			put(row, llama.NameMessage, e.Message, llama.String)
		}
		if e.Source != "" {
			put(row, llama.NameSource, e.Source, llama.String)
		}
		if e.Ingested != 0 {
			put(row, llama.NameIngested, e.Ingested.String(), llama.String)
		}
		for _, f := range e.Fields {
			put(row, f.Name, f.Value, f.Kind)
		}
	}
	stat.FirstSeq, stat.LastSeq = b.Seqs[0], b.Seqs[len(b.Seqs)-1]
	done := map[string]*column.Column{}
	for name, d := range columns {
		b.Names = append(b.Names, name)
		done[name] = d.column(name)
	}
	slices.Sort(b.Names)
	b.Load = func(name string) (*column.Column, error) { return done[name], nil }
	m.refs = append(m.refs, column.Ref{Stat: stat, Read: func(context.Context) (*column.Block, error) { return b, nil }})
}

// Refs implements Source.
func (m *Memory) Refs(collection string, from, to llama.Time) []column.Ref {
	var out []column.Ref
	for _, ref := range slices.Backward(m.refs) {
		if (collection == "" || collection == ref.Collection) && ref.MaxTime >= from && ref.MinTime <= to {
			out = append(out, ref)
		}
	}
	return out
}

// Collections returns the names of the collections, sorted.
func (m *Memory) Collections() []string {
	var out []string
	for _, ref := range m.refs {
		out = append(out, ref.Collection)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// A dictionary is a builder that gives equal values one code, as long as values
// do repeat.
type dictionary struct {
	builder
	known map[llama.Field]uint32
}

func (d *dictionary) set(row uint32, value string, kind llama.Kind) {
	if len(d.known) > 1024 && int(row) < 2*len(d.known) {
		d.put(row, value, kind) // mostly distinct: looking for equals is not worth it
		return
	}
	key := llama.Field{Value: value, Kind: kind}
	code, ok := d.known[key]
	if !ok {
		code = d.add(value, kind)
		d.known[key] = code
	}
	d.codes[row] = code
}
