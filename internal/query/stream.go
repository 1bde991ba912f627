package query

import (
	"bytes"
	"context"

	"golang.org/x/sync/errgroup"

	"github.com/llama-logs/llama/internal/column"
)

// A found is some rows that one block has to the answer.
type found struct {
	rows  []*kept
	lines []byte    // or rows as JSON, a line each
	keys  []lineKey // of lines, where they are wanted
	names []string  // in the lines, likewise, as they come first
	count int
	size  int
}

// A foundForm says what rows are found as.
type foundForm uint8

const (
	asRows foundForm = iota
	asLines
	asKeyedLines
)

// foundRows is how many rows are handed on at once: the first soon, and not many wait.
const foundRows = 1024

// A job is a block to look through; its rows come by a channel of its own, so that
// they are taken in the order of the blocks. It is closed behind the last.
type job struct {
	ref   *column.Ref
	n     int // its place among those of the run
	found chan found
}

// stream gives rows to emit block by block, the newest blocks first and each
// from its end, while later blocks are being read. At most a few blocks' rows
// wait at a time.
func (r *run) stream(ctx context.Context, form foundForm, emit func(found) error) error {
	defer context.AfterFunc(ctx, func() { r.stop.Store(true) })()
	group, inner := errgroup.WithContext(ctx)
	ahead := r.ahead(r.refs)
	jobs := make(chan job)
	order := make(chan job, r.o.Workers)
	group.Go(func() error {
		defer close(jobs)
		defer close(order)
		return r.deal(inner, ahead, jobs, order)
	})
	for range r.o.Workers {
		group.Go(func() error { return r.search(inner, jobs, ahead, form) })
	}
	group.Go(func() error { return r.deliver(inner, order, emit) })
	return stopError(ctx, group.Wait())
}

func (r *run) deal(ctx context.Context, ahead *ahead, jobs, order chan<- job) error {
	for i := range r.refs {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if !ahead.mayBeIn(i) { // most, of a rare word
			r.progress(&r.refs[i], nil)
			continue
		}
		j := job{&r.refs[i], i, make(chan found, 4)}
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

func (r *run) search(ctx context.Context, jobs <-chan job, ahead *ahead, form foundForm) error {
	work := r.scratch()
	defer work.end()
	for j := range jobs {
		var maker *rowMaker
		var c *chunk
		ahead.from(j.n)
		err := r.turn(ctx, func() (err error) {
			if c, err = r.chunk(ctx, j.ref, work); c != nil && err == nil {
				c.fewLeft()
				maker = c.maker(nil, false)
			}
			return err
		})
		if err != nil {
			return err
		}
		if c == nil {
			r.progress(j.ref, nil)
			close(j.found)
			continue
		}
		for end := len(c.sel); end > 0; {
			var f found
			start := max(0, end-foundRows)
			// Who waits for a reader that is slow has no turn.
			err := r.turn(ctx, func() error {
				buffer, _ := r.lineBuffers.Get().([]byte)
				f = maker.found(c.sel[start:end], form, buffer)
				c.stopped(0)
				return c.err
			})
			if err != nil {
				return err
			}
			end -= f.count
			if err := r.env.budget.grow(f.size); err != nil {
				return err
			}
			select {
			case j.found <- f:
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
		r.progress(j.ref, c.block)
		close(j.found)
	}
	return nil
}

// mostFoundBytes is where the lines of one found end, though more rows were asked for: a
// frame has those of several.
const mostFoundBytes = 2 << 20

// found makes rows, the last first; lines in buffer, if it is large enough. Of rows that
// are very long it makes some, one at least.
func (m *rowMaker) found(sel []uint32, form foundForm, buffer []byte) found {
	f := found{count: len(sel)}
	switch {
	case form == asRows:
		f.rows = make([]*kept, 0, len(sel))
	case buffer != nil:
		f.lines = buffer // it has held about as much
	default:
		f.lines = make([]byte, 0, len(sel)*m.lineBytes)
	}
	if form == asKeyedLines {
		f.keys = make([]lineKey, 0, len(sel))
		m.names = newNameList()
	}
	if form != asRows && m.list != nil {
		m.fetch(sel)
	}
	for i := len(sel) - 1; i >= 0; i-- {
		n := len(sel) - 1 - i
		if form != asRows && len(f.lines) >= mostFoundBytes {
			f.count = n
			break
		}
		switch form {
		case asKeyedLines:
			f.keys = append(f.keys, m.c.lineKey(sel[i]))
			fallthrough
		case asLines:
			if m.list != nil {
				f.lines = append(m.appendLine(f.lines, n, sel[i]), '\n')
			} else {
				f.lines = append(m.appendRow(f.lines, sel[i]), '\n')
			}
			continue
		}
		k := &kept{row: m.row(sel[i])}
		k.time, k.seq = m.c.order(sel[i])
		if m.c.items != nil {
			k.setItem(0, m.c.items[sel[i]])
		}
		f.size += rowSize(k.row)
		f.rows = append(f.rows, k)
	}
	if m.names != nil {
		f.names = m.names.list
	}
	f.size += cap(f.lines) + cap(f.keys)*lineKeySize
	m.lineBytes = max(m.lineBytes, len(f.lines)/f.count+32)
	return f
}

func (r *run) deliver(ctx context.Context, order <-chan job, emit func(found) error) error {
	count := 0
	for j := range order {
		for open := true; open; {
			var f found
			select {
			case f, open = <-j.found:
			case <-ctx.Done():
				return context.Cause(ctx)
			}
			if !open {
				break
			}
			over := 0
			if count += f.count; r.o.MaxRows > 0 && count > r.o.MaxRows {
				over = count - r.o.MaxRows
				f.cut(f.count - over)
			}
			if err := emit(f); err != nil {
				return err
			}
			if over > 0 {
				return tooManyRows(r.o.MaxRows)
			}
			if err := r.env.budget.grow(-f.size); err != nil {
				return err
			}
		}
	}
	return nil
}

// cut leaves the first n rows.
func (f *found) cut(n int) {
	f.count = n
	if f.rows != nil {
		f.rows = f.rows[:n]
		return
	}
	end := 0
	for range n {
		end += bytes.IndexByte(f.lines[end:], '\n') + 1
	}
	f.lines = f.lines[:end]
	if f.keys != nil {
		f.keys = f.keys[:n]
	}
}

// each gives the rows to emit one by one.
func (f *found) each(emit func(*kept) error) error {
	for _, k := range f.rows {
		if err := emit(k); err != nil {
			return err
		}
	}
	return nil
}
