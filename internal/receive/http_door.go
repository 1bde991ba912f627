package receive

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/llama-logs/llama"
)

// A door serves the requests of one Run.
type door struct {
	*HTTP
	run    context.Context // ends with Run; kept because requests outlive handler's caller
	sink   llama.Sink
	bodies chan struct{} // a place for each body being read
}

func (d *door) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/healthz", func(w http.ResponseWriter, r *http.Request) { w.Write([]byte("ok\n")) })
	mux.Handle("/insert/jsonl", d.only(http.MethodPost, d.authorized(d.withBody(d.insertJSON))))
	mux.Handle("/insert/lines", d.only(http.MethodPost, d.authorized(d.withBody(d.insertLines))))
	mux.Handle("/insert/position", d.only(http.MethodGet, d.authorized(d.position)))
	elastic := d.elastic()
	mux.Handle("/elasticsearch/", http.StripPrefix("/elasticsearch", elastic))
	mux.Handle("/insert/elasticsearch/", http.StripPrefix("/insert/elasticsearch", elastic))
	mux.Handle("/", elastic)
	return mux
}

// only answers other methods with 405.
func (d *door) only(method string, next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Method == method {
			next(w, r)
			return
		}
		w.Header().Set("Allow", method)
		writeProblem(w, problem{Status: http.StatusMethodNotAllowed, Code: llama.Invalid, Detail: r.URL.Path + " takes " + method})
	}
}

func (d *door) authorized(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		r, err := d.allow(w, r)
		if err != nil {
			d.fail(w, err, problem{})
			return
		}
		next(w, r)
	}
}

type contextKey int

const tokenKey contextKey = iota

// allow returns r with the token that it carries.
func (d *door) allow(w http.ResponseWriter, r *http.Request) (*http.Request, error) {
	if t := d.tokens.find(r); t != nil {
		return r.WithContext(context.WithValue(r.Context(), tokenKey, t)), nil
	}
	d.metrics.turnedAway.Inc()
	w.Header().Add("WWW-Authenticate", `Bearer realm="llama"`)
	w.Header().Add("WWW-Authenticate", `Basic realm="llama"`)
	return r, llama.Errorf(llama.Unauthorized, "a write token is needed; send it as Authorization: Bearer TOKEN")
}

// A bodyHandler reads the lines of one request.
type bodyHandler func(w http.ResponseWriter, r *http.Request, in *lineReader)

// withBody bounds how many bodies are read at once, how long their peer may be
// silent and how much they may unpack to.
func (d *door) withBody(next bodyHandler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if err := d.enter(r.Context()); err != nil {
			d.fail(w, err, problem{})
			return
		}
		defer func() { <-d.bodies }()
		b, err := openBody(d.run, w, r, int64(d.o.MaxBody))
		if err != nil {
			d.fail(w, err, problem{})
			return
		}
		defer b.close()
		lines := newLineReader(b, int(d.o.MaxLine))
		defer lines.release()
		next(w, r, lines)
	}
}

// enter waits a moment for a place among the bodies.
func (d *door) enter(ctx context.Context) error {
	limited, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	select {
	case d.bodies <- struct{}{}:
		return nil
	case <-limited.Done():
		d.metrics.turnedAway.Inc()
		return llama.Errorf(llama.Unavailable, "too many requests at once; the limit is %d", d.o.MaxBodies)
	}
}

// sinkFor returns the sink for a request that may name a parser.
func (d *door) sinkFor(parser string) (llama.Sink, error) {
	if parser == "" {
		return d.sink, nil
	}
	choosing, ok := d.sink.(ParserSink)
	if !ok {
		return nil, llama.Errorf(llama.Invalid, "a parser cannot be chosen here")
	}
	return choosing.WithParser(parser)
}

// position answers GET /insert/position?source=&epoch=, so that a sender that
// was interrupted knows where to go on.
func (d *door) position(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	source, epoch := query.Get("source"), query.Get("epoch")
	if err := validName("source", source); err != nil {
		d.fail(w, err, problem{})
		return
	}
	next := uint64(0)
	if d.o.Positions != nil {
		next = d.o.Positions.Next(sourcePrefix+source, epoch)
	}
	writeJSON(w, http.StatusOK, "application/json", map[string]uint64{"next": next})
}

// A problem is how errors are answered, after RFC 9457, and what of the body
// was taken all the same.
type problem struct {
	Type     string     `json:"type"`
	Title    string     `json:"title"`
	Status   int        `json:"status"`
	Detail   string     `json:"detail"`
	Code     llama.Code `json:"code"`
	Request  string     `json:"request,omitempty"` // stands in the log beside an internal error
	Accepted *int       `json:"accepted,omitempty"`
	Rejected *int       `json:"rejected,omitempty"`
	Errors   []badLine  `json:"errors,omitempty"`
}

// A badLine is a line of a body that was refused.
type badLine struct {
	Line   int    `json:"line"` // from 1
	Detail string `json:"detail"`
}

var statuses = map[llama.Code]int{
	llama.Invalid:      http.StatusBadRequest,
	llama.Unauthorized: http.StatusUnauthorized,
	llama.Forbidden:    http.StatusForbidden,
	llama.NotFound:     http.StatusNotFound,
	llama.Conflict:     http.StatusConflict,
	llama.TooLarge:     http.StatusRequestEntityTooLarge,
	llama.Throttled:    http.StatusTooManyRequests,
	llama.Unavailable:  http.StatusServiceUnavailable,
}

// retryAfter is when a sender that was sent away may come again, in seconds.
const retryAfter = "5"

// fail answers err; p may already say what was accepted.
func (d *door) fail(w http.ResponseWriter, err error, p problem) {
	writeProblem(w, d.describe(w, err, p))
}

// describe turns err into what may be shown, and logs what may not.
func (d *door) describe(w http.ResponseWriter, err error, p problem) problem {
	p.Code, p.Detail = llama.CodeOf(err), err.Error()
	if gap, ok := errors.AsType[*llama.GapError](err); ok {
		w.Header().Set("Llama-Expected", strconv.FormatUint(gap.Want, 10))
		p.Code = llama.Conflict
	}
	p.Status = statuses[p.Code]
	switch p.Status {
	case 0:
		p.Status, p.Code, p.Request = http.StatusInternalServerError, "internal", uuid.NewString()
		p.Detail = "internal error; the log has more under the request's id"
		d.log.Error("request failed", slog.String("request", p.Request), slog.Any("error", err))
	case http.StatusServiceUnavailable, http.StatusTooManyRequests:
		w.Header().Set("Retry-After", retryAfter)
	}
	return p
}

func writeProblem(w http.ResponseWriter, p problem) {
	p.Type, p.Title = "about:blank", http.StatusText(p.Status)
	writeJSON(w, p.Status, "application/problem+json", p)
}

func writeJSON(w http.ResponseWriter, status int, kind string, v any) {
	http.NewResponseController(w).SetWriteDeadline(time.Now().Add(writeLimit))
	w.Header().Set("Content-Type", kind)
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(v) // best effort: the peer may be gone
}
