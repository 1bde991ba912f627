package task

import (
	"context"
	"encoding/json"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/envelope"
)

const (
	// tailWindow is how many batches of a live tail may be under way. What comes on
	// top waits a little, and is dropped and counted then.
	tailWindow = 64
	// tailPatience is how long batches wait for acknowledgements, all together, so that none
	// is dropped because those come late: over a long line a few hundred batches a second are
	// more than may be under way. It comes back by a share of the time, one in so many: where
	// more comes than can be sent, the tail is to lag by seconds and not by hours.
	tailPatience      = 2 * time.Second
	tailPatienceShare = 20
)

// A tail follows events for central. It ends when central says so, or says
// nothing for the time of its lease.
type tail struct {
	id     uuid.UUID
	cancel context.CancelFunc
	lease  *time.Timer

	mu    sync.Mutex
	sent  uint64 // batches
	acked uint64
	lost  uint64 // events dropped since the last batch
	waits tolerance
	news  chan struct{} // of acknowledgements
	last  uint64        // arrival number of the last event sent, or that it began after
}

// ask serves a request beside the tasks, unless there are too many: then it is
// as if it had not arrived.
func (r *Runner) ask(asks *sync.WaitGroup, serve func()) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.asks >= maxAsks {
		return false
	}
	r.asks++
	asks.Go(func() {
		serve()
		r.mu.Lock()
		defer r.mu.Unlock()
		r.asks--
	})
	return true
}

func (r *Runner) status(ctx context.Context, id uuid.UUID) {
	var a answer
	s, err := r.o.Executor.Status(ctx)
	if a.Status = s; err != nil {
		r.o.Log.Error("status not known", "error", err)
		a.Error, _ = shown(err)
	}
	r.sendJSON(envelope.Header{Kind: kindAnswer, Query: id}, a)
}

// tail begins a live tail, or goes on with one.
func (r *Runner) tail(ctx context.Context, asks *sync.WaitGroup, id uuid.UUID, acked uint64, body []byte) {
	r.mu.Lock()
	t := r.tails[id]
	r.mu.Unlock()
	if t != nil {
		t.lease.Reset(r.o.Lease)
		t.ack(acked)
		r.emitLines(t, nil, 0)
		return
	}
	var task Task
	if err := json.Unmarshal(body, &task); err != nil || task.Target != r.o.Target {
		r.endTail(id, 0, llama.Errorf(llama.Forbidden, "the node does not follow this for central"))
		return
	}
	task.ID = id
	ctx, cancel := context.WithCancel(ctx)
	t = &tail{id: id, last: task.After, news: make(chan struct{}, 1), cancel: cancel, lease: time.AfterFunc(r.o.Lease, cancel)}
	r.mu.Lock()
	r.tails[id] = t
	r.mu.Unlock()
	if !r.ask(asks, func() { r.follow(ctx, t, task) }) {
		r.forget(t)
	}
}

func (r *Runner) forget(t *tail) {
	t.lease.Stop()
	t.cancel()
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.tails, t.id)
}

func (r *Runner) follow(ctx context.Context, t *tail, task Task) {
	defer r.forget(t)
	err := r.o.Executor.Follow(ctx, task, func(rows []Row, lost uint64) {
		t.wait(ctx)
		r.emitLines(t, rows, lost)
	})
	if ctx.Err() == nil {
		r.endTail(t.id, t.sent, err)
	}
}

// emitLines sends a batch, or drops it when too many are under way. Without rows
// it sends what was lost, if anything was.
func (r *Runner) emitLines(t *tail, rows []Row, lost uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.lost += lost
	if len(rows) == 0 && t.lost == 0 {
		return
	}
	var text []byte
	if t.sent-t.acked < tailWindow {
		text = encodeRows(rows)
	}
	if text == nil || len(text) > maxPiece {
		t.lost += uint64(len(rows))
		r.metrics.lost.Add(int64(len(rows)))
		return
	}
	l := lines{lost: t.lost, before: t.last, text: text}
	for _, row := range rows {
		t.last = max(t.last, seqOf(row))
	}
	r.send(envelope.Header{Kind: kindLines, Query: t.id, Frame: t.sent}, l.encode())
	t.lost = 0
	t.sent++
}

func (r *Runner) endTail(id uuid.UUID, number uint64, err error) {
	text := "the node has ended the live tail"
	if err != nil {
		text, _ = shown(err)
	}
	l := lines{ended: true, text: []byte(text)}
	r.send(envelope.Header{Kind: kindLines, Query: id, Frame: number}, l.encode())
}

func (t *tail) ack(next uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.acked = min(max(t.acked, next), t.sent)
	select {
	case t.news <- struct{}{}:
	default:
	}
}

// wait waits until there is room for a batch, as long as there is patience.
func (t *tail) wait(ctx context.Context) {
	for ctx.Err() == nil {
		began := time.Now()
		t.mu.Lock()
		most := t.waits.left(began)
		full := t.sent-t.acked >= tailWindow
		t.mu.Unlock()
		if !full || most <= 0 {
			return
		}
		timer := time.NewTimer(most)
		select {
		case <-t.news:
		case <-timer.C:
		case <-ctx.Done():
		}
		timer.Stop()
		t.mu.Lock()
		t.waits.spent += time.Since(began)
		t.mu.Unlock()
	}
}

// A tolerance is how long one may wait still. The zero value has all there is.
type tolerance struct {
	spent time.Duration
	at    time.Time // of spent
}

func (p *tolerance) left(now time.Time) time.Duration {
	if !p.at.IsZero() {
		p.spent = max(0, p.spent-now.Sub(p.at)/tailPatienceShare)
	}
	p.at = now
	return tailPatience - p.spent
}
