package node

import (
	"net/http"
	"testing"
	"time"

	"github.com/llama-logs/llama/internal/query"
)

// TestWarmingQuestionsAreAnswered: a start must not stumble over its own.
func TestWarmingQuestionsAreAnswered(t *testing.T) {
	for _, text := range warming {
		if _, err := query.Parse(text, time.Now()); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
	o := options(t)
	n := run(t, o)
	put(t, n, http.DefaultClient, "http://"+n.Addr(KindHTTP, false).String(), `{"_msg":"one two","host.name":"a"}`)
	n.warm() // while it runs, too: it disturbs nobody
}
