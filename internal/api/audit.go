package api

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/auth"
)

// AuditEntry is one thing that was done or refused; an alias, so that the log need
// not be imported.
type AuditEntry = struct {
	User    string // "" for one who is not known
	Action  string // the operation's id
	Outcome string // success or failure
	Code    string // of the failure
	Address string
	Object  string // what the path names
	Fields  []llama.Field
}

// Audit records what is done and answers questions about it.
type Audit interface {
	// Record returns nil when the entry is on disk.
	Record(ctx context.Context, e AuditEntry) error
	Rows(ctx context.Context, query string, from, to llama.Time, limit int, emit func([]llama.Field) error) error
	// Metrics answers about central's own numbers, which lie beside the log.
	Metrics(ctx context.Context, query string, from, to llama.Time, limit int, emit func([]llama.Field) error) error
}

// What is recorded: every request that changes something, signs in or out, or hands
// out rows, and every one that is refused. Reading lists and states is not.

// auditKey is in the metadata of reading operations that are recorded.
const auditKey = "audited"

// audited has a reading operation recorded.
func audited(o huma.Operation) huma.Operation {
	if o.Metadata == nil {
		o.Metadata = map[string]any{}
	}
	o.Metadata[auditKey] = true
	return o
}

// unaudited are operations that change nothing although their method says so.
var unaudited = map[string]bool{"format-query": true}

func isAudited(o *huma.Operation) bool {
	marked, _ := o.Metadata[auditKey].(bool)
	return marked || !safe(o.Method) && !unaudited[o.OperationID]
}

// A record gathers what a request's entry will say.
type record struct {
	server *Server
	entry  AuditEntry
	wanted bool // whatever the outcome; else only when it is refused

	mu   sync.Mutex
	late bool // it is written when the answer's stream ends
}

func recordOf(ctx context.Context) *record {
	r, _ := ctx.Value(recordKey).(*record)
	return r
}

// newRecord begins the entry of a request.
func (s *Server) newRecord(ctx huma.Context, address string) *record {
	o := ctx.Operation()
	r := &record{server: s, wanted: isAudited(o), entry: AuditEntry{Action: o.OperationID, Address: address}}
	for part := range strings.SplitSeq(o.Path, "/") {
		if name, ok := strings.CutPrefix(part, "{"); ok {
			r.entry.Object = ctx.Param(strings.TrimSuffix(name, "}"))
		}
	}
	return r
}

// note adds to the entry of the request; it may be called for any.
func note(ctx context.Context, name, value string) {
	if r := recordOf(ctx); r != nil && value != "" {
		r.entry.Fields = append(r.entry.Fields, llama.Field{Name: name, Value: value})
	}
}

// noteUser says who it is that signs in, or tries to.
func noteUser(ctx context.Context, name string) {
	if r := recordOf(ctx); r != nil {
		r.entry.User = name
	}
}

// noteTargets adds the targets that a question goes to.
func noteTargets(ctx context.Context, targets []string) {
	if r := recordOf(ctx); r != nil {
		text, _ := json.Marshal(targets) // strings always encode
		r.entry.Fields = append(r.entry.Fields, llama.Field{Name: "llama.targets", Value: string(text), Kind: llama.Array})
	}
}

// later has the entry written when the stream of the answer ends. It returns what
// is to be called then, with the rows that went out.
func later(ctx context.Context) (ended func(rows int64, err error)) {
	r := recordOf(ctx)
	if r == nil {
		return func(int64, error) {}
	}
	r.mu.Lock()
	r.late = true
	r.mu.Unlock()
	return func(rows int64, err error) {
		r.entry.Fields = append(r.entry.Fields, llama.Field{Name: "llama.rows", Value: strconv.FormatInt(rows, 10), Kind: llama.Number})
		// Who asked may be gone, and has what was sent. That it is not recorded is
		// in the log, and the next request that is to be recorded is refused.
		r.write(context.WithoutCancel(ctx), err)
	}
}

