package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/door"
)

// smallDisk mounts a file system of its own for the test.
func smallDisk(t *testing.T, bytes int) string {
	t.Helper()
	dir := t.TempDir()
	err := syscall.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%d", bytes))
	if errors.Is(err, syscall.EPERM) {
		t.Skip("a file system cannot be mounted here; run the test as root")
	}
	if err != nil {
		t.Fatalf("mount: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Errorf("unmount: %v", err)
		}
	})
	return dir
}

// fill writes a file until the disk has no byte left.
func fill(t *testing.T, file string) {
	t.Helper()
	f, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for size := 1 << 20; size > 0; {
		if _, err := f.Write(make([]byte, size)); errors.Is(err, syscall.ENOSPC) {
			size /= 2
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

// TestAFullDiskMakesSendersWait fills the disk under a running process twice:
// down to the floor, and to the last byte while it writes. Senders are told to
// come again, a peer over TCP is made to wait, questions are answered; with
// space again it goes on, and all that was acknowledged is there, once.
func TestAFullDiskMakesSendersWait(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes some seconds")
	}
	t.Parallel()
	disk := smallDisk(t, 64<<20)
	ballast := filepath.Join(disk, "ballast")
	node := newInstance(t, filepath.Join(disk, "data"), "  archive: {segment_rows: 3000, seal_after: 1s}\n")
	node.start()
	s := &sender{name: "sender-0"}
	few := func(n int) func() bool {
		return func() bool { n--; return n > 0 }
	}
	s.run(t, node.door(), few(20))

	for _, full := range []func(){
		func() { fill(t, ballast) },
		func() { // while it writes
			var sending sync.WaitGroup
			var filled atomic.Bool
			sending.Go(func() { s.run(t, node.door(), func() bool { return !filled.Load() }) })
			fill(t, ballast)
			filled.Store(true)
			sending.Wait()
		},
	} {
		full()
		refusedForNow(t, node)
		counted := counts(t, node)[s.name] // it still answers
		if counted.events < s.acknowledged {
			t.Errorf("%d events, and %d were acknowledged", counted.events, s.acknowledged)
		}
		var waiting sync.WaitGroup
		held := startTCP(t, node, &waiting)
		importing := startImport(t, node, int(counted.events)) // a name of its own
		waitFor(t, "an import that waits", func() bool { return importing.waits() })
		if n := held.sent.Load(); n == held.size {
			t.Errorf("all %d bytes went into a full node", n)
		}
		if err := os.Remove(ballast); err != nil {
			t.Fatal(err)
		}
		if err := importing.cmd.Wait(); err != nil {
			t.Errorf("import: %v: %s", err, importing.said.String())
		}
		waiting.Wait()
		waitFor(t, "what came over TCP", func() bool { return tcpCount(t, node) >= held.lines })
		s.run(t, node.door(), few(5))
		if got, want := counts(t, node)[importing.name], (count{importing.lines, importing.lines, importing.lines - 1}); got != want {
			t.Errorf("%s: got %+v, want %+v", importing.name, got, want)
		}
	}
	check := func(when string) {
		want := count{s.acknowledged, s.acknowledged, s.acknowledged - 1}
		if got := counts(t, node)[s.name]; got != want {
			t.Errorf("%s: got %+v, want %+v", when, got, want)
		}
	}
	check("after the disk was full")
	node.kill()
	node.start()
	check("after a crash")
	node.kill()
	fill(t, ballast)
	node.start()
	check("after a start on a full disk")
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the file by which commands find it", func() bool {
		at, err := readListening(node.data)
		return err == nil && at.PID == node.cmd.Process.Pid
	})
	node.stop()
}

// refusedForNow wants a 503 with a time to come again.
func refusedForNow(t *testing.T, node *instance) {
	t.Helper()
	client := node.door()
	req, err := http.NewRequest(http.MethodPost, client.URL+"/insert/jsonl?collection=sent", strings.NewReader(`{"_msg":"too much"}`))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+client.Token)
	resp, err := client.HTTP.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(resp.Body) // for the message only
	if resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get("Retry-After") == "" {
		t.Errorf("a full node answers %s, Retry-After %q: %s", resp.Status, resp.Header.Get("Retry-After"), text)
	}
	if _, err := client.Send(t.Context(), door.Stream{Form: door.Lines, Collection: "sent", Source: "other", Epoch: "1"}, 0, []byte("x\n")); llama.CodeOf(err) != llama.Unavailable {
		t.Errorf("a full node: %v", err)
	}
}

// A held sender writes more over TCP than sockets hold, so that it is made to
// wait.
type held struct {
	lines uint64
	size  int64
	sent  atomic.Int64
}

func startTCP(t *testing.T, node *instance, all *sync.WaitGroup) *held {
	t.Helper()
	at, err := readListening(node.data)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("tcp", at.Syslog)
	if err != nil {
		t.Fatal(err)
	}
	h := &held{lines: tcpCount(t, node)}
	var text bytes.Buffer
	for text.Len() < 12<<20 {
		fmt.Fprintf(&text, "<13>Nov 10 12:00:00 gate held[1]: %s %d\n", strings.Repeat("filler ", 60), h.lines)
		h.lines++
	}
	h.size = int64(text.Len())
	all.Go(func() {
		defer conn.Close()
		conn.SetWriteDeadline(time.Now().Add(patience))
		for text.Len() > 0 {
			n, err := conn.Write(text.Next(32 << 10))
			h.sent.Add(int64(n))
			if err != nil {
				t.Errorf("send over TCP: %v", err)
				return
			}
		}
	})
	return h
}

func tcpCount(t *testing.T, node *instance) uint64 {
	t.Helper()
	rows := node.query("process.name:held | stats count() n")
	return number(t, rows[0]["n"])
}
