package node

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/config"
	"github.com/llama-logs/llama/internal/pipeline"
	"github.com/llama-logs/llama/internal/receive"
)

// A Receiver is one of its kinds.
type Receiver struct {
	Name      string                    `yaml:"name" doc:"What routes and metrics call it. Default: its kind."`
	SyslogUDP *receive.SyslogUDPOptions `yaml:"syslog_udp" doc:"Syslog datagrams."`
	SyslogTCP *receive.SyslogTCPOptions `yaml:"syslog_tcp" doc:"Syslog over TCP (RFC 6587), with or without TLS."`
	HTTP      *receive.HTTPOptions      `yaml:"http" doc:"Another ingest door."`
	Files     *receive.FilesOptions     `yaml:"files" doc:"Files that are followed."`
}

// Validate says which key is wrong.
func (r *Receiver) Validate() error {
	kinds := 0
	for _, there := range []bool{r.SyslogUDP != nil, r.SyslogTCP != nil, r.HTTP != nil, r.Files != nil} {
		if there {
			kinds++
		}
	}
	if kinds != 1 {
		return errors.New("a receiver has one kind; syslog_udp, syslog_tcp, http or files")
	}
	return nil
}

// Invariant: what receivers are given has events decoded on the way; without it they would
// decode them, unnoticed.
var _ receive.DecodingSink = entry{}

// A receiver takes logs until its context ends.
type receiver interface {
	io.Closer
	Run(ctx context.Context, sink llama.Sink) error
}

// running is an open receiver and what routes know of it.
type running struct {
	receiver
	origin pipeline.Origin
	addr   net.Addr // nil when it does not listen
	kind   string
	tls    bool
}

// Kinds of receivers, as an address is asked for.
const (
	KindSyslogUDP = "syslog_udp"
	KindSyslogTCP = "syslog_tcp"
	KindHTTP      = "http"
	kindFiles     = "files"
)

// Addr returns where the first receiver of a kind listens, and whether it wants
// TLS; nil when there is none.
func (n *Node) Addr(kind string, secure bool) net.Addr {
	for _, r := range n.receivers {
		if r.kind == kind && r.addr != nil && r.tls == secure {
			return r.addr
		}
	}
	return nil
}

// openReceivers opens those of the two short keys and the listed ones.
func (n *Node) openReceivers() error {
	var wanted []Receiver
	if n.o.Ingest != "" {
		wanted = append(wanted, Receiver{HTTP: &receive.HTTPOptions{Listen: n.o.Ingest}})
	}
	metrics := receive.NewMetrics(n.o.Registry)
	if n.o.Syslog != "" {
		if err := n.openSyslog(metrics); err != nil {
			return fmt.Errorf("node.syslog: %w", err)
		}
	}
	for i, r := range append(wanted, n.o.Receivers...) {
		if err := n.openReceiver(r, metrics); err != nil {
			key := fmt.Sprintf("node.receivers[%d]", i-len(wanted))
			if i < len(wanted) {
				key = "node.ingest"
			}
			return fmt.Errorf("%s: %w", key, err)
		}
	}
	return nil
}

// openSyslog takes one port for UDP and TCP. When any port will do, the one that
// TCP got is taken for UDP; another program may have it there, so it is tried a
// few times.
func (n *Node) openSyslog(metrics *receive.Metrics) error {
	_, port, err := net.SplitHostPort(n.o.Syslog)
	if err != nil {
		return err
	}
	tries := 1
	if port == "0" {
		tries = 10
	}
	for try := 1; ; try++ {
		err := n.openSyslogPair(metrics)
		if err == nil || try == tries {
			return err
		}
	}
}

func (n *Node) openSyslogPair(metrics *receive.Metrics) error {
	env := receive.Env{Log: n.o.Log, Metrics: metrics}
	tcp, err := receive.OpenSyslogTCP(receive.SyslogTCPOptions{Env: env, Listen: n.o.Syslog})
	if err != nil {
		return err
	}
	udp, err := receive.OpenSyslogUDP(receive.SyslogUDPOptions{Env: env, Listen: tcp.Addr().String()})
	if err != nil {
		return errors.Join(err, tcp.Close())
	}
	n.add(running{receiver: tcp, kind: KindSyslogTCP, addr: tcp.Addr()}, "")
	n.add(running{receiver: udp, kind: KindSyslogUDP, addr: udp.Addr()}, "")
	return nil
}

func (n *Node) openReceiver(r Receiver, metrics *receive.Metrics) (err error) {
	env := receive.Env{Name: r.Name, Log: n.o.Log, Metrics: metrics}
	opened := running{}
	switch {
	case r.SyslogUDP != nil:
		o := *r.SyslogUDP
		o.Env = env
		udp, err := receive.OpenSyslogUDP(o)
		if err != nil {
			return err
		}
		opened = running{receiver: udp, kind: KindSyslogUDP, addr: udp.Addr()}
	case r.SyslogTCP != nil:
		o := *r.SyslogTCP
		o.Env = env
		tcp, err := receive.OpenSyslogTCP(o)
		if err != nil {
			return err
		}
		opened = running{receiver: tcp, kind: KindSyslogTCP, addr: tcp.Addr(), tls: o.TLS != nil}
	case r.HTTP != nil:
		o := *r.HTTP
		o.Env, o.Positions = env, n.archive
		if o.Tokens == "" {
			o.Tokens = n.o.Tokens
		}
		o.Added = filepath.Join(n.o.Data, AddedTokens)
		if o.Secure, err = n.doorTLS(o); err != nil {
			return err
		}
		door, err := receive.OpenHTTP(o)
		if err != nil {
			return err
		}
		opened = running{receiver: door, kind: KindHTTP, addr: door.Addr(), tls: o.TLS != nil || o.Secure != nil}
	case r.Files != nil:
		o := *r.Files
		o.Env, o.Positions = env, n.archive
		files, err := receive.OpenFiles(o)
		if err != nil {
			return err
		}
		opened = running{receiver: files, kind: kindFiles}
	}
	n.add(opened, r.Name)
	return nil
}

// AddedTokens is the file in the data directory with the tokens for single
// collections that commands add; a door reads it again when it has changed.
const AddedTokens = "ingest-tokens"

// doorTLS returns the certificate for a door that names none; nil for one that
// does, or that is on loopback. Tokens must not travel in the clear.
func (n *Node) doorTLS(o receive.HTTPOptions) (*tls.Config, error) {
	address, err := net.ResolveTCPAddr("tcp", o.Listen)
	if err != nil {
		return nil, config.Wrong("listen", "%v", err)
	}
	switch {
	case o.TLS != nil || address.IP.IsLoopback():
		return nil, nil
	case n.o.TLS == nil:
		return nil, config.Wrong("listen", "%s is not loopback, and tokens must not travel in the clear; name the door under receivers, with tls: {cert: FILE, key: FILE}", o.Listen)
	}
	return n.o.TLS()
}

func (n *Node) add(r running, name string) {
	r.origin.Receiver = name
	if name == "" {
		r.origin.Receiver = r.kind
	}
	switch addr := r.addr.(type) {
	case *net.TCPAddr:
		r.origin.Port = addr.Port
	case *net.UDPAddr:
		r.origin.Port = addr.Port
	}
	n.receivers = append(n.receivers, r)
	n.opened = append(n.opened, r)
}
