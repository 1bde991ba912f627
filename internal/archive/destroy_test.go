package archive

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"path"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/archive/wal"
	"github.com/llama-logs/llama/internal/column"
	"github.com/llama-logs/llama/internal/fsys"
	"github.com/llama-logs/llama/internal/seal"
	"github.com/llama-logs/llama/internal/segment"
)

// plant puts an event of a collection and a day before today, of which the message
// begins with the planted text if that is the day and collection to destroy.
func plant(t testing.TB, a *Archive, collection string, ago int, text string) llama.Event {
	t.Helper()
	if collection == "sshd" && ago == 1 {
		text = planted + " " + text
	}
	e := llama.Event{Collection: collection, Ingested: llama.At(now.Add(-time.Duration(ago) * day)), Message: text}
	e.Fields = []llama.Field{{Name: "text", Value: text}}
	b := &llama.Batch{Events: []llama.Event{e}}
	put(t, a, b)
	return b.Events[0]
}

// plantAll puts events of two collections and days, and returns those that are left
// when the day is destroyed.
func plantAll(t testing.TB, a *Archive, text string) (left []llama.Event) {
	t.Helper()
	for i := range 2 {
		for _, collection := range []string{"sshd", "other"} {
			for ago := range 2 {
				e := plant(t, a, collection, ago, fmt.Sprint(text, i))
				if !strings.HasPrefix(e.Message, planted) {
					left = append(left, e)
				}
			}
		}
	}
	return left
}

// theDay is that of which the events have the planted text.
const theDay = "2026-11-19"

