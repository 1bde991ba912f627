package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"syscall"
	"text/tabwriter"

	"github.com/llama-logs/llama/internal/carrier"
	"github.com/llama-logs/llama/internal/central"
	"github.com/llama-logs/llama/internal/fsys"
	"github.com/llama-logs/llama/internal/node"
	"github.com/llama-logs/llama/internal/receive"
	"github.com/llama-logs/llama/web"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"
)

func newUp() *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:   "up",
		Short: "Run everything in one process: page, broker, database and one node",
		Long: `Runs central with its page, the broker, the database and one node, called local,
in one process and one data directory, until it is interrupted. The next start
finds everything as it was.

The first start makes the master key, the user admin with a random password, and
a token for the ingest door, and says where they lie.`,
		Example: `  llama up
  llama up --data /srv/llama --master-key /etc/llama/master.key --listen 0.0.0.0:443
  llama up -c llama.yaml`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := readConfig(file)
			if err != nil {
				return err
			}
			overlay(cmd, "data", &c.Data)
			c.Master.overlay(cmd)
			overlay(cmd, "listen", &c.Central.Listen)
			overlay(cmd, "syslog", &c.Node.Syslog)
			overlay(cmd, "ingest", &c.Node.Ingest)
			return up(cmd.Context(), c, cmd.OutOrStdout())
		},
	}
	d := defaultConfig()
	flags := cmd.Flags()
	flags.StringVarP(&file, "config", "c", "", "configuration `FILE`; flags win over it")
	flags.String("data", d.Data, "`DIR` that holds the data")
	flags.String("listen", d.Central.Listen, "`ADDRESS` of the page and the API; TLS unless it is loopback")
	flags.String("syslog", d.Node.Syslog, "`ADDRESS` for syslog over UDP and TCP")
	flags.String("ingest", d.Node.Ingest, "`ADDRESS` of the HTTP ingest door; TLS unless it is loopback")
	d.Master.flags(cmd)
	return cmd
}

// localTarget is the target of the node that runs within this process.
const localTarget = "local"

// process is what `llama up` holds: the parts in the order of their opening.
type process struct {
	log     *slog.Logger
	opened  []io.Closer
	central *central.Central
	node    *node.Node
	link    *carrier.Link
}

// garbage is how much the heap grows, in percent of what lives in it, before it is
// collected, unless GOGC says otherwise. Little garbage is made, so 70 costs some
// hundredths of the time of Go's own 100 at full rate, and saves a fifth of the memory.
const garbage = 70

// up opens everything, says where it is, and runs until ctx ends.
func up(ctx context.Context, c Config, out io.Writer) (err error) {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(garbage)
	}
	p := &process{log: c.Log.logger()}
	defer func() { err = errors.Join(err, p.close()) }()
	if err := p.open(ctx, &c); err != nil {
		return err
	}
	at := p.listening()
	if err := at.write(c.Data); err != nil {
		return err
	}
	defer os.Remove(listeningFile(c.Data)) // a file left over is written anew by the next start
	if err := greet(out, c, at); err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return p.central.Run(ctx) })
	group.Go(func() error {
		return p.node.Run(ctx, node.Join{Central: p.central.Public(), Target: localTarget, Link: p.link})
	})
	err = group.Wait()
	if err == nil {
		words(os.Stderr, "llama: stopping; what was taken is being put away")
	}
	return err
}

