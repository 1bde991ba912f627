package receive

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"sync"
	"time"

	"github.com/fsnotify/fsnotify"
	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/config"
)

// FilesOptions configure the following of files.
type FilesOptions struct {
	Env
	Paths      []string      `yaml:"paths" doc:"Files to follow, with * and ?: /var/log/*.log. Files that appear later are found."`
	Exclude    []string      `yaml:"exclude" doc:"Files not to follow, by their path or their name. Packed files (.gz, .bz2, .xz, .zst) never are."`
	MaxLine    config.Size   `yaml:"max_line" doc:"Longer events are cut here and marked in log.flags. Default: 256KiB."`
	EventStart string        `yaml:"event_start" doc:"A regular expression (RE2) that the first line of an event matches; other lines belong to the event before. Default: each line is an event."`
	Poll       time.Duration `yaml:"poll" doc:"How often files are looked at, should the system not say that they have changed. Default: 1s."`
	CloseAfter time.Duration `yaml:"close_after" doc:"How long a file that was rotated away or removed is still read after it last grew. Default: 1m."`

	// Positions says where to go on after a restart. Nil: at the start of each file.
	Positions Positions `yaml:"-"`
}

const (
	defaultFileLine   = 256 * config.KiB
	defaultPoll       = time.Second
	defaultCloseAfter = time.Minute
	maxFiles          = 8192 // followed at once
)

// Validate says which option is wrong.
func (o *FilesOptions) Validate() error {
	if len(o.Paths) == 0 {
		return config.Wrong("paths", "is missing; e.g. /var/log/*.log")
	}
	for key, patterns := range map[string][]string{"paths": o.Paths, "exclude": o.Exclude} {
		for _, p := range patterns {
			if _, err := filepath.Match(p, ""); err != nil {
				return config.Wrong(key, "%q is not a pattern; e.g. /var/log/*.log", p)
			}
		}
	}
	if _, err := regexp.Compile(o.EventStart); err != nil {
		return config.Wrong("event_start", "%v", err)
	}
	switch {
	case o.MaxLine < 0 || o.MaxLine > maxMaxLine:
		return config.Wrong("max_line", "%s is out of range; up to %s", o.MaxLine, maxMaxLine)
	case o.Poll < 0:
		return config.Wrong("poll", "is negative; e.g. 1s")
	case o.CloseAfter < 0:
		return config.Wrong("close_after", "is negative; e.g. 1m")
	}
	return nil
}

// Files follows files as they grow, are rotated, cut and replaced. Where it is
// in a file is part of what it puts, so after a crash it goes on behind the last
// byte that is safe, and each line is stored once.
//
// A file is known by its inode and its time of birth, not by its name, and what
// was written into it by its first line: see identity.go.
type Files struct {
	o       FilesOptions
	start   *regexp.Regexp // nil: each line is an event
	log     *slog.Logger
	metrics counters
}

// OpenFiles checks the options. Files need not be there yet.
func OpenFiles(o FilesOptions) (*Files, error) {
	if err := o.Validate(); err != nil {
		return nil, llama.Errorf(llama.Invalid, "open files: %w", err)
	}
	f := &Files{o: o}
	_, f.log, f.metrics = o.named("file")
	if o.EventStart != "" {
		f.start = regexp.MustCompile(o.EventStart)
	}
	if f.o.MaxLine == 0 {
		f.o.MaxLine = defaultFileLine
	}
	if f.o.Poll == 0 {
		f.o.Poll = defaultPoll
	}
	if f.o.CloseAfter == 0 {
		f.o.CloseAfter = defaultCloseAfter
	}
	f.o.Paths = slices.Clone(o.Paths)
	for i, p := range f.o.Paths {
		abs, err := filepath.Abs(p)
		if err != nil {
			return nil, fmt.Errorf("open files %s: %w", p, err)
		}
		f.o.Paths[i] = abs
	}
	return f, nil
}

// Close is there for symmetry: files are open only while Run works.
func (f *Files) Close() error { return nil }

