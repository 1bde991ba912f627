package pipeline

import (
	"sync"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/column"
	"github.com/llama-logs/llama/internal/parse"
	"github.com/llama-logs/llama/internal/turns"
)

// tools are what a worker takes up for a batch and leaves to the next.
type tools struct {
	fields fieldMemory
	parse  parse.Worker
	reader headerReader
}

var toolboxes = sync.Pool{New: func() any { return new(tools) }}

// A worker prepares events, run by run.
type worker struct {
	*tools
	entry  *Entry
	tally  tally
	origin origin                   // of the event before
	decode func(*llama.Event) error // nil: events are
	failed bool                     // to decode
}

func newWorker(e *Entry, decoder func() func(*llama.Event) error) *worker {
	w := &worker{tools: toolboxes.Get().(*tools), entry: e, origin: origin{Origin: e.origin}}
	if decoder != nil {
		w.decode = decoder()
	}
	return w
}

// end takes back what was lent to events.
func (w *worker) end() {
	w.fields.takeBack()
	toolboxes.Put(w.tools)
}

// prepare makes events ready for the archive, and says their layouts if there is room.
func (w *worker) prepare(events []llama.Event, layouts []*column.Layout) error {
	w.fields.takeBack() // from the run before
	for len(events) > 0 {
		n := min(len(events), turns.Max)
		for _, i := range w.reader.order(w.entry.p.parsers.Syslog(), events[:n]) {
			layout, err := w.event(&events[i], &w.reader.headers[i])
			if err != nil {
				w.failed = true
				return err
			}
			if int(i) < len(layouts) {
				layouts[i] = layout
			}
		}
		events, layouts = events[n:], layouts[min(n, len(layouts)):]
	}
	return nil
}

// event decodes, routes and parses one event. Neighbours mostly have one source, so what
// is known of it is kept from event to event. It returns the event's layout, if that is known. The error is
// one of decoding.
func (w *worker) event(event *llama.Event, h *parse.Header) (*column.Layout, error) {
	lent := w.fields.lend(event)
	if w.decode != nil {
		if err := w.decode(event); err != nil {
			return nil, err
		}
		if isSyslog(event.Source) {
			w.entry.p.parsers.Syslog().Read(h, event.Message) // which was not there before
		}
	}
	o, t := &w.origin, &w.tally
	if t.now == nil || event.Source != o.source {
		o.read(event.Source)
		t.from(event.Source)
	}
	t.now.Bytes += int64(len(event.Message))
	t.now.Events++
	layout, err := w.parseEvent(event, h)
	if err != nil {
		layout = nil
		t.now.Failed++
		event.Set("error.message", err.Error(), llama.String)
	}
	if lent {
		w.fields.settle(event)
	}
	return layout, nil
}

// parseEvent routes and parses one event, and returns its layout, if that is known. The error
// is its parser's.
func (w *worker) parseEvent(event *llama.Event, h *parse.Header) (*column.Layout, error) {
	var err error
	p, o := w.entry.p, &w.origin
	original := event.Message
	w.parse.Begin()
	if o.syslog {
		err = w.parse.TakeOff(p.parsers.Syslog(), h, event)
	}
	r := p.route(event, o)
	how := w.entry.how
	if how.kind == usual && r != nil {
		how = r.how
	}
	known := ""
	if err == nil {
		known, err = p.parse(&w.parse, event, o, how)
	}
	layout := w.parse.Layout(event)
	if r != nil && r.apply(event, original) {
		layout = nil
	}
	fillDefaults(event, o, known)
	return layout, err
}

// A headerReader reads the headers of events before they are parsed.
type headerReader struct {
	headers [turns.Max]parse.Header
	kinds   [turns.Max]uint8
	turns   turns.Turns
}

// order reads the headers of so many events, if they have some, and returns in which order
// to parse them: those of one program that begin alike one after another.
func (r *headerReader) order(syslog *parse.Syslog, events []llama.Event) []uint8 {
	for i := range events {
		r.kinds[i] = 0
		if isSyslog(events[i].Source) {
			syslog.Read(&r.headers[i], events[i].Message)
			r.kinds[i] = r.headers[i].Kind()
		}
	}
	return r.turns.Of(r.kinds[:len(events)])
}
