package parse

import (
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"strings"

	"github.com/llama-logs/llama"
)

// A groupName is the field that a group of an expression gives.
type groupName struct {
	field string
	typ   valueType
	soft  bool // a value not of its type is kept as text, as Logstash does
	again bool // a group before it gives the same field

	address capture // of type address
}

// newGroupName reads a name as grok writes it: dotted, or [a][b].
func newGroupName(name, typ string) (groupName, error) {
	if strings.HasPrefix(name, "[") {
		name = strings.ReplaceAll(strings.Trim(name, "[]"), "][", ".")
	}
	g := groupName{field: name}
	if err := settable(name); err != nil {
		return g, err
	}
	switch typ {
	case "int", "float", "integer", "long":
		g.typ, g.soft = typeNumber, true
	case "string":
	default:
		var err error
		if g.typ, err = typeNamed(typ); err != nil {
			return g, err
		}
		g.address = newCapture(name, g.typ)
	}
	return g, nil
}

// groups is a compiled expression whose groups give fields.
type groups struct {
	re    *regexp.Regexp
	names []groupName // by group; the first and the nameless are empty
}

// compileGroups compiles an expression whose named groups are called g0, g1, ...
// by their place in names. Groups without a name are made to capture nothing,
// which is worth a third of the time.
func compileGroups(expr string, names []groupName) (*groups, error) {
	tree, err := syntax.Parse(expr, syntax.Perl)
	if err != nil {
		return nil, expressionError(err)
	}
	re, err := regexp.Compile(dropNameless(tree).String())
	if err != nil {
		return nil, expressionError(err)
	}
	g := &groups{re: re, names: make([]groupName, re.NumSubexp()+1)}
	for i, name := range re.SubexpNames() {
		var n int
		if _, err := fmt.Sscanf(name, "g%d", &n); err == nil {
			g.names[i] = names[n]
		}
		for _, before := range g.names[:i] {
			g.names[i].again = g.names[i].again || before.field == g.names[i].field
		}
	}
	return g, nil
}

// expressionError shortens the library's error, which repeats the expression.
func expressionError(err error) error {
	if e, ok := errors.AsType[*syntax.Error](err); ok {
		return fmt.Errorf("%s: %.40q", e.Code, e.Expr)
	}
	return err
}

func dropNameless(re *syntax.Regexp) *syntax.Regexp {
	for i, sub := range re.Sub {
		re.Sub[i] = dropNameless(sub)
	}
	if re.Op == syntax.OpCapture && re.Name == "" {
		return re.Sub[0]
	}
	return re
}

// apply matches text and makes fields of what the groups hold.
func (g *groups) apply(w *work, text string) bool {
	m := g.re.FindStringSubmatchIndex(text)
	if m == nil {
		return false
	}
	for i := 1; i < len(g.names); i++ {
		from, to := m[2*i], m[2*i+1]
		name := &g.names[i]
		if from >= to || name.field == "" {
			continue
		}
		value, kind := name.convert(text[from:to])
		if name.again && g.repeats(i, m) {
			setParam(w, name.field, value)
			continue
		}
		w.set(name.field, value, kind)
	}
	return true
}

// repeats reports whether a group before the ith gave the same field a value; the
// values then become an array.
func (g *groups) repeats(i int, m []int) bool {
	for j := 1; j < i; j++ {
		if m[2*j] < m[2*j+1] && g.names[j].field == g.names[i].field {
			return true
		}
	}
	return false
}

func (n *groupName) convert(s string) (string, llama.Kind) {
	if !n.soft {
		if n.typ.accepts(s) {
			return n.typ.convert(s)
		}
		return s, llama.String
	}
	s = strings.TrimPrefix(s, "+")
	if allDigits(s) {
		return canonicalNumber(s), llama.Number
	}
	if llama.IsNumber(s) {
		return s, llama.Number
	}
	return s, llama.String
}

var errNoExpression = errors.New("the message matches none of the expressions")

// A groupsStep applies the first of several expressions that matches.
type groupsStep struct {
	from string
	any  []*groups
}

func (s *groupsStep) run(w *work) error {
	text, ok := w.text(s.from)
	if !ok {
		return missing(s.from)
	}
	for _, g := range s.any {
		if g.apply(w, text) {
			return nil
		}
	}
	return errNoExpression
}

// StepRegex takes values out with regular expressions.
var StepRegex = Step{
	Name: "regex",
	Doc: "Takes values out with named groups of regular expressions in the syntax of RE2. A group's name may have dots and a " +
		"type: `(?<source.port:number>\\d+)`. The first expression that matches any part of the message counts.",
	Options: regexOptions{},
	make:    build(regexOptions{}, newRegex),
	Examples: []StepExample{
		{
			Options: `'^(?<user.name>\w+)@(?<host.name>\S+):(?<source.port:number>\d+)'`,
			Raw:     `jo@db1:22 connected`,
			Want:    `{"user.name":"jo","host.name":"db1","source.port":22}`,
		},
	},
}

func (o *regexOptions) main() any { return &o.Regex }

type regexOptions struct {
	Regex []string `yaml:"regex" doc:"The expressions. They may stand alone in place of the options."`
	From  string   `yaml:"from" doc:"The field to read; the default is the message."`
}

func newRegex(o regexOptions, _ *env) (step, error) {
	s := &groupsStep{from: o.From}
	for _, expr := range o.Regex {
		if len(expr) > maxGrokBytes {
			return nil, fmt.Errorf("an expression longer than %d KiB", maxGrokBytes>>10)
		}
		text, names, err := renameGroups(expr)
		if err != nil {
			return nil, fmt.Errorf("%.60q: %w", expr, err)
		}
		g, err := compileGroups(text, names)
		if err != nil {
			return nil, fmt.Errorf("%.60q: %w", expr, err)
		}
		s.any = append(s.any, g)
	}
	if len(s.any) == 0 {
		return nil, errors.New("regex: an expression belongs here")
	}
	return s, nil
}

// groupHead is the beginning of a named group, or an escape, which is left alone.
var groupHead = regexp.MustCompile(`\\.|\(\?P?<([^>=!][^>]*)>`)

// renameGroups gives the groups of an expression the names that compileGroups
// expects, for Go allows no dots in them.
func renameGroups(expr string) (string, []groupName, error) {
	var names []groupName
	var failed error
	out := groupHead.ReplaceAllStringFunc(expr, func(head string) string {
		if head[0] == '\\' {
			return head
		}
		field, typ, _ := strings.Cut(groupHead.FindStringSubmatch(head)[1], ":")
		name, err := newGroupName(field, typ)
		if err != nil && failed == nil {
			failed = err
		}
		names = append(names, name)
		return fmt.Sprintf("(?P<g%d>", len(names)-1)
	})
	return out, names, failed
}
