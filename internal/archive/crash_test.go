package archive

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/archive/wal"
	"github.com/llama-logs/llama/internal/config"
	"github.com/llama-logs/llama/internal/fsys"
	"github.com/llama-logs/llama/internal/seal"
)

// TestCrashKeepsAcknowledged lets archives live through random operations, faults,
// full disks, kills and power cuts. After each, what was acknowledged is there once,
// under its number. LLAMA_SEEDS=from-to says which lives; without it some.
func TestCrashKeepsAcknowledged(t *testing.T) {
	t.Parallel()
	from, to := uint64(1), fewer(150)
	if s := os.Getenv("LLAMA_SEEDS"); s != "" {
		if n, err := fmt.Sscanf(s, "%d-%d", &from, &to); n != 2 {
			t.Fatalf("LLAMA_SEEDS=%s: %v; for example 1-10000", s, err)
		}
	}
	m := newMaster(t)
	const shards = 2
	for shard := range uint64(shards) {
		t.Run(fmt.Sprint("shard ", shard), func(t *testing.T) {
			t.Parallel()
			for seed := from + shard; seed <= to; seed += shards {
				newWorld(t, m, seed).live()
			}
		})
	}
}

// A world is an archive on a disk that fails, and what its users were told.
type world struct {
	t     *testing.T
	name  string // how to run it again
	rng   *rand.Rand
	m     seal.Master
	o     Options
	clock time.Time
	disk  *fsys.Mem
	fault *fsys.Fault
	a     *Archive

	life   int
	opened bool // once, so that all that an archive needs is on the disk
	full   bool // the disk is
	dead   bool // the process is, for all it can do to the disk
	count  int

	days   map[string]int64  // of arrival, of each message that was ever put; the earliest
	known  map[string]bool   // acknowledged or seen, so it has to stay
	seqs   map[string]uint64 // numbers of those
	owners map[uint64]string // the reverse
	next   map[string]uint64 // by source
	kept   []byte            // a head of the history
	held   *Snapshot
	seen   []llama.Event // in held
}

func newWorld(t *testing.T, m seal.Master, seed uint64) *world {
	w := &world{
		t: t, rng: rand.New(rand.NewPCG(seed, 99)), m: m, clock: now, disk: fsys.NewMem(),
		days: map[string]int64{}, known: map[string]bool{}, seqs: map[string]uint64{}, owners: map[uint64]string{}, next: map[string]uint64{},
	}
	w.o = small()
	w.o.Now = w.now
	w.name = fmt.Sprintf("LLAMA_SEEDS=%d-%d", seed, seed)
	w.o.LogFileSize = config.Size(1+w.rng.IntN(4)) * config.KiB
	w.o.SegmentRows, w.o.BlockRows = 5+w.rng.IntN(60), 4+w.rng.IntN(36) // so that some blocks are packed long before they are sealed
	w.o.MergedRows = 20 + w.rng.IntN(200)
	w.o.Retention.Age = time.Duration(1+w.rng.IntN(3)) * day
	if w.rng.IntN(3) == 0 {
		w.o.HeadSize = 8 * config.KiB // so that Put seals, and a start does
	}
	return w
}

func (w *world) now() time.Time { return w.clock }

func (w *world) fatalf(format string, args ...any) {
	w.t.Helper()
	w.t.Fatalf("%s, life %d: %s", w.name, w.life, fmt.Sprintf(format, args...))
}

// live is a few lives and a last one without faults.
func (w *world) live() {
	for w.life = range 3 + w.rng.IntN(4) {
		var p fsys.Plan
		if w.rng.IntN(2) == 0 {
			p = w.plan()
		}
		if w.open(p) {
			for range w.rng.IntN(40) {
				w.step()
			}
			w.release()
		}
		w.end()
	}
	w.lastLife()
}

// lastLife looks that all is well without faults, and after one more power cut.
func (w *world) lastLife() {
	w.t.Helper()
	w.life++
	w.room()
	w.open(fsys.Plan{})
	w.goOn()
	w.disk = w.disk.Crash(w.rng.Uint64())
	w.open(fsys.Plan{})
	w.verify()
	if err := w.a.Close(); err != nil {
		w.fatalf("close: %v", err)
	}
}

// open begins a life, in which operations fail as planned.
func (w *world) open(p fsys.Plan) bool {
	w.t.Helper()
	w.fault = fsys.NewFault(w.disk)
	w.fault.Set(p)
	w.dead = p.Dead
	a, err := Open(w.fault, w.m, w.o)
	if err != nil {
		if !w.fault.Failed() && (!w.full || w.opened) {
			w.fatalf("open: %v", err)
		}
		return false
	}
	w.a, w.opened = a, true
	w.found()
	return true
}

