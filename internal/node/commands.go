package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"slices"
	"sync"

	"github.com/google/uuid"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/archive"
	"github.com/llama-logs/llama/internal/config"
	"github.com/llama-logs/llama/internal/fsys"
	"github.com/llama-logs/llama/internal/task"
)

// What central may tell a node.
const (
	commandCollection = "collection" // make a collection, or say how long one is kept
	commandRotate     = "rotate"     // change the node's keys
	commandLogLevel   = "log-level"  // say more or less in the program's log
	commandReload     = "reload"     // read the configuration again; answered with Reloaded
	commandStatus     = "status"     // say how the node is; answered with Status
)

// Command implements task.Commander. It is in the ledger, as a question is.
func (n *Node) Command(ctx context.Context, id uuid.UUID, c task.Command) (answer any, err error) {
	q := question{action: "command", source: "central", user: c.User, id: id, target: c.Target, text: c.Action + " " + string(c.Arguments)}
	err = n.ledger.answer(ctx, q, func(ctx context.Context, leave leaving) error {
		if err := leave(0, 0); err != nil {
			return err
		}
		switch c.Action {
		case commandCollection:
			var d Declaration
			if err := json.Unmarshal(c.Arguments, &d); err != nil {
				return llama.Errorf(llama.Invalid, "the node does not understand the command's arguments")
			}
			return n.declare(d)
		case commandRotate:
			return n.Rotate(ctx)
		case commandLogLevel:
			return n.setLogLevel(c.Arguments)
		case commandReload:
			answer, err = n.readAgain()
			return err
		case commandStatus:
			answer = n.status()
			return nil
		}
		return llama.Errorf(llama.Invalid, "the node does not know the command %q; its program may be older than central's", c.Action)
	})
	return answer, err
}

// setLogLevel changes how much the process logs, until it ends.
func (n *Node) setLogLevel(arguments json.RawMessage) error {
	var wanted struct {
		Level slog.Level `json:"level"`
	}
	if err := json.Unmarshal(arguments, &wanted); err != nil {
		return llama.Errorf(llama.Invalid, "the level of the log is debug, info, warn or error")
	}
	if n.o.Level == nil {
		return llama.Errorf(llama.Conflict, "the level of this node's log cannot be changed")
	}
	n.o.Level.Set(wanted.Level)
	n.o.Log.Log(context.Background(), wanted.Level, "the level of the log was changed", "level", wanted.Level)
	return nil
}

// A Declaration says of a collection how long it is kept; what is zero is as the
// node's configuration says for all.
type Declaration struct {
	Name string      `json:"name"`
	New  bool        `json:"new"` // it must not be there yet
	Age  string      `json:"age"` // as 90d
	Size config.Size `json:"size"`
}

// declared are the collections that central has told of, by name.
type declared struct {
	mu    sync.Mutex
	known map[string]archive.Retention
	own   map[string]archive.Retention // of the site's configuration, which wins
}

// collectionsFile remembers them in the node's folder.
const (
	collectionsFile    = "collections"
	maxCollectionsFile = 1 << 20
	maxDeclared        = 10_000
)

// openCollections takes up what central has told of before.
func (n *Node) openCollections() error {
	n.declared.known, n.declared.own = map[string]archive.Retention{}, n.o.Archive.Collections
	text, err := fsys.ReadFile(n.files, collectionsFile, maxCollectionsFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = json.Unmarshal(text, &n.declared.known)
	}
	if err != nil {
		return fmt.Errorf("read the collections that central told of: %w", err)
	}
	for name, r := range n.declared.known {
		if _, own := n.declared.own[name]; own {
			continue // the site has said otherwise since
		}
		if err := n.archive.SetRetention(name, r); err != nil {
			return fmt.Errorf("read the collections that central told of: %w", err)
		}
	}
	return nil
}

// declare makes a collection known, or changes how long one is kept. What the
// site's own configuration says stands.
func (n *Node) declare(d Declaration) error {
	r := archive.Retention{Size: d.Size}
	if d.Age != "" {
		var err error
		if r.Age, err = config.ParseDuration(d.Age); err != nil {
			return llama.Errorf(llama.Invalid, "age: %w", err)
		}
	}
	n.declared.mu.Lock()
	defer n.declared.mu.Unlock()
	if _, own := n.declared.own[d.Name]; own {
		return llama.Errorf(llama.Forbidden, "the site's own configuration says how long %q is kept", d.Name)
	}
	_, known := n.declared.known[d.Name]
	if d.New && (known || n.holds(d.Name)) {
		return llama.Errorf(llama.Conflict, "there is a collection %q already", d.Name)
	}
	if len(n.declared.known) >= maxDeclared && !known {
		return llama.Errorf(llama.TooLarge, "there are %d collections that central told of, and more are not taken", maxDeclared)
	}
	if err := archive.CheckRetention(d.Name, r); err != nil {
		return err
	}
	after := maps.Clone(n.declared.known)
	after[d.Name] = r
	text, err := json.Marshal(after)
	if err == nil {
		err = fsys.Replace(n.files, collectionsFile, text)
	}
	if err != nil {
		return fmt.Errorf("remember collection %s: %w", d.Name, err)
	}
	n.declared.known = after
	return n.archive.SetRetention(d.Name, r)
}

// useOwn has an archive keep what it holds as o says, and collections that only central
// told of as central did.
func (d *declared) useOwn(a *archive.Archive, o archive.Options) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.own = o.Collections
	both := maps.Clone(d.known)
	maps.Copy(both, o.Collections)
	o.Collections = both
	a.Keep(o)
}

func (n *Node) holds(collection string) bool {
	snapshot := n.archive.Snapshot()
	defer snapshot.Close()
	return slices.Contains(names(snapshot), collection)
}

// complete adds to a status the collections that hold nothing yet.
func (d *declared) complete(s *task.Status) {
	d.mu.Lock()
	defer d.mu.Unlock()
	has := map[string]bool{}
	for _, c := range s.Collections {
		has[c.Name] = true
	}
	for _, name := range slices.Sorted(maps.Keys(d.known)) {
		if !has[name] {
			s.Collections = append(s.Collections, task.Collection{Name: name})
		}
	}
	slices.SortFunc(s.Collections, func(a, b task.Collection) int {
		if a.Name < b.Name {
			return -1
		}
		return 1
	})
}
