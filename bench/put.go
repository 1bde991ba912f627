package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/archive"
	"github.com/llama-logs/llama/internal/fsys"
	"github.com/llama-logs/llama/internal/seal"
)

// What put measures: how long Put of an archive takes within one process, without
// receivers, parsers and HTTP. Batches of a thousand events with their fields are put
// at the rate that was asked for, while sealing and merging go on beside it.

// putEvents bounds the events that are held in memory; they are put again and again.
const putEvents = 100_000

func put(ctx context.Context, o *options) (_ *report, err error) {
	c, err := o.openCorpus()
	if err != nil {
		return nil, err
	}
	if err := c.needJSON(); err != nil {
		return nil, err
	}
	batches, err := eventsOf(c.json)
	if err != nil {
		return nil, err
	}
	a, release, err := openArchive(filepath.Join(o.temporary, "put"))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, release()) }()
	ctx, stop := context.WithCancel(ctx)
	background := errgroup.Group{}
	background.Go(func() error { return a.Run(ctx) })
	due := make([]int, c.events/latencyBatch)
	for i := range due {
		due[i] = latencyBatch
	}
	late, err := pace(ctx, due, latencySenders, o.rate, func(ctx context.Context, i int) error {
		events := slices.Clone(batches[i%len(batches)])
		return a.Put(ctx, &llama.Batch{Events: events})
	})
	stop()
	if err := errors.Join(err, background.Wait()); err != nil {
		return nil, err
	}
	r := newReport(c.String(), "llama")
	r.note("%.0f events/s in batches of %d, up to %d at once; counted from when a batch was due", o.rate, latencyBatch, latencySenders)
	r.setLate("Put", late)
	return r, nil
}

// openArchive makes an archive with its default options in a folder, and returns what
// closes it.
func openArchive(folder string) (*archive.Archive, func() error, error) {
	disk, err := fsys.Dir(folder)
	if err != nil {
		return nil, nil, err
	}
	keyFile := filepath.Join(filepath.Dir(folder), "master.key")
	if _, err := seal.CreateKeyFile(keyFile); err != nil {
		return nil, nil, errors.Join(err, disk.Close())
	}
	master, err := seal.OpenKeyFile(keyFile)
	if err != nil {
		return nil, nil, errors.Join(err, disk.Close())
	}
	a, err := archive.Open(disk, master, archive.Options{})
	if err != nil {
		return nil, nil, errors.Join(err, disk.Close())
	}
	return a, func() error { return errors.Join(a.Close(), disk.Close()) }, nil
}

// eventsOf returns the first events of JSON lines, in batches.
func eventsOf(json []byte) ([][]llama.Event, error) {
	json, _ = firstLines(json, putEvents)
	var batches [][]llama.Event
	for _, b := range bodies(json, latencyBatch) {
		events := make([]llama.Event, 0, b.events)
		for line := range strings.Lines(string(b.text)) {
			fields, err := llama.AppendFields(nil, strings.TrimSuffix(line, "\n"))
			if err != nil {
				return nil, fmt.Errorf("%.60s: %w", line, err)
			}
			e := llama.Event{Time: llama.At(time.Now()), Collection: "bench", Source: "bench"}
			for _, f := range fields {
				switch f.Name {
				case llama.NameMessage:
					e.Message = f.Value
				case llama.NameTime:
				default:
					e.Fields = append(e.Fields, f)
				}
			}
			events = append(events, e)
		}
		batches = append(batches, events)
	}
	return batches, nil
}