// finish writes the entry of a request that was answered, unless a stream will. An
// answer that cannot be recorded is not given.
func (r *record) finish(ctx context.Context, err error) error {
	r.mu.Lock()
	late := r.late && err == nil
	r.mu.Unlock()
	if late || !r.wanted && !refused(err) {
		return nil
	}
	return r.write(context.WithoutCancel(ctx), err)
}

func refused(err error) bool {
	code := llama.CodeOf(err)
	return code == llama.Forbidden || code == llama.Unauthorized || code == llama.Throttled
}

// errUnrecorded refuses what the audit log would not tell of.
var errUnrecorded error = llama.Errorf(llama.Unavailable, "the audit log cannot be written, and nothing is done that it would not tell; try again later")

func (r *record) write(ctx context.Context, err error) error {
	s := r.server
	if s.Audit == nil {
		return nil
	}
	e := r.entry
	if who := identityOf(ctx); who != nil {
		e.User = who.User
	}
	if e.Outcome = "success"; err != nil {
		e.Outcome, e.Code = "failure", string(llama.CodeOf(err))
		if e.Code == "" {
			e.Code = codeInternal
		}
	}
	// Strangers fill no disk: what nobody signed in for is counted, and recorded as
	// far as a person could read it.
	if identityOf(ctx) == nil && err != nil && !s.strangers.Allow() {
		s.metrics.unrecorded.Inc()
		return nil
	}
	if err := s.Audit.Record(ctx, e); err != nil {
		s.log.ErrorContext(ctx, "not recorded in the audit log", "action", e.Action, "user", e.User, "error", err)
		return errUnrecorded
	}
	return nil
}

// noteBody adds what a request's body says, without what is secret.
func noteBody(ctx context.Context, in any) {
	r := recordOf(ctx)
	if r == nil || !r.wanted {
		return
	}
	body := reflect.Indirect(reflect.ValueOf(in)).FieldByName("Body")
	if !body.IsValid() || body.Kind() != reflect.Struct {
		return
	}
	text, err := json.Marshal(open(body).Interface())
	if err != nil {
		return // what cannot be encoded was not decoded either
	}
	fields, err := llama.AppendFields(nil, string(text))
	if err != nil {
		return
	}
	for _, f := range fields {
		if f.Value == "" {
			continue
		}
		f.Name = "request." + f.Name
		r.entry.Fields = append(r.entry.Fields, f)
	}
}

// open returns a copy of a body whose passwords, and bytes that are sealed, are
// left out.
func open(body reflect.Value) reflect.Value {
	shown := reflect.New(body.Type()).Elem()
	shown.Set(body)
	for i := range shown.NumField() {
		field, f := shown.Type().Field(i), shown.Field(i)
		if field.Tag.Get("format") == "password" || f.Type() == reflect.TypeFor[[]byte]() {
			f.SetZero()
		}
	}
	return shown
}

// Strangers may have this many refusals recorded in a second, and at once.
const (
	strangersPerSecond = 5
	strangersAtOnce    = 100
)

// auditRoutes registers the routes of the audit log and what lies beside it.
func (s *Server) auditRoutes() {
	handle(s, auth.ReadAudit, audited(s.recordDocs(get("/audit", "audit", "What everybody did", "audit"), auditDoc)), s.readAudit)
	handle(s, auth.ReadAudit, audited(s.recordDocs(get("/metrics", "metrics", "How central was doing", "audit"), metricsDoc)), s.readMetrics)
}

const (
	auditDoc   = "Logins, queries, exports, changes and refusals, as events of the collection audit: event.action is the operation's id, event.outcome success or failure, user.name who, source.ip where from, llama.object what the path named, request.* what the body said without what is secret, llama.targets the targets asked, llama.rows the rows that went out."
	metricsDoc = "Central's own numbers, one a minute of each, as events of the collection metrics: metric.name, metric.type counter or gauge, metric.value, labels.NAME. Those of this moment are at /metrics, outside of the API."
)

