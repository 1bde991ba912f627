package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"syscall"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/client"
)

// Asking the node on this machine through its operator's socket.

// maxRow bounds one row of an answer.
const maxRow = 64 << 20

// ask posts a form to the node's socket and returns the answer's lines.
func ask(ctx context.Context, dataDir, path string, form url.Values) (io.ReadCloser, error) {
	socket := socketFile(dataDir)
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", socket)
	}}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://node"+path, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := transport.RoundTrip(req)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED):
		return nil, fmt.Errorf("%w on the data directory %s; start it with 'llama up', or name another with --data", errNoNode, dataDir)
	case err != nil:
		return nil, fmt.Errorf("ask the node at %s: %w", socket, err)
	case resp.StatusCode != http.StatusOK:
		defer resp.Body.Close()
		return nil, nodeProblem(resp)
	}
	return resp.Body, nil
}

// errNoNode says that nobody answers on the socket.
var errNoNode = errors.New("no node runs")

func nodeProblem(resp *http.Response) error {
	text, _ := io.ReadAll(io.LimitReader(resp.Body, maxRow)) // what is there is better than nothing
	p := &client.Problem{}
	if json.Unmarshal(text, p) != nil || p.Detail == "" {
		return fmt.Errorf("the node answers %s: %s", resp.Status, bytes.TrimSpace(text))
	}
	p.Status = resp.StatusCode
	return p
}

func queryLocal(ctx context.Context, text string, o queryOptions, emit func([]llama.Field) error) error {
	form := url.Values{"query": {text}, "start": {o.from}, "end": {o.to}}
	if o.limit > 0 {
		form.Set("limit", strconv.FormatInt(o.limit, 10))
	}
	body, err := ask(ctx, o.dataDir, "/select/logsql/query", form)
	if err != nil {
		return err
	}
	defer body.Close()
	return readRows(body, emit)
}

func tailLocal(ctx context.Context, o tailOptions, emit func([]llama.Field) error) error {
	form := url.Values{"query": {o.text}}
	switch len(o.after) {
	case 0:
	case 1:
		form.Set("after", o.after[0])
	default:
		return usagef("--after is given %d times; there is one node here", len(o.after))
	}
	body, err := ask(ctx, o.dataDir, "/select/logsql/tail", form)
	if err != nil {
		return err
	}
	defer body.Close()
	if err := readRows(body, emit); err != nil && ctx.Err() == nil {
		return err
	}
	return nil
}

// eachLine calls fn with each line of r, without its end. A line longer than
// maxBytes is an error.
func eachLine(r io.Reader, maxBytes int, fn func(line string) error) error {
	scanner := bufio.NewScanner(r)
	scanner.Buffer(make([]byte, 0, 64<<10), maxBytes)
	for scanner.Scan() {
		if err := fn(scanner.Text()); err != nil {
			return err
		}
	}
	return scanner.Err()
}
