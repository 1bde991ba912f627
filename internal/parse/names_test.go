package parse

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/llama-logs/llama"
)

// TestFieldsAreFoundWhereTheyAre sets, renames and removes fields at random, of names of
// which many share a mark, and holds what is found against a map.
func TestFieldsAreFoundWhereTheyAre(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(7, 11))
	var slots []slot
	for i := range 400 {
		slots = append(slots, slotOf(fmt.Sprintf("field.%d", i)))
	}
	for round := range 200 {
		names := slots[:1+random.IntN(len(slots))]
		block := newFieldBlock([]llama.Field{{Name: names[0].name, Value: "b"}, {Name: "block.a", Value: "b"}, {Name: "block.b", Value: "b"}})
		var w work
		e := llama.Event{}
		want := map[string]string{}
		for i := range random.IntN(3) {
			e.Add(names[i%len(names)].name, "came", llama.String)
			want[names[i%len(names)].name] = "came"
			names = slots[:max(len(names), 2)]
		}
		w.begin(&e)
		for i := range 600 {
			s := &names[random.IntN(len(names))]
			value := fmt.Sprint(i)
			switch random.IntN(12) {
			case 0:
				w.drop(s)
				delete(want, s.name)
			case 1:
				block.run(&w)
				for _, f := range block.fields {
					want[f.Name] = f.Value
				}
			case 2, 3:
				w.put(s.name, value, llama.String)
				want[s.name] = value
			default:
				w.fill(s, value, llama.String)
				want[s.name] = value
			}
			s = &names[random.IntN(len(names))]
			got, ok := w.value(s)
			if wanted, has := want[s.name]; ok != has || got != wanted {
				t.Fatalf("round %d, step %d: %s is %q, %v; want %q, %v", round, i, s.name, got, ok, wanted, has)
			}
		}
		if uniqueNames(t, &e); len(e.Fields) != len(want) {
			t.Fatalf("round %d: %d fields, want %d", round, len(e.Fields), len(want))
		}
	}
}
