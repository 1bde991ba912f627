package query

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/column"
)

// A made is a block that a test makes when it is read, and its filter when it is asked for.
type made struct {
	read   func(context.Context) (*column.Block, error)
	filter func() column.Filter // nil: it has none
}

func (m made) Read(ctx context.Context, _ int) (*column.Block, error) { return m.read(ctx) }
func (m made) Ahead(int)                                              {}

func (m made) Filter(int) column.Filter {
	if m.filter == nil {
		return nil
	}
	return m.filter()
}

// manyBlocks is a source of n blocks of 100 events each, of which read is told.
func manyBlocks(n int, read func(block int, column string)) *Memory {
	m := &Memory{}
	for i := range n {
		var events []llama.Event
		for j := range 100 {
			events = append(events, event(i*100+j, "c", fmt.Sprintf("event %d", j), fmt.Sprintf("user=u%d", j)))
		}
		ref := Events(events).refs[0]
		inner := ref.Of
		ref.Of = made{read: func(ctx context.Context) (*column.Block, error) {
			read(i, "")
			b, err := inner.Read(ctx, 0)
			if err != nil {
				return nil, err
			}
			copied := *b
			copied.Load = func(name string) (*column.Column, error) {
				read(i, name)
				return b.Load(name)
			}
			return &copied, nil
		}}
		m.refs = append(m.refs, ref)
	}
	return m
}

func mustParse(t *testing.T, text string) *Query {
	t.Helper()
	q, err := Parse(text, testNow)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return q
}

func TestLimitReadsTheNewestBlocksOnly(t *testing.T) {
	t.Parallel()
	var blocks []int
	src := manyBlocks(20, func(n int, name string) {
		if name == "" {
			blocks = append(blocks, n)
		}
	})
	rows := 0
	var share float64
	o := RunOptions{Workers: 1, Progress: func(p Progress) { share = p.Share }}
	err := mustParse(t, `event | limit 150`).Execute(context.Background(), src, o, func(Row) error {
		rows++
		return nil
	})
	if err != nil || rows != 150 || share != 1 {
		t.Errorf("%d rows, progress %v, error %v", rows, share, err)
	}
	if diff := cmp.Diff([]int{19, 18}, blocks); diff != "" {
		t.Errorf("blocks read: want -, got +\n%s", diff)
	}
}

func TestColumnsAreDecodedOnDemand(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][]string{
		`* | stats count() n`:                              nil,
		`_time:2026-11-20 | stats by (_time:1h) count() n`: nil,
		`_collection:=c user:=u1 | stats count() n`:        {"user"},
		`user:=u1 nothing`:                                 {"user", "_msg"},
		`user:=nobody something`:                           {"user"},
		`user:=u1 | fields _time, user`:                    {"user"},
	} {
		var names []string
		src := manyBlocks(1, func(_ int, name string) {
			if name != "" && !slices.Contains(names, name) {
				names = append(names, name)
			}
		})
		if err := mustParse(t, text).Execute(context.Background(), src, RunOptions{Workers: 1}, func(Row) error { return nil }); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, names); diff != "" {
			t.Errorf("%s: columns: want -, got +\n%s", text, diff)
		}
	}
}

func TestBlocksArePruned(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int{
		`_time:<2026-11-20T00:50:00Z | stats count() n`:                        1,
		`(_time:2026-11-20T00:10 or _time:2026-11-20T04:10) | stats count() n`: 3,
		`_collection:=d | stats count() n`:                                     0,
		`!_collection:=c | stats count() n`:                                    0,
		`(_collection:=d or user:=u1) | stats count() n`:                       3,
	} {
		read := 0
		src := manyBlocks(3, func(_ int, name string) {
			if name == "" {
				read++
			}
		})
		if err := mustParse(t, text).Execute(context.Background(), src, RunOptions{Workers: 1}, func(Row) error { return nil }); err != nil {
			t.Fatal(err)
		}
		if read != want {
			t.Errorf("%s: read %d blocks, want %d", text, read, want)
		}
	}
}

func TestRunEndsWithItsContext(t *testing.T) {
	t.Parallel()
	why := errors.New("no longer wanted")
	for _, text := range []string{`*`, `* | stats count() n`, `~"e.*v.*x" | sort by (user)`} {
		ctx, cancel := context.WithCancelCause(context.Background())
		src := manyBlocks(50, func(n int, _ string) {
			if n == 10 {
				cancel(why)
			}
		})
		err := mustParse(t, text).Execute(ctx, src, RunOptions{Workers: 2}, func(Row) error { return nil })
		if !errors.Is(err, why) {
			t.Errorf("%s: got %v, want %v", text, err, why)
		}
	}
}

