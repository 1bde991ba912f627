package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// connections is how many senders there are at once.
const connections = 4

// linesAtOnce is how many lines of syslog are written at once: about what a relay
// has in its buffer.
const linesAtOnce = 500

// sendTCP writes bodies over connections of their own and returns when the server
// has read and closed them all.
func sendTCP(ctx context.Context, address string, all []body) error {
	var next atomic.Int64
	return overTCP(ctx, address, func(_ context.Context, conn net.Conn, _ int) error {
		for i := next.Add(1) - 1; i < int64(len(all)); i = next.Add(1) - 1 {
			if _, err := conn.Write(all[i].text); err != nil {
				return err
			}
		}
		return nil
	})
}

// overTCP calls send for each of the connections, which are numbered from 0, and returns
// when the server has read and closed them all.
func overTCP(ctx context.Context, address string, send func(ctx context.Context, conn net.Conn, n int) error) error {
	group, ctx := errgroup.WithContext(ctx)
	for n := range connections {
		group.Go(func() error {
			var d net.Dialer
			conn, err := d.DialContext(ctx, "tcp", address)
			if err != nil {
				return err
			}
			defer conn.Close()
			stop := context.AfterFunc(ctx, func() { conn.Close() })
			defer stop()
			if err := send(ctx, conn, n); err != nil {
				return fmt.Errorf("send to %s: %w", address, err)
			}
			return finish(conn)
		})
	}
	return group.Wait()
}

// finish says that no more will come and waits until the server closes, too.
func finish(conn net.Conn) error {
	half, ok := conn.(interface{ CloseWrite() error })
	if !ok {
		return errors.New("the connection cannot be closed on one side")
	}
	if err := half.CloseWrite(); err != nil {
		return err
	}
	_, err := io.Copy(io.Discard, conn)
	return err
}

// A door takes bodies over HTTP and answers when it has them.
type door struct {
	url     string
	token   string // empty: none is asked for
	content string
	senders int
	client  *http.Client
}

// door returns one that is ready for as many senders.
func newDoor(url, token string, senders int) *door {
	return &door{
		url: url, token: token, senders: senders, content: "application/x-ndjson",
		client: &http.Client{Transport: &http.Transport{
			MaxIdleConnsPerHost: senders, DisableCompression: true, WriteBufferSize: 256 << 10,
		}},
	}
}

// door returns LLAMA's ingest door for JSON lines or for plain lines.
func (s *llamaServer) door(form string, senders int) *door {
	return newDoor("http://"+s.at.Ingest+"/insert/"+form+"?collection=bench", s.token, senders)
}

// A sent is what came of bodies.
type sent struct {
	acknowledged atomic.Uint64 // events
	late         []time.Duration
}

// send posts bodies, each when its time has come: at a rate of so many events a
// second, or at once for 0. How late the answer to a body is counts from when it
// should have been sent, so that a server that makes all wait does not look fast.
func (d *door) send(ctx context.Context, all []body, rate float64, s *sent) error {
	sizes := make([]int, len(all))
	for i := range all {
		sizes[i] = all[i].events
	}
	var err error
	s.late, err = pace(ctx, sizes, d.senders, rate, func(ctx context.Context, i int) error {
		if err := d.post(ctx, all[i].text); err != nil {
			return err
		}
		s.acknowledged.Add(uint64(all[i].events))
		return nil
	})
	return err
}

// pace calls do for each of batches of so many events, some at once, when its time has
// come, and returns how long after that each returned.
func pace(ctx context.Context, events []int, senders int, rate float64, do func(ctx context.Context, i int) error) ([]time.Duration, error) {
	due := make([]time.Duration, len(events)+1)
	for i, n := range events {
		if rate > 0 {
			due[i+1] = due[i] + time.Duration(float64(n)/rate*float64(time.Second))
		}
	}
	late := make([]time.Duration, len(events))
	began := time.Now()
	var next atomic.Int64
	group, ctx := errgroup.WithContext(ctx)
	for range senders {
		group.Go(func() error {
			for i := next.Add(1) - 1; i < int64(len(events)); i = next.Add(1) - 1 {
				at := began.Add(due[i])
				if rate == 0 {
					at = time.Now()
				} else if err := pause(ctx, time.Until(at)); err != nil {
					return err
				}
				if err := do(ctx, int(i)); err != nil {
					return err
				}
				late[i] = time.Since(at)
			}
			return nil
		})
	}
	return late, group.Wait()
}

func (d *door) post(ctx context.Context, text []byte) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, d.url, bytes.NewReader(text))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", d.content)
	if d.token != "" {
		req.Header.Set("Authorization", "Bearer "+d.token)
	}
	resp, err := d.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return err
	}
	if resp.StatusCode >= 300 {
		return fmt.Errorf("the door answers %s: %.200s", resp.Status, answer)
	}
	return nil
}
