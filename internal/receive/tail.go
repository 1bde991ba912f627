package receive

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/llama-logs/llama"
)

// A tail reads one file from where the sink has it to where it ends, again and
// again.
type tail struct {
	putter
	id        fileID
	path      string // as it was found
	file      *os.File
	positions Positions
	poll      time.Duration
	closing   time.Duration
	start     *regexp.Regexp
	gone      atomic.Bool // no path leads to the file any more
	wake      chan struct{}

	source   string // Event.Source
	hash     string // of the first line; empty until it is whole
	before   string // the hash of the content that was cut, until there is another
	position llama.Position
	cuts     int
	empty    bool // the file was seen empty, so that what is in it is new
	final    bool // a first line without end is one, too
	splitter lineSplitter
	buf      []byte
	held     int    // bytes of buf that were read and are not dealt with
	offset   uint64 // of buf[0] in the file
	covered  uint64 // the first byte that no batch has covered
	grown    time.Time
	behind   bool // what was read last filled buf, so that there may be more
	spans    []span
	events   []llama.Event
}

func newTail(s *scanner, file *os.File, path string, id fileID) *tail {
	return &tail{
		putter: putter{s.sink, s.log.With(slog.String("path", path)), s.metrics},
		id:     id, path: path, file: file, positions: s.o.Positions, poll: s.o.Poll, closing: s.o.CloseAfter, start: s.start,
		wake:     make(chan struct{}, 1),
		source:   "file " + path,
		splitter: lineSplitter{max: int(s.o.MaxLine)},
		grown:    time.Now(),
	}
}

func (t *tail) wakeUp() {
	select {
	case t.wake <- struct{}{}:
	default:
	}
}

// run reads until ctx ends, or the file is gone and has stopped growing.
func (t *tail) run(ctx context.Context) {
	for ctx.Err() == nil {
		progress, err := t.step(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			t.log.Warn("file not read", slog.Any("error", err))
			wait(ctx, max(t.poll, time.Second))
		case progress:
			t.grown = time.Now()
		case t.gone.Load() && time.Since(t.grown) >= t.closing:
			if err := t.finish(ctx); err != nil {
				t.log.Warn("last line not stored", slog.Any("error", err))
			}
			return
		default:
			t.rest(ctx)
		}
	}
}

// finish puts what has no end of line, for none will come.
func (t *tail) finish(ctx context.Context) error {
	t.final = true
	for progress := true; progress; {
		var err error
		if progress, err = t.step(ctx); err != nil {
			return err
		}
	}
	return t.deal(ctx, true)
}

// step reads once and puts what is whole; progress is false at the file's end.
func (t *tail) step(ctx context.Context) (progress bool, err error) {
	if changed, err := t.recognize(ctx); err != nil || changed {
		return changed, err
	}
	if t.hash == "" {
		return false, nil
	}
	t.grow()
	n, err := t.file.ReadAt(t.buf[t.held:], int64(t.offset)+int64(t.held))
	if err != nil && !errors.Is(err, io.EOF) {
		return false, err
	}
	t.held += n
	t.behind = t.held == len(t.buf)
	if n == 0 {
		return false, nil
	}
	return true, t.deal(ctx, false)
}

// recognize finds out which content the file has, and where to go on in it; true
// if that is not what was read before.
func (t *tail) recognize(ctx context.Context) (changed bool, err error) {
	stat, err := t.file.Stat()
	if err != nil {
		return false, err
	}
	size := uint64(stat.Size())
	if t.hash != "" && size == t.offset+uint64(t.held) {
		return false, nil // the usual case: nothing has happened
	}
	hash, ok, err := fingerprint(t.file, t.final)
	if err != nil {
		return false, err
	}
	t.empty = t.empty || size == 0
	cut := t.hash != "" && size < t.offset+uint64(t.held)
	if !cut && (!ok || hash == t.hash) {
		return false, nil
	}
	if t.hash != "" {
		// What was held of the content before is whole now.
		if err := t.deal(ctx, true); err != nil {
			return false, err
		}
	}
	t.offset, t.held, t.splitter.skipping = 0, 0, false
	switch {
	case !ok: // cut, and without a whole line yet
		t.before, t.hash = t.hash, ""
		return true, nil
	case hash == t.hash || hash == t.before:
		t.cuts++
	default:
		t.cuts, t.offset = resume(t.positions, t.id.source(t.path), hash, size, t.empty)
	}
	t.hash, t.before, t.empty, t.covered = hash, "", false, t.offset
	t.position = llama.Position{Source: t.id.source(t.path), Epoch: epochOf(hash, t.cuts)}
	t.splitter.skipping = t.offset > 0 && t.midLine()
	return true, nil
}

// midLine reports whether the byte before offset ends no line: the rest of a line
// that was cut is not an event.
func (t *tail) midLine() bool {
	var before [1]byte
	_, err := t.file.ReadAt(before[:], int64(t.offset)-1)
	return err == nil && before[0] != '\n'
}

