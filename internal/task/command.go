package task

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/envelope"
)

// A Command tells a node to do something that is no query. It is sent again until it
// is answered, and obeyed once, unless the node restarts before it has answered.
type Command struct {
	Action    string          `json:"action"`
	User      string          `json:"user"` // who wants it
	Target    string          `json:"target"`
	Arguments json.RawMessage `json:"arguments"`
}

// wireCommand is a command as it travels. It is for one start of the node: who carries it
// could keep it, and repeat it once a node has forgotten what it obeyed before it started
// anew. Days of logs may be gone by then that were to be kept again.
type wireCommand struct {
	Command
	Boot string `json:"boot"` // as the node's hello has it
}

// A Commander obeys commands at a node, and answers with what is encoded as JSON; nil is
// nothing. Errors that are a *llama.Error are shown to the person who wanted it.
type Commander interface {
	Command(ctx context.Context, id uuid.UUID, c Command) (answer any, err error)
}

// An Answer is what a node answered a command.
type Answer struct {
	Node string
	Text json.RawMessage // nil for nothing
}

const (
	// commandTime is how long a node may take to obey.
	commandTime = 15 * time.Second
	// commandAgain is after how long a command is sent again.
	commandAgain = 2 * time.Second
)

// Command tells all nodes of a target to obey. It is Unavailable, and nothing was
// sent, when one of them is offline; after any other error, some may have obeyed.
func (c *Central) Command(ctx context.Context, command Command) ([]Answer, error) {
	targets, err := c.choose(ctx, []string{command.Target})
	if err != nil {
		return nil, err
	}
	var nodes []*node
	var away []string
	for _, info := range targets[0].Nodes {
		n := c.node(info.ID)
		if n == nil || !n.isOnline() {
			away = append(away, info.ID)
			continue
		}
		nodes = append(nodes, n)
	}
	if len(away) > 0 || len(nodes) == 0 {
		return nil, llama.Errorf(llama.Unavailable, "nothing was done: of target %s these nodes are offline: %s", command.Target, strings.Join(away, ", "))
	}
	ctx, cancel := context.WithTimeout(ctx, commandTime)
	defer cancel()
	errs, told := make([]error, len(nodes)), make([]Answer, len(nodes))
	var telling sync.WaitGroup
	for i, n := range nodes {
		told[i].Node = n.id
		telling.Go(func() { told[i].Text, errs[i] = c.tell(ctx, n, command) })
	}
	telling.Wait()
	return told, errors.Join(errs...)
}

// tell sends a command until the node answers.
func (c *Central) tell(ctx context.Context, n *node, command Command) (json.RawMessage, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return nil, err
	}
	answers := make(chan answer, 1)
	c.mu.Lock()
	c.answers[id] = answers
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.answers, id)
	}()
	again := time.NewTicker(commandAgain)
	defer again.Stop()
	for {
		n.mu.Lock()
		boot := n.boot
		n.mu.Unlock()
		body, err := json.Marshal(wireCommand{command, boot})
		if err != nil {
			return nil, err
		}
		c.send(n, envelope.Header{Kind: kindCommand, Query: id}, body)
		select {
		case a := <-answers:
			if a.Error == "" {
				return a.Result, nil
			}
			code := a.Code
			if code == "" {
				code = llama.Unavailable
			}
			return nil, llama.Errorf(code, "node %s: %s", n.id, a.Error)
		case <-again.C:
		case <-ctx.Done():
			return nil, llama.Errorf(llama.Unavailable, "node %s has not answered; it may obey yet", n.id)
		}
	}
}

// keptCommands is how many commands a node remembers, so that one which is sent
// again is answered again and not obeyed again.
const keptCommands = 128

// obeyed remembers commands and how they went.
type obeyed struct {
	mu      sync.Mutex
	answers map[uuid.UUID]*answer // nil while one is obeyed
	order   []uuid.UUID
}

// begin reports whether a command is new; else it returns its answer, which is nil
// as long as it is obeyed.
func (o *obeyed) begin(id uuid.UUID) (isNew bool, a *answer) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if a, known := o.answers[id]; known {
		return false, a
	}
	if o.answers == nil {
		o.answers = map[uuid.UUID]*answer{}
	}
	o.answers[id] = nil
	if o.order = append(o.order, id); len(o.order) > keptCommands {
		delete(o.answers, o.order[0])
		o.order = o.order[1:]
	}
	return true, nil
}

func (o *obeyed) end(id uuid.UUID, a *answer) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.answers[id] = a
}

// command obeys, and says how it went.
func (r *Runner) command(ctx context.Context, id uuid.UUID, body []byte) {
	var c wireCommand
	err := json.Unmarshal(body, &c)
	if err == nil && c.Boot != r.boot {
		r.o.Log.Debug("command for an earlier start not obeyed", "action", c.Action)
		return // central says it again, for this one, if it is not answered by another
	}
	isNew, a := r.obeyed.begin(id)
	if isNew {
		a = &answer{}
		if err != nil {
			err = llama.Errorf(llama.Invalid, "the node does not understand the command; its program may be older than central's")
		} else {
			a.Result, err = r.obey(ctx, id, c.Command)
		}
		if err != nil {
			a.Error, a.Code = shown(err)
			if a.Code == "" {
				r.o.Log.Error("command not obeyed", "error", err)
			}
		}
		r.obeyed.end(id, a)
	}
	if a != nil {
		r.sendJSON(envelope.Header{Kind: kindAnswer, Query: id}, *a)
	}
}

func (r *Runner) obey(ctx context.Context, id uuid.UUID, c Command) (json.RawMessage, error) {
	if c.Target != r.o.Target {
		return nil, llama.Errorf(llama.Forbidden, "the command is for target %s, and this node belongs to %s", c.Target, r.o.Target)
	}
	if r.o.Commander == nil {
		return nil, llama.Errorf(llama.Forbidden, "the node takes no commands")
	}
	told, err := r.o.Commander.Command(ctx, id, c)
	if err != nil || told == nil {
		return nil, err
	}
	return json.Marshal(told)
}
