package archive

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/column"
	"github.com/llama-logs/llama/internal/fsys"
)

// TestPutPrepared puts batches whose events are made on the way, by several goroutines,
// in fields that serve each run anew. Of a batch that is known in part, what is known is
// not prepared.
func TestPutPrepared(t *testing.T) {
	t.Parallel()
	a := open(t, fsys.NewMem(), newMaster(t), Options{FreeFloor: 1, Now: func() time.Time { return now }})
	defer a.Close()
	for _, tt := range []struct{ workers, known, events int }{{1, 0, 1000}, {2, 1000, 1500}, {3, 1500, 1501}, {2, 1501, 1501}} {
		b := &llama.Batch{Position: llama.Position{Source: "s", Last: uint64(tt.events - 1)}}
		for i := range tt.events {
			b.Events = append(b.Events, llama.Event{Place: uint64(i)})
		}
		var mu sync.Mutex
		var prepared []uint64
		prepare := make([]Prepare, tt.workers)
		for w := range prepare {
			fields := make([]llama.Field, encodeAtOnce)
			prepare[w] = func(run []llama.Event, _ []*column.Layout) error {
				for i := range run {
					e := &run[i]
					fields[i] = llama.Field{Name: "n", Value: fmt.Sprint(e.Place)}
					e.Message, e.Fields, e.Collection = fmt.Sprint("event ", e.Place), fields[i:i+1:i+1], []string{"even", "odd"}[e.Place%2]
					mu.Lock()
					prepared = append(prepared, e.Place)
					mu.Unlock()
				}
				return nil
			}
		}
		if err := a.PutPrepared(context.Background(), b, prepare...); err != nil {
			t.Fatal(err)
		}
		slices.Sort(prepared)
		var places []uint64
		for i := tt.known; i < tt.events; i++ {
			places = append(places, uint64(i))
		}
		if diff := cmp.Diff(places, prepared); diff != "" {
			t.Errorf("%d workers: prepared (-want +got):\n%s", tt.workers, diff)
		}
		got, err := contents(a)
		if err != nil || len(got) != tt.events {
			t.Fatalf("%d workers: %d events, want %d, error %v", tt.workers, len(got), tt.events, err)
		}
		slices.SortFunc(got, func(x, y llama.Event) int { return int(x.Seq) - int(y.Seq) })
		for i, e := range got {
			want := llama.Event{
				Time: e.Time, Ingested: llama.At(now), Seq: uint64(i + 1), Collection: []string{"even", "odd"}[i%2],
				Message: fmt.Sprint("event ", i), Fields: []llama.Field{{Name: "n", Value: fmt.Sprint(i)}},
			}
			if diff := cmp.Diff(want, e); diff != "" {
				t.Fatalf("%d workers, event %d (-want +got):\n%s", tt.workers, i, diff)
			}
		}
	}
}

// TestFilesKeptForTheLogAreRoom: files that wait to become the next of the log do not keep
// senders waiting when the disk runs full.
func TestFilesKeptForTheLogAreRoom(t *testing.T) {
	t.Parallel()
	const fileSize, floor = 16 << 10, 8 << 10
	disk := fsys.NewMem()
	a := open(t, disk, newMaster(t), Options{FreeFloor: floor, LogFileSize: fileSize, BlockRows: 1000, SegmentRows: 10_000})
	for range 2 {
		for i := range 70 {
			put(t, a, numbered(200*i, 200*(i+1)))
			must(t, a.log.Prepare())
		}
		must(t, a.sealDue(t.Context())) // but for the newest
	}
	disk.SetFree(floor - 1)
	put(t, a, numbered(0, 1)) // which fails if there is no room
	if free, _, _ := disk.Free(); free < fileSize {
		t.Errorf("%d bytes are free; want the room of what was kept", free)
	}
	disk.SetFree(floor - 1)
	if err := a.Put(t.Context(), numbered(0, 1)); llama.CodeOf(err) != llama.Unavailable {
		t.Errorf("with nothing to release: %v", err)
	}
}

// TestPatientBatchesAreWrittenTogether puts batches for which nobody waits: the first is
// written at once, those that come soon after it together and gatherFor after it, or with
// the next that is not patient, or when there are gatherBytes of them.
func TestPatientBatchesAreWrittenTogether(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := open(t, fsys.NewMem(), newMaster(t), small())
		defer a.Close()
		var puts sync.WaitGroup
		bytes := make([]byte, gatherBytes)
		rand.NewChaCha8([32]byte{}).Read(bytes)
		noise := string(bytes) // does not get smaller in the log
		begin := func(patient bool, size int) {
			puts.Go(func() {
				put(t, a, &llama.Batch{Patient: patient, Events: []llama.Event{{Collection: "c", Message: noise[:size]}}})
			})
		}
		// after expects that all Puts that are under way end together, a while from now.
		after := func(what string, want time.Duration) {
			t.Helper()
			began := time.Now()
			puts.Wait()
			if took := time.Since(began); took != want {
				t.Errorf("%s: they ended after %s; want %s", what, took, want)
			}
		}
		begin(true, 10)
		after("the first", 0)
		time.Sleep(gatherFor / 4)
		for range 20 {
			begin(true, 10)
		}
		synctest.Wait()
		if s := a.Stat(); s.Events != 1 {
			t.Errorf("%d events before it is time; want the first alone", s.Events)
		}
		after("20 soon after it", 3*gatherFor/4)
		if s := a.Stat(); s.Events != 21 {
			t.Errorf("%d events; want 21", s.Events)
		}
		begin(true, 10)
		synctest.Wait()
		begin(false, 10)
		after("one that is not patient, behind one that is", 0)
		for range 4 {
			begin(true, gatherBytes/4)
		}
		after("enough of them", 0)
		time.Sleep(gatherFor)
		begin(true, 10)
		after("one after a while", 0)
	})
}

// TestPatientBatchesWaitBehindAWrite puts batches for which nobody waits one after the
// other, on a disk that takes a while: those that come during a write wait for others, too.
func TestPatientBatchesWaitBehindAWrite(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const batches, apart, each = 200, time.Millisecond, 2 * time.Millisecond
		disk := &slow{FS: fsys.NewMem(), each: each}
		a := open(t, disk, newMaster(t), Options{FreeFloor: 1, Now: func() time.Time { return now }})
		defer a.Close()
		var puts sync.WaitGroup
		before := disk.synced.Load()
		for range batches {
			puts.Go(func() {
				put(t, a, &llama.Batch{Patient: true, Events: []llama.Event{{Collection: "c", Message: "m"}}})
			})
			time.Sleep(apart)
		}
		puts.Wait()
		most := int64(batches*apart/(gatherFor+2*each)) + 3 // the file is begun, and the first and the last
		if n := disk.synced.Load() - before; n > most {
			t.Errorf("%d batches in %s were synced %d times; want %d at most", batches, batches*apart, n, most)
		}
	})
}
