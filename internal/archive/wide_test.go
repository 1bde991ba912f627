package archive

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/fsys"
)

// TestEventsOfEverChangingNamesComeBack puts events of which hardly two have the same
// fields, then some that do, and again others, and looks at them in the head, as a
// process finds them that comes after one that was killed, in segments, and merged.
func TestEventsOfEverChangingNamesComeBack(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(3, 3))
	disk, m := fsys.NewMem(), newMaster(t)
	o := small()
	o.BlockRows, o.SegmentRows, o.MergedRows = 300, 300, 1<<20
	a := open(t, disk, m, o)
	var want []llama.Event
	for round := range 4 {
		b := &llama.Batch{}
		for i := range 200 {
			e := llama.Event{
				Time: llama.At(now) + llama.Time(i), Ingested: llama.At(now), Collection: "c",
				Source: fmt.Sprint("source ", i%3), Message: fmt.Sprint("measured ", i%7),
			}
			has := rng.Uint64()
			if round%3 == 1 {
				has = 5 << (i % 2)
			}
			for k := range 30 {
				if has>>k&1 == 0 {
					continue
				}
				f := llama.Field{Name: fmt.Sprint("key", k), Value: fmt.Sprint(rng.IntN(1000)), Kind: llama.Number}
				switch k % 5 {
				case 1:
					f.Value, f.Kind = e.Message[:k%9], llama.String
				case 2:
					f.Value, f.Kind = "", llama.Null
				case 3:
					f.Value, f.Kind = fmt.Sprintf("%016x", rng.Uint64()), llama.Kind(rng.IntN(2))
				case 4:
					if k > 4 {
						break
					}
					f.Name = fmt.Sprint("new", round, i, k) // never again
				}
				e.Fields = append(e.Fields, f)
			}
			b.Events = append(b.Events, e)
		}
		put(t, a, b)
		want = append(want, b.Events...)
		if round == 0 {
			disk = disk.Kill()
			a = open(t, disk, m, o)
		}
		holds(t, a, want)
		if round%2 == 1 {
			sealed(t, a)
			holds(t, a, want)
		}
	}
	if err := a.upkeep(t.Context()); err != nil {
		t.Fatal(err)
	}
	holds(t, a, want)
	v, err := a.Verify(t.Context(), VerifyOptions{})
	if err != nil || len(v.Findings) > 0 || v.Events != uint64(len(want)) {
		t.Errorf("verify: %v, %+v", err, v)
	}
}
