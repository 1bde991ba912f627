// Package central is the role with the page, the API, the broker and the
// database: it opens their parts, joins them and runs them.
//
//	page, API (api) ── adapter ── task.Central ── carrier link ── broker
//	      │                           │
//	  auth.Auth ─ schedule.Runner ─ store.Store
//	                                  │
//	                            seal.Keyring
//
// What the parts do is in their packages; here is who knows whom.
package central

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/api"
	"github.com/llama-logs/llama/internal/audit"
	"github.com/llama-logs/llama/internal/auth"
	"github.com/llama-logs/llama/internal/carrier"
	"github.com/llama-logs/llama/internal/envelope"
	"github.com/llama-logs/llama/internal/fsys"
	"github.com/llama-logs/llama/internal/schedule"
	"github.com/llama-logs/llama/internal/seal"
	"github.com/llama-logs/llama/internal/store"
	"github.com/llama-logs/llama/internal/task"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"golang.org/x/sync/errgroup"
)

// Central is an open central. Open it, enrol its node, Run it, Close it.
type Central struct {
	o        Options
	opened   []io.Closer // in the order of opening
	identity *envelope.Identity
	db       *store.Store
	broker   *carrier.Broker // nil when brokers are elsewhere
	door     *carrier.Door
	gate     *carrier.Gate // nil when the broker is our own
	tasks    *task.Central
	server   *api.Server
	planned  *schedule.Runner
	audit    *audit.Log
	listener net.Listener
	secure   bool        // the page is served over TLS
	tls      *tls.Config // once somebody asked for it
	ca       *auth.CA    // likewise; nil when a certificate was given
	trust    authority   // who signs the certificate
}

// Open opens the database and its keyring, takes up the queries that have not
// ended, and takes the page's port.
func Open(ctx context.Context, o Options) (c *Central, err error) {
	if o.Registry == nil {
		o.Registry = prometheus.NewRegistry()
	}
	c = &Central{o: o}
	defer func() {
		if err != nil {
			err = errors.Join(err, c.Close())
			c = nil
		}
	}()
	if err := c.openStore(ctx); err != nil {
		return c, err
	}
	db := c.db
	if err := c.openTasks(ctx, db); err != nil {
		return c, err
	}
	if err := c.openAudit(); err != nil {
		return c, err
	}
	users, err := auth.Open(ctx, auth.Options{Dir: o.Data, Store: db, Log: o.Log, Issuers: c.issuers()})
	if err != nil {
		return c, fmt.Errorf("open users: %w", err)
	}
	c.planned = schedule.NewRunner(schedule.RunnerOptions{Store: db, Queries: asker{c.tasks, users, c.audit}, Log: o.Log, Metrics: o.Registry})
	adapter := adapter{c.tasks}
	c.server, err = api.New(api.Options{
		Users: users, Queries: adapter, Results: adapter, Tail: adapter, Nodes: adapter, Directory: db,
		Schedules: db, Saved: db, Usage: db, Commands: adapter, Wake: c.planned.Wake, Audit: c.audit,
		Enrolment: &enrolment{c: c, db: db, attempts: auth.NewAttempts("join")}, Carrier: c.carriers(),
		Hosts: c.names(), Page: o.Page, Healthy: db.Ping, Registry: o.Registry, Log: o.Log,
		Metrics: promhttp.HandlerFor(o.Registry, promhttp.HandlerOpts{}),
	})
	if err != nil {
		return c, fmt.Errorf("open API: %w", err)
	}
	if err := c.listen(); err != nil {
		return c, err
	}
	c.trust, err = c.findAuthority()
	return c, err
}

func (c *Central) issuers() []auth.Issuer {
	var all []auth.Issuer
	for _, i := range c.o.Issuers {
		all = append(all, i.Issuer)
	}
	return all
}

