package main

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"time"
)

// What again measures: the aggregates among the questions of query, asked for the first
// time, and once more each time after one part in a hundred has come to it and nothing more
// comes. What was in segments the first time is not read again.

const (
	// newPart is which part of the corpus comes each time: one in so many events.
	newPart = 100
	// timesAgain is how often that is done.
	timesAgain = 7
)

func again(ctx context.Context, o *options) (*report, error) {
	asked, err := readQuestions(questionFile)
	if err != nil {
		return nil, err
	}
	c, err := o.openCorpus()
	if err != nil {
		return nil, err
	}
	part := max(1, c.events/newPart)
	if c.events <= timesAgain*part {
		return nil, fmt.Errorf("the corpus has %d events; again needs more than %d", c.events, timesAgain)
	}
	old, count := firstLines(c.syslog, c.events-timesAgain*part)
	r := newReport(c.String(), "first", "again")
	s := o.newLlama(filepath.Join(o.temporary, "again"))
	send := func(text []byte, events int) error {
		if err := sendTCP(ctx, s.at.Syslog, bodies(text, linesAtOnce)); err != nil {
			return err
		}
		return waitStored(ctx, s, events)
	}
	o.say("again: loading %d events", count)
	if err := during(ctx, s, func() error { // at the end all is sealed
		if err := send(old, count); err != nil {
			return err
		}
		_, err := s.proc.stop(ctx)
		return err
	}); err != nil {
		return nil, err
	}
	if _, _, err := o.merge(ctx, s); err != nil {
		return nil, err
	}
	var all []*report
	err = during(ctx, s, func() error {
		w, err := newStopwatch(ctx, s.proc)
		if err != nil {
			return err
		}
		ask := func(r *report, system string) error {
			for i := range asked {
				if !strings.Contains(asked[i].llama, "| stats") {
					continue
				}
				if _, err := w.lap(); err != nil {
					return err
				}
				began := time.Now()
				if _, err := s.ask(ctx, asked[i].of(s)); err != nil {
					return fmt.Errorf("%s: %w", asked[i].name, err)
				}
				r.set(system, asked[i].name, "ms", float64(time.Since(began))/float64(time.Millisecond))
				seconds, err := w.lap()
				if err != nil {
					return err
				}
				r.set(system, cpuPrefix+asked[i].name, "CPU ms", seconds*1000)
			}
			return nil
		}
		if err := ask(r, "first"); err != nil {
			return err
		}
		left := c.syslog[len(old):]
		for n := range timesAgain {
			o.say("again: time %d of %d", n+1, timesAgain)
			more, _ := firstLines(left, part)
			left = left[len(more):]
			if err := send(more, (n+1)*part); err != nil {
				return err
			}
			if err := s.proc.settle(ctx); err != nil {
				return err
			}
			one := newReport(c.String(), "first", "again")
			if err := ask(one, "again"); err != nil {
				return err
			}
			all = append(all, one)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, x := range medians(all).Rows {
		r.set("again", x.What, x.Unit, x.Values["again"])
	}
	overall(r, "ms", "", "again, of the first time")
	overall(r, "CPU ms", cpuPrefix, "in CPU time")
	r.note("again: medians of %d times, each after %d more events have come, which are in memory", timesAgain, part)
	return r, nil
}
