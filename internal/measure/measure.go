// Package measure writes what a process counts as events, so that it is kept and can
// be asked about like all else: how fast, how full, how far behind it was last night.
//
//	prometheus.Gatherer ── Events, every minute ── Sink
//
// /metrics shows the same numbers as they are now. An event is one number:
//
//	metric.name    as Prometheus names it, with _count or _sum for the parts of a histogram
//	metric.type    counter or gauge
//	metric.value   a JSON number
//	labels.NAME    one field a label
package measure

import (
	"context"
	"log/slog"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/llama-logs/llama"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

// Collection is what the events are in.
const Collection = "metrics"

// Options say what is measured and where it goes.
type Options struct {
	From  prometheus.Gatherer
	Into  llama.Sink
	Log   *slog.Logger
	Every time.Duration // 0: a minute
}

// Run writes the numbers, at once and then again and again, until ctx ends. What
// cannot be written is said in the log, and is missing: the numbers go on.
func Run(ctx context.Context, o Options) error {
	if o.Every == 0 {
		o.Every = time.Minute
	}
	tick := time.NewTicker(o.Every)
	defer tick.Stop()
	for now := time.Now(); ; {
		if err := write(ctx, o, now); err != nil && ctx.Err() == nil {
			o.Log.Warn("metrics not written", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case now = <-tick.C:
		}
	}
}

func write(ctx context.Context, o Options, now time.Time) error {
	families, err := o.From.Gather()
	if len(families) == 0 {
		return err
	}
	if err != nil {
		o.Log.Warn("some metrics are missing", "error", err)
	}
	return o.Into.Put(ctx, &llama.Batch{Events: Events(families, llama.At(now))})
}

// Events returns an event for each number of families, all of one time.
func Events(families []*dto.MetricFamily, at llama.Time) []llama.Event {
	var events []llama.Event
	for _, f := range families {
		for _, m := range f.GetMetric() {
			add := func(suffix, kind string, value float64) {
				if math.IsNaN(value) || math.IsInf(value, 0) { // no JSON numbers
					return
				}
				events = append(events, event(f.GetName()+suffix, kind, value, m.GetLabel(), at))
			}
			switch {
			case m.Counter != nil:
				add("", "counter", m.Counter.GetValue())
			case m.Gauge != nil:
				add("", "gauge", m.Gauge.GetValue())
			case m.Untyped != nil:
				add("", "gauge", m.Untyped.GetValue())
			case m.Histogram != nil:
				add("_count", "counter", float64(m.Histogram.GetSampleCount()))
				add("_sum", "counter", m.Histogram.GetSampleSum())
			case m.Summary != nil:
				add("_count", "counter", float64(m.Summary.GetSampleCount()))
				add("_sum", "counter", m.Summary.GetSampleSum())
			}
		}
	}
	return events
}

// event makes the event of one number; its message is the line of the text format.
func event(name, kind string, value float64, labels []*dto.LabelPair, at llama.Time) llama.Event {
	number := strconv.FormatFloat(value, 'f', -1, 64)
	fields := make([]llama.Field, 0, 3+len(labels))
	fields = append(fields,
		llama.Field{Name: "metric.name", Value: name},
		llama.Field{Name: "metric.type", Value: kind},
		llama.Field{Name: "metric.value", Value: number, Kind: llama.Number})
	var line strings.Builder
	line.WriteString(name)
	for i, l := range labels {
		line.WriteString(map[bool]string{true: "{", false: ","}[i == 0])
		line.WriteString(l.GetName() + "=" + strconv.Quote(l.GetValue()))
		fields = append(fields, llama.Field{Name: "labels." + l.GetName(), Value: l.GetValue()})
	}
	if len(labels) > 0 {
		line.WriteByte('}')
	}
	line.WriteString(" " + number)
	return llama.Event{Time: at, Ingested: at, Collection: Collection, Source: "process", Message: line.String(), Fields: fields}
}
