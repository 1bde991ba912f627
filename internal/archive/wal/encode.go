package wal

import (
	"cmp"
	"encoding/binary"
	"math/bits"
	"slices"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/column"
	"github.com/llama-logs/llama/internal/turns"
)

const (
	// MaxBody is the most bytes the events of one batch may take.
	MaxBody = 64 << 20
	// MaxRows and maxCells bound a section, and so what is read of it at once: its
	// rows, and rows times the names in it, if it has more than one row. Events that all
	// have names of their own make more sections.
	MaxRows  = 4096
	maxCells = 1 << 20
)

// An Encoder makes the frame of a batch, whose events it is given in runs: so they can be
// encoded as soon as they are made, while they are near. It can be used again and again,
// by one goroutine at a time.
type Encoder struct {
	// Plain has large frames not be compressed, see Log.Quick. It is set before Frame.
	Plain bool

	open   []*sectionWriter // of all collections and days of the batch, as their first events were added
	byKey  map[bucketKey]int
	last   *sectionWriter // that the event before went to
	ended  []Section
	bytes  int // of all events so far
	turns  turns.Turns
	kinds  [turns.Max]uint8 // of the events that take turns
	wideOf int              // see the constant; tests have less

	spare  []*sectionWriter
	body   []byte
	packed []byte
}

const (
	// fewBuckets are looked through without a map.
	fewBuckets = 16
	// maxOpen bounds the sections that are written at once. A writer takes some KiB.
	maxOpen = 512
)

// Encode makes the frame of a batch. What it returns shares memory with the Encoder
// only until it was written. A batch that cannot be stored is refused with a
// *llama.Error.
func (e *Encoder) Encode(p llama.Position, events []llama.Event) (*Frame, error) {
	if err := e.Add(events, 0, nil); err != nil {
		e.Reset()
		return nil, err
	}
	return e.Frame(p, len(events))
}

// Add adds events, of which the first has a number in the frame, from 0 and growing. The
// events are the caller's again when it returns. Where layouts are known there is one for each
// event or nil. After an error, which is a *llama.Error, the Encoder has to be reset.
func (e *Encoder) Add(events []llama.Event, first int, layouts []*column.Layout) error {
	for len(events) > 0 {
		n := min(len(events), turns.Max)
		for i := range n {
			e.kinds[i] = kindOf(events[i].Collection)
		}
		for _, i := range e.turns.Of(e.kinds[:n]) {
			var layout *column.Layout
			if int(i) < len(layouts) {
				layout = layouts[i]
			}
			if err := e.add(&events[i], first+int(i), layout); err != nil {
				return err
			}
		}
		events, first, layouts = events[n:], first+n, layouts[min(n, len(layouts)):]
	}
	return nil
}

// kindOf returns a number that events of a collection share, and mostly no others do. They
// are added one after another, so that their shapes stay near.
func kindOf(collection string) uint8 {
	n := len(collection)
	if n == 0 {
		return 0
	}
	return uint8(n)*5 + collection[n-1]*11 + collection[n/2]*23
}

// add adds the event numbered at.
func (e *Encoder) add(ev *llama.Event, at int, layout *column.Layout) error {
	w := e.writer(ev)
	if w.full(ev) {
		e.ended = append(e.ended, w.end())
		w.begin()
	}
	before := len(w.body)
	if err := w.add(ev, at, layout); err != nil {
		return err
	}
	if e.bytes += len(w.body) - before; e.bytes > MaxBody {
		return TooLarge(e.bytes)
	}
	return nil
}

// Frame returns the frame of the events that were added, so many of them, to the Encoder
// and then to others, which have the numbers behind. It resets all of them. What it
// returns shares memory with the Encoder only until it was written.
func (e *Encoder) Frame(p llama.Position, events int, others ...*Encoder) (*Frame, error) {
	f := &Frame{Events: events, Position: p}
	e.collect(f)
	for _, other := range others {
		other.collect(f)
	}
	e.body = appendPosition(slices.Grow(e.body[:0], bodyAt)[:bodyAt], p)
	for i := range f.Sections {
		e.body = f.Sections[i].append(e.body)
	}
	if size := len(e.body) - bodyAt; size > MaxBody {
		return nil, TooLarge(size)
	}
	e.packed = f.pack(e.packed, e.body, !e.Plain)
	return f, nil
}

