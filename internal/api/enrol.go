package api

import (
	"context"
	"slices"
	"time"

	"github.com/llama-logs/llama/internal/auth"
)

// Enrolment lets nodes in and shuts them out.
type Enrolment interface {
	// AddCode makes a code; the text is in its answer and nowhere else.
	AddCode(ctx context.Context, c NewCode, by string) (MadeCode, error)
	Codes(ctx context.Context) ([]EnrolmentCode, error)
	RemoveCode(ctx context.Context, id string) error
	// Join answers a node that asks to join; address is where it asks from.
	Join(ctx context.Context, r JoinRequest, address string) (JoinAnswer, error)
	// Revoke shuts a node out for good.
	Revoke(ctx context.Context, node string) error
	// BrokerConfig returns what a NATS server elsewhere has to be told.
	BrokerConfig(ctx context.Context) (string, error)
}

// NewCode says what an enrolment code is to be good for.
type NewCode struct {
	Target  string `json:"target" minLength:"1" maxLength:"64" example:"plant-7" doc:"Name of the target that nodes join by it. It is made if there is none."`
	Uses    int64  `json:"uses,omitempty" minimum:"1" maximum:"10000" default:"1" doc:"How many nodes may join by it."`
	Seconds int64  `json:"seconds,omitempty" minimum:"1" maximum:"31536000" default:"86400" doc:"How long it is good, from now on."`
}

// EnrolmentCode is a code by which nodes may join, without its secret.
type EnrolmentCode struct {
	ID      string    `json:"id" example:"5b0c9d1e2f3a4b5c" doc:"Names the code and gives nothing away."`
	Target  string    `json:"target" example:"plant-7" doc:"The target that nodes join."`
	Uses    int64     `json:"uses" doc:"How many nodes may join."`
	Used    int64     `json:"used" doc:"How many have."`
	Expires time.Time `json:"expires" doc:"Until when it is good."`
	Created time.Time `json:"created" doc:"When it was made."`
	By      string    `json:"by" example:"admin" doc:"Who made it."`
}

// MadeCode is a code with its secret.
type MadeCode struct {
	ID      string    `json:"id" doc:"Names the code and gives nothing away."`
	Code    string    `json:"code" doc:"What 'llama node join' is given. It is shown this once."`
	Target  string    `json:"target" doc:"The target that nodes join."`
	Uses    int64     `json:"uses" doc:"How many nodes may join."`
	Expires time.Time `json:"expires" doc:"Until when it is good."`
}

// JoinRequest is how a node asks to join.
type JoinRequest struct {
	Keys     []byte `json:"keys" doc:"The node's public keys."`
	Envelope []byte `json:"envelope" doc:"The request, sealed to central."`
}

// JoinAnswer is what it is answered.
type JoinAnswer struct {
	Envelope []byte `json:"envelope" doc:"The answer, sealed to the node."`

	Node, Target string `json:"-"` // for the audit log
}

// TargetNode is a node and the target it belongs to.
type TargetNode struct {
	Target   string      `json:"target" example:"plant-7" doc:"The target it belongs to."`
	ID       string      `json:"id" example:"3kfj2m4xq5nh7abc" doc:"The node's id, unique over all targets."`
	State    string      `json:"state" enum:"online,offline" doc:"Whether it is connected."`
	LastSeen time.Time   `json:"last_seen,omitzero" doc:"When it was last heard of; absent when never."`
	Version  string      `json:"version,omitempty" example:"0.1.0" doc:"The version it runs."`
	Health   *NodeHealth `json:"health,omitempty" doc:"How it said it was; absent while it is offline."`
}

// BrokerConfig is what a broker elsewhere has to be told.
type BrokerConfig struct {
	Config string `json:"config" doc:"In the form of a nats-server's configuration."`
}

// enrolmentRoutes registers the routes by which nodes come and go.
func (s *Server) enrolmentRoutes() {
	handle(s, auth.ManageTargets, get("/enrolments", "codes", "Codes by which nodes may join", "targets"), s.codes)
	handle(s, auth.ManageTargets, created(post("/enrolments", "add-code", "Make a code by which nodes may join a target", "targets")), s.addCode)
	handle(s, auth.ManageTargets, remove("/enrolments/{id}", "remove-code", "Withdraw a code; nodes that joined by it stay", "targets"), s.removeCode)
	handle(s, auth.Anyone, post("/join", "join", "Join as a node, by a code", "targets"), s.join)
	handle(s, auth.ReadTargets, get("/nodes", "nodes", "Nodes of all targets", "targets"), s.nodes)
	handle(s, auth.ManageTargets, remove("/nodes/{id}", "revoke-node", "Shut a node out for good", "targets"), s.revokeNode)
	handle(s, auth.ManageTargets, get("/broker/config", "broker-config", "What a broker elsewhere has to be told", "targets"), s.brokerConfig)
}

