package query

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/column"
)

// A shelf keeps what is computed over segments, as the archive does.
type shelf struct {
	mu    sync.Mutex
	kept  map[string][][]byte
	made  map[string]any
	found int
	again int // found with what was made of it
	reads int // of blocks
	looks int // into filters
}

// onShelf makes segments of some blocks each of the blocks of m; the last blocks belong
// to none.
func (s *shelf) onShelf(m *Memory, blocks int) *Memory {
	out := &Memory{}
	for i := 0; i < len(m.refs); i += blocks {
		refs := m.refs[i:min(i+blocks, len(m.refs))]
		sealed := &column.Sealed{Blocks: len(refs), MinTime: maxTime, MaxTime: minTime}
		for _, ref := range refs {
			sealed.MinTime, sealed.MaxTime = min(sealed.MinTime, ref.MinTime), max(sealed.MaxTime, ref.MaxTime)
		}
		place := string(rune('a' + i))
		sealed.Find = func(name string) ([][]byte, any) {
			s.mu.Lock()
			defer s.mu.Unlock()
			parts, made := s.kept[place+name], s.made[place+name]
			if parts != nil {
				s.found++
			}
			if made != nil {
				s.again++
			}
			return parts, made
		}
		sealed.Remember = func(name string, _ [][]byte, made any, _ int) {
			s.mu.Lock()
			defer s.mu.Unlock()
			if s.made != nil {
				s.made[place+name] = made
			}
		}
		sealed.Keep = func(name string, parts [][]byte) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.kept[place+name] = parts
			delete(s.made, place+name)
		}
		for _, ref := range refs {
			block := ref
			of := made{read: func(ctx context.Context) (*column.Block, error) {
				s.mu.Lock()
				s.reads++
				s.mu.Unlock()
				return block.Read(ctx)
			}}
			if i+blocks < len(m.refs) {
				ref.Sealed = sealed
				of.filter = func() column.Filter {
					s.mu.Lock()
					s.looks++
					s.mu.Unlock()
					return filterOf(block)
				}
			}
			ref.Of = of
			out.refs = append(out.refs, ref)
		}
	}
	return out
}

// filterOf makes the filter of a block, as one of a segment has it; nil if it cannot be
// read.
func filterOf(ref column.Ref) column.Filter {
	b, err := ref.Read(context.Background())
	if err != nil {
		return nil
	}
	events, err := b.Events(nil, 0, b.Rows())
	if err != nil {
		return nil
	}
	var keys []uint64
	for _, e := range events {
		keys = column.AppendKeys(column.AppendKeys(keys, e.Message), e.Source)
		for _, f := range e.Fields {
			keys = column.AppendKeys(keys, f.Value)
		}
	}
	slices.Sort(keys)
	return keysOnly(keys)
}

// smallBlocks makes blocks of few events each, oldest first.
func smallBlocks(events []llama.Event) *Memory {
	m := &Memory{}
	for len(events) > 0 {
		n := 1
		for n < len(events) && n < 4 && events[n].Collection == events[0].Collection {
			n++
		}
		m.refs = append(m.refs, Events(events[:n]).refs...)
		events = events[n:]
	}
	return m
}

var keptPipes = []string{
	" | stats count() n", " | stats by (user.name) count() n, sum(took) s, avg(took) a, min(took) i, max(took) x",
	" | stats by (_time:3m, host) count() n, quantile(0.5, took) q, median(status) m", " | top 3 by (status)", " | uniq by (user.name, status) with hits",
	" | stats count_uniq(user.name) u, uniq_values(host) v, count_uniq_hash(status) h", " | field_names", " | facets", " | field_values status",
	" | stats by rollup (host, status) count() n, rate() r", " | stats rate() r, rate_sum(took) s", " | stats by (host) values(took) v, json_values(status) limit 2 as j",
	" | stats row_any(_id) a, row_min(took, _id) b, row_max(took, _id) c", " | stats by (host) histogram(took) h, count() if (status:1) one",
	" | extract \"<a>-<b>\" from _msg | stats by (a) count() n", " | stats by (status) count() n | sort by (n desc) limit 2 | math n * 2 as m",
	" | stats by (host) count() if (_time:<5m) n", " | math now() as x | stats by (x) count() n", " | filter user.name:in(took:>1 | fields user.name) | stats count() n",
	" | stats by (status) count() n, count(took) m | sort by (m desc, status) limit 1", " | stats by (status) count() n | sort by (n) offset 1 limit 1",
	" | stats by (took) count() n | sort by (n desc) limit 2", " | stats by rollup (status) count() n | sort by (n desc) limit 2",
	" | stats by (host) quantile(0.9, took, status) q, quantile(0, _msg) z, median(took) m", " | limit 5", " | fields _time, _id", " | sort by (took) limit 3",
}

