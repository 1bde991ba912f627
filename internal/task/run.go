package task

import (
	"context"
	"errors"
	"math"
	"time"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/envelope"
	"github.com/llama-logs/llama/internal/query"
	"github.com/llama-logs/llama/internal/store"
)

// work runs one task after the other.
func (r *Runner) work(ctx context.Context) error {
	for {
		one, runs := r.next(ctx)
		if one == nil {
			select {
			case <-ctx.Done():
				return nil
			case <-r.wake:
			}
			continue
		}
		r.run(runs, one)
	}
}

// next takes a task whose turn it is, with the context it runs under.
func (r *Runner) next(ctx context.Context) (*run, context.Context) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for {
		one, ok := r.queue.pop()
		if !ok {
			return nil, nil
		}
		if r.queue.len > 0 {
			r.signal() // there is more, for another worker
		}
		if one.gone {
			continue
		}
		runs, cancel := context.WithCancelCause(ctx)
		one.cancel = cancel
		return one, runs
	}
}

func (r *Runner) run(ctx context.Context, one *run) {
	defer one.cancel(nil)
	limited, stop := context.WithDeadline(ctx, one.task.Deadline.Std())
	defer stop()
	r.update(one, func(rep *report) { rep.State = store.Running })

	err := r.execute(limited, one)
	if errors.Is(context.Cause(ctx), errCancelled) || ctx.Err() != nil {
		return // central has forgotten it, or asks again
	}
	one.reportMu.Lock()
	last := one.report
	one.untold = false // the end says it all
	one.reportMu.Unlock()
	last.State = store.Done
	if err != nil {
		last.State, last.Error, last.Code = r.outcome(limited, one, err)
	} else {
		last.Progress = 1
	}
	end(r.metrics.ended, last.State)
	if err := one.end(ctx, last); err != nil {
		r.o.Log.Error("end of task not sent", "query", one.Query, "error", err)
	}
}

// execute runs the task, and stops it when it sends more than it may.
func (r *Runner) execute(ctx context.Context, one *run) error {
	var sent int64
	emit := func(f Frame) error {
		all, err := pieces(f)
		if err != nil {
			return err
		}
		for _, p := range all {
			if sent += int64(len(p.body)); one.task.MaxBytes > 0 && sent > one.task.MaxBytes {
				return errBytes
			}
			if err := one.hand(ctx, p); err != nil {
				return err
			}
		}
		r.update(one, func(rep *report) { rep.Rows += int64(f.Rows) })
		return ctx.Err()
	}
	return r.o.Executor.Partial(ctx, one.task, emit, func(p Progress) {
		r.update(one, func(rep *report) {
			if p.Share >= 0 && p.Share <= 1 { // not NaN, which JSON lacks
				rep.Progress = math.Max(rep.Progress, p.Share)
			}
			rep.Events, rep.Bytes = p.Events, p.Bytes
		})
	})
}

// hand sends a piece once the next is there: the last travels with the end, as each
// envelope takes 0.5 ms of a processor. Where central does not take that, it is sent at
// once.
func (one *run) hand(ctx context.Context, p piece) error {
	if !one.task.EndWithFrame {
		return one.out.put(ctx, p)
	}
	one.waitingMu.Lock()
	defer one.waitingMu.Unlock()
	if one.waiting != nil {
		if err := one.out.put(ctx, *one.waiting); err != nil {
			return err
		}
	}
	one.waiting, one.since = &p, time.Now()
	return nil
}

// handLate sends what waits for the next piece too long, if there is room for it.
func (one *run) handLate() error {
	if !one.waitingMu.TryLock() {
		return nil // it is being sent
	}
	defer one.waitingMu.Unlock()
	if one.waiting == nil || time.Since(one.since) < progressEvery {
		return nil
	}
	data, err := one.waiting.encode()
	if err == nil && one.out.tryPut(data, false) {
		one.waiting = nil
	}
	return err
}

// end sends how the task ended.
func (one *run) end(ctx context.Context, how report) error {
	one.waitingMu.Lock()
	defer one.waitingMu.Unlock()
	last, w := piece{last: true, report: how}, one.waiting
	one.waiting = nil
	if w != nil && !w.more { // else its frame was not sent to its end, and is of no use
		last.kind, last.body = w.kind, w.body
	}
	return one.out.put(ctx, last)
}

// errBytes ends a task that has sent what it may.
var errBytes = llama.Errorf(llama.TooLarge, "the partial result is larger than allowed; the rows until then are kept")

// outcome says how a task ended that ended with err.
func (r *Runner) outcome(ctx context.Context, one *run, err error) (store.State, string, llama.Code) {
	text, code := shown(err)
	switch {
	case errors.Is(err, errBytes), errors.Is(err, query.ErrSkipped):
		return store.Partial, text, code
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return store.Expired, "the deadline passed while the node was at it", llama.Unavailable
	}
	if code == "" || code == llama.Unavailable {
		r.o.Log.Error("task failed", "query", one.Query, "error", err)
	}
	return store.Failed, text, code
}

// update changes what is known of a run and tells central, not too often: of what is
// done at once only the end is told.
func (r *Runner) update(one *run, change func(*report)) {
	one.reportMu.Lock()
	defer one.reportMu.Unlock()
	change(&one.report)
	if one.untold = true; !one.reported.IsZero() && time.Since(one.reported) >= progressEvery {
		r.tell(one)
	}
}

// tellLate tells central what was held back.
func (r *Runner) tellLate() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, one := range r.runs {
		one.reportMu.Lock()
		if one.untold {
			r.tell(one)
		}
		one.reportMu.Unlock()
		if err := one.handLate(); err != nil {
			r.o.Log.Error("frame not encoded", "query", one.Query, "error", err)
		}
	}
}

// tell says how a run is. The caller holds the report's lock.
func (r *Runner) tell(one *run) {
	one.reported, one.untold = time.Now(), false
	r.sendJSON(envelope.Header{Kind: kindState, Query: one.Query, Attempt: one.Attempt}, one.report)
}
