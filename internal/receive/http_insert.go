package receive

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/llama-logs/llama"
)

// An intake is one body on its way in: its lines become batches, and what came
// of them is answered when all of it is safe.
type intake struct {
	d        *door
	sink     llama.Sink
	ctx      context.Context
	token    *token // what the sender may add to
	source   string // Event.Source
	pos      llama.Position
	sequence uint64 // the position's number of the body's first line
	lines    int    // lines seen
	accepted int
	rejected int
	bad      []badLine
	room     *decodeRoom
	decoding DecodingSink // nil: events are decoded here
}

// kindJSON is what sources of JSON lines begin with.
const kindJSON = "http-jsonl"

// maxBadLines bounds how many lines an answer names.
const maxBadLines = 20

// The names of sources of positions are those of the senders, kept apart from
// those of other receivers.
const (
	sourcePrefix = "http:"
	sourceKeys   = "idempotency-key"
)

func (d *door) newIntake(r *http.Request, kind, parser string) (*intake, error) {
	sink, err := d.sinkFor(parser)
	if err != nil {
		return nil, err
	}
	in := &intake{d: d, sink: sink, ctx: r.Context(), source: kind + " " + peerOf(r)}
	in.token, _ = in.ctx.Value(tokenKey).(*token)
	if in.pos, in.sequence, err = positionOf(r.Header); err != nil {
		return nil, err
	}
	in.room = decodeRooms.Get().(*decodeRoom)
	return in, nil
}

func peerOf(r *http.Request) string {
	host := r.RemoteAddr
	if i := strings.LastIndexByte(host, ':'); i >= 0 {
		host = host[:i]
	}
	return strings.Trim(host, "[]")
}

// positionOf reads how a sender numbers its lines.
func positionOf(h http.Header) (p llama.Position, first uint64, err error) {
	if key := h.Get("Idempotency-Key"); key != "" && h.Get("Llama-Source") == "" {
		return llama.Position{Source: sourceKeys, Epoch: key}, 0, validName("Idempotency-Key", key)
	}
	source, epoch, sequence := h.Get("Llama-Source"), h.Get("Llama-Epoch"), h.Get("Llama-Sequence")
	if source == "" && sequence == "" {
		return p, 0, nil
	}
	if err = validName("Llama-Source", source); err != nil {
		return p, 0, err
	}
	if len(epoch) > maxNameLength {
		return p, 0, llama.Errorf(llama.Invalid, "Llama-Epoch is longer than %d bytes", maxNameLength)
	}
	if first, err = strconv.ParseUint(sequence, 10, 62); err != nil {
		return p, 0, llama.Errorf(llama.Invalid, "Llama-Sequence %q is not a number; it is that of the body's first line, from 0", sequence)
	}
	return llama.Position{Source: sourcePrefix + source, Epoch: epoch}, first, nil
}

const maxNameLength = 256

func validName(what, name string) error {
	if name == "" || len(name) > maxNameLength {
		return llama.Errorf(llama.Invalid, "%s has %d bytes; from 1 to %d", what, len(name), maxNameLength)
	}
	return nil
}

// insertJSON answers POST /insert/jsonl?collection=NAME: one JSON object a line.
func (d *door) insertJSON(w http.ResponseWriter, r *http.Request, lines *lineReader) {
	d.insert(w, r, lines, kindJSON, (*intake).decode)
}

// insertLines answers POST /insert/lines?collection=NAME: one message a line.
func (d *door) insertLines(w http.ResponseWriter, r *http.Request, lines *lineReader) {
	d.insert(w, r, lines, "http-lines", func(_ *intake, e *llama.Event, line string, cut bool) error {
		e.Message = line
		if cut {
			d.metrics.markCut(e)
		}
		return nil
	})
}

// decode fills e with a JSON object.
func (in *intake) decode(e *llama.Event, line string, cut bool) error {
	if cut {
		return in.d.keepCut(e, line)
	}
	return in.room.decode(e, line)
}

// keepCut keeps a JSON line that is too long to be read as the message that it
// is, cut: its sender would drop it if it were refused.
func (d *door) keepCut(e *llama.Event, line string) error {
	e.Message = line
	d.metrics.markCut(e)
	e.Set("error.message", fmt.Sprintf("the line was longer than %s and is no JSON where it was cut", d.o.MaxLine), llama.String)
	return nil
}

// A lineDecoder fills e with a line. An error refuses the line.
type lineDecoder func(in *intake, e *llama.Event, line string, cut bool) error

