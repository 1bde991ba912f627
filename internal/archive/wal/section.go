package wal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"github.com/llama-logs/llama"
)

// ErrBody says that bytes are not the body of a frame.
var ErrBody = errors.New("damaged frame body")

const (
	sectionSizes = 8 // bytes of a section's header that say how long it is
	nanosOfDay   = 24 * 60 * 60 * 1e9
)

// DayOf returns the UTC day of a time, since 1970.
func DayOf(t llama.Time) int64 {
	d := int64(t) / nanosOfDay
	if int64(t)%nanosOfDay < 0 {
		d--
	}
	return d
}

// A Section is the events of a frame that have one collection and day of arrival, or
// some of them where they are very many or not all from one Encoder. It has memory of
// its own, so that it can stay when others go.
type Section struct {
	Collection       string
	Day              int64 // of arrival, since 1970
	Rows             int   // at least 1
	First, Last      int   // numbers of its first and last event in the frame, from 0
	MinTime, MaxTime llama.Time
	Shapes           []string // the definition of each of its shapes; see Shapes
	Names            []string // those of fields that events have of their own, some of them several times
	Events
}

// Size returns about how much memory the section takes, without the list of shapes.
func (s *Section) Size() int { return len(s.data) + 144 }

// Events are those of a section, encoded.
type Events struct {
	data  string
	shape string // the definition of the first shape, if it is not in data
}

// Bytes returns how long they are, without a shape that they share.
func (e *Events) Bytes() int { return len(e.data) }

// Holds reports whether a text that is not empty may be in a message, a source or the value of
// a field. Each of these is somewhere in the section as it is: a value that is as in the event
// before is where it came first.
func (e *Events) Holds(text string) bool {
	return strings.Contains(e.data, text) || strings.Contains(e.shape, text)
}

// Share has the section do without a definition of its own of its first shape, where
// that is much of it, and have that in the memory of kept. Of an event that is put
// alone it is most.
func (s *Section) Share(kept string) {
	if len(s.Shapes) == 0 || s.shape != "" || 4*len(kept) < len(s.data) || s.Shapes[0] != kept {
		return
	}
	in := text{data: s.data}
	in.uvarint()
	gap := s.data[:len(s.data)-len(in.data)]
	if in.uvarint() != shapeNew || in.string() != kept {
		return // its first events have fields of their own
	}
	s.data, s.shape = gap+string(rune(1+shapeKnown))+in.data, kept
	s.Shapes[0] = kept
}

// A bucketKey is what the events of a section have in common.
type bucketKey struct {
	collection string
	day        int64
}

// decodeBody reads the position and the sections of a frame, and every event once: a
// frame that is taken back can be read from then on. The error wraps ErrBody.
func (f *Frame) decodeBody(body string, shapes *Shapes) error {
	in := text{data: body}
	if f.Position.Source = strings.Clone(in.string()); f.Position.Named() {
		f.Position.Epoch = strings.Clone(in.string())
		f.Position.First, f.Position.Last = in.uvarint(), in.uvarint()
	}
	if f.Events > len(body) {
		return fmt.Errorf("%w: %d events in %d bytes", ErrBody, f.Events, len(body))
	}
	seen := make([]bool, f.Events)
	last := map[bucketKey]int{} // event of the section before of this collection and day
	for in.data != "" {
		whole := len(in.data) == len(body)
		s := Section{Collection: strings.Clone(in.string()), Day: in.varint()}
		sizes := in.bytes(sectionSizes)
		if in.failed {
			break
		}
		s.Rows = int(binary.BigEndian.Uint32(stringBytes(sizes)))
		s.data = in.bytes(uint64(binary.BigEndian.Uint32(stringBytes(sizes[4:]))))
		if !whole || in.data != "" {
			s.data = strings.Clone(s.data)
		}
		if err := s.index(seen, shapes); err != nil {
			return err
		}
		key := bucketKey{s.Collection, s.Day}
		if before, again := last[key]; again && before > s.First {
			return fmt.Errorf("%w: a section with event %d is behind one with event %d", ErrBody, s.First, before)
		}
		last[key] = s.Last
		f.Sections = append(f.Sections, s)
	}
	if in.failed {
		return fmt.Errorf("%w: wrong length", ErrBody)
	}
	for i := range seen {
		if !seen[i] {
			return fmt.Errorf("%w: event %d of %d is missing", ErrBody, i, f.Events)
		}
	}
	return nil
}

// index reads all events of a section and fills in what is known of it. Its events are
// marked in seen.
func (s *Section) index(seen []bool, shapes *Shapes) error {
	if s.Rows < 1 || s.Rows > MaxRows {
		return fmt.Errorf("%w: a section of %d events", ErrBody, s.Rows)
	}
	r := NewReader(shapes)
	r.Read(s.Events, 0)
	rows := 0
	for row := r.Next(); row != nil; row = r.Next() {
		if row.Seq >= uint64(len(seen)) || seen[row.Seq] || rows > 0 && row.Seq < uint64(s.Last) {
			return fmt.Errorf("%w: number %d of %d events is too high, or comes again or too late", ErrBody, row.Seq, len(seen))
		}
		if DayOf(row.Ingested) != s.Day {
			return fmt.Errorf("%w: an event of day %d on day %d", ErrBody, DayOf(row.Ingested), s.Day)
		}
		seen[row.Seq] = true
		if rows == 0 {
			s.First, s.MinTime, s.MaxTime = int(row.Seq), row.Time, row.Time
		}
		s.MinTime, s.MaxTime = min(s.MinTime, row.Time), max(s.MaxTime, row.Time)
		s.Last = int(row.Seq)
		rows++
	}
	if rows != s.Rows || r.Err() != nil {
		return fmt.Errorf("%w: %d of %d events of a section can be read", ErrBody, rows, s.Rows)
	}
	s.Shapes, s.Names = r.Definitions(), r.OwnNames()
	return nil
}