// TestKeptAnswersAsComputed asks at random, over random time ranges and again and again,
// with states that are kept, lost, spoiled, cut up and put together, and compares with
// what is computed without.
func TestKeptAnswersAsComputed(t *testing.T) {
	t.Parallel()
	found, again := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		events := modelEvents(t)
		plain := smallBlocks(events)
		s := &shelf{kept: map[string][][]byte{}, made: map[string]any{}}
		shelved := s.onShelf(plain, rapid.IntRange(1, 4).Draw(t, "blocks"))
		filter := drawFilter(t, 2).text
		var asked []string
		for range rapid.IntRange(2, 6).Draw(t, "asked") {
			text := filter + rapid.SampledFrom(keptPipes).Draw(t, "pipes")
			switch rapid.IntRange(0, 3).Draw(t, "range") {
			case 0:
				text = "_time:<1h " + text
			case 1:
				text = "_time:[2026-11-20T00:05:00Z, 2026-11-20T00:15:00Z] " + text
			case 2:
				text = "(_time:<1h or host:web) " + text
			}
			if len(asked) > 0 && rapid.Bool().Draw(t, "again") {
				text = rapid.SampledFrom(asked).Draw(t, "which")
			}
			asked = append(asked, text)
			now := testNow.Add(time.Duration(rapid.IntRange(0, 2).Draw(t, "later")) * time.Second)
			q, err := Parse(text, now)
			if err != nil {
				t.Fatalf("%s: %v", text, err)
			}
			want, wantErr := answerOf(t, q, plain)
			got, err := answerOf(t, q, shelved)
			if diff := cmp.Diff(want, got); diff != "" || (err == nil) != (wantErr == nil) {
				t.Fatalf("%s: computed -, kept +, errors %v, %v\n%s", q, wantErr, err, diff)
			}
			s.disturb(rapid.Uint64().Draw(t, "seed"))
		}
		found += s.found
		again += s.again
	})
	t.Log(found, "answers were taken from what was kept,", again, "with what was made of it")
	if found == 0 || again == 0 {
		t.Error("nothing that was kept, or made of it, was ever used")
	}
}

// disturb loses some of what is kept, spoils some and cuts some into empty parts.
func (s *shelf) disturb(seed uint64) {
	rng := rand.New(rand.NewPCG(seed, 3))
	for name, parts := range s.kept {
		switch rng.IntN(12) {
		case 0:
			delete(s.kept, name)
		case 1:
			s.kept[name] = [][]byte{{frameVersion, 0xff, 1}}
		case 2:
			for range 2 * keepParts {
				parts = append(parts, []byte{})
			}
			s.kept[name] = parts
		}
	}
}

func answerOf(t *rapid.T, q *Query, src *Memory) (rows []string, err error) {
	err = q.Execute(t.Context(), src, RunOptions{NodeID: "n", Workers: 2}, func(r Row) error {
		rows = append(rows, string(llama.AppendFlat(nil, r)))
		return nil
	})
	return rows, err
}

