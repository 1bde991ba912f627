package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/llama-logs/llama/internal/door"
)

// TestKilledProcessKeepsWhatItAcknowledged kills the real process ten times, or as
// often as LLAMA_KILLS says, at moments drawn by lot (LLAMA_SEED draws the same), while
// senders with positions, imports and a file that is followed are under way. Each goes
// on where the node says; in the end all that was sent is there, once.
func TestKilledProcessKeepsWhatItAcknowledged(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes some ten seconds")
	}
	t.Parallel()
	const senders = 3
	kills, seed := int(numberFrom(t, "LLAMA_KILLS", 10)), numberFrom(t, "LLAMA_SEED", rand.Uint64())
	t.Logf("LLAMA_KILLS=%d LLAMA_SEED=%d", kills, seed)
	rng := rand.New(rand.NewPCG(seed, 0))

	log := newGrowingLog(t)
	// Segments are small, so that they are written and merged while it is killed.
	node := newInstance(t, filepath.Join(t.TempDir(), "data"), fmt.Sprintf(
		"  archive: {segment_rows: 3000, seal_after: 1s}\n  receivers:\n    - files: {paths: [%q]}\n  routes:\n    - {when: {receiver: files}, collection: followed, parser: json}\n", log.path))
	want := map[string]uint64{}
	var imports []*importing
	all := make([]*sender, senders)
	for s := range all {
		all[s] = &sender{name: fmt.Sprint("sender-", s)}
	}
	var heads []string // files
	for round := range kills + 1 {
		node.start()
		heads = append(heads, keepHead(t, node, round))
		imports = append(imports, startImport(t, node, round))
		enough := make(chan struct{})
		left := atomic.Int64{}
		left.Store(5 + rng.Int64N(60))
		var sending sync.WaitGroup
		for _, s := range all {
			sending.Go(func() {
				s.run(t, node.door(), func() bool {
					n := left.Add(-1)
					if n == 0 {
						close(enough)
					}
					return n > 0 || round < kills // the last round ends by itself, the others by the kill
				})
			})
		}
		sending.Go(func() { log.grow(t, enough) })
		<-enough
		if round < kills {
			node.kill()
		}
		sending.Wait()
	}
	for _, i := range imports {
		if err := i.cmd.Wait(); err != nil {
			t.Errorf("import: %v: %s", err, i.said.String())
		}
		want[i.name] = i.lines
	}
	for _, s := range all {
		if s.acknowledged == 0 {
			t.Errorf("%s: nothing was acknowledged", s.name)
		}
		want[s.name] = s.acknowledged
	}
	want["file"] = log.lines

	// The file is followed a moment later than it grows.
	waitFor(t, "the end of the file", func() bool { return counts(t, node)["file"].events >= log.lines })
	check := func(when string) {
		got := counts(t, node)
		for name, lines := range want {
			if got[name] != (count{lines, lines, lines - 1}) {
				t.Errorf("%s: %s: got %+v, want %d events, each once, up to %d", when, name, got[name], lines, lines-1)
			}
		}
		if len(got) != len(want) {
			t.Errorf("%s: got events of %d senders, want %d", when, len(got), len(want))
		}
	}
	check("after the last kill")
	node.stop()
	node.start()
	check("after a stop in order")
	verified(t, node, heads)
	node.stop()
	verified(t, node, heads)
}

