package wal

import (
	"encoding/binary"

	"github.com/llama-logs/llama"
)

// Bounds of what is decoded.
const (
	// MaxBody is the most bytes the events of one batch may take.
	MaxBody = 64 << 20
	// maxShapes bounds the shapes an Encoder looks among; a batch may have more,
	// which are then written out again.
	maxShapes = 4096
)

// An Encoder writes the body of a frame. It can be used again and again, by one
// goroutine at a time.
//
// Events of one kind have the same collection, source and names of fields; that is
// their shape, and is written once a batch.
type Encoder struct {
	shapes []*llama.Event // the first event of each shape
	byHash map[uint64]int
	last   int // shape of the event before, from 1
}

// Append appends the body for events and their position to dst.
func (e *Encoder) Append(dst []byte, p llama.Position, events []llama.Event) []byte {
	defer e.forget()
	dst = appendString(dst, p.Source)
	if p.Named() {
		dst = appendString(dst, p.Epoch)
		dst = binary.AppendUvarint(dst, p.First)
		dst = binary.AppendUvarint(dst, p.Last)
	}
	var time, ingested llama.Time
	for i := range events {
		ev := &events[i]
		n, known := e.shape(ev)
		if known {
			dst = binary.AppendUvarint(dst, uint64(n))
		} else {
			dst = appendShape(append(dst, 0), ev)
		}
		dst = binary.AppendVarint(dst, int64(ev.Time-time))
		dst = binary.AppendVarint(dst, int64(ev.Ingested-ingested))
		time, ingested = ev.Time, ev.Ingested
		dst = appendString(dst, ev.Message)
		for j := range ev.Fields {
			dst = appendString(dst, ev.Fields[j].Value)
		}
	}
	return dst
}

// forget drops the batch.
func (e *Encoder) forget() {
	clear(e.shapes)
	e.shapes = e.shapes[:0]
	clear(e.byHash)
	e.last = 0
}

// shape returns the number of the event's shape, from 1, or adds it.
func (e *Encoder) shape(ev *llama.Event) (n int, known bool) {
	if e.last > 0 && sameShape(e.shapes[e.last-1], ev) {
		return e.last, true
	}
	hash := hashShape(ev)
	if n, known = e.byHash[hash]; known && sameShape(e.shapes[n-1], ev) {
		e.last = n
		return n, true
	}
	if e.byHash == nil {
		e.byHash = map[uint64]int{}
	}
	e.shapes = append(e.shapes, ev)
	e.last = len(e.shapes)
	if e.last <= maxShapes {
		e.byHash[hash] = e.last
	}
	return e.last, false
}

func sameShape(a, b *llama.Event) bool {
	if len(a.Fields) != len(b.Fields) || a.Collection != b.Collection || a.Source != b.Source {
		return false
	}
	for i := range a.Fields {
		if a.Fields[i].Kind != b.Fields[i].Kind || a.Fields[i].Name != b.Fields[i].Name {
			return false
		}
	}
	return true
}

// hashShape mixes what is quick to look at; shapes that only differ elsewhere are
// written out each time they take turns, which is right, if longer.
func hashShape(e *llama.Event) uint64 {
	h := mix(mix(uint64(len(e.Fields)), e.Collection), e.Source)
	for i := range e.Fields {
		h = mix(h+uint64(e.Fields[i].Kind), e.Fields[i].Name)
	}
	return h
}

func mix(h uint64, s string) uint64 {
	const prime = 0x100000001b3 // of FNV-1a
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * prime
	}
	return (h ^ uint64(len(s))) * prime
}

func appendShape(dst []byte, e *llama.Event) []byte {
	dst = appendString(dst, e.Collection)
	dst = appendString(dst, e.Source)
	dst = binary.AppendUvarint(dst, uint64(len(e.Fields)))
	for i := range e.Fields {
		dst = appendString(dst, e.Fields[i].Name)
		dst = append(dst, byte(e.Fields[i].Kind))
	}
	return dst
}

func appendString(dst []byte, s string) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(s)))
	return append(dst, s...)
}
