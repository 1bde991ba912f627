package client

import (
	"cmp"
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"github.com/llama-logs/llama"
)

// Problem is an error the server answered. It wraps a *llama.Error when the
// server gave a code.
type Problem struct {
	Status  int     `json:"status"`
	Detail  string  `json:"detail"`
	Code    string  `json:"code"`
	Column  int     `json:"column"`  // where the query is wrong, from 1; 0 when it is not that
	Request string  `json:"request"` // the id of an internal error in the server's log
	Errors  []Place `json:"errors"`
}

// Place is one thing that was wrong with the input.
type Place struct {
	Location string `json:"location"`
	Message  string `json:"message"`
}

func (p *Problem) Error() string {
	var b strings.Builder
	if len(p.Errors) == 0 {
		b.WriteString(p.Detail)
	}
	for i, e := range p.Errors {
		if i > 0 {
			b.WriteString("; ")
		}
		// Who asked has not written a body or a path.
		_, name, _ := strings.Cut(e.Location, ".")
		fmt.Fprintf(&b, "%s: %s", cmp.Or(name, e.Location), e.Message)
	}
	if p.Request != "" {
		fmt.Fprintf(&b, " (request %s)", p.Request)
	}
	return b.String()
}

// Unwrap gives the problem its code.
func (p *Problem) Unwrap() error {
	switch code := llama.Code(p.Code); code {
	case llama.Invalid, llama.Unauthorized, llama.Forbidden, llama.NotFound, llama.Conflict, llama.TooLarge, llama.Throttled, llama.Unavailable:
		return &llama.Error{Code: code, Message: p.Error()}
	}
	return nil
}

// maxProblem is the most of an error's body that is read.
const maxProblem = 64 << 10

// plainToTLS is what a server written in Go answers to who does not speak TLS.
const plainToTLS = "Client sent an HTTP request to an HTTPS server"

// readProblem makes an error of an answer. What is between us and the server may
// have answered in its stead, in a form of its own.
func readProblem(resp *http.Response) error {
	p := &Problem{}
	body, err := plain(resp)
	var text []byte
	if err == nil {
		defer body.Close()
		text, _ = io.ReadAll(io.LimitReader(body, maxProblem)) // what is there is better than nothing
		err = json.Unmarshal(text, p)
	}
	if host := resp.Request.URL.Host; err != nil && strings.HasPrefix(string(text), plainToTLS) {
		return llama.Errorf(llama.Invalid, "%s takes HTTPS only: its URL is https://%s", host, host)
	}
	if err != nil || p.Detail == "" {
		return &Problem{Status: resp.StatusCode, Detail: fmt.Sprintf("%s answered %s, which is not an answer of LLAMA's", resp.Request.URL.Host, resp.Status)}
	}
	p.Status = resp.StatusCode
	return p
}

// unreachable says why a request got no answer, in words for people.
func unreachable(ctx context.Context, host string, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return llama.Errorf(llama.Invalid, "%s has a certificate of an authority that is not known here; give its ca.pem (LLAMA_CA)", host)
	}
	if e, ok := errors.AsType[x509.HostnameError](err); ok {
		return llama.Errorf(llama.Invalid, "%s has a certificate for other names: %v", host, e)
	}
	if errors.Is(err, http.ErrSchemeMismatch) {
		return llama.Errorf(llama.Invalid, "%s answers in plain HTTP and not over TLS; where that is meant, its URL is http://%s", host, host)
	}
	return &llama.Error{Code: llama.Unavailable, Message: fmt.Sprintf("%s cannot be reached: %v", host, cause(err)), Err: err}
}

// cause is the part of a network error that says something.
func cause(err error) error {
	if e, ok := errors.AsType[*net.OpError](err); ok {
		return e.Err
	}
	if e, ok := errors.AsType[*url.Error](err); ok {
		return e.Err
	}
	return err
}

// loopback reports whether host is this machine.
func loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}
