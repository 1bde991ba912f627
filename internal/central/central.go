// Package central is the role with the page, the API, the broker and the
// database: it opens their parts, joins them and runs them.
//
//	page, API (api) ── adapter ── task.Central ── carrier link ── broker
//	      │                           │
//	  auth.Auth ───────────────── store.Store
//	                                  │
//	                            seal.Keyring
//
// What the parts do is in their packages; here is who knows whom.
package central

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"path/filepath"
	"time"

	"github.com/llama-logs/llama/internal/api"
	"github.com/llama-logs/llama/internal/auth"
	"github.com/llama-logs/llama/internal/carrier"
	"github.com/llama-logs/llama/internal/config"
	"github.com/llama-logs/llama/internal/envelope"
	"github.com/llama-logs/llama/internal/fsys"
	"github.com/llama-logs/llama/internal/seal"
	"github.com/llama-logs/llama/internal/store"
	"github.com/llama-logs/llama/internal/task"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"
)

// Options configure central.
type Options struct {
	Listen  string        `yaml:"listen" doc:"Address of the page and the API. Plain HTTP on loopback, TLS on any other."`
	Names   []string      `yaml:"names" doc:"Host names the page is reached by, besides localhost and addresses."`
	TLS     *TLS          `yaml:"tls" doc:"A certificate of yours. Without it, addresses other than loopback get one from an authority made for this server (DATA/ca.pem)."`
	Results ResultOptions `yaml:"results" doc:"How long and how much of queries is kept."`

	Env `yaml:"-"`
}

// TLS names a certificate.
type TLS struct {
	Cert string `yaml:"cert" doc:"File with the certificate and those that signed it, PEM."`
	Key  string `yaml:"key" doc:"File with its key, PEM."`
}

// Validate says which option is wrong.
func (t *TLS) Validate() error {
	switch {
	case t.Cert == "":
		return config.Wrong("cert", "is missing; a PEM file")
	case t.Key == "":
		return config.Wrong("key", "is missing; a PEM file")
	}
	return nil
}

// ResultOptions bound what is kept of queries.
type ResultOptions struct {
	Lifetime time.Duration `yaml:"lifetime" doc:"How long a result can be read."`
	Deadline time.Duration `yaml:"deadline" doc:"How long nodes, also those that are offline now, have to answer."`
	MaxRows  int64         `yaml:"max_rows" doc:"Rows of one result."`
	MaxSize  config.Size   `yaml:"max_size" doc:"What nodes may send for one query, compressed."`
	PerUser  int           `yaml:"per_user" doc:"Queries of one user that may run at once."`
}

// Validate says which option is wrong.
func (r *ResultOptions) Validate() error {
	switch {
	case r.Lifetime < time.Minute:
		return config.Wrong("lifetime", "%s is too short; at least 1m", r.Lifetime)
	case r.Deadline < time.Second:
		return config.Wrong("deadline", "%s is too short; at least 1s", r.Deadline)
	case r.MaxRows < 1:
		return config.Wrong("max_rows", "%d is too few; e.g. 1000000", r.MaxRows)
	case r.MaxSize < config.MiB:
		return config.Wrong("max_size", "%s is too small; at least 1MiB", r.MaxSize)
	case r.PerUser < 1:
		return config.Wrong("per_user", "%d is too few; e.g. 32", r.PerUser)
	}
	return nil
}

// Default returns the options that run without a file.
func Default() Options {
	return Options{
		Listen: "127.0.0.1:8080",
		Results: ResultOptions{
			Lifetime: 7 * 24 * time.Hour,
			Deadline: 24 * time.Hour,
			MaxRows:  1_000_000,
			MaxSize:  256 * config.MiB,
			PerUser:  32,
		},
	}
}

// Env is what the process around central gives it.
type Env struct {
	Data     string      // the data directory; central's own files are in its folder central
	Master   seal.Master // opens the keyring
	Page     fs.FS       // the built page; nil for none
	Log      *slog.Logger
	Registry prometheus.Registerer
}

// Central is an open central. Open it, enrol its node, Run it, Close it.
type Central struct {
	opened   []io.Closer // in the order of opening
	identity *envelope.Identity
	broker   *carrier.Broker
	tasks    *task.Central
	server   *api.Server
	listener net.Listener
	secure   bool
}