// Run follows files until ctx ends.
func (f *Files) Run(ctx context.Context, sink llama.Sink) error {
	s := &scanner{Files: f, sink: sink, byID: map[fileID]*tail{}, byPath: map[string]*tail{}, failed: map[string]bool{}, ended: make(chan *tail)}
	defer s.readers.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if err := s.watch(); err != nil {
		f.log.Warn("the system does not tell of changes; files are looked at from time to time", slog.Any("error", err))
	} else {
		defer s.watcher.Close()
	}
	poll := time.NewTicker(f.o.Poll)
	defer poll.Stop()
	for {
		s.scan(ctx)
		if s.wait(ctx, poll.C) != nil {
			return nil
		}
	}
}

// A scanner finds the files to follow. It belongs to Run's goroutine.
type scanner struct {
	*Files
	sink    llama.Sink
	readers sync.WaitGroup
	ended   chan *tail
	byID    map[fileID]*tail
	byPath  map[string]*tail
	failed  map[string]bool // files that cannot be read, so that it is said once
	watcher *fsnotify.Watcher
	events  chan fsnotify.Event // nil without a watcher
	errors  chan error
	folders map[string]bool // that are watched
}

func (s *scanner) watch() (err error) {
	if s.watcher, err = fsnotify.NewWatcher(); err == nil {
		s.events, s.errors, s.folders = s.watcher.Events, s.watcher.Errors, map[string]bool{}
	}
	return err
}

// wait returns when the folders should be looked at again.
func (s *scanner) wait(ctx context.Context, poll <-chan time.Time) error {
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-poll:
			return nil
		case <-s.errors: // some changes were not told
			return nil
		case t := <-s.ended:
			s.forget(t)
		case event := <-s.events:
			if !event.Has(fsnotify.Write) {
				return nil
			}
			if t := s.byPath[event.Name]; t != nil {
				t.wakeUp()
			}
		}
	}
}

func (s *scanner) forget(t *tail) {
	delete(s.byID, t.id)
	if s.byPath[t.path] == t {
		delete(s.byPath, t.path)
	}
	s.metrics.connections.Dec()
}

// scan starts a reader for each file that is new, and tells those whose file is
// in no path any more.
func (s *scanner) scan(ctx context.Context) {
	seen := map[fileID]bool{}
	for _, pattern := range s.o.Paths {
		s.watchFolder(filepath.Dir(pattern))
		paths, _ := filepath.Glob(pattern) // a wrong pattern was refused before
		for _, path := range paths {
			if !s.excluded(path) {
				s.see(ctx, path, seen)
			}
		}
	}
	for id, t := range s.byID {
		t.gone.Store(!seen[id])
		t.wakeUp()
	}
}

func (s *scanner) excluded(path string) bool {
	if slices.Contains([]string{".gz", ".bz2", ".xz", ".zst"}, filepath.Ext(path)) {
		return true
	}
	return slices.ContainsFunc(s.o.Exclude, func(pattern string) bool {
		whole, _ := filepath.Match(pattern, path)
		base, _ := filepath.Match(pattern, filepath.Base(path))
		return whole || base
	})
}

// see looks at one path.
func (s *scanner) see(ctx context.Context, path string, seen map[fileID]bool) {
	stat, err := os.Stat(path)
	if err != nil || !stat.Mode().IsRegular() {
		return // gone between the listing and now, or no file
	}
	id := idOf(path, stat)
	seen[id] = true
	if t := s.byID[id]; t != nil {
		s.byPath[path] = t
		return
	}
	if len(s.byID) >= maxFiles {
		s.complain(path, fmt.Errorf("%d files are followed already", maxFiles))
		return
	}
	file, err := os.Open(path)
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			s.complain(path, err)
		}
		return
	}
	delete(s.failed, path)
	s.watchFolder(filepath.Dir(path))
	t := newTail(s, file, path, id)
	s.byID[id], s.byPath[path] = t, t
	s.metrics.connections.Inc()
	s.readers.Go(func() {
		defer file.Close()
		t.run(ctx)
		select {
		case s.ended <- t:
		case <-ctx.Done():
		}
	})
}

func (s *scanner) complain(path string, err error) {
	if !s.failed[path] {
		s.failed[path] = true
		s.log.Warn("file not followed", slog.String("path", path), slog.Any("error", err))
	}
}

func (s *scanner) watchFolder(folder string) {
	if s.watcher == nil || s.folders[folder] {
		return
	}
	if s.watcher.Add(folder) == nil { // else it is polled, or is a pattern
		s.folders[folder] = true
	}
}
