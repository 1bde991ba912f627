// Package pipeline stands between the receivers and the archive: it finds what
// becomes of each event, has it parsed and hands it on.
//
//	receiver ─ Put ─ syslog header ─ route ─ parser ─ fixed fields ─ collection ─ Put ─ archive
//
// A Pipeline is a sink itself and keeps nothing: it works within the Put of the
// receiver, over large batches on several cores, and answers what the archive
// answers. Nothing is dropped here. An event that its parser does not understand
// goes on as it was, with error.message.
package pipeline

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/column"
	"github.com/llama-logs/llama/internal/parse"
	"github.com/llama-logs/llama/internal/receive"
)

// Parsers finds parsers; *parse.Registry does.
type Parsers interface {
	// Parser returns the parser called name, or an error that lists near names.
	Parser(name string) (parse.Parser, error)
	// Syslog returns what takes syslog headers off.
	Syslog() *parse.Syslog
	// Match returns the parser of the module that knows e, for the worker that is at e.
	Match(k *parse.Worker, e *llama.Event) (parse.Parser, bool)
}

// A Pipeline routes and parses events on their way to next. It is safe for
// concurrent use.
type Pipeline struct {
	next    llama.Sink
	parsers Parsers
	whole   parse.Parser // the parser auto, for messages that may have a header
	routes  []*route
	log     *slog.Logger
	metrics *Metrics
	sources sources
	busy    atomic.Int32 // batches that are put now
}

// New returns a pipeline before next. All routes that are wrong are in the error.
func New(o Options, parsers Parsers, next llama.Sink) (*Pipeline, error) {
	p := &Pipeline{next: next, parsers: parsers, log: o.Log, metrics: o.Metrics}
	if p.metrics == nil {
		p.metrics = unregistered()
	}
	if p.log == nil {
		p.log = slog.New(slog.DiscardHandler)
	}
	var err error
	if p.whole, err = parsers.Parser(parse.Auto); err != nil {
		return nil, fmt.Errorf("pipeline: %w", err)
	}
	var errs []error
	for i, r := range o.Routes {
		c, err := newRoute(r, parsers)
		if err != nil {
			errs = append(errs, fmt.Errorf("routes[%d]: %w", i, err))
		}
		p.routes = append(p.routes, c)
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return p, nil
}

// Put hands on events whose receiver is known by their source only.
func (p *Pipeline) Put(ctx context.Context, b *llama.Batch) error {
	return p.From(Origin{}).Put(ctx, b)
}

// An Origin names a receiver for the routes.
type Origin struct {
	Receiver string // its configured name
	Port     int    // where it listens; 0 if it does not
}

// From returns the sink for one receiver.
func (p *Pipeline) From(o Origin) *Entry { return &Entry{p: p, origin: o} }

// An Entry is where the events of one receiver enter the pipeline.
type Entry struct {
	p      *Pipeline
	origin Origin
	how    how // as the sender asked for; routes do not change it
}

// WithParser returns an entry whose events are parsed by the parser called name,
// whatever the routes say.
func (e *Entry) WithParser(name string) (llama.Sink, error) {
	h, err := howOf(name, e.p.parsers)
	if err != nil {
		if llama.CodeOf(err) == "" {
			err = llama.Errorf(llama.Invalid, "%w", err)
		}
		return nil, err
	}
	return &Entry{p: e.p, origin: e.origin, how: h}, nil
}

// A preparing sink has events made ready by functions that are each given a share of the
// batch, run by run, in its order, and say of which layout its events are, as far as they
// know. The fields of a run are needed until the next only.
type preparing interface {
	PutPrepared(ctx context.Context, b *llama.Batch, prepare ...func(run []llama.Event, layouts []*column.Layout) error) error
}

// parallelFrom is how many events are worth another core: starting one takes as
// long as parsing about ten.
const parallelFrom = 256

// Put prepares the events in place and hands them on. Events that come without
// memory for fields have none afterwards.
func (e *Entry) Put(ctx context.Context, b *llama.Batch) error { return e.PutDecoded(ctx, b, nil) }

// PutDecoded is Put for events that are decoded on the way, where the fields that this
// makes stay near until they are written down. Each worker makes a decode of its own; an
// error of one is returned as it is, and nothing is stored or counted.
func (e *Entry) PutDecoded(ctx context.Context, b *llama.Batch, decoder func() (decode func(*llama.Event) error)) error {
	busy := int(e.p.busy.Add(1))
	defer e.p.busy.Add(-1)
	next, ok := e.p.next.(preparing)
	if !ok {
		w := newWorker(e, decoder)
		defer w.end()
		if err := w.prepare(b.Events, nil); err != nil {
			return err
		}
		err := e.p.next.Put(ctx, b)
		e.p.count(&w.tally, b, err)
		return err
	}
	// Cores that others are at work on are left to them: events that are parsed by one
	// core and written down by the same need not travel.
	idle := runtime.GOMAXPROCS(0) - busy
	workers := make([]*worker, max(1, min(1+idle, len(b.Events)/parallelFrom)))
	prepare := make([]func([]llama.Event, []*column.Layout) error, len(workers))
	for i := range workers {
		workers[i] = newWorker(e, decoder)
		defer workers[i].end()
		prepare[i] = workers[i].prepare
	}
	err := next.PutPrepared(ctx, b, prepare...)
	if slices.ContainsFunc(workers, func(w *worker) bool { return w.failed }) {
		return err
	}
	for _, w := range workers[1:] {
		workers[0].tally.add(&w.tally)
	}
	e.p.count(&workers[0].tally, b, err)
	return err
}

func (p *Pipeline) route(e *llama.Event, o *origin) *route {
	for _, r := range p.routes {
		if r.fits(e, o) {
			return r
		}
	}
	return nil
}

// parse runs the parser on an event, whose syslog header is off if it came with
// one, and returns the parser's name if one knew the event.
func (p *Pipeline) parse(with *parse.Worker, e *llama.Event, o *origin, h how) (known string, err error) {
	switch {
	case h.kind == named && h.name == parserSyslog && o.syslog:
		return h.name, nil
	case h.kind == named:
		return h.name, with.Parse(h.parser, e)
	case h.kind == none, h.kind == usual && o.decoded:
		return "", nil
	case !o.syslog:
		return "", with.Parse(p.whole, e)
	}
	if parser, ok := p.parsers.Match(with, e); ok {
		if m, ok := parser.(*parse.Module); ok {
			known = m.Name
		}
		return known, with.Parse(parser, e)
	}
	if strings.HasPrefix(e.Message, "{") || strings.HasPrefix(e.Message, "@cee:") {
		return "", with.Parse(p.whole, e)
	}
	return "", nil
}

// fillDefaults gives an event what every event has.
func fillDefaults(e *llama.Event, o *origin, known string) {
	if e.Ingested == 0 {
		e.Ingested = e.Time
	}
	if e.Time == 0 {
		e.Time = e.Ingested
	}
	if e.Collection == "" {
		e.Collection = defaultCollection(o, known)
	}
	if e.Collection == o.collection {
		return
	}
	if receive.ValidCollection(e.Collection) {
		o.collection = e.Collection
	} else {
		e.Collection = receive.CollectionName(e.Collection)
	}
}

// defaultCollection is the name of the parser that knew the event, else of the
// file it was in or the way it came.
func defaultCollection(o *origin, known string) string {
	switch {
	case known != "":
		return known
	case o.syslog:
		return "syslog"
	case o.path != "":
		base := path.Base(filepath.ToSlash(o.path))
		return strings.TrimSuffix(base, path.Ext(base))
	}
	return "events"
}
