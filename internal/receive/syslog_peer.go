package receive

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"time"
	"unsafe"

	"github.com/llama-logs/llama"
)

// A peer is one syslog connection.
type peer struct {
	putter
	conn     net.Conn
	idle     time.Duration
	source   string
	splitter splitter
	spans    []span
	events   []llama.Event
	inPace   bool // with what was read last
	little   bool // was read last
}

// firstChunk is how much is read at once at first; what fills its chunk gets
// larger ones, so that a thousand silent peers cost little.
const firstChunk = 64 << 10

// littleBytes is how much a read gives at least of a peer that sends much: a record of TLS.
const littleBytes = 16 << 10

// run reads until the peer, the sink or ctx ends. What one read gave is one
// batch: it does not wait for more, and while the sink is at work the kernel
// gathers the next.
func (p *peer) run(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { p.conn.SetReadDeadline(time.Now().Add(drain)) })
	defer stop()
	buf, held := make([]byte, max(firstChunk, roomFor(p.splitter.max))), 0
	for {
		p.renewDeadline(ctx)
		n, readErr := p.conn.Read(buf[held:])
		full := held+n == len(buf)
		p.inPace, p.little = p.keepsUp(full), n < littleBytes
		used, err := p.take(ctx, buf[:held+n], readErr != nil)
		if err != nil {
			return err
		}
		if readErr != nil {
			return ended(readErr)
		}
		held = copy(buf, buf[used:held+n])
		if full && len(buf) < maxBatchBytes {
			buf = append(make([]byte, 0, 2*len(buf)), buf[:held]...)
			buf = buf[:cap(buf)]
		}
	}
}

// keepsUp reports whether it is known that nothing more of the sender waits, after a read that
// gave as much as there was room for, or less. Of a connection under TLS a read gives what is
// decrypted, which says nothing.
func (p *peer) keepsUp(full bool) bool {
	_, isTLS := p.conn.(*tlsStream)
	return !full && !isTLS
}

// renewDeadline must not take back the deadline that the end of ctx has set.
func (p *peer) renewDeadline(ctx context.Context) {
	if p.idle == 0 || ctx.Err() != nil {
		return
	}
	p.conn.SetReadDeadline(time.Now().Add(p.idle))
	if ctx.Err() != nil {
		p.conn.SetReadDeadline(time.Now().Add(drain))
	}
}

// ended drops the errors by which connections end every day.
func ended(err error) error {
	if err == io.EOF || errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, net.ErrClosed) || errors.Is(err, syscall.ECONNRESET) {
		return nil
	}
	return err
}

// take puts the messages of chunk and returns how many bytes it is done with.
func (p *peer) take(ctx context.Context, chunk []byte, last bool) (int, error) {
	used := 0
	for used < len(chunk) {
		spans, n := p.splitter.split(p.spans[:0], chunk[used:], last, maxBatchEvents)
		p.spans = spans
		if len(spans) > 0 {
			// A sink keeps nothing of it, and the next is read when Put has returned.
			text, at := unsafe.String(&chunk[used], n), now()
			if err := p.put(ctx, func() *llama.Batch { return p.batch(text, at) }); err != nil {
				p.metrics.dropped.Add(float64(len(spans)))
				return 0, err
			}
		}
		used += n
		if len(spans) < maxBatchEvents {
			break
		}
	}
	return used, nil
}

// batch makes the events of text, which they share.
func (p *peer) batch(text string, at llama.Time) *llama.Batch {
	p.events = room(p.events, len(p.spans))
	for i, m := range p.spans {
		e := &p.events[i]
		e.Time, e.Ingested, e.Source, e.Message = at, at, p.source, text[m.start:m.end]
		if m.cut {
			p.metrics.markCut(e)
		}
	}
	return &llama.Batch{Events: p.events, InPace: p.inPace, Patient: p.little}
}
