package node

import (
	"context"
	"encoding/json"
	"net/http"
	"sync"
	"sync/atomic"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/parse"
	"github.com/llama-logs/llama/internal/pipeline"
)

// Reloaded says what came of reading the configuration again, by keys of the file.
type Reloaded struct {
	Changed []string `json:"changed"` // in force now
	Restart []string `json:"restart"` // in force after a restart
}

// inForce are the options of a node that may change while it runs, as they are now.
type inForce struct {
	mu       sync.Mutex // one change at a time
	options  Options
	pipeline atomic.Pointer[pipeline.Pipeline]
	counted  *pipeline.Metrics // of all pipelines, one after the other
}

// with returns o with what can change while a node runs as in next.
func (o Options) with(next Options) Options {
	o.Parsers, o.Pipeline, o.Queries = next.Parsers, next.Pipeline, next.Queries
	o.Archive = o.Archive.With(next.Archive)
	return o
}

// Reload takes of next what can change while the node runs, and reads the parser modules
// again, whatever changed. It returns the options that are in force then. When anything
// is wrong, nothing is changed.
func (n *Node) Reload(next Options) (Options, error) {
	n.inForce.mu.Lock()
	defer n.inForce.mu.Unlock()
	after := n.inForce.options.with(next)
	parsers, err := parse.Load(after.Parsers)
	if err != nil {
		return Options{}, err
	}
	if err := n.usePipeline(after.Pipeline, parsers); err != nil {
		return Options{}, err
	}
	n.declared.useOwn(n.archive, after.Archive)
	n.executor.budgets.Store(newBudgets(after.Queries, n.archive))
	n.inForce.options = after
	return after, nil
}

// usePipeline makes a pipeline and has what comes in go through it from now on. Batches
// under way go on through the one of before.
func (n *Node) usePipeline(o pipeline.Options, parsers *parse.Registry) error {
	o.Log, o.Metrics = n.o.Log, n.inForce.counted
	p, err := pipeline.New(o, parsers, n.archive)
	if err == nil {
		n.inForce.pipeline.Store(p)
	}
	return err
}

// An entry is where the events of one receiver enter the pipeline that is in force.
type entry struct {
	pipeline *atomic.Pointer[pipeline.Pipeline]
	origin   pipeline.Origin
}

// Put implements llama.Sink.
func (e entry) Put(ctx context.Context, b *llama.Batch) error {
	return e.pipeline.Load().From(e.origin).Put(ctx, b)
}

// PutDecoded is Put of events that are decoded on the way.
func (e entry) PutDecoded(ctx context.Context, b *llama.Batch, decoder func() (decode func(*llama.Event) error)) error {
	return e.pipeline.Load().From(e.origin).PutDecoded(ctx, b, decoder)
}

// WithParser returns a sink whose events are parsed by the parser called name.
func (e entry) WithParser(name string) (llama.Sink, error) {
	return e.pipeline.Load().From(e.origin).WithParser(name)
}

// readAgain has the process read its configuration again.
func (n *Node) readAgain() (*Reloaded, error) {
	if n.o.ReadAgain == nil {
		return nil, llama.Errorf(llama.Conflict, "the configuration of this node cannot be read again; restart it")
	}
	r, err := n.o.ReadAgain()
	if err != nil {
		return nil, llama.Errorf(llama.Invalid, "nothing was changed: %w", err)
	}
	return r, nil
}

// serveReload answers POST /node/reload.
func (n *Node) serveReload(w http.ResponseWriter, _ *http.Request) {
	r, err := n.readAgain()
	if err != nil {
		n.refuse(w, err)
		return
	}
	n.tell(w, r)
}

func (n *Node) tell(w http.ResponseWriter, answer any) {
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(answer) // fails when who asked has gone
}
