// Package api serves central's REST API and the page that uses it.
//
// A request is counted, then passes, in this order: the guard (is this host ours, does the
// request come from our own page, what headers must every answer have),
// compression, then either a file of the page or a route. Every route names its
// permission in routes.go; admit settles who asks before any input is read. The
// handlers are thin: they call one method of what backend.go names and return
// its error, which problem.go turns into a status. wire.go holds the types that go over
// the wire, from which the OpenAPI document is printed.
//
// The package decides nothing about queries and keeps nothing.
package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"reflect"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/llama-logs/llama/internal/auth"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/time/rate"
)

// Options are what a Server works with. Users, Queries, Results, Tail and
// Nodes are needed for the paths that use them; the rest may be left out.
type Options struct {
	Users   *auth.Auth
	Queries Queries
	Results Results
	Tail    Tail
	Nodes   Nodes
	// Directory knows the users and groups.
	Directory Directory
	// Enrolment lets nodes in.
	Enrolment Enrolment
	// Carrier answers nodes below /carrier/; nil for none.
	Carrier http.Handler
	// Schedules keeps what is planned; Wake, if there is one, has it looked at at once.
	Schedules Schedules
	Wake      func()
	Saved     SavedQueries
	Usage     Usage
	Commands  Commands
	// Audit records what is done; nil for none.
	Audit Audit

	// Hosts are names this server is reached by, besides localhost and IP
	// addresses. A request for another host is refused.
	Hosts []string
	// Page holds the page, index.html at its root; without it there is none.
	Page fs.FS
	// Healthy says whether the role works; nil is yes.
	Healthy func(context.Context) error
	// Metrics is served at /metrics, when it is there, to programs on this
	// machine and to those who may see all targets.
	Metrics http.Handler

	Registry prometheus.Registerer
	Log      *slog.Logger
	// KeepAlive is how often an idle stream says that it lives: 15s.
	KeepAlive time.Duration
}

// Server answers HTTP requests; it is an http.Handler.
type Server struct {
	Options
	log     *slog.Logger
	api     huma.API
	handler http.Handler
	metrics *metrics
	// strangers bounds what is recorded of those who have not signed in.
	strangers *rate.Limiter

	problemSchema *huma.Schema
	specification []byte
}

// New makes a server. It fails when the page has no index.html.
func New(o Options) (*Server, error) {
	if o.KeepAlive == 0 {
		o.KeepAlive = 15 * time.Second
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	s := &Server{Options: o, log: o.Log, metrics: newMetrics(o.Registry), strangers: rate.NewLimiter(strangersPerSecond, strangersAtOnce)}
	mux := http.NewServeMux()
	s.api = humago.NewWithPrefix(mux, prefix, describe())
	registry := s.api.OpenAPI().Components.Schemas
	s.problemSchema = registry.Schema(reflect.TypeFor[Problem](), true, "Problem")
	s.routes()
	delete(registry.Map(), "ErrorModel") // huma's own errors; problems replaces them
	delete(registry.Map(), "ErrorDetail")
	var err error
	if s.specification, err = json.MarshalIndent(s.api.OpenAPI(), "", "  "); err != nil {
		return nil, fmt.Errorf("print OpenAPI document: %w", err)
	}
	if err := s.outside(mux); err != nil {
		return nil, err
	}
	compressed, err := compress(mux)
	if err != nil {
		return nil, err
	}
	s.handler = s.metrics.count(s.guard(s.beside(compressed)))
	return s, nil
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

// Specification returns the OpenAPI document, as it is committed in docs.
func (s *Server) Specification() []byte { return append(s.specification, '\n') }

// drain is how long requests may go on once the server ends.
const drain = 5 * time.Second

// Run serves l, which may be a TLS listener, until ctx ends. Streams end at once
// then; other requests are given a moment.
func (s *Server) Run(ctx context.Context, l net.Listener) error {
	base := context.WithValue(context.WithoutCancel(ctx), endingKey, ctx)
	server := &http.Server{
		Handler:           s,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       time.Minute,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10, // a query in a path may be 16 KiB, escaped three times that
		BaseContext:       func(net.Listener) context.Context { return base },
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
	ended := make(chan error, 1)
	stop := context.AfterFunc(ctx, func() {
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), drain)
		defer cancel()
		err := server.Shutdown(last)
		if err != nil {
			err = server.Close()
		}
		ended <- err
	})
	err := server.Serve(l)
	if stop() || !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve %s: %w", l.Addr(), err)
	}
	return <-ended
}

// describe describes the API to huma.
func describe() huma.Config {
	c := huma.DefaultConfig("LLAMA", "1.0.0")
	c.Info.Description = "Logs Archive Management and Analysis: ask the nodes of your targets, watch the answer come in, read it."
	c.Info.License = &huma.License{Name: "Apache-2.0", Identifier: "Apache-2.0"}
	c.OpenAPIPath, c.DocsPath, c.SchemasPath = "", "", "" // served by document, behind the guard
	c.CreateHooks = nil                                   // no $schema in answers
	c.Transformers = []huma.Transformer{problems}
	c.RejectUnknownQueryParameters = true
	c.Tags = []*huma.Tag{
		{Name: "session", Description: "Signing in and out."},
		{Name: "targets", Description: "Where events are."},
		{Name: "queries", Description: "Asking, and reading answers."},
		{Name: "schedules", Description: "What is asked again and again, and what is kept to be asked."},
		{Name: "audit", Description: "What was done."},
		{Name: "users", Description: "Who may do what."},
	}
	c.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		"cookie": {Type: "apiKey", In: "cookie", Name: cookieName, Description: "For the page. Requests that change something must come from the page itself (Origin, Sec-Fetch-Site)."},
		"bearer": {Type: "http", Scheme: "bearer", BearerFormat: "JWT", Description: "For programs: the token of a sign-in, of a machine, or of another issuer that central is configured to trust. An answer may carry a newer token in the header " + tokenHeader + "."},
		"basic":  {Type: "http", Scheme: "basic", Description: "For machines: the name of a machine's token, and the token as the password."},
	}
	return c
}

func (s *Server) document(context.Context, *struct{}) (*huma.StreamResponse, error) {
	return &huma.StreamResponse{Body: func(ctx huma.Context) {
		ctx.SetHeader("Content-Type", "application/openapi+json")
		ctx.BodyWriter().Write(s.specification) // best effort: the peer may be gone
	}}, nil
}
