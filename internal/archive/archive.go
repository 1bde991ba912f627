package archive

import (
	"context"
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/llama-logs/llama/internal/archive/history"
	"github.com/llama-logs/llama/internal/archive/wal"
	"github.com/llama-logs/llama/internal/block"
	"github.com/llama-logs/llama/internal/column"
	"github.com/llama-logs/llama/internal/fsys"
	"github.com/llama-logs/llama/internal/seal"
	"github.com/llama-logs/llama/internal/segment"
	"golang.org/x/sync/errgroup"
)

// An Archive keeps the events of a node. All its methods may be called by many at
// once. Without Run nothing is sealed until memory is short, and nothing expires.
type Archive struct {
	disk        fsys.FS
	handles     *fsys.Handles // of segments that are read
	o           Options
	lock        io.Closer
	keyring     *seal.Keyring
	codec       *segment.Codec
	log         *wal.Log
	history     *history.History
	positions   *positions
	directories directories
	decoded     decoded
	answers     answers
	metrics     *metrics
	encoders    sync.Pool // of *wal.Encoder
	shapes      wal.Shapes
	sealNow     chan struct{}

	queueMu sync.Mutex
	queue   []*commit
	queued  int                       // bytes
	wrote   atomic.Pointer[time.Time] // the log last

	// lead is held by whoever writes to the log. Of what mu guards, only the leader
	// changes next and the heads' ends.
	lead    chan struct{}
	closed  atomic.Bool // set by a leader, so that no write is under way then
	flow    flow
	giveWay giveWay
	failing atomic.Bool // the last write failed, and that was told

	unsteady atomic.Bool // the clock has jumped not long ago; see watch

	// sealing is held by whoever takes blocks from the heads, and while keys are
	// destroyed. It is taken before lead.
	sealing  chan struct{}
	builders map[string]*block.Builder // by collection, all empty
	slots    column.Room               // theirs
	trimmed  uint64                    // the oldest log file, as the checkpoint has it
	logKeys  seal.Keys                 // see logkey.go; the newest last
	logKeyN  uint64                    // number of the newest
	keysFit  bool                      // the keyring has no keys of parts that are gone
	renewed  uint64                    // log files from this number on need the newest only; 0: not known

	// merging is held while segments are merged, and while a day is destroyed. It is
	// taken before sealing.
	merging chan struct{}

	logged  uint64 // the first event that the log had at the start; 0: none
	keepLog bool   // no file of the log goes, as a segment could not be read at the start

	asked atomic.Int64 // when somebody asked last for what came in, in nanoseconds since 1970; 0: never

	tidying sync.Mutex // held while files of segments that failed are removed; before mu

	mu       sync.RWMutex
	next     uint64 // the next arrival number
	parts    map[partKey]*part
	heads    map[*part]struct{} // those with a head, which are few: there may be a million parts
	bare     map[*part]struct{} // those without a segment, likewise
	several  map[*part]struct{} // those of more than one segment, which may be merged
	headSize int                // memory that the heads take
	recent   recent
	woken    chan struct{} // closed when events come; nil when nobody waits
	catalog  []*catalogPart
	readers  readers
}

// Next returns the number that a source is expected to go on with: one more than
// the last that was stored, 0 when the source is not known.
func (a *Archive) Next(source, epoch string) uint64 {
	return a.positions.next(positionKey{source, epoch})
}

// Run seals, merges and expires until ctx ends. One Run at a time.
func (a *Archive) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return a.runSealing(ctx) })
	g.Go(func() error { return a.runUpkeep(ctx) })
	g.Go(func() error { return a.runPreparing(ctx) })
	return g.Wait()
}

// Close seals what is in memory and releases everything. Puts that come later are
// refused; snapshots that are open can be read on. Run has returned before.
func (a *Archive) Close() error {
	a.lead <- struct{}{}
	was := a.closed.Swap(true)
	<-a.lead
	if was {
		return nil
	}
	a.mu.Lock()
	a.wake() // for those who follow
	a.mu.Unlock()
	if err := a.sealAll(context.Background()); err != nil {
		// All is in the log, too, from where the next start takes it.
		a.o.Logger.Warn("not all events could be sealed", "error", err)
	}
	a.metrics.close()
	a.handles.Close()
	return errors.Join(a.log.Close(), a.keyring.Close(), a.lock.Close())
}

// Stat says how an archive is.
type Stat struct {
	NextSeq      uint64
	Events       uint64
	SegmentBytes int64
	Segments     int
	Damaged      int // segments that cannot be opened
	LogBytes     int64
	HeadBytes    int64 // memory
	Sources      int   // whose positions are known
	FreeBytes    int64
	TotalBytes   int64
	Failing      bool // the last write failed; the next is tried all the same
}

// Stat returns how the archive is.
func (a *Archive) Stat() Stat {
	s := Stat{LogBytes: a.log.Bytes(), Sources: a.positions.count(), Failing: a.failing.Load()}
	s.FreeBytes, s.TotalBytes, _ = a.disk.Free() // unknown is 0
	a.mu.RLock()
	defer a.mu.RUnlock()
	s.NextSeq, s.HeadBytes = a.next, int64(a.headSize)
	for _, p := range a.parts {
		s.Events += uint64(p.rows())
		s.Segments += len(p.segments)
		for _, g := range p.segments {
			if g.Segment == nil {
				s.Damaged++
				continue
			}
			s.Events += g.Rows
			s.SegmentBytes += g.Bytes
		}
	}
	return s
}
