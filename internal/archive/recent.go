package archive

import (
	"slices"
	"sort"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/archive/wal"
)

// recent holds the newest frames for those who follow closely. Archive.mu guards it.
type recent struct {
	limit  int
	frames []recentFrame // adjacent, oldest first; dropped in front, never changed
	bytes  int
}

type recentFrame struct {
	first    uint64
	events   int
	sections []wal.Section
	bytes    int
}

// add adds a frame, and drops old ones.
func (r *recent) add(f *wal.Frame) {
	if f.Events == 0 {
		return
	}
	bytes := 0
	for i := range f.Sections {
		bytes += f.Sections[i].Size()
	}
	r.frames = append(r.frames, recentFrame{f.First, f.Events, f.Sections, bytes})
	r.bytes += bytes
	drop := 0
	for r.bytes > r.limit && drop < len(r.frames)-1 {
		r.bytes -= r.frames[drop].bytes
		drop++
	}
	clear(r.frames[:drop]) // so that the sections can go
	r.frames = r.frames[drop:]
}

// from returns frames that hold the events from seq on, or nil when they are not
// all here, and at most so many that they have about limit bytes.
func (r *recent) from(seq uint64, limit int) []recentFrame {
	i := sort.Search(len(r.frames), func(i int) bool { return r.frames[i].first+uint64(r.frames[i].events) > seq })
	if i == len(r.frames) || r.frames[i].first > seq {
		return nil
	}
	j, bytes := i, 0
	for j < len(r.frames) && (j == i || bytes < limit) {
		bytes += r.frames[j].bytes
		j++
	}
	return slices.Clone(r.frames[i:j])
}

// from returns the events of a frame from a number on, in their order.
func (f *recentFrame) from(from uint64, shapes *wal.Shapes) ([]llama.Event, error) {
	from = max(from, f.first)
	events := make([]llama.Event, f.first+uint64(f.events)-from)
	r := wal.NewReader(shapes)
	for i := range f.sections {
		s := &f.sections[i]
		if f.first+uint64(s.Last) < from {
			continue
		}
		r.Read(s.Events, f.first)
		for row := r.Next(); row != nil; row = r.Next() {
			if row.Seq < from {
				continue
			}
			e := &events[row.Seq-from]
			*e = llama.Event{
				Time: row.Time, Ingested: row.Ingested, Seq: row.Seq,
				Collection: s.Collection, Source: row.Shape.Source, Message: row.Message,
			}
			if len(row.Values) > 0 {
				e.Fields = make([]llama.Field, len(row.Values))
			}
			for i, value := range row.Values {
				e.Fields[i] = llama.Field{Name: row.Shape.Names[i], Value: value, Kind: row.Shape.Kinds[i]}
			}
		}
		if err := r.Err(); err != nil {
			return nil, err
		}
	}
	return events, nil
}

// drop forgets all frames; who follows reads what is left from segments.
func (r *recent) drop() { r.frames, r.bytes = nil, 0 }
