package main

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"time"
)

// What latency measures: how long after a batch of a thousand events was due its
// sender has the acknowledgement that it is safe on disk, while so many are sent
// that the rate is as asked. JSON lines come with their fields; plain lines are
// parsed first.

const (
	latencyBatch   = 1000
	latencySenders = 8
	// keptUp is the share of the rate below which the server did not keep up, and
	// the figures are those of a queue.
	keptUp = 0.98
)

func latency(ctx context.Context, o *options) (*report, error) {
	c, err := o.openCorpus()
	if err != nil {
		return nil, err
	}
	r := newReport(c.String(), "llama")
	r.note("%.0f events/s in batches of %d, up to %d at once; counted from when a batch was due", o.rate, latencyBatch, latencySenders)
	forms := []struct {
		name, form string
		data       []byte
	}{{"JSON lines", "jsonl", c.json}, {"plain lines", "lines", c.syslog}}
	for _, f := range forms {
		if len(f.data) == 0 {
			continue
		}
		o.say("latency: %s", f.name)
		s := o.newLlama(filepath.Join(o.temporary, f.form))
		err := during(ctx, s, func() error {
			return o.measureLatency(ctx, r, s, f.name, f.form, bodies(f.data, latencyBatch))
		})
		if err != nil {
			return nil, err
		}
	}
	return r, nil
}

func (o *options) measureLatency(ctx context.Context, r *report, s *llamaServer, name, form string, all []body) error {
	w, err := newStopwatch(ctx, s.proc)
	if err != nil {
		return err
	}
	began := time.Now()
	var came sent
	if err := s.door(form, latencySenders).send(ctx, all, o.rate, &came); err != nil {
		return err
	}
	took := time.Since(began)
	used, err := w.lap()
	if err != nil {
		return err
	}
	events := float64(came.acknowledged.Load())
	if err := checkCount(ctx, s, int(events)); err != nil {
		return err
	}
	rate := events / took.Seconds()
	if rate < keptUp*o.rate {
		r.note("%s: only %.0f events/s were taken, so these are the times of a queue", name, rate)
	}
	r.setLate(name, came.late)
	r.set("llama", name+", taken", "events/s", rate).More = true
	r.set("llama", name+", CPU", "s/1M", used/events*1e6)
	return nil
}

// setLate puts how late answers came into the table: quantiles, and how many came in time.
func (r *report) setLate(name string, late []time.Duration) {
	slices.Sort(late)
	for _, q := range []struct {
		what  string
		share float64
	}{{"median", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p99.9", 0.999}, {"longest", 1}} {
		r.set("llama", name+", "+q.what, "ms", float64(quantile(late, q.share))/float64(time.Millisecond))
	}
	for _, limit := range []time.Duration{10 * time.Millisecond, 20 * time.Millisecond, 50 * time.Millisecond} {
		n, _ := slices.BinarySearch(late, limit)
		r.set("llama", fmt.Sprintf("%s, within %s", name, limit), "%", 100*float64(n)/float64(len(late))).More = true
	}
}
