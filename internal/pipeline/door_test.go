package pipeline_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/llama-logs/llama/internal/pipeline"
	"github.com/llama-logs/llama/internal/receive"
)

// TestNothingIsKeptOfABody sends bodies over HTTP into an archive. The memory of one is that
// of others later, so what is kept of a string instead of a copy shows as another's text.
func TestNothingIsKeptOfABody(t *testing.T) {
	t.Parallel()
	a := memoryArchive(t)
	address, token := door(t, open(t, "", a))
	const bodies, lines = 5, 2000
	forms := []struct{ path, line, message string }{
		{"/insert/jsonl?collection=json", `{"_msg":"event %d","common":"%d","names-%d":{"in":%d},"of-%d":true}`, "event %d"},
		{"/insert/lines?collection=lines", `Failed password for user%d from 10.0.0.1 port %d ssh2, %d`, `Failed password for user%d from 10.0.0.1 port %d ssh2, %d`},
		{"/_bulk", `{"create":{"_index":"bulk"}}` + "\n" + `{"message":"{\"a\":%d}","x":{"y":"%d"},"names-%d":1}`, `{"a":%d}`},
	}
	format := func(s string, i int) string { return strings.ReplaceAll(s, "%d", fmt.Sprint(i)) }
	var all sync.WaitGroup
	for _, form := range forms {
		for b := range bodies {
			all.Go(func() {
				var text strings.Builder
				for i := range lines {
					text.WriteString(format(form.line, b*lines+i) + "\n")
				}
				r, err := http.NewRequest("POST", "http://"+address+form.path, strings.NewReader(text.String()))
				if err != nil {
					t.Error(err)
					return
				}
				r.Header.Set("Authorization", "Bearer "+token)
				answer, err := http.DefaultClient.Do(r)
				if err != nil {
					t.Error(err)
					return
				}
				defer answer.Body.Close()
				if answer.StatusCode != http.StatusOK {
					t.Errorf("%s: %s", form.path, answer.Status)
				}
			})
		}
	}
	all.Wait()
	got := map[string]int{}
	for _, e := range eventsOf(t, a) {
		name := e.Collection + " " + e.Message
		for _, f := range e.Fields {
			if strings.HasPrefix(f.Name, "names-") || strings.HasPrefix(f.Name, "of-") {
				name += " " + f.Name
			}
		}
		got[name]++
	}
	for i := range bodies * lines {
		for _, name := range []string{
			format("json event %d names-%d.in of-%d", i), "lines " + format(forms[1].message, i), format(`bulk {"a":%d} names-%d`, i),
		} {
			if got[name] != 1 {
				t.Fatalf("%q is there %d times", name, got[name])
			}
		}
	}
	if n := len(got); n != 3*bodies*lines {
		t.Errorf("%d events, want %d", n, 3*bodies*lines)
	}
}

// door opens an HTTP receiver before a pipeline, and returns where it is and a token for it.
func door(t *testing.T, p *pipeline.Pipeline) (address, token string) {
	t.Helper()
	token = "0123456789abcdef0123456789abcdef"
	tokens := filepath.Join(t.TempDir(), "tokens")
	if err := os.WriteFile(tokens, []byte(token+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	h, err := receive.OpenHTTP(receive.HTTPOptions{Listen: "127.0.0.1:0", Tokens: tokens})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := h.Run(ctx, p.From(pipeline.Origin{})); err != nil {
			t.Errorf("run: %v", err)
		}
	})
	t.Cleanup(func() { cancel(); running.Wait(); h.Close() })
	return h.Addr().String(), token
}
