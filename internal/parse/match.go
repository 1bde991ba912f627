package parse

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/config"
)

// matchOptions are the match of a module: all that is given must hold, of a list
// one suffices.
type matchOptions struct {
	Process    []string            `yaml:"process" doc:"The process.name, without its folder; a * at the end stands for any text."`
	Collection []string            `yaml:"collection" doc:"The collection that the event goes to."`
	Source     []string            `yaml:"source" doc:"How the event's source starts, e.g. syslog-udp."`
	Starts     []string            `yaml:"starts" doc:"How the message starts."`
	Contains   []string            `yaml:"contains" doc:"What the message contains."`
	Regex      []string            `yaml:"regex" doc:"Expressions that match a part of the message."`
	Schema     []schemaText        `yaml:"schema" doc:"Schemas that the message is of; see the step schema."`
	Fields     map[string][]string `yaml:"fields" doc:"Fields and the values they may have."`
	JSON       bool                `yaml:"json" doc:"The message is a JSON object."`
	AccessLog  bool                `yaml:"access_log" doc:"The message is a line of a web server's access log: a time in brackets, and a request in quotes behind it."`
}

// A condition is compiled matchOptions.
type condition struct {
	matchOptions
	regexes []*regexp.Regexp
	names   []string                    // of Fields, sorted
	wild    []string                    // what stands before the * in Process
	heads   []word                      // of Starts
	checks  []func(e *llama.Event) bool // what else there is to ask
}

// readConditions reads the match of a module: one condition or a list of which
// one suffices.
func readConditions(n *config.Node) ([]condition, error) {
	if n == nil {
		return nil, nil
	}
	var options []matchOptions
	if isMapping(n) {
		options = make([]matchOptions, 1)
		if err := n.Decode(&options[0]); err != nil {
			return nil, err
		}
	} else if err := n.Decode(&options); err != nil {
		return nil, err
	}
	list := make([]condition, len(options)) // its checks point into it
	for i, o := range options {
		c := &list[i]
		c.matchOptions = o
		for _, expr := range o.Regex {
			re, err := regexp.Compile(expr)
			if err != nil {
				return nil, n.Errorf("regex: %v", expressionError(err))
			}
			c.regexes = append(c.regexes, re)
		}
		for name := range o.Fields {
			c.names = append(c.names, name)
		}
		slices.Sort(c.names)
		for _, p := range o.Process {
			if prefix, ok := strings.CutSuffix(p, "*"); ok {
				c.wild = append(c.wild, prefix)
			}
		}
		if c.compile(); len(c.Starts)+len(c.Process)+len(c.checks) == 0 {
			return nil, n.Errorf("a match that asks for nothing; one of process, collection, source, starts, contains, regex, schema, fields, json, access_log")
		}
	}
	return list, nil
}

// compile writes out what there is to ask beside beginning and process, the cheapest
// first.
func (c *condition) compile() {
	for _, s := range c.Starts {
		c.heads = append(c.heads, wordOf(s))
	}
	ask := func(asked bool, check func(e *llama.Event) bool) {
		if asked {
			c.checks = append(c.checks, check)
		}
	}
	ask(len(c.Collection) > 0, func(e *llama.Event) bool { return slices.Contains(c.Collection, e.Collection) })
	ask(len(c.Source) > 0, func(e *llama.Event) bool { return startsWithAny(e.Source, c.Source) })
	ask(c.JSON, func(e *llama.Event) bool { return looksLikeJSON(e.Message) })
	for _, name := range c.names {
		ask(true, func(e *llama.Event) bool {
			value, ok := e.Lookup(name)
			return ok && slices.Contains(c.Fields[name], value)
		})
	}
	ask(c.AccessLog, func(e *llama.Event) bool { return isAccessLog(e.Message) })
	ask(len(c.Contains) > 0, func(e *llama.Event) bool {
		return slices.ContainsFunc(c.Contains, func(s string) bool { return strings.Contains(e.Message, s) })
	})
	ask(len(c.Schema) > 0, func(e *llama.Event) bool { return isOneOf(e.Message, c.Schema) })
	ask(len(c.regexes) > 0, func(e *llama.Event) bool {
		return slices.ContainsFunc(c.regexes, func(re *regexp.Regexp) bool { return re.MatchString(e.Message) })
	})
}

// A subject is an event that conditions are held against.
type subject struct {
	*llama.Event
	process string // without its folder
	head    uint64 // of the message
}

// holds reports whether an event fulfils the condition.
func (c *condition) holds(s *subject) bool {
	if len(c.heads) > 0 && !c.starts(s) {
		return false
	}
	if len(c.Process) > 0 && !c.isOf(s.process) {
		return false
	}
	for _, check := range c.checks {
		if !check(s.Event) {
			return false
		}
	}
	return true
}

func (c *condition) starts(s *subject) bool {
	for i, w := range c.heads {
		if s.head&w.mask == w.bytes && strings.HasPrefix(s.Message, c.Starts[i]) {
			return true
		}
	}
	return false
}

