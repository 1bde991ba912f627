package archive

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics counts what an archive does, whether or not anybody asks.
type metrics struct {
	events   prometheus.Counter
	batches  prometheus.Counter
	refusals prometheus.Counter
	removed  prometheus.Counter
	merges   prometheus.Counter
	damage   prometheus.Counter
	write    prometheus.Histogram
	seal     prometheus.Histogram
	reg      prometheus.Registerer // nil: nobody asks
	in       []prometheus.Collector
}

func newMetrics() *metrics {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: "llama_archive_" + name, Help: help})
	}
	histogram := func(name, help string) prometheus.Histogram {
		return prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "llama_archive_" + name, Help: help, Buckets: prometheus.ExponentialBuckets(0.0005, 4, 9),
		})
	}
	return &metrics{
		events:   counter("stored_events_total", "Events made safe."),
		batches:  counter("stored_batches_total", "Batches made safe."),
		refusals: counter("refused_writes_total", "Groups of batches refused because the disk is full or fails."),
		removed:  counter("expired_segments_total", "Segments removed by retention."),
		merges:   counter("merges_total", "Merges of segments."),
		damage:   counter("damaged_reads_total", "Reads of blocks that met damage."),
		write:    histogram("write_seconds", "Time to write and sync a group of batches."),
		seal:     histogram("seal_seconds", "Time to seal the head of a collection."),
	}
}

// register shows the metrics, until close.
func (m *metrics) register(reg prometheus.Registerer, stat func() Stat) error {
	if reg == nil {
		return nil
	}
	m.reg = reg
	for _, c := range append(gauges(stat), m.events, m.batches, m.refusals, m.removed, m.merges, m.damage, m.write, m.seal) {
		if err := reg.Register(c); err != nil {
			m.close()
			return err
		}
		m.in = append(m.in, c)
	}
	return nil
}

func (m *metrics) close() {
	for _, c := range m.in {
		m.reg.Unregister(c)
	}
}

// gauges returns what is looked up when it is asked for.
func gauges(stat func() Stat) []prometheus.Collector {
	gauge := func(name, help string, value func(Stat) float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "llama_archive_" + name, Help: help},
			func() float64 { return value(stat()) })
	}
	return []prometheus.Collector{
		gauge("log_bytes", "Size of the write-ahead log.", func(s Stat) float64 { return float64(s.LogBytes) }),
		gauge("head_bytes", "Memory of events that are in no segment yet.", func(s Stat) float64 { return float64(s.HeadBytes) }),
		gauge("segment_bytes", "Size of all segments.", func(s Stat) float64 { return float64(s.SegmentBytes) }),
		gauge("segments", "Number of segments.", func(s Stat) float64 { return float64(s.Segments) }),
		gauge("damaged_segments", "Segments that cannot be opened.", func(s Stat) float64 { return float64(s.Damaged) }),
		gauge("free_disk_bytes", "Free disk under the archive.", func(s Stat) float64 { return float64(s.FreeBytes) }),
	}
}

func (m *metrics) wrote(batches, events int, took time.Duration) {
	m.batches.Add(float64(batches))
	m.events.Add(float64(events))
	m.write.Observe(took.Seconds())
}
