package api

import (
	"context"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/auth"
	"github.com/llama-logs/llama/internal/config"
)

// Commands tells nodes to do something that is no query.
type Commands interface {
	// Command tells all nodes of a target; each records it in its ledger. The
	// arguments are encoded as JSON.
	Command(ctx context.Context, user, target, action string, arguments any) error
}

// NewCollection makes a collection.
type NewCollection struct {
	Target string `json:"target" minLength:"1" maxLength:"200" example:"local" doc:"The target that is to hold it."`
	Name   string `json:"name" pattern:"^[a-z0-9_-][a-z0-9_.-]{0,63}$" example:"switch" doc:"1 to 64 of a-z 0-9 _ . -, not a dot first."`
	Keeping
}

// Keeping says how long a collection is kept.
type Keeping struct {
	Age  string `json:"age,omitempty" maxLength:"32" example:"90d" doc:"Days that ended so long ago are removed; as the node is configured when absent."`
	Size string `json:"size,omitempty" maxLength:"32" example:"10GiB" doc:"Beyond this size on disk the oldest days are removed; as the node is configured when absent."`
}

// declaration is what travels to the node.
type declaration struct {
	Name string      `json:"name"`
	New  bool        `json:"new"`
	Age  string      `json:"age"`
	Size config.Size `json:"size"`
}

func (s *Server) commandRoutes() {
	handle(s, auth.ManageCollections, created(post("/collections", "add-collection", "Make a collection on a target", "targets")), s.addCollection)
	handle(s, auth.ManageCollections, put("/collections/{target}/{name}", "keep-collection", "Say how long a collection is kept", "targets"), s.keepCollection)
	handle(s, auth.CommandNodes, put("/targets/{name}/log-level", "set-log-level", "Have the nodes of a target log more or less, until they are restarted", "targets"), s.setLogLevel)
	handle(s, auth.CommandNodes, post("/targets/{name}/rotate", "rotate-keys", "Have the nodes of a target change their keys", "targets"), s.rotateKeys)
}

type newCollectionRequest struct{ Body NewCollection }

// addCollection answers POST /collections. Collections are made by the first event
// as well; this one can say beforehand how long it is kept.
func (s *Server) addCollection(ctx context.Context, in *newCollectionRequest) (*struct{}, error) {
	return nil, s.declare(ctx, in.Body.Target, declaration{Name: in.Body.Name, New: true, Age: in.Body.Age}, in.Body.Size)
}

type keepRequest struct {
	Target string `path:"target" maxLength:"200" doc:"The target that holds it."`
	Name   string `path:"name" maxLength:"64" doc:"The collection's name."`
	Body   Keeping
}

func (s *Server) keepCollection(ctx context.Context, in *keepRequest) (*struct{}, error) {
	return nil, s.declare(ctx, in.Target, declaration{Name: in.Name, Age: in.Body.Age}, in.Body.Size)
}

func (s *Server) declare(ctx context.Context, target string, d declaration, size string) error {
	if err := may(ctx, auth.ManageCollections, []string{target}); err != nil {
		return err
	}
	if size != "" {
		if err := d.Size.UnmarshalText([]byte(size)); err != nil {
			return llama.Errorf(llama.Invalid, "size: %w", err)
		}
	}
	if d.Age != "" {
		if _, err := config.ParseDuration(d.Age); err != nil {
			return llama.Errorf(llama.Invalid, "age: %w", err)
		}
	}
	return s.Commands.Command(ctx, identityOf(ctx).User, target, "collection", d)
}

type rotateRequest struct {
	Name string `path:"name" maxLength:"200" doc:"The target's name."`
}

func (s *Server) rotateKeys(ctx context.Context, in *rotateRequest) (*struct{}, error) {
	if err := may(ctx, auth.CommandNodes, []string{in.Name}); err != nil {
		return nil, err
	}
	return nil, s.Commands.Command(ctx, identityOf(ctx).User, in.Name, "rotate", struct{}{})
}

// LogLevel is how much a program says of itself.
type LogLevel struct {
	Level string `json:"level" enum:"debug,info,warn,error" doc:"The least that is said."`
}

type logLevelRequest struct {
	Name string `path:"name" maxLength:"200" doc:"The target's name."`
	Body LogLevel
}

func (s *Server) setLogLevel(ctx context.Context, in *logLevelRequest) (*struct{}, error) {
	if err := may(ctx, auth.CommandNodes, []string{in.Name}); err != nil {
		return nil, err
	}
	return nil, s.Commands.Command(ctx, identityOf(ctx).User, in.Name, "log-level", in.Body)
}
