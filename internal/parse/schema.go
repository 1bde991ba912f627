package parse

import (
	"fmt"
	"strings"

	"github.com/llama-logs/llama"
)

// A schema is a pattern that looks like the messages it is for:
//
//	$date $hour _ \[$process\] _ $source.ip
//
// It is matched by hand-written code and not by regular expressions, and against
// the whole message. Its language is in StepSchema's Doc.
//
// A schema is compiled to nodes, each of which knows what follows it, and with
// which bytes that can start. Matching walks them, and goes back only where a
// capture could end at several places. It gives up after maxSchemaSteps, so no
// message can make it slow.
type schema struct {
	source   string
	start    *node
	captures []capture
	prefix   string // what every match starts with
	behind   *node  // what stands behind the prefix
	suffix   string // what every match ends with, blanks aside
	rare     byte   // one that every match has and few other messages; 0 for none
}

type nodeKind uint8

const (
	nodeEnd    nodeKind = iota // only blanks may be left
	nodeText                   // text
	nodeBlanks                 // one blank or more
	nodeBlank                  // exactly one blank
	nodeToken                  // a capture without blanks, as short as possible
	nodeRest                   // a capture with blanks, as short as possible, may be empty
	nodeOption                 // inner, or nothing
)

type node struct {
	kind    nodeKind
	text    string
	capture int // index, -1 for what is skipped; of an option the first in or behind it
	typ     valueType
	inner   *node // what an option holds; its end goes on to next
	next    *node
	starts  byteSet // what text of this node and all behind it can start with
	empty   bool    // it can be of no text at all
	phrase  phrase  // of text and blanks
	stops   stops   // of a capture without blanks
}

// A phrase is a run of texts and blanks as messages mostly have them, with one blank
// where a schema allows several, so that a run is one comparison. A message that has
// not the phrase may still match the nodes one by one.
type phrase struct {
	text   string
	head   word
	open   bool  // it ends with a blank, and another would belong to it
	behind *node // what follows the run
}

// learnPhrase notes the phrase that begins with n. What follows it knows its own.
func (n *node) learnPhrase() {
	own := n.text
	if n.kind != nodeText {
		own = " "
	}
	n.phrase = phrase{text: own, open: n.kind == nodeBlanks, behind: n.next}
	// A blank behind blanks is none of its own: the first node takes all of them.
	if next := &n.next.phrase; next.text != "" && !(n.phrase.open && isBlank(next.text[0])) {
		n.phrase = phrase{text: own + next.text, open: next.open, behind: next.behind}
	}
	n.phrase.head = wordOf(n.phrase.text)
}

// is reports whether s starts with the phrase.
func (p *phrase) is(s string) bool {
	if len(s) < len(p.text) || !p.head.starts(s) {
		return false
	}
	if len(p.text) > wordLen && s[wordLen:len(p.text)] != p.text[wordLen:] {
		return false
	}
	return !p.open || len(s) == len(p.text) || !isBlank(s[len(p.text)])
}

// stops are the bytes at which a capture without blanks can end or must: those that
// what follows can start with, and blanks.
type stops struct {
	set   byteSet
	low   uint64 // those below 64
	all   bool   // there are no others
	plain bool   // nothing that a number or an address can go on with is one
}

func (n *node) learnStops() {
	t := &n.stops
	t.set = n.next.starts
	for _, c := range []byte(blanks) {
		t.set.add(c)
	}
	t.low, t.all = t.set[0], t.set[1]|t.set[2]|t.set[3] == 0
	t.plain = n.kind == nodeToken && (n.typ == typeNumber || n.typ == typeIP)
	for _, c := range []byte("0123456789.eE") {
		t.plain = t.plain && !t.set.has(c)
	}
}

// from returns the index of the first stop in s from i on, len(s) when there is none.
func (t *stops) from(s string, i int) int {
	if t.all {
		// Most are a blank or a sign, which all lie below 64.
		for low := t.low; i < len(s) && low>>s[i]&1 == 0; i++ {
		}
		return i
	}
	for i < len(s) && !t.set.has(s[i]) {
		i++
	}
	return i
}

