package receive

import (
	"fmt"
	"strings"
	"testing"

	"github.com/llama-logs/llama"
)

// TestEventsOfABatchDoNotShareFields adds to each event's fields, as parsers do, and
// looks whether that has changed its neighbours.
func TestEventsOfABatchDoNotShareFields(t *testing.T) {
	t.Parallel()
	r := &decodeRoom{}
	for batch := range 3 {
		const n = 500
		events := r.batch(n)
		fields := func(i int) int { return (i * 7) % 90 }
		if batch == 2 {
			fields = func(i int) int { return i } // more than a chunk's rest has
		}
		for i := range events {
			members := []string{`"_time":"2026-11-20T10:00:00Z"`, fmt.Sprintf(`"_msg":"%d"`, i)}
			for k := range fields(i) {
				members = append(members, fmt.Sprintf(`"k%d":"%d.%d"`, k, i, k))
			}
			if i%3 == 0 { // the time and the message are not always first
				members = append(members[2:], members[:2]...)
			}
			if err := r.decode(&events[i], "{"+strings.Join(members, ",")+"}"); err != nil {
				t.Fatal(err)
			}
		}
		for i := range events {
			for k := range i % 9 {
				events[i].Fields = append(events[i].Fields, llama.Field{Name: fmt.Sprint("more", k)})
			}
		}
		for i := range events {
			e := &events[i]
			if e.Message != fmt.Sprint(i) || len(e.Fields) != fields(i)+i%9 {
				t.Fatalf("batch %d, event %d: message %q, %d fields", batch, i, e.Message, len(e.Fields))
			}
			for k, f := range e.Fields {
				want := llama.Field{Name: fmt.Sprint("k", k), Value: fmt.Sprintf("%d.%d", i, k)}
				if k >= fields(i) {
					want = llama.Field{Name: fmt.Sprint("more", k-fields(i))}
				}
				if f != want {
					t.Fatalf("batch %d, event %d: field %d is %v, want %v", batch, i, k, f, want)
				}
			}
		}
	}
}
