package task

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/store"
)

func TestRowsComeBack(t *testing.T) {
	t.Parallel()
	fields := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) llama.Field {
		return llama.Field{Name: rapid.String().Draw(t, "name"), Value: rapid.String().Draw(t, "value"), Kind: llama.Kind(rapid.IntRange(0, int(llama.Object)).Draw(t, "kind"))}
	}), 0, 5)
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.SliceOfN(fields, 0, 5).Draw(t, "rows")
		got, err := decodeRows(encodeRows(want))
		if err != nil {
			t.Fatal(err)
		}
		for i := range want {
			if d := cmp.Diff(want[i], got[i]); d != "" {
				t.Errorf("row %d: -want +got\n%s", i, d)
			}
		}
		if len(got) != len(want) {
			t.Errorf("%d rows became %d", len(want), len(got))
		}
	})
}

func TestPieceRefuses(t *testing.T) {
	t.Parallel()
	last := string(must((&piece{last: true, report: report{State: store.Done}}).encode())(t))
	tests := []struct{ name, data string }{
		{"nothing", ""},
		{"too short", "\x00\x01\x00"},
		{"an unknown flag", "\x04\x01\x00\x00"},
		{"last and more", "\x03\x01\x00\x00"},
		{"a kind that marks pieces", "\x00\x80\x00\x00"},
		{"a report that is not the last", "\x00\x01\x00\x02{}"},
		{"a last without report", "\x02\x01\x00\x00"},
		{"a report cut off", last[:len(last)-1]},
		{"a body behind the report", last + "x"},
		{"a state that is no end", strings.Replace(last, `"done"`, `"next"`, 1)},
	}
	for _, tt := range tests {
		if p, err := decodePiece([]byte(tt.data)); !errors.Is(err, errPiece) {
			t.Errorf("%s: got %+v, %v", tt.name, p, err)
		}
	}
	if _, err := decodePiece([]byte(last)); err != nil {
		t.Error(err)
	}
}

func FuzzRows(f *testing.F) {
	f.Add(encodeRows(nil))
	f.Add(encodeRows([]Row{numbered(1), numbered(2), {}}))
	f.Fuzz(func(t *testing.T, data []byte) {
		rows, err := decodeRows(data)
		if err != nil {
			return
		}
		again, err := decodeRows(encodeRows(rows))
		if d := cmp.Diff(rows, again); d != "" || err != nil {
			t.Errorf("%v\n%s", err, d)
		}
	})
}

// FuzzPlainRows skips the compression, which fuzzing hardly gets through.
func FuzzPlainRows(f *testing.F) {
	f.Add([]byte("\x01\x01n\x01\x01\x00\x01\x011"))
	f.Fuzz(func(t *testing.T, plain []byte) { decodeRows(compress(plain)) })
}

func FuzzPiece(f *testing.F) {
	for _, p := range []piece{{kind: 1, body: []byte("body")}, {more: true}, {last: true, report: report{State: store.Failed, Error: "x"}}} {
		data, err := p.encode()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if p, err := decodePiece(data); err == nil && p.last && !p.report.State.Final() {
			t.Errorf("got %+v", p)
		}
		decodeLines(data)
	})
}

func TestOutboxKeepsAWindow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var sent []uint64
		o := newOutbox(2, time.Second, func(n uint64, _ []byte) { sent = append(sent, n) })
		put := func(p piece) error {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			return o.put(ctx, p)
		}
		for i := range 2 {
			if err := put(piece{}); err != nil {
				t.Fatal(i, err)
			}
		}
		if err := put(piece{}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a third: got %v, want to wait for ever", err)
		}
		if o.ack(5) || o.ack(0) {
			t.Error("over before the end")
		}
		o.ack(1)
		if err := put(piece{}); err != nil {
			t.Error(err)
		}
		if err := put(piece{last: true, report: report{State: store.Done}}); err != nil {
			t.Errorf("the last does not wait: %v", err)
		}
		want := func(numbers ...uint64) {
			t.Helper()
			if d := cmp.Diff(numbers, sent); d != "" {
				t.Errorf("-want +got\n%s", d)
			}
			sent = nil
		}
		want(0, 1, 2, 3)
		o.due(false)
		want()
		time.Sleep(time.Second)
		o.due(false)
		want(1, 2, 3)
		time.Sleep(time.Second)
		o.due(false)
		want()
		time.Sleep(time.Second)
		o.due(false)
		want(1, 2, 3)
		o.due(true)
		want(1, 2, 3)
		o.ack(2)
		time.Sleep(time.Second)
		o.due(false)
		want(2, 3)
		if o.ack(3) || !o.ack(4) {
			t.Error("it is over when all is acknowledged, and no sooner")
		}
	})
}

func TestFair(t *testing.T) {
	t.Parallel()
	var f fair[string]
	for _, v := range []string{"a1", "a2", "a3", "b1", "c1", "b2"} {
		f.push(v[:1], v)
	}
	var got []string
	for v, ok := f.pop(); ok; v, ok = f.pop() {
		got = append(got, v)
		if v == "a1" {
			f.push("d", "d1")
		}
	}
	if d := cmp.Diff([]string{"a1", "b1", "c1", "a2", "d1", "b2", "a3"}, got); d != "" || f.len != 0 {
		t.Errorf("-want +got\n%s", d)
	}
}
