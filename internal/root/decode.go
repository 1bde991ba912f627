package root

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"github.com/llama-logs/llama"
)

// decode reads an event in canonical form, and the shape that its digest is of.
func decode(shape, event []byte) (e llama.Event, err error) {
	digest := sha256.Sum256(shape)
	s := reader{data: shape}
	e.Collection, e.Source = s.string(), s.string()
	e.Fields = make([]llama.Field, s.count(2))
	for i := range e.Fields {
		e.Fields[i].Name = s.string()
		e.Fields[i].Kind = llama.Kind(s.bytes(1)[0])
	}
	r := reader{data: event}
	e.Seq = binary.BigEndian.Uint64(r.bytes(8))
	e.Time = llama.Time(binary.BigEndian.Uint64(r.bytes(8)))
	e.Ingested = llama.Time(binary.BigEndian.Uint64(r.bytes(8)))
	same := bytes.Equal(r.bytes(sha256.Size), digest[:])
	e.Message = r.string()
	for i := range e.Fields {
		e.Fields[i].Value = r.string()
	}
	if s.failed || r.failed || len(s.data) > 0 || len(r.data) > 0 || !same {
		return llama.Event{}, fmt.Errorf("%w: the event and its shape do not belong together", ErrProof)
	}
	return e, nil
}

// A reader takes bytes apart. After the first mistake it only gives zeros.
type reader struct {
	data   []byte
	failed bool
}

var zeros [sha256.Size]byte

// bytes reads n bytes, no more than zeros has if n is constant.
func (r *reader) bytes(n int) []byte {
	if r.failed || n > len(r.data) {
		r.data, r.failed = nil, true
		return zeros[:min(n, len(zeros))]
	}
	b := r.data[:n]
	r.data = r.data[n:]
	return b
}

// count reads a number of things that have at least size bytes each.
func (r *reader) count(size int) int {
	v, n := binary.Uvarint(r.data)
	if n <= 0 || v > uint64((len(r.data)-n)/size) {
		r.data, r.failed = nil, true
		return 0
	}
	r.data = r.data[n:]
	return int(v)
}

func (r *reader) string() string { return string(r.bytes(r.count(1))) }
