package node

import (
	"net/http"
	"testing"
	"time"

	"github.com/llama-logs/llama/internal/query"
)

// TestWarmingQuestionsAreAnswered: a start must not stumble over its own.
func TestWarmingQuestionsAreAnswered(t *testing.T) {
	o := options(t)
	n := run(t, o)
	put(t, n, http.DefaultClient, "http://"+n.Addr(KindHTTP, false).String(), `{"_msg":"one two","host.name":"a"}`)
	n.warm() // while it runs, too: it disturbs nobody
	snapshot := n.archive.Snapshot()
	defer snapshot.Close()
	for _, text := range warming {
		q, err := query.Parse(text, time.Now())
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		rows := 0
		err = q.Lines(t.Context(), snapshot, query.RunOptions{}, func(_ []byte, n int) error { rows += n; return nil })
		if err != nil || rows == 0 {
			t.Errorf("%s: %d rows, %v", text, rows, err)
		}
	}
}
