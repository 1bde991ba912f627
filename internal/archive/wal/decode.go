package wal

import (
	"errors"
	"fmt"

	"github.com/llama-logs/llama"
)

// ErrBody says that bytes are not the body of a frame.
var ErrBody = errors.New("damaged frame body")

// A Shape is what events of one kind have in common.
type Shape struct {
	Collection string
	Source     string
	Names      []string
	Kinds      []llama.Kind
	Number     int // within the frame, from 0
}

// A Row is an event as it is read from a frame. Its strings share the body.
type Row struct {
	Shape    *Shape
	Time     llama.Time
	Ingested llama.Time
	Message  string
	Values   []string // one for each name of the shape; reused by the next row
}

// A Reader reads the body of a frame, event by event.
type Reader struct {
	data     string
	failed   bool
	position llama.Position
	shapes   []*Shape
	row      Row
}

// Read begins to read a body.
func Read(body string) *Reader {
	r := &Reader{data: body}
	r.position.Source = r.string()
	if r.position.Named() {
		r.position.Epoch = r.string()
		r.position.First = r.uvarint()
		r.position.Last = r.uvarint()
	}
	return r
}

// Position returns the position of the batch.
func (r *Reader) Position() llama.Position { return r.position }

// Next returns the next event, or nil at the end or at damage. The row is good
// until the call after.
func (r *Reader) Next() *Row {
	if len(r.data) == 0 {
		return nil
	}
	row := &r.row
	switch n := r.uvarint(); {
	case n == 0:
		row.Shape = r.shape()
	case n <= uint64(len(r.shapes)):
		row.Shape = r.shapes[n-1]
	default:
		r.fail()
	}
	if r.failed {
		return nil
	}
	row.Time += llama.Time(r.varint())
	row.Ingested += llama.Time(r.varint())
	row.Message = r.string()
	row.Values = row.Values[:0]
	for range row.Shape.Names {
		row.Values = append(row.Values, r.string())
	}
	if r.failed {
		return nil
	}
	return row
}

// Err returns an error that wraps ErrBody when Next stopped at damage.
func (r *Reader) Err() error {
	if r.failed {
		return fmt.Errorf("%w: wrong length or number", ErrBody)
	}
	return nil
}

func (r *Reader) fail() { r.data, r.failed = "", true }

func (r *Reader) shape() *Shape {
	s := &Shape{Collection: r.string(), Source: r.string(), Number: len(r.shapes)}
	n := r.uvarint()
	if n > uint64(len(r.data)/2) {
		r.fail()
		return nil
	}
	s.Names = make([]string, n)
	s.Kinds = make([]llama.Kind, n)
	for i := range s.Names {
		s.Names[i] = r.string()
		s.Kinds[i] = r.kind()
	}
	r.shapes = append(r.shapes, s)
	return s
}

func (r *Reader) kind() llama.Kind {
	if len(r.data) == 0 || r.data[0] > byte(llama.Object) {
		r.fail()
		return 0
	}
	kind := llama.Kind(r.data[0])
	r.data = r.data[1:]
	return kind
}

func (r *Reader) string() string {
	n := r.uvarint()
	if n > uint64(len(r.data)) {
		r.fail()
		return ""
	}
	s := r.data[:n]
	r.data = r.data[n:]
	return s
}

// uvarint is binary.Uvarint for strings.
func (r *Reader) uvarint() uint64 {
	var v uint64
	for i := 0; i < len(r.data) && i < 10; i++ {
		b := r.data[i]
		if i == 9 && b > 1 {
			break
		}
		v |= uint64(b&0x7f) << (7 * i)
		if b < 0x80 {
			r.data = r.data[i+1:]
			return v
		}
	}
	r.fail()
	return 0
}

func (r *Reader) varint() int64 {
	u := r.uvarint()
	return int64(u>>1) ^ -int64(u&1)
}