// Open opens the database and its keyring, takes up the queries that have not
// ended, and takes the page's port.
func Open(ctx context.Context, o Options) (c *Central, err error) {
	c = &Central{}
	defer func() {
		if err != nil {
			err = errors.Join(err, c.Close())
			c = nil
		}
	}()
	db, err := c.openStore(ctx, o)
	if err != nil {
		return c, err
	}
	if err := c.openTasks(ctx, o, db); err != nil {
		return c, err
	}
	users, err := auth.Open(ctx, auth.Options{Dir: o.Data, Store: db, Log: o.Log})
	if err != nil {
		return c, fmt.Errorf("open users: %w", err)
	}
	adapter := adapter{c.tasks}
	c.server, err = api.New(api.Options{
		Users: users, Queries: adapter, Results: adapter, Tail: adapter, Nodes: adapter,
		Hosts: o.Names, Page: o.Page, Registry: o.Registry, Log: o.Log,
	})
	if err != nil {
		return c, fmt.Errorf("open API: %w", err)
	}
	return c, c.listen(o)
}

func (c *Central) openStore(ctx context.Context, o Options) (*store.Store, error) {
	files, err := fsys.Dir(filepath.Join(o.Data, "central"))
	if err != nil {
		return nil, fmt.Errorf("open central's folder: %w", err)
	}
	c.opened = append(c.opened, files)
	keys, err := seal.OpenKeyring(files, "keyring", o.Master)
	if err != nil {
		return nil, fmt.Errorf("open central's keyring: %w", err)
	}
	c.opened = append(c.opened, keys)
	if c.identity, err = envelope.OpenIdentity(files, "identity", keys); err != nil {
		return nil, err
	}
	db, err := store.Open(ctx, filepath.Join(o.Data, "central", "central.db"), keys)
	if err != nil {
		return nil, err
	}
	c.opened = append(c.opened, db)
	return db, nil
}

func (c *Central) openTasks(ctx context.Context, o Options, db *store.Store) error {
	var err error
	if c.broker, err = carrier.OpenBroker(carrier.BrokerOptions{}, o.Log); err != nil {
		return err
	}
	c.opened = append(c.opened, c.broker)
	link, err := carrier.Open(c.broker.Central(), o.Log)
	if err != nil {
		return err
	}
	c.opened = append(c.opened, link)
	c.tasks, err = task.Open(ctx, task.Options{
		Identity: c.identity, Store: db, Link: link, Planner: task.LogsQL{MaxMemory: mergeMemory}, Log: o.Log,
		Deadline: o.Results.Deadline, Lifetime: o.Results.Lifetime, PerUser: o.Results.PerUser,
		MaxRows: o.Results.MaxRows, MaxBytes: int64(o.Results.MaxSize),
	})
	return err
}

// mergeMemory bounds the merge of one query's partial results.
const mergeMemory = 512 << 20

// Enrol makes a node of this process known as one of target, and returns how it
// connects.
func (c *Central) Enrol(ctx context.Context, target string, node envelope.Public) (carrier.Dial, error) {
	if err := c.tasks.Enrol(ctx, target, node); err != nil {
		return carrier.Dial{}, fmt.Errorf("enrol node %s: %w", node.ID(), err)
	}
	return c.broker.Node(node.ID())
}

// Public returns the keys that nodes know central by.
func (c *Central) Public() envelope.Public { return c.identity.Public() }

// URL returns where the page is.
func (c *Central) URL() string {
	scheme := "http"
	if c.secure {
		scheme = "https"
	}
	return scheme + "://" + c.listener.Addr().String()
}

// Run serves until ctx ends.
func (c *Central) Run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return c.tasks.Run(ctx) })
	group.Go(func() error { return c.server.Run(ctx, c.listener) })
	return group.Wait()
}

// Close closes what Open opened, the last first.
func (c *Central) Close() error {
	var errs []error
	for i := len(c.opened) - 1; i >= 0; i-- {
		errs = append(errs, c.opened[i].Close())
	}
	c.opened = nil
	return errors.Join(errs...)
}
