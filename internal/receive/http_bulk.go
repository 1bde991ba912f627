package receive

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/llama-logs/llama"
)

// A bulkItem is what became of one action of a bulk request.
type bulkItem struct {
	action string // index, create, update or delete
	index  string
	id     string
	status int // 0 until it is known
	reason string
}

// A bulk is one _bulk request:
//
//	{"create": {"_index": "filebeat"}}
//	{"@timestamp": "2026-11-20T10:00:00Z", "message": "…"}
//
// create and index both add an event; update and delete are refused, each for
// itself. Lines are read by the batch, and an action may stand in one batch and
// its event in the next.
type bulk struct {
	*intake
	index   string // of the path, for actions without
	items   []bulkItem
	waiting bool // the last item's event is the next line
	started int  // the first item of the batch being made
	indexes map[string]bulkIndex
}

// A bulkIndex is an index that actions name, and the collection that it stands for.
type bulkIndex struct{ name, collection string }

// bulkHandler answers POST /_bulk and /{index}/_bulk.
func (d *door) bulkHandler(index string) bodyHandler {
	return func(w http.ResponseWriter, r *http.Request, lines *lineReader) {
		start := time.Now()
		in, err := d.newIntake(r, "http-bulk", r.URL.Query().Get("parser"))
		if err != nil {
			d.failElastic(w, err)
			return
		}
		defer in.room.release()
		b := &bulk{intake: in, index: index, indexes: map[string]bulkIndex{}}
		for err == nil {
			var text string
			var spans []span
			if text, spans, err = lines.next(); err == nil {
				err = b.take(text, spans)
			}
		}
		if err != io.EOF {
			d.failElastic(w, err)
			return
		}
		if b.waiting {
			b.refuse("the action is followed by no event")
		}
		b.answer(w, r, start)
	}
}

// take puts the events of the lines. An error ends the request; what a sink
// refuses for now is an answer for each item instead if others were taken before.
func (b *bulk) take(text string, spans []span) error {
	all, at := b.room.batch(len(spans)), now()
	events := all[:0]
	b.started = len(b.items)
	if b.waiting {
		b.started--
	}
	var malformed error // ends the request, once what came before it is safe
	for i, m := range spans {
		line := text[m.start:m.end]
		if strings.TrimSpace(line) == "" {
			continue
		}
		if !b.waiting {
			if err := b.begin(line); err != nil {
				malformed = llama.Errorf(llama.Invalid, "Malformed action/metadata line [%d]: %w", b.lines+i+1, err)
				spans = spans[:i]
				break
			}
			continue
		}
		b.waiting = false
		item := &b.items[len(b.items)-1]
		if item.status != 0 { // the event of an update, which was refused
			continue
		}
		e := &all[len(events)]
		e.Time, e.Ingested, e.Source, e.Collection = at, at, b.source, b.named(item.index).collection
		if b.pos.Named() {
			e.Place = b.sequence + uint64(b.lines+i)
		}
		if err := b.decode(e, line, m.cut); err != nil {
			*e = llama.Event{}
			b.refuse(err.Error())
			continue
		}
		events = all[:len(events)+1]
	}
	if err := b.settle(b.put(b.covered(events, len(spans)))); err != nil {
		return err
	}
	return malformed
}

func (b *bulk) refuse(reason string) {
	item := &b.items[len(b.items)-1]
	item.status, item.reason = http.StatusBadRequest, reason
	b.waiting = false
	b.rejected++
	b.d.metrics.rejected.Inc()
}

// settle notes what became of the batch's items.
func (b *bulk) settle(err error) error {
	status, reason := http.StatusCreated, ""
	if err != nil {
		code := llama.CodeOf(err)
		if b.accepted == 0 || code != llama.Unavailable && code != llama.Throttled {
			return err
		}
		status, reason = http.StatusTooManyRequests, err.Error()
	}
	items := b.items[b.started:]
	if b.waiting {
		items = items[:len(items)-1]
	}
	for i := range items {
		if items[i].status == 0 {
			items[i].status, items[i].reason = status, reason
		}
	}
	return nil
}

// begin reads an action line.
func (b *bulk) begin(line string) error {
	item, err := parseAction(line)
	if err != nil {
		return err
	}
	if item.index == "" {
		item.index = b.index
	}
	index := b.named(item.index)
	item.index = index.name // the line's memory is for other lines soon
	b.items = append(b.items, item)
	b.waiting = true
	switch {
	case item.action == "delete":
		b.refuse("events are not deleted by _bulk")
	case item.action == "update":
		b.refuse("events are not updated")
		b.waiting = true // its line is there all the same
	case item.index == "":
		b.refuse("index is missing")
		b.waiting = true
	default:
		if err := b.token.check(index.collection); err != nil {
			b.refuse(err.Error())
			b.waiting = true
		}
	}
	return nil
}

var errAction = errors.New(`expected {"create": {"_index": NAME}} or index`)

// parseAction reads {"create":{"_index":"name","_id":"1"}}.
func parseAction(line string) (item bulkItem, err error) {
	var buf [8]llama.Field
	fields, err := llama.AppendFields(buf[:0], line)
	if err != nil {
		return item, err
	}
	for i := range fields {
		f := &fields[i]
		action, member, _ := strings.Cut(f.Name, ".")
		if item.action != "" && item.action != action {
			return item, errAction
		}
		item.action = action
		switch member {
		case "_index":
			item.index = f.Value
		case "_id":
			item.id = strings.Clone(f.Value)
		case "":
			if f.Kind != llama.Object {
				return item, errAction
			}
		}
	}
	for _, action := range [...]string{"create", "index", "update", "delete"} {
		if item.action == action {
			item.action = action
			return item, nil
		}
	}
	return item, errAction
}

func (b *bulk) named(index string) bulkIndex {
	known, ok := b.indexes[index]
	if !ok {
		index = strings.Clone(index)
		known = bulkIndex{index, indexCollection(index)}
		b.indexes[index] = known
	}
	return known
}

// answer writes what became of each item as Elasticsearch does. Clients that ask
// for less with filter_path get the status and the error only.
func (b *bulk) answer(w http.ResponseWriter, r *http.Request, start time.Time) {
	failed, brief := false, r.URL.Query().Has("filter_path")
	for i := range b.items {
		failed = failed || b.items[i].status != http.StatusCreated
	}
	w.Header().Set("Content-Type", "application/json")
	http.NewResponseController(w).SetWriteDeadline(time.Now().Add(writeLimit))
	out := bufio.NewWriterSize(w, 16<<10)
	defer out.Flush() // best effort: the peer may be gone
	head, _ := json.Marshal(map[string]any{"took": time.Since(start).Milliseconds(), "errors": failed})
	out.Write(head[:len(head)-1])
	out.WriteString(`,"items":[`)
	var line []byte
	for i := range b.items {
		line = b.items[i].append(line[:0], brief)
		if i > 0 {
			out.WriteByte(',')
		}
		out.Write(line)
	}
	out.WriteString("]}\n")
}
