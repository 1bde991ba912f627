package block

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/llama-logs/llama/internal/column"
)

// TestKeysHaveAllWords: whatever a message or a field holds, wherever its template was
// cut, the words in it are among the keys.
func TestKeysHaveAllWords(t *testing.T) {
	t.Parallel()
	e := NewEncoder()
	for seed := range uint64(60) {
		w := newWriters(seed)
		b := NewBuilder("c")
		for life := range 2 {
			rows := w.rows(400)
			for i := range rows {
				row := rows[i]
				row.Values = slices.Clone(row.Values)
				b.Add(&row)
			}
			if err := e.Encode(b, func(Chunk) error { return nil }); err != nil {
				t.Fatal(err)
			}
			keys := slices.Sorted(slices.Values(e.Keys()))
			message, beside := e.Numbers()
			for i := range rows {
				texts := []string{rows[i].Message, rows[i].Shape.Source}
				for k, name := range rows[i].Shape.Names {
					if !slices.Contains(rows[i].Shape.Names[k+1:], name) { // of a name that is there twice the last counts
						texts = append(texts, rows[i].Values[k])
					}
				}
				for k, text := range texts {
					for _, key := range column.AppendKeys(nil, text) {
						_, found := slices.BinarySearch(keys, key)
						if n, ok := column.ShortNumber(key); ok {
							found = column.HasNumber(message, n) || k > 0 && column.HasNumber(beside, n)
						}
						if !found {
							t.Fatalf("seed %d, block %d: a word of %.200q has no key", seed, life, text)
						}
					}
				}
			}
			b.Reset()
		}
	}
}

func TestTooManyWordsHaveNoKeys(t *testing.T) {
	t.Parallel()
	b := NewBuilder("c")
	shape := &column.Shape{}
	for i := range 100 {
		var message strings.Builder
		for k := range 1000 {
			fmt.Fprintf(&message, "x%dy%d ", i, k)
		}
		b.Add(&column.Row{Seq: uint64(i + 1), Message: message.String(), Shape: shape})
	}
	e := NewEncoder()
	if err := e.Encode(b, func(Chunk) error { return nil }); err != nil {
		t.Fatal(err)
	}
	if keys := e.Keys(); keys != nil {
		t.Errorf("%d keys, want none: they do not have all", len(keys))
	}
	if message, beside := e.Numbers(); message != nil || beside != nil {
		t.Errorf("%d and %d bytes of numbers, want none: they do not have all", len(message), len(beside))
	}
}
