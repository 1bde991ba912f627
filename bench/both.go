package main

import (
	"context"
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// What both measures: ingest while ten heavy questions are asked again and again, beside
// ingest alone; and the questions of query while events come in at half the rate that
// was reached alone, beside the same on an idle server. Nothing is kept of answers.
//
// What comes in while a question is asked is asked about, too: so each question is asked
// alone before and after, and what it takes alone is the mean of both.

// heavy are questions that look into every message.
var heavy = []string{
	`_msg:~"[0-9]+[a-z]+[0-9]+zz" | stats count() n`,
	`* | stats by (host.name, process.name) count() n, max(_msg) m`,
	`_msg:~"(?i)qqx|xxq" | stats count() n`,
}

const (
	heavyAtOnce  = 10
	halfSenders  = 4
	askedBetween = 5 // times each question is asked
	// underWay is how long events come in before a question is asked beside them.
	underWay = time.Second
)

func both(ctx context.Context, o *options) (*report, error) {
	asked, err := readQuestions(questionFile)
	if err != nil {
		return nil, err
	}
	c, err := o.openCorpus()
	if err != nil {
		return nil, err
	}
	r := newReport(c.String(), "alone", "at once")
	s := o.newLlama(filepath.Join(o.temporary, "both"))
	s.more += "archive:\n  answers_size: 1B\n"
	if o.stores != "" {
		if out, err := exec.CommandContext(ctx, "cp", "-a", filepath.Join(o.stores, "llama"), s.dir).CombinedOutput(); err != nil {
			return nil, fmt.Errorf("copy the store: %w: %s", err, out)
		}
	}
	err = during(ctx, s, func() error {
		lines := bodies(c.syslog, linesAtOnce)
		if o.stores == "" {
			o.say("both: loading %d events", c.events)
			if _, err := o.ingestRate(ctx, s, c, lines); err != nil {
				return err
			}
		}
		if o.runs == 0 {
			return o.askBoth(ctx, r, s, asked, lines, o.rate)
		}
		var alone, beside []float64
		for range o.runs {
			o.say("both: ingest alone")
			rate, err := o.ingestRate(ctx, s, c, lines)
			if err != nil {
				return err
			}
			alone = append(alone, rate)
			o.say("both: %.0f events/s; ingest beside %d questions", rate, heavyAtOnce)
			err = whileAsked(ctx, s, func() error {
				rate, err = o.ingestRate(ctx, s, c, lines)
				return err
			})
			if err != nil {
				return err
			}
			o.say("both: %.0f events/s", rate)
			beside = append(beside, rate)
		}
		r.set("alone", "ingest", "events/s", median(alone)).More = true
		r.set("at once", "ingest", "events/s", median(beside)).More = true
		return o.askBoth(ctx, r, s, asked, lines, median(alone)/2)
	})
	r.note("at once: ingest beside %d heavy questions asked again and again; questions beside ingest at half the rate of ingest alone", heavyAtOnce)
	return r, err
}

// ingestRate sends all lines and returns how many a second became durable.
func (o *options) ingestRate(ctx context.Context, s *llamaServer, c *corpus, lines []body) (float64, error) {
	before, err := s.stored(ctx)
	if err != nil {
		return 0, err
	}
	began := time.Now()
	if err := sendTCP(ctx, s.at.Syslog, lines); err != nil {
		return 0, err
	}
	if err := waitStored(ctx, s, int(before)+c.events); err != nil {
		return 0, err
	}
	return float64(c.events) / time.Since(began).Seconds(), nil
}

// whileAsked runs do while heavy questions are asked.
func whileAsked(ctx context.Context, s *llamaServer, do func() error) error {
	asking, stop := context.WithCancel(ctx)
	var group sync.WaitGroup
	defer group.Wait()
	defer stop()
	for i := range heavyAtOnce {
		group.Go(func() {
			for asking.Err() == nil {
				_, _ = s.ask(asking, ask{heavy[i%len(heavy)], 0}) // one that is cut off by the end counts as well
			}
		})
	}
	return do()
}

// askBoth asks all questions of the idle server, and while events come in.
func (o *options) askBoth(ctx context.Context, r *report, s *llamaServer, asked []question, lines []body, rate float64) error {
	o.say("both: questions alone and beside %.0f events/s", rate)
	for i := range asked {
		times := func() (float64, error) {
			var took []time.Duration
			for first, n := time.Now(), 0; n <= askedBetween && (n < 2 || time.Since(first) < slowest); n++ {
				began := time.Now()
				if _, err := s.ask(ctx, asked[i].of(s)); err != nil {
					return 0, fmt.Errorf("%s: %w", asked[i].name, err)
				}
				if n > 0 {
					took = append(took, time.Since(began))
				}
			}
			return float64(median(took)) / float64(time.Millisecond), nil
		}
		alone := func() (float64, error) {
			if err := s.proc.settle(ctx); err != nil {
				return 0, err
			}
			return times()
		}
		before, err := alone()
		if err != nil {
			return err
		}
		var beside float64
		if err := whileSent(ctx, s, lines, rate, func() error {
			beside, err = times()
			return err
		}); err != nil {
			return err
		}
		after, err := alone()
		if err != nil {
			return err
		}
		r.set("alone", asked[i].name, "ms", (before+after)/2)
		r.set("at once", asked[i].name, "ms", beside)
	}
	overall(r, "ms", "", "at once, against alone, for each question")
	return nil
}

// whileSent runs do while events come in at a rate of so many a second.
func whileSent(ctx context.Context, s *llamaServer, lines []body, rate float64, do func() error) error {
	sending, stop := context.WithCancel(ctx)
	defer stop()
	group, sending := errgroup.WithContext(sending)
	group.Go(func() error { return sendPaced(sending, s.at.Syslog, lines, rate) })
	err := pause(sending, underWay)
	if err == nil {
		err = do()
	}
	stop()
	if sent := group.Wait(); sent != nil && err == nil {
		err = sent
	}
	return err
}

// sendPaced sends lines again and again, at a rate of so many a second, until ctx ends.
func sendPaced(ctx context.Context, address string, lines []body, rate float64) error {
	events := make([]int, len(lines))
	for i := range lines {
		events[i] = lines[i].events
	}
	var d net.Dialer
	conns := make(chan net.Conn, halfSenders)
	for range halfSenders {
		conn, err := d.DialContext(ctx, "tcp", address)
		if err != nil {
			return err
		}
		defer conn.Close()
		conns <- conn
	}
	for ctx.Err() == nil {
		_, err := pace(ctx, events, halfSenders, rate, func(_ context.Context, i int) error {
			conn := <-conns
			defer func() { conns <- conn }()
			_, err := conn.Write(lines[i].text)
			return err
		})
		if err != nil && ctx.Err() == nil {
			return err
		}
	}
	return nil
}
