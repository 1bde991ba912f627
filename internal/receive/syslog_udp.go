package receive

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/config"
	"golang.org/x/sync/errgroup"
)

// SyslogUDPOptions configure syslog over UDP.
type SyslogUDPOptions struct {
	Env
	Listen     string      `yaml:"listen" doc:"Address and port; an address left out means all."`
	MaxMessage config.Size `yaml:"max_message" doc:"Longer messages are cut here and marked in log.flags. Default: 64KiB."`
	Sockets    int         `yaml:"sockets" doc:"Sockets that share the port, each read by itself; senders are spread over them. Linux only. Default: 1."`
	Buffer     config.Size `yaml:"buffer" doc:"What the kernel keeps for a socket while the archive is at work; the kernel may allow less. Default: 8MiB."`
}

const (
	defaultUDPBuffer = 8 * config.MiB
	maxUDPSockets    = 64
	// patientBuffer, in bytes, is what 50,000 datagrams of 200 bytes a second need in 20 ms, a
	// few times over.
	patientBuffer = 2 << 20
	// manyPackets, at once, come at a rate at which nothing should wait.
	manyPackets = 1024
)

// Validate says which option is wrong.
func (o *SyslogUDPOptions) Validate() error {
	switch {
	case o.Sockets < 0 || o.Sockets > maxUDPSockets:
		return config.Wrong("sockets", "%d is out of range; from 1 to %d", o.Sockets, maxUDPSockets)
	case o.Buffer < 0 || o.Buffer > config.GiB:
		return config.Wrong("buffer", "%s is out of range; up to 1GiB", o.Buffer)
	}
	return errors.Join(validListen(o.Listen), validMaxMessage(o.MaxMessage))
}

// SyslogUDP receives one event a datagram. It cannot make senders wait, so what
// the sink refuses is lost and counted, and what comes faster than the sink takes
// it lies in the kernel's buffer; what that drops is counted too, where the
// kernel tells.
type SyslogUDP struct {
	max     int
	patient bool // the kernel keeps enough for some milliseconds
	conns   []*net.UDPConn
	log     *slog.Logger
	metrics counters
}

// OpenSyslogUDP takes the port.
func OpenSyslogUDP(o SyslogUDPOptions) (*SyslogUDP, error) {
	if o.MaxMessage == 0 {
		o.MaxMessage = defaultMaxMessage
	}
	if o.Buffer == 0 {
		o.Buffer = defaultUDPBuffer
	}
	s := &SyslogUDP{max: int(o.MaxMessage), patient: true}
	_, s.log, s.metrics = o.named("syslog-udp")
	listen := net.ListenConfig{}
	if o.Sockets > 1 {
		listen.Control = sharePort
	}
	for address := o.Listen; len(s.conns) < max(1, o.Sockets); {
		conn, err := listen.ListenPacket(context.Background(), "udp", address)
		if err != nil {
			s.Close()
			return nil, fmt.Errorf("open syslog-udp: %w", err)
		}
		udp := conn.(*net.UDPConn)
		s.conns = append(s.conns, udp)
		s.patient = enlarge(udp, int(o.Buffer)) >= patientBuffer && s.patient
		address = udp.LocalAddr().String() // port 0 is chosen by the first
	}
	return s, nil
}

// Addr is where it listens.
func (s *SyslogUDP) Addr() net.Addr { return s.conns[0].LocalAddr() }

// Close gives the port back.
func (s *SyslogUDP) Close() error {
	var errs []error
	for _, conn := range s.conns {
		if err := conn.Close(); !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// Run reads datagrams until ctx ends, then takes those the kernel still holds.
func (s *SyslogUDP) Run(ctx context.Context, sink llama.Sink) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, conn := range s.conns {
		group.Go(func() error { return s.serve(ctx, conn, sink) })
	}
	return group.Wait()
}

func (s *SyslogUDP) serve(ctx context.Context, conn *net.UDPConn, sink llama.Sink) error {
	stop := context.AfterFunc(ctx, func() { conn.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	in, err := newDatagrams(conn, s.max)
	if err != nil {
		return fmt.Errorf("read %s: %w", conn.LocalAddr(), err)
	}
	u := udpReader{in: in, sources: map[netip.Addr]string{}, s: s}
	for ctx.Err() == nil {
		if err = in.wait(); err == nil {
			u.put(ctx, sink)
		} else if !errors.Is(err, os.ErrDeadlineExceeded) {
			return fmt.Errorf("read %s: %w", conn.LocalAddr(), err)
		}
	}
	for range maxDrains {
		if in.more(); len(in.packets) == 0 {
			break
		}
		u.put(ctx, sink)
	}
	return nil
}

// maxDrains bounds what is read after the end: a fast sender must not keep the
// process from ending.
const maxDrains = 64

// A packet is one datagram in the text of its batch.
type packet struct {
	span
	from netip.Addr
}

// A udpReader makes batches of the datagrams of one socket.
type udpReader struct {
	s       *SyslogUDP
	in      *datagrams
	events  []llama.Event
	sources map[netip.Addr]string
	quiet   sync.Once
	lost    uint64 // datagrams the kernel had dropped when last asked
}

func (u *udpReader) put(ctx context.Context, sink llama.Sink) {
	text, at := string(u.in.text), now()
	u.events = room(u.events, len(u.in.packets))
	events := u.events[:0]
	for _, p := range u.in.packets {
		message := text[p.start : p.end-trailing(u.in.text[p.start:p.end])]
		if message == "" {
			continue
		}
		events = events[:len(events)+1]
		e := &events[len(events)-1]
		e.Time, e.Ingested, e.Source, e.Message = at, at, u.source(p.from), message
		if p.cut {
			u.s.metrics.markCut(e)
		}
	}
	came := len(u.in.packets)
	u.in.reset()
	if len(events) > 0 {
		patient := u.s.patient && came < manyPackets && ctx.Err() == nil
		u.count(sink.Put(context.WithoutCancel(ctx), &llama.Batch{Events: events, Patient: patient}), len(events))
	}
	if lost := u.in.kernelDrops(); lost > u.lost {
		u.s.metrics.kernel.Add(float64(lost - u.lost))
		u.lost = lost
	}
}

func (u *udpReader) count(err error, events int) {
	if err == nil {
		return
	}
	u.s.metrics.dropped.Add(float64(events))
	u.quiet.Do(func() {
		u.s.log.Warn("events lost, the sink refuses them; more are only counted", slog.Any("error", err))
	})
}

// maxSources bounds the names kept of senders: addresses can be forged.
const maxSources = 4096

func (u *udpReader) source(from netip.Addr) string {
	name, ok := u.sources[from]
	if !ok {
		if len(u.sources) >= maxSources {
			clear(u.sources)
		}
		name = "syslog-udp " + from.String()
		u.sources[from] = name
	}
	return name
}
