package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/auth"
)

// writePatience is how long a peer may take to accept one write of a stream.
const writePatience = 30 * time.Second

// A stream sends server-sent events. Its methods may be called by many at once.
type stream struct {
	mu      sync.Mutex
	begun   bool
	rows    int64 // sent; used by run alone
	w       http.ResponseWriter
	control *http.ResponseController
}

// events answers with what run sends, until run returns, the peer goes, who asks
// is signed out or the server ends. An error of run before its first event is a
// problem like any other; later ones are told in the event end, which last fills
// otherwise. A server that ends sends no end: the peer asks the next one.
//
// The audit log's entry is written at its end, with the rows that were sent.
func (s *Server) events(ctx context.Context, needs need, run func(context.Context, *stream) error, last func() End) *huma.StreamResponse {
	ended := later(ctx)
	return &huma.StreamResponse{Body: func(hc huma.Context) {
		r, w := humago.Unwrap(hc)
		st := &stream{w: w, control: http.NewResponseController(w)}
		st.control.SetReadDeadline(time.Time{}) // the server's is for requests, and would end us
		ctx, cancel := untilEnding(hc.Context())
		var live sync.WaitGroup
		live.Go(func() { s.keepAlive(ctx, cancel, st, needs) })
		err := run(ctx, st)
		ended(st.rows, nil)
		cause := context.Cause(ctx)
		cancel(nil)
		live.Wait()
		switch {
		case r.Context().Err() != nil || errors.Is(cause, errBroken): // nobody listens
			return
		case cause != nil:
			err = cause
		}
		switch {
		case err != nil && !st.begun:
			writeProblem(w, s.problem(hc.Context(), err))
		case errors.Is(err, errEnding):
			return
		case err != nil:
			end := last()
			end.Error = s.problem(hc.Context(), err).Detail
			st.send("end", "", end) // best effort: the peer may be gone
		default:
			st.send("end", "", last())
		}
	}}
}

// Why a stream stops before run returns by itself.
var (
	errBroken = errors.New("the peer does not take what it is sent")
	errEnding = llama.Errorf(llama.Unavailable, "the server is ending")
)

// untilEnding returns a context that ends with ctx or when the server does.
func untilEnding(ctx context.Context) (context.Context, context.CancelCauseFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	server, ok := ctx.Value(endingKey).(context.Context)
	if !ok {
		return ctx, cancel
	}
	stop := context.AfterFunc(server, func() { cancel(errEnding) })
	return ctx, func(cause error) { stop(); cancel(cause) }
}

// A need is what who follows a stream must be allowed all the while.
type need struct {
	permission auth.Permission
	targets    []string
}

// still returns an error once who asks is signed out, or may not do any more what
// the stream needs.
func (s *Server) still(ctx context.Context, needs need) error {
	who, err := s.Users.StillSignedIn(ctx, identityOf(ctx))
	if err != nil {
		return err
	}
	return may(context.WithValue(ctx, identityKey, who), needs.permission, needs.targets)
}

// keepAlive sends a comment now and then, so that proxies and peers can tell a
// quiet stream from a dead one, and ends the stream when it may not go on.
func (s *Server) keepAlive(ctx context.Context, cancel context.CancelCauseFunc, st *stream, needs need) {
	tick := time.NewTicker(s.KeepAlive)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if err := s.still(ctx, needs); err != nil && ctx.Err() == nil {
				cancel(err)
				return
			}
			if err := st.write([]byte(": alive\n\n")); err != nil {
				cancel(errBroken)
				return
			}
		}
	}
}

// begin sends the headers, so that the peer knows that it is heard. The comment
// is for the compression in between, which holds headers until bytes come.
func (st *stream) begin() error { return st.write([]byte(": begun\n\n")) }

// send sends one event. The id is what a peer that lost its connection says it
// has; an empty one is left out.
func (st *stream) send(event, id string, data any) error {
	text, err := json.Marshal(data)
	if err != nil {
		return err
	}
	return st.sendText(event, id, text)
}

// sendText is send for data that is encoded: one line of JSON.
func (st *stream) sendText(event, id string, data []byte) error {
	var b bytes.Buffer
	b.WriteString("event: " + event + "\n")
	if id != "" {
		b.WriteString("id: " + id + "\n")
	}
	b.WriteString("data: ")
	b.Write(data)
	b.WriteString("\n\n")
	return st.write(b.Bytes())
}

func (st *stream) write(b []byte) error {
	st.mu.Lock()
	defer st.mu.Unlock()
	if !st.begun {
		st.begun = true
		h := st.w.Header()
		h.Set("Content-Type", "text/event-stream")
		h.Set("X-Accel-Buffering", "no") // nginx would hold events back
		st.w.WriteHeader(http.StatusOK)
	}
	// Without a deadline in the connection below, as in tests, writes just wait.
	st.control.SetWriteDeadline(time.Now().Add(writePatience))
	if _, err := st.w.Write(b); err != nil {
		return err
	}
	return st.control.Flush()
}

// offset reads the id of the last event a peer has seen, for events whose ids
// count rows.
func offset(lastEventID string) int64 {
	n, err := strconv.ParseInt(lastEventID, 10, 64)
	if err != nil || n < 0 {
		return 0 // not one of ours: from the beginning
	}
	return n
}
