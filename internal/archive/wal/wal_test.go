package wal

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/fsys"
	"github.com/llama-logs/llama/internal/seal"
	"github.com/llama-logs/llama/internal/segment"
	"pgregory.net/rapid"
)

// events draws a batch of few shapes.
func events(t *rapid.T) []llama.Event {
	text := rapid.SampledFrom([]string{"", "a", "root", "\xff\x00", strings.Repeat("long", 50)})
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) llama.Event {
		e := llama.Event{
			Time: llama.Time(rapid.Int64().Draw(t, "time")), Ingested: llama.Time(rapid.Int64().Draw(t, "ingested")),
			Collection: rapid.SampledFrom([]string{"sshd", "c"}).Draw(t, "collection"),
			Source:     rapid.SampledFrom([]string{"", "udp"}).Draw(t, "source"), Message: text.Draw(t, "message"),
		}
		for i := range rapid.IntRange(0, 3).Draw(t, "fields") {
			kind := llama.Kind(rapid.IntRange(0, int(llama.Object)).Draw(t, "kind"))
			e.Fields = append(e.Fields, llama.Field{Name: fmt.Sprint("n", i*rapid.IntRange(1, 2).Draw(t, "n")), Value: text.Draw(t, "value"), Kind: kind})
		}
		return e
	}), 0, 30).Draw(t, "events")
}

// decode reads a body back.
func decode(body string) ([]llama.Event, llama.Position, error) {
	r := Read(body)
	var all []llama.Event
	for row := r.Next(); row != nil; row = r.Next() {
		e := llama.Event{Time: row.Time, Ingested: row.Ingested, Collection: row.Shape.Collection, Source: row.Shape.Source, Message: row.Message}
		for i, value := range row.Values {
			e.Fields = append(e.Fields, llama.Field{Name: row.Shape.Names[i], Value: value, Kind: row.Shape.Kinds[i]})
		}
		all = append(all, e)
	}
	return all, r.Position(), r.Err()
}

func TestBodyRoundTrip(t *testing.T) {
	t.Parallel()
	var e Encoder // used again and again
	rapid.Check(t, func(t *rapid.T) {
		want := events(t)
		var position llama.Position
		if rapid.Bool().Draw(t, "positioned") {
			position = llama.Position{Source: "s", Epoch: rapid.String().Draw(t, "epoch"), First: rapid.Uint64().Draw(t, "first"), Last: rapid.Uint64().Draw(t, "last")}
		}
		got, p, err := decode(string(e.Append(nil, position, want)))
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" || err != nil || p != position {
			t.Fatalf("error %v, position %v of %v, events (-want +got):\n%s", err, p, position, diff)
		}
	})
}

// written is a log with some groups of frames, and the bodies in it.
type written struct {
	disk   *fsys.Mem
	key    seal.Key
	bodies []string
	next   uint64
}

