// Package door sends lines to a node's ingest door, numbered, so that sending
// the same lines again adds nothing. Client speaks the door's HTTP; Copy cuts a
// stream into bodies and sees to repeats, waiting and resuming. It does not
// parse: the node does.
package door

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/llama-logs/llama"
)

// A Form says how the lines of a body are to be read.
type Form string

// The forms; each is an endpoint of the door.
const (
	Lines Form = "lines" // one event a line, as text
	JSONL Form = "jsonl" // one JSON object a line
)

// A Stream names numbered lines: what they are and where they go.
type Stream struct {
	Form       Form
	Collection string
	Parser     string // empty: the node chooses
	Source     string // who numbers them
	Epoch      string // which numbering; see llama.Position
}

// Client calls one node's door. It may be used by many at once.
type Client struct {
	URL   string // http://127.0.0.1:8480
	Token string // may add and nothing else
	HTTP  *http.Client
}

// An Answer is what the door did with a body.
type Answer struct {
	Accepted int        `json:"accepted"`
	Rejected int        `json:"rejected"`
	Errors   []Rejected `json:"errors"` // the first of them
	Detail   string     `json:"detail"` // why, when there are any
}

// Rejected is a line that was refused.
type Rejected struct {
	Line   uint64 `json:"line"` // from 1 within the body
	Detail string `json:"detail"`
}

// maxAnswer bounds what is read of an answer.
const maxAnswer = 1 << 20

// Next returns the number of the first line that the node does not have. A
// *llama.Error with code Unavailable asks to come again.
func (c *Client) Next(ctx context.Context, s Stream) (uint64, error) {
	query := url.Values{"source": {s.Source}, "epoch": {s.Epoch}}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.URL+"/insert/position?"+query.Encode(), nil)
	if err != nil {
		return 0, fmt.Errorf("ask %s for the position: %w", c.URL, err)
	}
	resp, err := c.do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return 0, refusal(resp)
	}
	var answer struct {
		Next uint64 `json:"next"`
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxAnswer)).Decode(&answer); err != nil {
		return 0, fmt.Errorf("position from %s: %w", c.URL, err)
	}
	return answer.Next, nil
}

// Send puts the lines of body, the first of which has number first, and returns
// when they are safe on the node's disk. Refused lines are no error: they are in
// the answer, after which Next tells whether the body was read to its end. A
// *llama.Error with code Unavailable asks to send the same again.
func (c *Client) Send(ctx context.Context, s Stream, first uint64, body []byte) (Answer, error) {
	query := url.Values{"collection": {s.Collection}}
	if s.Parser != "" {
		query.Set("parser", s.Parser)
	}
	target := c.URL + "/insert/" + string(s.Form) + "?" + query.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, target, bytes.NewReader(body))
	if err != nil {
		return Answer{}, fmt.Errorf("send to %s: %w", c.URL, err)
	}
	req.Header.Set("Content-Type", map[Form]string{Lines: "text/plain", JSONL: "application/x-ndjson"}[s.Form])
	req.Header.Set("Llama-Source", s.Source)
	req.Header.Set("Llama-Epoch", s.Epoch)
	req.Header.Set("Llama-Sequence", strconv.FormatUint(first, 10))
	resp, err := c.do(req)
	if err != nil {
		return Answer{}, err
	}
	defer resp.Body.Close()
	return readAnswer(resp)
}

// do sends a request. A node that cannot be reached may be restarting, so that is
// Unavailable; a name that does not exist and a certificate that is not trusted
// stay as they are however long one waits.
func (c *Client) do(req *http.Request) (*http.Response, error) {
	req.Header.Set("Authorization", "Bearer "+c.Token)
	resp, err := c.HTTP.Do(req)
	if err == nil {
		return resp, nil
	}
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		err = wrapped.Err // the rest repeats the address
	}
	code := llama.Unavailable
	_, untrusted := errors.AsType[*tls.CertificateVerificationError](err)
	name, _ := errors.AsType[*net.DNSError](err)
	if untrusted || errors.Is(err, http.ErrSchemeMismatch) || name != nil && name.IsNotFound {
		code = llama.Invalid
	}
	return nil, llama.Errorf(code, "reach %s: %w", c.URL, err)
}

// readAnswer reads the counts of a success, and of a refusal of some lines only.
func readAnswer(resp *http.Response) (Answer, error) {
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return Answer{}, llama.Errorf(llama.Unavailable, "read the answer: %w", err)
	}
	var answer Answer
	known := json.Unmarshal(text, &answer) == nil
	lines := resp.StatusCode == http.StatusBadRequest || resp.StatusCode == http.StatusRequestEntityTooLarge
	if known && (resp.StatusCode < 300 || lines && answer.Rejected > 0) {
		return answer, nil
	}
	resp.Body = io.NopCloser(bytes.NewReader(text))
	return Answer{}, refusal(resp)
}

// refusal turns a problem document (RFC 9457) into an error.
func refusal(resp *http.Response) error {
	var problem struct {
		Title  string `json:"title"`
		Detail string `json:"detail"`
	}
	text, _ := io.ReadAll(io.LimitReader(resp.Body, maxAnswer)) // what is there is better than nothing
	if json.Unmarshal(text, &problem) != nil || problem.Detail == "" && problem.Title == "" {
		problem.Detail = strings.TrimSpace(string(text[:min(len(text), 200)]))
	}
	detail := problem.Detail
	if detail == "" {
		detail = problem.Title
	}
	code := llama.Invalid
	switch {
	case resp.StatusCode == http.StatusServiceUnavailable || resp.StatusCode == http.StatusTooManyRequests || resp.StatusCode >= 502:
		code = llama.Unavailable
	case resp.StatusCode == http.StatusUnauthorized:
		code, detail = llama.Unauthorized, "the ingest token is not known to the node"
	case resp.StatusCode == http.StatusConflict:
		code = llama.Conflict
	case resp.StatusCode == http.StatusRequestEntityTooLarge:
		code = llama.TooLarge
	}
	return llama.Errorf(code, "the node answers %d: %s", resp.StatusCode, detail)
}

// retry calls send until it works, fails for good, or patience is over. It tells
// waiting why before each pause.
func retry(ctx context.Context, patience time.Duration, waiting func(error), send func() error) error {
	began, pause := time.Now(), 100*time.Millisecond
	for {
		err := send()
		if err == nil || llama.CodeOf(err) != llama.Unavailable {
			return err
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if time.Since(began) > patience {
			return fmt.Errorf("gave up after %s: %w", patience, err)
		}
		waiting(err)
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return errors.Join(context.Cause(ctx), err)
		case <-timer.C:
		}
		pause = min(2*pause, 5*time.Second)
	}
}
