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

// memoryRows is how many events a block of Memory has at most: enough for
// dictionaries to pay, few enough for all processors to have one.
const memoryRows = 16 << 10

// Events returns a source of the events, which it reads and does not change.
// Events without a Seq get one, in their order; the Seqs of the others grow.
func Events(events []llama.Event) *Memory {
	m := &Memory{}
	open := map[string]*column.Builder{}
	for i := range events {
		e := events[i]
		if e.Seq == 0 {
			e.Seq = uint64(i) + 1
		}
		b := open[e.Collection]
		if b == nil {
			b = column.NewBuilder(e.Collection)
			open[e.Collection] = b
		}
		b.Add(&e)
		if b.Full() || b.Rows() >= memoryRows {
			m.add(b)
			delete(open, e.Collection)
		}
	}
	for _, b := range open {
		m.add(b)
	}
	slices.SortFunc(m.refs, func(a, b column.Ref) int {
		if a.LastSeq < b.LastSeq {
			return 1
		}
		return -1
	})
	return m
}

func (m *Memory) add(b *column.Builder) {
	stat := b.Stat(b.Rows())
	m.refs = append(m.refs, column.Ref{Stat: &stat, Of: held{b.Block(b.Rows())}})
}

// A held is a block in memory.
type held struct{ block *column.Block }

// Read implements column.Blocks.
func (h held) Read(context.Context, int) (*column.Block, error) { return h.block, nil }

// Filter implements column.Blocks.
func (h held) Filter(int) column.Filter { return nil }

// Ahead implements column.Blocks.
func (h held) Ahead(int) {}

// Refs implements Source.
func (m *Memory) Refs(collection string, from, to llama.Time) []column.Ref {
	var out []column.Ref
	for _, ref := range m.refs {
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
