package task

import (
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/llama-logs/llama/internal/store"
)

// centralMetrics count what happens in central.
type centralMetrics struct {
	refused atomic.Int64 // messages that were no envelopes of a node, or repeats
	dropped atomic.Int64 // messages for which there was no room
	lost    atomic.Int64 // events that live tails were too slow for
	ended   *prometheus.CounterVec
}

func newCentralMetrics(reg prometheus.Registerer, c *Central) *centralMetrics {
	m := &centralMetrics{ended: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "llama_task_central_queries_total", Help: "Queries that have ended, by state.",
	}, []string{"state"})}
	if reg == nil {
		return m
	}
	reg.MustRegister(m.ended,
		count("llama_task_central_refused_messages_total", "Messages that were not from the node they seemed to be from, or repeats.", &m.refused),
		count("llama_task_central_dropped_messages_total", "Messages of nodes that sent faster than they were handled; they are sent again.", &m.dropped),
		count("llama_task_central_tail_lost_events_total", "Events that live tails were too slow for.", &m.lost),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "llama_task_central_live_queries", Help: "Queries that have not ended.",
		}, func() float64 {
			c.mu.Lock()
			defer c.mu.Unlock()
			return float64(len(c.live))
		}))
	return m
}

// nodeMetrics count what happens at a node.
type nodeMetrics struct {
	refused atomic.Int64 // messages that were not central's, or repeats
	lost    atomic.Int64 // events that live tails were too slow for
	ended   *prometheus.CounterVec
}

func newNodeMetrics(reg prometheus.Registerer, r *Runner) *nodeMetrics {
	m := &nodeMetrics{ended: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "llama_task_node_tasks_total", Help: "Tasks that have ended here, by state.",
	}, []string{"state"})}
	if reg == nil {
		return m
	}
	reg.MustRegister(m.ended,
		count("llama_task_node_refused_messages_total", "Messages that were not from central, or repeats.", &m.refused),
		count("llama_task_node_tail_lost_events_total", "Events that live tails were too slow for.", &m.lost),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "llama_task_node_held_tasks", Help: "Tasks that wait, run, or are not wholly acknowledged.",
		}, func() float64 {
			r.mu.Lock()
			defer r.mu.Unlock()
			return float64(len(r.runs))
		}))
	return m
}

func count(name, help string, n *atomic.Int64) prometheus.CounterFunc {
	return prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help}, func() float64 { return float64(n.Load()) })
}

func end(ended *prometheus.CounterVec, s store.State) { ended.WithLabelValues(string(s)).Inc() }
