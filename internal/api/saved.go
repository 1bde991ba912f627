package api

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/auth"
	"github.com/llama-logs/llama/internal/query"
	"github.com/llama-logs/llama/internal/store"
)

// SavedQueries keeps questions under names.
type SavedQueries interface {
	Saved(ctx context.Context) ([]store.SavedQuery, error)
	SavedQuery(ctx context.Context, id string) (*store.SavedQuery, error)
	PutSaved(ctx context.Context, v *store.SavedQuery) error
	RemoveSaved(ctx context.Context, id string) error
}

// NewSavedQuery is what a saved query is to be.
type NewSavedQuery struct {
	Name        string   `json:"name" minLength:"1" maxLength:"200" example:"Failed logins" doc:"A name for people, unique among saved queries."`
	Description string   `json:"description,omitempty" maxLength:"4096" doc:"What it is for."`
	Query       string   `json:"query" minLength:"1" maxLength:"65536" example:"_collection:sshd event.outcome:failure" doc:"The query."`
	Language    string   `json:"language,omitempty" enum:"logsql" default:"logsql" doc:"The language of the query."`
	Targets     []string `json:"targets,omitempty" nullable:"false" maxItems:"1000" uniqueItems:"true" doc:"Names of the targets to ask; all that one may ask when absent."`
	From        string   `json:"from,omitempty" maxLength:"64" example:"now-1d" doc:"The earliest _time asked for, as in a submission."`
	To          string   `json:"to,omitempty" maxLength:"64" example:"now" doc:"The time before which events are asked for."`
	Limit       int64    `json:"limit,omitempty" minimum:"0" maximum:"10000000" doc:"The most rows wanted; 0 is the server's own limit."`
}

// SavedQuery is a question under a name.
type SavedQuery struct {
	ID string `json:"id" format:"uuid" doc:"The saved query's id."`
	NewSavedQuery
	Owner   string    `json:"owner" example:"ana" doc:"Who saved it."`
	Created time.Time `json:"created" doc:"When it was saved."`
	Changed time.Time `json:"changed" doc:"When it was last changed."`
}

func (s *Server) savedRoutes() {
	handle(s, auth.ReadSchedules, get("/saved-queries", "saved-queries", "Questions under names", "schedules"), s.savedQueries)
	handle(s, auth.SaveQueries, created(post("/saved-queries", "save-query", "Save a question", "schedules")), s.saveQuery)
	handle(s, auth.ReadSchedules, get("/saved-queries/{id}", "saved-query", "A saved query", "schedules"), s.savedQuery)
	handle(s, auth.SaveQueries, put("/saved-queries/{id}", "change-saved-query", "Replace a saved query", "schedules"), s.changeSaved)
	handle(s, auth.SaveQueries, remove("/saved-queries/{id}", "remove-saved-query", "Remove a saved query", "schedules"), s.removeSaved)
}

type savedList struct {
	SavedQueries []SavedQuery `json:"saved_queries" nullable:"false" doc:"The saved queries, by name."`
	Next         string       `json:"next,omitempty" doc:"Pass as after to read on; absent at the end."`
}

type savedListResponse struct{ Body savedList }

// savedQueries answers GET /saved-queries with one's own and those whose targets
// one may see.
func (s *Server) savedQueries(ctx context.Context, in *listing) (*savedListResponse, error) {
	all, err := s.Saved.Saved(ctx)
	if err != nil {
		return nil, err
	}
	seen := []SavedQuery{}
	for i := range all {
		if seesSaved(ctx, &all[i]) {
			seen = append(seen, wireSaved(&all[i]))
		}
	}
	name := func(v SavedQuery) string { return v.Name }
	some, next := pageOf(*in, seen, name, name)
	return &savedListResponse{Body: savedList{SavedQueries: some, Next: next}}, nil
}

