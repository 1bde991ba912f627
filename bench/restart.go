package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// What restart measures: a server is killed (kill -9) while it takes events over
// HTTP as fast as it can and half of them have been acknowledged; then it is
// started again. Searchable is when it has answered how many events it has, from
// the start of its process on. What was acknowledged and is not found is lost.

func restart(ctx context.Context, o *options) (*report, error) {
	c, err := o.openCorpus()
	if err != nil {
		return nil, err
	}
	var all []*report
	for i := range o.runs {
		r := newReport(c.String(), "llama")
		ours := o.newLlama(filepath.Join(o.temporary, fmt.Sprint(i), "llama"))
		open := func() *door { return ours.door("lines", connections) }
		if err := o.measureRestart(ctx, r, ours, ours.spawn, c.events, bodies(c.syslog, latencyBatch), open); err != nil {
			return nil, err
		}
		if o.peer != "" {
			if err := c.needJSON(); err != nil {
				return nil, err
			}
			peer := o.newPeer(filepath.Join(o.temporary, fmt.Sprint(i), "peer"), peerJSON, "app")
			open := func() *door { return newDoor(peer.insert(), "", peerSenders) }
			if err := o.measureRestart(ctx, r, peer, peer.spawn, c.events, bodies(c.json, latencyBatch), open); err != nil {
				return nil, err
			}
		}
		all = append(all, r)
	}
	return medians(all), nil
}

// measureRestart kills a server and starts it again; spawn starts its process and
// waits for nothing.
func (o *options) measureRestart(ctx context.Context, r *report, s server, spawn func(context.Context) error, events int, all []body, open func() *door) error {
	o.say("%s: to be killed after %d events", s.name(), events/2)
	var came sent
	err := during(ctx, s, func() error {
		d := open()
		began := time.Now()
		group, ctx := errgroup.WithContext(ctx)
		var killed atomic.Bool
		group.Go(func() error {
			err := d.send(ctx, all, 0, &came)
			if err == nil {
				return errors.New("all was sent before the kill; send more")
			}
			if killed.Load() {
				return nil
			}
			return err
		})
		for came.acknowledged.Load() < uint64(events)/2 {
			if err := pause(ctx, time.Millisecond); err != nil {
				return errors.Join(err, group.Wait())
			}
		}
		killed.Store(true)
		if err := s.running().kill(); err != nil {
			return errors.Join(err, group.Wait())
		}
		r.set(s.name(), "sent at", "events/s", float64(came.acknowledged.Load())/time.Since(began).Seconds()).More = true
		return group.Wait()
	})
	if err != nil {
		return err
	}
	acknowledged := came.acknowledged.Load()
	began := time.Now()
	if err := spawn(ctx); err != nil {
		return err
	}
	var found uint64
	err = s.running().until(ctx, func() (err error) {
		found, err = count(ctx, s)
		return err
	})
	took := time.Since(began)
	used, cpuErr := s.running().cpu()
	if err := errors.Join(err, cpuErr, s.running().kill()); err != nil {
		return err
	}
	r.set(s.name(), "until searchable", "s", took.Seconds())
	r.set(s.name(), "CPU until then", "s", used.Seconds())
	r.set(s.name(), "acknowledged", "events", float64(acknowledged))
	r.set(s.name(), "found", "events", float64(found))
	r.set(s.name(), "lost", "events", max(0, float64(acknowledged)-float64(found)))
	return nil
}