// A byteSet is a set of bytes.
type byteSet [4]uint64

func (s *byteSet) has(c byte) bool { return s[c>>6]&(1<<(c&63)) != 0 }
func (s *byteSet) add(c byte)      { s[c>>6] |= 1 << (c & 63) }

func (s *byteSet) join(other *byteSet) {
	for i := range s {
		s[i] |= other[i]
	}
}

// learn notes how n can start. What follows it knows already.
func (n *node) learn() {
	switch n.kind {
	case nodeText:
		n.starts.add(n.text[0])
		n.learnPhrase()
	case nodeBlanks, nodeBlank, nodeEnd:
		for _, c := range []byte(blanks) {
			n.starts.add(c)
		}
		if n.empty = n.kind == nodeEnd; !n.empty {
			n.learnPhrase()
		}
	case nodeToken, nodeRest:
		n.starts = byteSet{^uint64(0), ^uint64(0), ^uint64(0), ^uint64(0)}
		n.empty = n.kind == nodeRest && n.next.empty
		n.learnStops()
	case nodeOption:
		n.starts, n.empty = n.inner.starts, n.inner.empty || n.next.empty
		n.starts.join(&n.next.starts)
	}
}

// A capture is one named value of a schema.
type capture struct {
	slot
	typ valueType
	// The names that an address gives.
	address, ip, domain slot
}

func newCapture(name string, t valueType) capture {
	c := capture{slot: slotOf(name), typ: t}
	if t == typeAddress {
		c.address, c.ip, c.domain = slotOf(name+".address"), slotOf(name+".ip"), slotOf(name+".domain")
	}
	return c
}

// Bounds of a schema and of its work on one message.
const (
	maxCaptures    = 32
	maxSchemaBytes = 4096
	maxSchemaSteps = 10_000
	maxSchemaText  = 1 << 30 // bytes
)

// compileSchema reads a schema; its errors name the column.
func compileSchema(source string) (*schema, error) {
	if len(source) > maxSchemaBytes {
		return nil, fmt.Errorf("a schema longer than %d bytes", maxSchemaBytes)
	}
	r := schemaReader{in: source}
	items, err := r.sequence(false)
	if err != nil {
		return nil, err
	}
	s := &schema{source: source, captures: r.captures}
	end := &node{kind: nodeEnd}
	end.learn()
	s.start = link(items, end)
	for s.behind = s.start; s.behind.kind == nodeText; s.behind = s.behind.next {
		s.prefix += s.behind.text
	}
	for n := s.start; n != end; n = n.next {
		if n.kind == nodeText && n.next == end {
			s.suffix = strings.TrimRight(n.text, blanks)
		}
		if i := strings.IndexAny(rareBytes, n.text); i >= 0 && (s.rare == 0 || i < strings.IndexByte(rareBytes, s.rare)) {
			s.rare = rareBytes[i]
		}
	}
	return s, nil
}

// rareBytes are signs, those first that messages have least.
const rareBytes = "^`~|#$!?;*+<>&@{}%'()\"[]=,/"

// link joins items into nodes that end at after.
func link(items []item, after *node) *node {
	for i := len(items) - 1; i >= 0; i-- {
		it := items[i]
		n := &node{kind: it.kind, text: it.text, capture: it.capture, typ: it.typ, next: after}
		if it.kind == nodeOption {
			n.inner = link(it.inner, after)
		}
		if it.kind == nodeBlanks && after.kind == nodeRest {
			n.kind = nodeBlank
		}
		n.learn()
		after = n
	}
	return after
}

// NewSchema returns a parser that makes fields of the messages that a schema
// describes, and leaves all others with an error that says how far it came.
func NewSchema(source string, o Options) (Parser, error) {
	s, err := compileSchema(source)
	if err != nil {
		return nil, llama.Errorf(llama.Invalid, "schema: %w", err)
	}
	return &chain{env: newEnv(o), steps: []step{&schemaStep{schema: s}}}, nil
}

