package pipeline

import (
	"fmt"
	"net/netip"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/parse"
)

// A route is a Route ready for use. It is immutable.
type route struct {
	Route
	senders []netip.Prefix
	match   *regexp.Regexp // nil: any message
	how     how
	fields  []llama.Field
}

// how says what is done with a message.
type how struct {
	kind   howKind
	name   string // of kind named
	parser parse.Parser
}

type howKind uint8

const (
	usual howKind = iota // auto, and none for JSON
	auto
	none
	named
)

// parserSyslog takes the syslog header off.
const parserSyslog = "syslog"

func newRoute(r Route, parsers Parsers) (*route, error) {
	c := &route{Route: r}
	for _, s := range r.When.Sender {
		prefix, err := network(s)
		if err != nil {
			return nil, err
		}
		c.senders = append(c.senders, prefix)
	}
	if r.When.Match != "" {
		match, err := regexp.Compile(r.When.Match)
		if err != nil {
			return nil, fmt.Errorf("match: %w", err)
		}
		c.match = match
	}
	for name, value := range r.Fields {
		c.fields = append(c.fields, llama.Field{Name: name, Value: value})
	}
	slices.SortFunc(c.fields, func(a, b llama.Field) int { return strings.Compare(a.Name, b.Name) })
	var err error
	c.how, err = howOf(r.Parser, parsers)
	return c, err
}

// howOf finds the parser called name.
func howOf(name string, parsers Parsers) (how, error) {
	switch name {
	case "":
		return how{}, nil
	case parse.Auto:
		return how{kind: auto}, nil
	case parse.None:
		return how{kind: none}, nil
	}
	p, err := parsers.Parser(name)
	if err != nil {
		return how{}, err
	}
	return how{kind: named, name: name, parser: p}, nil
}

// fits reports whether the route is for e. What is cheap to compare is first.
func (r *route) fits(e *llama.Event, o *origin) bool {
	w := &r.When
	switch {
	case len(w.Receiver) > 0 && !slices.Contains(w.Receiver, o.Receiver) && !slices.Contains(w.Receiver, o.protocol),
		len(w.Port) > 0 && !slices.Contains(w.Port, o.Port),
		len(w.Collection) > 0 && !slices.Contains(w.Collection, e.Collection),
		len(r.senders) > 0 && !contains(r.senders, o.sender),
		len(w.Path) > 0 && !matches(w.Path, o.path):
		return false
	}
	if len(w.Program) > 0 {
		program, _ := e.Lookup("process.name")
		if !slices.Contains(w.Program, program) {
			return false
		}
	}
	return r.match == nil || r.match.MatchString(e.Message)
}

// fieldOriginal holds the line as it came, where a route keeps it.
const fieldOriginal = "event.original"

// apply gives a parsed event what the route says. Its message was original before
// its header was taken off. It reports whether the event's fields were changed.
func (r *route) apply(e *llama.Event, original string) (changed bool) {
	if r.KeepOriginal {
		if _, ok := e.Lookup(fieldOriginal); !ok {
			e.Fields = append(e.Fields, llama.Field{Name: fieldOriginal, Value: original})
		}
	}
	for i := range r.fields {
		e.Set(r.fields[i].Name, r.fields[i].Value, llama.String)
	}
	if r.Collection != "" && (e.Collection == "" || r.Override) {
		e.Collection = r.Collection
	}
	return r.KeepOriginal || len(r.fields) > 0
}

func contains(networks []netip.Prefix, addr netip.Addr) bool {
	return slices.ContainsFunc(networks, func(p netip.Prefix) bool { return p.Contains(addr) })
}

func matches(patterns []string, file string) bool {
	return file != "" && slices.ContainsFunc(patterns, func(p string) bool {
		ok, _ := path.Match(p, file) // a wrong pattern was refused before
		return ok
	})
}

// isSyslog reports whether events of a source have a syslog header.
func isSyslog(source string) bool { return strings.HasPrefix(source, "syslog-") }

// An origin is where the events of one source come from.
type origin struct {
	Origin
	source   string // Event.Source
	protocol string // its first word
	sender   netip.Addr
	path     string
	syslog   bool // messages have a syslog header
	decoded  bool // events came with their fields

	collection string // of an event before, which is valid
}

// read fills o from an event's source: "syslog-udp 192.0.2.7", "file /var/log/x".
func (o *origin) read(source string) {
	protocol, from, _ := strings.Cut(source, " ")
	*o = origin{Origin: o.Origin, source: source, protocol: protocol, collection: o.collection}
	o.syslog = isSyslog(source)
	o.decoded = protocol == "http-jsonl" || protocol == "http-bulk"
	if protocol == "file" {
		o.path = from
		return
	}
	if addr, err := netip.ParseAddr(from); err == nil {
		o.sender = addr.WithZone("")
	}
}
