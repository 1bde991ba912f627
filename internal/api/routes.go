package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/llama-logs/llama/internal/auth"
)

// prefix is where the API lies.
const prefix = "/api/v1"

// maxBody is the most a request may send.
const maxBody = 256 << 10

// routes registers every path with the permission it needs.
func (s *Server) routes() {
	handle(s, auth.Anyone, post("/session", "sign-in", "Sign in", "session"), s.signIn)
	handle(s, auth.SignedIn, get("/session", sessionID, "Who is signed in", "session"), s.session)
	handle(s, auth.SignedIn, remove("/session", "sign-out", "Sign out", "session"), s.signOut)
	handle(s, auth.SignedIn, post("/session/password", "change-password", "Change one's password", "session"), s.changePassword)

	handle(s, auth.ReadTargets, get("/targets", "targets", "Targets, their nodes and who is online", "targets"), s.targets)
	handle(s, auth.ReadTargets, get("/collections", "collections", "Collections and what they hold", "targets"), s.collections)
	handle(s, auth.ReadTargets, get("/statistics", "statistics", "What central knows, summed up", "targets"), s.statistics)

	handle(s, auth.SubmitQueries, created(post("/queries", "submit-query", "Ask a query", "queries")), s.submitQuery)
	handle(s, auth.SubmitQueries, s.askDocs(post("/ask", "ask", "Ask a query and wait for its rows", "queries")), s.ask)
	handle(s, auth.ReadQueries, get("/queries", "queries", "Queries that were asked, newest first", "queries"), s.listQueries)
	handle(s, auth.ReadQueries, get("/query/{uuid}", "query", "A query and its tasks", "queries"), s.query)
	handle(s, auth.SubmitQueries, remove("/query/{uuid}", "cancel-query", "Cancel a query", "queries"), s.cancelQuery)
	handle(s, auth.ReadQueries, audited(s.rowsDocs(get("/query/{uuid}/rows", "rows", "Rows of a query, to page through or to export", "queries"))), s.rows)
	handle(s, auth.ReadQueries, audited(s.queryEventDocs(get("/query/{uuid}/events", "query-events", "What happens to a query, as it happens", "queries"))), s.queryEvents)
	handle(s, auth.TailEvents, audited(s.tailEventDocs(get("/tail", "tail", "Events as they arrive", "queries"))), s.tail)
	handle(s, auth.ReadQueries, post("/format-query", "format-query", "A query in its normal form", "queries"), s.formatQuery)

	s.userRoutes()
	s.groupRoutes()
	s.tokenRoutes()
	s.enrolmentRoutes()
	s.scheduleRoutes()
	s.savedRoutes()
	s.auditRoutes()
	s.usageRoutes()
	s.commandRoutes()

	handle(s, auth.Anyone, hidden(get("/openapi.json", "openapi", "This document", "meta")), s.document)
}

// permissionKey is where a route's permission stands in its huma.Operation.
const permissionKey = "permission"

// sessionID is the operation by which a page asks who is signed in.
const sessionID = "session"

// handle registers a handler: who may call it is settled before its input is
// read, and its errors become problems.
func handle[I, O any](s *Server, p auth.Permission, o huma.Operation, h func(context.Context, *I) (*O, error)) {
	if p == "" {
		panic("api: no permission for " + o.Method + " " + o.Path)
	}
	o.MaxBodyBytes = maxBody
	// The server has one. huma's own, of 5s, is a deadline of the connection that
	// stays behind when the body is read: it would cancel what is answered later, and
	// all that comes over the connection after that.
	o.BodyReadTimeout = -1
	if o.Metadata == nil {
		o.Metadata = map[string]any{}
	}
	o.Metadata[permissionKey] = p
	o.Extensions = map[string]any{"x-permission": p}
	o.Middlewares = huma.Middlewares{s.admit}
	if p != auth.Anyone {
		o.Security = []map[string][]string{{"cookie": {}}, {"bearer": {}}, {"basic": {}}}
	}
	if o.Responses == nil {
		o.Responses = map[string]*huma.Response{}
	}
	o.Responses["default"] = &huma.Response{
		Description: "A problem",
		Content:     map[string]*huma.MediaType{"application/problem+json": {Schema: s.problemSchema}},
	}
	huma.Register(s.api, o, func(ctx context.Context, in *I) (*O, error) {
		noteBody(ctx, in)
		out, err := h(ctx, in)
		if r := recordOf(ctx); r != nil {
			if unrecorded := r.finish(ctx, err); unrecorded != nil && err == nil {
				err = unrecorded
			}
		}
		if err != nil {
			return nil, s.problem(ctx, err)
		}
		return out, nil
	})
}

func operation(method, path, id, summary, tag string) huma.Operation {
	return huma.Operation{Method: method, Path: path, OperationID: id, Summary: summary, Tags: []string{tag}}
}

func get(path, id, summary, tag string) huma.Operation {
	return operation(http.MethodGet, path, id, summary, tag)
}

func post(path, id, summary, tag string) huma.Operation {
	return operation(http.MethodPost, path, id, summary, tag)
}

func put(path, id, summary, tag string) huma.Operation {
	return operation(http.MethodPut, path, id, summary, tag)
}

func patch(path, id, summary, tag string) huma.Operation {
	return operation(http.MethodPatch, path, id, summary, tag)
}

func remove(path, id, summary, tag string) huma.Operation {
	return operation(http.MethodDelete, path, id, summary, tag)
}

func created(o huma.Operation) huma.Operation {
	o.DefaultStatus = http.StatusCreated
	return o
}

func hidden(o huma.Operation) huma.Operation {
	o.Hidden = true
	return o
}
