package query

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/column"
)

// The state of a gathering pipe over a whole segment is kept beside the segment, as
// frames or in forms that are read sooner, and the next run that asks the same of it reads them instead of blocks. A
// segment counts when the time range that is asked about holds all of it: then what is
// found there does not depend on the range, and the range is no part of the name.

const (
	// keepVersion is of the form of what is kept, and of what it means. Lists and
	// policies that an answer depends on will get their versions beside it.
	keepVersion = "2"
	// A state is kept if it takes no more than keepLeast, or this share of the segment's
	// bytes: larger ones cost more to keep than they save.
	keepLeast = 1 << 20
	keepShare = 4
	// keepTimes bounds the memory of a state that is computed to be kept, beside keepLeast:
	// so many times the segment's bytes. All of a run together have half of its memory.
	keepTimes  = 4
	keepMemory = 256 << 20 // where that has no limit
	// keepParts is how many parts a state may come in; when it comes in more, after
	// segments were merged, they are kept anew as one.
	keepParts = 8
	// mostNothing is of how many segments a run remembers that they have nothing: who looks
	// for what is rare in a large archive mostly does so once.
	mostNothing = 256
)

// A keeper knows which segments of a run are asked about whole.
type keeper struct {
	name  string
	units []*segmentState
	of    map[*column.Sealed]*segmentState // those that have to be computed
	// nothing is how many have nothing of what is asked.
	nothing atomic.Int64
	wide    atomic.Bool // a state was too large: nothing more of this run is kept
}

// A segmentState is the state over one segment, while it is computed.
type segmentState struct {
	sealed *column.Sealed
	refs   int // of the run
	env    *env
	left   atomic.Int64 // blocks to do
	states []gatherer   // by worker; nil for one that had no block of it
	open   atomic.Bool  // a block went elsewhere: the states are a part
}

// keeper returns what may be kept of a run, or nil.
func (r *run) keeper(workers int) *keeper {
	if r.name == "" {
		return nil
	}
	k := &keeper{name: r.name, of: map[*column.Sealed]*segmentState{}}
	for i := range r.refs {
		s := r.refs[i].Sealed
		if s == nil || s.Keep == nil {
			continue
		}
		if k.of[s] == nil {
			k.of[s] = &segmentState{sealed: s}
		}
		k.of[s].refs += blocksOf(&r.refs[i])
	}
	from, to := rangeOf(r.filter)
	for s, u := range k.of {
		if u.refs < s.Blocks || s.MinTime < from || s.MaxTime > to {
			delete(k.of, s)
			continue
		}
		u.left.Store(int64(u.refs))
		u.states = make([]gatherer, workers)
		u.env = &env{budget: &budget{of: r.env.budget}, stop: &r.stop} // seconds are the range's, and so left out
		u.env.oldest.Store(int64(minTime))
		k.units = append(k.units, u)
	}
	if len(k.units) == 0 {
		return nil
	}
	return k
}

