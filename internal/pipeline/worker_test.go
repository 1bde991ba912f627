package pipeline_test

import (
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/pipeline"
)

// TestTurnsChangeNothing parses real lines in a random order, many at once and each alone:
// both give the same events in the order in which they came.
func TestTurnsChangeNothing(t *testing.T) {
	t.Parallel()
	lines := realLines(t)
	seed := rand.Uint64()
	rng := rand.New(rand.NewPCG(seed, 0))
	rng.Shuffle(len(lines), func(i, k int) { lines[i], lines[k] = lines[k], lines[i] })
	sources := []string{"syslog-tcp 192.0.2.1", "syslog-tcp 192.0.2.1", "syslog-udp 192.0.2.2", "http-lines 192.0.2.3"}
	var alone, together keep
	var batch llama.Batch
	single := open(t, "", &alone).From(pipeline.Origin{})
	for _, line := range lines[:min(len(lines), 20_000)] {
		e := llama.Event{Time: 1, Ingested: 1, Source: sources[rng.IntN(len(sources))], Message: string(line)}
		batch.Events = append(batch.Events, e)
		if err := single.Put(t.Context(), &llama.Batch{Events: []llama.Event{e}}); err != nil {
			t.Fatal(err)
		}
	}
	if err := open(t, "", &together).From(pipeline.Origin{}).Put(t.Context(), &batch); err != nil {
		t.Fatal(err)
	}
	for i := range alone.events {
		if d := cmp.Diff(alone.events[i], together.events[i]); d != "" {
			t.Fatalf("seed %d, event %d; -alone +together\n%s", seed, i, d)
		}
	}
}

// TestDecodedSyslog gives events their messages while they are parsed: their headers are
// those of these messages.
func TestDecodedSyslog(t *testing.T) {
	t.Parallel()
	var got keep
	b := &llama.Batch{Events: []llama.Event{{Source: "syslog-tcp 192.0.2.1", Message: other}}}
	decoder := func() func(*llama.Event) error {
		return func(e *llama.Event) error { e.Message = sshd; return nil }
	}
	if err := open(t, "", &got).From(pipeline.Origin{}).PutDecoded(t.Context(), b, decoder); err != nil {
		t.Fatal(err)
	}
	if name, _ := got.events[0].Lookup("process.name"); name != "sshd" {
		t.Errorf("process.name is %q, want sshd", name)
	}
}
