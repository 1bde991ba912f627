package door_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/config"
	"github.com/llama-logs/llama/internal/door"
	"github.com/llama-logs/llama/internal/receive"
	"github.com/llama-logs/llama/internal/receive/receivetest"
)

const token = "a-token-that-may-add"

var stream = door.Stream{Form: door.Lines, Collection: "auth", Source: "import auth", Epoch: "sha256 1"}

// site is a node's ingest door, the real one, that can be closed and opened
// again over the same sink.
type site struct {
	t       *testing.T
	sink    receivetest.Sink
	options receive.HTTPOptions
	client  door.Client
	close   func()
}

func openSite(t *testing.T, o receive.HTTPOptions) *site {
	t.Helper()
	s := &site{t: t, options: o}
	s.options.Listen, s.options.Tokens = "127.0.0.1:0", filepath.Join(t.TempDir(), "tokens")
	if err := os.WriteFile(s.options.Tokens, []byte(token+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.options.Positions = &s.sink
	s.open()
	t.Cleanup(func() { s.close() })
	return s
}

func (s *site) open() {
	s.t.Helper()
	receiver, err := receive.OpenHTTP(s.options)
	if err != nil {
		s.t.Fatal(err)
	}
	s.options.Listen = receiver.Addr().String()
	s.client = door.Client{URL: "http://" + s.options.Listen, Token: token, HTTP: &http.Client{Transport: &http.Transport{}}}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := receiver.Run(ctx, &s.sink); err != nil {
			s.t.Error(err)
		}
	})
	s.close = func() {
		cancel()
		running.Wait()
		receiver.Close()
		s.client.HTTP.CloseIdleConnections()
	}
}

func lines(n int) (text string, each []string) {
	for i := range n {
		each = append(each, fmt.Sprintf("event %d of größe %d", i, i*i))
	}
	return strings.Join(each, "\n") + "\n", each
}

func TestCopySendsEachLineOnce(t *testing.T) {
	t.Parallel()
	s := openSite(t, receive.HTTPOptions{})
	text, want := lines(500)
	for _, known := range []uint64{0, 500} {
		tally, err := s.client.Copy(t.Context(), stream, strings.NewReader(text), door.CopyOptions{BodyBytes: 1000})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(door.Tally{Known: known, Accepted: 500 - int(known)}, tally); diff != "" {
			t.Error(diff)
		}
		s.sink.Want(t, want)
	}
	other := stream
	other.Epoch = "sha256 2"
	if _, err := s.client.Copy(t.Context(), other, strings.NewReader("one\n\n\nlast without an end"), door.CopyOptions{}); err != nil {
		t.Fatal(err)
	}
	s.sink.Want(t, append(want, "one", "last without an end"))
	if next, err := s.client.Next(t.Context(), other); err != nil || next != 4 {
		t.Errorf("next: got %d, %v; want 4: blank lines have numbers too", next, err)
	}
}

