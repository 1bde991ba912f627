package pipeline_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/archive/wal"
	"github.com/llama-logs/llama/internal/column"
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

// TestLayoutsChangeNothing writes real lines for the log with what their parsers know of
// their layouts and without: both give the same bytes.
func TestLayoutsChangeNothing(t *testing.T) {
	t.Parallel()
	routes := []string{
		"",
		"routes: [{parser: auto}]",
		"routes: [{when: {program: sshd}, fields: {event.action: other, site: a}}]",
	}
	for _, yaml := range routes {
		next := &twoEncoders{}
		sink := open(t, yaml, next).From(pipeline.Origin{})
		lines := realLines(t)
		seed := rand.Uint64()
		rng := rand.New(rand.NewPCG(seed, 0))
		rng.Shuffle(len(lines), func(i, k int) { lines[i], lines[k] = lines[k], lines[i] })
		var batch llama.Batch
		for _, line := range lines[:min(len(lines), 20_000)] {
			batch.Events = append(batch.Events, llama.Event{Time: 1, Ingested: 1, Source: "syslog-tcp 192.0.2.1", Message: string(line)})
		}
		if err := sink.Put(t.Context(), &batch); err != nil {
			t.Fatalf("routes %q, seed %d: %v", yaml, seed, err)
		}
		if known := next.known; known < len(batch.Events)/6 {
			t.Errorf("routes %q: the layouts of %d of %d events are known", yaml, known, len(batch.Events))
		}
	}
}

// twoEncoders is a sink that writes events down with their layouts and without.
type twoEncoders struct{ known int }

func (s *twoEncoders) Put(ctx context.Context, b *llama.Batch) error { return s.PutPrepared(ctx, b) }

func (s *twoEncoders) PutPrepared(_ context.Context, b *llama.Batch, prepare ...func([]llama.Event, []*column.Layout) error) error {
	var with, without wal.Encoder
	share := (len(b.Events) + len(prepare) - 1) / len(prepare)
	for at := 0; at < len(b.Events); {
		worker := at / share
		run := b.Events[at:min(at+50, (worker+1)*share, len(b.Events))]
		layouts := make([]*column.Layout, len(run))
		if err := errors.Join(prepare[worker](run, layouts), with.Add(run, at, layouts), without.Add(run, at, nil)); err != nil {
			return err
		}
		for i, l := range layouts {
			if l != nil {
				s.known++
				if l.Fields != len(run[i].Fields) {
					return fmt.Errorf("event %d has %d fields, its layout %d", at+i, len(run[i].Fields), l.Fields)
				}
			}
		}
		at += len(run)
	}
	f, err := with.Frame(llama.Position{}, len(b.Events))
	g, err2 := without.Frame(llama.Position{}, len(b.Events))
	if err = errors.Join(err, err2); err != nil {
		return err
	}
	if !reflect.DeepEqual(f.Sections, g.Sections) {
		return errors.New("events are written in another way with their layouts")
	}
	return nil
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
