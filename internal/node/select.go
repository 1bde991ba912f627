package node

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/query"
)

// What the operator's socket answers under /select.

// maxForm bounds the parameters of a request.
const maxForm = 1 << 20

// asked reads the parameters that /select endpoints share, as VictoriaLogs names
// them: query, start, end, limit.
func asked(w http.ResponseWriter, r *http.Request) (q *query.Query, from, to llama.Time, err error) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		return nil, 0, 0, llama.Errorf(llama.Invalid, "the parameters cannot be read: %w", err)
	}
	now := time.Now()
	if q, err = query.Parse(r.Form.Get("query"), now); err != nil {
		return nil, 0, 0, err
	}
	if from, err = query.ParseMoment(r.Form.Get("start"), now); err != nil {
		return nil, 0, 0, llama.Errorf(llama.Invalid, "start: %w", err)
	}
	if to, err = query.ParseMoment(r.Form.Get("end"), now); err != nil {
		return nil, 0, 0, llama.Errorf(llama.Invalid, "end: %w", err)
	}
	if text := r.Form.Get("limit"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 {
			return nil, 0, 0, llama.Errorf(llama.Invalid, "limit: %q is not a number of rows", text)
		}
		if n > 0 {
			q = q.WithLimit(n)
		}
	}
	return q, from, to, nil
}

// selectQuery answers POST and GET /select/logsql/query with a JSON object a
// line. An error after the first row is told as a last line {"error": "..."}
// and by a connection that ends before its time.
func (n *Node) selectQuery(w http.ResponseWriter, r *http.Request) {
	q, from, to, err := asked(w, r)
	if err != nil {
		n.refuse(w, err)
		return
	}
	out := n.newLines(w)
	defer n.spare(out)
	err = n.ledger.answer(r.Context(), operators(r, "query", q.String(), from, to), func(ctx context.Context, leave leaving) error {
		return n.executor.local(ctx, q, from, to, func(lines []byte, rows int) error {
			if err := leave(rows, len(lines)); err != nil {
				return err
			}
			return out.lines(lines, rows)
		})
	})
	n.end(w, out, err)
}

// selectTail answers /select/logsql/tail with matching events as they come, or, with
// the `_id` of an event as after, as they came after that.
func (n *Node) selectTail(w http.ResponseWriter, r *http.Request) {
	q, _, _, err := asked(w, r)
	if err == nil {
		_, err = q.Matcher()
	}
	after := uint64(0)
	if id := r.Form.Get("after"); id != "" && err == nil {
		after, err = n.executor.numberOf(id)
	}
	if err != nil {
		n.refuse(w, err)
		return
	}
	out := n.newLines(w)
	defer n.spare(out)
	if err := out.flush(); err != nil {
		return // who asked has gone
	}
	err = n.ledger.answer(r.Context(), operators(r, "tail", q.String(), 0, 0), func(ctx context.Context, leave leaving) error {
		return n.executor.tails.follow(ctx, q, after, func(rows []query.Row) error {
			if err := leave(len(rows), rowBytes(rows)); err != nil {
				return err
			}
			for _, row := range rows {
				if err := out.row(row); err != nil {
					return err
				}
			}
			return out.flush()
		})
	})
	n.end(w, out, err)
}

// lines writes rows as NDJSON.
type lines struct {
	w    http.ResponseWriter
	out  *bufio.Writer
	line []byte
	rows int
}

// newLines returns lines that go to w, with the buffer of an answer before if there is one: of
// a small answer it is most of the memory that is taken.
func (n *Node) newLines(w http.ResponseWriter) *lines {
	w.Header().Set("Content-Type", "application/x-ndjson")
	out, _ := n.buffers.Get().(*bufio.Writer)
	if out == nil {
		out = bufio.NewWriterSize(nil, 64<<10)
	}
	out.Reset(w)
	return &lines{w: w, out: out}
}

// spare gives the buffer of an answer to one that comes later. What is in it goes nowhere, and
// does not stay: a day may be destroyed meanwhile.
func (n *Node) spare(l *lines) {
	l.out.Reset(nil)
	clear(l.out.AvailableBuffer()[:l.out.Size()])
	n.buffers.Put(l.out)
}

func (l *lines) lines(lines []byte, rows int) error {
	l.rows += rows
	_, err := l.out.Write(lines)
	return err
}

func (l *lines) row(row query.Row) error {
	l.line = append(llama.AppendFlat(l.line[:0], row), '\n')
	l.rows++
	_, err := l.out.Write(l.line)
	return err
}

func (l *lines) flush() error {
	if err := l.out.Flush(); err != nil {
		return err
	}
	return http.NewResponseController(l.w).Flush()
}

// end flushes an answer, or says what went wrong with it.
func (n *Node) end(w http.ResponseWriter, out *lines, err error) {
	switch {
	case err == nil:
		out.out.Flush() // fails when who asked has gone
	case out.rows == 0:
		n.refuse(w, err)
	default:
		n.o.Log.Warn("answer cut short", "error", err)
		text, _ := n.shown(err)
		line, _ := json.Marshal(map[string]string{"error": text}) // strings always encode
		out.out.Write(append(line, '\n'))
		out.flush() // what is written is more than nothing
		panic(http.ErrAbortHandler)
	}
}

// refuse answers with a problem document (RFC 9457).
func (n *Node) refuse(w http.ResponseWriter, err error) {
	text, status := n.shown(err)
	problem := map[string]any{"title": http.StatusText(status), "status": status, "detail": text}
	if e, ok := errors.AsType[*query.Error](err); ok {
		problem["column"] = e.Column
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(problem) // fails when who asked has gone
}

// shown returns what the operator sees of an error. It is their own node, so
// that is all of it.
func (n *Node) shown(err error) (string, int) {
	status := http.StatusInternalServerError
	switch llama.CodeOf(err) {
	case llama.Invalid, llama.NotFound:
		status = http.StatusBadRequest
	case llama.TooLarge:
		status = http.StatusRequestEntityTooLarge
	case llama.Unavailable:
		status = http.StatusServiceUnavailable
	}
	return err.Error(), status
}