// recall adds what is kept to the states, each worker to its own, and returns the blocks
// that are left to read.
func (r *run) recall(ctx context.Context, k *keeper, states []gatherer) ([]column.Ref, error) {
	before := r.env.budget.used.Load()
	group, ctx := errgroup.WithContext(ctx)
	var next, bad atomic.Int64
	found := make([]bool, len(k.units))
	for i := range states {
		group.Go(func() error {
			for n := int(next.Add(1)) - 1; n < len(k.units) && ctx.Err() == nil; n = int(next.Add(1)) - 1 {
				u := k.units[n]
				parts, made := u.sealed.Find(k.name)
				if parts == nil {
					_, found[n] = made.(column.Nothing)
					continue
				}
				err := r.readParts(k, u, states[i], parts, made)
				switch {
				case err == nil:
					found[n] = true
				case errors.Is(err, errFrame):
					u.sealed.Keep(k.name, nil)
					bad.Add(1)
				default: // no memory: what is computed may take less, as it has each group once
					bad.Add(1)
					return nil
				}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	if bad.Load() > 0 { // a state is half read: all begins anew
		clear(found)
		for i := range states {
			states[i] = r.plan.gather.gather(r.env, r.rest)
		}
		_ = r.env.budget.grow(int(before - r.env.budget.used.Load())) // giving never fails
	}
	for n, u := range k.units {
		if found[n] {
			u.refs = 0
		}
	}
	var left []column.Ref
	for i := range r.refs {
		ref := &r.refs[i]
		if u := k.of[ref.Sealed]; u != nil && u.refs == 0 {
			r.progress(ref, nil)
			continue
		}
		left = append(left, *ref)
	}
	return left, nil
}

// readParts adds a kept state to a state. One in many small parts, as merging leaves it,
// is kept anew as one.
func (r *run) readParts(k *keeper, u *segmentState, to gatherer, parts [][]byte, made any) error {
	size := 0
	for _, part := range parts {
		size += len(part)
	}
	if len(parts) > keepParts && size/len(parts) < frameBytes/2 {
		whole := r.plan.gather.gather(u.env, r.rest)
		err := addParts(whole, parts, nil)
		if err == nil {
			parts, err = partsOf(whole)
		}
		u.give()
		if err != nil {
			return err
		}
		u.sealed.Keep(k.name, parts)
		made = nil
	}
	return k.addKept(u, to, parts, made)
}

// addKept adds a state that is kept to a state, with what was made of it, or remembers that.
func (k *keeper) addKept(u *segmentState, to gatherer, parts [][]byte, made any) error {
	m := recalledMade(made)
	if err := addParts(to, parts, m); err != nil {
		return err
	}
	if m.bytes > 0 && u.sealed.Remember != nil {
		u.sealed.Remember(k.name, parts, m.pieces, m.bytes)
	}
	return nil
}

// add adds the chunk of a block for a worker, whose own state is own: to that, or to
// the state of the block's segment. k may be nil.
func (r *run) add(k *keeper, ref *column.Ref, worker int, own gatherer, c *chunk) error {
	if k == nil || k.of[ref.Sealed] == nil {
		return own.add(c)
	}
	u := k.of[ref.Sealed]
	if err := r.addTo(k, u, worker, own, c); err != nil {
		return err
	}
	return k.done(u, own)
}

// without counts a block that has nothing to the state of its segment. k may be nil.
func (k *keeper) without(ref *column.Ref, own gatherer) error {
	if k == nil || k.of[ref.Sealed] == nil {
		return nil
	}
	return k.done(k.of[ref.Sealed], own)
}

func (r *run) addTo(k *keeper, u *segmentState, worker int, own gatherer, c *chunk) error {
	if k.wide.Load() {
		u.open.Store(true)
		return own.add(c)
	}
	if u.states[worker] == nil {
		u.states[worker] = r.plan.gather.gather(u.env, r.rest)
	}
	if err := u.states[worker].add(c); err != nil {
		return err
	}
	all := int64(keepMemory)
	if r.env.budget.max > 0 {
		all = r.env.budget.max / 2
	}
	if u.env.budget.used.Load() > max(keepLeast, keepTimes*u.sealed.Bytes) || r.env.budget.used.Load() > all {
		k.wide.Store(true)
		u.open.Store(true)
	}
	return nil
}

// done counts a block of a unit as done. With the last the state is kept and added to
// own.
func (k *keeper) done(u *segmentState, own gatherer) error {
	if u.left.Add(-1) > 0 {
		return nil
	}
	var whole gatherer
	for _, s := range u.states {
		switch {
		case s == nil:
		case whole == nil:
			whole = s
		default:
			if err := whole.merge(s); err != nil {
				return err
			}
		}
	}
	u.states = nil
	if whole == nil {
		if !u.open.Load() && u.sealed.Remember != nil && k.nothing.Add(1) <= mostNothing {
			u.sealed.Remember(k.name, nil, column.Nothing{}, 0)
		}
		return nil
	}
	parts, err := partsOf(whole)
	if err != nil {
		return err
	}
	u.give()
	size := int64(0)
	for _, part := range parts {
		size += int64(len(part))
	}
	if u.open.Load() || size > max(keepLeast, u.sealed.Bytes/keepShare) {
		return addParts(own, parts, nil)
	}
	u.sealed.Keep(k.name, parts)
	return k.addKept(u, own, parts, nil)
}

// give gives back the memory of a state that is no more.
func (u *segmentState) give() { _ = u.env.budget.grow(-int(u.env.budget.used.Load())) } // giving never fails

// partsOf gives a state away as what is kept of it. One without any groups is one empty
// part.
func partsOf(g gatherer) (parts [][]byte, err error) {
	if groups, ok := g.(*groupGatherer); ok {
		parts, err = groups.keptParts()
	} else {
		err = g.frames(func(f Frame) error {
			parts = append(parts, f.Bytes)
			return nil
		})
	}
	if parts == nil {
		parts = [][]byte{{}}
	}
	return parts, err
}

// addParts adds the parts of a kept state to a state. made has what was made of them, or
// takes note of it; it may be nil.
func addParts(to gatherer, parts [][]byte, made *madeParts) error {
	for _, part := range parts {
		if len(part) == 0 {
			continue
		}
		var err error
		if groups, ok := to.(*groupGatherer); ok {
			err = groups.readKept(part, made)
		} else {
			err = to.read("", Frame{Kind: State, Bytes: part})
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// rangeOf returns the time range that is asked about, without which nothing matches.
func rangeOf(f filter) (from, to llama.Time) {
	from, to = minTime, maxTime
	eachOfAll(f, func(f filter) {
		if f, ok := f.(*timeFilter); ok {
			from, to = max(from, f.from), min(to, f.to)
		}
	})
	return from, to
}

// withoutRange returns a filter without the time range that is asked about, and how
// often that looks at now.
func withoutRange(f filter) (rest filter, nows int) {
	var list []filter
	eachOfAll(f, func(f filter) {
		if f, ok := f.(*timeFilter); ok {
			nows += f.nows
			return
		}
		list = append(list, f)
	})
	return simplify(&andFilter{list}), nows
}

// eachOfAll gives the filters that all have to let a row in.
func eachOfAll(f filter, each func(filter)) {
	if and, ok := f.(*andFilter); ok {
		for _, g := range and.list {
			each(g)
		}
		return
	}
	each(f)
}

// keepName returns under which name the plan's state over a segment is kept, or "" when
// it depends on more than the plan.
func (p *plan) keepName(nodeID string) string {
	switch p.gather.(type) {
	case *statsPipe, *groupPipe, *fieldNamesPipe, *facetsPipe:
	default:
		return "" // rows: their states depend on each other
	}
	rest, nows := withoutRange(p.filter)
	if p.within || p.skipDamaged || nows != p.nows {
		return ""
	}
	var b strings.Builder
	b.WriteString(keepVersion + "\n" + nodeID + "\n")
	rest.write(&b)
	for _, pipe := range p.rows {
		b.WriteString(" | ")
		pipe.write(&b)
	}
	b.WriteString(" | ")
	p.gather.write(&b)
	return b.String()
}
