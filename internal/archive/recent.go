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
	first  uint64
	events int
	body   string
}

// add adds a frame, and drops old ones.
func (r *recent) add(f *wal.Frame) {
	if f.Events == 0 {
		return
	}
	r.frames = append(r.frames, recentFrame{f.First, f.Events, f.Body})
	r.bytes += len(f.Body)
	drop := 0
	for r.bytes > r.limit && drop < len(r.frames)-1 {
		r.bytes -= len(r.frames[drop].body)
		drop++
	}
	clear(r.frames[:drop]) // so that the bodies can go
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
		bytes += len(r.frames[j].body)
		j++
	}
	return slices.Clone(r.frames[i:j])
}

// eventsOf appends the events of a frame from number seq on.
func eventsOf(dst []llama.Event, f recentFrame, from uint64) ([]llama.Event, error) {
	r := wal.Read(f.body)
	seq := f.first
	for row := r.Next(); row != nil; row = r.Next() {
		if seq >= from {
			e := llama.Event{
				Time: row.Time, Ingested: row.Ingested, Seq: seq,
				Collection: row.Shape.Collection, Source: row.Shape.Source, Message: row.Message,
			}
			if len(row.Values) > 0 {
				e.Fields = make([]llama.Field, len(row.Values))
			}
			for i, value := range row.Values {
				e.Fields[i] = llama.Field{Name: fieldName(row.Shape.Names[i]), Value: value, Kind: row.Shape.Kinds[i]}
			}
			dst = append(dst, e)
		}
		seq++
	}
	return dst, r.Err()
}

// drop forgets all frames; who follows reads what is left from segments.
func (r *recent) drop() { r.frames, r.bytes = nil, 0 }
