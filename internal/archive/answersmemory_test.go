package archive

import (
	"fmt"
	"math"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/column"
	"github.com/llama-logs/llama/internal/fsys"
)

// oneSealed returns an archive with one segment, and that as queries see it.
func oneSealed(t *testing.T, o Options) (*Archive, *column.Sealed) {
	t.Helper()
	a := open(t, fsys.NewMem(), newMaster(t), o)
	put(t, a, numbered(0, 40))
	sealed(t, a)
	s := a.Snapshot()
	t.Cleanup(s.Close)
	return a, s.Refs("", math.MinInt64, math.MaxInt64)[0].Sealed
}

// TestWhatWasMadeBelongsToItsParts: two who ask the same at once may keep it in different
// orders.
func TestWhatWasMadeBelongsToItsParts(t *testing.T) {
	t.Parallel()
	_, one := oneSealed(t, small())
	first, second := [][]byte{[]byte("A")}, [][]byte{[]byte("B")}
	one.Keep("q", first)
	one.Keep("q", second)
	one.Remember("q", first, "of A", 10)
	if parts, made := one.Find("q"); string(parts[0]) != "B" || made != nil {
		t.Errorf("parts %s with what was made %v", parts[0], made)
	}
	one.Remember("q", second, "of B", 10)
	if parts, made := one.Find("q"); string(parts[0]) != "B" || made != "of B" {
		t.Errorf("parts %s with what was made %v", parts[0], made)
	}
	one.Remember("other", second, "of B", 10)
	if parts, made := one.Find("other"); parts != nil || made != nil {
		t.Errorf("of an answer that was not kept: %v, %v", parts, made)
	}
	one.Remember("none", nil, column.Nothing{}, 0)
	if parts, made := one.Find("none"); parts != nil || made != (column.Nothing{}) {
		t.Errorf("of nothing: %v, %v", parts, made)
	}
}

// TestTheSameIsAskedAtOnce has many ask what nobody has asked, and looks at what is kept.
func TestTheSameIsAskedAtOnce(t *testing.T) {
	t.Parallel()
	o := small()
	o.BlockRows, o.SegmentRows, o.AnswersSize, o.DecodedSize = 256, 4096, 64<<20, 64<<20
	a := open(t, fsys.NewMem(), newMaster(t), o)
	var events []llama.Event
	for i := range 4096 {
		h := i % 700
		events = append(events, llama.Event{Collection: "c", Time: llama.Time(i + 1), Message: "m", Fields: []llama.Field{
			{Name: "host", Value: fmt.Sprintf("web-%04d", h)}, {Name: "took", Value: fmt.Sprint(10 + h%50), Kind: llama.Number}}})
	}
	for at := 0; at < len(events); at += 256 {
		put(t, a, &llama.Batch{Events: events[at : at+256]})
	}
	sealed(t, a)
	s := a.Snapshot()
	defer s.Close()
	for i := range 30 {
		text := fmt.Sprintf("_seq:<%d | stats by (host) median(took) m", 10000+i)
		want := asked(t, bare{s}, text)
		var all sync.WaitGroup
		for range 6 {
			all.Go(func() { asked(t, s, text) })
		}
		all.Wait()
		for range 2 {
			if diff := cmp.Diff(want, asked(t, s, text)); diff != "" {
				t.Fatalf("%s: computed -, kept +\n%s", text, diff)
			}
		}
	}
}

// TestBytesOfAnswers: an answer takes as much memory when it is read as when it is kept.
func TestBytesOfAnswers(t *testing.T) {
	t.Parallel()
	o := small()
	o.AnswersSize, o.DecodedSize = 64<<20, 64<<20
	a, one := oneSealed(t, o)
	var parts [][]byte
	for range 4 {
		parts = append(parts, make([]byte, 256<<10))
	}
	bytes := func() int { return a.decoded.stay.bytes + a.decoded.pass.bytes }
	before := bytes()
	one.Keep("q", parts)
	kept := bytes() - before
	for _, l := range []*pieces{&a.decoded.stay, &a.decoded.pass} {
		for e := l.newest.Front(); e != nil; e = e.Next() {
			if p := e.Value.(*decodedPiece); strings.HasPrefix(p.name, "answer ") {
				a.decoded.mu.Lock()
				a.decoded.remove(e)
				a.decoded.mu.Unlock()
				break
			}
		}
	}
	if left := bytes() - before; left != 0 {
		t.Fatalf("%d bytes are left", left)
	}
	one.Find("q")
	if read := bytes() - before; read > kept+1000 || read < kept-1000 {
		t.Errorf("%d bytes when it is kept, %d when it is read", kept, read)
	}
}