func (c *Central) openStore(ctx context.Context) error {
	files, err := fsys.Dir(filepath.Join(c.o.Data, "central"))
	if err != nil {
		return fmt.Errorf("open central's folder: %w", err)
	}
	c.opened = append(c.opened, files)
	lock, err := files.Lock("lock")
	if errors.Is(err, fsys.ErrLocked) {
		return llama.Errorf(llama.Conflict, "another central runs on %s; stop it first", c.o.Data)
	} else if err != nil {
		return fmt.Errorf("lock central's folder: %w", err)
	}
	c.opened = append(c.opened, lock)
	keys, err := seal.OpenKeyring(files, "keyring", c.o.Master)
	if err != nil {
		return fmt.Errorf("open central's keyring: %w", err)
	}
	c.opened = append(c.opened, keys)
	if c.identity, err = envelope.OpenIdentity(files, "identity", keys); err != nil {
		return err
	}
	if c.o.Database != nil {
		c.db, err = c.o.Database.open(ctx, keys)
	} else {
		c.db, err = store.Open(ctx, filepath.Join(c.o.Data, "central", "central.db"), keys)
	}
	if err != nil {
		return err
	}
	c.opened = append(c.opened, c.db)
	return nil
}

func (c *Central) openAudit() error {
	var err error
	c.audit, err = audit.Open(audit.Options{
		Dir: filepath.Join(c.o.Data, "central", "audit"), Master: c.o.Master, Signer: c.identity.Signer(),
		Retention: c.o.Audit.Retention, Metrics: c.o.Metrics.Retention, Log: c.o.Log,
	})
	if err != nil {
		return err
	}
	c.opened = append(c.opened, c.audit)
	return nil
}

func (c *Central) openTasks(ctx context.Context, db *store.Store) error {
	o := c.o
	key, err := carrier.KeyOf(c.identity)
	if err != nil {
		return err
	}
	members := carrier.NewMembers(key.Public())
	c.door = carrier.NewDoor(members)
	link, err := c.openBroker(key, members)
	if err != nil {
		return err
	}
	c.opened = append(c.opened, link)
	c.tasks, err = task.Open(ctx, task.Options{
		Presence: c.presence,
		Identity: c.identity, Store: db, Link: carrier.NewBoth(link, c.door), Members: members, Planner: task.LogsQL{MaxMemory: mergeMemory}, Log: o.Log, Metrics: o.Registry,
		Deadline: o.Results.Deadline, Lifetime: o.Results.Lifetime, PerUser: o.Results.PerUser,
		MaxRows: o.Results.MaxRows, MaxBytes: int64(o.Results.MaxSize),
	})
	return err
}

// mergeMemory bounds the merge of one query's partial results.
const mergeMemory = 512 << 20

// Enrol makes a node of this process known as one of target, and returns how it
// connects.
func (c *Central) Enrol(ctx context.Context, target string, node *envelope.Identity) (carrier.Dial, error) {
	key, err := carrier.KeyOf(node)
	if err != nil {
		return carrier.Dial{}, err
	}
	if c.broker == nil {
		return carrier.Dial{}, llama.Errorf(llama.Invalid, "broker.urls is for 'llama central'; a node in the same process needs the broker in there")
	}
	if err := c.tasks.Enrol(ctx, target, node.Public(), key.Public()); err != nil {
		return carrier.Dial{}, fmt.Errorf("enrol node %s: %w", node.ID(), err)
	}
	return c.broker.Dial(key, node.ID()), nil
}

// Public returns the keys that nodes know central by.
func (c *Central) Public() envelope.Public { return c.identity.Public() }

// Run serves until ctx ends.
func (c *Central) Run(ctx context.Context) error {
	keep, stopKeeping := context.WithCancel(context.WithoutCancel(ctx))
	defer stopKeeping()
	var keeping errgroup.Group // the audit log, until all that it tells of has ended
	keeping.Go(func() error { return c.audit.Run(keep) })
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return c.tasks.Run(ctx) })
	group.Go(func() error { return c.planned.Run(ctx) })
	group.Go(func() error { return c.db.Run(ctx) })
	group.Go(func() error { return c.audit.Measure(ctx, c.o.Registry, c.o.Log) })
	group.Go(func() error { return c.server.Run(ctx, c.listener) })
	if c.gate != nil {
		group.Go(func() error { return c.gate.Run(ctx) })
	}
	err := group.Wait()
	stopKeeping()
	return errors.Join(err, keeping.Wait())
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
