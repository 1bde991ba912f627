package store

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/uuid"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/fsys"
	"github.com/llama-logs/llama/internal/seal"
)

// keyring opens a keyring in memory.
func keyring(t testing.TB) *seal.Keyring {
	t.Helper()
	file := filepath.Join(t.TempDir(), "master.key")
	if _, err := seal.CreateKeyFile(file); err != nil {
		t.Fatal(err)
	}
	master, err := seal.OpenKeyFile(file)
	if err != nil {
		t.Fatal(err)
	}
	ring, err := seal.OpenKeyring(fsys.NewMem(), "keyring", master)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ring.Close() })
	return ring
}

// open opens a new database; the file is empty on PostgreSQL.
func open(t *testing.T) (*Store, string) {
	t.Helper()
	if os.Getenv(postgresVariable) != "" {
		return openPostgres(t), ""
	}
	file := filepath.Join(t.TempDir(), "a %?#b", "central.db")
	if err := os.Mkdir(filepath.Dir(file), 0o700); err != nil {
		t.Fatal(err)
	}
	s, err := Open(t.Context(), file, keyring(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s, file
}

func newQuery() *Query {
	at := llama.At(time.Date(2026, 3, 1, 12, 0, 0, 5, time.UTC))
	id := uuid.Must(uuid.NewV7()).String()
	return &Query{
		ID: id, User: "eva", State: Queued, Text: "planted-question", Normal: "planted-normal", Language: "logsql", Name: "planted-name",
		Targets: []string{"a", "b"}, From: 1, To: 2, Limit: 7, Created: at, Deadline: at + 10, Expires: at + llama.Time(time.Hour),
		Tasks: []Task{
			{Query: id, Node: "n1", Target: "a", Attempt: 1, State: Queued, Queued: at, Error: "planted-error"},
			{Query: id, Node: "n2", Target: "b", Attempt: 1, State: Running, Queued: at, Progress: 0.5, Frames: 3},
		},
	}
}

func TestQueryComesBackAsItWas(t *testing.T) {
	t.Parallel()
	s, _ := open(t)
	want := newQuery()
	if err := s.AddQuery(t.Context(), want); err != nil {
		t.Fatal(err)
	}
	want.State, want.Started, want.Columns, want.Error = Running, 9, []string{"x"}, "planted-outcome"
	want.Tasks[0].State, want.Tasks[0].Error = Failed, ""
	if err := s.UpdateQuery(t.Context(), want); err != nil {
		t.Fatal(err)
	}
	got, err := s.Query(t.Context(), want.ID)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("-want +got\n%s", d)
	}
	if _, err := s.Query(t.Context(), "nope"); llama.CodeOf(err) != llama.NotFound {
		t.Errorf("unknown id: got %v, want not found", err)
	}
}

func TestFramesAreKeptOnceAndGoWithTheResult(t *testing.T) {
	t.Parallel()
	s, _ := open(t)
	ctx, q := t.Context(), newQuery()
	frames := []Frame{{"n1", 1, 0, 1, []byte("zero")}, {"n1", 1, 1, 2, []byte("one")}, {"n2", 2, 0, 1, nil}}
	for _, err := range []error{s.AddQuery(ctx, q), s.AddFrames(ctx, q, "n1", frames), s.AddFrames(ctx, q, "n1", frames[1:2])} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if d := cmp.Diff(frames, collect(t, s.Frames(ctx, q)), cmp.Transformer("text", func(b []byte) string { return string(b) })); d != "" {
		t.Errorf("frames -want +got\n%s", d)
	}
	if err := s.DropFrames(ctx, q, "n1", 2); err != nil {
		t.Fatal(err)
	}
	if got := collect(t, s.Frames(ctx, q)); len(got) != 1 || got[0].Node != "n2" {
		t.Errorf("after the drop: got %v, want n2's only", got)
	}
	chunks := []Chunk{{First: 0, Count: 3, Form: 1, Rows: []byte("abc")}, {First: 3, Count: 2, Form: 1, Rows: []byte("de")}}
	if err := s.Finish(ctx, q, made(chunks, nil)); err != nil {
		t.Fatal(err)
	}
	if got := collect(t, s.Frames(ctx, q)); len(got) != 0 {
		t.Errorf("after the end: got %v, want no frames", got)
	}
	for first, want := range map[int64][]Chunk{0: chunks, 2: chunks, 3: chunks[1:], 5: nil} {
		if d := cmp.Diff(want, collect(t, s.Chunks(ctx, q, first))); d != "" {
			t.Errorf("chunks from %d: -want +got\n%s", first, d)
		}
	}
	if live, err := s.Live(ctx); err != nil || len(live) != 0 {
		t.Errorf("live: got %v, %v, want none", live, err)
	}
}

// TestFramesThatAreResultsStay: where a chunk names a frame, that is what is read, and
// only the others go.
func TestFramesThatAreResultsStay(t *testing.T) {
	t.Parallel()
	s, _ := open(t)
	ctx, q := t.Context(), newQuery()
	frames := []Frame{{"n1", 1, 0, 4, []byte("zero")}, {"n1", 1, 1, 4, []byte("one")}, {"n1", 1, 2, 4, []byte("two")}}
	if err := errors.Join(s.AddQuery(ctx, q), s.AddFrames(ctx, q, "n1", frames)); err != nil {
		t.Fatal(err)
	}
	err := s.Finish(ctx, q, func(read FrameReader) iter.Seq2[Chunk, error] {
		copied, err := read(frames[1])
		return seq([]Chunk{{First: 0, Count: 2, Form: 2, Frame: &frames[2]}, {First: 2, Count: 1, Form: 1, Rows: copied}}, err)
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []Chunk{{First: 0, Count: 2, Form: 2, Rows: []byte("two"), Frame: &Frame{Node: "n1", Attempt: 1, Number: 2, Kind: 4}}, {First: 2, Count: 1, Form: 1, Rows: []byte("one")}}
	if d := cmp.Diff(want, collect(t, s.Chunks(ctx, q, 0))); d != "" {
		t.Errorf("chunks: -want +got\n%s", d)
	}
	if got := collect(t, s.Frames(ctx, q)); len(got) != 1 || got[0].Number != 2 {
		t.Errorf("got frames %v, want the one that a chunk names", got)
	}
	if err := s.update(ctx, func(tx transaction) error {
		_, err := tx.ExecContext(ctx, `UPDATE chunks SET frame_number = 1 WHERE query_id = $1 AND first_row = 0`, q.ID)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	for _, err := range s.Chunks(ctx, q, 0) {
		if err == nil || !strings.Contains(err.Error(), "not those that were kept") {
			t.Errorf("a chunk that names another frame: %v", err)
		}
		break
	}
	if _, err := s.Frame(ctx, q, frames[0]); !errors.Is(err, sql.ErrNoRows) {
		t.Errorf("a frame that is in no chunk: %v", err)
	}
	if err := s.update(ctx, func(tx transaction) error {
		if _, err := tx.ExecContext(ctx, `UPDATE chunks SET frame_number = 2 WHERE query_id = $1 AND first_row = 0`, q.ID); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `DELETE FROM frames WHERE query_id = $1`, q.ID)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	chunks := 0
	for c, err := range s.Chunks(ctx, q, 0) {
		if chunks++; err == nil || !strings.Contains(err.Error(), "are gone") {
			t.Errorf("a chunk whose frame is gone: %v, %v", c, err)
		}
	}
	if chunks != 1 {
		t.Errorf("%d chunks, want one with an error", chunks)
	}
}

func TestFinishIsWholeOrNotAtAll(t *testing.T) {
	t.Parallel()
	s, _ := open(t)
	ctx, q := t.Context(), newQuery()
	if err := s.AddQuery(ctx, q); err != nil {
		t.Fatal(err)
	}
	broken := errors.New("merge broke")
	if err := s.Finish(ctx, q, made([]Chunk{{First: 0, Count: 1, Rows: []byte("a")}}, broken)); !errors.Is(err, broken) {
		t.Fatalf("got %v, want %v", err, broken)
	}
	if got := collect(t, s.Chunks(ctx, q, 0)); len(got) != 0 {
		t.Errorf("got %v, want nothing", got)
	}
	if live, err := s.Live(ctx); err != nil || len(live) != 1 {
		t.Errorf("live: got %v, %v, want the query", live, err)
	}
}

func TestQueriesArePagedFromTheNewest(t *testing.T) {
	t.Parallel()
	s, _ := open(t)
	var want []string
	for i := range 5 {
		q := newQuery()
		q.User = []string{"eva", "udo"}[i%2]
		if err := s.AddQuery(t.Context(), q); err != nil {
			t.Fatal(err)
		}
		want = append(want, q.ID)
	}
	slices.Reverse(want)
	tests := []struct {
		filter Filter
		want   []string
	}{
		{Filter{}, want},
		{Filter{Limit: 2}, want[:2]},
		{Filter{Limit: 2, After: want[1]}, want[2:4]},
		{Filter{User: "udo"}, []string{want[1], want[3]}},
		{Filter{State: Done}, nil},
	}
	for _, tt := range tests {
		found, err := s.Queries(t.Context(), tt.filter)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, q := range found {
			got = append(got, q.ID)
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%+v: got %v, want %v", tt.filter, got, tt.want)
		}
	}
	c, err := s.Counts(t.Context(), newQuery().Created)
	if want := (Counts{Total: 5, Running: 5, Today: 5}); err != nil || c != want {
		t.Errorf("counts: got %+v, %v, want %+v", c, err, want)
	}
}

func TestNothingIsKeptInClear(t *testing.T) {
	t.Parallel()
	s, file := open(t)
	if file == "" {
		t.Skip("PostgreSQL has no file of ours")
	}
	ctx, q := t.Context(), newQuery()
	q.Columns, q.Error = []string{"planted-column"}, "planted-outcome"
	planted := strings.Repeat("planted-row ", 10000)
	look := func(when string) {
		names, err := filepath.Glob(filepath.Join(filepath.Dir(file), "*"))
		if err != nil || len(names) == 0 {
			t.Fatal(names, err)
		}
		for _, name := range names {
			data, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			if i := bytes.Index(data, []byte("planted")); i >= 0 {
				t.Errorf("%s: %s holds %q", when, filepath.Base(name), data[i:i+20])
			}
			if info, err := os.Stat(name); err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("%s: %s has mode %v, want 0600 (%v)", when, filepath.Base(name), info.Mode(), err)
			}
		}
	}
	for _, err := range []error{s.AddQuery(ctx, q), s.AddFrames(ctx, q, "n1", []Frame{{"n1", 1, 0, 1, []byte(planted)}})} {
		if err != nil {
			t.Fatal(err)
		}
	}
	look("running")
	if err := s.Finish(ctx, q, made([]Chunk{{First: 0, Count: 1, Rows: []byte(planted)}}, nil)); err != nil {
		t.Fatal(err)
	}
	look("done")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	look("closed")
}

func TestSweepDeletesWhatIsOverAndItsKey(t *testing.T) {
	t.Parallel()
	s, _ := open(t)
	ctx, over, later := t.Context(), newQuery(), newQuery()
	later.Expires += llama.Time(48 * time.Hour)
	for _, q := range []*Query{over, later} {
		if err := s.AddQuery(ctx, q); err != nil {
			t.Fatal(err)
		}
	}
	day := llama.Time(24 * time.Hour)
	if n, err := s.Sweep(ctx, over.Expires+day); n != 0 || err != nil {
		t.Errorf("a live query was swept: %d, %v", n, err)
	}
	for _, q := range []*Query{over, later} {
		if err := s.Finish(ctx, q, made([]Chunk{{First: 0, Count: 1, Rows: []byte("a")}}, nil)); err != nil {
			t.Fatal(err)
		}
	}
	if n, err := s.Sweep(ctx, over.Expires+day); n != 1 || err != nil {
		t.Errorf("got %d swept, %v, want 1", n, err)
	}
	if _, err := s.Query(ctx, over.ID); llama.CodeOf(err) != llama.NotFound {
		t.Errorf("the swept query: got %v, want not found", err)
	}
	if got := collect(t, s.Chunks(ctx, later, 0)); len(got) != 1 {
		t.Errorf("the other's result: got %v, want one chunk", got)
	}
	if _, there := s.keys.Find(keyFor(over.Expires)); there {
		t.Error("the key of the day that is over is still there")
	}
}

func TestNodesAreRemembered(t *testing.T) {
	t.Parallel()
	s, _ := open(t)
	ctx := t.Context()
	n := Node{ID: "n1", Target: "local", Keys: []byte{1, 2}}
	for _, err := range []error{s.PutNode(ctx, n), s.Seen(ctx, "n1", "v1", true, 5), s.PutNode(ctx, n)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	n.Version, n.Online, n.LastSeen = "v1", true, 5
	got, err := s.Nodes(ctx)
	if d := cmp.Diff([]Node{n}, got, cmpopts.EquateEmpty(), cmpopts.IgnoreFields(Node{}, "Created")); d != "" || err != nil {
		t.Errorf("-want +got\n%s%v", d, err)
	}
}

func TestOpenAgainAndRefuseNewer(t *testing.T) {
	t.Parallel()
	s, file := open(t)
	if file == "" {
		t.Skip("PostgreSQL has no file of ours")
	}
	q := newQuery()
	if err := s.AddQuery(t.Context(), q); err != nil {
		t.Fatal(err)
	}
	keys := s.keys
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s, err := Open(t.Context(), file, keys)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Query(t.Context(), q.ID); err != nil {
		t.Error(err)
	}
	if _, err := s.write.Exec(`INSERT INTO goose_db_version (version_id, is_applied) VALUES (99999, 1)`); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	_, err = Open(t.Context(), file, keys)
	if err == nil || !strings.Contains(err.Error(), "is of version 99999, and this program knows versions up to") || strings.Contains(err.Error(), "\n") {
		t.Errorf("got %v, want one sentence about the version", err)
	}
}

func TestTogether(t *testing.T) {
	t.Parallel()
	tests := []struct {
		tasks []State
		want  State
	}{
		{[]State{Queued, Queued}, Queued},
		{[]State{Queued, Delivered}, Delivered},
		{[]State{Queued, Running}, Running},
		{[]State{Queued, Done}, Running},
		{[]State{Done, Done}, Done},
		{[]State{Done, Failed}, Partial},
		{[]State{Partial}, Partial},
		{[]State{Done, Cancelled}, Cancelled},
		{[]State{Failed, Expired}, Failed},
		{[]State{Expired}, Expired},
		{[]State{Refused}, Refused},
	}
	for _, tt := range tests {
		if got := Together(tt.tasks); got != tt.want {
			t.Errorf("%v: got %s, want %s", tt.tasks, got, tt.want)
		}
	}
}

func collect[T any](t *testing.T, all func(func(T, error) bool)) []T {
	t.Helper()
	var got []T
	for v, err := range all {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, v)
	}
	return got
}

// made are chunks that need no frame.
func made(all []Chunk, err error) func(FrameReader) iter.Seq2[Chunk, error] {
	return func(FrameReader) iter.Seq2[Chunk, error] { return seq(all, err) }
}

func seq[T any](all []T, err error) func(func(T, error) bool) {
	return func(yield func(T, error) bool) {
		for _, v := range all {
			if !yield(v, nil) {
				return
			}
		}
		if err != nil {
			var none T
			yield(none, err)
		}
	}
}

func BenchmarkAddQuery(b *testing.B) {
	s, err := Open(context.Background(), filepath.Join(b.TempDir(), "central.db"), keyring(b))
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	for b.Loop() {
		if err := s.AddQuery(context.Background(), newQuery()); err != nil {
			b.Fatal(err)
		}
	}
}

// TestChangesAtOnceAreWholeOrNotThere: many come while one is made, so that they share a
// transaction; some fail, some are given up, and each of the others is kept.
func TestChangesAtOnceAreWholeOrNotThere(t *testing.T) {
	t.Parallel()
	s, _ := open(t)
	if s.shared == nil {
		t.Skip("PostgreSQL shares the wait for the disk itself")
	}
	refused := errors.New("refused")
	gone, leave := context.WithCancel(t.Context())
	leave()
	made, first := make(chan struct{}), make(chan struct{}) // first holds the rest up until they all wait
	var changes, givenUp sync.WaitGroup
	changes.Go(func() {
		err := s.update(t.Context(), func(transaction) error { close(made); <-first; return nil })
		if err != nil {
			t.Error(err)
		}
	})
	<-made
	insert := `INSERT INTO targets (name, created) VALUES ($1, $2)`
	for i := range 100 {
		all := &changes
		if i%4 == 2 {
			all = &givenUp
		}
		all.Go(func() {
			ctx, want := t.Context(), error(nil)
			switch i % 4 {
			case 1:
				want = refused
			case 2:
				ctx, want = gone, context.Canceled
			}
			err := s.update(ctx, func(tx transaction) error {
				for _, name := range []string{"a", "b"} {
					if _, err := tx.ExecContext(ctx, insert, fmt.Sprint(name, i), i); err != nil {
						return err
					}
				}
				if i%4 == 3 { // breaks a rule of the database
					if _, err := tx.ExecContext(ctx, insert, fmt.Sprint("a", i), i); err == nil {
						t.Error("a name is there twice")
					}
				}
				return want
			})
			if !errors.Is(err, want) || want == nil && err != nil {
				t.Errorf("change %d: got %v, want %v", i, err, want)
			}
		})
	}
	givenUp.Wait() // they do not wait for the first
	for waiting := 0; waiting < 75; {
		s.shared.mu.Lock()
		waiting = len(s.shared.waiting)
		s.shared.mu.Unlock()
		runtime.Gosched()
	}
	close(first)
	changes.Wait()
	var got, pairs int
	err := s.read.QueryRowContext(t.Context(), `SELECT count(*), count(DISTINCT created) FROM targets`).Scan(&got, &pairs)
	if err != nil || got != 100 || pairs != 50 {
		t.Errorf("%d targets of %d changes are kept, %v; want 100 of 50", got, pairs, err)
	}
}

// TestAPanicUndoesTheChangesBesideIt: who asked for them hears that they were not made,
// and later ones are made.
func TestAPanicUndoesTheChangesBesideIt(t *testing.T) {
	t.Parallel()
	s, _ := open(t)
	if s.shared == nil {
		t.Skip("PostgreSQL makes each change in a transaction of its own")
	}
	made, first := make(chan struct{}), make(chan struct{}) // first holds the rest up until they all wait
	var changes sync.WaitGroup
	changes.Go(func() {
		if err := s.update(t.Context(), func(transaction) error { close(made); <-first; return nil }); err != nil {
			t.Error(err)
		}
	})
	<-made
	thrown := make(chan any, 3)
	var kept atomic.Int32
	for i := range 3 {
		changes.Go(func() {
			defer func() { thrown <- recover() }()
			err := s.update(t.Context(), func(tx transaction) error {
				if i == 2 {
					panic("thrown")
				}
				_, err := tx.ExecContext(t.Context(), `INSERT INTO targets (name, created) VALUES ($1, $2)`, fmt.Sprint(i), i)
				return err
			})
			if err == nil {
				kept.Add(1)
			}
		})
		for waiting := 0; waiting <= i; runtime.Gosched() {
			s.shared.mu.Lock()
			waiting = len(s.shared.waiting)
			s.shared.mu.Unlock()
		}
	}
	close(first)
	changes.Wait()
	panics := 0
	for range 3 {
		if <-thrown != nil {
			panics++
		}
	}
	var targets int32
	err := s.read.QueryRowContext(t.Context(), `SELECT count(*) FROM targets`).Scan(&targets)
	if err != nil || panics != 1 || kept.Load() != 0 || targets != 0 {
		t.Errorf("%d panics, %d of 2 changes said to be made, %d found, %v; want one panic and no change", panics, kept.Load(), targets, err)
	}
	if err := s.AddQuery(t.Context(), newQuery()); err != nil {
		t.Fatal(err)
	}
}
