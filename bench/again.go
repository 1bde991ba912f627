package main

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"time"
)

// What again measures: the aggregates among the questions of query, asked for the first
// time, and once more after one part in a hundred has come to it. What was in segments
// the first time is not read again.

// newPart is which part of the corpus comes later: one in so many events.
const newPart = 100

func again(ctx context.Context, o *options) (*report, error) {
	asked, err := readQuestions(questionFile)
	if err != nil {
		return nil, err
	}
	c, err := o.openCorpus()
	if err != nil {
		return nil, err
	}
	old, count := firstLines(c.syslog, c.events-c.events/newPart)
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
	err = during(ctx, s, func() error {
		ask := func(system string) error {
			w, err := newStopwatch(ctx, s.proc)
			if err != nil {
				return err
			}
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
		if err := ask("first"); err != nil {
			return err
		}
		if err := send(c.syslog[len(old):], c.events-count); err != nil {
			return err
		}
		if err := s.proc.settle(ctx); err != nil {
			return err
		}
		// What came new is gathered by whoever asks first, whatever they ask; who asks for a
		// field fills its column.
		if _, err := s.ask(ctx, ask1); err != nil {
			return err
		}
		return ask("again")
	})
	r.note("again: after %d more events have come, which are in memory", c.events-count)
	return r, err
}

// ask1 has what is in memory gathered.
var ask1 = ask{`nothing_has_this:x | stats count() n`, 0}