func (p *process) open(ctx context.Context, c *Config) error {
	if err := p.takeData(c); err != nil {
		return err
	}
	if err := portsFree(c); err != nil {
		return err
	}
	master, err := c.Master.open(c.Data, newAsker())
	if err != nil {
		return err
	}
	if _, err := receive.CreateTokenFile(ingestTokenFile(c.Data)); err != nil {
		return fmt.Errorf("make the ingest token: %w", err)
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	c.Central.Env = central.Env{Data: c.Data, Master: master, Page: web.Dist(), Log: p.log, Registry: registry}
	if p.central, err = central.Open(ctx, c.Central); err != nil {
		return err
	}
	p.opened = append(p.opened, p.central)
	c.Node.Env = node.Env{
		Data: c.Data, Master: master, Tokens: ingestTokenFile(c.Data), Socket: socketFile(c.Data),
		Version: version, Log: p.log, Registry: registry, TLS: p.central.TLS,
	}
	if p.node, err = node.Open(c.Node); err != nil {
		return err
	}
	p.opened = append(p.opened, p.node)
	dial, err := p.central.Enrol(ctx, localTarget, p.node.Public())
	if err != nil {
		return err
	}
	if p.link, err = carrier.Open(dial, p.log); err != nil {
		return err
	}
	p.opened = append(p.opened, p.link)
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
func portsFree(c *Config) error {
	for _, p := range []struct{ flag, network, address string }{
		{"listen", "tcp", c.Central.Listen},
		{"syslog", "tcp", c.Node.Syslog},
		{"syslog", "udp", c.Node.Syslog},
		{"ingest", "tcp", c.Node.Ingest},
	} {
		if p.address == "" {
			continue
		}
		port, err := tryPort(p.network, p.address)
		if errors.Is(err, syscall.EADDRINUSE) {
			return fmt.Errorf("the %s port %s is taken by another program; stop it, or name another port with --%s", strings.ToUpper(p.network), p.address, p.flag)
		}
		if err != nil {
			return fmt.Errorf("--%s: %w", p.flag, err)
		}
		if err := port.Close(); err != nil {
			return fmt.Errorf("--%s: %w", p.flag, err)
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

func (p *process) listening() listening {
	at := listening{PID: os.Getpid(), Page: p.central.URL()}
	if addr := p.node.Addr(node.KindSyslogTCP, false); addr != nil {
		at.Syslog = fromHere(addr)
	}
	if addr := p.node.Addr(node.KindSyslogTCP, true); addr != nil {
		at.SyslogTLS = fromHere(addr)
	}
	if addr := p.node.Addr(node.KindHTTP, false); addr != nil {
		at.Ingest = fromHere(addr)
	} else if addr := p.node.Addr(node.KindHTTP, true); addr != nil {
		at.Ingest, at.IngestTLS = fromHere(addr), true
	}
	return at
}

// greet says where everything is and what to try first.
func greet(out io.Writer, c Config, at listening) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	line := func(name, format string, args ...any) {
		fmt.Fprintf(w, "  "+name+"\t"+format+"\n", args...) // Flush tells
	}
	fmt.Fprintf(w, "LLAMA %s is up.\n\n", version)
	line("page", "%s", at.Page)
	if _, err := os.Stat(passwordFile(c.Data)); err == nil {
		line("sign in", "as admin, with the password in %s", passwordFile(c.Data))
	}
	if _, err := os.Stat(caFile(c.Data)); err == nil {
		line("certificate", "its authority is %s", caFile(c.Data))
	}
	if at.Syslog != "" {
		line("syslog", "%s, UDP and TCP", at.Syslog)
	}
	if at.SyslogTLS != "" {
		line("syslog", "%s, TLS", at.SyslogTLS)
	}
	if at.Ingest != "" {
		line("ingest", "http%s://%s, with the token in %s", map[bool]string{true: "s"}[at.IngestTLS], at.Ingest, ingestTokenFile(c.Data))
	}
	line("data", "%s", c.Data)
	line("master key", "%s; without it the data cannot be read, so keep a copy elsewhere", &c.Master)
	fmt.Fprintf(w, "\nTry, from another terminal:\n\n")
	for _, command := range firstSteps(c, at) {
		fmt.Fprintf(w, "  %s\n", command)
	}
	fmt.Fprintln(w)
	return w.Flush()
}

func firstSteps(c Config, at listening) []string {
	data := ""
	if c.Data != defaultData() {
		data = " --data " + c.Data
	}
	program := os.Args[0]
	var steps []string
	if at.Syslog != "" {
		steps = append(steps, "logger --server "+host(at.Syslog)+" --port "+port(at.Syslog)+" --tcp 'hello from the first start'")
	}
	if at.Ingest != "" {
		steps = append(steps, program+" import"+data+" --collection sshd /var/log/auth.log")
	}
	return append(steps, program+" query --local"+data+" '* | stats by (_collection) count() events'")
}
