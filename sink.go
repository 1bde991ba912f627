package llama

import "context"

// A Sink takes batches. Put returns nil when every event of the batch is safe on
// disk; until then it keeps its caller waiting, so a slow sink slows its
// senders and no stage needs a queue of its own. After an error nothing of the
// batch is stored, unless the error says otherwise, and the same batch may be
// put again.
//
// Put may be called by many at once. It owns the batch until it returns: it may
// set fields of its events, and keeps their order. All of it, the memory of its
// strings too, is the caller's again when Put returns: a sink that keeps a string
// clones it.
type Sink interface {
	Put(ctx context.Context, b *Batch) error
}

// SinkFunc lets a function be a Sink.
type SinkFunc func(ctx context.Context, b *Batch) error

// Put calls f.
func (f SinkFunc) Put(ctx context.Context, b *Batch) error { return f(ctx, b) }
