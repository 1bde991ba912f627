package client

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/llama-logs/llama"
)

// Question is what to ask. Times are RFC 3339, dates, or relative: now-15m, -1h.
type Question struct {
	Query    string   `json:"query"`
	Targets  []string `json:"targets,omitempty"`
	From     string   `json:"from,omitempty"`
	To       string   `json:"to,omitempty"`
	Limit    int64    `json:"limit,omitempty"`
	Name     string   `json:"name,omitempty"`
	Deadline string   `json:"deadline,omitempty"`
}

// Query is a query's state.
type Query struct {
	ID      string    `json:"id"`
	Query   string    `json:"query"`
	Normal  string    `json:"normal"`
	State   string    `json:"state"`
	Targets []string  `json:"targets"`
	Created time.Time `json:"created"`
	// Deadline is until when nodes may answer.
	Deadline time.Time `json:"deadline"`
	Rows     int64     `json:"rows"`
	Columns  []string  `json:"columns"`
	Tasks    []Task    `json:"tasks"`
	Error    string    `json:"error"`
}

// Task is a query's part on one node.
type Task struct {
	Target     string  `json:"target"`
	Node       string  `json:"node"`
	State      string  `json:"state"`
	Progress   float64 `json:"progress"`
	EventsRead int64   `json:"events_read"`
	BytesRead  int64   `json:"bytes_read"`
	Rows       int64   `json:"rows"`
	Error      string  `json:"error"`
}

// Progress is how far a query is on all nodes.
type Progress struct {
	Progress   float64 `json:"progress"`
	EventsRead int64   `json:"events_read"`
	BytesRead  int64   `json:"bytes_read"`
	Rows       int64   `json:"rows"`
}

// Watching is told what happens to a query; a nil function is not called.
type Watching struct {
	State    func(Query)
	Progress func(Progress)
}

// cancelPatience is how long cancelling may take once its caller is gone.
const cancelPatience = 5 * time.Second

// Ask submits a question and waits until it is answered. When ctx ends before,
// the query is cancelled. The rows are for Rows: until the end, each further
// answer of a node may change them.
func (c *Client) Ask(ctx context.Context, q Question, w Watching) (Query, error) {
	var asked Query
	if err := c.call(ctx, http.MethodPost, "/queries", q, &asked); err != nil {
		return Query{}, err
	}
	answered, err := c.await(ctx, asked.ID, w)
	if ctx.Err() != nil {
		last, stop := context.WithTimeout(context.WithoutCancel(ctx), cancelPatience)
		defer stop()
		if err := c.Cancel(last, asked.ID); err != nil {
			return asked, fmt.Errorf("cancel query %s: %w", asked.ID, err)
		}
		return asked, ctx.Err()
	}
	return answered, err
}

// watchTries is how often a broken connection is made anew before await gives
// up; an event in between starts the count again.
const watchTries = 20

// noRows as the last event seen asks for no rows: whoever waits has no use for
// them before the end, and reads them as a file then.
const noRows = "9223372036854775807"

// await follows a query until its end, over broken connections.
func (c *Client) await(ctx context.Context, id string, w Watching) (Query, error) {
	last := Query{ID: id}
	for try := 1; ; try++ {
		watch := func(name string, data []byte) error {
			try = 0
			return w.handle(name, data, &last)
		}
		err := c.events(ctx, "/query/"+url.PathEscape(id)+"/events", watch, "Last-Event-ID", noRows)
		if err == nil && final(last.State) {
			return last, nil
		}
		if err == nil { // the server ended before the query
			err = llama.Errorf(llama.Unavailable, "%s ended before the query did", c.base.Host)
		}
		if try >= watchTries || !worthRetry(err) {
			return last, err
		}
		if err := pause(ctx, time.Second); err != nil {
			return last, err
		}
	}
}

// handle takes one event of a query.
func (w *Watching) handle(name string, data []byte, last *Query) error {
	switch name {
	case "state":
		*last = Query{}
		if err := json.Unmarshal(data, last); err != nil {
			return err
		}
		if w.State != nil {
			w.State(*last)
		}
	case "progress":
		var p Progress
		if err := json.Unmarshal(data, &p); err != nil {
			return err
		}
		if w.Progress != nil {
			w.Progress(p)
		}
	}
	return nil
}

// final reports whether a query in state does not change any more.
func final(state string) bool {
	switch state {
	case "", "queued", "delivered", "running":
		return false
	}
	return true
}

// Query returns a query's state.
func (c *Client) Query(ctx context.Context, id string) (Query, error) {
	var q Query
	err := c.call(ctx, http.MethodGet, "/query/"+url.PathEscape(id), nil, &q)
	return q, err
}

