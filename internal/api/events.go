package api

import (
	"context"
	"strconv"

	"github.com/danielgtaylor/huma/v2"
	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/auth"
)

type eventsRequest struct {
	ID          string `path:"uuid" format:"uuid" doc:"The query's id."`
	LastEventID string `header:"Last-Event-ID" maxLength:"20" doc:"The id of the last event seen; the rows up to it are not sent again."`
}

// queryEvents answers GET /query/{uuid}/events.
func (s *Server) queryEvents(ctx context.Context, in *eventsRequest) (*huma.StreamResponse, error) {
	q, err := s.readable(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	noteTargets(ctx, q.Targets)
	state := q.State
	watch := func(ctx context.Context, st *stream) error {
		return s.Results.Watch(ctx, in.ID, offset(in.LastEventID), func(c Change) error {
			if c.Query != nil {
				state = c.Query.State
			}
			return sendChange(st, c)
		})
	}
	return s.events(ctx, need{auth.ReadQueries, q.Targets}, watch, func() End { return End{State: state} }), nil
}

func sendChange(st *stream, c Change) error {
	switch {
	case c.Query != nil:
		return st.send("state", "", answer(*c.Query).Body)
	case c.Progress != nil:
		return st.send("progress", "", c.Progress)
	case c.Rows != nil:
		st.rows += int64(len(c.Rows))
		text := append(strconv.AppendInt([]byte(`{"offset":`), c.Offset, 10), ',')
		id := "" // a peer that comes back must not keep rows that may have changed
		if c.Final {
			id = strconv.FormatInt(c.Offset+int64(len(c.Rows)), 10)
		}
		return st.sendText("rows", id, appendRows(text, c.Rows))
	}
	return nil
}

type tailRequest struct {
	Query   string   `query:"query" maxLength:"16384" example:"_collection:sshd error" doc:"What to follow: filters only, no pipes. Without it, everything."`
	Targets []string `query:"targets" nullable:"false" maxItems:"1000" doc:"Names of the targets to follow, separated by commas; all that one may follow when absent."`
	After   []string `query:"after" nullable:"false" maxItems:"1000" doc:"Ids of events (_id), separated by commas, one of a node: the node begins after it, and not with what comes from now on. A node that has the event no more answers with the event stopped."`
}

// tail answers GET /tail.
func (s *Server) tail(ctx context.Context, in *tailRequest) (*huma.StreamResponse, error) {
	targets, err := s.askable(ctx, auth.TailEvents, in.Targets)
	if err != nil {
		return nil, err
	}
	note(ctx, "request.query", in.Query)
	noteTargets(ctx, targets)
	f := Following{Query: in.Query, User: identityOf(ctx).User, Targets: targets, After: in.After}
	if f.Query == "" {
		f.Query = "*"
	}
	follow := func(ctx context.Context, st *stream) error {
		return s.Tail.Tail(ctx, f, func(a Arrival) error { return sendArrival(st, a) })
	}
	return s.events(ctx, need{auth.TailEvents, targets}, follow, func() End { return End{} }), nil
}

func sendArrival(st *stream, a Arrival) error {
	if a.Lost > 0 {
		if err := st.send("lost", "", Lost{Count: a.Lost}); err != nil {
			return err
		}
	}
	if a.Stopped != nil {
		return st.send("stopped", "", a.Stopped)
	}
	if len(a.Rows) == 0 {
		return st.begin()
	}
	st.rows += int64(len(a.Rows))
	return st.sendText("rows", "", appendRows([]byte("{"), a.Rows))
}

// appendRows appends "rows":[...]} to an object that has been begun.
func appendRows(dst []byte, rows [][]llama.Field) []byte {
	dst = append(dst, `"rows":[`...)
	for i, row := range rows {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = llama.AppendFlat(dst, row)
	}
	return append(dst, "]}"...)
}
