package archive

import (
	"fmt"
	"sync"
	"testing"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/fsys"
	"github.com/llama-logs/llama/internal/query"
)

// watched is a disk that notes what was asked for ahead of time, and what was read that
// was not.
type watched struct {
	fsys.FS
	mu    sync.Mutex
	asked map[string][][2]int64 // by file: first byte, and the one behind the last
	late  []string
	reads int
}

type watchedFile struct {
	fsys.File
	disk *watched
	name string
}

func (w *watched) Open(name string) (fsys.File, error) {
	f, err := w.FS.Open(name)
	if err != nil {
		return nil, err
	}
	return &watchedFile{f, w, name}, nil
}

func (f *watchedFile) WillNeed(offset, length int64) {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	f.disk.asked[f.name] = append(f.disk.asked[f.name], [2]int64{offset, offset + length})
}

func (f *watchedFile) ReadAt(p []byte, offset int64) (int, error) {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	f.disk.reads++
	for _, r := range f.disk.asked[f.name] {
		if r[0] <= offset && offset+int64(len(p)) <= r[1] {
			return f.File.ReadAt(p, offset)
		}
	}
	f.disk.late = append(f.disk.late, fmt.Sprintf("%s %d+%d", f.name, offset, len(p)))
	return f.File.ReadAt(p, offset)
}

// TestNewestIsOneBlock, the last in a segment.
func TestNewestIsOneBlock(t *testing.T) {
	t.Parallel()
	a := open(t, fsys.NewMem(), newMaster(t), Options{FreeFloor: 1, BlockRows: 100, SegmentRows: 200})
	s := a.Snapshot()
	if refs := (Newest{s}).Refs("", 0, llama.At(now.AddDate(1, 0, 0))); len(refs) > 0 {
		t.Errorf("an empty archive has %d blocks", len(refs))
	}
	s.Close()
	for i := range 5 {
		put(t, a, numbered(100*i, 100*(i+1)))
	}
	sealed(t, a)
	s = a.Snapshot()
	defer s.Close()
	refs := Newest{s}.Refs("", 0, llama.At(now.AddDate(1, 0, 0)))
	if len(refs) != 1 || refs[0].LastSeq != 500 {
		t.Fatalf("got %+v, want the block up to 500", refs)
	}
	if b, err := refs[0].Read(t.Context()); err != nil || b.Rows() != 100 {
		t.Errorf("read it: %v, %v", b, err)
	}
}

// TestReadsAreAskedForAhead: of many blocks, in one segment or one in each, only what is
// read of the first is waited for.
func TestReadsAreAskedForAhead(t *testing.T) {
	t.Parallel()
	const blocks = 20
	for _, segments := range []int{1, blocks} {
		mem, m := fsys.NewMem(), newMaster(t)
		o := Options{FreeFloor: 1, BlockRows: 100, SegmentRows: 100 * blocks / segments}
		a := open(t, mem, m, o)
		for i := range blocks {
			put(t, a, numbered(100*i, 100*(i+1)))
			if (i+1)%(blocks/segments) == 0 {
				sealed(t, a)
			}
		}
		if n := a.Stat().Segments; n != segments {
			t.Fatalf("%d segments, want %d", n, segments)
		}
		if err := a.Close(); err != nil {
			t.Fatal(err)
		}
		for _, text := range []string{`* | stats by (user.name) count() n`, `request`, `ann | stats by (_time:1s) count() n`} {
			disk := &watched{FS: mem, asked: map[string][][2]int64{}}
			a := open(t, disk, m, o)
			disk.late, disk.reads = nil, 0
			q, err := query.Parse(text, now)
			if err != nil {
				t.Fatal(err)
			}
			s := a.Snapshot()
			rows := 0
			err = q.Lines(t.Context(), s, query.RunOptions{Workers: 1}, func(_ []byte, n int) error { rows += n; return nil })
			s.Close()
			if err != nil || rows == 0 {
				t.Fatalf("%s: %d rows, %v", text, rows, err)
			}
			ofOne := disk.reads / blocks
			if ofOne < 1 || len(disk.late) > 2*ofOne+1 {
				t.Errorf("%s: of blocks in %d segments %d of %d reads were not asked for before: %q", text, segments, len(disk.late), disk.reads, disk.late)
			}
			if err := a.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
}