func (d *door) insert(w http.ResponseWriter, r *http.Request, lines *lineReader, kind string, decode lineDecoder) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		d.fail(w, llama.Errorf(llama.Invalid, "the query of the address cannot be read: %w", err), problem{})
		return
	}
	collection := query.Get("collection")
	if !ValidCollection(collection) {
		d.fail(w, llama.Errorf(llama.Invalid, "collection %q is not a name; 1 to 64 of a-z 0-9 _ . -, e.g. ?collection=sshd", collection), problem{})
		return
	}
	in, err := d.newIntake(r, kind, query.Get("parser"))
	if err != nil {
		d.fail(w, err, problem{})
		return
	}
	defer in.room.release()
	if kind == kindJSON {
		in.decoding, _ = in.sink.(DecodingSink)
	}
	if err := in.token.check(collection); err != nil {
		d.fail(w, err, problem{})
		return
	}
	for err == nil {
		var text string
		var spans []span
		if text, spans, err = lines.next(); err == nil {
			err = in.take(text, spans, collection, decode)
		}
	}
	in.answer(w, err)
}

// take puts the events of the lines. Of those with positions the sink may pass over some
// that it knows, and the answer says all the same which are wrong: these are decoded here.
func (in *intake) take(text string, spans []span, collection string, decode lineDecoder) error {
	if in.decoding == nil || in.pos.Named() || slices.ContainsFunc(spans, func(m span) bool { return m.cut }) {
		return in.put(in.batch(text, spans, collection, decode))
	}
	before := in.lines
	b := in.batch(text, spans, collection, func(_ *intake, e *llama.Event, line string, _ bool) error {
		e.Message = line
		return nil
	})
	err := in.putBy(b, func(ctx context.Context, b *llama.Batch) error { return in.decoding.PutDecoded(ctx, b, newLateDecoder) })
	if _, wrong := errors.AsType[*lineError](err); !wrong {
		return err
	}
	in.lines = before // again, one by one, to leave out those that are wrong
	return in.put(in.batch(text, spans, collection, decode))
}

// A lineError says that a line cannot be decoded.
type lineError struct{ error }

// newLateDecoder returns what decodes events whose messages are JSON objects. Its errors
// are *lineError.
func newLateDecoder() func(e *llama.Event) error {
	var d llama.FieldDecoder
	return func(e *llama.Event) error {
		object := e.Message
		e.Message = ""
		if err := decodeEvent(&d, e, object); err != nil {
			return &lineError{err}
		}
		return nil
	}
}

// batch makes the events of the lines, and notes those that are refused.
func (in *intake) batch(text string, spans []span, collection string, decode lineDecoder) *llama.Batch {
	all, at := in.room.batch(len(spans)), now()
	events := all[:0]
	for i, m := range spans {
		line := text[m.start:m.end]
		if strings.TrimSpace(line) == "" {
			continue
		}
		e := &all[len(events)]
		e.Time, e.Ingested, e.Source, e.Collection = at, at, in.source, collection
		if in.pos.Named() {
			e.Place = in.sequence + uint64(in.lines+i)
		}
		if err := decode(in, e, line, m.cut); err != nil {
			in.reject(in.lines+i+1, err)
			*e = llama.Event{}
			continue
		}
		events = all[:len(events)+1]
	}
	return in.covered(events, len(spans))
}

// covered is the batch of the next n lines, whose events these are.
func (in *intake) covered(events []llama.Event, n int) *llama.Batch {
	b := &llama.Batch{Events: events}
	if in.pos.Named() && n > 0 {
		b.Position = in.pos
		b.Position.First = in.sequence + uint64(in.lines)
		b.Position.Last = b.Position.First + uint64(n) - 1
	}
	in.lines += n
	return b
}

func (in *intake) reject(line int, err error) {
	in.rejected++
	in.d.metrics.rejected.Inc()
	if len(in.bad) < maxBadLines {
		in.bad = append(in.bad, badLine{line, err.Error()})
	}
}

// put hands on a batch. A client that has gone does not cut the write short.
func (in *intake) put(b *llama.Batch) error { return in.putBy(b, in.sink.Put) }

func (in *intake) putBy(b *llama.Batch, put func(context.Context, *llama.Batch) error) error {
	if len(b.Events) == 0 && !b.Position.Named() {
		return nil
	}
	n := len(b.Events)
	err := put(context.WithoutCancel(in.ctx), b)
	if err == nil {
		in.accepted += n
	}
	return err
}

// answer says what became of the body; err is why it ended, io.EOF for its end.
func (in *intake) answer(w http.ResponseWriter, err error) {
	p := problem{Accepted: &in.accepted, Rejected: &in.rejected, Errors: in.bad}
	switch {
	case err != io.EOF:
		in.d.fail(w, err, p)
	case in.rejected == 0:
		writeJSON(w, http.StatusOK, "application/json", map[string]int{"accepted": in.accepted, "rejected": 0})
	default:
		p.Code, p.Status = llama.Invalid, http.StatusBadRequest
		p.Detail = fmt.Sprintf("line %d: %s", in.bad[0].Line, in.bad[0].Detail)
		if in.rejected > 1 {
			p.Detail += fmt.Sprintf("; and %d more", in.rejected-1)
		}
		writeProblem(w, p)
	}
}
