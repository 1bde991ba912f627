package receive

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/config"
)

// SyslogTCPOptions configure syslog over TCP and TLS.
type SyslogTCPOptions struct {
	Env
	Listen     string        `yaml:"listen" doc:"Address and port; an address left out means all."`
	TLS        *TLSOptions   `yaml:"tls" doc:"Take TLS connections, and no others."`
	MaxMessage config.Size   `yaml:"max_message" doc:"Longer messages are cut here and marked in log.flags. Default: 64KiB."`
	MaxPeers   int           `yaml:"max_peers" doc:"Connections at once; more are closed at once. Default: 1024."`
	IdleAfter  time.Duration `yaml:"idle_after" doc:"Close a connection that was silent for so long. Most senders lose an event when that happens, so the default is never; peers that are gone are found by keepalives."`
}

const (
	defaultMaxMessage = 64 * config.KiB
	minMaxMessage     = 480 * config.Size(1) // what RFC 5424 wants each receiver to take
	maxMaxMessage     = config.MiB
	defaultMaxPeers   = 1024
)

// Validate says which option is wrong.
func (o *SyslogTCPOptions) Validate() error {
	switch {
	case o.MaxPeers < 0:
		return config.Wrong("max_peers", "is negative; e.g. 1024")
	case o.IdleAfter < 0:
		return config.Wrong("idle_after", "is negative; e.g. 1h")
	}
	return errors.Join(validListen(o.Listen), validMaxMessage(o.MaxMessage))
}

func validListen(address string) error {
	if !config.IsAddress(address) {
		return config.Wrong("listen", "%q is not an address and a port; e.g. 127.0.0.1:5514", address)
	}
	return nil
}

func validMaxMessage(size config.Size) error {
	if size != 0 && (size < minMaxMessage || size > maxMaxMessage) {
		return config.Wrong("max_message", "%s is out of range; from %s to %s", size, minMaxMessage, maxMaxMessage)
	}
	return nil
}

// SyslogTCP receives syslog from TCP and TLS peers. A connection reads its next
// chunk only after the sink took the last, so a slow sink slows senders.
type SyslogTCP struct {
	o        SyslogTCPOptions
	protocol string // the first word of Event.Source
	tls      *tls.Config
	listener net.Listener
	log      *slog.Logger
	metrics  counters
	open     atomic.Int64
}

// OpenSyslogTCP takes the port.
func OpenSyslogTCP(o SyslogTCPOptions) (*SyslogTCP, error) {
	s := &SyslogTCP{o: o, protocol: "syslog-tcp"}
	if s.o.MaxMessage == 0 {
		s.o.MaxMessage = defaultMaxMessage
	}
	if s.o.MaxPeers == 0 {
		s.o.MaxPeers = defaultMaxPeers
	}
	var err error
	if o.TLS != nil {
		s.protocol = "syslog-tls"
		if s.tls, err = o.TLS.load(); err != nil {
			return nil, err
		}
	}
	_, s.log, s.metrics = o.named(s.protocol)
	if s.listener, err = net.Listen("tcp", o.Listen); err != nil {
		return nil, fmt.Errorf("open %s: %w", s.protocol, err)
	}
	return s, nil
}

// Addr is where it listens.
func (s *SyslogTCP) Addr() net.Addr { return s.listener.Addr() }

// Close gives the port back. It is for a receiver that will not run again.
func (s *SyslogTCP) Close() error {
	if err := s.listener.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

// Run serves peers until ctx ends, then lets each finish the batch it holds.
func (s *SyslogTCP) Run(ctx context.Context, sink llama.Sink) error {
	var peers sync.WaitGroup
	defer peers.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // runs before the wait, so an error below ends the peers too
	stop := context.AfterFunc(ctx, func() { s.listener.Close() })
	defer stop()
	for {
		conn, err := s.listener.Accept()
		switch {
		case err != nil && ctx.Err() != nil:
			return nil
		case err != nil && passing(err):
			s.log.Warn("connection not accepted", slog.Any("error", err))
			wait(ctx, 100*time.Millisecond)
		case err != nil:
			return fmt.Errorf("accept on %s: %w", s.listener.Addr(), err)
		case s.open.Load() >= int64(s.o.MaxPeers):
			s.metrics.turnedAway.Inc()
			conn.Close()
		default:
			s.count(1)
			peers.Go(func() { // returns when conn ends or ctx does
				defer s.count(-1)
				s.serve(ctx, conn, sink)
			})
		}
	}
}

func (s *SyslogTCP) count(n int) {
	s.open.Add(int64(n))
	s.metrics.connections.Add(float64(n))
}

// passing reports whether accepting may work again in a while.
func passing(err error) bool {
	for _, errno := range []syscall.Errno{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.ECONNABORTED} {
		if errors.Is(err, errno) {
			return true
		}
	}
	return false
}

func wait(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

const (
	handshakeLimit = 10 * time.Second
	// drain is how long a peer is read after the end of Run. What the kernel has
	// taken is delivered in the sender's eyes, and it can not be given back.
	drain = 100 * time.Millisecond
)

func (s *SyslogTCP) serve(ctx context.Context, conn net.Conn, sink llama.Sink) {
	defer conn.Close()
	if s.tls != nil {
		stream := newTLSStream(conn, s.tls)
		limited, cancel := context.WithTimeout(ctx, handshakeLimit)
		err := stream.HandshakeContext(limited)
		cancel()
		if err != nil {
			s.metrics.turnedAway.Inc()
			s.log.Debug("handshake refused", slog.String("peer", conn.RemoteAddr().String()), slog.Any("error", err))
			return
		}
		conn = stream
	}
	p := peer{
		conn: conn, idle: s.o.IdleAfter,
		source:   s.protocol + " " + hostOf(conn.RemoteAddr()),
		splitter: splitter{max: int(s.o.MaxMessage)},
		putter:   putter{sink, s.log, s.metrics},
	}
	if err := p.run(ctx); err != nil {
		s.log.Warn("connection ended by an error", slog.String("peer", conn.RemoteAddr().String()), slog.Any("error", err))
	}
}

// hostOf returns the address without its port: a new connection is not a new
// source.
func hostOf(a net.Addr) string {
	if tcp, ok := a.(*net.TCPAddr); ok {
		return tcp.AddrPort().Addr().Unmap().String()
	}
	return a.String()
}