// collect moves the sections to a frame.
func (e *Encoder) collect(f *Frame) {
	e.endAll()
	f.Sections = append(f.Sections, e.ended...)
	e.Reset()
}

// endAll ends all sections. Events that come behind make others.
func (e *Encoder) endAll() {
	for _, w := range e.open {
		e.ended = append(e.ended, w.end())
	}
	e.close()
}

// close has the writers in use be spare ones.
func (e *Encoder) close() {
	for _, w := range e.open {
		w.forget()
	}
	e.spare = append(e.spare, e.open...)
	clear(e.open)
	clear(e.byKey)
	e.open, e.last = e.open[:0], nil
}

// Reset forgets all events.
func (e *Encoder) Reset() {
	e.close()
	clear(e.ended)
	e.ended, e.bytes = e.ended[:0], 0
}

// Size returns about how much memory the Encoder keeps.
func (e *Encoder) Size() int {
	size := cap(e.body) + cap(e.packed)
	for _, w := range e.spare {
		size += cap(w.body) + bytesOfField*cap(w.room)
	}
	return size
}

// writer returns the writer of the section that an event belongs to.
func (e *Encoder) writer(ev *llama.Event) *sectionWriter {
	day := DayOf(ev.Ingested)
	if w := e.last; w != nil && w.day == day && same(w.collection, ev.Collection) {
		return w
	}
	e.last = e.find(bucketKey{ev.Collection, day})
	return e.last
}

func (e *Encoder) find(key bucketKey) *sectionWriter {
	if len(e.open) <= fewBuckets {
		for _, w := range e.open {
			if w.day == key.day && same(w.collection, key.collection) {
				return w
			}
		}
	} else if i, ok := e.byKey[key]; ok {
		return e.open[i]
	}
	if len(e.open) == maxOpen {
		e.endAll()
	}
	w := e.spareWriter(key.collection)
	w.bucketKey = key
	e.open = append(e.open, w)
	if n := len(e.open); n > fewBuckets {
		if e.byKey == nil {
			e.byKey = map[bucketKey]int{}
		}
		for i := len(e.byKey); i < n; i++ {
			e.byKey[e.open[i].bucketKey] = i
		}
	}
	return w
}

// spareWriter returns a writer that is not in use, if there is one then that of the
// collection the last time, which knows something of its events.
func (e *Encoder) spareWriter(collection string) *sectionWriter {
	n := len(e.spare)
	if n == 0 {
		return newSectionWriter(cmp.Or(e.wideOf, wideOf))
	}
	i := max(0, slices.IndexFunc(e.spare, func(w *sectionWriter) bool { return same(w.width.collection, collection) }))
	w := e.spare[i]
	e.spare[i], e.spare[n-1] = e.spare[n-1], nil
	e.spare = e.spare[:n-1]
	return w
}

func appendPosition(dst []byte, p llama.Position) []byte {
	dst = appendString(dst, p.Source)
	if p.Named() {
		dst = appendString(dst, p.Epoch)
		dst = binary.AppendUvarint(dst, p.First)
		dst = binary.AppendUvarint(dst, p.Last)
	}
	return dst
}

// TooLarge refuses a batch of so many bytes or more.
func TooLarge(bytes int) error {
	return llama.Errorf(llama.TooLarge, "a batch of %d MiB; at most %d MiB are taken at once", bytes>>20, MaxBody>>20)
}

func appendString(dst []byte, s string) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(s)))
	return append(dst, s...)
}

func uvarintLen(n int) int { return (bits.Len64(uint64(n)|1) + 6) / 7 }
