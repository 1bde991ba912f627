package query

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/column"
)

// withDamage is a source of ten blocks, of which the fourth has a column that cannot be
// read, and the seventh nothing that can.
func withDamage() *Memory {
	m := manyBlocks(10, func(int, string) {})
	inner := m.refs[3].Of
	m.refs[3].Of = made{read: func(ctx context.Context) (*column.Block, error) {
		b, err := inner.Read(ctx, 0)
		if err != nil {
			return nil, err
		}
		copied := *b
		copied.Load = func(name string) (*column.Column, error) {
			if name == "user" {
				return nil, fmt.Errorf("file f, byte 7: %w", column.ErrDamaged)
			}
			return b.Load(name)
		}
		return &copied, nil
	}}
	m.refs[6].Of = made{read: func(context.Context) (*column.Block, error) {
		return nil, fmt.Errorf("file g, byte 0: %w", column.ErrDamaged)
	}}
	return m
}

// TestDamageIsToldOrSkipped: a query that meets damage fails and says where; one that
// says so leaves out the blocks that have it, wholly, and says how many.
func TestDamageIsToldOrSkipped(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"*", "user:*", "* | stats by (user) count() n", "user:u7", "* | sort by (user)", "* | uniq by (user)"} {
		for name, run := range map[string]func(*Query, func(Row) error) error{
			"whole": func(q *Query, emit func(Row) error) error {
				return q.Execute(t.Context(), withDamage(), RunOptions{}, emit)
			},
			"lines": func(q *Query, emit func(Row) error) error {
				return q.Lines(t.Context(), withDamage(), RunOptions{}, func(_ []byte, rows int) error {
					for range rows {
						if err := emit(nil); err != nil {
							return err
						}
					}
					return nil
				})
			},
			"node": func(q *Query, emit func(Row) error) error {
				return q.Partial(t.Context(), withDamage(), RunOptions{}, func(Frame) error { return nil })
			},
		} {
			err := run(mustParse(t, text), func(Row) error { return nil })
			e, ok := errors.AsType[*llama.Error](err)
			if !ok || e.Code != llama.Unavailable || errors.Is(err, ErrSkipped) ||
				!strings.Contains(e.Message, "byte ") || !strings.Contains(e.Message, "options(skip_damaged=true)") {
				t.Errorf("%s, %s: %v", text, name, err)
			}
			rows := 0
			err = run(mustParse(t, "options(skip_damaged=true) "+text), func(Row) error { rows++; return nil })
			e, ok = errors.AsType[*llama.Error](err)
			if !ok || !errors.Is(err, ErrSkipped) || !strings.Contains(e.Message, "left out: 2, with 200 events or more; the first: file") {
				t.Errorf("%s, %s: with damage skipped: %v", text, name, err)
			}
			want := map[string]int{"*": 800, "user:*": 800, "user:u7": 8, "* | sort by (user)": 800}[text]
			if want == 0 {
				want = 100
			}
			if name != "node" && rows != want {
				t.Errorf("%s: %d rows, want %d", text, rows, want)
			}
		}
	}
	q := mustParse(t, "options(skip_damaged=true) *")
	if err := q.Execute(t.Context(), manyBlocks(3, func(int, string) {}), RunOptions{}, func(Row) error { return nil }); err != nil {
		t.Errorf("without damage: %v", err)
	}
	if text := q.WithLimit(3).String(); text != "options(skip_damaged=true) * | limit 3" {
		t.Errorf("normal form %q", text)
	}
	for text, want := range map[string]string{
		"options(skip_damage=true) *":    "column 9: unknown option \"skip_damage\"",
		"options(skip_damaged=maybe) *":  "column 22: unexpected \"maybe\"; expected true or false",
		"options(skip_damaged=true *":    "column 27",
		"options(skip_damaged=true)":     "column 27",
		"options(skip_damaged=false) * ": "",
	} {
		if _, err := Parse(text, testNow); err == nil && want != "" || err != nil && (want == "" || !strings.HasPrefix(err.Error(), want)) {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
}

// TestDamageWithinIsTold: a query within leaves out what is damaged as the one that it is
// in does, and the answer says so.
func TestDamageWithinIsTold(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int{
		"options(skip_damaged=true) _collection:=none | union (user:u7)":                                     8,
		"options(skip_damaged=true) _collection:=none | stats count() n | union (user:u7 | stats count() n)": 2,
		"options(skip_damaged=true) _collection:=none user:in(user:u7 | fields user)":                        0,
		"_collection:=none | stats count() n | union (options(skip_damaged=true) user:u7 | fields user)":     9,
	} {
		q, rows := mustParse(t, text), 0
		err := q.Execute(t.Context(), withDamage(), RunOptions{}, func(Row) error { rows++; return nil })
		if !errors.Is(err, ErrSkipped) || rows != want {
			t.Errorf("%s: %d rows, %v; want %d", text, rows, err, want)
		}
		if err := q.Partial(t.Context(), withDamage(), RunOptions{}, func(Frame) error { return nil }); !errors.Is(err, ErrSkipped) {
			t.Errorf("%s on a node: %v", text, err)
		}
	}
	if err := mustParse(t, "* | limit 1 | union (user:u7)").Execute(t.Context(), withDamage(), RunOptions{}, func(Row) error { return nil }); err == nil || errors.Is(err, ErrSkipped) {
		t.Errorf("damage that is not to be skipped: %v", err)
	}
}
