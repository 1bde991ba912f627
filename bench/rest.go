package main

import (
	"context"
	"fmt"
	"path/filepath"
	"time"
)

// What rest measures: LLAMA at rest with a corpus in it, and with the same sent again
// and again over syslog TCP: the memory that is resident after a start when all that
// was put off is done, and when all events have been counted since; how long a start
// takes until they are counted, and how much of the disk an event has.

func rest(ctx context.Context, o *options) (*report, error) {
	c, err := o.openCorpus()
	if err != nil {
		return nil, err
	}
	r := newReport(c.String())
	s := o.newLlama(filepath.Join(o.temporary, "llama"))
	lines := bodies(c.syslog, linesAtOnce)
	rounds := 0
	for _, until := range []int{1, o.repeat} {
		if until <= rounds {
			continue
		}
		err := during(ctx, s, func() error {
			for sent := 0; rounds < until; {
				rounds++
				sent += c.events
				o.say("%d events", rounds*c.events)
				if err := sendTCP(ctx, s.at.Syslog, lines); err != nil {
					return err
				}
				if err := waitStored(ctx, s, sent); err != nil {
					return err
				}
			}
			_, err := s.proc.stop(ctx)
			return err
		})
		if err != nil {
			return nil, err
		}
		if err := o.measureRest(ctx, r, s, rounds*c.events); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// measureRest starts a server that has so many events three times: to have it merge what
// is left to merge, to look at it as it is then, and to ask it.
func (o *options) measureRest(ctx context.Context, r *report, s *llamaServer, events int) error {
	if _, _, err := o.merge(ctx, s); err != nil {
		return err
	}
	_, resident, err := o.merge(ctx, s) // nothing is left to merge
	if err != nil {
		return err
	}
	disk, err := diskUse(s.keeps())
	if err != nil {
		return err
	}
	column := fmt.Sprintf("%g million", float64(events)/1e6)
	began := time.Now()
	if err := s.spawn(ctx); err != nil {
		return err
	}
	defer s.proc.kill()
	if err := s.proc.until(ctx, s.readAddresses); err != nil {
		return err
	}
	if err := checkCount(ctx, s, events); err != nil {
		return err
	}
	took := time.Since(began)
	used, err := s.proc.cpu()
	if err != nil {
		return err
	}
	if err := s.proc.settle(ctx); err != nil {
		return err
	}
	r.set(column, "memory at rest", "MB", float64(resident)/1e6)
	r.set(column, "- after all were counted", "MB", float64(s.proc.resident())/1e6)
	r.set(column, "start until counted", "s", took.Seconds())
	r.set(column, "CPU until then", "s", used.Seconds())
	r.set(column, "disk, merged", "B/event", float64(disk)/float64(events))
	_, err = s.proc.stop(ctx)
	return err
}
