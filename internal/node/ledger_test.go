package node

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"testing"

	"github.com/llama-logs/llama/internal/task"
)

// Nothing of an answer leaves while its question is not in the ledger.
func TestNothingLeavesUnrecorded(t *testing.T) {
	n := run(t, options(t))
	if err := n.records.Close(); err != nil { // nothing can be written to it any more
		t.Fatal(err)
	}
	status, text := ask(t, n, "/select/logsql/query", url.Values{"query": {"*"}})
	if status != 503 || !strings.Contains(text, "the node's ledger cannot be written") {
		t.Errorf("query: %d %s; want 503 and the ledger named", status, text)
	}
	emitted := 0
	err := recorded{n.executor, n.ledger}.Partial(context.Background(), task.Task{Query: "* | stats count() n"}, func(task.Frame) error {
		emitted++
		return nil
	}, func(task.Progress) {})
	if err == nil || emitted > 0 {
		t.Errorf("task: %v, %d frames left; want an error and none", err, emitted)
	}
}

// How a question ended is in the ledger, also when it did not end well.
func TestLedgerSaysHowItEnded(t *testing.T) {
	n := run(t, options(t))
	broken := errors.New("planted: the line is cut")
	err := n.ledger.answer(context.Background(), question{action: "query", user: "ada", text: "*"}, func(_ context.Context, leave leaving) error {
		if err := leave(3, 100); err != nil {
			return err
		}
		return broken
	})
	if !errors.Is(err, broken) {
		t.Fatalf("answer: %v", err)
	}
	_, text := ask(t, n, "/ledger/query", url.Values{"query": {"event.type:end | fields event.outcome, llama.rows, llama.bytes, error.message"}})
	want := `{"event.outcome":"failure","llama.rows":3,"llama.bytes":100,"error.message":"planted: the line is cut"}`
	if strings.TrimSpace(text) != want {
		t.Errorf("the ledger has %s\nwant %s", text, want)
	}
}
