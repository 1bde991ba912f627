package api

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/llama-logs/llama"
)

// What an answer says of its query beside the rows: its id in a header, how it ended
// in a trailer, which comes behind the rows.
const (
	queryHeader  = "Llama-Query"
	stateTrailer = "Llama-State"
)

type askRequest struct {
	Format      string `query:"format" enum:"ndjson,csv" default:"ndjson" doc:"The form of the rows."`
	Spreadsheet bool   `query:"spreadsheet" default:"false" doc:"As for the rows of a query."`
	Partial     bool   `query:"partial" default:"false" doc:"Answer with the rows there are when not all targets have answered wholly. Without it, such an answer is a problem."`
	Wait        string `query:"wait" maxLength:"32" default:"5m" doc:"How long to wait for all targets, from 1s to 24h; then the query is cancelled."`
	Body        Submission
}

func (s *Server) askDocs(o huma.Operation) huma.Operation {
	o.Description = "Asks, waits and answers with the rows, in one call. The header " + queryHeader + " has the query's id, the trailer " + stateTrailer + " its state. Who goes before the end cancels the query."
	o.Responses = map[string]*huma.Response{"200": {Description: "The rows", Content: map[string]*huma.MediaType{
		"application/x-ndjson": {Schema: schemaOf[Row](s)},
		"text/csv":             {Schema: &huma.Schema{Type: huma.TypeString}},
	}}}
	return o
}

// ask answers POST /ask.
func (s *Server) ask(ctx context.Context, in *askRequest) (*huma.StreamResponse, error) {
	wait, ok := readSpan("+" + in.Wait)
	if !ok || wait < time.Second || wait > 24*time.Hour {
		return nil, llama.Errorf(llama.Invalid, "wait is %q; a time from 1s to 24h is expected", in.Wait)
	}
	asked, err := s.submitQuery(ctx, &submitRequest{Body: in.Body})
	if err != nil {
		return nil, err
	}
	id := asked.Body.ID
	contentType, extension := "application/x-ndjson", "ndjson"
	if in.Format == "csv" {
		contentType, extension = "text/csv; charset=utf-8; header=present", "csv"
	}
	rows := rowsRequest{ID: id, Spreadsheet: in.Spreadsheet}
	out := s.stream(ctx, contentType, "llama-"+id+"."+extension, func(ctx context.Context, w *export) (int64, error) {
		q, err := s.await(ctx, id, wait)
		if err == nil && q.State != Done && !in.Partial {
			err = incomplete(q)
		}
		if err != nil {
			return 0, err
		}
		if in.Format == "csv" {
			return s.writeCSV(ctx, w, q, &rows)
		}
		return s.writeNDJSON(ctx, w, &rows)
	})
	write := out.Body
	out.Body = func(hc huma.Context) {
		_, w := humago.Unwrap(hc)
		w.Header().Set(queryHeader, id)
		http.NewResponseController(w).SetWriteDeadline(time.Time{}) // until the rows come, which have their own
		write(hc)
		if q, err := s.Queries.Query(context.WithoutCancel(hc.Context()), id); err == nil {
			w.Header().Set(http.TrailerPrefix+stateTrailer, q.State)
		}
	}
	return out, nil
}

// await returns a query once it has ended. When who asks goes, or the time is over,
// it is cancelled.
func (s *Server) await(ctx context.Context, id string, wait time.Duration) (Query, error) {
	limited, cancel := untilEnding(ctx)
	defer cancel(nil)
	limited, stop := context.WithTimeout(limited, wait)
	defer stop()
	err := s.Results.Watch(limited, id, NoRows, func(Change) error { return nil })
	kept := context.WithoutCancel(ctx)
	if err == nil {
		return s.Queries.Query(kept, id)
	}
	if limited.Err() == nil {
		return Query{}, err
	}
	if err := s.Queries.Cancel(kept, id); err != nil {
		return Query{}, err
	}
	if ctx.Err() == nil && limited.Err() != nil {
		return Query{}, llama.Errorf(llama.Unavailable, "query %s had not ended after %v, and was cancelled; ask for longer with wait, or with POST /queries", id, wait)
	}
	return Query{}, ctx.Err()
}

// incomplete says what an answer does not stand on.
func incomplete(q Query) error {
	return llama.Errorf(llama.Unavailable, "%s; with partial=true it is answered as it is", shortfall(q))
}

// shortfall says which targets have not answered, and why.
func shortfall(q Query) string {
	var b strings.Builder
	fmt.Fprintf(&b, "the answer of query %s is not complete; its state is %s", q.ID, q.State)
	if q.Error != "" {
		b.WriteString(": " + q.Error)
	}
	for _, t := range q.Tasks {
		if t.State == Done {
			continue
		}
		fmt.Fprintf(&b, "; target %s: %s", t.Target, t.State)
		if t.Error != "" {
			b.WriteString(", " + t.Error)
		}
		if b.Len() > 4<<10 {
			b.WriteString("; …")
			break
		}
	}
	return b.String()
}