// keepHead keeps the head of the archive's history in a file.
func keepHead(t *testing.T, node *instance, round int) string {
	t.Helper()
	head, err := node.llama("archive", "head", "-c", node.config()).Output()
	if err != nil {
		t.Fatalf("head: %v", err)
	}
	name := filepath.Join(node.home, fmt.Sprint("head-", round))
	if err := os.WriteFile(name, head, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// verified looks that the archive verifies against all heads that were kept.
func verified(t *testing.T, node *instance, heads []string) {
	t.Helper()
	for _, head := range heads {
		if said, err := node.llama("archive", "verify", "-c", node.config(), "--head", head).CombinedOutput(); err != nil {
			t.Errorf("verify against %s: %v: %s", head, err, said)
		}
	}
}

// numberFrom reads an environment variable.
func numberFrom(t *testing.T, name string, otherwise uint64) uint64 {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("%s=%s is no number", name, text)
	}
	return n
}

// A count says how many events of a sender there are, how many different ones,
// and the last.
type count struct{ events, different, last uint64 }

func counts(t *testing.T, node *instance) map[string]count {
	t.Helper()
	all := map[string]count{}
	for _, row := range node.query("sender:* | stats by (sender) count() events, count_uniq(n) different, max(n) last") {
		all[fmt.Sprint(row["sender"])] = count{number(t, row["events"]), number(t, row["different"]), number(t, row["last"])}
	}
	return all
}

func line(sender string, n uint64) string {
	return fmt.Sprintf(`{"_msg":"event %d of %s","sender":%q,"n":%d}`+"\n", n, sender, sender, n)
}

// A sender sends numbered lines and knows what was acknowledged.
type sender struct {
	name         string
	acknowledged uint64 // lines
}

// run goes on where the node says and sends until more says no or the door is
// gone.
func (s *sender) run(t *testing.T, client *door.Client, more func() bool) {
	stream := door.Stream{Form: door.JSONL, Collection: "sent", Source: s.name, Epoch: "1"}
	ctx := context.Background()
	next, err := client.Next(ctx, stream)
	if err != nil {
		return // killed before it began
	}
	if next < s.acknowledged {
		t.Errorf("%s: %d lines were acknowledged, and the node knows %d", s.name, s.acknowledged, next)
	}
	s.acknowledged = next
	for {
		var body bytes.Buffer
		for n := range uint64(200) {
			body.WriteString(line(s.name, s.acknowledged+n))
		}
		answer, err := client.Send(ctx, stream, s.acknowledged, body.Bytes())
		if err != nil {
			return
		}
		if answer.Accepted != 200 {
			t.Errorf("%s: %d of 200 lines were accepted", s.name, answer.Accepted)
		}
		s.acknowledged += 200
		if !more() {
			return
		}
	}
}

// An importing is a `llama import` that waits for the node while that is down.
type importing struct {
	name  string
	lines uint64
	cmd   *exec.Cmd
	said  safeBuffer
}

// waits reports whether it has said that it waits for the node.
func (i *importing) waits() bool { return strings.Contains(i.said.String(), "waiting for the node") }

func startImport(t *testing.T, node *instance, round int) *importing {
	t.Helper()
	i := &importing{name: fmt.Sprint("import-", round), lines: 5000}
	file := filepath.Join(t.TempDir(), i.name)
	var text bytes.Buffer
	for n := range i.lines {
		text.WriteString(line(i.name, n))
	}
	if err := os.WriteFile(file, text.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	i.cmd = node.llama("import", "--collection", "imported", "--data", node.data, "--url", "http://"+node.ingest, file)
	i.cmd.Stderr = &i.said
	if err := i.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { i.cmd.Process.Kill() }) // fails when it has ended
	return i
}

// A growingLog is a file that a program writes to.
type growingLog struct {
	path  string
	file  *os.File
	lines uint64
}

func newGrowingLog(t *testing.T) *growingLog {
	t.Helper()
	path := filepath.Join(t.TempDir(), "app.log")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	return &growingLog{path: path, file: file}
}

// grow adds lines, now and then, until it is enough.
func (g *growingLog) grow(t *testing.T, enough <-chan struct{}) {
	out := bufio.NewWriter(g.file)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		for range 20 {
			out.WriteString(line("file", g.lines)) // Flush tells
			g.lines++
		}
		if err := out.Flush(); err != nil && !errors.Is(err, os.ErrClosed) {
			t.Error(err)
			return
		}
		select {
		case <-enough:
			return
		case <-tick.C:
		}
	}
}
