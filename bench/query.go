package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// What query measures: fifteen questions, each in the words of LLAMA's fields and
// in those of the peer's, over connections that stay open: LLAMA's over the
// operator's socket, the peer's over HTTP. Warm is the median of seven after one
// that does not count; cold is the first after a restart, without the system's
// caches. All rows are read. The answers are compared: with the peer's, and with
// those that queries.tsv has for a corpus of that size.

const (
	warmRuns = 7
	// slowest bounds the time spent on one question's repeats.
	slowest = 20 * time.Second
)

//go:embed queries.tsv
var questionFile string

// A question in both servers' words.
type question struct {
	name    string
	limit   int
	llama   string
	peer    string
	answers map[int64]answer // by the bytes of the syslog file
}

// readQuestions reads the file: a heading, and a line a question. The answer's
// columns are headed by the size of the corpus that they are for.
func readQuestions(text string) ([]question, error) {
	const fixed = 4
	lines := strings.Split(strings.TrimSpace(text), "\n")
	heading := strings.Split(lines[0], "\t")
	var all []question
	for i, line := range lines[1:] {
		cells := strings.Split(line, "\t")
		if len(cells) != len(heading) {
			return nil, fmt.Errorf("queries.tsv:%d: %d cells, and the heading has %d", i+2, len(cells), len(heading))
		}
		limit, err := strconv.Atoi(cells[1])
		if err != nil {
			return nil, fmt.Errorf("queries.tsv:%d: limit: %w", i+2, err)
		}
		q := question{cells[0], limit, cells[2], cells[3], map[int64]answer{}}
		for k := fixed; k < len(cells); k++ {
			size, err := strconv.ParseInt(heading[k], 10, 64)
			if err != nil {
				return nil, fmt.Errorf("queries.tsv:1: %w", err)
			}
			if cells[k] == "" {
				continue // not known
			}
			if q.answers[size], err = parseAnswer(cells[k]); err != nil {
				return nil, fmt.Errorf("queries.tsv:%d: %w", i+2, err)
			}
		}
		all = append(all, q)
	}
	return all, nil
}

// hostStream is how the peer finds a host fastest, when its streams are by host.
var hostStream = regexp.MustCompile(`\{host=("[^"]*")\}`)

// of returns the question in a server's words.
func (q *question) of(s server) ask {
	peer, ok := s.(*peerServer)
	if !ok {
		return ask{q.llama, q.limit}
	}
	if !slices.Contains(peer.streams, "host") {
		return ask{hostStream.ReplaceAllString(q.peer, "host:=$1"), q.limit}
	}
	return ask{q.peer, q.limit}
}

func questions(ctx context.Context, o *options) (*report, error) {
	asked, err := readQuestions(questionFile)
	if err != nil {
		return nil, err
	}
	c, err := o.openCorpus()
	if err != nil {
		return nil, err
	}
	home := o.stores
	if home == "" {
		home = o.temporary
	}
	r := newReport(c.String(), "llama")
	servers := o.stored(home)
	for _, s := range servers {
		if err := o.load(ctx, s, c); err != nil {
			return nil, err
		}
	}
	if o.cold {
		o.say("cold questions")
		for i := range asked {
			for _, s := range servers {
				if err := o.askCold(ctx, r, s, &asked[i]); err != nil {
					return nil, err
				}
			}
		}
		overall(r, "ms", coldPrefix, "cold"+againstStores)
	}
	o.say("warm questions")
	answers := map[string][]answer{}
	if err := duringAll(ctx, servers, func() error { return askWarm(ctx, r, servers, asked, answers) }); err != nil {
		return nil, err
	}
	compare(r, asked, answers, c.whole)
	overall(r, "ms", "", "warm"+againstStores)
	overall(r, "CPU ms", cpuPrefix, "CPU time"+againstStores)
	return r, nil
}

// The names of rows that are of the same question begin so.
const (
	coldPrefix = "cold "
	cpuPrefix  = "CPU of "
)

// stored returns the servers that are asked. The peer is asked twice, since what
// makes its streams suits some questions and not others.
func (o *options) stored(home string) []server {
	own := o.newLlama(filepath.Join(home, "llama"))
	if own.more == "" {
		own.more = "archive:\n  answers_size: 1B\n" // or what was asked before would not be asked again
	}
	all := []server{own}
	if o.peer != "" {
		all = append(all, o.newPeer(filepath.Join(home, "app"), "VL app", "app"),
			o.newPeer(filepath.Join(home, "host-app"), "VL host,app", "host", "app"))
	}
	return all
}