// A chain is a parser made of steps.
type chain struct {
	*env
	steps []step
}

// Parse runs the steps; see Parser.
func (c *chain) Parse(e *llama.Event) error { return c.parse(c, e) }

func (c *chain) run(w *work, e *llama.Event) error { return runSteps(w, c.steps, e) }

// StepSchema takes values out by a pattern that looks like the message.
var StepSchema = Step{
	Name: "schema",
	Doc: "Takes values out by a pattern that looks like the message. `$name` takes the characters up to the text that " +
		"follows it in the schema, without blanks; `$name...` takes blanks too and may be empty; `_` and `_...` standing " +
		"alone skip the same, `$_` does so beside other text. `${name:type}` takes only what is of that type: number, ip, " +
		"duration (a number of nanoseconds), address (an IP or a name: gives name.ip or name.domain, and name.address), lower " +
		"(any, in small letters), url (gives url.original and its parts, whatever the name). `[...]` is an optional part. A blank stands for one or more, before `...` for exactly one. " +
		"A backslash makes the next character plain text: `\\[`, `\\]`, `\\$`, `\\_`, `\\\\`. The whole message must match; blanks at its end are ignored. " +
		"Names that begin with `~` live until the module ends; a step that reads one that was not set is passed over.",
	Options: schemaOptions{},
	make:    build(schemaOptions{}, newSchemaStep),
	Examples: []StepExample{
		{
			Options: `'$date $hour _ \[$process\] _ $source.ip'`,
			Raw:     `2026-03-07 09:15:02 INFO [gate] from 192.0.2.7`,
			Want:    `{"date":"2026-03-07","hour":"09:15:02","process":"gate","source.ip":"192.0.2.7"}`,
		},
		{
			Options: `'$action user $user.name... from ${source.ip:ip}[ port ${source.port:number}]'`,
			Raw:     `drop user Jo from Rome from 2001:db8::7 port 443`,
			Want:    `{"action":"drop","user.name":"Jo from Rome","source.ip":"2001:db8::7","source.port":443}`,
		},
		{
			Options: `{schema: 'took ${event.duration:duration} at ${server:address}', from: note}`,
			Raw:     `{"note":"took 0:01:30 at db1"}`,
			Want:    `{"note":"took 0:01:30 at db1","event.duration":90000000000,"server.address":"db1","server.domain":"db1"}`,
		},
		{
			Options: `'level=$level msg=$msg'`,
			Raw:     `level=warn text`,
			Err:     `the message does not match the schema from column 12 on: "text"`,
		},
	},
}

func (o *schemaOptions) main() any { return &o.Schema }

type schemaOptions struct {
	Schema schemaText `yaml:"schema" doc:"The pattern. It may stand alone in place of the options."`
	From   string     `yaml:"from" doc:"The field to read; the default is the message."`
}

// A schemaText is a schema in a configuration.
type schemaText struct{ *schema }

// UnmarshalText compiles the schema, so that its errors stand at its place.
func (t *schemaText) UnmarshalText(text []byte) (err error) {
	t.schema, err = compileSchema(string(text))
	return err
}

// MarshalText returns the schema as it was written.
func (t schemaText) MarshalText() ([]byte, error) {
	if t.schema == nil {
		return nil, nil
	}
	return []byte(t.source), nil
}

type schemaStep struct {
	*schema
	from string
}

func newSchemaStep(o schemaOptions, _ *env) (step, error) {
	if o.Schema.schema == nil {
		return nil, fmt.Errorf("schema: a pattern belongs here")
	}
	return &schemaStep{o.Schema.schema, o.From}, nil
}

func (s *schemaStep) run(w *work) error {
	text, ok := w.text(s.from)
	if !ok {
		return missing(s.from)
	}
	var m schemaMatch
	if !m.match(s.schema, text) {
		return m.mismatch()
	}
	m.apply(w)
	return nil
}