func (c *condition) isOf(process string) bool {
	return process != "" && (slices.Contains(c.Process, process) || startsWithAny(process, c.wild))
}

func isOneOf(message string, schemas []schemaText) bool {
	for _, s := range schemas {
		if (s.rare == 0 || strings.IndexByte(message, s.rare) >= 0) && s.may(message) {
			var m schemaMatch
			if m.match(s.schema, message) {
				return true
			}
		}
	}
	return false
}

func startsWithAny(s string, prefixes []string) bool {
	for _, p := range prefixes {
		if strings.HasPrefix(s, p) {
			return true
		}
	}
	return false
}

// baseName drops the folder of a process that syslog named by its path.
func baseName(process string) string {
	if strings.HasPrefix(process, "/") {
		return process[strings.LastIndexByte(process, '/')+1:]
	}
	return process
}

func looksLikeJSON(s string) bool {
	s = strings.TrimSpace(s)
	return len(s) > 1 && s[0] == '{' && s[len(s)-1] == '}'
}

// String describes the condition for the reference.
func (c *condition) String() string {
	var parts []string
	list := func(name string, values []string) {
		if len(values) > 0 {
			parts = append(parts, fmt.Sprintf("%s `%s`", name, strings.Join(values, "`, `")))
		}
	}
	list("process", c.Process)
	list("collection", c.Collection)
	list("source", c.Source)
	list("starts with", c.Starts)
	list("contains", c.Contains)
	list("regex", c.Regex)
	for _, s := range c.Schema {
		list("schema", []string{s.source})
	}
	for _, name := range c.names {
		list(name, c.Fields[name])
	}
	if c.JSON {
		parts = append(parts, "a JSON object")
	}
	if c.AccessLog {
		parts = append(parts, "a line of an access log")
	}
	return strings.Join(parts, " and ")
}

// An index finds the modules that may say "mine" without asking all of them.
type index struct {
	byStart   [256][]*Module  // of conditions with starts: these know the message best
	byProcess [64][]ofProcess // of conditions with process and without *, by processMark
	others    [256][]other    // by the message's first byte, 0 if it is empty
}

// An ofProcess is the modules of one process.
type ofProcess struct {
	process string
	modules []*Module
}

// processMark gives most processes another number, faster than a map does.
func processMark(process string) int {
	n := len(process)
	if n == 0 {
		return 0
	}
	return (n + 5*int(process[n-1]) + 11*int(process[n/2])) & 63
}

// An other is a condition with neither. Those that a module has beside it need not be
// asked again: where they could hold, all of the module's were.
type other struct {
	module    *Module
	condition *condition
}

func newIndex(modules []*Module) *index {
	x := &index{}
	for _, m := range modules {
		for i := range m.match {
			x.add(m, &m.match[i])
		}
	}
	return x
}

func (x *index) add(m *Module, c *condition) {
	once := func(list []*Module) []*Module {
		if slices.Contains(list, m) {
			return list
		}
		return append(list, m)
	}
	switch {
	case len(c.Starts) > 0:
		for _, s := range c.Starts {
			if s != "" {
				x.byStart[s[0]] = once(x.byStart[s[0]])
			}
		}
	case len(c.Process) > 0 && len(c.wild) == 0:
		for _, p := range c.Process {
			at := &x.byProcess[processMark(p)]
			i := slices.IndexFunc(*at, func(o ofProcess) bool { return o.process == p })
			if i < 0 {
				i = len(*at)
				*at = append(*at, ofProcess{process: p})
			}
			(*at)[i].modules = once((*at)[i].modules)
		}
	default:
		for first := range x.others {
			if c.mayStartWith(byte(first)) {
				x.others[first] = append(x.others[first], other{m, c})
			}
		}
	}
}

// mayStartWith reports whether a message that starts with a byte, or is empty if that is
// 0, may fulfil the condition.
func (c *condition) mayStartWith(first byte) bool {
	return len(c.Schema) == 0 || slices.ContainsFunc(c.Schema, func(s schemaText) bool {
		return s.start.starts.has(first) || first == 0 && s.start.empty
	})
}

// find returns the first module that says "mine": those that know how the message
// starts before those that know the process, and those before all others.
func (x *index) find(e *llama.Event, process string) *Module {
	s := subject{e, baseName(process), headOf(e.Message)}
	first := byteAt(e.Message, 0)
	if m := firstThatHolds(x.byStart[first], &s); m != nil {
		return m
	}
	if at := x.byProcess[processMark(s.process)]; s.process != "" {
		for i := range at {
			if at[i].process != s.process {
				continue
			}
			if m := firstThatHolds(at[i].modules, &s); m != nil {
				return m
			}
		}
	}
	for _, o := range x.others[first] {
		if o.condition.holds(&s) {
			return o.module
		}
	}
	return nil
}

func firstThatHolds(modules []*Module, s *subject) *Module {
	for _, m := range modules {
		for i := range m.match {
			if m.match[i].holds(s) {
				return m
			}
		}
	}
	return nil
}
