package pipeline

import (
	"strings"
	"sync"

	"github.com/llama-logs/llama"
	"github.com/prometheus/client_golang/prometheus"
)

// Counts are what came from one source.
type Counts struct {
	Events   int64 // safe in the archive
	Bytes    int64 // of their messages
	Rejected int64 // refused by the archive; their sender may try again
	Failed   int64 // not understood by their parser, and kept whole
}

// A tally counts a part of a batch, source by source. It belongs to one
// goroutine.
type tally struct {
	now  *Counts
	list []sourceCounts
}

type sourceCounts struct {
	source string
	Counts
}

// from makes source the one that is counted. A batch seldom has many; one that
// has, a datagram from everywhere, is counted in runs.
func (t *tally) from(source string) {
	const few = 8
	for i := range min(few, len(t.list)) {
		if t.list[i].source == source {
			t.now = &t.list[i].Counts
			return
		}
	}
	t.list = append(t.list, sourceCounts{source: source})
	t.now = &t.list[len(t.list)-1].Counts
}

// add adds what another has counted.
func (t *tally) add(other *tally) {
	for _, c := range other.list {
		t.from(c.source)
		t.now.Events += c.Events
		t.now.Bytes += c.Bytes
		t.now.Failed += c.Failed
	}
}

// sources are the counts of all sources since the start.
type sources struct {
	mu sync.Mutex
	by map[string]*Counts
}

// Addresses can be forged, so the sources that are counted singly are bounded;
// those that come later are counted together.
const (
	maxSources   = 10_000
	otherSources = "others"
)

// count counts what was prepared of a batch, or all of it when it was refused: then some
// of it may not have been looked at.
func (p *Pipeline) count(t *tally, b *llama.Batch, err error) {
	if err != nil {
		p.countRejected(b)
		return
	}
	p.sources.mu.Lock()
	defer p.sources.mu.Unlock()
	for _, c := range t.list {
		to := p.sources.of(c.source)
		to.Events += c.Events
		to.Bytes += c.Bytes
		to.Failed += c.Failed
		p.metrics.events.Add(float64(c.Events))
		p.metrics.bytes.Add(float64(c.Bytes))
		p.metrics.failed.Add(float64(c.Failed))
	}
}

func (p *Pipeline) countRejected(b *llama.Batch) {
	var t tally
	for i := range b.Events {
		if source := b.Events[i].Source; i == 0 || source != b.Events[i-1].Source {
			t.from(source)
		}
		t.now.Events++
	}
	p.sources.mu.Lock()
	defer p.sources.mu.Unlock()
	for _, c := range t.list {
		p.sources.of(c.source).Rejected += c.Events
		p.metrics.rejected.Add(float64(c.Events))
	}
}

func (s *sources) of(source string) *Counts {
	if s.by == nil {
		s.by = map[string]*Counts{}
	}
	c, ok := s.by[source]
	if !ok && len(s.by) >= maxSources {
		source = otherSources
		c, ok = s.by[source]
	}
	if !ok {
		c = &Counts{}
		s.by[strings.Clone(source)] = c // it is of a batch
	}
	return c
}

// Stats returns what came from each source since the start.
func (p *Pipeline) Stats() map[string]Counts {
	p.sources.mu.Lock()
	defer p.sources.mu.Unlock()
	out := make(map[string]Counts, len(p.sources.by))
	for source, c := range p.sources.by {
		out[source] = *c
	}
	return out
}

// Metrics counts what all pipelines of a process do.
type Metrics struct {
	events, bytes, rejected, failed prometheus.Counter
}

// NewMetrics registers the pipeline's metrics.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	m := unregistered()
	reg.MustRegister(m.events, m.bytes, m.rejected, m.failed)
	return m
}

func unregistered() *Metrics {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: "llama_pipeline_" + name, Help: help})
	}
	return &Metrics{
		events:   counter("events_total", "Events that are safe in the archive."),
		bytes:    counter("message_bytes_total", "Bytes of the messages of those events."),
		rejected: counter("rejected_events_total", "Events the archive refused; their senders may try again."),
		failed:   counter("parse_failures_total", "Events their parser did not understand; they are kept whole."),
	}
}
