// Package node is the role at a site: it receives, parses, archives and answers.
//
//	receivers ── pipeline ── archive ──┬── executor ──┬── task.Runner ── carrier ── central
//	                                   │              └── records: the ledger of who asked what
//	                                   └── operator's socket (node.sock, mode 0600)
//
// What the parts do is in their packages; here is who knows whom, and in which
// order they stop: the receivers first, so that what they hold is safe before
// the archive closes.
package node

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/archive"
	"github.com/llama-logs/llama/internal/config"
	"github.com/llama-logs/llama/internal/envelope"
	"github.com/llama-logs/llama/internal/fsys"
	"github.com/llama-logs/llama/internal/parse"
	"github.com/llama-logs/llama/internal/pipeline"
	"github.com/llama-logs/llama/internal/seal"
	"github.com/llama-logs/llama/internal/task"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"
)

// Options configure a node.
type Options struct {
	Syslog    string           `yaml:"syslog" doc:"Address for syslog over UDP and TCP; empty for none."`
	Ingest    string           `yaml:"ingest" doc:"Address of the ingest door: JSON lines, plain lines, Elasticsearch's _bulk; empty for none. On addresses other than loopback it is HTTPS, with central's certificate when central is in the same process."`
	Receivers []Receiver       `yaml:"receivers" doc:"Further receivers, each under its kind."`
	Parsers   parse.Options    `yaml:"parsers" doc:"Modules of your own, and what times without a zone mean."`
	Pipeline  pipeline.Options `yaml:",inline"`
	Archive   archive.Options  `yaml:"archive" doc:"How events are kept."`
	Queries   QueryOptions     `yaml:"queries" doc:"What queries may take of the machine."`
	Records   RecordsOptions   `yaml:"records" doc:"How long the node keeps what concerns itself."`
	Uplink    UplinkOptions    `yaml:"uplink" doc:"For 'llama node': how it reaches its central."`

	Env `yaml:"-"`
}

// Validate says which option is wrong.
func (o *Options) Validate() error {
	var errs []error
	for _, a := range []struct{ key, address string }{{"syslog", o.Syslog}, {"ingest", o.Ingest}} {
		if a.address != "" && !config.IsAddress(a.address) {
			errs = append(errs, config.Wrong(a.key, "%q is not an address and a port; e.g. 127.0.0.1:5514", a.address))
		}
	}
	return errors.Join(append(errs, o.checkParsers())...)
}

// checkParsers looks for the parsers that routes name, so that a wrong name is found with
// its line, and before anything is opened. Where one is not found, the mistakes in modules
// are said with it, for it may be in one of those; else they are the start's to warn of.
func (o *Options) checkParsers() error {
	var registry *parse.Registry
	var unread error
	var errs []error
	for i, r := range o.Pipeline.Routes {
		if r.Parser == "" || r.Parser == parse.Auto || r.Parser == parse.None {
			continue
		}
		if registry == nil {
			registry, unread = parse.Load(o.Parsers)
		}
		if _, err := registry.Parser(r.Parser); err != nil {
			errs = append(errs, config.In("routes", i, config.Wrong("parser", "%v", err)))
		}
	}
	if len(errs) > 0 && unread != nil {
		for mistake := range strings.SplitSeq(unread.Error(), "\n") { // a line each
			errs = append(errs, config.Wrong("parsers", "%s", mistake))
		}
	}
	return errors.Join(errs...)
}

// Default returns the options that run without a file.
func Default() Options {
	return Options{Syslog: "127.0.0.1:5514", Ingest: "127.0.0.1:8480", Archive: archive.Default(), Queries: defaultQueries(), Records: defaultRecords(), Uplink: UplinkOptions{Carrier: "auto"}}
}

// Env is what the process around a node gives it.
type Env struct {
	Data     string      // the data directory; the node's own files are in its folder node
	Master   seal.Master // opens the keyrings
	Tokens   string      // file with the ingest tokens
	Socket   string      // where the operator's socket is made; empty for none
	Version  string
	Joined   bool // the node has joined a central elsewhere
	Log      *slog.Logger
	Level    *slog.LevelVar       // of Log, for central to change; nil when it cannot be
	Registry *prometheus.Registry // the process's; nil for one of the node's own
	// ReadAgain reads the configuration of the process again and puts into force what
	// can be, by Reload; nil when there is none to read. Its error is for people.
	ReadAgain func() (*Reloaded, error)
	// Working is told that a question is being answered, until what it returns is called;
	// nil when nobody wants to know.
	Working func() (done func())
	// TLS gives the certificate of ingest doors that have none of their own and
	// are not on loopback; nil when there is none to give.
	TLS func() (*tls.Config, error)
}

// Node is an open node. Open it, Run it, Close it.
type Node struct {
	o         Options
	opened    []io.Closer // in the order of opening
	id        string      // as central knows it, whatever keys it has
	identity  *envelope.Identity
	member    *Membership // nil for a node that is in one process with central
	files     fsys.FS     // the node's folder
	keys      *seal.Keyring
	rotating  sync.Mutex               // one change of keys at a time
	rotation  atomic.Pointer[rotation] // nil until the node runs
	archive   *archive.Archive
	inForce   inForce // what may change while it runs
	receivers []running
	executor  *executor
	records   *archive.Archive
	ledger    *ledger // in the records
	socket    net.Listener
	declared  declared  // collections that central has told of
	buffers   sync.Pool // of *bufio.Writer, for answers
}

