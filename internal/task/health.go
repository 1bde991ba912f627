package task

import (
	"context"
	"time"

	"github.com/llama-logs/llama"
)

// Health is what a node says of itself with every hello.
type Health struct {
	At              llama.Time `json:"at"` // by the node's clock
	Started         llama.Time `json:"started"`
	LastEvent       llama.Time `json:"last_event"`        // when events last came in; 0 for not since it started
	EventsPerSecond float64    `json:"events_per_second"` // coming in
	ArchiveBytes    int64      `json:"archive_bytes"`     // of segments
	LogBytes        int64      `json:"log_bytes"`         // of events that are not in segments yet
	FreeBytes       int64      `json:"free_bytes"`        // of the disk under the archive
	TotalBytes      int64      `json:"total_bytes"`
	Failing         bool       `json:"failing"` // the archive takes nothing
	Damaged         int        `json:"damaged"` // files of the archive that cannot be read
}

// Presence is that a node came, was silent for too long, or said that it stops.
type Presence struct {
	Target, Node string
	Online       bool
	Left         bool      // it is not online because it stops in order
	LastSeen     time.Time // before this
}

// tellPresence tells who wants to know that a node came or went.
func (c *Central) tellPresence(ctx context.Context, n *node, p Presence) {
	if c.o.Presence != nil {
		n.mu.Lock()
		target := n.target
		n.mu.Unlock()
		p.Target, p.Node = target, n.id
		c.o.Presence(ctx, p)
	}
}

// heard notes the health of a hello. Its age on the way is part of the skew, so that a
// slow link looks like a clock that is as much behind.
func (n *node) heard(h Health, now time.Time) {
	n.health = h
	n.skew = 0
	if h.At != 0 {
		n.skew = h.At.Std().Sub(now)
	}
}
