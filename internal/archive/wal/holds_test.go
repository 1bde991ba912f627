package wal

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/llama-logs/llama"
)

// TestSectionsHoldTheirTexts: each part of a message, source or value of an event is in its
// section as it is, also where the section shares a shape, and where values are as before.
func TestSectionsHoldTheirTexts(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		f := encode(t, llama.Position{}, events(t))
		r := NewReader(&Shapes{})
		for i := range f.Sections {
			s := &f.Sections[i]
			if rapid.Bool().Draw(t, "share") && len(s.Shapes) > 0 {
				s.Share(strings.Clone(s.Shapes[0]))
			}
			if s.Holds("in no event") {
				t.Fatal("it holds what no event has")
			}
			r.Read(s.Events, 1)
			for row := r.Next(); row != nil; row = r.Next() {
				for _, text := range append([]string{row.Message, row.Shape.Source}, row.Values...) {
					from := rapid.IntRange(0, len(text)).Draw(t, "from")
					if part := text[from:rapid.IntRange(from, len(text)).Draw(t, "to")]; !s.Holds(part) {
						t.Fatalf("event %d has %q, and its section does not", row.Seq, part)
					}
				}
			}
			if r.Err() != nil {
				t.Fatal(r.Err())
			}
		}
	})
}
