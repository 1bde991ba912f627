package segment

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/llama-logs/llama/internal/block"
)

// Chunks of a column pack about as well by its habit as in the way that is the best for each.
func TestColumnsPackByHabit(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	c, p := codec(t), &packer{}
	packed, best := 0, 0
	for range 3 * triedEvery {
		for name, plain := range planes(rng) {
			got := c.packColumn(nil, plain, "c", block.Field, name)
			if back, err := c.unpack(got); err != nil || !bytes.Equal(back, plain) {
				t.Fatalf("%s: %d bytes come back as %d others, %v", name, len(plain), len(back), err)
			}
			packed += len(got)
			best += min(len(plain), len(c.enc.EncodeAll(plain, nil)), len(p.literals(nil, plain)))
		}
	}
	if packed > best+best/20 {
		t.Errorf("by habit %d bytes, at best %d", packed, best)
	}
}

// A column that turns into something else is not packed as it was.
func TestHabitsChange(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 10))
	all := planes(rng)
	for _, from := range []string{"gaps", "random", "text", "run"} {
		c := codec(t)
		c.packColumn(nil, all[from], "c", block.Field, "f")
		got, want := len(c.packColumn(nil, all["text"], "c", block.Field, "f")), len(c.enc.EncodeAll(all["text"], nil))
		if got > want+want/10 {
			t.Errorf("text behind %s packs to %d bytes, alone to %d", from, got, want)
		}
	}
}

// Columns are told apart, and there are only so many.
func TestHabitsAreBounded(t *testing.T) {
	h := newHabits()
	seen := map[uint64]bool{}
	for _, collection := range []string{"c", "d"} {
		for _, kind := range []block.Kind{block.Field, block.Variables} {
			for _, name := range []string{"", "c", "d"} {
				seen[h.key(collection, kind, name)] = true
			}
		}
	}
	if len(seen) != 12 {
		t.Errorf("%d keys of 12 columns", len(seen))
	}
	for key := range uint64(3 * maxHabits) {
		h.set(key, habit{way: byFew})
		if len(h.of) > maxHabits {
			t.Fatalf("%d habits, want %d at most", len(h.of), maxHabits)
		}
	}
	if got := h.get(3*maxHabits - 1); got.way != byFew {
		t.Errorf("the last one is %v", got)
	}
}
