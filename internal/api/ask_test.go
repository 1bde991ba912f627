package api

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
)

func TestAskAnswersInOneCall(t *testing.T) {
	t.Parallel()
	s := newSite(t, false)
	analyst := s.as("analyst")
	d := s.withDiary()
	resp, text := s.ask("POST", "/ask", `{"query":"error","targets":["a"]}`, analyst)
	if resp.StatusCode != 200 || strings.Count(text, "\n") != 2 || !strings.HasPrefix(text, `{"_time":"2026-01-02T03:04:05Z"`) ||
		resp.Header.Get("Llama-Query") != knownID || resp.Trailer.Get("Llama-State") != Done {
		t.Errorf("%s %v %v %s", resp.Status, resp.Header, resp.Trailer, text)
	}
	if told := d.told(); strings.Count(told, "\n") != 0 || !strings.Contains(told, `analyst ask success`) || !strings.Contains(told, `request.query=error`) || !strings.HasSuffix(told, "llama.rows=2") {
		t.Errorf("recorded: %s", told)
	}
	if resp, text = s.ask("POST", "/ask?format=csv", `{"query":"error"}`, analyst); resp.StatusCode != 200 || !strings.HasPrefix(text, "_time,_msg,n\r\n") {
		t.Errorf("csv: %s %s", resp.Status, text)
	}
}

func TestAskSaysWhatIsMissing(t *testing.T) {
	t.Parallel()
	s := newSite(t, false)
	analyst := s.as("analyst")
	s.queries[knownID].State = Partial
	s.queries[knownID].Tasks = []Task{{Target: "a", State: Done}, {Target: "b", State: Expired, Error: "the node did not answer"}}
	resp, text := s.ask("POST", "/ask", `{"query":"error"}`, analyst)
	p := wantProblem(t, resp, text, 503, "unavailable", "not complete")
	if !strings.Contains(p.Detail, "target b: expired, the node did not answer") || strings.Contains(p.Detail, "target a") {
		t.Errorf("got %s", p.Detail)
	}
	if resp, text = s.ask("POST", "/ask?partial=true", `{"query":"error"}`, analyst); resp.StatusCode != 200 || strings.Count(text, "\n") != 2 || resp.Trailer.Get("Llama-State") != Partial {
		t.Errorf("%s %v %s", resp.Status, resp.Trailer, text)
	}
	resp, text = s.ask("POST", "/ask", `{"query":"|"}`, analyst)
	wantProblem(t, resp, text, 400, "invalid", "filter")
	resp, text = s.ask("POST", "/ask?wait=forever", `{"query":"x"}`, analyst)
	wantProblem(t, resp, text, 400, "invalid", "wait")
	resp, text = s.ask("POST", "/ask", `{"query":"x"}`, s.as("viewer"))
	wantProblem(t, resp, text, 403, "forbidden", "roles")
}

func TestAskCancelsWhatNobodyWaitsFor(t *testing.T) {
	t.Parallel()
	s := newSite(t, false)
	analyst := s.as("analyst")
	s.watchErr = errHang
	resp, text := s.ask("POST", "/ask?wait=1s", `{"query":"error"}`, analyst)
	wantProblem(t, resp, text, 503, "unavailable", "had not ended")
	ctx, cancel := context.WithCancel(t.Context())
	r := s.request("POST", "/ask", `{"query":"error"}`, analyst).WithContext(ctx)
	ended := make(chan error, 1)
	go func() {
		resp, err := s.http.Do(r)
		if err == nil {
			_, err = io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
		}
		ended <- err
	}()
	for s.count(func() int { return len(s.asked) }) < 2 {
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	for s.count(func() int { return len(s.cancelled) }) < 2 {
	}
}

// count looks at the world under its lock.
func (w *world) count(n func() int) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return n()
}
