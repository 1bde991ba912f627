package archive

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"sync"

	"github.com/llama-logs/llama/internal/archive/wal"
)

// maxNameBytes bounds the names of sources and epochs.
const maxNameBytes = 1024

type positionKey struct{ source, epoch string }

// size returns about how much memory a position takes.
func (k positionKey) size() int { return 160 + len(k.source) + len(k.epoch) }

// positions keeps how far each source has come. Their number is bounded by limit,
// in bytes: beyond it those that have not been used for longest are forgotten. A
// source that was forgotten is like a new one and has to begin at 0.
type positions struct {
	limit int

	mu    sync.Mutex
	byKey map[positionKey]*place
	bytes int
}

// A place is how far one source has come. Whoever has its turn puts for it.
type place struct {
	turn  chan struct{}
	users int  // who has the turn or waits for it
	known bool // a batch was stored
	last  uint64
	used  int64 // seconds since 1970
}

func newPositions(limit int) *positions {
	return &positions{limit: limit, byKey: map[positionKey]*place{}}
}

// next returns the number that is expected next.
func (p *positions) next(key positionKey) uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	if s := p.byKey[key]; s != nil && s.known {
		return s.last + 1
	}
	return 0
}

// acquire waits for the turn to put for a source.
func (p *positions) acquire(ctx context.Context, key positionKey) error {
	p.mu.Lock()
	s := p.place(key)
	s.users++
	p.mu.Unlock()
	select {
	case s.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		p.leave(key, s)
		return ctx.Err()
	}
}

// release lets the next one put for the source.
func (p *positions) release(key positionKey) {
	p.mu.Lock()
	s := p.byKey[key]
	p.mu.Unlock()
	<-s.turn
	p.leave(key, s)
}

// leave drops a source that nobody uses and nothing is known of.
func (p *positions) leave(key positionKey, s *place) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s.users--
	if s.users == 0 && !s.known {
		p.forget(key)
	}
}

// place returns the place of a source. The caller holds mu.
func (p *positions) place(key positionKey) *place {
	s := p.byKey[key]
	if s == nil {
		s = &place{turn: make(chan struct{}, 1)}
		p.byKey[positionKey{strings.Clone(key.source), strings.Clone(key.epoch)}] = s // they may be of a batch
		p.bytes += key.size()
	}
	return s
}

func (p *positions) forget(key positionKey) {
	delete(p.byKey, key)
	p.bytes -= key.size()
}

// advance says that everything up to last is durable.
func (p *positions) advance(key positionKey, last uint64, now int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.place(key)
	s.last, s.known, s.used = max(s.last, last), true, now
	if p.bytes > p.limit {
		p.evict()
	}
}

// evict forgets the eighth that was not used for longest. The caller holds mu.
func (p *positions) evict() {
	keys := make([]positionKey, 0, len(p.byKey))
	for key, s := range p.byKey {
		if s.users == 0 {
			keys = append(keys, key)
		}
	}
	slices.SortFunc(keys, func(x, y positionKey) int { return cmp.Compare(p.byKey[x].used, p.byKey[y].used) })
	for _, key := range keys[:(len(keys)+7)/8] {
		p.forget(key)
	}
}

// all returns what a checkpoint holds.
func (p *positions) all() []wal.Position {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := make([]wal.Position, 0, len(p.byKey))
	for key, s := range p.byKey {
		if s.known {
			all = append(all, wal.Position{Source: key.source, Epoch: key.epoch, Last: s.last, Used: uint64(s.used)})
		}
	}
	return all
}

// count returns how many sources are known.
func (p *positions) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.byKey)
}
