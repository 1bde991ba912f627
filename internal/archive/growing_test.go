package archive

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/column"
	"github.com/llama-logs/llama/internal/fsys"
)

// TestWhatGrowsSaysWhatItDoesNotHave asks snapshots of several ages, in any order, of each
// text and field that an event may have: what one of their blocks has is never denied, and what
// came after a snapshot is, whoever has found it before.
func TestWhatGrowsSaysWhatItDoesNotHave(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(9, 9))
	a := open(t, fsys.NewMem(), newMaster(t), Options{FreeFloor: 1, BlockRows: 300})
	var snapshots []*Snapshot
	var texts []string
	for range 12 {
		b := batch(rng, 1+rng.IntN(30))
		for i := range b.Events {
			e := &b.Events[i]
			text := fmt.Sprintf("text %d.", len(texts))
			texts = append(texts, text)
			switch e.Fields = append(e.Fields, llama.Field{Name: llama.NameSeq, Value: "7"}); rng.IntN(3) {
			case 0:
				e.Message += text
			case 1:
				e.Source = text
			default:
				e.Fields = append(e.Fields, llama.Field{Name: "f." + text, Value: text})
			}
		}
		put(t, a, b)
		s := a.Snapshot()
		defer s.Close()
		snapshots = append(snapshots, s)
	}
	fields := []string{"labels._seq", "labels._id", "f.0", "f.5", "f.9", "never"}
	for range 40 {
		s := snapshots[rng.IntN(len(snapshots))]
		for _, ref := range s.refs("", math.MinInt64, math.MaxInt64) {
			if ref.Growing == nil {
				t.Fatal("a block that is not full has no Growing")
			}
			b, err := ref.Read(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			have := heldBy(t, b)
			for _, n := range rng.Perm(len(texts))[:20] {
				if got, want := ref.Growing.MayHold(t.Context(), texts[n]), strings.Contains(have, texts[n]); got != want {
					t.Fatalf("%q: may be there: %t, is there: %t", texts[n], got, want)
				}
			}
			for _, name := range append(fields, "f."+texts[rng.IntN(len(texts))]) {
				if slices.Contains(b.Names, name) && !ref.Growing.MayHave(name) {
					t.Errorf("%q is said not to be there", name)
				}
			}
			if ref.Growing.MayHave("never") || ref.Growing.MayHave("labels._id") {
				t.Error("a field may be there that no event has")
			}
		}
	}
	last := snapshots[len(snapshots)-1]
	refs := last.Refs("", math.MinInt64, math.MaxInt64)
	sealed(t, a)
	for _, ref := range refs { // from here on nothing is known of its fields
		if !ref.Growing.MayHave("never") || ref.Growing.MayHold(t.Context(), "in no event") {
			t.Error("of a block that was sealed since, too much is said of fields or too little of texts")
		}
	}
	if left := a.Stat().HeadBytes; left != 0 {
		t.Errorf("%d bytes are counted when all is sealed", left)
	}
}

// heldBy returns all texts of a block.
func heldBy(t *testing.T, b *column.Block) string {
	t.Helper()
	events, err := b.Events(nil, 0, b.Rows())
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for i := range events {
		all.WriteString(events[i].Message + "\n" + events[i].Source + "\n")
		for _, f := range events[i].Fields {
			all.WriteString(f.Value + "\n")
		}
	}
	return all.String()
}

// TestSearchedTextsAreFew: what is remembered of texts that were looked for stays small, and
// is counted.
func TestSearchedTextsAreFew(t *testing.T) {
	t.Parallel()
	a := open(t, fsys.NewMem(), newMaster(t), small())
	put(t, a, numbered(0, 1))
	s := a.Snapshot()
	defer s.Close()
	ref := s.refs("", math.MinInt64, math.MaxInt64)[0]
	before := a.Stat().HeadBytes
	for i := range 100 {
		if ref.Growing.MayHold(t.Context(), fmt.Sprintf("text %d", i)) || ref.Growing.MayHold(t.Context(), strings.Repeat("long", i+40)) {
			t.Fatal("it holds a text that it does not have")
		}
	}
	if more := a.Stat().HeadBytes - before; more < maxSearched*bytesOfEntry || more > maxSearched*(bytesOfEntry+maxSearchedBytes) {
		t.Errorf("%d bytes are counted for %d texts", more, maxSearched)
	}
	if n := len(s.heads[0].view.searched.texts); n != maxSearched {
		t.Errorf("%d texts are remembered", n)
	}
}

// TestSearchingEnds: who asks no more has nothing looked through, and learns nothing wrong; nor
// does who asks then for the same, nor many at once.
func TestSearchingEnds(t *testing.T) {
	t.Parallel()
	a := open(t, fsys.NewMem(), newMaster(t), Options{FreeFloor: 1})
	for i := range 4 {
		put(t, a, &llama.Batch{Events: []llama.Event{{Collection: "c", Message: strings.Repeat(fmt.Sprint(i), searchBytes)}}})
	}
	s := a.Snapshot()
	defer s.Close()
	grows := s.refs("", math.MinInt64, math.MaxInt64)[0].Growing
	over, stop := context.WithCancel(t.Context())
	stop()
	if !grows.MayHold(over, "never") {
		t.Error("who asks no more is told that a text is not there")
	}
	if bytes := grows.Bytes(); bytes < 4*searchBytes {
		t.Errorf("%d bytes are said to be looked through", bytes)
	}
	var asking sync.WaitGroup
	for range 4 {
		asking.Go(func() {
			if grows.MayHold(t.Context(), "never") || !grows.MayHold(t.Context(), "333") {
				t.Error("a text is found that is not there, or another is not")
			}
		})
	}
	asking.Wait()
	if r := s.heads[0].view.searched.reach("never"); r.found || r.pieces != 4 {
		t.Errorf("it is remembered as %+v, want 4 pieces without it", r)
	}
	long := strings.Repeat("3", maxSearchedBytes)
	if !grows.MayHold(t.Context(), long+"4") || grows.MayHold(t.Context(), "4"+long) {
		t.Error("a long text is not looked for by its beginning")
	}
}

