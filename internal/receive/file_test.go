package receive_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/receive"
	"github.com/llama-logs/llama/internal/receive/receivetest"
)

func openFiles(t testing.TB, o receive.FilesOptions) *receive.Files {
	t.Helper()
	if o.Poll == 0 {
		o.Poll = 10 * time.Millisecond
	}
	if o.CloseAfter == 0 {
		o.CloseAfter = 30 * time.Millisecond
	}
	f, err := receive.OpenFiles(o)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func write(t testing.TB, path, text string) {
	t.Helper()
	file, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := file.WriteString(text); err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
}

func rename(t testing.TB, from, to string) {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}

func TestFilesConform(t *testing.T) {
	t.Parallel()
	receivetest.Run(t, func(t *testing.T) receivetest.Subject {
		path := filepath.Join(t.TempDir(), "a.log")
		return receivetest.Subject{
			Receiver: openFiles(t, receive.FilesOptions{Paths: []string{path}}),
			Send: func(messages []string) error {
				write(t, path, strings.Join(messages, "\n")+"\n")
				return nil
			},
		}
	})
}

// A session follows files over one sink and can be ended and begun again, as a
// process that is killed: what the sink has is all that is known.
type session struct {
	t    *testing.T
	o    receive.FilesOptions
	sink *receivetest.Sink
	stop func()
}

func follow(t *testing.T, o receive.FilesOptions) *session {
	s := &session{t: t, o: o, sink: &receivetest.Sink{}}
	s.o.Positions = s.sink
	s.begin()
	t.Cleanup(func() { s.stop() })
	return s
}

func (s *session) begin() {
	ctx, cancel := context.WithCancel(context.Background())
	f := openFiles(s.t, s.o)
	var all sync.WaitGroup
	all.Go(func() {
		if err := f.Run(ctx, s.sink); err != nil {
			s.t.Errorf("Run: %v", err)
		}
	})
	s.stop = func() { cancel(); all.Wait() }
}

func (s *session) restart() {
	s.stop()
	s.begin()
}

func TestFilesAreReadOnce(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		act  func(t *testing.T, s *session, path string)
		want []string
	}{
		"restart": {func(t *testing.T, s *session, path string) {
			write(t, path, "1\n2\n")
			s.sink.Wait(t, 2)
			s.restart()
			write(t, path, "3\n")
			s.sink.Wait(t, 3)
			s.stop()
			write(t, path, "4\n")
			s.begin()
		}, []string{"1", "2", "3", "4"}},
		"partial line": {func(t *testing.T, s *session, path string) {
			write(t, path, "1\n2")
			s.sink.Wait(t, 1)
			s.restart()
			write(t, path, "2\n\n\r\n3\r\n")
		}, []string{"1", "22", "3"}},
		"rotated": {func(t *testing.T, s *session, path string) {
			write(t, path, "1\n2\n")
			s.sink.Wait(t, 2)
			rename(t, path, path+".1")
			write(t, path+".1", "late\n")
			s.sink.Wait(t, 3)
			write(t, path, "3\n")
			s.sink.Wait(t, 4)
			s.restart()
			write(t, path, "4\n")
		}, []string{"1", "2", "late", "3", "4"}},
		"rotated, with an end that is no line": {func(t *testing.T, s *session, path string) {
			write(t, path, "1\n2")
			s.sink.Wait(t, 1)
			rename(t, path, path+".1")
		}, []string{"1", "2"}},
		"removed, with nothing but half a line": {func(t *testing.T, s *session, path string) {
			write(t, path, "1")
			write(t, filepath.Dir(path)+"/b.log", "0\n")
			s.sink.Wait(t, 1) // so that a.log was seen as well
			rename(t, path, path+".1")
		}, []string{"0", "1"}},
		"renamed within the pattern": {func(t *testing.T, s *session, path string) {
			write(t, path, "1\n")
			s.sink.Wait(t, 1)
			rename(t, path, filepath.Dir(path)+"/old.log")
			s.restart()
			write(t, path, "2\n")
		}, []string{"1", "2"}},
		"copied and cut": {func(t *testing.T, s *session, path string) {
			write(t, path, "1\n2\n")
			s.sink.Wait(t, 2)
			os.Truncate(path, 0)
			write(t, path, "3\n")
			s.sink.Wait(t, 3)
			write(t, path, "4\n")
		}, []string{"1", "2", "3", "4"}},
		"cut while nobody looked": {func(t *testing.T, s *session, path string) {
			write(t, path, "header\n1\n2\n")
			s.sink.Wait(t, 3)
			s.stop()
			os.Truncate(path, 0)
			write(t, path, "header\n3\n")
			s.begin()
			s.sink.Wait(t, 5)
			s.restart()
			write(t, path, "4\n")
		}, []string{"header", "1", "2", "header", "3", "4"}},
		"cut again and again to the same header": {func(t *testing.T, s *session, path string) {
			for i, n := range []int{6, 11, 15, 18, 20} {
				write(t, path, "header\n"+strings.Repeat("more\n", 5-i))
				s.sink.Wait(t, n)
				os.Truncate(path, 0)
				if i%2 == 1 {
					write(t, path, "h") // and half a line of the next
					os.Truncate(path, 0)
				}
				s.restart()
			}
			write(t, path, "end\n")
		}, strings.Fields("header more more more more more header more more more more header more more more header more more header more end")},
		"removed and made anew": {func(t *testing.T, s *session, path string) {
			write(t, path, "header\n1\n")
			s.sink.Wait(t, 2)
			s.stop()
			os.Remove(path)
			write(t, path, "header\n2\n") // may get the same inode
			s.begin()
		}, []string{"header", "1", "header", "2"}},
		"a long line": {func(t *testing.T, s *session, path string) {
			write(t, path, "1\n"+strings.Repeat("x", 100_000))
			s.sink.Wait(t, 2)
			s.restart()
			write(t, path, "yz\n2\n")
		}, []string{"1", strings.Repeat("x", 1000), "2"}},
		"the archive is another": {func(t *testing.T, s *session, path string) {
			write(t, path, "1\n2\n")
			s.sink.Wait(t, 2)
			s.sink.Forget()
			write(t, path, "3\n")
		}, []string{"1", "2", "1", "2", "3"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			s := follow(t, receive.FilesOptions{Paths: []string{dir + "/*.log"}, MaxLine: 1000})
			tt.act(t, s, filepath.Join(dir, "a.log"))
			s.sink.Wait(t, len(tt.want))
			s.stop()
			s.sink.Want(t, tt.want)
		})
	}
}

