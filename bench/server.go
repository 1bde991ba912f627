package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// A server keeps events and answers questions: LLAMA, or its peer.
type server interface {
	name() string
	// start returns when it answers; its data stay from one start to the next.
	start(ctx context.Context) error
	running() *process
	// stored returns how many events were made safe since the start. A peer that
	// does not say is ErrUnsupported.
	stored(ctx context.Context) (uint64, error)
	ask(ctx context.Context, q ask) (answer, error)
	// home is the server's folder, and keeps the one within it with all that it
	// keeps of events.
	home() string
	keeps() string
}

// An ask is a question in a server's own words.
type ask struct {
	query string
	limit int // 0: all
}

// An answer is what is compared of the answers of two servers: how many rows, and
// the sum of what they count in n.
type answer struct {
	Rows  int    `json:"rows"`
	Sum   uint64 `json:"sum,omitempty"`
	Bytes int64  `json:"bytes"`
}

// Same reports whether two answers say the same.
func (a answer) same(b answer) bool { return a.Rows == b.Rows && a.Sum == b.Sum }

func (a answer) String() string {
	if a.Sum == 0 {
		return strconv.Itoa(a.Rows)
	}
	return fmt.Sprintf("%d/%d", a.Rows, a.Sum)
}

// parseAnswer reads what String writes.
func parseAnswer(text string) (a answer, err error) {
	rows, sum, counted := strings.Cut(text, "/")
	if a.Rows, err = strconv.Atoi(rows); err == nil && counted {
		a.Sum, err = strconv.ParseUint(sum, 10, 64)
	}
	if err != nil {
		return a, fmt.Errorf("answer %q: %w", text, err)
	}
	return a, nil
}

// maxRow bounds a row of an answer.
const maxRow = 16 << 20

// post asks a server whose questions are VictoriaLogs' and whose answers are a
// JSON object a line, and reads all of the answer.
func post(ctx context.Context, client *http.Client, at string, q ask) (a answer, err error) {
	form := url.Values{"query": {q.query}}
	if q.limit > 0 {
		form.Set("limit", strconv.Itoa(q.limit))
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, at, strings.NewReader(form.Encode()))
	if err != nil {
		return a, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := client.Do(req)
	if err != nil {
		return a, fmt.Errorf("ask %q: %w", q.query, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(resp.Body, 1000)) // what is there is better than nothing
		return a, fmt.Errorf("ask %q: %s: %s", q.query, resp.Status, text)
	}
	// The rows of statistics are few; those of events are only counted, so that
	// this program takes little of the time.
	counts := strings.Contains(q.query, ") n")
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(make([]byte, 256<<10), maxRow)
	for lines.Scan() {
		a.Rows++
		a.Bytes += int64(len(lines.Bytes())) + 1
		if !counts {
			continue
		}
		n, err := counted(lines.Bytes())
		if err != nil {
			return a, fmt.Errorf("ask %q: row %q: %w", q.query, lines.Bytes(), err)
		}
		a.Sum += n
	}
	if err := lines.Err(); err != nil {
		return a, fmt.Errorf("ask %q: %w", q.query, err)
	}
	return a, nil
}

// counted reads the n of a row: a number, or its text.
func counted(row []byte) (uint64, error) {
	var count struct {
		N json.RawMessage `json:"n"`
	}
	if err := json.Unmarshal(row, &count); err != nil {
		return 0, err
	}
	return strconv.ParseUint(strings.Trim(string(count.N), `"`), 10, 64)
}

// everything counts all events.
var everything = ask{query: "* | stats count() n"}

// count returns how many events a server finds.
func count(ctx context.Context, s server) (uint64, error) {
	a, err := s.ask(ctx, everything)
	return a.Sum, err
}

// during starts a server, runs fn and makes sure that the server has ended.
func during(ctx context.Context, s server, fn func() error) (err error) {
	if err := s.start(ctx); err != nil {
		return errors.Join(fmt.Errorf("%s: %w", s.name(), err), s.running().kill())
	}
	defer func() { err = errors.Join(err, s.running().kill()) }()
	return fn()
}
