package wal

import (
	"fmt"
	"iter"
	"strings"
	"sync"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/column"
)

// maxShapeBytes bounds the definitions that Shapes keeps. A shape takes about three
// times the bytes of its definition.
const maxShapeBytes = 4 << 20

// Shapes keeps one *column.Shape for each shape that was read lately, so that frames
// share them. It may be used by many at once.
type Shapes struct {
	mu    sync.RWMutex
	known map[string]*column.Shape
	bytes int // of definitions
	names *column.Names
}

// maxNameBytes bounds the names of events' own fields that Shapes keeps.
const maxNameBytes = 4 << 20

// Names returns the names of events' own fields that were read lately, for more to be
// added to them.
func (s *Shapes) Names() *column.Names {
	s.mu.RLock()
	names := s.names
	s.mu.RUnlock()
	if names != nil && names.Bytes() <= maxNameBytes {
		return names
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.names == nil || s.names.Bytes() > maxNameBytes {
		s.names = column.NewNames()
	}
	return s.names
}

// Of returns the shape with a definition, as it is written in a section. The error wraps
// ErrBody.
func (s *Shapes) Of(definition string) (*column.Shape, error) {
	s.mu.RLock()
	shape := s.known[definition]
	s.mu.RUnlock()
	if shape != nil {
		return shape, nil
	}
	definition = strings.Clone(definition) // or it would keep a whole section
	shape, err := decodeShape(definition)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.known == nil || s.bytes+len(definition) > maxShapeBytes {
		s.known, s.bytes = map[string]*column.Shape{}, 0
	}
	s.known[definition] = shape
	s.bytes += len(definition)
	return shape, nil
}

// NamesIn yields the names in a definition, without keeping it as Shapes.Of does.
func NamesIn(definition string) iter.Seq[string] {
	return func(yield func(string) bool) {
		in := text{data: definition}
		in.string() // the source
		for range in.uvarint() {
			name := in.string()
			if in.bytes(1); in.failed || !yield(name) {
				return
			}
		}
	}
}

func decodeShape(definition string) (*column.Shape, error) {
	in := text{data: definition}
	s := &column.Shape{Source: in.string()}
	n := in.uvarint()
	if n > uint64(len(in.data)/2) {
		return nil, fmt.Errorf("%w: a shape of %d fields", ErrBody, n)
	}
	s.Names = make([]string, n)
	s.Kinds = make([]llama.Kind, n)
	for i := range s.Names {
		s.Names[i] = column.Label(in.string())
		kind := in.bytes(1)
		if in.failed || kind[0] > byte(llama.Object) {
			return nil, fmt.Errorf("%w: a field without a kind", ErrBody)
		}
		s.Kinds[i] = llama.Kind(kind[0])
	}
	if in.failed || in.data != "" {
		return nil, fmt.Errorf("%w: a shape of a wrong length", ErrBody)
	}
	return s, nil
}
