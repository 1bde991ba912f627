package pipeline_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/pipeline"
)

// Events of many sizes lie beside each other in lent memory: each has its own
// fields in the sink, and none of it afterwards.
func TestFieldsAreLent(t *testing.T) {
	t.Parallel()
	k := &keep{}
	p := open(t, "", k).From(pipeline.Origin{})
	own := make([]llama.Field, 0, 7)
	size := func(i int) int { return i % 11 * 20 } // up to 200 fields
	for range 2 {
		k.events = nil
		b := &llama.Batch{}
		for i := range 600 {
			var pairs []string
			for j := range size(i) {
				pairs = append(pairs, fmt.Sprintf(`"k%d":"%d"`, j, i))
			}
			b.Events = append(b.Events, llama.Event{Source: "syslog-tcp 192.0.2.1", Message: fmt.Sprintf("<13>Nov 20 10:00:00 gate app[%d]: {%s}", i, strings.Join(pairs, ","))})
		}
		b.Events = append(b.Events, llama.Event{Source: "http-jsonl 192.0.2.1", Message: "m", Fields: append(own, llama.Field{Name: "a", Value: "b"})})
		if err := p.Put(context.Background(), b); err != nil {
			t.Fatal(err)
		}
		for i, e := range k.events[:600] {
			if got, want := len(e.Fields), size(i)+8; got != want {
				t.Fatalf("event %d: %d fields, want %d", i, got, want)
			}
			if pid, _ := e.Lookup("process.pid"); pid != fmt.Sprint(i) {
				t.Fatalf("event %d: pid %s", i, pid)
			}
			for j := range size(i) {
				if got, _ := e.Lookup(fmt.Sprintf("k%d", j)); got != fmt.Sprint(i) {
					t.Fatalf("event %d: k%d is %s", i, j, got)
				}
			}
		}
		for i := range b.Events[:600] {
			if b.Events[i].Fields != nil {
				t.Fatalf("event %d has lent memory after Put", i)
			}
		}
		if last := b.Events[600].Fields; len(last) != 1 || &last[0] != &own[:1][0] {
			t.Errorf("an event that came with memory has other: %v", last)
		}
	}
}