// TestKeptReadsNothingAgain counts the blocks that are read.
func TestKeptReadsNothingAgain(t *testing.T) {
	t.Parallel()
	var events []llama.Event
	for i := range 40 {
		events = append(events, event(i, "web", strings.Repeat("word ", i%3)))
	}
	s := &shelf{kept: map[string][][]byte{}}
	src := s.onShelf(smallBlocks(events), 3)
	read := func(text string) int {
		t.Helper()
		before := s.reads
		q, err := Parse(text, testNow)
		if err != nil {
			t.Fatal(err)
		}
		if err := q.Execute(t.Context(), src, RunOptions{NodeID: "n"}, func(Row) error { return nil }); err != nil {
			t.Fatal(err)
		}
		return s.reads - before
	}
	tests := []struct {
		text string
		want int
	}{
		{"word | stats count() n", 10},
		{"word | stats count() n", 1}, // in no segment
		{"_time:[2026-11-20T00:00:00Z, 2026-11-21] word | stats count() n", 1},
		{"_time:<100y word | stats count() as n", 1},
		{"word | stats count() m", 10}, // another name, another answer
		{"word | stats by (_msg) count() n", 10},
		{"options(skip_damaged=true) word | stats count() n", 10},
	}
	for _, tt := range tests {
		if got := read(tt.text); got != tt.want {
			t.Errorf("%s: %d blocks were read, want %d", tt.text, got, tt.want)
		}
	}
}

// TestKeptNothingIsNotLookedForAgain: who asks again for what is in no block of a segment
// does not look into filters again, as long as that is remembered.
func TestKeptNothingIsNotLookedForAgain(t *testing.T) {
	t.Parallel()
	events := make([]llama.Event, 40)
	for i := range events {
		events[i] = event(i, "web", "word")
	}
	s := &shelf{kept: map[string][][]byte{}, made: map[string]any{}}
	src := s.onShelf(smallBlocks(events), 3)
	q := mustParse(t, "absent | stats count() n")
	for i, looks := range []bool{true, false, true} {
		if i == 2 {
			clear(s.made)
		}
		before, rows := s.looks, 0
		if err := q.Execute(t.Context(), src, RunOptions{NodeID: "n", Workers: 1}, func(Row) error { rows++; return nil }); err != nil || rows != 1 {
			t.Fatalf("time %d: %d rows, %v", i, rows, err)
		}
		if got := s.looks - before; got > 0 != looks || len(s.kept) != 0 {
			t.Errorf("time %d: %d filters were asked for, want some %t; %d answers are kept", i, got, looks, len(s.kept))
		}
	}
}

// TestStatesTooLargeToKeepAreCounted: the memory of states that are not kept, as they are
// too large, is that of the answer.
func TestStatesTooLargeToKeepAreCounted(t *testing.T) {
	t.Parallel()
	events := make([]llama.Event, 30_000)
	for i := range events {
		events[i] = event(i, "web", fmt.Sprintf("%020d", i))
	}
	for _, tt := range []struct {
		max  int64
		want llama.Code
	}{{2 << 20, llama.TooLarge}, {3 << 20, ""}} {
		s := &shelf{kept: map[string][][]byte{}}
		src := s.onShelf(smallBlocks(events), 5000)
		got := ""
		err := mustParse(t, "* | stats count_uniq(_msg) n").Execute(t.Context(), src, RunOptions{NodeID: "n", Workers: 1, MaxMemory: tt.max}, func(r Row) error {
			got = string(llama.AppendFlat(nil, r))
			return nil
		})
		if llama.CodeOf(err) != tt.want || err == nil && got != `{"n":30000}` {
			t.Errorf("with %d MiB: %s, error %v", tt.max>>20, got, err)
		}
	}
}

// TestTimeBucketsFarApart has times whose distance is beyond 64 bits.
func TestTimeBucketsFarApart(t *testing.T) {
	t.Parallel()
	events := []llama.Event{{Time: -6 << 60, Seq: 1, Collection: "c"}, {Time: 6 << 60, Seq: 2, Collection: "c"}}
	got := 0
	err := mustParse(t, "* | stats by (_time:1y) count() n").Execute(t.Context(), Events(events), RunOptions{}, func(Row) error { got++; return nil })
	if err != nil || got != 2 {
		t.Errorf("%d buckets, error %v, want 2", got, err)
	}
}