// load fills a store with the corpus, unless it was kept from another run, and
// has it merge all there is to merge.
func (o *options) load(ctx context.Context, s server, c *corpus) error {
	full := filepath.Join(s.home(), "loaded")
	what := c.String()
	text, err := os.ReadFile(full)
	switch {
	case err == nil && string(text) == what:
		return nil
	case err == nil:
		return fmt.Errorf("%s holds %s; remove it, or name another folder", filepath.Dir(full), text)
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	o.say("%s: loading %d events", s.name(), c.events)
	err = during(ctx, s, func() error {
		var err error
		switch s := s.(type) {
		case *llamaServer:
			err = sendTCP(ctx, s.at.Syslog, bodies(c.syslog, linesAtOnce))
		case *peerServer:
			if err = c.needJSON(); err == nil {
				err = newDoor(s.insert(), "", peerSenders).send(ctx, bodies(c.json, peerLines), 0, &sent{})
			}
		}
		if err != nil {
			return err
		}
		if err := waitStored(ctx, s, c.events); err != nil {
			return err
		}
		if err := s.running().settle(ctx); err != nil {
			return err
		}
		_, err = s.running().stop(ctx)
		return err
	})
	if err != nil {
		return err
	}
	if _, _, err := o.merge(ctx, s); err != nil {
		return err
	}
	return os.WriteFile(full, []byte(what), 0o600)
}

// askWarm asks all servers all questions. They take turns, so that what else the
// machine does falls on all alike.
func askWarm(ctx context.Context, r *report, servers []server, asked []question, answers map[string][]answer) error {
	watches := map[string]*stopwatch{}
	for _, s := range servers {
		var err error
		if watches[s.name()], err = newStopwatch(ctx, s.running()); err != nil {
			return err
		}
	}
	var used []row // below the times, though measured with them
	for i := range asked {
		took, err := takeTurns(ctx, servers, &asked[i], watches, answers)
		if err != nil {
			return err
		}
		cpu := row{What: cpuPrefix + asked[i].name, Unit: "CPU ms", Values: map[string]float64{}}
		for _, s := range servers {
			r.set(s.name(), asked[i].name, "ms", float64(median(took[s.name()]))/float64(time.Millisecond))
			seconds, err := watches[s.name()].lap()
			if err != nil {
				return err
			}
			cpu.Values[s.name()] = seconds * 1000 / float64(len(took[s.name()]))
		}
		used = append(used, cpu)
	}
	for _, s := range servers {
		r.set(s.name(), "peak memory", "MB", float64(s.running().memory())/1e6)
		if _, err := s.running().stop(ctx); err != nil {
			return err
		}
	}
	r.Rows = append(r.Rows, used...)
	return nil
}

// takeTurns asks one question of all servers, first once for what is read from disk
// and then as often as time allows. It returns how long the latter took.
func takeTurns(ctx context.Context, servers []server, q *question, watches map[string]*stopwatch, answers map[string][]answer) (map[string][]time.Duration, error) {
	first := map[string]answer{}
	for _, s := range servers {
		a, err := s.ask(ctx, q.of(s))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", s.name(), err)
		}
		first[s.name()] = a
		answers[s.name()] = append(answers[s.name()], a)
		if _, err := watches[s.name()].lap(); err != nil { // it does not count
			return nil, err
		}
	}
	took := map[string][]time.Duration{}
	for began, n := time.Now(), 0; n < warmRuns && (n == 0 || time.Since(began) < slowest); n++ {
		for _, s := range servers {
			at := time.Now()
			a, err := s.ask(ctx, q.of(s))
			if err != nil {
				return nil, fmt.Errorf("%s: %w", s.name(), err)
			}
			took[s.name()] = append(took[s.name()], time.Since(at))
			if f := first[s.name()]; !a.same(f) {
				return nil, fmt.Errorf("%s answers %q with %s and then with %s", s.name(), q.of(s).query, f, a)
			}
		}
	}
	return took, nil
}

func (o *options) askCold(ctx context.Context, r *report, s server, q *question) error {
	return during(ctx, s, func() error {
		if err := dropCaches(); err != nil {
			if len(r.Notes) == 0 {
				r.note("cold: only the servers' caches were empty, the system's not (%v)", err)
			}
		}
		at := time.Now()
		if _, err := s.ask(ctx, q.of(s)); err != nil {
			return err
		}
		r.set(s.name(), coldPrefix+q.name, "ms", float64(time.Since(at))/float64(time.Millisecond))
		return nil
	})
}

// dropCaches has the system forget what it has read from disk.
func dropCaches() error {
	syscall.Sync()
	return os.WriteFile("/proc/sys/vm/drop_caches", []byte("3"), 0o200)
}

// compare notes where answers differ.
func compare(r *report, asked []question, answers map[string][]answer, size int64) {
	for i, q := range asked {
		ours := answers["llama"][i]
		j := slices.IndexFunc(r.Rows, func(x row) bool { return x.What == q.name })
		r.Rows[j].Answer = ours.String()
		if want, ok := q.answers[size]; ok && !want.same(ours) {
			r.Wrong = append(r.Wrong, fmt.Sprintf("%s: LLAMA answers %s and should answer %s", q.name, ours, want))
		}
		for _, system := range r.Systems[1:] {
			if theirs := answers[system][i]; !theirs.same(ours) {
				r.note("%s: LLAMA answers %s, %s answers %s", q.name, ours, system, theirs)
			}
		}
	}
}

// againstStores says what a question of the peer is that LLAMA's is compared with.
const againstStores = ", against the better of the peer's stores for each question"

// overall adds the geometric mean of how many times better LLAMA is than the best
// of the peer's stores, question by question, the least of them and the most: over the rows
// with a unit whose names begin with prefix. What says what was compared.
func overall(r *report, unit, prefix, what string) {
	var ratios []float64
	for _, x := range r.Rows {
		if x.Unit != unit || !strings.HasPrefix(x.What, prefix) || prefix == "" && strings.HasPrefix(x.What, coldPrefix) {
			continue
		}
		best := math.Inf(1)
		for _, peer := range r.Systems[1:] {
			if t := r.times(x, peer); !math.IsNaN(t) {
				best = min(best, t)
			}
		}
		if !math.IsInf(best, 1) {
			ratios = append(ratios, best)
		}
	}
	if len(ratios) == 0 {
		return
	}
	sum := 0.0
	for _, x := range ratios {
		sum += math.Log(x)
	}
	r.Summary = append(r.Summary, fmt.Sprintf("%s: x %.2f in the geometric mean, from x %.2f to x %.2f",
		what, math.Exp(sum/float64(len(ratios))), slices.Min(ratios), slices.Max(ratios)))
}
