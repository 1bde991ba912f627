package query

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/column"
)

// A Source offers blocks. Refs returns those of a collection, or of all when it
// is "", that may hold events with from <= `_time` <= to, in any order. It may return more.
// A segment that lies in there may be one Ref, column.Whole. The slice is the caller's.
type Source interface {
	Refs(collection string, from, to llama.Time) []column.Ref
}

// RunOptions are the limits and the surroundings of one run. The zero value has
// no limits.
type RunOptions struct {
	From, To  llama.Time // only events in between, both included; 0 is no bound
	NodeID    string     // the first part of `_id`
	Target    string     // what the node belongs to; a price shows it
	Workers   int        // at once; 0 is GOMAXPROCS
	MaxMemory int64      // bytes that states and kept rows may take, roughly; 0 is no limit
	MaxRows   int        // rows of an answer; 0 is no limit
	MaxRead   int64      // bytes from disk, roughly; 0 is no limit
	Pool      *Pool      // that the run is part of; nil for none
	// Progress is told how far the run is. It is called by one at a time and must
	// be quick.
	Progress func(Progress)
	// Lines says that rows which are the answer are to be Lines: of Partial that its frames
	// are, of a Merge that it holds them so, which of both kinds it takes.
	Lines bool

	few int // rows that a limit keeps at hand, at most; manyRows for 0
}

// Progress is how far a run is.
type Progress struct {
	Share  float64 // of the bytes, from 0 to 1
	Events int64   // looked at
	Bytes  int64   // read from disk
}

// Partial runs the node's half of the query and gives what the merger needs to
// emit, which is called by one at a time. It ends soon after ctx does, with the
// context's error.
func (q *Query) Partial(ctx context.Context, src Source, o RunOptions, emit func(Frame) error) error {
	p := q.plan(&o)
	if q.options.explain {
		var w rowWriter
		err := p.priced(ctx, src, o, func(row Row) error {
			w.add(&kept{seq: uint64(maxPrices - w.count), row: row})
			return nil
		})
		if err != nil {
			return err
		}
		return emit(w.frame(Rows))
	}
	held, err := p.fillNode(ctx, src, o)
	if err != nil {
		return err
	}
	if err := p.partialRest(ctx, src, o, emit); err != nil {
		return err
	}
	r := newRun(p, src, o, held)
	defer r.close()
	if p.gather != nil {
		g, err := r.gather(ctx)
		if err != nil {
			return err
		}
		if err := g.frames(emit); err != nil {
			return stopError(ctx, err)
		}
		return r.left()
	}
	if o.Lines && len(p.rest) == 0 {
		if p.window != nil {
			if err := r.untilLast(ctx, src, held); err != nil {
				return err
			}
		}
		return r.lines(ctx, emit)
	}
	var w rowWriter
	err = r.stream(ctx, asRows, func(f found) error {
		return f.each(func(k *kept) error {
			w.add(k)
			if !w.full() {
				return nil
			}
			return emit(w.frame(Rows))
		})
	})
	// What was found before an error is worth sending.
	if w.count > 0 {
		if sent := emit(w.frame(Rows)); err == nil {
			err = sent
		}
	}
	if err == nil {
		err = r.left()
	}
	return err
}

// lines runs a query whose rows are the answer and gives them as Lines to emit.
func (r *run) lines(ctx context.Context, emit func(Frame) error) error {
	var w lineWriter
	err := r.stream(ctx, asKeyedLines, func(f found) error {
		w.add(f)
		r.lineBuffers.Put(f.lines[:0])
		if !w.full() {
			return nil
		}
		return emit(w.frame())
	})
	// What was found before an error is worth sending.
	if len(w.keys) > 0 {
		if sent := emit(w.frame()); err == nil {
			err = sent
		}
	}
	if err == nil {
		err = r.left()
	}
	return err
}

// Execute runs the whole query and gives the rows of the answer to emit, in
// order, one at a time. Their strings may share memory with blocks.
func (q *Query) Execute(ctx context.Context, src Source, o RunOptions, emit func(Row) error) error {
	p := q.plan(&o)
	if q.options.explain {
		return p.priced(ctx, src, o, emit)
	}
	held, err := p.fillNode(ctx, src, o)
	if err != nil {
		return err
	}
	rest, held, err := p.executeRest(ctx, src, o, held)
	if err != nil {
		return err
	}
	if len(rest) > 0 {
		emit, o.MaxRows = limited(o.MaxRows, emit), 0 // what comes before is no answer yet
	}
	r := newRun(p, src, o, held)
	defer r.close()
	e := &env{budget: r.env.budget, seconds: r.env.seconds}
	e.oldest.Store(int64(minTime))
	if p.gather == nil {
		err := runPipes(ctx, e, rest, func(emit func(Row) error) error {
			return r.stream(ctx, asRows, func(f found) error {
				return f.each(func(k *kept) error { return emit(k.row) })
			})
		}, emit)
		if err != nil {
			return err
		}
		return r.left()
	}
	g, err := r.gather(ctx)
	if err != nil {
		return err
	}
	if err := runPipes(ctx, e, rest, g.rows, limited(o.MaxRows, emit)); err != nil {
		return err
	}
	return r.left()
}

