package api

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/auth"
	"github.com/llama-logs/llama/internal/query"
)

// Problem is how every error is answered, after RFC 9457.
type Problem struct {
	Type    string         `json:"type" format:"uri-reference" example:"about:blank" doc:"Always about:blank: title and code say it all."`
	Title   string         `json:"title" example:"Bad Request" doc:"The status in words."`
	Status  int            `json:"status" example:"400" doc:"The HTTP status."`
	Detail  string         `json:"detail" example:"column 7: quote is never closed" doc:"What is wrong and what would be right, one sentence."`
	Code    string         `json:"code" enum:"invalid,unauthorized,forbidden,not_found,conflict,too_large,throttled,unavailable,internal" doc:"What kind of trouble it is, for programs."`
	Column  int            `json:"column,omitempty" minimum:"1" doc:"Where the query is wrong: a column, counted from 1 in characters."`
	Request string         `json:"request,omitempty" doc:"An id that stands in the server's log beside an internal error."`
	Errors  []ProblemPlace `json:"errors,omitempty" nullable:"false" doc:"All that is wrong with the input, place by place."`

	retryAfter time.Duration
}

// ProblemPlace is one thing wrong with the input.
type ProblemPlace struct {
	Location string `json:"location" example:"body.limit" doc:"Where: a path into body, query or path."`
	Message  string `json:"message" doc:"What is wrong there."`
}

// codeInternal stands in Problem.Code for errors that have none.
const codeInternal = "internal"

func (p *Problem) Error() string { return p.Detail }

// GetStatus is what huma asks an error for.
func (p *Problem) GetStatus() int { return p.Status }

// ContentType is what huma asks a body for.
func (p *Problem) ContentType(string) string { return "application/problem+json" }

// GetHeaders is what huma asks an error for.
func (p *Problem) GetHeaders() http.Header {
	h := http.Header{}
	if p.retryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(int((p.retryAfter+time.Second-1)/time.Second)))
	}
	return h
}

// status is the one place that maps codes to statuses.
func status(c llama.Code) int {
	switch c {
	case llama.Invalid:
		return http.StatusBadRequest
	case llama.Unauthorized:
		return http.StatusUnauthorized
	case llama.Forbidden:
		return http.StatusForbidden
	case llama.NotFound:
		return http.StatusNotFound
	case llama.Conflict:
		return http.StatusConflict
	case llama.TooLarge:
		return http.StatusRequestEntityTooLarge
	case llama.Throttled:
		return http.StatusTooManyRequests
	case llama.Unavailable:
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}

// code is the way back, for the errors huma finds itself.
func code(status int) string {
	switch status {
	case http.StatusUnauthorized:
		return string(llama.Unauthorized)
	case http.StatusForbidden:
		return string(llama.Forbidden)
	case http.StatusNotFound:
		return string(llama.NotFound)
	case http.StatusConflict:
		return string(llama.Conflict)
	case http.StatusRequestEntityTooLarge:
		return string(llama.TooLarge)
	case http.StatusTooManyRequests:
		return string(llama.Throttled)
	case http.StatusServiceUnavailable, http.StatusRequestTimeout:
		return string(llama.Unavailable)
	}
	if status >= 500 {
		return codeInternal
	}
	return string(llama.Invalid)
}

// problem turns err into what may be shown. An internal error is logged here,
// once, under an id, and only the id is shown.
func (s *Server) problem(ctx context.Context, err error) *Problem {
	if p, ok := errors.AsType[*Problem](err); ok {
		return p
	}
	shown, ok := errors.AsType[*llama.Error](err)
	if !ok && ctx.Err() != nil {
		shown, ok = llama.Errorf(llama.Unavailable, "the request ended before its answer"), true
	}
	if !ok {
		return s.internal(ctx, err)
	}
	p := newProblem(status(shown.Code), string(shown.Code), shown.Message)
	if e, ok := errors.AsType[*query.Error](err); ok {
		p.Column = e.Column
	}
	if e, ok := errors.AsType[*auth.ThrottledError](err); ok {
		p.retryAfter = e.Wait
	}
	return p
}

func (s *Server) internal(ctx context.Context, err error) *Problem {
	var id [8]byte
	rand.Read(id[:])
	p := newProblem(http.StatusInternalServerError, codeInternal, "internal error; the server's log has more under the request's id")
	p.Request = hex.EncodeToString(id[:])
	s.log.ErrorContext(ctx, "request failed", slog.String("request", p.Request), slog.Any("error", err))
	return p
}

func newProblem(status int, code, detail string) *Problem {
	return &Problem{Type: "about:blank", Title: http.StatusText(status), Status: status, Detail: detail, Code: code}
}

// problems replaces the errors that huma makes itself. What was sent is not
// repeated: it may be a password.
func problems(_ huma.Context, _ string, v any) (any, error) {
	model, ok := v.(*huma.ErrorModel)
	if !ok {
		return v, nil
	}
	p := newProblem(model.Status, code(model.Status), model.Detail)
	for _, e := range model.Errors {
		if e != nil {
			p.Errors = append(p.Errors, ProblemPlace{Location: e.Location, Message: inOurWords(e.Message)})
		}
	}
	return p, nil
}

// inOurWords says what huma says of an id, for those who have not read RFC 4122, and of a
// body as curl sends it by itself.
func inOurWords(message string) string {
	if strings.HasPrefix(message, "expected string to be RFC 4122 uuid") {
		return "this is no id; one is expected as 8f14e45f-ceea-467f-9575-1b5d3d1f0c2a, which lists show"
	}
	if strings.HasPrefix(message, "unknown content type") {
		return "the body is to be JSON, with the header Content-Type: application/json"
	}
	return message
}

// writeProblem answers outside of huma.
func writeProblem(w http.ResponseWriter, p *Problem) {
	for name, values := range p.GetHeaders() {
		w.Header()[name] = values
	}
	w.Header().Set("Content-Type", p.ContentType(""))
	w.WriteHeader(p.Status)
	json.NewEncoder(w).Encode(p) // best effort: the peer may be gone
}
