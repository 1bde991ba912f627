package receive

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/llama-logs/llama"
)

// The limits of a batch. A batch is one write of the archive: larger ones make
// others wait, smaller ones pay for a sync each.
const (
	maxBatchBytes  = 1 << 20
	maxBatchEvents = 8192
)

// flags is the field that marks an event which is not as it was sent, as the
// Elastic agents mark it.
const (
	flagsName      = "log.flags"
	flagsTruncated = `["truncated"]`
)

// markCut marks and counts an event whose message was cut.
func (c counters) markCut(e *llama.Event) {
	c.truncated.Inc()
	e.Fields = append(e.Fields, llama.Field{Name: flagsName, Value: flagsTruncated, Kind: llama.Array})
}

// A putter hands batches of a sender that can wait to the sink.
type putter struct {
	sink    llama.Sink
	log     *slog.Logger
	metrics counters
}

// put hands on the batch that fill makes until the sink has taken it. While the
// sink has trouble of its own, a full disk, it waits and asks again until ctx
// ends; a sink that refuses the batch itself is not asked twice. The batch is
// made anew each time, for a sink may have changed its events.
//
// A Put under way is not cut short by the end of ctx: a receiver that stops
// finishes the batch it holds.
func (p putter) put(ctx context.Context, fill func() *llama.Batch) error {
	for pause, waits := firstPause, false; ; pause = min(2*pause, lastPause) {
		err := p.sink.Put(context.WithoutCancel(ctx), fill())
		if err == nil || refused(err) || ctx.Err() != nil {
			if err == nil && waits {
				p.log.Info("sink takes events again")
			}
			return err
		}
		if !waits {
			p.log.Warn("sink takes no events; waiting", slog.Any("error", err))
		}
		waits = true
		p.metrics.retries.Inc()
		select {
		case <-ctx.Done():
			return err
		case <-time.After(pause):
		}
	}
}

const (
	firstPause = 50 * time.Millisecond
	lastPause  = 5 * time.Second
)

// refused reports whether err is about the batch, so that the same batch would
// be refused again.
func refused(err error) bool {
	if _, ok := errors.AsType[*llama.GapError](err); ok {
		return true
	}
	switch llama.CodeOf(err) {
	case "", llama.Unavailable, llama.Throttled:
		return false
	}
	return true
}

// room returns events with a length of n, all empty. It keeps the field slices
// of earlier batches for the next.
func room(events []llama.Event, n int) []llama.Event {
	if cap(events) < n {
		grown := make([]llama.Event, max(n, min(2*cap(events), maxBatchEvents)))
		copy(grown, events[:cap(events)])
		events = grown
	}
	events = events[:n]
	for i := range events {
		events[i] = llama.Event{Fields: events[i].Fields[:0]}
	}
	return events
}

// now is the arrival of what was just read.
func now() llama.Time { return llama.Time(time.Now().UnixNano()) }
