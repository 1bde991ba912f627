package central

import (
	"fmt"
	"time"

	"github.com/llama-logs/llama/internal/api"
	"github.com/llama-logs/llama/internal/config"
	"github.com/llama-logs/llama/internal/task"
)

// What somebody has to see to at a node, decided here and nowhere else: the page and the
// commands show the words.
const (
	// skewLimit is how far a node's clock may be off. Schedules and time ranges are of
	// minutes at least, and a message may have been under way for seconds.
	skewLimit = time.Minute
	// freeShare: less than one part of so many of the disk is little.
	freeShare = 20
)

// troubleOf says what somebody has to see to, the worst first.
func troubleOf(n task.Node) []api.Trouble {
	h, all := n.Health, []api.Trouble{}
	add := func(kind, format string, args ...any) {
		all = append(all, api.Trouble{Kind: kind, Text: fmt.Sprintf(format, args...)})
	}
	if h.Failing {
		add(api.TroubleFailing, "takes no events: its archive cannot be written to")
	}
	if h.Damaged > 0 {
		add(api.TroubleDamage, "%d files of its archive are damaged; 'llama archive verify' there names them", h.Damaged)
	}
	if h.FreeBytes < h.TotalBytes/freeShare {
		add(api.TroubleDisk, "%s of its disk of %s are free", config.Size(h.FreeBytes).About(), config.Size(h.TotalBytes).About())
	}
	if n.Skew.Abs() > skewLimit {
		side := "ahead of"
		if n.Skew < 0 {
			side = "behind"
		}
		add(api.TroubleClock, "its clock is %s %s central's", config.FormatDuration(n.Skew.Abs().Round(time.Second)), side)
	}
	return all
}

// wireHealth returns how a node said it was; nil for one that said nothing.
func wireHealth(n task.Node) *api.NodeHealth {
	h := n.Health
	if h.At == 0 {
		return nil // its program is of before nodes did
	}
	trouble := troubleOf(n)
	state := "good"
	switch {
	case h.Failing:
		state = "failing"
	case len(trouble) > 0:
		state = "wait"
	}
	return &api.NodeHealth{
		State: state, Trouble: trouble, Started: std(h.Started), LastEvent: std(h.LastEvent), EventsPerSecond: h.EventsPerSecond,
		ArchiveBytes: h.ArchiveBytes, LogBytes: h.LogBytes, FreeBytes: h.FreeBytes, TotalBytes: h.TotalBytes, ClockSkewMS: n.Skew.Milliseconds(),
	}
}