// seesSaved reports whether who asks may see v. One for all targets that its asker
// may ask names none, so everybody may see it.
func seesSaved(ctx context.Context, v *store.SavedQuery) bool {
	return owns(ctx, v.Owner) || mayAll(ctx, auth.ReadSchedules, v.Targets)
}

type savedRef struct {
	ID string `path:"id" format:"uuid" doc:"The saved query's id."`
}

type savedResponse struct{ Body SavedQuery }

func (s *Server) savedQuery(ctx context.Context, in *savedRef) (*savedResponse, error) {
	v, err := s.visibleSaved(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return &savedResponse{Body: wireSaved(v)}, nil
}

func (s *Server) visibleSaved(ctx context.Context, id string) (*store.SavedQuery, error) {
	v, err := s.Saved.SavedQuery(ctx, id)
	if err == nil && !seesSaved(ctx, v) {
		return nil, llama.Errorf(llama.NotFound, "there is no saved query %s", id)
	}
	return v, err
}

// changeableSaved returns one that who asks may change: their own, or any as an
// operator of its targets.
func (s *Server) changeableSaved(ctx context.Context, id string) (*store.SavedQuery, error) {
	v, err := s.visibleSaved(ctx, id)
	if err == nil && !owns(ctx, v.Owner) && !maySee(ctx, auth.ManageSchedules, v.Targets) {
		return nil, llama.Errorf(llama.Forbidden, "the saved query is %s's, and your roles do not allow to change what is others'", v.Owner)
	}
	return v, err
}

type saveRequest struct{ Body NewSavedQuery }

func (s *Server) saveQuery(ctx context.Context, in *saveRequest) (*savedResponse, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return nil, err
	}
	v := &store.SavedQuery{ID: id.String(), Owner: identityOf(ctx).User, Created: llama.At(time.Now())}
	return s.putSaved(ctx, v, in.Body)
}

func (s *Server) putSaved(ctx context.Context, v *store.SavedQuery, in NewSavedQuery) (*savedResponse, error) {
	if err := titleFits(in.Name); err != nil {
		return nil, err
	}
	if err := may(ctx, auth.SubmitQueries, in.Targets); err != nil {
		return nil, err
	}
	if err := s.targetsKnown(ctx, in.Targets); err != nil {
		return nil, err
	}
	now := time.Now()
	if _, err := query.Parse(in.Query, now); err != nil {
		return nil, err
	}
	if _, _, err := timeRange(in.From, in.To, now); err != nil {
		return nil, err
	}
	v.Name, v.Targets, v.Changed = in.Name, in.Targets, llama.At(now)
	v.Asks = store.Asks{Description: in.Description, Query: in.Query, Language: in.Language, From: in.From, To: in.To, Limit: in.Limit}
	if err := s.Saved.PutSaved(ctx, v); err != nil {
		return nil, err
	}
	return &savedResponse{Body: wireSaved(v)}, nil
}

type changeSavedRequest struct {
	ID   string `path:"id" format:"uuid" doc:"The saved query's id."`
	Body NewSavedQuery
}

func (s *Server) changeSaved(ctx context.Context, in *changeSavedRequest) (*savedResponse, error) {
	v, err := s.changeableSaved(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return s.putSaved(ctx, v, in.Body)
}

func (s *Server) removeSaved(ctx context.Context, in *savedRef) (*struct{}, error) {
	if _, err := s.changeableSaved(ctx, in.ID); err != nil {
		return nil, err
	}
	return nil, s.Saved.RemoveSaved(ctx, in.ID)
}

func wireSaved(v *store.SavedQuery) SavedQuery {
	return SavedQuery{ID: v.ID, Owner: v.Owner, Created: v.Created.Std(), Changed: v.Changed.Std(), NewSavedQuery: NewSavedQuery{
		Name: v.Name, Description: v.Asks.Description, Query: v.Asks.Query, Language: v.Asks.Language, Targets: v.Targets,
		From: v.Asks.From, To: v.Asks.To, Limit: v.Asks.Limit,
	}}
}
