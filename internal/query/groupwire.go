package query

import (
	"fmt"

	"github.com/llama-logs/llama"
)

func (g *groupGatherer) frames(emit func(Frame) error) error {
	if err := g.settle(); err != nil {
		return err
	}
	return g.parts(func(int) bool { return true }, false, emit)
}

// parts gives some of the groups away as frames, or as what is kept beside a segment.
func (g *groupGatherer) parts(of func(id int) bool, kept bool, emit func(Frame) error) error {
	groups := wire{kept: kept}
	version := byte(frameVersion)
	if kept {
		version = keptVersion
	}
	count, whole := 0, 0
	send := func() error {
		out := wire{b: []byte{version}}
		out.uint(uint64(count))
		out.b = append(out.b, groups.b...)
		f := Frame{Kind: State, Bytes: out.b, Rows: whole}
		groups.b, count, whole = groups.b[:0], 0, 0
		return emit(f)
	}
	for id := range g.groups() {
		if err := g.env.over(id); err != nil {
			return err
		}
		if !of(id) {
			continue
		}
		for more := true; more; {
			more = g.write(&groups, id)
			if count++; !more {
				whole++
			}
			if len(groups.b) >= frameBytes {
				if err := send(); err != nil {
					return err
				}
			}
		}
	}
	if count == 0 {
		return nil
	}
	return send()
}

// write gives a group away, or a part of it that is large.
func (g *groupGatherer) write(w *wire, id int) (more bool) {
	for i, t := range g.texts(id) {
		w.text(t)
		w.b = append(w.b, byte(g.kindsOf(id)[i]))
	}
	for _, agg := range g.aggs {
		agg.grow(g.groups())
		if agg.write(w, id) {
			more = true
		}
	}
	return more
}

func (g *groupGatherer) read(node string, f Frame) error {
	return g.readGroups(newReader(f.Bytes), node)
}

// readKept takes in a part of what keptParts gave away. made may be nil.
func (g *groupGatherer) readKept(part []byte, made *madeParts) error {
	if part[0] == groupsVersion {
		return g.readColumn(part, made)
	}
	r := keptReader(part)
	r.made = made
	return g.readGroups(r, "")
}

func (g *groupGatherer) readGroups(r *reader, node string) error {
	texts, kinds := make([]string, len(g.by)), make([]llama.Kind, len(g.by))
	var key wire
	for n := r.count(2*len(g.by) + len(g.aggs)); n > 0 && r.err == nil; n-- {
		for i := range texts {
			texts[i], kinds[i] = r.text(), r.kind()
		}
		if r.err != nil {
			break
		}
		id, err := g.id(&key, texts, kinds)
		if err != nil {
			return err
		}
		for _, agg := range g.aggs {
			agg.grow(g.groups())
			if err := agg.read(r, int(id), node); err != nil {
				return fmt.Errorf("read state: %w", err)
			}
		}
	}
	return r.end()
}
