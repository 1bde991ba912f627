package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/klauspost/compress/zstd"
)

// What wide measures: JSON events each of which has some of forty keys, so that no
// two have the same shape, sent to the ingest door. Beside it stands what zstd -3
// makes of the same lines: an archive that knows nothing of events, keeps no
// index and cannot be searched.

const (
	wideKeys  = 40
	wideBatch = 5000
)

func wide(ctx context.Context, o *options) (*report, error) {
	data := wideEvents(o.events, o.seed)
	r := newReport(fmt.Sprintf("made: %d JSON events of random subsets of %d keys, %.1f bytes each", o.events, wideKeys, float64(len(data))/float64(o.events)), "llama")
	packed, took, err := zstandard(data)
	if err != nil {
		return nil, err
	}
	all := bodies(data, wideBatch)
	s := o.newLlama(filepath.Join(o.temporary, "llama"))
	if err := o.measureWide(ctx, r, s, all, func() *door { return s.door("jsonl", connections) }); err != nil {
		return nil, err
	}
	const name = "zstd -3"
	r.set(name, "CPU of all", "us/event", float64(took.Microseconds())/float64(o.events))
	r.set(name, "disk, merged", "B/event", float64(packed)/float64(o.events))
	if o.peer != "" {
		peer := o.newPeer(filepath.Join(o.temporary, "peer"), peerJSON, "collection")
		if err := o.measureWide(ctx, r, peer, all, func() *door { return newDoor(peer.insert(), "", peerSenders) }); err != nil {
			return nil, err
		}
	}
	return r, nil
}

func (o *options) measureWide(ctx context.Context, r *report, s server, all []body, open func() *door) error {
	o.say("%s: wide events", s.name())
	var used float64 // CPU seconds
	events := 0
	for _, b := range all {
		events += b.events
	}
	err := during(ctx, s, func() error {
		w, err := newStopwatch(ctx, s.running())
		if err != nil {
			return err
		}
		began := time.Now()
		if err := open().send(ctx, all, 0, &sent{}); err != nil {
			return err
		}
		r.set(s.name(), "until acknowledged", "events/s", float64(events)/time.Since(began).Seconds()).More = true
		if err := s.running().settle(ctx); err != nil {
			return err
		}
		if used, err = w.lap(); err != nil {
			return err
		}
		if err := checkCount(ctx, s, events); err != nil {
			return err
		}
		if _, err := w.lap(); err != nil { // of the question
			return err
		}
		stopping, err := w.stop(ctx)
		used += stopping
		return err
	})
	if err != nil {
		return err
	}
	peak := s.running().memory()
	last, _, err := o.merge(ctx, s)
	if err != nil {
		return err
	}
	disk, err := diskUse(s.keeps())
	if err != nil {
		return err
	}
	r.set(s.name(), "CPU of all", "us/event", (used+last)/float64(events)*1e6)
	r.set(s.name(), "disk, merged", "B/event", float64(disk)/float64(events))
	r.set(s.name(), "peak memory", "MB", float64(peak)/1e6)
	return nil
}

// zstandard returns how small zstd -3 makes data, and the CPU time of that.
func zstandard(data []byte) (size int, took time.Duration, err error) {
	w := &counter{}
	e, err := zstd.NewWriter(w, zstd.WithEncoderLevel(zstd.EncoderLevelFromZstd(3)), zstd.WithEncoderConcurrency(1))
	if err != nil {
		return 0, 0, err
	}
	before, err := ownCPU()
	if err != nil {
		return 0, 0, err
	}
	if _, err := e.Write(data); err != nil {
		return 0, 0, err
	}
	if err := e.Close(); err != nil {
		return 0, 0, err
	}
	after, err := ownCPU()
	return w.n, after - before, err
}

// ownCPU returns the CPU time of this program so far.
func ownCPU() (time.Duration, error) {
	var use syscall.Rusage
	err := syscall.Getrusage(syscall.RUSAGE_SELF, &use)
	return time.Duration(use.Utime.Nano() + use.Stime.Nano()), err
}

// A counter counts what is written to it.
type counter struct{ n int }

func (c *counter) Write(p []byte) (int, error) {
	c.n += len(p)
	return len(p), nil
}

// wideEvents makes JSON lines. A fifth of the keys hold words, numbers, decimals,
// hexadecimal ids and truth values each.
func wideEvents(n int, seed uint64) []byte {
	r := rand.New(rand.NewPCG(seed, 1))
	words := []string{"alpha", "beta", "gamma", "delta", "omega", "north", "south", "east", "west", "zenith"}
	var b []byte
	for i := range n {
		at := weekEnd.Add(-week + time.Duration(float64(i)/float64(n)*float64(week)))
		b = at.AppendFormat(append(b, `{"_time":"`...), "2006-01-02T15:04:05.000000Z")
		b = append(b, `","_msg":"measured"`...)
		has := r.Uint64() & (1<<wideKeys - 1)
		for k := range wideKeys {
			if has>>k&1 == 0 {
				continue
			}
			b = append(b, `,"key`...)
			b = strconv.AppendInt(b, int64(k), 10)
			b = append(b, `":`...)
			switch k % 5 {
			case 0:
				b = append(append(append(b, '"'), words[r.IntN(len(words))]...), '"')
			case 1:
				b = strconv.AppendInt(b, int64(r.IntN(100_000)), 10)
			case 2:
				b = strconv.AppendFloat(b, float64(r.IntN(1_000_000))/1000, 'f', 3, 64)
			case 3:
				b = append(strconv.AppendUint(append(b, '"'), r.Uint64()|1<<63, 16), '"')
			default:
				b = strconv.AppendBool(b, r.IntN(2) == 0)
			}
		}
		b = append(b, '}', '\n')
	}
	return b
}
