package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"

	"github.com/llama-logs/llama/internal/archive"
	"github.com/llama-logs/llama/internal/carrier"
	"github.com/llama-logs/llama/internal/central"
	"github.com/llama-logs/llama/internal/fsys"
	"github.com/llama-logs/llama/internal/node"
	"github.com/llama-logs/llama/internal/receive"
	"github.com/llama-logs/llama/internal/seal"
	"github.com/llama-logs/llama/web"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"golang.org/x/sync/errgroup"
)

// localTarget is the target of the node that runs within this process.
const localTarget = "local"

// process is what a long-running command holds: the parts in the order of their
// opening.
type process struct {
	roles
	// read reads the configuration as the start did; nil when there is no file.
	read func() (Config, error)

	reloading sync.Mutex
	inForce   Config // what is in force; of what needs a restart, what the start found

	log     *slog.Logger
	level   *slog.LevelVar
	garbage collector
	opened  []io.Closer
	center  *central.Central // nil without that role
	site    *node.Node       // likewise
	link    *carrier.Link    // of a node that is in one process with central
}

// run opens everything, says where it is, and runs until ctx ends.
func (p *process) run(ctx context.Context, c Config, out io.Writer) (err error) {
	p.garbage.start()
	p.log, p.level = c.Log.adjustable()
	if c.Data, err = filepath.Abs(c.Data); err != nil {
		return err
	}
	p.inForce = c
	defer func() { err = errors.Join(err, p.close()) }()
	if err := p.open(ctx, &c); err != nil {
		return err
	}
	at := p.listening()
	announceLater, err := at.announce(c.Data, p.log)
	if err != nil {
		return err
	}
	defer os.Remove(listeningFile(c.Data)) // a file left over is written anew by the next start
	if err := p.greet(out, c, at); err != nil {
		return err
	}
	notify("READY=1")
	context.AfterFunc(ctx, func() { notify("STOPPING=1") })
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return announceLater(ctx) })
	group.Go(func() error { return p.reloadOnSignal(ctx) })
	if p.center != nil {
		group.Go(func() error { return p.center.Run(ctx) })
	}
	switch {
	case p.link != nil:
		group.Go(func() error {
			return p.site.Run(ctx, node.Join{Central: p.center.Public(), Target: localTarget, Link: p.link})
		})
	case p.site != nil:
		group.Go(func() error { return p.site.RunJoined(ctx) })
	}
	err = group.Wait()
	if err == nil {
		words(os.Stderr, "llama: stopping; what was taken is being put away")
	}
	return err
}

// newRegistry returns where a role registers its metrics, with those of the process.
func newRegistry() *prometheus.Registry {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return registry
}

func (p *process) open(ctx context.Context, c *Config) error {
	if err := p.takeData(c); err != nil {
		return err
	}
	if err := p.portsFree(c); err != nil {
		return err
	}
	master, err := c.Master.open(c.Data, newAsker())
	if err != nil {
		return err
	}
	if err := opens(c.Data, master); err != nil {
		return err
	}
	registry := newRegistry()
	if p.roles.central {
		if err := p.openCentral(ctx, c, master, registry); err != nil {
			return err
		}
	}
	if p.roles.node {
		if err := p.openNode(c, master, registry); err != nil {
			return err
		}
	}
	if p.center == nil || p.site == nil {
		return nil
	}
	dial, err := p.center.Enrol(ctx, localTarget, p.site.Identity())
	if err != nil {
		return err
	}
	if p.link, err = carrier.Open(dial, p.log); err != nil {
		return err
	}
	p.opened = append(p.opened, p.link)
	return nil
}

// opens reports whether a master key opens all keyrings of a data directory, and whether
// all its archives are of this program's format, before a database or an archive is
// touched: a start that fails leaves all to the program that it was made with.
func opens(data string, master seal.Master) error {
	names, err := keyringsIn(data)
	if err != nil {
		return err
	}
	disk, err := fsys.Dir(data)
	if err != nil {
		return err
	}
	defer disk.Close()
	for _, name := range names {
		ring, err := seal.OpenKeyring(disk, name, master)
		if err != nil {
			return err
		}
		if err := ring.Close(); err != nil {
			return err
		}
		if err := sameFormat(filepath.Join(data, filepath.Dir(name))); err != nil {
			return err
		}
	}
	return nil
}

