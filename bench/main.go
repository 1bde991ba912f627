// Bench measures LLAMA as its users run it: it builds the program, starts it on
// free ports over a data directory of its own, sends it events, asks it questions,
// and prints one table. With -peer it does the same to VictoriaLogs, on the same
// machine in the same run, and adds how many times better LLAMA is.
//
//	go run ./bench ingest  -peer victoria-logs   # events/s, CPU, memory, disk
//	go run ./bench query   -peer victoria-logs   # fifteen questions, cold and warm
//	go run ./bench latency                       # until an event is acknowledged
//	go run ./bench put                           # the same, within one process
//	go run ./bench trickle -peer victoria-logs   # events that come one at a time
//	go run ./bench wide                          # JSON of ever-changing keys
//	go run ./bench both                          # ingest and questions at once
//	go run ./bench again                         # aggregates asked again after 1 % new events
//	go run ./bench rest -repeat 10               # at rest, with ten times as much
//	go run ./bench sites -sites 1000             # one central, very many nodes
//	go run ./bench restart -peer victoria-logs   # after kill -9 at full rate
//
// Each command is a file. What they share: corpus.go is what is sent, and
// generate.go makes it; send.go sends it; process.go is a server under
// measurement, llama.go and peer.go the two there are; report.go is the table.
// Bench needs Linux: it reads /proc.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
)

// A command is one thing to measure.
type command struct {
	name string
	does string
	uses string // names of its flags; it has -json too
	run  func(ctx context.Context, o *options) (*report, error)
}

var commands = []command{
	{"ingest", "events/s, CPU, memory and disk of a corpus sent over syslog TCP", "corpus n seed llama config peer runs", ingest},
	{"latency", "how long the ingest door takes to acknowledge", "corpus n seed llama config rate", latency},
	{"put", "how long Put of an archive takes, without receivers and parsers", "corpus n seed rate", put},
	{"trickle", "CPU of events that come one at a time, at some rates", "corpus n seed llama config peer runs", trickle},
	{"wide", "JSON events with ever-changing keys", "n seed llama config peer", wide},
	{"restart", "kill -9 at full rate: what is left, and when it can be searched", "corpus n seed llama config peer runs", restart},
	{"both", "ingest beside ten heavy questions, and questions beside ingest at half its rate", "corpus n seed llama config runs rate stores", both},
	{"again", "aggregates asked for the first time, and again after 1 % new events", "corpus n seed llama config", again},
	{"rest", "memory at rest, start and disk, with a corpus and with the same many times", "corpus n seed llama config repeat", rest},
	{"sites", "one central and very many nodes: aggregates of all, small questions of one", "llama sites", sites},
	{"query", "fifteen questions, cold and warm", "corpus n seed llama config peer stores cold", questions},
}

// options are the flags of all commands.
type options struct {
	corpus    string  // file with syslog lines; the same events as JSON lie beside it
	events    int     // how many to send, or to make
	seed      uint64  // of what is made
	llama     string  // program; empty: it is built
	peer      string  // VictoriaLogs; empty: none
	stores    string  // folder where the stores of questions are kept between runs; empty: nowhere
	rate      float64 // events/s of latency
	sites     int     // nodes
	repeat    int     // how often rest sends the corpus
	runs      int     // medians are of so many
	cold      bool    // questions after a restart and without caches, too
	asJSON    bool
	config    string // more lines for LLAMA's configuration, below node:
	temporary string // folder for all that is not kept
	progress  io.Writer
}

