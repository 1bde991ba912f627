package node

import (
	"context"
	"time"

	"github.com/llama-logs/llama/internal/archive"
	"github.com/llama-logs/llama/internal/query"
)

// Of a program that has just been started little is in memory: the system reads it piece
// by piece as it gets there, and the first question for the last 100 events took 59 ms, and
// 36 since. So the node asks itself some, of one block, while it opens its receivers.

// warming are questions that get to most places that questions get to.
var warming = []string{
	`* | limit 1`,
	`"one two" or _msg:~"on[e-f]" | stats count() n`,
	`* | stats by (host.name) count() n`,
	`* | stats by (_time:1h) count() n, count_uniq(user.name) u, quantile(0.9, http.response.bytes) q | sort by (n desc) limit 10`,
}

// warmingTime is the longest that it holds up a start.
const warmingTime = time.Second

// warm has the node ask itself. What it finds, and whether it can be read, is nobody's
// business.
func (n *Node) warm() {
	ctx, cancel := context.WithTimeout(context.Background(), warmingTime)
	defer cancel()
	defer n.executor.working()()
	snapshot := n.archive.Snapshot()
	defer snapshot.Close()
	for _, text := range warming {
		q, err := query.Parse(text, time.Now())
		if err != nil {
			panic("node: " + err.Error()) // a test asks all of them
		}
		_ = n.executor.budgets.Load().run(ctx, n.id, func(ctx context.Context, o query.RunOptions) error {
			return q.Lines(ctx, archive.Newest{Snapshot: snapshot}, o, func([]byte, int) error { return nil })
		})
	}
}
