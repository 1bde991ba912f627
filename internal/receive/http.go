package receive

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/config"
)

// HTTPOptions configure the HTTP receiver.
type HTTPOptions struct {
	Env
	Listen    string      `yaml:"listen" doc:"Address and port; an address left out means all."`
	TLS       *TLSOptions `yaml:"tls" doc:"Serve HTTPS, and nothing else."`
	Tokens    string      `yaml:"tokens" doc:"File with write-only tokens, one a line, readable by its owner only. Behind a token may stand collections=a,b: it is for those only. Default: ingest-token in the data directory."`
	MaxLine   config.Size `yaml:"max_line" doc:"Longer lines are cut here and marked in log.flags; a JSON line that was cut is kept as a plain message. Default: 1MiB."`
	MaxBody   config.Size `yaml:"max_body" doc:"How large one body may be once unpacked. Default: 1GiB."`
	MaxBodies int         `yaml:"max_bodies" doc:"Bodies read at once; more are asked to come later. Default: 64."`

	// Added is a second file of tokens, which need not be there and is read again
	// when it has changed; "" for none.
	Added string `yaml:"-"`
	// Secure is the certificate of the process, for a door that has none of its
	// own. Nil: such a door is plain HTTP.
	Secure *tls.Config `yaml:"-"`
	// Positions answers GET /insert/position. Nil: no position is known.
	Positions Positions `yaml:"-"`
}

// Positions knows how far each source has come; the archive does.
type Positions interface {
	// Next returns the number expected next of an epoch of source, 0 of one that
	// is not known.
	Next(source, epoch string) uint64
}

// A ParserSink is a sink that can be told by a request which parser to use. If
// the sink given to Run is none, requests that name a parser are refused.
type ParserSink interface {
	WithParser(name string) (llama.Sink, error)
}

// A DecodingSink is a sink that has events decoded on the way, right before it writes them
// down: what was decoded is still near then. Each share of a batch has a decode of its own. An
// error of one is returned as it is, and nothing is stored.
type DecodingSink interface {
	PutDecoded(ctx context.Context, b *llama.Batch, decoder func() (decode func(*llama.Event) error)) error
}

const (
	defaultMaxLine   = config.MiB
	maxMaxLine       = 16 * config.MiB
	defaultMaxBody   = config.GiB
	defaultMaxBodies = 64
)

// Validate says which option is wrong.
func (o *HTTPOptions) Validate() error {
	switch {
	case o.MaxLine < 0 || o.MaxLine > maxMaxLine:
		return config.Wrong("max_line", "%s is out of range; up to %s", o.MaxLine, maxMaxLine)
	case o.MaxBody < 0:
		return config.Wrong("max_body", "is negative; e.g. 1GiB")
	case o.MaxBodies < 0:
		return config.Wrong("max_bodies", "is negative; e.g. 64")
	}
	return validListen(o.Listen)
}

// HTTP is one server with the endpoints under /insert/ and those of
// Elasticsearch that its clients write to. Every endpoint but /healthz wants a
// token, and a token that may add can read nothing.
type HTTP struct {
	o        HTTPOptions
	tls      *tls.Config
	tokens   *tokens
	listener net.Listener
	log      *slog.Logger
	metrics  counters
}

// OpenHTTP reads the tokens and takes the port.
func OpenHTTP(o HTTPOptions) (*HTTP, error) {
	h := &HTTP{o: o}
	if h.o.MaxLine == 0 {
		h.o.MaxLine = defaultMaxLine
	}
	if h.o.MaxBody == 0 {
		h.o.MaxBody = defaultMaxBody
	}
	if h.o.MaxBodies == 0 {
		h.o.MaxBodies = defaultMaxBodies
	}
	var err error
	_, h.log, h.metrics = o.named("http")
	if h.tokens, err = openTokens(o.Tokens, o.Added, h.log); err != nil {
		return nil, err
	}
	if o.TLS != nil {
		if h.tls, err = o.TLS.load(); err != nil {
			return nil, err
		}
		h.tls.NextProtos = []string{"h2", "http/1.1"}
	} else {
		h.tls = o.Secure
	}
	if h.listener, err = net.Listen("tcp", o.Listen); err != nil {
		return nil, fmt.Errorf("open http: %w", err)
	}
	return h, nil
}

// Addr is where it listens.
func (h *HTTP) Addr() net.Addr { return h.listener.Addr() }

// Close gives the port back. It is for a receiver that will not run again.
func (h *HTTP) Close() error {
	if err := h.listener.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

const (
	headerLimit = 10 * time.Second
	idleLimit   = 2 * time.Minute
	// readLimit and writeLimit are how long a peer may keep silent within a body
	// and take for an answer. A body may take as long as it keeps coming.
	readLimit   = 30 * time.Second
	writeLimit  = 30 * time.Second
	closeLimit  = 15 * time.Second
	headerBytes = 32 << 10
)

// Run serves requests until ctx ends; then bodies under way are answered with
// what was accepted of them.
func (h *HTTP) Run(ctx context.Context, sink llama.Sink) error {
	d := &door{HTTP: h, run: ctx, sink: sink, bodies: make(chan struct{}, h.o.MaxBodies)}
	server := &http.Server{
		Handler:           d.handler(),
		ReadHeaderTimeout: headerLimit,
		IdleTimeout:       idleLimit,
		MaxHeaderBytes:    headerBytes,
		ErrorLog:          slog.NewLogLogger(h.log.Handler(), slog.LevelDebug),
		ConnState:         h.countConn,
	}
	listener := h.listener
	if h.tls != nil {
		listener = tls.NewListener(listener, h.tls)
		server.TLSConfig = h.tls // so that HTTP/2 is served
	}
	var closing sync.WaitGroup
	defer closing.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	closing.Go(func() {
		<-ctx.Done()
		limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeLimit)
		defer cancel()
		if err := server.Shutdown(limited); err != nil {
			server.Close()
		}
	})
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve %s: %w", h.listener.Addr(), err)
	}
	return nil
}

func (h *HTTP) countConn(_ net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		h.metrics.connections.Inc()
	case http.StateClosed, http.StateHijacked:
		h.metrics.connections.Dec()
	}
}