func (s *Server) recordDocs(o huma.Operation, text string) huma.Operation {
	o.Description = text
	o.Responses = map[string]*huma.Response{"200": {Description: "The rows, one JSON object a line", Content: map[string]*huma.MediaType{
		"application/x-ndjson": {Schema: schemaOf[Row](s)},
	}}}
	return o
}

type recordRequest struct {
	Query string `query:"query" maxLength:"16384" default:"*" example:"* | stats by (_time:1h) count() n" doc:"A question in LogsQL about them."`
	From  string `query:"from" maxLength:"64" example:"now-1d" doc:"The earliest time asked for, as in a submission."`
	To    string `query:"to" maxLength:"64" doc:"The time before which they are asked for."`
	Limit int    `query:"limit" minimum:"0" maximum:"10000000" default:"1000" doc:"The most rows wanted; 0 is all."`
}

// readAudit answers GET /audit, whose reading is recorded as well.
func (s *Server) readAudit(ctx context.Context, in *recordRequest) (*huma.StreamResponse, error) {
	if s.Audit == nil {
		return nil, llama.Errorf(llama.NotFound, "there is no audit log")
	}
	return s.readRecords(ctx, in, "llama-audit.ndjson", s.Audit.Rows)
}

// readMetrics answers GET /metrics of the API.
func (s *Server) readMetrics(ctx context.Context, in *recordRequest) (*huma.StreamResponse, error) {
	if s.Audit == nil {
		return nil, llama.Errorf(llama.NotFound, "central's numbers are not kept")
	}
	return s.readRecords(ctx, in, "llama-metrics.ndjson", s.Audit.Metrics)
}

// records answers a question about what central keeps of itself.
type records func(ctx context.Context, query string, from, to llama.Time, limit int, emit func([]llama.Field) error) error

func (s *Server) readRecords(ctx context.Context, in *recordRequest, file string, ask records) (*huma.StreamResponse, error) {
	from, to, err := timeRange(in.From, in.To, time.Now())
	if err != nil {
		return nil, err
	}
	note(ctx, "request.query", in.Query)
	var first, last llama.Time
	if !from.IsZero() {
		first = llama.At(from)
	}
	if !to.IsZero() {
		last = llama.At(to)
	}
	return s.stream(ctx, "application/x-ndjson", file, func(ctx context.Context, w *export) (rows int64, err error) {
		var line []byte
		err = ask(ctx, in.Query, first, last, in.Limit, func(row []llama.Field) error {
			rows++
			line = append(llama.AppendFlat(line[:0], row), '\n')
			_, err := w.Write(line)
			return err
		})
		return rows, err
	}), nil
}

// stream answers a file that write makes. An error before its first bytes is a
// problem; a later one breaks the connection, so that nobody takes a part for the
// whole. The audit log's entry has the rows that write says went out.
func (s *Server) stream(ctx context.Context, contentType, name string, write func(context.Context, *export) (rows int64, err error)) *huma.StreamResponse {
	ended := later(ctx)
	return &huma.StreamResponse{Body: func(hc huma.Context) {
		r, w := humago.Unwrap(hc)
		control := http.NewResponseController(w)
		control.SetReadDeadline(time.Time{}) // an export may outlast the server's
		out := &exportWriter{w: w, control: control, header: func(h http.Header) {
			h.Set("Content-Type", contentType)
			h.Set("Content-Disposition", fmt.Sprintf(`attachment; filename=%q`, name))
		}}
		buffered := &export{Writer: bufio.NewWriterSize(out, 64<<10), out: out, accepts: strings.Join(r.Header.Values("Accept-Encoding"), ",")}
		rows, err := write(r.Context(), buffered)
		if err == nil {
			err = buffered.Flush()
		}
		ended(rows, err)
		switch {
		case err != nil && out.begun:
			if !errors.Is(err, context.Canceled) {
				s.problem(r.Context(), err) // logs it
			}
			panic(http.ErrAbortHandler)
		case err != nil:
			writeProblem(w, s.problem(r.Context(), err))
		case !out.begun:
			out.Write(nil) // no rows: an empty file
		}
	}}
}
