package main

import (
	"context"
	"fmt"
	"net"
	"path/filepath"
	"time"
)

// What trickle measures: the CPU time of events that come one at a time, as most programs
// and small sites send them, over syslog TCP. A server has to store each soon, and is idle
// between them, so what is once for many events at full rate is for each here.

const trickleTime = 10 * time.Second

// trickleRates are those of some servers, of a site, and of a large one, in events/s.
var trickleRates = []int{200, 2_000, 20_000}

func trickle(ctx context.Context, o *options) (*report, error) {
	c, err := o.openCorpus()
	if err != nil {
		return nil, err
	}
	var all []*report
	for run := range o.runs {
		r := newReport(c.String(), "llama")
		r.note("up to %s of each rate over %d connections, a write for each event", trickleTime, connections)
		for _, rate := range trickleRates {
			dir := filepath.Join(o.temporary, fmt.Sprint(run, "-", rate))
			lines := bodies(c.syslog, 1)
			lines = lines[:min(len(lines), rate*int(trickleTime/time.Second))]
			ours := o.newLlama(filepath.Join(dir, "llama"))
			if err := o.measureTrickle(ctx, r, ours, rate, lines, func() string { return ours.at.Syslog }); err != nil {
				return nil, err
			}
			if o.peer == "" {
				continue
			}
			peer := o.newPeer(filepath.Join(dir, "peer"), peerSyslog)
			if err := o.measureTrickle(ctx, r, peer, rate, lines, func() string { return peer.syslog }); err != nil {
				return nil, err
			}
		}
		all = append(all, r)
	}
	return medians(all), nil
}

// measureTrickle sends lines at a rate and counts the CPU time until the server
// is idle.
func (o *options) measureTrickle(ctx context.Context, r *report, s server, rate int, lines []body, address func() string) error {
	o.say("%s: %d events/s", s.name(), rate)
	return during(ctx, s, func() error {
		w, err := newStopwatch(ctx, s.running())
		if err != nil {
			return err
		}
		if err := sendOneByOne(ctx, address(), lines, rate); err != nil {
			return err
		}
		if err := waitStored(ctx, s, len(lines)); err != nil {
			return err
		}
		if err := s.running().settle(ctx); err != nil { // the peer writes after some seconds
			return err
		}
		used, err := w.lap()
		if err != nil {
			return err
		}
		r.set(s.name(), fmt.Sprintf("CPU at %d events/s", rate), "us/event", used/float64(len(lines))*1e6)
		return checkCount(ctx, s, len(lines))
	})
}

// sendOneByOne writes each line by itself when it is due, over connections in turns, and
// returns when the server has read them all. Who is late catches up.
func sendOneByOne(ctx context.Context, address string, lines []body, rate int) error {
	began := time.Now()
	return overTCP(ctx, address, func(ctx context.Context, conn net.Conn, n int) error {
		for i := n; i < len(lines); i += connections {
			due := began.Add(time.Duration(i) * time.Second / time.Duration(rate))
			if err := pause(ctx, time.Until(due)); err != nil {
				return err
			}
			if _, err := conn.Write(lines[i].text); err != nil {
				return err
			}
		}
		return nil
	})
}
