package query

import (
	"context"

	"golang.org/x/sync/errgroup"

	"github.com/llama-logs/llama/internal/column"
)

// A found is what one block has to the answer.
type found struct {
	rows []*kept
	size int
}

// A job is a block to look through; its result comes by a channel of its own, so
// that results are taken in the order of the blocks.
type job struct {
	ref    *column.Ref
	result chan found
}

// stream gives rows to emit block by block, the newest blocks first and each
// from its end, while later blocks are being read. At most a few blocks' rows
// wait at a time.
func (r *run) stream(ctx context.Context, emit func(*kept) error) error {
	defer context.AfterFunc(ctx, func() { r.stop.Store(true) })()
	group, inner := errgroup.WithContext(ctx)
	jobs := make(chan job)
	order := make(chan job, r.o.Workers)
	group.Go(func() error {
		defer close(jobs)
		defer close(order)
		return r.deal(inner, jobs, order)
	})
	for range r.o.Workers {
		group.Go(func() error { return r.search(inner, jobs) })
	}
	group.Go(func() error { return r.deliver(inner, order, emit) })
	return stopError(ctx, group.Wait())
}

func (r *run) deal(ctx context.Context, jobs, order chan<- job) error {
	for i := range r.refs {
		j := job{&r.refs[i], make(chan found, 1)}
		for _, to := range []chan<- job{order, jobs} {
			select {
			case to <- j:
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
	}
	return nil
}

func (r *run) search(ctx context.Context, jobs <-chan job) error {
	work := &scratch{stop: &r.stop}
	for j := range jobs {
		c, err := r.chunk(ctx, j.ref, work)
		if err != nil {
			return err
		}
		if c == nil {
			r.progress(j.ref, nil)
			j.result <- found{}
			continue
		}
		f := found{rows: make([]*kept, 0, len(c.sel))}
		for i := len(c.sel) - 1; i >= 0; i-- {
			k := &kept{row: c.row(c.sel[i], nil, false)}
			k.time, k.seq = c.order(c.sel[i])
			if c.items != nil {
				k.setItem(0, c.items[c.sel[i]])
			}
			f.size += rowSize(k.row)
			f.rows = append(f.rows, k)
		}
		if c.err != nil {
			return c.err
		}
		if err := r.env.budget.grow(f.size); err != nil {
			return err
		}
		r.progress(j.ref, c.block)
		j.result <- f
	}
	return nil
}

func (r *run) deliver(ctx context.Context, order <-chan job, emit func(*kept) error) error {
	count := 0
	for j := range order {
		var f found
		select {
		case f = <-j.result:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		for _, k := range f.rows {
			if count++; r.o.MaxRows > 0 && count > r.o.MaxRows {
				return tooManyRows(r.o.MaxRows)
			}
			if err := emit(k); err != nil {
				return err
			}
		}
		if err := r.env.budget.grow(-f.size); err != nil {
			return err
		}
	}
	return nil
}