// A reader that is stopped at any time, over and over, while files are written
// and rotated, reads each line once and in the order of its file.
func TestFilesSurviveRestarts(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "a.log")
	s := follow(t, receive.FilesOptions{Paths: []string{dir + "/a.log*"}})
	const rotations, lines = 6, 500
	n := 0
	for r := range rotations {
		for range lines {
			write(t, path, fmt.Sprintf("%06d\n", n))
			if n++; n%197 == 0 {
				s.restart()
			}
		}
		rename(t, path, fmt.Sprintf("%s.%d", path, r))
	}
	s.sink.Wait(t, n)
	s.stop()
	seen := map[string]bool{}
	for _, m := range s.sink.Messages() {
		if seen[m] {
			t.Fatalf("line %s was read twice", m)
		}
		seen[m] = true
	}
	if len(seen) != n {
		t.Fatalf("got %d lines, want %d", len(seen), n)
	}
}

func TestEventsOfSeveralLines(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "a.log")
	s := follow(t, receive.FilesOptions{Paths: []string{path}, EventStart: `^\d`, MaxLine: 50})
	write(t, path, "orphan\n1 one\n  at a\n\n  at b\n2 two\n")
	s.sink.Wait(t, 3)
	s.restart()
	write(t, path, "3 three\n  at c\n")
	s.sink.Wait(t, 4)
	write(t, path, "4 "+strings.Repeat("x\n", 40)+"5 five\n")
	s.sink.Wait(t, 6)
	s.stop()
	got := s.sink.Messages()
	if last := got[len(got)-1]; last != "5 five" {
		t.Errorf("last: got %q", last)
	}
	s.sink.Want(t, append([]string{"orphan", "1 one\n  at a\n\n  at b", "2 two", "3 three\n  at c", ("4 " + strings.Repeat("x\n", 40))[:50]}, got[5:]...))
}

func TestFilesExclude(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, name := range []string{"a.log", "b.log", "c.log.gz"} {
		write(t, filepath.Join(dir, name), name+"\n")
	}
	if err := os.Mkdir(filepath.Join(dir, "d.log"), 0o700); err != nil {
		t.Fatal(err)
	}
	s := follow(t, receive.FilesOptions{Paths: []string{dir + "/*"}, Exclude: []string{"b.*"}})
	s.sink.Wait(t, 1)
	s.stop()
	s.sink.Want(t, []string{"a.log"})
	if got := s.sink.Events()[0].Source; got != "file "+dir+"/a.log" {
		t.Errorf("source %q", got)
	}
}

func TestFilesWaitForTheSink(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "a.log")
	full := 5
	sink := &receivetest.Sink{Before: func() error {
		if full--; full > 0 {
			return llama.Errorf(llama.Unavailable, "the disk is full")
		}
		return nil
	}}
	run(t, openFiles(t, receive.FilesOptions{Paths: []string{path}, Positions: sink}), sink)
	write(t, path, "1\n2\n")
	sink.Wait(t, 2)
	sink.Want(t, []string{"1", "2"})
}
