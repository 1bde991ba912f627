package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"
)

// What ingest measures: a corpus sent over syslog TCP, without TLS, and the same
// into the peer, over syslog and as JSON lines. Times are wall times with the
// sender on the same machine; CPU seconds are the server's alone, those before the
// first event not counted. "All" is until the server has stopped in order, when
// all that it took is in its files, and then started again and done what it had
// put off: merging.

func ingest(ctx context.Context, o *options) (*report, error) {
	c, err := o.openCorpus()
	if err != nil {
		return nil, err
	}
	var all []*report
	for i := range o.runs {
		r := newReport(c.String(), "llama")
		dir := filepath.Join(o.temporary, fmt.Sprint(i))
		lines := bodies(c.syslog, linesAtOnce)
		ours := o.newLlama(filepath.Join(dir, "llama"))
		if err := o.measureIngest(ctx, r, ours, c, func() error { return sendTCP(ctx, ours.at.Syslog, lines) }); err != nil {
			return nil, err
		}
		if o.peer != "" {
			if err := o.ingestPeer(ctx, r, c, dir, lines); err != nil {
				return nil, err
			}
		}
		all = append(all, r)
	}
	return medians(all), nil
}

// ingestPeer measures the peer in the form that suits it best for each path.
func (o *options) ingestPeer(ctx context.Context, r *report, c *corpus, dir string, lines []body) error {
	peer := o.newPeer(filepath.Join(dir, "syslog"), peerSyslog)
	if err := o.measureIngest(ctx, r, peer, c, func() error { return sendTCP(ctx, peer.syslog, lines) }); err != nil {
		return err
	}
	r.note("VL syslog: -syslog.streamFields.tcp=[\"app_name\"]; it keeps the header's fields only")
	if len(c.json) == 0 {
		return nil
	}
	peer = o.newPeer(filepath.Join(dir, "json"), peerJSON, "app")
	text := bodies(c.json, peerLines)
	if err := o.measureIngest(ctx, r, peer, c, func() error {
		return newDoor(peer.insert(), "", peerSenders).send(ctx, text, 0, &sent{})
	}); err != nil {
		return err
	}
	r.note("VL JSON: _stream_fields=app; its fields are parsed before, and it is given them")
	return nil
}

// The peer's JSON path does best with two senders of large bodies.
const (
	peerSenders = 2
	peerLines   = 10_000
)

// measureIngest fills a server, stops it, and has it merge what is left.
func (o *options) measureIngest(ctx context.Context, r *report, s server, c *corpus, send func() error) error {
	o.say("%s: %d events", s.name(), c.events)
	var used float64 // CPU seconds
	err := during(ctx, s, func() (err error) {
		used, err = o.fill(ctx, r, s, c, send)
		return err
	})
	if err != nil {
		return err
	}
	stopped, err := diskUse(s.keeps())
	if err != nil {
		return err
	}
	peak := s.running().memory()
	last, rest, err := o.merge(ctx, s)
	if err != nil {
		return err
	}
	merged, err := diskUse(s.keeps())
	if err != nil {
		return err
	}
	events := float64(c.events)
	r.set(s.name(), "CPU of all", "s/1M", (used+last)/events*1e6)
	r.set(s.name(), "disk, stopped", "B/event", float64(stopped)/events)
	r.set(s.name(), "disk, merged", "B/event", float64(merged)/events)
	r.set(s.name(), "raw / disk", "", float64(len(c.syslog))/float64(merged)).More = true
	r.set(s.name(), "peak memory", "MB", float64(peak)/1e6)
	r.set(s.name(), "memory at rest", "MB", float64(rest)/1e6)
	return nil
}

// fill sends a corpus to a server that has started, and stops it when it has all
// and is idle. It returns the CPU seconds of that.
func (o *options) fill(ctx context.Context, r *report, s server, c *corpus, send func() error) (float64, error) {
	w, err := newStopwatch(ctx, s.running())
	if err != nil {
		return 0, err
	}
	events, began := float64(c.events), time.Now()
	if err := send(); err != nil {
		return 0, err
	}
	if err := waitStored(ctx, s, c.events); err != nil {
		return 0, err
	}
	took := time.Since(began)
	taken, err := w.lap()
	if err != nil {
		return 0, err
	}
	if err := s.running().settle(ctx); err != nil {
		return 0, err
	}
	settled, err := w.lap()
	if err != nil {
		return 0, err
	}
	r.set(s.name(), "until durable", "events/s", events/took.Seconds()).More = true
	r.set(s.name(), "- of raw syslog", "MB/s", float64(len(c.syslog))/1e6/took.Seconds()).More = true
	r.set(s.name(), "CPU until durable", "s/1M", taken/events*1e6)
	r.set(s.name(), "CPU until idle", "s/1M", (taken+settled)/events*1e6)
	if err := checkCount(ctx, s, c.events); err != nil {
		return 0, err
	}
	if _, err := w.lap(); err != nil { // of the question
		return 0, err
	}
	stopping, err := w.stop(ctx)
	return taken + settled + stopping, err
}

// checkCount makes sure that a server finds all events that it was sent.
func checkCount(ctx context.Context, s server, events int) error {
	found, err := count(ctx, s)
	if err == nil && found != uint64(events) {
		err = fmt.Errorf("%s finds %d of %d events", s.name(), found, events)
	}
	return err
}

// merge starts a server again and lets it do what it has put off. It returns the CPU
// seconds of that, and the bytes of memory that are resident then.
func (o *options) merge(ctx context.Context, s server) (took float64, resident int64, err error) {
	err = during(ctx, s, func() error {
		w := stopwatch{p: s.running()}
		if _, err := w.lap(); err != nil { // of the start
			return err
		}
		if err := s.running().settle(ctx); err != nil {
			return err
		}
		resident = s.running().resident()
		took, err = w.stop(ctx)
		return err
	})
	return took, resident, err
}

// stalled is how long a server may store nothing while there is something to do.
const stalled = 30 * time.Second

// waitStored waits until a server says that so many events are safe. The peer does
// not say; what it took is on its disk some seconds later.
func waitStored(ctx context.Context, s server, events int) error {
	since, had := time.Now(), uint64(0)
	for {
		n, err := s.stored(ctx)
		if errors.Is(err, errors.ErrUnsupported) || err == nil && n >= uint64(events) {
			return nil
		}
		if err != nil {
			return err
		}
		if n > had {
			since, had = time.Now(), n
		}
		if time.Since(since) > stalled {
			return fmt.Errorf("%s has stored %d of %d events and stores no more", s.name(), n, events)
		}
		if err := pause(ctx, 10*time.Millisecond); err != nil {
			return err
		}
	}
}