func TestRunTellsErrorsOfItsParts(t *testing.T) {
	t.Parallel()
	damaged, full := errors.New("damaged"), errors.New("cannot be sent")
	for _, text := range []string{`*`, `* | stats count() n`, `* | sort by (user) limit 3`} {
		src := manyBlocks(5, func(int, string) {})
		err := mustParse(t, text).Execute(context.Background(), src, RunOptions{}, func(Row) error { return full })
		if !errors.Is(err, full) {
			t.Errorf("%s: got %v, want %v", text, err, full)
		}
		src.refs[2].Of = made{read: func(context.Context) (*column.Block, error) { return nil, damaged }}
		err = mustParse(t, text).Execute(context.Background(), src, RunOptions{}, func(Row) error { return nil })
		if !errors.Is(err, damaged) {
			t.Errorf("%s: got %v, want %v", text, err, damaged)
		}
	}
}

func TestBudgets(t *testing.T) {
	t.Parallel()
	src := manyBlocks(30, func(int, string) {})
	for _, text := range []string{
		`* | stats by (_seq) count() n`, `* | stats count_uniq(_seq) n`, `* | stats values(_msg) n`, `* | stats quantile(0.5, _id) n`,
		`* | sort by (user)`, `* | uniq by (_seq)`, `* | stats uniq_values(_id) n`,
	} {
		err := mustParse(t, text).Execute(context.Background(), src, RunOptions{NodeID: "n", MaxMemory: 100 << 10}, func(Row) error { return nil })
		if llama.CodeOf(err) != llama.TooLarge || !strings.Contains(err.Error(), "memory") {
			t.Errorf("%s: got %v", text, err)
		}
	}
	numbers := mustParse(t, `* | stats quantile(0.5, _seq) n`) // which take little memory
	err := numbers.Execute(context.Background(), src, RunOptions{MaxMemory: 30 << 10}, func(Row) error { return nil })
	if llama.CodeOf(err) != llama.TooLarge {
		t.Errorf("%s: got %v", numbers, err)
	}
	for _, text := range []string{`*`, `* | sort by (user)`} {
		rows := 0
		err := mustParse(t, text).Execute(context.Background(), src, RunOptions{MaxRows: 7}, func(Row) error {
			rows++
			return nil
		})
		if llama.CodeOf(err) != llama.TooLarge || rows != 7 {
			t.Errorf("%s: %d rows, error %v", text, rows, err)
		}
	}
}

func TestMatcher(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][]uint64{
		`*`:                                {1, 2, 3, 4, 5, 6},
		`error`:                            {4, 6},
		`_collection:sshd !user.name:root`: {2, 5},
		`status:>=404 or _seq:=1`:          {1, 4, 6},
		`_time:<2026-11-20T00:03:00Z`:      {1, 2},
		`_source:test took:""`:             {5},
	} {
		match, err := mustParse(t, text).Matcher()
		if err != nil {
			t.Fatal(err)
		}
		var got []uint64
		for i := range someEvents {
			if match(&someEvents[i]) {
				got = append(got, someEvents[i].Seq)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: got %v, want %v", text, got, want)
		}
	}
	if _, err := mustParse(t, `* | limit 1`).Matcher(); llama.CodeOf(err) != llama.Invalid {
		t.Errorf("a query with pipes: %v", err)
	}
}

func TestCollections(t *testing.T) {
	t.Parallel()
	known := []string{"mail", "sshd", "web"}
	for text, want := range map[string]string{
		`error`:                          "mail sshd web",
		`_collection:sshd error`:         "sshd",
		`_collection:in(sshd,web) error`: "sshd web",
		`!_collection:sshd`:              "mail web",
		`_collection:s*`:                 "sshd",
		`_collection:ssh`:                `there is no collection "ssh"; there is "sshd"`,
		`x or _collection:=zzz`:          `there is no collection "zzz"; there is "mail", "sshd", "web"`,
	} {
		got, err := mustParse(t, text).Collections(known)
		shown := strings.Join(got, " ")
		if err != nil {
			shown = err.Error()
		}
		if shown != want {
			t.Errorf("%s: got %s, want %s", text, shown, want)
		}
	}
}

// TestLargeStatesTravelInParts: no frame is much larger than frameBytes, and the
// parts of a group add up.
func TestLargeStatesTravelInParts(t *testing.T) {
	t.Parallel()
	var events []llama.Event
	for i := range 40_000 {
		events = append(events, event(i, "c", fmt.Sprintf("some longer message with number %d", i)))
	}
	q := mustParse(t, `* | stats count() n, count_uniq(_msg, _seq) u, quantile(0.5, _msg) q, values(_msg) v, min(_msg) m, sum(_seq) s, row_any(_msg) r`)
	m := q.NewMerge(RunOptions{})
	frames := 0
	err := q.Partial(context.Background(), Events(events), RunOptions{}, func(f Frame) error {
		frames++
		if len(f.Bytes) > 4*frameBytes {
			t.Errorf("a frame has %d bytes", len(f.Bytes))
		}
		return m.Add("n", f)
	})
	if err != nil || frames < 5 {
		t.Errorf("%d frames, error %v", frames, err)
	}
	var want, got []string
	collect := func(into *[]string) func(Row) error {
		return func(r Row) error {
			*into = append(*into, flatRow(r))
			return nil
		}
	}
	if err := errors.Join(m.Rows(t.Context(), collect(&got)), q.Execute(context.Background(), Events(events), RunOptions{}, collect(&want))); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %.300q\nwant %.300q", got, want)
	}
}