// plan has operations fail some time.
func (w *world) plan() fsys.Plan {
	p := fsys.Plan{
		Only: []fsys.Ops{0, fsys.Changes, fsys.Changes, fsys.OpSync | fsys.OpSyncDir, fsys.OpWrite, fsys.OpRename | fsys.OpRemove}[w.rng.IntN(6)],
		At:   1 + w.rng.IntN(120), Then: w.rng.IntN(5) - 1, Partial: w.rng.Float64(), Done: w.rng.IntN(2) == 0,
		Err: []error{nil, syscall.ENOSPC}[w.rng.IntN(2)],
	}
	if w.rng.IntN(3) == 0 {
		p.Dead, p.Then = true, -1
	}
	return p
}

// found looks at what a life begins with. It was told to nobody yet, but is from
// now on.
func (w *world) found() {
	w.t.Helper()
	failed := w.fault.Failed()
	for source, next := range w.next {
		got := w.a.Next(source, "e")
		if got < next {
			w.fatalf("%d is next of %s, and %d was", got, source, next)
		}
		if !failed && !w.full {
			w.next[source] = got
			for _, e := range lines(source, next, got).Events {
				if e.Place < got {
					w.known[e.Message] = true
				}
			}
		}
	}
	for _, e := range w.check() {
		if !failed && !w.full {
			w.tell(e)
		}
	}
}

// tell takes note of an event that has to stay as it is.
func (w *world) tell(e llama.Event) {
	w.t.Helper()
	if seq, ok := w.seqs[e.Message]; ok && seq != e.Seq {
		w.fatalf("%q has number %d, and had %d", e.Message, e.Seq, seq)
	}
	if owner, ok := w.owners[e.Seq]; ok && owner != e.Message {
		w.fatalf("%q has number %d, which is that of %q", e.Message, e.Seq, owner)
	}
	w.known[e.Message] = true
	w.seqs[e.Message], w.owners[e.Seq] = e.Seq, e.Message
}

// excused reports whether an error can be from a fault.
func (w *world) excused() bool { return w.fault.Failed() || w.full }

// check compares the archive with what its users were told, and returns what it
// holds.
func (w *world) check() []llama.Event {
	w.t.Helper()
	events, err := contents(w.a)
	if err != nil {
		if !w.fault.Failed() { // a full disk can be read
			w.fatalf("read: %v", err)
		}
		return nil
	}
	w.compare(events)
	return events
}

func (w *world) compare(events []llama.Event) {
	w.t.Helper()
	got := map[string]int{}
	numbers := map[uint64]string{}
	for _, e := range events {
		got[e.Message]++
		if other, ok := numbers[e.Seq]; ok {
			w.fatalf("%q and %q have number %d", e.Message, other, e.Seq)
		}
		numbers[e.Seq] = e.Message
		if _, ok := w.days[e.Message]; !ok || got[e.Message] > 1 {
			w.fatalf("%q is there %d times, and was put: %v", e.Message, got[e.Message], ok)
		}
		if seq, ok := w.seqs[e.Message]; ok && seq != e.Seq {
			w.fatalf("%q has number %d, and had %d", e.Message, e.Seq, seq)
		}
	}
	for message := range w.known {
		if got[message] == 0 && !w.mayExpire(message) {
			w.fatalf("%q is lost", message)
		}
	}
}

func (w *world) mayExpire(message string) bool {
	return ended(w.days[message], w.clock.Add(-w.o.Retention.Age))
}

// step does one thing.
func (w *world) step() {
	w.t.Helper()
	ctx := context.Background()
	switch w.rng.IntN(21) {
	case 0, 1:
		w.excuse("seal", w.a.sealDue(ctx))
	case 2:
		w.excuse("seal all", w.a.sealAll(ctx))
	case 3:
		w.excuse("upkeep", w.a.upkeep(ctx))
	case 4:
		w.clock = w.clock.Add(time.Duration(w.rng.Int64N(int64(day))))
	case 5:
		w.follow()
		if head, err := w.a.Head(); err == nil {
			w.kept = head
		}
	case 6:
		w.release()
		w.hold()
	case 7:
		if w.rng.IntN(4) == 0 {
			w.full = true
			w.disk.SetFree(w.rng.Int64N(3000))
		} else {
			w.room()
		}
	case 8:
		if !w.dead && w.rng.IntN(2) == 0 {
			w.fault.Set(fsys.Plan{}) // the disk works again
			if w.a.Stat().Damaged == 0 {
				w.room()
				w.goOn()
			}
		}
	case 9, 10, 11, 12:
		w.put(w.plain())
	case 13:
		w.excuse("prepare a log file", w.a.log.Prepare())
	default:
		w.put(w.positioned())
	}
}

func (w *world) room() {
	w.disk.SetFree(1 << 30)
	w.full = false
}