type codeList struct {
	Enrolments []EnrolmentCode `json:"enrolments" nullable:"false" doc:"The codes. Those that are over stay for 30 days."`
	Next       string          `json:"next,omitempty" doc:"Pass as after to read on; absent at the end."`
}

type codesResponse struct{ Body codeList }

func (s *Server) codes(ctx context.Context, in *listing) (*codesResponse, error) {
	all, err := s.Enrolment.Codes(ctx)
	if err != nil {
		return nil, err
	}
	some, next := pageOf(*in, all, func(c EnrolmentCode) string { return c.ID }, func(c EnrolmentCode) string { return c.Target })
	return &codesResponse{Body: codeList{Enrolments: some, Next: next}}, nil
}

type addCodeRequest struct{ Body NewCode }

type madeCodeResponse struct{ Body MadeCode }

func (s *Server) addCode(ctx context.Context, in *addCodeRequest) (*madeCodeResponse, error) {
	if err := auth.CheckName("target", in.Body.Target); err != nil {
		return nil, err
	}
	made, err := s.Enrolment.AddCode(ctx, in.Body, identityOf(ctx).User)
	if err != nil {
		return nil, err
	}
	return &madeCodeResponse{Body: made}, nil
}

type idRef struct {
	ID string `path:"id" maxLength:"64" doc:"The id."`
}

func (s *Server) removeCode(ctx context.Context, in *idRef) (*struct{}, error) {
	return nil, s.Enrolment.RemoveCode(ctx, in.ID)
}

type joinRequest struct{ Body JoinRequest }

type joinResponse struct{ Body JoinAnswer }

// join answers POST /join, which nobody needs an account for: the code is proof.
func (s *Server) join(ctx context.Context, in *joinRequest) (*joinResponse, error) {
	answer, err := s.Enrolment.Join(ctx, in.Body, peerOf(ctx).address)
	if err != nil {
		return nil, err
	}
	note(ctx, "llama.object", answer.Node)
	noteTargets(ctx, []string{answer.Target})
	return &joinResponse{Body: answer}, nil
}

type nodeList struct {
	Nodes []TargetNode `json:"nodes" nullable:"false" doc:"The nodes of the targets one may see, by id."`
	Next  string       `json:"next,omitempty" doc:"Pass as after to read on; absent at the end."`
}

type nodesResponse struct{ Body nodeList }

// nodes answers GET /nodes; match looks at the names of targets, too.
func (s *Server) nodes(ctx context.Context, in *listing) (*nodesResponse, error) {
	targets, err := s.Nodes.Targets(ctx)
	if err != nil {
		return nil, err
	}
	targets = slices.DeleteFunc(targets, func(t Target) bool {
		return !identityOf(ctx).May(auth.ReadTargets, t.Name)
	})
	var all []TargetNode
	for _, t := range targets {
		for _, n := range t.Nodes {
			all = append(all, TargetNode{Target: t.Name, ID: n.ID, State: n.State, LastSeen: n.LastSeen, Version: n.Version, Health: n.Health})
		}
	}
	id := func(n TargetNode) string { return n.ID }
	some, next := pageOf(*in, all, id, func(n TargetNode) string { return n.Target + " " + n.ID })
	return &nodesResponse{Body: nodeList{Nodes: some, Next: next}}, nil
}

func (s *Server) revokeNode(ctx context.Context, in *idRef) (*struct{}, error) {
	return nil, s.Enrolment.Revoke(ctx, in.ID)
}

type brokerConfigResponse struct{ Body BrokerConfig }

func (s *Server) brokerConfig(ctx context.Context, _ *struct{}) (*brokerConfigResponse, error) {
	text, err := s.Enrolment.BrokerConfig(ctx)
	if err != nil {
		return nil, err
	}
	return &brokerConfigResponse{Body: BrokerConfig{Config: text}}, nil
}
