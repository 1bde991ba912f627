package pipeline_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"unsafe"

	"github.com/google/go-cmp/cmp"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/archive"
	"github.com/llama-logs/llama/internal/fsys"
	"github.com/llama-logs/llama/internal/pipeline"
	"github.com/llama-logs/llama/internal/seal"
)

// TestNothingIsKeptOfABatch puts real lines into two archives: from memory that is
// overwritten as soon as Put returns, and from memory that stays. Both have the same events.
func TestNothingIsKeptOfABatch(t *testing.T) {
	t.Parallel()
	lines := realLines(t)
	var all [2][]llama.Event
	for i, overwrite := range []bool{false, true} {
		a := memoryArchive(t)
		sink := open(t, "", a).From(pipeline.Origin{Receiver: "syslog", Port: 5514})
		at := llama.Time(1_700_000_000_000_000_000)
		for chunk := range slices.Chunk(lines, 300) {
			memory := bytes.Join(chunk, nil)
			b, rest := &llama.Batch{}, memory
			for _, line := range chunk {
				b.Events = append(b.Events, llama.Event{Time: at, Ingested: at, Source: "s", Message: unsafe.String(&rest[0], len(line))})
				rest = rest[len(line):]
			}
			if err := sink.Put(context.Background(), b); err != nil {
				t.Fatal(err)
			}
			if overwrite {
				for k := range memory {
					memory[k] = '#'
				}
			}
		}
		all[i] = eventsOf(t, a)
	}
	for i := range all[0] {
		if i >= len(all[1]) {
			t.Fatalf("%d events, want %d", len(all[1]), len(all[0]))
		}
		if d := cmp.Diff(all[0][i], all[1][i]); d != "" {
			t.Fatalf("-want +got\n%s", d)
		}
	}
	if len(all[0]) != len(lines) {
		t.Errorf("%d events of %d lines", len(all[0]), len(lines))
	}
}

// realLines are the lines of all logs of loghub, each also behind a header of syslog.
func realLines(t *testing.T) (lines [][]byte) {
	t.Helper()
	files, err := filepath.Glob("../../../shared/testdata/loghub/*/lines.jsonl.gz")
	if err != nil || len(files) == 0 {
		t.Skip("there are no logs in ../shared/testdata/loghub")
	}
	for _, file := range files {
		f, err := os.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		text, err := gzip.NewReader(f)
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		for in := json.NewDecoder(text); ; {
			var line struct{ Input string }
			if err := in.Decode(&line); err == io.EOF {
				break
			} else if err != nil {
				t.Fatalf("%s: %v", file, err)
			}
			if line.Input != "" {
				n := len(lines) % 5
				lines = append(lines, []byte(line.Input), fmt.Appendf(nil, "<86>Nov 20 10:00:0%d host-%d sshd[%d]: %s", n, n, 100+n, line.Input))
			}
		}
	}
	return lines
}

func memoryArchive(t *testing.T) *archive.Archive {
	t.Helper()
	keys := filepath.Join(t.TempDir(), "key")
	if _, err := seal.CreateKeyFile(keys); err != nil {
		t.Fatal(err)
	}
	key, err := seal.OpenKeyFile(keys)
	if err != nil {
		t.Fatal(err)
	}
	a, err := archive.Open(fsys.NewMem(), key, archive.Options{FreeFloor: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	return a
}

// eventsOf returns all events, in the order of their arrival.
func eventsOf(t *testing.T, a *archive.Archive) []llama.Event {
	t.Helper()
	s := a.Snapshot()
	defer s.Close()
	var all []llama.Event
	for _, ref := range s.Refs("", math.MinInt64, math.MaxInt64) {
		block, err := ref.Read(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		if all, err = block.Events(all, 0, block.Rows()); err != nil {
			t.Fatal(err)
		}
	}
	slices.SortFunc(all, func(x, y llama.Event) int { return int(x.Seq) - int(y.Seq) })
	return all
}