func TestMergedRowsEndWithTheirContext(t *testing.T) {
	t.Parallel()
	for _, text := range []string{`*`, `* | stats by (_seq) count() n | filter n:1`} {
		q := mustParse(t, text)
		m := q.NewMerge(RunOptions{})
		if err := q.Partial(t.Context(), Events([]llama.Event{event(1, "c", "x")}), RunOptions{}, func(f Frame) error { return m.Add("n", f) }); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := m.Rows(ctx, func(Row) error { return nil }); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: got %v", text, err)
		}
	}
}

func TestMergeRefuses(t *testing.T) {
	t.Parallel()
	rows := mustParse(t, `*`).NewMerge(RunOptions{})
	stats := mustParse(t, `* | stats count() n`).NewMerge(RunOptions{})
	for name, err := range map[string]error{
		"a state for rows":  rows.Add("n", Frame{Kind: State, Bytes: []byte{frameVersion, 0}}),
		"rows for a state":  stats.Add("n", Frame{Kind: Rows, Bytes: []byte{frameVersion, 0, 0}}),
		"another version":   stats.Add("n", Frame{Kind: State, Bytes: []byte{frameVersion + 1, 0}}),
		"nothing":           stats.Add("n", Frame{Kind: State, Bytes: nil}),
		"more than is said": stats.Add("n", Frame{Kind: State, Bytes: []byte{frameVersion, 0, 0}}),
		"less than is said": stats.Add("n", Frame{Kind: State, Bytes: []byte{frameVersion, 5, 1}}),
	} {
		if !errors.Is(err, errFrame) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestGroupsKeepKinds: what is a number in all events is one in the answer, whether all
// is in one place or frames come from two nodes.
func TestGroupsKeepKinds(t *testing.T) {
	t.Parallel()
	events := []llama.Event{
		event(1, "c", "x", "status=200", "size=7", "name=ann", "mixed=5"), event(2, "c", "x", "status=404", "size=12", "name=ann"), event(3, "c", "x"),
		event(4, "c", "x", "status=200", "size=8", "name=7x"),
	}
	events[3].Set("mixed", "5", llama.String)
	events[3].Set("up", "true", llama.Bool)
	tests := []struct{ text, want string }{
		{"* | stats by (status) count() n", `{"status":"","n":1} {"status":200,"n":2} {"status":404,"n":1}`},
		{"* | stats by (size:10, name) count() n", `{"size":"","name":"","n":1} {"size":0,"name":"7x","n":1} {"size":0,"name":"ann","n":1} {"size":10,"name":"ann","n":1}`},
		{"mixed:* | stats by (mixed, _seq) count() n", `{"mixed":5,"_seq":1,"n":1} {"mixed":"5","_seq":4,"n":1}`},
		{"mixed:* | uniq by (mixed)", `{"mixed":"5"}`},
		{"up:* | top by (up)", `{"up":true,"hits":1}`},
		{"status:* | stats by rollup (status) max(size) x", `{"status":200,"x":8,"rollup":0} {"status":404,"x":12,"rollup":0} {"x":12,"rollup":1}`},
	}
	for _, tt := range tests {
		q := mustParse(t, tt.text)
		var whole, merged []string
		show := func(rows *[]string) func(Row) error {
			return func(r Row) error { *rows = append(*rows, string(llama.AppendFlat(nil, r))); return nil }
		}
		if err := q.Execute(t.Context(), Events(events), RunOptions{}, show(&whole)); err != nil {
			t.Fatal(err)
		}
		m := q.NewMerge(RunOptions{})
		for i, part := range [][]llama.Event{events[:2], events[2:]} {
			node := string(rune('a' + i))
			if err := q.Partial(t.Context(), Events(part), RunOptions{}, func(f Frame) error { return m.Add(node, f) }); err != nil {
				t.Fatal(err)
			}
		}
		if err := m.Rows(t.Context(), show(&merged)); err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(whole, " "); got != tt.want {
			t.Errorf("%s\ngot  %s\nwant %s", tt.text, got, tt.want)
		}
		if got := strings.Join(merged, " "); got != tt.want {
			t.Errorf("%s, merged\ngot  %s\nwant %s", tt.text, got, tt.want)
		}
	}
}
