package api

import (
	"context"
	"encoding/json"
	"time"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/auth"
	"github.com/llama-logs/llama/internal/config"
)

// Commands tells nodes to do something that is no query.
type Commands interface {
	// Command tells all nodes of a target; each records it in its ledger. The
	// arguments are encoded as JSON.
	Command(ctx context.Context, user, target, action string, arguments any) ([]CommandAnswer, error)
}

// CommandAnswer is what a node answered.
type CommandAnswer struct {
	Node string
	Text json.RawMessage // nil for nothing
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
	handle(s, auth.CommandNodes, put("/targets/{name}/log-level", "set-log-level", "Have the nodes of a target log more or less, until they are restarted or read their configuration again", "targets"), s.setLogLevel)
	handle(s, auth.CommandNodes, post("/targets/{name}/rotate", "rotate-keys", "Have the nodes of a target change their keys", "targets"), s.rotateKeys)
	handle(s, auth.CommandNodes, post("/targets/{name}/reload", "reload-nodes", "Have the nodes of a target read their configuration again", "targets"), s.reloadNodes)
	handle(s, auth.CommandNodes, audited(get("/targets/{name}/status", "node-status", "Ask the nodes of a target how they are, now", "targets")), s.nodeStatus)
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
	_, err := s.Commands.Command(ctx, identityOf(ctx).User, target, "collection", d)
	return err
}

// command tells the nodes of a target, if one may.
func (s *Server) command(ctx context.Context, target, action string, arguments any) ([]CommandAnswer, error) {
	if err := may(ctx, auth.CommandNodes, []string{target}); err != nil {
		return nil, err
	}
	return s.Commands.Command(ctx, identityOf(ctx).User, target, action, arguments)
}

type targetRef struct {
	Name string `path:"name" maxLength:"200" doc:"The target's name."`
}

func (s *Server) rotateKeys(ctx context.Context, in *targetRef) (*struct{}, error) {
	_, err := s.command(ctx, in.Name, "rotate", struct{}{})
	return nil, err
}

// ReloadedNode is what came of reading a node's configuration again.
type ReloadedNode struct {
	Node    string   `json:"node" doc:"The node's id."`
	Changed []string `json:"changed" nullable:"false" example:"[\"node.archive.retention.age\"]" doc:"Keys whose new values are in force."`
	Restart []string `json:"restart" nullable:"false" example:"[\"node.syslog\"]" doc:"Keys whose new values are in force after a restart."`
}

type reloadedResponse struct {
	Body struct {
		Nodes []ReloadedNode `json:"nodes" nullable:"false" doc:"The nodes of the target."`
	}
}

// reloadNodes answers POST /targets/{name}/reload. A configuration that is wrong changes
// nothing, and the problem says where.
func (s *Server) reloadNodes(ctx context.Context, in *targetRef) (*reloadedResponse, error) {
	answers, err := s.command(ctx, in.Name, "reload", struct{}{})
	if err != nil {
		return nil, err
	}
	out := &reloadedResponse{}
	out.Body.Nodes, err = answersOf(answers, func(id string, n *ReloadedNode) {
		n.Node, n.Changed, n.Restart = id, filled(n.Changed), filled(n.Restart)
	})
	return out, err
}

// NodeStatus is how a node is at this moment.
type NodeStatus struct {
	Node            string           `json:"node" doc:"The node's id."`
	Version         string           `json:"version" doc:"The version it runs."`
	Started         time.Time        `json:"started" doc:"When its process began."`
	LastEvent       time.Time        `json:"last_event,omitzero" doc:"When events last came in; absent when none has since it started."`
	EventsPerSecond float64          `json:"events_per_second" doc:"Events that come in."`
	Events          int64            `json:"events" doc:"Events that it holds."`
	Collections     int64            `json:"collections" doc:"How many collections they are in."`
	Segments        int64            `json:"segments" doc:"Files that hold them for good."`
	Damaged         int64            `json:"damaged" doc:"Of those, how many cannot be read."`
	SegmentBytes    int64            `json:"segment_bytes" doc:"What the segments take on disk."`
	LogBytes        int64            `json:"log_bytes" doc:"What the write-ahead log takes on disk."`
	HeadBytes       int64            `json:"head_bytes" doc:"Memory of events that are not in segments yet."`
	FreeBytes       int64            `json:"free_bytes" doc:"Free disk under the archive."`
	TotalBytes      int64            `json:"total_bytes" doc:"Size of that disk."`
	Failing         bool             `json:"failing" doc:"Whether the archive takes nothing."`
	LogLevel        string           `json:"log_level" doc:"The least it says in its log."`
	Receivers       []ReceiverStatus `json:"receivers" nullable:"false" doc:"What takes logs."`
}

// ReceiverStatus is a receiver that takes logs.
type ReceiverStatus struct {
	Name    string `json:"name" doc:"What routes call it."`
	Kind    string `json:"kind" example:"syslog_tcp" doc:"What it speaks."`
	Address string `json:"address,omitempty" doc:"Where it listens; absent when it does not."`
	TLS     bool   `json:"tls" doc:"Whether it wants TLS."`
}

type nodeStatusResponse struct {
	Body struct {
		Nodes []NodeStatus `json:"nodes" nullable:"false" doc:"The nodes of the target."`
	}
}

// nodeStatus answers GET /targets/{name}/status. It is a command to the nodes, so it is
// in their ledgers and in the audit log.
func (s *Server) nodeStatus(ctx context.Context, in *targetRef) (*nodeStatusResponse, error) {
	answers, err := s.command(ctx, in.Name, "status", struct{}{})
	if err != nil {
		return nil, err
	}
	out := &nodeStatusResponse{}
	out.Body.Nodes, err = answersOf(answers, func(id string, n *NodeStatus) { n.Node, n.Receivers = id, filled(n.Receivers) })
	return out, err
}

// answersOf decodes what nodes answered; complete adds what they do not say.
func answersOf[T any](answers []CommandAnswer, complete func(node string, answer *T)) ([]T, error) {
	all := make([]T, len(answers))
	for i, a := range answers {
		if err := json.Unmarshal(a.Text, &all[i]); err != nil {
			return nil, llama.Errorf(llama.Unavailable, "node %s gave an answer that central does not understand; its program may be of another version", a.Node)
		}
		complete(a.Node, &all[i])
	}
	return all, nil
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
	_, err := s.command(ctx, in.Name, "log-level", in.Body)
	return nil, err
}
