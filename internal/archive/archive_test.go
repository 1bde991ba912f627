package archive

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"path"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/column"
	"github.com/llama-logs/llama/internal/config"
	"github.com/llama-logs/llama/internal/fsys"
	"github.com/llama-logs/llama/internal/seal"
)

// newMaster makes a master key.
func newMaster(t testing.TB) seal.Master {
	path := filepath.Join(t.TempDir(), "key")
	if _, err := seal.CreateKeyFile(path); err != nil {
		t.Fatal(err)
	}
	m, err := seal.OpenKeyFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// small are options under which little data fills blocks, files and segments.
func small() Options {
	return Options{
		FreeFloor: 1, BlockRows: 40, SegmentRows: 20, LogFileSize: 4 * config.KiB, MergedRows: 200, RecentSize: 4 * config.KiB,
		Now: func() time.Time { return now },
	}
}

var now = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

func open(t testing.TB, disk fsys.FS, m seal.Master, o Options) *Archive {
	t.Helper()
	a, err := Open(disk, m, o)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func put(t testing.TB, a *Archive, b *llama.Batch) {
	t.Helper()
	if err := a.Put(context.Background(), b); err != nil {
		t.Fatal(err)
	}
}

func sealed(t testing.TB, a *Archive) {
	t.Helper()
	if err := a.sealAll(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// contents returns all that a snapshot holds, by arrival.
func contents(a *Archive) ([]llama.Event, error) {
	s := a.Snapshot()
	defer s.Close()
	return eventsIn(s)
}

func eventsIn(s *Snapshot) (all []llama.Event, err error) {
	for _, ref := range opened(s.Refs("", math.MinInt64, math.MaxInt64)) {
		b, err := ref.Read(context.Background())
		if err != nil {
			return nil, err
		}
		if b.Rows() != ref.Rows {
			return nil, fmt.Errorf("%d rows, %d are said", b.Rows(), ref.Rows)
		}
		if all, err = b.Events(all, 0, b.Rows()); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(all, func(x, y llama.Event) int { return int(x.Seq) - int(y.Seq) })
	return all, nil
}

// holds compares what an archive has with what it should have.
func holds(t testing.TB, a *Archive, want []llama.Event) {
	t.Helper()
	got, err := contents(a)
	if diff := diffEvents(want, got); diff != "" || err != nil {
		t.Fatalf("error %v, events (-want +got):\n%s", err, diff)
	}
}

// diffEvents compares events, whose fields may come in another order and whose place
// is not kept.
func diffEvents(want, got []llama.Event) string {
	if slices.EqualFunc(want, got, sameEvent) { // as they nearly always are; cmp takes long to say so
		return ""
	}
	return cmp.Diff(want, got, cmpopts.EquateEmpty(), cmpopts.IgnoreFields(llama.Event{}, "Place"),
		cmpopts.SortSlices(func(x, y llama.Field) bool { return x.Name < y.Name }))
}

func sameEvent(x, y llama.Event) bool {
	byName := func(x, y llama.Field) int { return strings.Compare(x.Name, y.Name) }
	xs, ys := x.Fields, y.Fields
	if !slices.Equal(xs, ys) && !slices.Equal(slices.SortedFunc(slices.Values(xs), byName), slices.SortedFunc(slices.Values(ys), byName)) {
		return false
	}
	x.Fields, y.Fields, x.Place, y.Place = nil, nil, 0, 0
	return reflect.DeepEqual(x, y)
}

// batch makes a batch of n events of several collections, days and shapes.
func batch(rng *rand.Rand, n int) *llama.Batch {
	b := &llama.Batch{}
	for range n {
		e := llama.Event{
			Time:       llama.Time(rng.Int64()) - llama.Time(rng.Int64()),
			Ingested:   llama.At(now.Add(-time.Duration(rng.IntN(3)) * day)),
			Collection: []string{"sshd", "switch", "a.b-c_1"}[rng.IntN(3)],
			Source:     []string{"", "udp 192.0.2.7"}[rng.IntN(2)],
			Message:    []string{"", "Failed password", "\xff\x00\n", fmt.Sprint(rng.Uint64()), strings.Repeat("long ", rng.IntN(200))}[rng.IntN(5)],
		}
		for i := range 6 {
			if rng.IntN(2) == 0 {
				e.Fields = append(e.Fields, llama.Field{Name: fmt.Sprintf("f.%d", i), Value: fmt.Sprint(rng.IntN(4)), Kind: llama.Kind(rng.IntN(6))})
			}
		}
		b.Events = append(b.Events, e)
	}
	return b
}

func TestPutIsFoundAtOnceAndForEver(t *testing.T) {
	t.Parallel()
	disk, m := fsys.NewMem(), newMaster(t)
	a := open(t, disk, m, small())
	rng := rand.New(rand.NewPCG(1, 1))
	var want []llama.Event
	for i := range 60 {
		b := batch(rng, rng.IntN(12)+1)
		put(t, a, b)
		want = append(want, b.Events...)
		if b.Events[0].Seq != want[len(want)-len(b.Events)].Seq || want[len(want)-1].Seq != uint64(len(want)) {
			t.Fatalf("batch %d: numbers up to %d after %d events", i, want[len(want)-1].Seq, len(want))
		}
		holds(t, a, want)
		switch i % 10 {
		case 3:
			if err := a.sealDue(t.Context()); err != nil {
				t.Fatal(err)
			}
		case 5:
			if err := a.upkeep(t.Context()); err != nil {
				t.Fatal(err)
			}
		case 7: // as after kill -9
			disk = disk.Kill()
			a = open(t, disk, m, small())
		case 9:
			if err := a.Close(); err != nil {
				t.Fatal(err)
			}
			a = open(t, disk, m, small())
		}
		holds(t, a, want)
	}
	if s := a.Stat(); s.Events != uint64(len(want)) || s.NextSeq != uint64(len(want))+1 || s.Damaged != 0 {
		t.Errorf("%+v after %d events", s, len(want))
	}
}

func TestOddEventsComeBack(t *testing.T) {
	t.Parallel()
	disk, m := fsys.NewMem(), newMaster(t)
	a := open(t, disk, m, small())
	wide := llama.Event{Collection: "c", Message: "wide", Ingested: 1}
	for i := range 5000 {
		wide.Fields = append(wide.Fields, llama.Field{Name: fmt.Sprintf("key%d", i), Value: fmt.Sprint(i), Kind: llama.Number})
	}
	big := llama.Event{Collection: "c", Message: strings.Repeat("\x80", 1<<20), Ingested: 2, Time: math.MinInt64}
	empty := llama.Event{Collection: "c", Ingested: 3, Time: math.MaxInt64}
	noName := llama.Event{Collection: "c", Ingested: 4, Fields: []llama.Field{{Name: "", Value: "", Kind: llama.Null}}}
	reserved := llama.Event{Collection: "c", Ingested: 5, Fields: []llama.Field{{Name: "_msg", Value: "x"}, {Name: "event.ingested", Value: "y"}}}
	b := &llama.Batch{Events: []llama.Event{wide, big, empty, noName, reserved}}
	put(t, a, b)
	want := slices.Clone(b.Events)
	want[4].Fields = []llama.Field{{Name: "labels._msg", Value: "x"}, {Name: "labels.event.ingested", Value: "y"}}
	holds(t, a, want)
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	holds(t, open(t, disk, m, small()), want)
}

func TestPutRefuses(t *testing.T) {
	t.Parallel()
	a := open(t, fsys.NewMem(), newMaster(t), small())
	event := func(e llama.Event) *llama.Batch { return &llama.Batch{Events: []llama.Event{e}} }
	placed := func(p llama.Position, places ...uint64) *llama.Batch {
		b := &llama.Batch{Position: p}
		for _, place := range places {
			b.Events = append(b.Events, llama.Event{Collection: "c", Place: place})
		}
		return b
	}
	tests := []struct {
		name  string
		batch *llama.Batch
		code  llama.Code
	}{
		{"no collection", event(llama.Event{}), llama.Invalid},
		{"a path", event(llama.Event{Collection: "../x"}), llama.Invalid},
		{"capitals", event(llama.Event{Collection: "SSHD"}), llama.Invalid},
		{"a long collection", event(llama.Event{Collection: strings.Repeat("a", 65)}), llama.Invalid},
		{"no such kind", event(llama.Event{Collection: "c", Fields: []llama.Field{{Name: "f", Kind: 9}}}), llama.Invalid},
		{"a large batch", event(llama.Event{Collection: "c", Message: strings.Repeat("x", 65<<20)}), llama.TooLarge},
		{"a position that goes back", placed(llama.Position{Source: "s", First: 2, Last: 1}), llama.Invalid},
		{"a place outside", placed(llama.Position{Source: "s", Last: 4}, 5), llama.Invalid},
		{"places that go back", placed(llama.Position{Source: "s", Last: 4}, 3, 2), llama.Invalid},
		{"a long source", placed(llama.Position{Source: strings.Repeat("s", 2000)}), llama.TooLarge},
		{"the last number", placed(llama.Position{Source: "s", Last: math.MaxUint64}), llama.Invalid},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if err := a.Put(t.Context(), tt.batch); llama.CodeOf(err) != tt.code {
				t.Errorf("got %v, want code %s", err, tt.code)
			}
		})
	}
	holds(t, a, nil)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := a.Put(ctx, event(llama.Event{Collection: "c"})); !errors.Is(err, context.Canceled) {
		t.Errorf("after the context ended: %v", err)
	}
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	m := newMaster(t)
	full := func() *fsys.Mem {
		disk := fsys.NewMem()
		a := open(t, disk, m, small())
		put(t, a, batch(rand.New(rand.NewPCG(1, 1)), 5))
		if err := a.Close(); err != nil {
			t.Fatal(err)
		}
		return disk
	}
	tests := []struct {
		name   string
		change func(*fsys.Mem) error
		master seal.Master
		want   string
	}{
		{"another version", func(d *fsys.Mem) error { return fsys.Replace(d, "FORMAT", []byte("llama archive 1\n")) }, m, `format is "llama archive 1"`},
		{"something else", func(d *fsys.Mem) error { return d.Remove("FORMAT") }, m, "no archive"},
		{"no keyring", func(d *fsys.Mem) error { return d.Remove("keyring") }, m, "keyring is missing"},
		{"a wrong key", func(*fsys.Mem) error { return nil }, newMaster(t), "wrong master key"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			disk := full()
			if err := tt.change(disk); err != nil {
				t.Fatal(err)
			}
			before := tree(t, disk, ".")
			_, err := Open(disk, tt.master, small())
			if llama.CodeOf(err) != llama.Conflict || !strings.Contains(fmt.Sprint(err), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
			if diff := cmp.Diff(before, tree(t, disk, ".")); diff != "" {
				t.Errorf("the folder was changed:\n%s", diff)
			}
		})
	}
}

// tree returns the content of all files in a folder.
func tree(t *testing.T, disk fsys.FS, folder string) map[string]string {
	files := map[string]string{}
	names, err := disk.List(folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if sub, ok := strings.CutSuffix(name, "/"); ok {
			for file, data := range tree(t, disk, path.Join(folder, sub)) {
				files[file] = data
			}
			continue
		}
		data, err := fsys.ReadFile(disk, path.Join(folder, name), 1<<30)
		if err != nil {
			t.Fatal(err)
		}
		files[path.Join(folder, name)] = string(data)
	}
	return files
}

func TestOpenRefusesASecondProcess(t *testing.T) {
	t.Parallel()
	disk, m := fsys.NewMem(), newMaster(t)
	a := open(t, disk, m, small())
	if _, err := Open(disk, m, small()); llama.CodeOf(err) != llama.Conflict {
		t.Errorf("a second time: %v", err)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	if err := a.Close(); err != nil {
		t.Errorf("Close again: %v", err)
	}
	if err := a.Put(t.Context(), batch(rand.New(rand.NewPCG(1, 1)), 1)); llama.CodeOf(err) != llama.Unavailable {
		t.Errorf("Put after Close: %v", err)
	}
	open(t, disk, m, small())
}

func TestPutAtOnce(t *testing.T) {
	t.Parallel()
	disk, m := fsys.NewMem(), newMaster(t)
	a := open(t, disk, m, small())
	ctx, cancel := context.WithCancel(t.Context())
	var run sync.WaitGroup
	run.Go(func() {
		if err := a.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	var mu sync.Mutex
	bySeq := map[uint64]llama.Event{}
	var puts sync.WaitGroup
	for worker := range 8 {
		puts.Go(func() {
			rng := rand.New(rand.NewPCG(2, uint64(worker)))
			for range 50 {
				b := batch(rng, rng.IntN(5)+1)
				if err := a.Put(ctx, b); err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				for _, e := range b.Events {
					bySeq[e.Seq] = e
				}
				mu.Unlock()
				if all, err := contents(a); err != nil || uint64(len(all)) < b.Events[len(b.Events)-1].Seq {
					t.Errorf("%d events found after %d were put: %v", len(all), b.Events[len(b.Events)-1].Seq, err)
				}
			}
		})
		puts.Go(func() {
			if err := a.sealDue(ctx); err != nil {
				t.Error(err)
			}
			if err := a.upkeep(ctx); err != nil {
				t.Error(err)
			}
		})
	}
	puts.Wait()
	var want []llama.Event
	for seq := range uint64(len(bySeq)) {
		want = append(want, bySeq[seq+1])
	}
	holds(t, a, want)
	cancel()
	run.Wait()
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	holds(t, open(t, disk, m, small()), want)
}

func TestSnapshotStays(t *testing.T) {
	t.Parallel()
	disk, m := fsys.NewMem(), newMaster(t)
	a := open(t, disk, m, small())
	rng := rand.New(rand.NewPCG(1, 1))
	var want []llama.Event
	for range 12 {
		b := batch(rng, 10)
		put(t, a, b)
		want = append(want, b.Events...)
		sealed(t, a)
	}
	s := a.Snapshot()
	refs := s.refs("", math.MinInt64, math.MaxInt64)
	put(t, a, batch(rng, 10))
	files := len(tree(t, disk, segmentsFolder))
	if err := a.upkeep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if now := len(tree(t, disk, segmentsFolder)); now <= files {
		t.Errorf("%d files before merging, %d after, while a snapshot is open", files, now)
	}
	var got []llama.Event
	for _, ref := range refs {
		b, err := ref.Read(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if got, err = b.Events(got, 0, b.Rows()); err != nil {
			t.Fatal(err)
		}
	}
	slices.SortFunc(got, func(x, y llama.Event) int { return int(x.Seq) - int(y.Seq) })
	if diff := diffEvents(want, got); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	s.Close()
	if now := len(tree(t, disk, segmentsFolder)); now >= files {
		t.Errorf("%d files before merging, %d after all snapshots are closed", files, now)
	}
}

// opened returns refs with the blocks of segments in the place of those that stand for them.
func opened(refs []column.Ref) (blocks []column.Ref) {
	for _, ref := range refs {
		if ref.Number == column.Whole {
			blocks = ref.Sealed.Open(blocks)
			continue
		}
		blocks = append(blocks, ref)
	}
	return blocks
}

// newestFirst sorts refs by arrival.
func newestFirst(refs []column.Ref) []column.Ref {
	slices.SortFunc(refs, func(x, y column.Ref) int { return int(y.LastSeq) - int(x.LastSeq) })
	return refs
}

func TestRefsPrune(t *testing.T) {
	t.Parallel()
	o := small()
	o.BlockRows = 8
	a := open(t, fsys.NewMem(), newMaster(t), o)
	for i := range 40 {
		put(t, a, &llama.Batch{Events: []llama.Event{
			{Collection: "a", Time: llama.Time(i), Ingested: llama.At(now)}, {Collection: "b", Time: llama.Time(1000 + i), Ingested: llama.At(now)},
		}})
		if i == 20 {
			sealed(t, a)
		}
	}
	s := a.Snapshot()
	defer s.Close()
	refs := newestFirst(s.refs("a", 3, 30))
	rows := 0
	for i, ref := range refs {
		rows += ref.Rows
		if ref.Collection != "a" || ref.MaxTime < 3 || ref.MinTime > 30 || i > 0 && refs[i-1].FirstSeq < ref.LastSeq {
			t.Errorf("ref %d: %+v", i, ref.Stat)
		}
	}
	if rows < 28 || rows >= 40 {
		t.Errorf("%d rows in blocks that may have 28", rows)
	}
	want := []Collection{
		{Name: "a", Events: 40, MinTime: 0, MaxTime: 39, FirstSeq: 1, LastSeq: 79},
		{Name: "b", Events: 40, MinTime: 1000, MaxTime: 1039, FirstSeq: 2, LastSeq: 80},
	}
	if diff := cmp.Diff(want, s.Collections(), cmpopts.IgnoreFields(Collection{}, "Bytes")); diff != "" {
		t.Errorf("collections (-want +got):\n%s", diff)
	}
}