// goOn looks that an archive without further faults does all that it should.
func (w *world) goOn() {
	w.t.Helper()
	ctx := context.Background()
	for range 2 {
		if b := w.positioned(); !w.put(b) {
			w.fatalf("a batch is refused when all is well")
		}
		if err := errors.Join(w.a.sealDue(ctx), w.a.upkeep(ctx)); err != nil {
			w.fatalf("%v", err)
		}
	}
	if err := errors.Join(w.a.sealAll(ctx), w.a.upkeep(ctx)); err != nil {
		w.fatalf("%v", err)
	}
	w.check()
	w.verify()
}

// verify looks that nothing seems to have been tampered with, and that the history goes
// on from the head that was kept, and keeps another.
func (w *world) verify() {
	w.t.Helper()
	v, err := w.a.Verify(context.Background(), VerifyOptions{Head: w.kept})
	if err != nil || len(v.Findings) > 0 {
		w.fatalf("verify: %v, %v", err, v)
	}
	w.kept = []byte(v.Head)
}

func (w *world) excuse(what string, err error) {
	w.t.Helper()
	if err != nil && !w.excused() {
		w.fatalf("%s: %v", what, err)
	}
}

// plain makes a batch without a position.
func (w *world) plain() *llama.Batch {
	b := &llama.Batch{}
	for range 1 + w.rng.IntN(4) {
		w.count++
		b.Events = append(b.Events, llama.Event{
			Collection: []string{"p", "q"}[w.rng.IntN(2)], Message: fmt.Sprint("plain ", w.count),
			Ingested: llama.At(w.clock.Add(-time.Duration(w.rng.IntN(2)) * day)),
		})
	}
	return b
}

// positioned makes a batch that goes on where its source is, or a little before.
func (w *world) positioned() *llama.Batch {
	source := fmt.Sprint("s", w.rng.IntN(3))
	first := w.a.Next(source, "e")
	last := first + w.rng.Uint64N(12)
	b := lines(source, first-min(first, w.rng.Uint64N(4)), last)
	for i := range b.Events {
		b.Events[i].Ingested = llama.At(w.clock)
	}
	return b
}

// put offers a batch, and reports whether it was taken.
func (w *world) put(b *llama.Batch) bool {
	w.t.Helper()
	for _, e := range b.Events {
		d, ok := w.days[e.Message]
		if !ok || wal.DayOf(e.Ingested) < d {
			w.days[e.Message] = wal.DayOf(e.Ingested)
		}
	}
	if err := w.a.Put(context.Background(), b); err != nil {
		if llama.CodeOf(err) != llama.Unavailable || !w.excused() {
			w.fatalf("put: %v", err)
		}
		return false
	}
	for _, e := range b.Events {
		if w.known[e.Message] = true; e.Seq > 0 { // 0: it was stored before, so now that is said
			w.tell(e)
		}
	}
	if b.Position.Named() {
		w.next[b.Position.Source] = b.Position.Last + 1
	}
	return true
}

// follow reads from some number on, by both ways there are.
func (w *world) follow() {
	w.t.Helper()
	events, err := contents(w.a)
	if err != nil || len(events) == 0 {
		return
	}
	from := events[w.rng.IntN(len(events))].Seq
	last := events[len(events)-1].Seq
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var got []llama.Event
	err = w.a.Follow(ctx, from, func(events []llama.Event) error {
		if got = append(got, events...); got[len(got)-1].Seq >= last {
			cancel()
		}
		return nil
	})
	if err != nil {
		w.excuse("follow", err)
		return
	}
	// Frames in memory may still have what expired from disk.
	got = slices.DeleteFunc(got, func(e llama.Event) bool {
		_, ok := slices.BinarySearchFunc(events, e.Seq, func(e llama.Event, seq uint64) int { return int(e.Seq) - int(seq) })
		return !ok && w.mayExpire(e.Message)
	})
	i := slices.IndexFunc(events, func(e llama.Event) bool { return e.Seq == from })
	if diff := diffEvents(events[i:], got); diff != "" {
		w.fatalf("followed from %d (-want +got):\n%s", from, diff)
	}
}

// hold takes a snapshot, which release looks at again.
func (w *world) hold() {
	if events, err := contents(w.a); err == nil {
		w.held, w.seen = w.a.Snapshot(), events
	}
}

func (w *world) release() {
	w.t.Helper()
	if w.held == nil {
		return
	}
	got, err := eventsIn(w.held)
	w.held.Close()
	w.held = nil
	if err != nil {
		w.excuse("read an older snapshot", err)
	} else if diff := diffEvents(w.seen, got); diff != "" {
		w.fatalf("an older snapshot (-want +got):\n%s", diff)
	}
}

// end ends a life: in order, by a kill or by a power cut.
func (w *world) end() {
	w.held = nil
	how := w.rng.IntN(4)
	if how < 2 && w.a != nil {
		w.excuse("close", w.a.Close())
	}
	w.a = nil
	if how%2 == 0 {
		w.disk = w.disk.Kill()
	} else {
		w.disk = w.disk.Crash(w.rng.Uint64())
	}
}
