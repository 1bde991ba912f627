package query

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/column"
)

// TestManySlotsSideBySide: a needle can lie over slots that stand side by side in more
// ways than can be tried.
func TestManySlotsSideBySide(t *testing.T) {
	t.Parallel()
	const slots, rows = 60, 40
	rng := rand.New(rand.NewPCG(1, 1))
	values := make([][]string, slots)
	for i := range values {
		for range rows {
			values[i] = append(values[i], strings.Repeat("a", rng.IntN(3)))
		}
	}
	values[slots-1][7] = "ab"
	family := column.Family{Parts: make([]column.Part, slots)}
	for i := range slots {
		family.Parts[i] = column.Part{Is: column.Slots, Slot: column.Slot{Number: int32(i)}}
	}
	for row := range rows {
		family.Rows = append(family.Rows, uint16(row))
	}
	b := &column.Block{
		Len:  rows,
		Load: func(string) (*column.Column, error) { return nil, nil },
		Families: func() (*column.Families, error) {
			return &column.Families{List: []column.Family{family}}, nil
		},
		Values: func(s column.Slot) (*column.Values, int, error) {
			v, err := column.DecodeValues(rows, column.NewEncoder().Append(nil, values[s.Number]))
			return v, 0, err
		},
	}
	q, err := Parse("_msg:~"+strings.Repeat("a", 30)+"b | stats count() n", testNow)
	if err != nil {
		t.Fatal(err)
	}
	src := &Memory{refs: []column.Ref{{
		Stat: &column.Stat{Rows: rows, MaxTime: 1}, Of: held{b},
	}}}
	want := 0
	for row := range rows {
		var text strings.Builder
		for i := range slots {
			text.WriteString(values[i][row])
		}
		if strings.Contains(text.String(), strings.Repeat("a", 30)+"b") {
			want++
		}
	}
	var got Row
	if err := q.Execute(t.Context(), src, RunOptions{}, func(r Row) error { got = r; return nil }); err != nil {
		t.Fatal(err)
	}
	if want != 1 || len(got) != 1 || got[0] != (llama.Field{Name: "n", Value: "1", Kind: llama.Number}) {
		t.Errorf("found %v, want %d", got, want)
	}
}

// TestLinesEndWithTheirContext: who gives up gets no more lines, and the context's
// error.
func TestLinesEndWithTheirContext(t *testing.T) {
	t.Parallel()
	events := make([]llama.Event, 3*memoryRows)
	for i := range events {
		events[i] = event(i%20, "web", "GET /")
		events[i].Seq = uint64(i + 1)
	}
	q, err := Parse("*", testNow)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	rows := 0
	err = q.Lines(ctx, Events(events), RunOptions{Workers: 2}, func(_ []byte, n int) error {
		rows += n
		cancel()
		return nil
	})
	if !errors.Is(err, context.Canceled) || rows == 0 || rows == len(events) {
		t.Errorf("%d rows of %d, %v", rows, len(events), err)
	}
	rows = 0
	err = q.Lines(t.Context(), Events(events), RunOptions{MaxRows: 1500}, func(lines []byte, n int) error {
		rows += n
		if got := strings.Count(string(lines), "\n"); got != n {
			t.Errorf("%d lines are said to be %d", got, n)
		}
		return nil
	})
	if llama.CodeOf(err) != llama.TooLarge || rows != 1500 {
		t.Errorf("%d rows, %v; want 1500 and that there are more", rows, err)
	}
}