func TestCopyGoesOnWhereItWasCutOff(t *testing.T) {
	t.Parallel()
	s := openSite(t, receive.HTTPOptions{})
	text, want := lines(500)
	broken := errors.New("the disk is broken")
	cut := io.MultiReader(strings.NewReader(text[:len(text)/2]), failing{broken})
	if _, err := s.client.Copy(t.Context(), stream, cut, door.CopyOptions{BodyBytes: 1000}); !errors.Is(err, broken) {
		t.Fatalf("got %v, want %v", err, broken)
	}
	first := len(s.sink.Events())
	if first == 0 || first == 500 {
		t.Fatalf("%d lines came before the cut; some should", first)
	}
	tally, err := s.client.Copy(t.Context(), stream, strings.NewReader(text), door.CopyOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(door.Tally{Known: uint64(first), Accepted: 500 - first}, tally); diff != "" {
		t.Error(diff)
	}
	s.sink.Want(t, want)
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func TestCopyGoesOnAfterARestart(t *testing.T) {
	t.Parallel()
	s := openSite(t, receive.HTTPOptions{})
	text, want := lines(500)
	closed, waits := false, 0
	_, err := s.client.Copy(t.Context(), stream, strings.NewReader(text), door.CopyOptions{
		BodyBytes: 1000,
		Progress: func(door.Tally) {
			if !closed {
				s.close()
				closed = true
			}
		},
		Waiting: func(err error) {
			waits++
			if waits == 2 {
				s.open()
			}
			if llama.CodeOf(err) != llama.Unavailable {
				t.Errorf("waits because of %v", err)
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if waits < 2 {
		t.Errorf("waited %d times; the door was closed", waits)
	}
	s.sink.Want(t, want)
}

// full is what a sink without space says.
var full = llama.Errorf(llama.Unavailable, "the disk is full")

func TestCopyWaitsWhileTheNodeSaysNotNow(t *testing.T) {
	t.Parallel()
	s := openSite(t, receive.HTTPOptions{})
	refusals := 0
	s.sink.Before = func() error {
		if refusals++; refusals <= 3 {
			return full
		}
		return nil
	}
	text, want := lines(50)
	var told []string
	tally, err := s.client.Copy(t.Context(), stream, strings.NewReader(text), door.CopyOptions{
		Waiting: func(err error) { told = append(told, err.Error()) },
	})
	if err != nil {
		t.Fatal(err)
	}
	said := "the node answers 503: the disk is full"
	if diff := cmp.Diff([]string{said, said, said}, told); diff != "" {
		t.Error(diff)
	}
	if tally.Accepted != 50 {
		t.Errorf("accepted: got %d, want 50", tally.Accepted)
	}
	s.sink.Want(t, want)
}

func TestCopyGivesUp(t *testing.T) {
	t.Parallel()
	s := openSite(t, receive.HTTPOptions{})
	s.sink.Before = func() error { return full }
	_, err := s.client.Copy(t.Context(), stream, strings.NewReader("one\n"), door.CopyOptions{Patience: time.Nanosecond})
	if llama.CodeOf(err) != llama.Unavailable || !strings.Contains(err.Error(), "lines from 1: gave up after 1ns") {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	_, err = s.client.Copy(ctx, stream, strings.NewReader("one\n"), door.CopyOptions{Waiting: func(error) { cancel() }})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
	s.sink.Want(t, nil)
}

func TestCopyNamesTheLinesThatAreRefused(t *testing.T) {
	t.Parallel()
	s := openSite(t, receive.HTTPOptions{})
	of := stream
	of.Form = door.JSONL
	text := "{\"_msg\":\"a\"}\n{\"n\":\n{\"_msg\":\"c\"}\n[4]\n{\"_msg\":\"e\"}\n"
	for _, size := range []int{1, 20, 1 << 20} {
		of.Epoch = fmt.Sprint("bodies of ", size)
		tally, err := s.client.Copy(t.Context(), of, strings.NewReader(text), door.CopyOptions{BodyBytes: size})
		if err != nil {
			t.Fatalf("bodies of %d: %v", size, err)
		}
		want := door.Tally{Accepted: 3, Rejected: 2, Errors: []door.Rejected{
			{Line: 2, Detail: "offset 5: the text ends where a value should be"},
			{Line: 4, Detail: "offset 0: '[' where an object should be"},
		}}
		if diff := cmp.Diff(want, tally); diff != "" {
			t.Errorf("bodies of %d: %s", size, diff)
		}
	}
	s.sink.Want(t, []string{"a", "c", "e", "a", "c", "e", "a", "c", "e"})
}

// The status of a body that is too long is that of lines that are refused; what
// was not read of it must not be taken for sent.
func TestCopyStopsAtABodyThatIsNotReadToItsEnd(t *testing.T) {
	t.Parallel()
	s := openSite(t, receive.HTTPOptions{MaxLine: config.KiB, MaxBody: 64 * config.KiB})
	of := stream
	of.Form = door.JSONL
	text := "{\"n\":\n" + strings.Repeat("{\"_msg\":\"good\"}\n", 10_000)
	_, err := s.client.Copy(t.Context(), of, strings.NewReader(text), door.CopyOptions{})
	if err == nil || !strings.Contains(err.Error(), "the body is longer than 65536 bytes once unpacked") {
		t.Fatalf("got %v, want that the body is too long", err)
	}
	tally, err := s.client.Copy(t.Context(), of, strings.NewReader(text), door.CopyOptions{BodyBytes: 32 << 10})
	if err != nil {
		t.Fatal(err)
	}
	if got := len(s.sink.Events()); got != 10_000 {
		t.Errorf("got %d events, want 10000; %+v", got, tally)
	}
}

func TestLinesAreCutBeforeTheyAreSent(t *testing.T) {
	t.Parallel()
	s := openSite(t, receive.HTTPOptions{})
	text := strings.Repeat("x", 1<<20) + "\nshort\n"
	if _, err := s.client.Copy(t.Context(), stream, strings.NewReader(text), door.CopyOptions{LineBytes: 1000}); err != nil {
		t.Fatal(err)
	}
	s.sink.Want(t, []string{strings.Repeat("x", 1000), "short"})
}

func TestCopyWaitsForNothingThatWaitingDoesNotCure(t *testing.T) {
	t.Parallel()
	s := openSite(t, receive.HTTPOptions{})
	lost := s.client
	lost.URL = strings.Replace(lost.URL, "http:", "https:", 1) // it does not speak TLS
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	_, err := lost.Copy(ctx, stream, strings.NewReader("one\n"), door.CopyOptions{Waiting: func(error) { cancel() }})
	if err == nil || ctx.Err() != nil {
		t.Errorf("waits because of %v", err)
	}
}

func TestRefusalsAreSaid(t *testing.T) {
	t.Parallel()
	s := openSite(t, receive.HTTPOptions{})
	stranger := s.client
	stranger.Token = "another"
	tests := []struct {
		name   string
		client door.Client
		stream door.Stream
		first  uint64
		code   llama.Code
		want   string
	}{
		{"token", stranger, stream, 0, llama.Unauthorized, "the ingest token is not known to the node"},
		{"gap", s.client, stream, 7, llama.Conflict, "409"},
		{"collection", s.client, door.Stream{Form: door.Lines, Collection: "A b", Source: "s"}, 0, llama.Invalid, `collection "A b" is not a name`},
	}
	for _, tt := range tests {
		_, err := tt.client.Send(t.Context(), tt.stream, tt.first, []byte("one\n"))
		if llama.CodeOf(err) != tt.code || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %q: %v, want %q: %s", tt.name, llama.CodeOf(err), err, tt.code, tt.want)
		}
	}
	s.sink.Want(t, nil)
}