// flags adds those of the names given to what: a flag that a command would not heed
// is none of its flags.
func (o *options) flags(what *flag.FlagSet, names []string) {
	set := flag.NewFlagSet("", flag.ContinueOnError)
	set.StringVar(&o.corpus, "corpus", os.Getenv("LLAMA_BENCH_CORPUS"), "`FILE` of syslog lines, with the same events as JSON lines beside it as .json (default: LLAMA_BENCH_CORPUS, else one is made and kept)")
	set.IntVar(&o.events, "n", 1_000_000, "`EVENTS` to send; with -corpus, 0 is all of it")
	set.Uint64Var(&o.seed, "seed", 1, "`SEED` of what is made")
	set.StringVar(&o.llama, "llama", "", "`PROGRAM` to measure (default: it is built)")
	set.StringVar(&o.peer, "peer", "", "`PROGRAM` victoria-logs, measured beside it")
	set.StringVar(&o.stores, "stores", "", "`DIR` where what was loaded is kept for the next time")
	set.Float64Var(&o.rate, "rate", 100_000, "`EVENTS` per second to send")
	set.IntVar(&o.repeat, "repeat", 10, "how many `TIMES` to send the corpus")
	set.IntVar(&o.sites, "sites", 100, "how many `NODES` to make")
	set.IntVar(&o.runs, "runs", 1, "how many `RUNS`; the table has their medians (0, of both: only questions, beside -rate)")
	set.BoolVar(&o.cold, "cold", false, "ask after a restart and without caches, too (the system's caches need root)")
	set.BoolVar(&o.asJSON, "json", false, "print JSON instead of a table")
	set.StringVar(&o.config, "config", "", "`YAML` that goes below node: in the configuration, e.g. 'archive: {segment_rows: 65536}'")
	for _, name := range names {
		f := set.Lookup(name)
		what.Var(f.Value, f.Name, f.Usage)
	}
}

func main() {
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	if errors.Is(err, flag.ErrHelp) {
		os.Exit(2)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// run runs one command and prints its table on out.
func run(ctx context.Context, args []string, out, progress io.Writer) (err error) {
	c, rest := find(args)
	if c == nil {
		usage(progress)
		return flag.ErrHelp
	}
	o := options{progress: progress}
	set := flag.NewFlagSet("bench "+c.name, flag.ContinueOnError)
	set.SetOutput(progress)
	o.flags(set, strings.Fields(c.uses+" json"))
	if err := set.Parse(rest); err != nil {
		return flag.ErrHelp // it has been told
	}
	if err := o.check(set); err != nil {
		return err
	}
	// The path of a socket is short, so the folder lies where the system has it.
	if o.temporary, err = os.MkdirTemp("", "bench-"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(o.temporary)) }()
	if set.Lookup("llama") != nil {
		if err := o.build(ctx); err != nil {
			return err
		}
	}
	r, err := c.run(ctx, &o)
	if err != nil {
		return fmt.Errorf("%s: %w", c.name, err)
	}
	r.Bench = c.name
	if err := r.print(out, o.asJSON); err != nil {
		return err
	}
	if len(r.Wrong) > 0 {
		return fmt.Errorf("%d answers are wrong", len(r.Wrong))
	}
	return nil
}

func find(args []string) (*command, []string) {
	if len(args) > 0 {
		for i := range commands {
			if commands[i].name == args[0] {
				return &commands[i], args[1:]
			}
		}
	}
	return nil, nil
}

func usage(out io.Writer) {
	fmt.Fprintln(out, "usage: go run ./bench COMMAND [flags]; COMMAND -h lists the flags")
	for _, c := range commands {
		fmt.Fprintf(out, "  %-8s %s\n", c.name, c.does)
	}
}

func (o *options) check(set *flag.FlagSet) error {
	switch {
	case set.NArg() > 0:
		return fmt.Errorf("%q is no flag", set.Arg(0))
	case o.events < 0 || o.events == 0 && o.corpus == "":
		return fmt.Errorf("-n %d: that is no number of events", o.events)
	case o.rate <= 0:
		return fmt.Errorf("-rate %g: at least one event a second", o.rate)
	case o.repeat < 1:
		return fmt.Errorf("-repeat %d: at least 1", o.repeat)
	case o.runs < 0 || o.runs == 0 && set.Name() != "bench both":
		return fmt.Errorf("-runs %d: at least 1", o.runs)
	case o.sites < 1:
		return fmt.Errorf("-sites %d: at least 1", o.sites)
	}
	for _, program := range []*string{&o.llama, &o.peer, &o.stores} {
		if *program == "" {
			continue
		}
		path, err := filepath.Abs(*program)
		if err != nil {
			return err
		}
		*program = path
	}
	return nil
}

// say tells what goes on while nothing is printed yet.
func (o *options) say(format string, args ...any) {
	fmt.Fprintf(o.progress, format+"\n", args...)
}
