package wal

import (
	"sync/atomic"
	"time"
)

// A pace is how fast a disk takes what is written and synced, as the last writes that were
// large say, the faster ones most: others were held up by something else, such as a busy
// processor. The zero pace is that of a slow disk.
type pace struct {
	picoseconds atomic.Int64 // for a byte; 0: nothing is known yet
}

const (
	// telling is how many bytes a write must have to say something of the pace: smaller
	// ones wait for the disk, not for their bytes.
	telling = 128 << 10
	// quick is the most picoseconds a byte may take on a disk that S2 saves no time on:
	// it takes 2,200 for a byte of a frame, and leaves 0.45 of it.
	quick = 4000
)

// took takes note of a write. One at a time.
func (p *pace) took(bytes int, d time.Duration) {
	if bytes < telling {
		return
	}
	now := min(max(1, int64(d)*1000/int64(bytes)), 2*quick)
	switch before := p.picoseconds.Load(); {
	case before == 0:
	case now < before:
		now = before + (now-before)/4
	default:
		now = before + (now-before)/32
	}
	p.picoseconds.Store(now)
}

// Quick reports whether the log's disk is so fast that it costs more to compress large
// frames than to write them as they are. On a slow disk, or one that is busy, they are
// better small; so they are while nothing is known of the disk.
func (l *Log) Quick() bool {
	p := l.pace.picoseconds.Load()
	return p > 0 && p <= quick
}