func TestDestroyedDayIsGoneEverywhere(t *testing.T) {
	t.Parallel()
	disk, m := fsys.NewMem(), newMaster(t)
	a := open(t, disk, m, small())
	left := plantAll(t, a, "in a segment")
	sealed(t, a)
	put(t, a, lines("s", 0, 9))
	left = append(left, lines("s", 0, 9).Events...)
	left = append(left, plantAll(t, a, "in the log")...)
	before := a.Snapshot()
	defer before.Close()
	var held []func() error
	for _, ref := range before.refs("sshd", math.MinInt64, math.MaxInt64) {
		if !strings.Contains(message(t, ref.Read), planted) {
			continue
		}
		held = append(held, func() error { _, err := ref.Read(t.Context()); return err })
		if ref.Bytes > 0 {
			b, err := ref.Read(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			held = append(held, func() error { _, err := b.Load("text"); return err })
		}
	}
	if len(held) != 3 {
		t.Fatalf("%d ways to read the planted text, want a segment, its column and a head", len(held))
	}
	if err := a.Destroy(t.Context(), "sshd", theDay); err != nil {
		t.Fatal(err)
	}
	for i, read := range held {
		if err := read(); llama.CodeOf(err) != llama.NotFound || err.Error() != "the events of sshd that arrived on 2026-11-19 were destroyed" {
			t.Errorf("way %d to read what was destroyed: got %v", i, err)
		}
	}
	for _, ref := range before.refs("sshd", math.MinInt64, math.MaxInt64) {
		if b, err := ref.Read(t.Context()); err == nil {
			if _, err := b.Events(nil, 0, b.Rows()); err != nil {
				t.Errorf("another day: %v", err)
			}
		} else if llama.CodeOf(err) != llama.NotFound {
			t.Errorf("a ref that was asked for later: got %v", err)
		}
	}
	check := func(when string, a *Archive) {
		t.Helper()
		got, err := contents(a)
		if err != nil {
			t.Fatalf("%s: %v", when, err)
		}
		if diff := cmp.Diff(texts(left), texts(got)); diff != "" {
			t.Errorf("%s: messages (-want +got):\n%s", when, diff)
		}
		if next := a.Next("s", "e"); next != 10 {
			t.Errorf("%s: line %d of a source is expected, want 10", when, next)
		}
	}
	check("after", a)
	if got := followed(t, a, 1, a.Stat().NextSeq-1); cmp.Diff(texts(left), texts(got)) != "" {
		t.Errorf("who follows gets %q", texts(got))
	}
	if err := a.Destroy(t.Context(), "sshd", theDay); llama.CodeOf(err) != llama.NotFound {
		t.Errorf("again: got %v, want NotFound", err)
	}
	e := plant(t, a, "sshd", 1, "of later") // late events of the day are kept again
	left = append(left, e)
	check("with a late event", a)
	a = open(t, disk.Crash(3), m, small())
	check("after a crash", a)
}

// message returns the text of the first event of a block.
func message(t testing.TB, read func(context.Context) (*column.Block, error)) string {
	t.Helper()
	b, err := read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	events, err := b.Events(nil, 0, 1)
	if err != nil {
		t.Fatal(err)
	}
	return events[0].Message
}

func texts(events []llama.Event) []string {
	got := make([]string, len(events))
	for i := range events {
		got[i] = events[i].Message
	}
	slices.Sort(got)
	return got
}

// copyOf makes a disk of files.
func copyOf(t testing.TB, files map[string]string) *fsys.Mem {
	t.Helper()
	disk := fsys.NewMem()
	for name, text := range files {
		if err := disk.MkdirAll(path.Dir(name)); err != nil {
			t.Fatal(err)
		}
		f, err := disk.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	return disk
}

// TestCopiesOfADestroyedDayStayClosed tries all keys that are left on copies of all
// files from before: what the day left in segments and in the log opens no more.
func TestCopiesOfADestroyedDayStayClosed(t *testing.T) {
	t.Parallel()
	for name, destroy := range map[string]func(*testing.T, *Archive) error{
		"destroyed": func(t *testing.T, a *Archive) error { return a.Destroy(t.Context(), "sshd", theDay) },
		"expired": func(t *testing.T, a *Archive) error {
			a.o.Collections = map[string]Retention{"sshd": {Age: day / 2}}
			sealed(t, a)
			err := a.upkeep(t.Context())
			plant(t, a, "other", 0, "x")
			sealed(t, a) // the log's key goes when no file needs it
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			disk, m := fsys.NewMem(), newMaster(t)
			a := open(t, disk, m, small())
			plantAll(t, a, "in a segment")
			sealed(t, a)
			plantAll(t, a, "in the log")
			before := tree(t, disk, ".")
			if got := openWithAll(t, before, keyringOf(before), m); got != 4 {
				t.Fatalf("before, the planted text is found %d times with all keys, want 4", got)
			}
			if err := destroy(t, a); err != nil {
				t.Fatal(err)
			}
			after := tree(t, disk, ".")
			if got := openWithAll(t, before, keyringOf(after), m); got != 0 {
				t.Errorf("in old copies the planted text is found %d times with the keys that are left", got)
			}
			if got := openWithAll(t, after, keyringOf(after), m); got != 0 {
				t.Errorf("in what is left the planted text is found %d times", got)
			}
			for file, text := range after {
				if strings.Contains(file, "sshd/"+theDay+"/") || shows([]byte(text)) != "" {
					t.Errorf("%s is left of the day, or shows it", file)
				}
			}
		})
	}
}

// keyringOf returns the files of the keyring.
func keyringOf(files map[string]string) map[string]string {
	files = maps.Clone(files)
	maps.DeleteFunc(files, func(name, _ string) bool { return !isKeyring(name) })
	return files
}

// openWithAll opens all segments and log files among files with each key of a keyring,
// and counts the events that have the planted text.
func openWithAll(t *testing.T, files, ring map[string]string, m seal.Master) (found int) {
	t.Helper()
	keys, err := seal.OpenKeyring(copyOf(t, ring), keyringName, m)
	if err != nil {
		t.Fatal(err)
	}
	codec, err := segment.NewCodec()
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range keys.IDs() {
		key, _ := keys.Find(id)
		disk := copyOf(t, files)
		for name := range files {
			if !strings.HasPrefix(name, segmentsFolder+"/") {
				continue
			}
			if s, err := segment.Open(disk, name, key, codec); err == nil {
				found += countPlanted(t, s)
			}
		}
		_, _ = wal.Open(disk, key, 0, 1<<20, func(f *wal.Frame) error { // what cannot be opened has not been found
			r := recentFrame{f.First, f.Events, f.Sections, 0}
			events, err := r.from(0, &wal.Shapes{})
			for i := range events {
				if strings.Contains(events[i].Message, planted) {
					found++
				}
			}
			return err
		})
	}
	return found
}

func countPlanted(t *testing.T, s *segment.Segment) (found int) {
	t.Helper()
	d, err := s.Directory()
	if err != nil {
		t.Fatal(err)
	}
	for i := range d.Blocks() {
		b, err := s.Block(d, i)
		if err != nil {
			t.Fatal(err)
		}
		events, err := b.Events(nil, 0, b.Rows())
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range events {
			if strings.Contains(e.Message, planted) {
				found++
			}
		}
	}
	return found
}

// TestDestroyCrashesAnywhere lets each file operation of Destroy fail, be the last or
// be answered wrongly: nothing else is lost, nothing looks damaged, and the day is gone
// when Destroy returned nil, or when it is called again.
func TestDestroyCrashesAnywhere(t *testing.T) {
	t.Parallel()
	m := newMaster(t)
	for _, plan := range []fsys.Plan{{Then: -1}, {Then: -1, Partial: 0.7}, {Then: -1, Dead: true}, {}, {Done: true}} {
		plan.Only = fsys.Changes
		for plan.At = 1; ; plan.At++ {
			disk := fsys.NewMem()
			fault := fsys.NewFault(disk)
			a := open(t, fault, m, small())
			left := plantAll(t, a, "in a segment")
			sealed(t, a)
			put(t, a, lines("s", 0, 5))
			left = append(left, lines("s", 0, 5).Events...)
			left = append(left, plantAll(t, a, "in the log")...)
			fault.Set(plan)
			err := a.Destroy(t.Context(), "sshd", theDay)
			failed := fault.Failed()
			what := fmt.Sprintf("%+v: Destroy returned %v", plan, err)
			again := plan.Then == 0 && err != nil
			if again { // the disk works again
				if err := a.Destroy(t.Context(), "sshd", theDay); err != nil && llama.CodeOf(err) != llama.NotFound {
					t.Fatalf("%s, again: %v", what, err)
				}
			}
			if plan.Dead {
				disk = disk.Kill()
			} else {
				disk = disk.Crash(uint64(plan.At))
			}
			a = open(t, disk, m, small())
			got, readErr := contents(a)
			if readErr != nil {
				t.Fatalf("%s, after a restart: %v", what, readErr)
			}
			mine := slices.DeleteFunc(slices.Clone(got), func(e llama.Event) bool { return strings.HasPrefix(e.Message, planted) })
			if diff := cmp.Diff(texts(left), texts(mine)); diff != "" {
				t.Fatalf("%s: messages (-want +got):\n%s", what, diff)
			}
			if n := len(got) - len(mine); n > 0 && (err == nil || again) {
				t.Fatalf("%s: %d of its events are left", what, n)
			}
			if next := a.Next("s", "e"); next != 6 {
				t.Fatalf("%s: line %d of a source is expected, want 6", what, next)
			}
			if err := a.Destroy(t.Context(), "sshd", theDay); err != nil && llama.CodeOf(err) != llama.NotFound {
				t.Fatalf("%s, after a restart: %v", what, err)
			}
			plantAll(t, a, "later")
			sealed(t, a)
			if keys := a.logKeyNumbers(); len(keys) != 1 {
				t.Fatalf("%s: the log has the keys %v, want one when all is sealed", what, keys)
			}
			if got, err = contents(a); err != nil || len(got) != len(left)+8 {
				t.Fatalf("%s: at last %d events, %v, want %d", what, len(got), err, len(left)+8)
			}
			if !failed {
				break
			}
		}
	}
}

// TestDestroyWhilePutting destroys days again and again while senders, readers,
// merging and sealing go on.
func TestDestroyWhilePutting(t *testing.T) {
	t.Parallel()
	disk, m := fsys.NewMem(), newMaster(t)
	a := open(t, disk, m, small())
	const batches = 60
	var work sync.WaitGroup
	for sender := range 3 {
		work.Go(func() {
			for i := range uint64(batches) {
				if err := a.Put(context.Background(), lines(fmt.Sprint("s", sender), 3*i, 3*i+2)); err != nil {
					t.Error(err)
				}
				b := &llama.Batch{Events: []llama.Event{{Collection: "sshd", Message: planted}}}
				if err := a.Put(context.Background(), b); err != nil {
					t.Error(err)
				}
			}
		})
	}
	work.Go(func() {
		for range 20 {
			if err := a.Destroy(context.Background(), "sshd", "2026-11-20"); err != nil && llama.CodeOf(err) != llama.NotFound {
				t.Error(err)
			}
		}
	})
	work.Go(func() {
		for range 20 {
			if err := a.upkeep(context.Background()); err != nil {
				t.Error(err)
			}
			if _, err := contents(a); err != nil && llama.CodeOf(err) != llama.NotFound {
				t.Error(err)
			}
		}
	})
	work.Wait()
	if err := a.Destroy(t.Context(), "sshd", "2026-11-20"); err != nil && llama.CodeOf(err) != llama.NotFound {
		t.Fatal(err)
	}
	want := map[string]int{}
	for sender := range 3 {
		maps.Copy(want, through(fmt.Sprint("s", sender), 3*batches))
	}
	if diff := cmp.Diff(want, messages(t, a)); diff != "" {
		t.Errorf("messages (-want +got):\n%s", diff)
	}
	a = open(t, disk.Crash(5), m, small())
	if diff := cmp.Diff(want, messages(t, a)); diff != "" {
		t.Errorf("after a crash, messages (-want +got):\n%s", diff)
	}
}

// TestDestroyAmongAllElse does random things, of which destroying days is one.
func TestDestroyAmongAllElse(t *testing.T) {
	t.Parallel()
	for seed := range fewer(5) {
		rng := rand.New(rand.NewPCG(seed, 7))
		disk, m := fsys.NewMem(), newMaster(t)
		a := open(t, disk, m, small())
		var want []llama.Event
		for step := range 40 {
			what := fmt.Sprintf("seed %d, step %d", seed, step)
			var err error
			switch rng.IntN(8) {
			case 0:
				err = a.sealAll(t.Context())
			case 1:
				_, err = a.mergeOne()
			case 2:
				disk = disk.Crash(rng.Uint64())
				a = open(t, disk, m, small())
			case 3:
				key := partKey{[]string{"sshd", "switch", "a.b-c_1"}[rng.IntN(3)], wal.DayOf(llama.At(now)) - int64(rng.IntN(3))}
				before := len(want)
				want = slices.DeleteFunc(want, func(e llama.Event) bool { return e.Collection == key.collection && wal.DayOf(e.Ingested) == key.day })
				err = a.Destroy(t.Context(), key.collection, key.dayName())
				if len(want) == before && llama.CodeOf(err) == llama.NotFound {
					err = nil
				}
			default:
				b := batch(rng, rng.IntN(12)+1)
				err = a.Put(t.Context(), b)
				want = append(want, b.Events...)
			}
			if err != nil {
				t.Fatalf("%s: %v", what, err)
			}
			got, err := contents(a)
			if diff := diffEvents(want, got); diff != "" || err != nil {
				t.Fatalf("%s: error %v, events (-want +got):\n%s", what, err, diff)
			}
		}
	}
}

// mergingDisk looks that nobody can destroy what is being merged.
type mergingDisk struct {
	fsys.FS
	t *testing.T
	a *Archive
}

func (d *mergingDisk) Create(name string) (fsys.File, error) {
	if d.a != nil && len(d.a.merging) == 0 {
		d.t.Errorf("%s is begun, and nobody holds merging", name)
	}
	return d.FS.Create(name)
}

func TestMergingKeepsDestroyOut(t *testing.T) {
	t.Parallel()
	disk := &mergingDisk{FS: fsys.NewMem(), t: t}
	a := open(t, disk, newMaster(t), small())
	for i := range mergeAtOnce {
		plant(t, a, "sshd", 1, fmt.Sprint(i))
		sealed(t, a)
	}
	disk.a = a
	if merged, err := a.mergeOne(); !merged || err != nil {
		t.Errorf("merged %v, %v", merged, err)
	}
}

func TestDestroyRefuses(t *testing.T) {
	t.Parallel()
	a := open(t, fsys.NewMem(), newMaster(t), small())
	plant(t, a, "sshd", 1, "x")
	for _, tt := range []struct {
		collection, day string
		code            llama.Code
		want            string
	}{
		{"sshd", "2026-11-20", llama.NotFound, "the archive has no events of sshd that arrived on 2026-11-20"},
		{"ssh", theDay, llama.NotFound, "the archive has no events of ssh that arrived on 2026-11-19"},
		{"sshd", "19.11.2026", llama.Invalid, `"19.11.2026" is not a day; e.g. 2026-11-20`},
		{"../x", theDay, llama.Invalid, `"../x" is not the name of a collection; ` + collectionRule},
	} {
		if err := a.Destroy(t.Context(), tt.collection, tt.day); llama.CodeOf(err) != tt.code || err.Error() != tt.want {
			t.Errorf("got  %v\nwant %s", err, tt.want)
		}
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for _, token := range []chan struct{}{a.merging, a.sealing, a.lead} {
		token <- struct{}{}
		if err := a.Destroy(ended, "sshd", theDay); !errors.Is(err, context.Canceled) {
			t.Errorf("given up: got %v", err)
		}
		<-token
	}
	if n := a.Stat().Events; n != 1 {
		t.Errorf("%d events are left, want 1", n)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	if err := a.Destroy(t.Context(), "sshd", theDay); err == nil {
		t.Error("a closed archive destroys")
	}
}
