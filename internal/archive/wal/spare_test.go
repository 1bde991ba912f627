package wal

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/fsys"
	"github.com/llama-logs/llama/internal/segment"
)

// TestPreparedFilesKeepAcknowledged writes to a log with and without prepared files,
// lets operations fail, and cuts the power: what was acknowledged is there, and nothing
// else, but perhaps the group that failed last.
func TestPreparedFilesKeepAcknowledged(t *testing.T) {
	t.Parallel()
	for seed := range uint64(300) {
		rng := rand.New(rand.NewPCG(seed, 7))
		w := newWritten(t)
		for range 3 {
			fault := fsys.NewFault(w.disk)
			l := w.write(t, fault)
			fault.Set(fsys.Plan{Only: fsys.Changes, At: rng.IntN(40), Then: -1, Partial: rng.Float64(), Done: rng.IntN(2) == 0})
			for range rng.IntN(12) {
				if rng.IntN(3) == 0 {
					l.wantedLength = []int64{l.fileSize, 150, 300}[rng.IntN(3)]
					if err := l.Prepare(); err != nil && !fault.Failed() {
						t.Fatal(err)
					}
				}
				if err := l.Write([]*Frame{w.frame()}); err != nil {
					w.next--
					w.bodies = w.bodies[:len(w.bodies)-1]
					break
				}
			}
			if rng.IntN(2) == 0 {
				l.Close()
			}
			w.disk = w.disk.Crash(rng.Uint64())
			got, err := w.replayed(w.disk, 0)
			if n := min(len(got), len(w.bodies)); err != nil || n < len(w.bodies) || len(got) > n+1 || !slices.Equal(got[:n], w.bodies) {
				t.Fatalf("seed %d: %d bodies, want %d, error %v", seed, len(got), len(w.bodies), err)
			}
			w.bodies, w.next = got, uint64(len(got))+1
		}
	}
}