// Lines runs the whole query as Execute does, and gives the rows to emit as lines of
// JSON, as llama.AppendFlat writes them, many at once. They are good until emit
// returns.
func (q *Query) Lines(ctx context.Context, src Source, o RunOptions, emit func(lines []byte, rows int) error) error {
	p := q.plan(&o)
	if p.gather == nil && len(p.rest) == 0 && !q.options.explain {
		held, err := p.fillNode(ctx, src, o)
		if err != nil {
			return err
		}
		r := newRun(p, src, o, held)
		defer r.close()
		err = r.stream(ctx, asLines, func(f found) error {
			err := emit(f.lines, f.count)
			r.lineBuffers.Put(f.lines[:0])
			return err
		})
		if err != nil {
			return err
		}
		return r.left()
	}
	var lines []byte
	count := 0
	err := q.Execute(ctx, src, o, func(r Row) error {
		lines = append(llama.AppendFlat(lines, r), '\n')
		if count++; len(lines) < linesBytes {
			return nil
		}
		defer func() { lines, count = lines[:0], 0 }()
		return emit(lines, count)
	})
	// What was found before an error is worth showing.
	if count > 0 {
		if sent := emit(lines, count); err == nil {
			err = sent
		}
	}
	return err
}

// linesBytes is how long lines grow before they are handed on.
const linesBytes = 32 << 10

// limited lets n rows through and then fails.
func limited(n int, emit func(Row) error) func(Row) error {
	if n <= 0 {
		return emit
	}
	left := n
	return func(row Row) error {
		if left == 0 {
			return tooManyRows(n)
		}
		left--
		return emit(row)
	}
}

func tooManyRows(n int) error {
	return llama.Errorf(llama.TooLarge, "the answer has more than %d rows; narrow the filters or end the query with `| limit %d`", n, n)
}

// A run is one half of a query under way.
type run struct {
	*plan
	o     RunOptions
	refs  []column.Ref // opened, unless something may be kept of the run
	env   *env
	stop  atomic.Bool
	turns *turns
	name  string   // under which the state over a segment is kept; "": it is not
	need  *need    // what a block must have; nil: nothing is known
	grows *need    // what one that grows must have; likewise
	until *lineKey // of the last row that is wanted; nil for all
	// counted says that it is enough to know the counts of one field's values, or nil.
	counted *counted
	// anyOrder says that the order of rows is of no interest, or nil.
	anyOrder *anyOrder

	skipped skipped

	lineBuffers sync.Pool // of []byte, whose lines were taken

	mu    sync.Mutex
	total int64 // weight of refs
	done  int64
	so    Progress
}

// newRun makes a run that has taken held bytes of its memory already. It is closed in
// the end.
func newRun(p *plan, src Source, o RunOptions, held int) *run {
	if o.Workers <= 0 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	r := &run{plan: p, o: o, refs: p.refs(src), env: newEnv(o.MaxMemory), skipped: skipped{on: p.skipDamaged}}
	if o.Pool != nil {
		r.env.budget.of = &o.Pool.memory
		r.turns = o.Pool.join()
	}
	_ = r.env.budget.grow(held) // what comes next finds that it is too much
	r.env.seconds, r.env.stop = seconds(p.filter), &r.stop
	r.need, r.grows = needOf(p.filter), growingNeedOf(p.filter)
	if p.gather != nil {
		r.name = p.keepName(o.NodeID)
		r.counted, r.anyOrder = countedOf(p), anyOrderOf(p)
	}
	for i := range r.refs {
		r.total += weight(&r.refs[i])
	}
	if r.name == "" {
		r.refs = r.opened(r.refs)
	}
	return r
}

// progress counts a block as done; nil stands for one that was not read.
func (r *run) progress(ref *column.Ref, read *column.Block) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.done += weight(ref)
	if read != nil {
		r.so.Events += int64(ref.Rows)
		r.so.Bytes += read.BytesRead()
	}
	if r.o.Progress != nil && r.total > 0 {
		r.so.Share = float64(r.done) / float64(r.total)
		r.o.Progress(r.so)
	}
}

// chunk reads a block and runs filters and row pipes over it. It returns nil when the
// block was left out.
func (r *run) chunk(ctx context.Context, ref *column.Ref, work *scratch) (*chunk, error) {
	if err := ctx.Err(); err != nil {
		return nil, context.Cause(ctx)
	}
	if err := r.mayRead(); err != nil {
		return nil, err
	}
	if !r.grows.mayGrowIn(ctx, ref) {
		return nil, nil
	}
	block, err := ref.Read(ctx)
	if err == nil && r.skipped.on {
		err = sound(block)
	}
	if err != nil && r.skipped.skip(ref, err) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	work.reset()
	if r.counted != nil {
		if c, err := r.counted.chunk(block, ref, r.o.NodeID, work); c != nil || err != nil {
			if err == nil {
				c.filter(r.counted.filter)
				err = c.err
			}
			return c, err
		}
	}
	filter := r.filter
	if r.anyOrder.fits(block, ref) {
		block, filter = block.Grouped(), r.anyOrder.filter
	}
	c := chunkOf(block, r.o.NodeID, work)
	c.younger(llama.Time(r.env.oldest.Load()))
	c.filter(filter)
	for _, p := range r.rows {
		if len(c.sel) == 0 || c.err != nil {
			break
		}
		if err := p.apply(c); err != nil {
			c.err = err
		}
	}
	if r.until != nil && c.err == nil {
		c.upTo(r.until)
	}
	return c, c.err
}

// stopError returns the context's error where it is what ended the work.
func stopError(ctx context.Context, err error) error {
	if errors.Is(err, errStopped) || errors.Is(err, context.Canceled) {
		if cause := context.Cause(ctx); cause != nil {
			return cause
		}
	}
	return told(err)
}