// Cancel ends a query. One that has ended is left as it is.
func (c *Client) Cancel(ctx context.Context, id string) error {
	return c.call(ctx, http.MethodDelete, "/query/"+url.PathEscape(id), nil, nil)
}

// maxLine is the longest row or event of a stream that is read.
const maxLine = 32 << 20

// Lines hands on the lines of what is at a path. The text is emit's until it
// returns.
func (c *Client) Lines(ctx context.Context, path string, emit func(line []byte) error) error {
	resp, err := c.send(ctx, http.MethodGet, path, nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(make([]byte, 64<<10), maxLine)
	for lines.Scan() {
		if err := emit(lines.Bytes()); err != nil {
			return err
		}
	}
	return c.broken(ctx, lines.Err())
}

// plain returns the body of an answer, unpacked where it is zstd, as only who asked for that
// finds it.
func plain(resp *http.Response) (io.ReadCloser, error) {
	if resp.Header.Get("Content-Encoding") != "zstd" {
		return io.NopCloser(resp.Body), nil
	}
	d, err := zstd.NewReader(cutReader{resp.Body}, zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecoderLowmem(true))
	if err != nil {
		return nil, err
	}
	return d.IOReadCloser(), nil
}

// A cutReader tells an answer that was cut off from one that has ended: package zstd takes
// io.ErrUnexpectedEOF for the end where a frame could begin.
type cutReader struct{ io.Reader }

var errCut = errors.New("the answer was cut off")

func (r cutReader) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = errCut
	}
	return n, err
}

// maxWindow is the most memory that unpacking an answer may need for its window.
const maxWindow = 8 << 20

// broken says that a stream broke off, if it did.
func (c *Client) broken(ctx context.Context, err error) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case llama.CodeOf(err) != "": // it says so itself
		return err
	}
	return &llama.Error{Code: llama.Unavailable, Message: fmt.Sprintf("%s broke off in the middle of its answer", c.base.Host), Err: err}
}

// FormatQuery returns a query in its normal form.
func (c *Client) FormatQuery(ctx context.Context, query string) (string, error) {
	var normal struct{ Query string }
	err := c.call(ctx, http.MethodPost, "/format-query", map[string]string{"query": query}, &normal)
	return normal.Query, err
}

// A Following says what to follow, and who is told.
type Following struct {
	Filter  string
	Targets []string // none for all
	After   []string // ids of events (_id) after which their nodes begin
	// Row takes each event, a flat JSON object; Lost how many came too fast; Stopped
	// that a node follows no longer, and why, while others go on. An error of one ends it.
	Row     func(row []byte) error
	Lost    func(count int64) error
	Stopped func(target, node, reason string) error
}

// Tail hands on events that match as they arrive, until ctx ends.
func (c *Client) Tail(ctx context.Context, f Following) error {
	parameters := url.Values{}
	for name, value := range map[string]string{"query": f.Filter, "targets": strings.Join(f.Targets, ","), "after": strings.Join(f.After, ",")} {
		if value != "" {
			parameters.Set(name, value)
		}
	}
	return c.events(ctx, "/tail?"+parameters.Encode(), func(name string, data []byte) error {
		switch name {
		case "rows":
			return eachRow(data, f.Row)
		case "lost":
			var l struct{ Count int64 }
			if err := json.Unmarshal(data, &l); err != nil {
				return err
			}
			return f.Lost(l.Count)
		case "stopped":
			var s struct{ Target, Node, Error string }
			if err := json.Unmarshal(data, &s); err != nil {
				return err
			}
			return f.Stopped(s.Target, s.Node, s.Error)
		}
		return nil
	})
}

func eachRow(data []byte, emit func([]byte) error) error {
	var batch struct{ Rows []json.RawMessage }
	if err := json.Unmarshal(data, &batch); err != nil {
		return err
	}
	for _, row := range batch.Rows {
		if err := emit(row); err != nil {
			return err
		}
	}
	return nil
}

// events reads server-sent events until the one called end. A stream that stops
// without one has broken.
func (c *Client) events(ctx context.Context, path string, handle func(name string, data []byte) error, headers ...string) error {
	resp, err := c.send(ctx, http.MethodGet, path, nil, append(headers, "Accept", "text/event-stream")...)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	stream := bufio.NewScanner(resp.Body)
	ended, err := readEvents(stream, handle)
	switch {
	case stream.Err() != nil:
		return c.broken(ctx, stream.Err())
	case !ended && err == nil:
		return c.broken(ctx, io.ErrUnexpectedEOF)
	}
	return err
}