// TestLogIsAskedForASpare fills files: where much comes in there is one prepared, which
// takes the place of the one that was not, and does not grow.
func TestLogIsAskedForASpare(t *testing.T) {
	t.Parallel()
	w := newWritten(t)
	l := w.write(t, w.disk)
	asked := 0
	for range 20 {
		if err := l.Write([]*Frame{w.frame()}); err != nil {
			t.Fatal(err)
		}
		select {
		case <-l.Wanted():
			if asked++; l.Prepare() != nil || l.spare == nil {
				t.Fatal("there is no spare")
			}
		default:
		}
		if c := l.current; c.prepared() {
			if size, err := c.Size(); size != l.fileSize || err != nil {
				t.Fatalf("a prepared file has %d bytes, %v", size, err)
			}
		}
	}
	if asked < 3 || !l.current.prepared() {
		t.Errorf("asked %d times; the last file was prepared: %v", asked, l.current.prepared())
	}
	number := l.spare
	if oldest := l.Oldest(w.next); number != nil && oldest > number.number {
		t.Errorf("files before %d are not needed, but %d comes", oldest, number.number)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	for _, f := range l.files {
		info, err := w.disk.Stat(fileName(f.number))
		if err != nil || info.Size() != f.durable {
			t.Errorf("file %d has %d bytes, of which %d count, %v", f.number, info.Size(), f.durable, err)
		}
	}
	if got, err := w.replayed(w.disk, 0); err != nil || !slices.Equal(got, w.bodies) {
		t.Errorf("%d bodies, want %d, error %v", len(got), len(w.bodies), err)
	}
}

// TestSmallSpareWhereLittleComesOften writes small frames one by one: after some there is a
// spare that is short, and another before that is full. Where they come seldom there is none.
func TestSmallSpareWhereLittleComesOften(t *testing.T) {
	t.Parallel()
	w := newWritten(t)
	l, err := Open(w.disk, w.key, 0, 8*smallSpare, func(*Frame) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	write := func(n int, apart time.Duration) (asked int) {
		t.Helper()
		for range n {
			if err := l.Write([]*Frame{w.frame()}); err != nil {
				t.Fatal(err)
			}
			l.current.marked = l.current.marked.Add(-apart)
			select {
			case <-l.Wanted():
				if asked++; l.Prepare() != nil {
					t.Fatal("no spare can be made")
				}
			default:
			}
		}
		return asked
	}
	if asked := write(4*fastWrites, 2*fastTime/fastWrites); asked > 0 {
		t.Errorf("asked %d times for a spare where little comes seldom", asked)
	}
	const often = fastTime / 2 / fastWrites
	if asked := write(4*fastWrites, often); asked != 1 {
		t.Errorf("asked %d times for a spare where little comes often", asked)
	}
	if size, err := l.current.Size(); err != nil || size != smallSpare || l.current.length != smallSpare {
		t.Errorf("the file has %d bytes, and %d that are written over; want %d, %v", size, l.current.length, smallSpare, err)
	}
	for number := l.current.number; l.current.number < number+3; {
		write(1, often)
		if !l.current.prepared() {
			t.Fatalf("file %d was not prepared", l.current.number)
		}
	}
	got, err := w.replayed(w.disk.Crash(0), 0)
	if err != nil || !slices.Equal(got, w.bodies) {
		t.Errorf("%d bodies, want %d, error %v", len(got), len(w.bodies), err)
	}
}

// A busyDisk has another call come between while a file is made.
type busyDisk struct {
	fsys.FS
	name    string
	between func()
}

func (d *busyDisk) Create(name string) (fsys.File, error) {
	if name == d.name {
		d.name = ""
		d.between()
	}
	return d.FS.Create(name)
}

// TestSpareThatComesTooLateIsDropped lets the next file be needed, and begun, while it
// is still prepared.
func TestSpareThatComesTooLateIsDropped(t *testing.T) {
	t.Parallel()
	w := newWritten(t)
	disk := &busyDisk{FS: w.disk, name: fileName(2)}
	l := w.write(t, disk, 1)
	disk.between = func() {
		for range 10 {
			if err := l.Write([]*Frame{w.frame()}); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := l.Prepare(); err != nil {
		t.Fatal(err)
	}
	if _, err := w.disk.Stat(fileName(2)); err == nil || l.spare != nil {
		t.Errorf("the file that came too late is there: %v", err)
	}
	for range 4 {
		if err := l.Write([]*Frame{w.frame()}); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := w.replayed(w.disk.Crash(0), 0); err != nil || !slices.Equal(got, w.bodies) {
		t.Errorf("%d bodies, want %d, error %v", len(got), len(w.bodies), err)
	}
}

// TestHeaderOfANewestFile has a newest file begin with parts of a header: with zeros
// behind nothing was written to it, and with anything else it is damaged.
func TestHeaderOfANewestFile(t *testing.T) {
	t.Parallel()
	w := newWritten(t)
	w.write(t, w.disk, 2)
	w.write(t, w.disk, 1)
	data, err := fsys.ReadFile(w.disk, fileName(2), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	for cut := range headerSize {
		for _, tail := range []byte{0, 1} {
			file := make([]byte, len(data))
			copy(file, data[:cut])
			file[len(file)-1] = tail
			got, err := w.replayed(w.with(t, file), 0)
			_, corrupt := errors.AsType[*segment.CorruptError](err)
			if tail == 0 && (err != nil || !slices.Equal(got, w.bodies[:2])) || tail == 1 && !corrupt {
				t.Fatalf("%s: %d bodies, error %v", fmt.Sprintf("%d bytes of the header, then %d", cut, tail), len(got), err)
			}
		}
	}
}

// TestFilesAreUsedAgain has files that are no longer needed become the next ones, lets
// operations fail, and cuts the power: what was acknowledged and is still needed is
// there, what a file held before does not come back, and no file has the key to it.
func TestFilesAreUsedAgain(t *testing.T) {
	t.Parallel()
	const fileSize = 3 * wiped
	again := 0
	for seed := range uint64(150) {
		rng := rand.New(rand.NewPCG(seed, 8))
		w := newWritten(t)
		oldest := uint64(0)
		open := func(disk fsys.FS) (l *Log, got []string, err error) {
			l, err = Open(disk, w.key, oldest, fileSize, func(f *Frame) error {
				got = append(got, f.Sections[0].data)
				return nil
			})
			return l, got, err
		}
		needed := uint64(1) // arrival number of the first event that is
		for range 3 {
			fault := fsys.NewFault(w.disk)
			l, _, err := open(fault)
			if err != nil {
				t.Fatal(err)
			}
			fault.Set(fsys.Plan{Only: fsys.Changes, At: rng.IntN(300), Then: -1, Partial: rng.Float64(), Done: rng.IntN(2) == 0})
			for range 120 {
				if rng.IntN(8) == 0 {
					kept := len(l.kept)
					l.wantedLength = []int64{l.fileSize, 150, wiped, 2 * wiped}[rng.IntN(4)]
					if err := l.Prepare(); err != nil && !fault.Failed() {
						t.Fatal(err)
					} else if err == nil && len(l.kept) < kept {
						again++
					}
				}
				if rng.IntN(10) == 0 && w.next > needed {
					needed += rng.Uint64N(w.next - needed)
					if oldest = l.Oldest(needed); l.Remove(oldest) != nil && !fault.Failed() {
						t.Fatal("a file cannot be removed")
					}
				}
				if err := l.Write([]*Frame{w.long(rng)}); err != nil {
					w.next--
					w.bodies = w.bodies[:len(w.bodies)-1]
					break
				}
			}
			if len(l.kept) > maxSpares {
				t.Fatalf("seed %d: %d files are kept", seed, len(l.kept))
			}
			for _, number := range l.kept {
				data, err := fsys.ReadFile(w.disk, fileName(number), 1<<20)
				if err != nil || string(data[:wiped]) != string(zeros[:wiped]) {
					t.Fatalf("seed %d: file %d that is kept is not wiped, %v", seed, number, err)
				}
			}
			if rng.IntN(2) == 0 {
				l.Close()
			}
			w.disk = w.disk.Crash(rng.Uint64())
			_, got, err := open(w.disk)
			want := w.bodies[needed-1:]
			extra := len(got) > 0 && (len(w.bodies) == 0 || got[len(got)-1] != w.bodies[len(w.bodies)-1])
			if extra {
				w.bodies = append(w.bodies, got[len(got)-1])
				want, w.next = w.bodies[needed-1:], w.next+1
			}
			if err != nil || len(got) < len(want) || !slices.Equal(got, w.bodies[len(w.bodies)-len(got):]) {
				t.Fatalf("seed %d: %d bodies, want at least %d of %d, error %v", seed, len(got), len(want), len(w.bodies), err)
			}
		}
	}
	if again < 100 {
		t.Errorf("files were used again %d times", again)
	}
}

// long returns the next frame, with a message that takes room.
func (w *written) long(rng *rand.Rand) *Frame {
	text := make([]byte, 300)
	for i := range text {
		text[i] = byte(' ' + rng.IntN(90))
	}
	var e Encoder
	f, err := e.Encode(llama.Position{}, []llama.Event{{Collection: "c", Message: fmt.Sprint(w.next, " ", string(text))}})
	if err != nil {
		panic(err)
	}
	f.First = w.next
	w.bodies = append(w.bodies, f.Sections[0].data)
	w.next++
	return f
}

// TestKeptFilesGoAtRest keeps files for the next ones while much comes in, and not longer.
func TestKeptFilesGoAtRest(t *testing.T) {
	t.Parallel()
	w := newWritten(t)
	l, err := Open(w.disk, w.key, 0, 3*wiped, func(*Frame) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 8))
	for len(l.files) < 2*maxSpares {
		if err := errors.Join(l.Write([]*Frame{w.long(rng)}), l.Prepare()); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(l.Remove(l.Oldest(w.next-1)), l.Rest()); err != nil {
		t.Fatal(err)
	}
	kept := l.kept
	if len(kept) != maxSpares {
		t.Fatalf("%d files are kept, want %d", len(kept), maxSpares)
	}
	l.current.marked = l.current.marked.Add(-2 * fastTime)
	if err := l.Rest(); err != nil || len(l.kept) > 0 {
		t.Fatalf("%d files are kept at rest, error %v", len(l.kept), err)
	}
	for _, number := range kept {
		if _, err := w.disk.Stat(fileName(number)); err == nil {
			t.Errorf("file %d is there", number)
		}
	}
}

// TestBusyAsLongAsMuchComes: files are kept also through the second half of one for which the
// next is there already.
func TestBusyAsLongAsMuchComes(t *testing.T) {
	t.Parallel()
	w := newWritten(t)
	l, err := Open(w.disk, w.key, 0, 64*wiped, func(*Frame) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(2, 8))
	for i := 0; l.current == nil || !l.current.asked || l.current.durable < l.fileSize*3/4; i++ {
		if err := l.Write([]*Frame{w.long(rng)}); err != nil {
			t.Fatal(err)
		}
		if i == 1000 {
			t.Fatal("no spare is asked for")
		}
		l.current.marked = l.current.marked.Add(-fastTime / 100) // a hundred frames come in fastTime
	}
	if !l.busy() {
		t.Error("much comes in, but it is said that it does not")
	}
}
