package api

import (
	"context"

	"github.com/llama-logs/llama/internal/auth"
	"github.com/llama-logs/llama/internal/store"
)

// Group is targets under one name.
type Group struct {
	Name    string   `json:"name" example:"branches" doc:"The group's name."`
	Targets []string `json:"targets" nullable:"false" doc:"Its targets, by name."`
}

// GroupTargets is what a group is to hold.
type GroupTargets struct {
	Targets []string `json:"targets" nullable:"false" maxItems:"10000" uniqueItems:"true" doc:"Names of the targets."`
}

// groupRoutes registers the routes of groups of targets.
func (s *Server) groupRoutes() {
	handle(s, auth.ReadTargets, get("/target-groups", "groups", "Groups of targets", "targets"), s.groups)
	handle(s, auth.ManageTargets, put("/target-groups/{name}", "put-group", "Make a group, or change its targets", "targets"), s.putGroup)
	handle(s, auth.ManageTargets, remove("/target-groups/{name}", "remove-group", "Remove a group, and what was granted on it", "targets"), s.removeGroup)
}

type groupList struct {
	Groups []Group `json:"groups" nullable:"false" doc:"The groups, by name. Those of their targets are left out that one may not see."`
	Next   string  `json:"next,omitempty" doc:"Pass as after to read on; absent at the end."`
}

type groupsResponse struct{ Body groupList }

// groups answers GET /target-groups. A group of which one may see no target is
// left out, except to those who may see all.
func (s *Server) groups(ctx context.Context, in *listing) (*groupsResponse, error) {
	all, err := s.Directory.Groups(ctx)
	if err != nil {
		return nil, err
	}
	who := identityOf(ctx)
	var seen []Group
	for _, g := range all {
		visible := Group{Name: g.Name, Targets: []string{}}
		for _, t := range g.Targets {
			if who.May(auth.ReadTargets, t) {
				visible.Targets = append(visible.Targets, t)
			}
		}
		if len(visible.Targets) > 0 || who.May(auth.ReadTargets, "") {
			seen = append(seen, visible)
		}
	}
	name := func(g Group) string { return g.Name }
	some, next := pageOf(*in, seen, name, name)
	return &groupsResponse{Body: groupList{Groups: some, Next: next}}, nil
}

type putGroupRequest struct {
	Name string `path:"name" maxLength:"64" doc:"The group's name."`
	Body GroupTargets
}

type groupResponse struct{ Body Group }

func (s *Server) putGroup(ctx context.Context, in *putGroupRequest) (*groupResponse, error) {
	if err := auth.CheckName("group", in.Name); err != nil {
		return nil, err
	}
	if err := s.Directory.PutGroup(ctx, store.Group{Name: in.Name, Targets: in.Body.Targets}); err != nil {
		return nil, err
	}
	return &groupResponse{Body: Group{Name: in.Name, Targets: filled(in.Body.Targets)}}, nil
}

type groupRef struct {
	Name string `path:"name" maxLength:"64" doc:"The group's name."`
}

func (s *Server) removeGroup(ctx context.Context, in *groupRef) (*struct{}, error) {
	return nil, s.Directory.RemoveGroup(ctx, in.Name)
}