// TestDestroyedBlocksAreNotReadGrowing: who had a snapshot with a block that grew is told that
// it was destroyed, also who looks for what was never in it.
func TestDestroyedBlocksAreNotReadGrowing(t *testing.T) {
	t.Parallel()
	a := open(t, fsys.NewMem(), newMaster(t), Options{FreeFloor: 1})
	put(t, a, numbered(0, 70))
	s := a.Snapshot()
	defer s.Close()
	ref := s.refs("web", math.MinInt64, math.MaxInt64)[0]
	if ref.Growing.MayHold(t.Context(), "never") || ref.Growing.MayHave("never") {
		t.Fatal("it has what it does not have")
	}
	must(t, a.Destroy(t.Context(), "web", now.Format(dayLayout)))
	ref = s.refs("web", math.MinInt64, math.MaxInt64)[0]
	if !ref.Growing.MayHold(t.Context(), "never") {
		t.Error("it is left out for a text, so nobody is told that it was destroyed")
	}
	if !ref.Growing.MayHave("never") {
		t.Error("it is left out for a field, so nobody is told that it was destroyed")
	}
	if _, err := ref.Read(t.Context()); llama.CodeOf(err) != llama.NotFound || !strings.Contains(err.Error(), "destroyed") {
		t.Errorf("it is read: %v", err)
	}
}

// blind is a snapshot that says nothing of its blocks before they are read.
type blind struct{ *Snapshot }

func (b blind) Refs(collection string, from, to llama.Time) []column.Ref {
	refs := b.refs(collection, from, to)
	for i := range refs {
		refs[i].Growing, refs[i].Of = nil, unknown{refs[i].Of}
	}
	return refs
}

// unknown are blocks without filters.
type unknown struct{ column.Blocks }

func (unknown) Filter(int) column.Filter { return nil }

// TestWhatGrowsAnswersAsWhatIsRead asks random questions of snapshots of several ages, of
// blocks that grow and others: what their blocks say of themselves leaves no event out.
func TestWhatGrowsAnswersAsWhatIsRead(t *testing.T) {
	t.Parallel()
	found, none := 0, 0
	for seed := range fewer(6) {
		rng := rand.New(rand.NewPCG(seed, 21))
		a := open(t, fsys.NewMem(), newMaster(t), Options{FreeFloor: 1, BlockRows: 100, Now: func() time.Time { return now }})
		var snapshots []*Snapshot
		texts := []string{"Failed password", "Failed", "ssword", "long long", "192.0.2.7", "never", ""}
		for range 6 {
			b := batch(rng, 1+rng.IntN(60))
			number := fmt.Sprint(rng.Uint64())
			b.Events[0].Message, b.Events[0].Source = "number "+number, number[1:]
			b.Events[0].Fields = []llama.Field{{Name: "f." + number, Value: "long " + number + strings.Repeat("0", rng.IntN(2*maxSearchedBytes))}}
			texts = append(texts, number, number[2:9], "number "+number, b.Events[0].Fields[0].Value, number[2:9]+"0")
			put(t, a, b)
			s := a.Snapshot()
			defer s.Close()
			snapshots = append(snapshots, s)
			if rng.IntN(3) == 0 {
				must(t, a.pack(t.Context(), a.unpacked()))
			}
		}
		one := func() string {
			field := []string{"", "_msg:", "_source:", "f.1:", "f.5:", "gone:", "f." + texts[7+5*rng.IntN(6)] + ":"}[rng.IntN(7)]
			text := func() string { return strconv.Quote(texts[rng.IntN(len(texts))]) }
			return field + []string{text(), "=" + text(), "~" + text(), text() + "*", "in(" + text() + ", " + text() + ")", "contains_any(" + text() + ", 2)", "i(" + text() + ")", ">1", "*"}[rng.IntN(9)]
		}
		for range 120 {
			question := []string{"", "!"}[rng.IntN(4)/3] + "(" + one() + []string{" ", " or ", " !"}[rng.IntN(3)] + one() + ") " + []string{"", one()}[rng.IntN(2)]
			s := snapshots[rng.IntN(len(snapshots))]
			got, want := asked(t, s, question), asked(t, blind{s}, question)
			slices.Sort(got)
			slices.Sort(want)
			if !slices.Equal(got, want) {
				t.Fatalf("seed %d: %s: %d events, and %d when all are read", seed, question, len(got), len(want))
			}
			if found++; len(got) == 0 {
				found, none = found-1, none+1
			}
		}
	}
	if found < none/4 || none < found/4 {
		t.Errorf("%d questions find something and %d nothing, which says little", found, none)
	}
}
