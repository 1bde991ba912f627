package archive

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/archive/history"
	"github.com/llama-logs/llama/internal/column"
	"github.com/llama-logs/llama/internal/root"
)

// A Proof shows to who has nothing but the archive's public key that an event was sealed
// as it is, and that the archive's history says so. It is plain data, good to be sent as
// JSON, and has nothing of other events.
type Proof struct {
	Event  *root.Proof    `json:"event"`
	Record *history.Proof `json:"record"`
}

// Prove makes the proof of the event with number seq. The error is a *llama.Error with
// code NotFound when there is none, or it is not sealed yet.
func (a *Archive) Prove(ctx context.Context, seq uint64) (*Proof, error) {
	s := a.Snapshot()
	defer s.Close()
	for _, p := range s.parts {
		for _, g := range p.segments {
			if seq < g.First || g.Last < seq {
				continue
			}
			proof, err := a.prove(ctx, p, g, seq)
			if err = p.explain(err); err != nil || proof != nil {
				return proof, err
			}
		}
	}
	return nil, llama.Errorf(llama.NotFound, "there is no event %d, or it is not sealed yet", seq)
}

// errEnough ends reading a block.
var errEnough = errors.New("all of the root was read")

// prove makes the proof of an event that may be in a segment; nil if it is not.
func (a *Archive) prove(ctx context.Context, p *catalogPart, g *stored, seq uint64) (*Proof, error) {
	d, err := a.directories.of(g)
	if err != nil {
		return nil, err
	}
	for i := range d.Blocks() {
		for _, r := range d.Roots(i) {
			if seq < r.First || r.Last < seq {
				continue
			}
			b, err := g.Block(d, i)
			if err != nil {
				return nil, err
			}
			if !found(b.Seqs, seq) {
				return nil, nil
			}
			proof := &Proof{}
			if proof.Event, err = root.Prove(p.collection, r, seq, rowsOf(ctx, b, r)); err != nil {
				return nil, err
			}
			proof.Record, err = a.history.Prove(func(x *history.Record) bool { return x.Kind == history.Sealed && x.Root == r.Hash })
			if err != nil {
				return nil, fmt.Errorf("events %d to %d of %s: %w", r.First, r.Last, p.folder(), err)
			}
			return proof, nil
		}
	}
	return nil, nil
}

// rowsOf returns what reads those events of a block that are a root's.
func rowsOf(ctx context.Context, b *column.Block, r root.Root) func(func(*column.Row) error) error {
	return func(do func(*column.Row) error) error {
		err := b.Each(func(row *column.Row) error {
			switch {
			case row.Seq < r.First:
				return nil
			case row.Seq > r.Last:
				return errEnough
			case ctx.Err() != nil:
				return ctx.Err()
			}
			return do(row)
		})
		if errors.Is(err, errEnough) {
			return nil
		}
		return err
	}
}

// Check returns the event, if the proof shows it, to who knows the public key that
// VerifierKey returned. Its fields are in the order of their names.
func (p *Proof) Check(verifierKey string) (llama.Event, error) {
	if p.Event == nil || p.Record == nil {
		return llama.Event{}, fmt.Errorf("%w: a part of it is missing", root.ErrProof)
	}
	r, err := p.Record.Check(verifierKey)
	if err != nil {
		return llama.Event{}, err
	}
	e, err := p.Event.Check(r.Root)
	if err != nil {
		return llama.Event{}, err
	}
	if r.Kind != history.Sealed || e.Collection != r.Collection || e.Seq < r.First || r.Last < e.Seq || uint64(p.Event.Rows) != r.Rows {
		return llama.Event{}, fmt.Errorf("%w: event %d of %s is not one of those that the record is about", root.ErrProof, e.Seq, e.Collection)
	}
	return e, nil
}

// found reports whether sorted numbers have n.
func found(numbers []uint64, n uint64) bool {
	_, ok := slices.BinarySearch(numbers, n)
	return ok
}
