package receive

import (
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics counts what all receivers of a process do. A nil Metrics counts for
// nobody.
type Metrics struct {
	connections *prometheus.GaugeVec
	turnedAway  *prometheus.CounterVec
	dropped     *prometheus.CounterVec
	kernel      *prometheus.CounterVec
	truncated   *prometheus.CounterVec
	rejected    *prometheus.CounterVec
	retries     *prometheus.CounterVec
}

// NewMetrics registers the receivers' metrics.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	label := []string{"receiver"}
	counter := func(name, help string) *prometheus.CounterVec {
		c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "llama_receive_" + name, Help: help}, label)
		reg.MustRegister(c)
		return c
	}
	m := &Metrics{
		connections: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "llama_receive_connections", Help: "Peers connected, or files followed.",
		}, label),
		turnedAway: counter("refused_connections_total", "Connections or requests turned away, for a limit or for who they were."),
		dropped:    counter("dropped_events_total", "Events lost because the sink refused them and the sender cannot wait."),
		kernel:     counter("kernel_dropped_datagrams_total", "Datagrams the kernel dropped because the socket's buffer was full."),
		truncated:  counter("truncated_events_total", "Events cut at the longest length allowed, and marked so."),
		rejected:   counter("rejected_lines_total", "Lines refused because they are malformed."),
		retries:    counter("retries_total", "Batches offered again because the sink had trouble."),
	}
	reg.MustRegister(m.connections)
	return m
}

// counters are the metrics of one receiver.
type counters struct {
	connections prometheus.Gauge
	turnedAway  prometheus.Counter
	dropped     prometheus.Counter
	kernel      prometheus.Counter
	truncated   prometheus.Counter
	rejected    prometheus.Counter
	retries     prometheus.Counter
}

func (m *Metrics) of(receiver string) counters {
	if m == nil {
		m = NewMetrics(prometheus.NewRegistry())
	}
	return counters{
		connections: m.connections.WithLabelValues(receiver),
		turnedAway:  m.turnedAway.WithLabelValues(receiver),
		dropped:     m.dropped.WithLabelValues(receiver),
		kernel:      m.kernel.WithLabelValues(receiver),
		truncated:   m.truncated.WithLabelValues(receiver),
		rejected:    m.rejected.WithLabelValues(receiver),
		retries:     m.retries.WithLabelValues(receiver),
	}
}

// Env is what the process gives each receiver. All of it may be left out.
type Env struct {
	Name    string // names the receiver in logs and metrics; default: its protocol
	Log     *slog.Logger
	Metrics *Metrics
}

func (e Env) named(protocol string) (string, *slog.Logger, counters) {
	name, log := e.Name, e.Log
	if name == "" {
		name = protocol
	}
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return name, log.With(slog.String("receiver", name)), e.Metrics.of(name)
}