// grow makes room to read: little for a file at rest, a batch for one that is
// behind.
func (t *tail) grow() {
	if t.held < len(t.buf) && !t.behind {
		return
	}
	size := min(max(2*len(t.buf), firstRoom), max(maxBatchBytes, 2*t.splitter.max))
	if size <= len(t.buf) {
		return
	}
	grown := make([]byte, size)
	copy(grown, t.buf[:t.held])
	t.buf = grown
}

// shrink gives the room back that a file which was behind has had. A file of which events may
// have several lines always holds the last.
func (t *tail) shrink() {
	if t.held == 0 {
		t.buf = nil
	} else if len(t.buf) >= 4*max(t.held, firstRoom) {
		t.buf = slices.Clone(t.buf[:t.held])
	}
}

// firstRoom is how much of a file is read at once at first, in bytes.
const firstRoom = 16 << 10

// rest waits until there may be more to read. What has waited for a line that
// belongs to it does not wait longer than that.
func (t *tail) rest(ctx context.Context) {
	t.shrink()
	poll := time.NewTimer(t.poll)
	defer poll.Stop()
	select {
	case <-ctx.Done():
	case <-t.wake:
	case <-poll.C:
	}
	if t.start != nil && t.held > 0 && time.Since(t.grown) >= t.poll && ctx.Err() == nil {
		if err := t.dealLines(ctx); err != nil {
			t.log.Warn("event not stored", slog.Any("error", err))
		}
	}
}

// deal puts the events that are whole, with last all that there are.
func (t *tail) deal(ctx context.Context, last bool) error { return t.dealWith(ctx, last, last) }

// dealLines puts whole lines even if the next may belong to them.
func (t *tail) dealLines(ctx context.Context) error { return t.dealWith(ctx, false, true) }

func (t *tail) dealWith(ctx context.Context, last, lastEvent bool) error {
	for t.held > 0 {
		skipping := t.splitter.skipping
		spans, used := t.splitter.split(t.spans[:0], t.buf[:t.held], last, maxBatchEvents)
		limited := len(spans) == maxBatchEvents
		if t.start != nil {
			spans, used = t.join(spans, used, lastEvent, limited)
		}
		t.spans = spans
		if used == 0 {
			return nil
		}
		if len(spans) > 0 {
			if err := t.putSpans(ctx, used); err != nil {
				t.splitter.skipping = skipping
				return t.back(err)
			}
		}
		t.offset += uint64(used)
		t.held = copy(t.buf, t.buf[used:t.held])
		if !limited {
			return nil
		}
	}
	return nil
}

// join makes one event of each line that starts one and those that follow. The
// last is kept back, as long as it is not too long, unless it is the last of all.
func (t *tail) join(lines []span, used int, last, limited bool) ([]span, int) {
	events, restart := lines[:0], 0
	for _, l := range lines {
		if len(events) > 0 && !t.start.Match(t.buf[l.start:l.end]) {
			e := &events[len(events)-1]
			e.cut = e.cut || l.cut || l.end-e.start > t.splitter.max
			e.end = min(l.end, e.start+t.splitter.max)
			continue
		}
		restart = l.start
		events = append(events, l)
	}
	if last || len(events) == 0 || used-restart > t.splitter.max || t.splitter.skipping || limited && len(events) == 1 {
		return events, used
	}
	return events[:len(events)-1], restart
}

// putSpans puts the events found in the first used bytes held.
func (t *tail) putSpans(ctx context.Context, used int) error {
	text, at := string(t.buf[:used]), now()
	p := t.position
	p.First, p.Last = t.covered, t.offset+uint64(used)-1
	err := t.put(ctx, func() *llama.Batch {
		return &llama.Batch{Events: t.batch(text, at), Position: p, Patient: !t.behind}
	})
	if err == nil {
		t.covered = p.Last + 1
	}
	return err
}

// batch makes the events of text. The place of each is its last byte, with what
// follows it that is no event.
func (t *tail) batch(text string, at llama.Time) []llama.Event {
	t.events = room(t.events, len(t.spans))
	events := t.events[:0]
	for i, m := range t.spans {
		if strings.TrimSpace(text[m.start:m.end]) == "" {
			continue
		}
		end := len(text)
		if i+1 < len(t.spans) {
			end = t.spans[i+1].start
		}
		events = events[:len(events)+1]
		e := &events[len(events)-1]
		e.Time, e.Ingested, e.Source, e.Message = at, at, t.source, text[m.start:m.end]
		e.Place = t.offset + uint64(end) - 1
		if m.cut {
			t.metrics.markCut(e)
		}
	}
	return events
}

// back goes to where the sink wants to go on, should it not be where we are: its
// archive was replaced perhaps.
func (t *tail) back(err error) error {
	gap, ok := errors.AsType[*llama.GapError](err)
	if !ok {
		return err
	}
	t.log.Warn("the archive goes on at another place of the file", slog.Uint64("offset", gap.Want))
	t.offset, t.covered, t.held, t.splitter.skipping = gap.Want, gap.Want, 0, false
	return nil
}