// write opens the log and writes groups of frames, one event each.
func (w *written) write(t *testing.T, disk fsys.FS, groups ...int) *Log {
	t.Helper()
	l, err := Open(disk, w.key, 0, 400, func(*Frame) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range groups {
		var frames []*Frame
		for range n {
			frames = append(frames, w.frame())
		}
		if err := l.Write(frames); err != nil {
			t.Fatal(err)
		}
	}
	return l
}

func (w *written) frame() *Frame {
	var e Encoder
	body := string(e.Append(nil, llama.Position{}, []llama.Event{{Collection: "c", Message: fmt.Sprint("event ", w.next, strings.Repeat("x", 100))}}))
	f := &Frame{First: w.next, Events: 1, Body: body}
	f.Pack(nil)
	w.bodies = append(w.bodies, body)
	w.next++
	return f
}

func newWritten(t *testing.T) *written {
	w := &written{disk: fsys.NewMem(), key: seal.NewKey(), next: 1}
	if err := errors.Join(w.disk.MkdirAll(Folder), w.disk.SyncDir(".")); err != nil {
		t.Fatal(err)
	}
	return w
}

// replayed returns the bodies that the log holds.
func (w *written) replayed(disk fsys.FS, oldest uint64) (bodies []string, err error) {
	_, err = Open(disk, w.key, oldest, 400, func(f *Frame) error {
		bodies = append(bodies, f.Body)
		return nil
	})
	return bodies, err
}

func TestLogPlaysBackWhatWasWritten(t *testing.T) {
	t.Parallel()
	w := newWritten(t)
	for range 3 { // over several starts and files
		w.write(t, w.disk, 1, 3, 10, 2, 1)
	}
	if names, _ := w.disk.List(Folder); len(names) < 4 {
		t.Errorf("only %d files", len(names))
	}
	got, err := w.replayed(w.disk, 0)
	if diff := cmp.Diff(w.bodies, got); diff != "" || err != nil {
		t.Errorf("error %v, bodies (-want +got):\n%s", err, diff)
	}
}

// TestTornTailIsCut cuts the last file at each byte, and damages each byte of its
// last group: what was acknowledged before is there, nothing else, and the log can
// be written on.
func TestTornTailIsCut(t *testing.T) {
	t.Parallel()
	w := newWritten(t)
	w.write(t, w.disk, 2)
	w.write(t, w.disk, 1, 2)
	name := fileName(2)
	data, err := fsys.ReadFile(w.disk, name, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	group := headerSize + w.frameSize(t, data, headerSize) // the last group begins here
	for cut := headerSize; cut <= len(data); cut++ {
		want := w.bodies[:2]
		for at := headerSize; at < len(data); {
			if at += w.frameSize(t, data, at); at <= cut {
				want = w.bodies[:len(want)+1]
			}
		}
		w.plays(t, data[:cut], want, fmt.Sprint("cut at ", cut))
	}
	for at := group; at < len(data); at++ {
		damaged := slices.Clone(data)
		damaged[at] ^= 1
		want := w.bodies[:3]
		if at >= group+w.frameSize(t, data, group) {
			want = w.bodies[:4]
		}
		w.plays(t, damaged, want, fmt.Sprint("damaged at ", at))
	}
	for at := headerSize; at < group; at++ { // acknowledged when the last group was written
		damaged := slices.Clone(data)
		damaged[at] ^= 1
		w.refuses(t, damaged, headerSize, fmt.Sprint("damaged at ", at))
	}
	for at := range headerSize {
		damaged := slices.Clone(data)
		damaged[at] ^= 1
		w.refuses(t, damaged, 0, fmt.Sprint("damaged at ", at))
	}
	for cut := range headerSize { // a file that was being made
		w.plays(t, data[:cut], w.bodies[:2], fmt.Sprint("cut at ", cut))
	}
}

func (w *written) frameSize(t *testing.T, data []byte, at int) int {
	h, err := decodeHead(data[at:], data[32:48])
	if err != nil {
		t.Fatal(err)
	}
	return frameHeader + h.length
}

// with returns a copy of the log with other content of its second file.
func (w *written) with(t *testing.T, second []byte) *fsys.Mem {
	disk := fsys.NewMem()
	first, err := fsys.ReadFile(w.disk, fileName(1), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(disk.MkdirAll(Folder), fsys.Replace(disk, fileName(1), first), fsys.Replace(disk, fileName(2), second)); err != nil {
		t.Fatal(err)
	}
	return disk
}

func (w *written) plays(t *testing.T, second []byte, want []string, when string) {
	t.Helper()
	disk := w.with(t, second)
	got, err := w.replayed(disk, 0)
	if err != nil || !slices.Equal(got, want) {
		t.Fatalf("%s: %d bodies, want %d, error %v", when, len(got), len(want), err)
	}
	more := &written{disk: disk, key: w.key, next: uint64(len(want)) + 1}
	more.write(t, disk, 1)
	if got, err := w.replayed(disk, 0); err != nil || !slices.Equal(got, append(slices.Clone(want), more.bodies...)) {
		t.Fatalf("%s, and written on: %d bodies, want %d, error %v", when, len(got), len(want)+1, err)
	}
}

func (w *written) refuses(t *testing.T, second []byte, offset int64, when string) {
	t.Helper()
	_, err := w.replayed(w.with(t, second), 0)
	if corrupt, ok := errors.AsType[*segment.CorruptError](err); !ok || corrupt.File != fileName(2) || corrupt.Offset != offset {
		t.Fatalf("%s: error %v, want one at byte %d", when, err, offset)
	}
}

func TestDamageInAnEarlierFileIsNamed(t *testing.T) {
	t.Parallel()
	w := newWritten(t)
	w.write(t, w.disk, 1, 1)
	w.write(t, w.disk, 1) // the last frame of the first file is written again to the second
	data, err := fsys.ReadFile(w.disk, fileName(1), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	for cut := range headerSize + w.frameSize(t, data, headerSize) {
		if err := fsys.Replace(w.disk, fileName(1), data[:cut]); err != nil {
			t.Fatal(err)
		}
		_, err := w.replayed(w.disk, 0)
		if corrupt, ok := errors.AsType[*segment.CorruptError](err); !ok || corrupt.File != fileName(1) {
			t.Fatalf("cut at %d: %v", cut, err)
		}
	}
	if err := w.disk.Remove(fileName(1)); err != nil {
		t.Fatal(err)
	}
	if _, err := w.replayed(w.disk, 0); err == nil || !strings.Contains(err.Error(), "missing") {
		t.Errorf("without the first file: %v", err)
	}
	if got, err := w.replayed(w.disk, 2); err != nil || len(got) != 2 {
		t.Errorf("from the second file on: %d bodies, %v", len(got), err)
	}
}

// TestFailedSyncIsNotBuiltOn lets a sync fail in a process that then is killed. The
// next still sees the frame, or the header, as the system shows it, and goes on; then
// the power is cut, and what was never on the disk is gone from that file.
func TestFailedSyncIsNotBuiltOn(t *testing.T) {
	t.Parallel()
	for groups := range 3 {
		for seed := range uint64(20) {
			w := newWritten(t)
			fault := fsys.NewFault(w.disk)
			l := w.write(t, fault, slices.Repeat([]int{1}, groups)...)
			fault.Set(fsys.Plan{Only: fsys.OpSync | fsys.OpTruncate | fsys.OpRemove, At: 1, Then: -1})
			if err := l.Write([]*Frame{w.frame()}); err == nil {
				t.Fatal("Write says nothing")
			}
			disk := w.disk.Kill()
			shown, err := w.replayed(disk, 0)
			if err != nil {
				t.Fatal(err)
			}
			more := &written{disk: disk, key: w.key, next: uint64(len(shown)) + 1}
			if seed%2 == 0 {
				more.write(t, disk, 1)
			}
			got, err := w.replayed(disk.Crash(seed), 0)
			if want := slices.Concat(shown, more.bodies); err != nil || !slices.Equal(got, want) {
				t.Fatalf("%d groups, seed %d: %d bodies, want %d, error %v", groups, seed, len(got), len(want), err)
			}
		}
	}
}

// TestFullDiskCanBeRead opens a log whose end has to be written again where there is
// no room for it: it is played back, kept by what follows, and written as soon as
// there is room.
func TestFullDiskCanBeRead(t *testing.T) {
	t.Parallel()
	for _, groups := range [][]int{{2}, {1, 2}} {
		w := newWritten(t)
		w.write(t, w.disk, groups...)
		disk := w.disk.Kill()
		disk.SetFree(10)
		for range 2 {
			if got, err := w.replayed(disk, 0); err != nil || !slices.Equal(got, w.bodies) {
				t.Fatalf("%v: %d bodies, want %d, error %v", groups, len(got), len(w.bodies), err)
			}
			disk = disk.Kill()
		}
		l := w.write(t, disk)
		last := w.next - 1
		if err := l.Write([]*Frame{w.frame()}); !errors.Is(err, syscall.ENOSPC) {
			t.Fatalf("%v: %v", groups, err)
		}
		w.bodies, w.next = w.bodies[:last], last+1
		if err := l.Remove(l.Oldest(last)); err != nil { // the last event is nowhere else
			t.Fatal(err)
		}
		disk.SetFree(1 << 20)
		if err := l.Write([]*Frame{w.frame()}); err != nil {
			t.Fatal(err)
		}
		if got, err := w.replayed(disk.Crash(1), 0); err != nil || !slices.Equal(got, w.bodies) {
			t.Errorf("%v: %d bodies, want %d, error %v", groups, len(got), len(w.bodies), err)
		}
	}
}

// TestFailedWriteDoesNotCount lets a write or sync fail in each way: what was in that
// group is gone, what comes after is there, in another file.
func TestFailedWriteDoesNotCount(t *testing.T) {
	t.Parallel()
	for _, plan := range []fsys.Plan{
		{Only: fsys.OpWrite, At: 1}, {Only: fsys.OpWrite, At: 1, Partial: 0.6}, {Only: fsys.OpSync, At: 1},
		{Only: fsys.OpSync, At: 1, Done: true}, {Only: fsys.Changes, At: 1, Then: 2, Partial: 1}, {Only: fsys.Changes, At: 2, Then: 1, Done: true},
	} {
		w := newWritten(t)
		fault := fsys.NewFault(w.disk)
		l := w.write(t, fault, 1)
		fault.Set(plan)
		if err := l.Write([]*Frame{w.frame()}); err == nil {
			t.Fatalf("%+v: Write says nothing", plan)
		}
		w.bodies, w.next = w.bodies[:1], 2 // it does not count, and its number is free
		var err error
		for range 5 {
			f := w.frame()
			if err = l.Write([]*Frame{f}); err == nil {
				break
			}
			w.bodies, w.next = w.bodies[:1], 2
		}
		if err != nil {
			t.Fatalf("%+v: %v", plan, err)
		}
		if got, err := w.replayed(w.disk.Kill(), 0); err != nil || !slices.Equal(got, w.bodies) {
			t.Errorf("%+v: %d bodies, want %d, error %v", plan, len(got), len(w.bodies), err)
		}
	}
}

func TestRemoveKeepsWhatIsNeeded(t *testing.T) {
	t.Parallel()
	w := newWritten(t)
	l := w.write(t, w.disk, 1, 10, 10, 10, 1) // 32 events
	before := l.Bytes()
	oldest := l.Oldest(15)
	if err := l.Remove(oldest); err != nil {
		t.Fatal(err)
	}
	got, err := w.replayed(w.disk, oldest)
	if err != nil || len(got) < 18 || len(got) > 28 || !slices.Equal(got, w.bodies[len(w.bodies)-len(got):]) || l.Bytes() >= before {
		t.Errorf("%d of the last 18 bodies, %d of %d bytes, error %v", len(got), l.Bytes(), before, err)
	}
	oldest = l.Oldest(33)
	if err := l.Remove(oldest); err != nil {
		t.Fatal(err)
	}
	if names, _ := w.disk.List(Folder); len(names) != 0 || l.Bytes() != 0 {
		t.Errorf("%v, %d bytes left when nothing is needed", names, l.Bytes())
	}
	if err := l.Write([]*Frame{w.frame()}); err != nil {
		t.Fatal(err)
	}
	if got, err := w.replayed(w.disk, oldest); err != nil || len(got) != 1 {
		t.Errorf("%d bodies after all that, want 1, error %v", len(got), err)
	}
}

func TestCheckpointRoundTrip(t *testing.T) {
	t.Parallel()
	disk, key := fsys.NewMem(), seal.NewKey()
	if err := disk.MkdirAll(Folder); err != nil {
		t.Fatal(err)
	}
	if c, err := LoadCheckpoint(disk, key); err != nil || c.Next != 0 {
		t.Errorf("without one: %v, %v", c, err)
	}
	want := &Checkpoint{Next: 7, Oldest: 3, Positions: []Position{{"s", "e", 5, 6}, {"", "", 1 << 63, 0}}}
	if err := want.Save(disk, key); err != nil {
		t.Fatal(err)
	}
	got, err := LoadCheckpoint(disk, key)
	if err != nil || !cmp.Equal(got, want) {
		t.Errorf("got %v, %v, want %v", got, err, want)
	}
	data, err := fsys.ReadFile(disk, checkpointName, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	for at := range data {
		damaged := slices.Clone(data)
		damaged[at] ^= 1
		if err := fsys.Replace(disk, checkpointName, damaged); err != nil {
			t.Fatal(err)
		}
		if _, err := LoadCheckpoint(disk, key); err == nil {
			t.Fatalf("damaged at %d and loaded", at)
		} else if _, ok := errors.AsType[*segment.CorruptError](err); !ok {
			t.Fatalf("damaged at %d: %v", at, err)
		}
	}
}

func FuzzReadBody(f *testing.F) {
	var e Encoder
	f.Add(string(e.Append(nil, llama.Position{Source: "s", Last: 4}, []llama.Event{
		{Collection: "c", Message: "m", Fields: []llama.Field{{Name: "n", Value: "v", Kind: llama.Number}}}, {Collection: "c", Message: "m"},
	})))
	f.Fuzz(func(t *testing.T, body string) {
		all, p, err := decode(body)
		if err != nil {
			if !errors.Is(err, ErrBody) {
				t.Errorf("error %v does not wrap ErrBody", err)
			}
			return
		}
		again, q, err := decode(string(e.Append(nil, p, all)))
		if err != nil || p.Named() && p != q || !cmp.Equal(all, again, cmpopts.EquateEmpty()) {
			t.Errorf("%v: %v is not %v", err, again, all)
		}
	})
}

func FuzzDecodeFrame(f *testing.F) {
	w := written{next: 1}
	frame := w.frame()
	salt := make([]byte, 16)
	sealed := frame.append(nil, seal.NewKey().File("f"), salt, 1, 0)
	f.Add(sealed, frame.packed)
	f.Fuzz(func(t *testing.T, head, plain []byte) {
		decodeHead(head, salt)
		if got, err := decodeFrame(plain); err == nil && len(got.Body) > MaxBody {
			t.Errorf("a body of %d bytes", len(got.Body))
		}
	})
}

func FuzzDecodeHeader(f *testing.F) {
	key := seal.NewKey()
	h := header{number: 2, before: 1, durable: 300, key: seal.NewKey()}
	f.Add(h.append(nil, key))
	f.Fuzz(func(t *testing.T, data []byte) {
		decodeHeader(data, 2, seal.Keys{key})
	})
}

func FuzzDecodeCheckpoint(f *testing.F) {
	f.Add((&Checkpoint{Next: 7, Oldest: 3, Positions: []Position{{"s", "e", 5, 6}}}).append(nil))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := decodeCheckpoint(data)
		if err != nil {
			return
		}
		if again, err := decodeCheckpoint(c.append(nil)); err != nil || !cmp.Equal(c, again) {
			t.Errorf("%v: %v is not %v", err, again, c)
		}
	})
}

func BenchmarkEncode(b *testing.B) {
	var events []llama.Event
	for i := range 1000 {
		events = append(events, llama.Event{Collection: "sshd", Source: "udp 192.0.2.7", Message: fmt.Sprint("Failed password for root from 192.0.2.", i%256, " port ", i), Fields: []llama.Field{
			{Name: "event.action", Value: "login"}, {Name: "event.outcome", Value: "failure"},
			{Name: "source.ip", Value: fmt.Sprint("192.0.2.", i%256)}, {Name: "source.port", Value: fmt.Sprint(i), Kind: llama.Number},
		}})
	}
	var e Encoder
	var buf []byte
	b.ReportAllocs()
	for b.Loop() {
		buf = e.Append(buf[:0], llama.Position{}, events)
	}
	b.ReportMetric(float64(b.N*len(events))/b.Elapsed().Seconds(), "events/s")
	b.ReportMetric(float64(len(buf))/float64(len(events)), "bytes/event")
}
