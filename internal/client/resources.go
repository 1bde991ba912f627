package client

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/llama-logs/llama"
)

// Each hands on every item of a list, as the server wrote it, page by page. The
// path is below the API's; params may be nil. The text is emit's until it returns.
// After all items of a list that is not whole comes an *IncompleteError.
func (c *Client) Each(ctx context.Context, path string, params url.Values, emit func(item []byte) error) error {
	asked := url.Values{}
	for name, values := range params {
		asked[name] = values
	}
	missing := &IncompleteError{}
	for {
		at := path
		if len(asked) > 0 {
			at += "?" + asked.Encode()
		}
		var answer map[string]json.RawMessage
		if err := c.call(ctx, http.MethodGet, at, nil, &answer); err != nil {
			return err
		}
		if err := missing.take(answer); err != nil {
			return err
		}
		next, err := eachItem(answer, emit)
		if err != nil {
			return err
		}
		if next == "" && len(missing.Targets) > 0 {
			return missing
		}
		if next == "" {
			return nil
		}
		asked.Set("after", next)
	}
}

// An IncompleteError says of which targets a list does not have all, since nodes of
// theirs are offline.
type IncompleteError struct{ Targets []string }

func (e *IncompleteError) Error() string {
	return "not all is listed of what these targets hold, whose nodes are offline: " + strings.Join(e.Targets, ", ")
}

// take takes from an answer what is not in its list; each page says it of all.
func (e *IncompleteError) take(answer map[string]json.RawMessage) error {
	value, ok := answer["incomplete"]
	delete(answer, "incomplete")
	if !ok {
		return nil
	}
	if err := json.Unmarshal(value, &e.Targets); err != nil {
		return fmt.Errorf("read answer: incomplete: %w", err)
	}
	return nil
}

// eachItem emits the items of the one list in an answer.
func eachItem(answer map[string]json.RawMessage, emit func([]byte) error) (next string, err error) {
	for name, value := range answer {
		if name == "next" {
			if err := json.Unmarshal(value, &next); err != nil {
				return "", fmt.Errorf("read answer: next: %w", err)
			}
			continue
		}
		if !bytes.HasPrefix(value, []byte("[")) {
			continue
		}
		var items []json.RawMessage
		if err := json.Unmarshal(value, &items); err != nil {
			return "", fmt.Errorf("read answer: %s: %w", name, err)
		}
		for _, item := range items {
			if err := emit(item); err != nil {
				return "", err
			}
		}
	}
	return next, nil
}

// Get returns what is at a path, as the server wrote it.
func (c *Client) Get(ctx context.Context, path string) ([]byte, error) {
	return c.do(ctx, http.MethodGet, path, nil)
}

// Add posts to a path and returns the answer, which may be empty.
func (c *Client) Add(ctx context.Context, path string, in any) ([]byte, error) {
	return c.do(ctx, http.MethodPost, path, in)
}

// Put makes or replaces what is at a path.
func (c *Client) Put(ctx context.Context, path string, in any) ([]byte, error) {
	return c.do(ctx, http.MethodPut, path, in)
}

// Change changes what is at a path.
func (c *Client) Change(ctx context.Context, path string, in any) ([]byte, error) {
	return c.do(ctx, http.MethodPatch, path, in)
}

// Remove removes what is at a path.
func (c *Client) Remove(ctx context.Context, path string) error {
	_, err := c.do(ctx, http.MethodDelete, path, nil)
	return err
}

func (c *Client) do(ctx context.Context, method, path string, in any) ([]byte, error) {
	resp, err := c.send(ctx, method, path, in)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	var answer bytes.Buffer
	if _, err := answer.ReadFrom(http.MaxBytesReader(nil, resp.Body, maxAnswer)); err != nil {
		return nil, llama.Errorf(llama.Unavailable, "the answer of %s broke off: %w", c.base.Host, err)
	}
	return answer.Bytes(), nil
}

// PathOf makes a path of names, each escaped.
func PathOf(names ...string) string {
	var path string
	for _, name := range names {
		path += "/" + url.PathEscape(name)
	}
	return path
}
