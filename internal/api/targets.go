package api

import (
	"context"
	"slices"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/auth"
)

// targetList is the answer to GET /targets.
type targetList struct {
	Targets []Target `json:"targets" nullable:"false" doc:"The targets one may see, by name."`
	Next    string   `json:"next,omitempty" doc:"Pass as after to read on; absent at the end."`
}

type targetsResponse struct{ Body targetList }

// targets answers GET /targets. Those that were made and have no node yet are among
// them; they are not asked.
func (s *Server) targets(ctx context.Context, in *listing) (*targetsResponse, error) {
	all, err := s.Nodes.Targets(ctx)
	if err != nil {
		return nil, err
	}
	if all, err = s.withEmpty(ctx, all); err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(all, func(t Target) bool { return !identityOf(ctx).May(auth.ReadTargets, t.Name) })
	for i := range all {
		all[i].Nodes = filled(all[i].Nodes)
	}
	name := func(t Target) string { return t.Name }
	some, next := pageOf(*in, all, name, name)
	return &targetsResponse{Body: targetList{Targets: some, Next: next}}, nil
}

// withEmpty adds the targets for which there are codes and no nodes.
func (s *Server) withEmpty(ctx context.Context, all []Target) ([]Target, error) {
	if s.Enrolment == nil {
		return all, nil
	}
	codes, err := s.Enrolment.Codes(ctx)
	if err != nil {
		return nil, err
	}
	for _, c := range codes {
		if !slices.ContainsFunc(all, func(t Target) bool { return t.Name == c.Target }) {
			all = append(all, Target{Name: c.Target, State: "offline"})
		}
	}
	return all, nil
}

type collectionsRequest struct {
	Limit  int    `query:"limit" minimum:"1" maximum:"10000" default:"1000" doc:"The most wanted."`
	After  string `query:"after" maxLength:"300" doc:"next of the page before."`
	Match  string `query:"match" maxLength:"64" doc:"Only those whose name holds this text."`
	Target string `query:"target" maxLength:"128" example:"local" doc:"Only those of this target."`
}

// collectionList is the answer to GET /collections.
type collectionList struct {
	Collections []Collection `json:"collections" nullable:"false" doc:"The collections, by target and name."`
	Incomplete  []string     `json:"incomplete,omitempty" doc:"Targets of which nodes are offline: what those hold is not listed."`
	Next        string       `json:"next,omitempty" doc:"Pass as after to read on; absent at the end."`
}

type collectionsResponse struct{ Body collectionList }

// collections answers GET /collections.
func (s *Server) collections(ctx context.Context, in *collectionsRequest) (*collectionsResponse, error) {
	if in.Target != "" {
		if err := may(ctx, auth.ReadTargets, []string{in.Target}); err != nil {
			return nil, err
		}
	}
	all, err := s.Nodes.Collections(ctx, in.Target)
	if err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(all, func(c Collection) bool { return !identityOf(ctx).May(auth.ReadTargets, c.Target) })
	some, next := pageOf(listing{Limit: in.Limit, After: in.After, Match: in.Match}, all,
		func(c Collection) string { return c.Target + " " + c.Name }, func(c Collection) string { return c.Name })
	incomplete, err := s.incomplete(ctx, in.Target)
	if err != nil {
		return nil, err
	}
	return &collectionsResponse{Body: collectionList{Collections: some, Incomplete: incomplete, Next: next}}, nil
}

// incomplete returns the targets, of those one may see, that cannot be asked whole; of
// one only, if it is named.
func (s *Server) incomplete(ctx context.Context, named string) (names []string, err error) {
	targets, err := s.Nodes.Targets(ctx)
	if err != nil {
		return nil, err
	}
	for _, t := range targets {
		if t.State != "online" && len(t.Nodes) > 0 && (named == "" || named == t.Name) && identityOf(ctx).May(auth.ReadTargets, t.Name) {
			names = append(names, t.Name)
		}
	}
	return names, nil
}

type statisticsResponse struct{ Body Statistics }

// statistics answers GET /statistics: sums over all targets, so they are for
// those who may see all.
func (s *Server) statistics(ctx context.Context, _ *struct{}) (*statisticsResponse, error) {
	if !identityOf(ctx).May(auth.ReadTargets, "") {
		return nil, refusal(identityOf(ctx), auth.ReadTargets, everywhere)
	}
	sums, err := s.Nodes.Statistics(ctx)
	if err != nil {
		return nil, err
	}
	return &statisticsResponse{Body: sums}, nil
}

// askable returns the targets a question goes to: those named, if one may ask
// them all, or else all that one may ask.
func (s *Server) askable(ctx context.Context, p auth.Permission, named []string) ([]string, error) {
	if len(named) > 0 {
		return named, may(ctx, p, named)
	}
	all, err := s.Nodes.Targets(ctx)
	if err != nil {
		return nil, err
	}
	for _, t := range all {
		if identityOf(ctx).May(p, t.Name) {
			named = append(named, t.Name)
		}
	}
	if len(named) == 0 {
		return nil, llama.Errorf(llama.Conflict, "there is no target to ask: no node has joined yet")
	}
	return named, nil
}

// filled is s, never nil: JSON lists are lists even when they are empty.
func filled[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}