// sameFormat refuses a folder with an archive of another format.
func sameFormat(folder string) error {
	if _, err := os.Stat(filepath.Join(folder, "FORMAT")); errors.Is(err, fs.ErrNotExist) {
		return nil // no archive, or one that is being made
	}
	disk, err := fsys.Dir(folder)
	if err != nil {
		return err
	}
	defer disk.Close() // it was only read
	if err := archive.CheckFormat(disk); err != nil {
		return fmt.Errorf("%s: %w", folder, err)
	}
	return nil
}

func (p *process) openCentral(ctx context.Context, c *Config, master seal.Master, registry *prometheus.Registry) (err error) {
	c.Central.Env = central.Env{Data: c.Data, Master: master, Page: web.Dist(), Log: p.log, Registry: registry}
	c.Central.Broker = c.Broker
	if p.center, err = central.Open(ctx, c.Central); err != nil {
		return err
	}
	p.opened = append(p.opened, p.center)
	return nil
}

func (p *process) openNode(c *Config, master seal.Master, registry *prometheus.Registry) (err error) {
	if _, err := receive.CreateTokenFile(ingestTokenFile(c.Data)); err != nil {
		return fmt.Errorf("make the ingest token: %w", err)
	}
	c.Node.Env = node.Env{
		Data: c.Data, Master: master, Tokens: ingestTokenFile(c.Data), Socket: socketFile(c.Data),
		Version: version, Joined: p.center == nil, Log: p.log, Level: p.level, Registry: registry, Working: p.garbage.work,
	}
	if p.center != nil {
		c.Node.Env.TLS = p.center.TLS
	}
	c.Node.Env.ReadAgain = p.reload
	if p.site, err = node.Open(c.Node); err != nil {
		return err
	}
	p.opened = append(p.opened, p.site)
	return nil
}

// takeData makes the data directory and locks it, so that a second process says
// so and touches nothing.
func (p *process) takeData(c *Config) error {
	data, err := filepath.Abs(c.Data)
	if err != nil {
		return err
	}
	c.Data = data
	if err := node.CheckSocket(socketFile(data)); err != nil {
		return err
	}
	files, err := fsys.Dir(data)
	if err != nil {
		return fmt.Errorf("open the data directory: %w", err)
	}
	p.opened = append(p.opened, files)
	lock, err := files.Lock("lock")
	if errors.Is(err, fsys.ErrLocked) {
		return &lockedError{data}
	}
	if err != nil {
		return fmt.Errorf("lock the data directory: %w", err)
	}
	p.opened = append(p.opened, lock)
	return nil
}

// A lockedError is an fsys.ErrLocked for people.
type lockedError struct{ data string }

func (e *lockedError) Error() string {
	return fmt.Sprintf("another llama runs on the data directory %s; stop it first, or name another with --data", e.data)
}

func (e *lockedError) Unwrap() error { return fsys.ErrLocked }

// portsFree says which port is taken, before anything is opened for which there
// would then be no use.
func (p *process) portsFree(c *Config) error {
	type wanted struct{ flag, network, address string }
	var ports []wanted
	if p.roles.central {
		ports = append(ports, wanted{"listen", "tcp", c.Central.Listen}, wanted{"broker", "tcp", c.Broker.Listen})
	}
	if p.roles.node {
		ports = append(ports, wanted{"syslog", "tcp", c.Node.Syslog}, wanted{"syslog", "udp", c.Node.Syslog}, wanted{"ingest", "tcp", c.Node.Ingest})
	}
	for _, w := range ports {
		if w.address == "" {
			continue
		}
		port, err := tryPort(w.network, w.address)
		if errors.Is(err, syscall.EADDRINUSE) {
			return fmt.Errorf("the %s port %s is taken by another program; stop it, or name another port with --%s", strings.ToUpper(w.network), w.address, w.flag)
		}
		if err != nil {
			return fmt.Errorf("--%s: %w", w.flag, err)
		}
		if err := port.Close(); err != nil {
			return fmt.Errorf("--%s: %w", w.flag, err)
		}
	}
	return nil
}

func tryPort(network, address string) (io.Closer, error) {
	if network == "udp" {
		return net.ListenPacket(network, address)
	}
	return net.Listen(network, address)
}

func (p *process) close() error {
	var errs []error
	for i := len(p.opened) - 1; i >= 0; i-- {
		errs = append(errs, p.opened[i].Close())
	}
	return errors.Join(errs...)
}
