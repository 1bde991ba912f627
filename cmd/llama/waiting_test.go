package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/llama-logs/llama/internal/client"
)

func TestSitesThatAreAwayAreWaitedForAloud(t *testing.T) {
	t.Parallel()
	var said bytes.Buffer
	w := waiting{out: &said}
	w.tell() // nothing is known yet
	w.note(client.Query{Tasks: []client.Task{{Target: "brno", State: "done"}, {Target: "porto", State: "running"}}})
	w.tell()
	if said.Len() > 0 {
		t.Errorf("when all are there: %s", said.String())
	}
	w.note(client.Query{Tasks: []client.Task{{Target: "brno", State: "done"}, {Target: "porto", State: "queued"}, {Target: "porto", State: "queued"}}})
	w.tell()
	if got, want := said.String(), "waiting for nodes that have not been reached, of porto, until "; !strings.HasPrefix(got, want) {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