// Open recovers the archive, loads the parsers and takes the ports.
func Open(o Options) (n *Node, err error) {
	if o.Registry == nil {
		o.Registry = prometheus.NewRegistry()
	}
	n = &Node{o: o}
	defer func() {
		if err != nil {
			err = errors.Join(err, n.Close())
			n = nil
		}
	}()
	if err := CheckSocket(o.Socket); err != nil {
		return n, err
	}
	parsers, err := parse.Load(o.Parsers)
	if parsers == nil {
		return n, fmt.Errorf("load parsers: %w", err)
	}
	if err != nil { // files that are wrong are left out, the others work
		o.Log.Warn("parser modules were refused", "error", err)
	}
	if err := n.openArchive(); err != nil {
		return n, err
	}
	n.inForce.options, n.inForce.counted = o, pipeline.NewMetrics(o.Registry)
	if err := n.usePipeline(o.Pipeline, parsers); err != nil {
		return n, err
	}
	if err := n.openRecords(); err != nil {
		return n, err
	}
	if err := n.openCollections(); err != nil {
		return n, err
	}
	n.executor = &executor{declared: &n.declared, archive: n.archive, node: n.id, tails: newTails(n.archive, n.id), started: llama.At(time.Now()), working: n.o.Working}
	if n.executor.working == nil {
		n.executor.working = func() func() { return func() {} }
	}
	n.executor.budgets.Store(newBudgets(n.o.Queries, n.archive))
	var warming sync.WaitGroup
	defer warming.Wait()
	warming.Go(n.warm)
	if err := n.openReceivers(); err != nil {
		return n, err
	}
	return n, n.openSocket()
}

func (n *Node) openArchive() error {
	files, err := fsys.Dir(filepath.Join(n.o.Data, "node"))
	if err != nil {
		return fmt.Errorf("open the node's folder: %w", err)
	}
	n.opened = append(n.opened, files)
	keys, err := seal.OpenKeyring(files, "keyring", n.o.Master)
	if err != nil {
		return fmt.Errorf("open the node's keyring: %w", err)
	}
	n.opened = append(n.opened, keys)
	n.files, n.keys = files, keys
	if n.identity, err = envelope.OpenIdentity(files, identityFile, keys); err != nil {
		return err
	}
	n.id = n.identity.ID()
	if n.o.Joined {
		if err := n.openMembership(files, keys); err != nil {
			return err
		}
	}
	disk, err := fsys.Dir(filepath.Join(n.o.Data, "node", "archive"))
	if err != nil {
		return fmt.Errorf("open the archive's folder: %w", err)
	}
	n.opened = append(n.opened, disk)
	n.o.Archive.Logger, n.o.Archive.Metrics = n.o.Log, n.o.Registry
	n.o.Archive.Signer = n.identity.Signer()
	if n.archive, err = archive.Open(disk, n.o.Master, n.o.Archive); err != nil {
		return fmt.Errorf("open archive: %w", err)
	}
	n.opened = append(n.opened, n.archive)
	return nil
}

// identityFile has the node's keys.
const identityFile = "identity"

// Identity returns the node's keys.
func (n *Node) Identity() *envelope.Identity { return n.identity }

// Membership returns which central the node has joined; nil for one that is in one
// process with its central.
func (n *Node) Membership() *Membership { return n.member }

func (n *Node) openMembership(files fsys.FS, keys *seal.Keyring) error {
	here, err := machine(n.o.Uplink.MachineID)
	if err != nil {
		return err
	}
	if n.member, err = unsealMembership(files, keys, here); err != nil {
		return err
	}
	n.id = n.member.Node
	return nil
}

// Join says whose tasks a node runs.
type Join struct {
	Central envelope.Public
	Target  string
	Link    task.Link
}

// Run receives and answers until ctx ends. The receivers stop first; the archive
// goes on until what they held is safe.
func (n *Node) Run(ctx context.Context, j Join) error {
	return n.run(ctx, n.newRunner(j))
}

func (n *Node) newRunner(j Join) *task.Runner {
	return task.NewRunner(task.RunnerOptions{
		Identity: n.identity, Central: j.Central, Target: j.Target, Version: n.o.Version,
		Link: j.Link, Executor: recorded{n.executor, n.ledger}, Commander: n, Health: n.executor.health, Log: n.o.Log, Metrics: n.o.Registry,
	})
}

func (n *Node) run(ctx context.Context, runner *task.Runner) error {
	keep, stopKeeping := context.WithCancel(context.WithoutCancel(ctx))
	defer stopKeeping()
	group, ctx := errgroup.WithContext(ctx)
	var keeping errgroup.Group
	keeping.Go(func() error { return n.archive.Run(keep) })
	keeping.Go(func() error { return n.records.Run(keep) })
	group.Go(func() error { return runner.Run(ctx) })
	group.Go(func() error { return n.executor.measure(ctx) })
	group.Go(func() error { return n.measure(ctx) })
	group.Go(func() error { return n.serveSocket(ctx) })
	for _, r := range n.receivers {
		group.Go(func() error { return r.Run(ctx, entry{&n.inForce.pipeline, r.origin}) })
	}
	err := group.Wait()
	stopKeeping()
	return errors.Join(err, keeping.Wait())
}

// Close closes what Open opened, the last first.
func (n *Node) Close() error {
	var errs []error
	for i := len(n.opened) - 1; i >= 0; i-- {
		errs = append(errs, n.opened[i].Close())
	}
	n.opened = nil
	return errors.Join(errs...)
}
