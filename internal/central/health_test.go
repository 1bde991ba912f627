package central

import (
	"strings"
	"testing"
	"time"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/task"
)

func TestTroubleIsSaidInWords(t *testing.T) {
	t.Parallel()
	well := task.Health{At: 1, Started: 1, FreeBytes: 50 << 30, TotalBytes: 100 << 30}
	with := func(change func(*task.Health)) task.Health {
		h := well
		change(&h)
		return h
	}
	tests := []struct {
		name  string
		node  task.Node
		state string
		want  string // kind and text of each
	}{
		{"all is well", task.Node{Health: well, Skew: skewLimit}, "good", ""},
		{"a disk of which nothing is known", task.Node{Health: with(func(h *task.Health) { h.FreeBytes, h.TotalBytes = 0, 0 })}, "good", ""},
		{"a twentieth is free", task.Node{Health: with(func(h *task.Health) { h.FreeBytes = 5 << 30 })}, "good", ""},
		{"less", task.Node{Health: with(func(h *task.Health) { h.FreeBytes = 5<<30 - 1<<28 })}, "wait", "disk: 4.8 GiB of its disk of 100 GiB are free"},
		{"ahead", task.Node{Health: well, Skew: time.Hour + 400*time.Millisecond}, "wait", "clock: its clock is 1h ahead of central's"},
		{"behind", task.Node{Health: well, Skew: -skewLimit - time.Second}, "wait", "clock: its clock is 1m1s behind central's"},
		{"damaged", task.Node{Health: with(func(h *task.Health) { h.Damaged = 2 })}, "wait", "damage: 2 files of its archive are damaged; 'llama archive verify' there names them"},
		{"everything", task.Node{Skew: -2 * time.Hour, Health: with(func(h *task.Health) { h.Failing, h.FreeBytes = true, 900 })}, "failing",
			"failing: takes no events: its archive cannot be written to\ndisk: 900 B of its disk of 100 GiB are free\nclock: its clock is 2h behind central's"},
	}
	for _, tt := range tests {
		got := wireHealth(tt.node)
		var words []string
		for _, x := range got.Trouble {
			words = append(words, x.Kind+": "+x.Text)
		}
		if said := strings.Join(words, "\n"); said != tt.want || got.State != tt.state || got.Trouble == nil {
			t.Errorf("%s: %s, %q; want %s, %q", tt.name, got.State, said, tt.state, tt.want)
		}
	}
	if got := wireHealth(task.Node{Online: true, LastSeen: llama.At(time.Now())}); got != nil {
		t.Errorf("of a node that said nothing: %+v", got)
	}
}
