package carrier

import (
	"github.com/nats-io/nats-server/v2/server"
	"github.com/prometheus/client_golang/prometheus"
)

// A postMetric is one of the numbers that the NATS server counts itself.
type postMetric struct {
	desc *prometheus.Desc
	kind prometheus.ValueType
	of   func(*server.Varz) int64
}

// postMetrics reads what a post's server counts when it is asked.
type postMetrics struct {
	server *server.Server
	all    []postMetric
}

// Metrics returns what a post counts, for a registry. Of messages it has the number and
// the bytes, as it knows no more of them.
func (p *Post) Metrics() prometheus.Collector {
	metric := func(name, help string, kind prometheus.ValueType, of func(*server.Varz) int64) postMetric {
		return postMetric{prometheus.NewDesc("llama_carrier_post_"+name, help, nil, nil), kind, of}
	}
	return &postMetrics{p.server, []postMetric{
		metric("connections", "Connections there are, of central and of nodes.", prometheus.GaugeValue, func(v *server.Varz) int64 { return int64(v.Connections) }),
		metric("connections_total", "Connections there were, those included that were refused.", prometheus.CounterValue, func(v *server.Varz) int64 { return int64(v.TotalConnections) }),
		metric("subscriptions", "Subjects that somebody listens to.", prometheus.GaugeValue, func(v *server.Varz) int64 { return int64(v.Subscriptions) }),
		metric("received_messages_total", "Messages that came in.", prometheus.CounterValue, func(v *server.Varz) int64 { return v.InMsgs }),
		metric("received_bytes_total", "Bytes of these.", prometheus.CounterValue, func(v *server.Varz) int64 { return v.InBytes }),
		metric("sent_messages_total", "Messages that went out.", prometheus.CounterValue, func(v *server.Varz) int64 { return v.OutMsgs }),
		metric("sent_bytes_total", "Bytes of these.", prometheus.CounterValue, func(v *server.Varz) int64 { return v.OutBytes }),
		metric("slow_connections_total", "Connections that were ended because they did not take what was sent.", prometheus.CounterValue, func(v *server.Varz) int64 { return v.SlowConsumers }),
	}}
}

// Describe implements prometheus.Collector.
func (m *postMetrics) Describe(to chan<- *prometheus.Desc) {
	for _, one := range m.all {
		to <- one.desc
	}
}

// Collect implements prometheus.Collector.
func (m *postMetrics) Collect(to chan<- prometheus.Metric) {
	v, err := m.server.Varz(nil)
	if err != nil {
		return // the server has ended
	}
	for _, one := range m.all {
		to <- prometheus.MustNewConstMetric(one.desc, one.kind, float64(one.of(v)))
	}
}

// Running reports whether the post takes connections.
func (p *Post) Running() bool { return p.server.Running() }
