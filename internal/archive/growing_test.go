package archive

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

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
		for _, ref := range s.Refs("", math.MinInt64, math.MaxInt64) {
			if ref.Growing == nil {
				t.Fatal("a block that is not full has no Growing")
			}
			b, err := ref.Read(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			have := heldBy(t, b)
			for _, n := range rng.Perm(len(texts))[:20] {
				if got, want := ref.Growing.MayHold(texts[n]), strings.Contains(have, texts[n]); got != want {
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
		if !ref.Growing.MayHave("never") || ref.Growing.MayHold("in no event") {
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
	ref := s.Refs("", math.MinInt64, math.MaxInt64)[0]
	before := a.Stat().HeadBytes
	for i := range 100 {
		if ref.Growing.MayHold(fmt.Sprintf("text %d", i)) || ref.Growing.MayHold(strings.Repeat("long", i+40)) {
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
