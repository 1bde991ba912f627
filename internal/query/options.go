package query

import (
	"runtime"
	"strconv"
	"strings"
)

// options say how a query is run, not what it asks.
type options struct {
	workers int  // at once, on each node, at most; 0 is as many as the node has
	allTime bool // the time range that is asked for beside the query does not count
	// skipDamaged leaves out blocks that are damaged, and says so at the end.
	skipDamaged bool
	explain     bool // only what it would read is asked; see explain.go
	// across has what queries in filters find on one target's nodes sent to all: see Across.
	across bool
}

var optionNames = []string{"across_targets", "concurrency", "explain", "ignore_global_time_filter", "skip_damaged"}

// readOptions reads options(name=value, …).
func (p *parser) readOptions() options {
	var o options
	p.next()
	p.list(func() {
		pos := p.tok().pos
		name := p.compound("an option", "=,()|")
		p.expect("=", "behind the name of an option")
		switch name {
		case "across_targets":
			o.across = p.yes()
		case "concurrency":
			o.workers = p.count("how many processors to use")
		case "explain":
			o.explain = p.yes()
		case "ignore_global_time_filter":
			o.allTime = p.yes()
		case "skip_damaged":
			o.skipDamaged = p.yes()
		default:
			p.failAt(pos, near(name, optionNames), "unknown option %q; there are %s", name, strings.Join(optionNames, ", "))
		}
	})
	return o
}

// yes reads true or false.
func (p *parser) yes() bool {
	if !p.is("true", "false") {
		p.fail("unexpected %s; expected true or false", p.shown())
	}
	is := p.is("true")
	p.next()
	return is
}

func (o options) write(b *strings.Builder) {
	var list []string
	if o.across {
		list = append(list, "across_targets=true")
	}
	if o.workers > 0 {
		list = append(list, "concurrency="+strconv.Itoa(o.workers))
	}
	if o.explain {
		list = append(list, "explain=true")
	}
	if o.allTime {
		list = append(list, "ignore_global_time_filter=true")
	}
	if o.skipDamaged {
		list = append(list, "skip_damaged=true")
	}
	if len(list) > 0 {
		b.WriteString("options(" + strings.Join(list, ", ") + ") ")
	}
}

// apply returns what a run has to heed.
func (o options) apply(r RunOptions) RunOptions {
	if o.allTime {
		r.From, r.To = 0, 0
	}
	if o.workers > 0 {
		most := runtime.GOMAXPROCS(0)
		if r.Workers > 0 {
			most = r.Workers
		}
		r.Workers = min(o.workers, most) // a query cannot ask for goroutines and queues without end
	}
	return r
}
