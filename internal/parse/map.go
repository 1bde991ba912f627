package parse

import (
	"errors"
	"slices"
	"strings"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/config"
)

// StepMap renames, sets and converts fields.
var StepMap = Step{
	Name: "map",
	Doc: "Gives fields the names and values of the Elastic Common Schema. Its parts work in this order: rename, copy, convert, lookup, when, set, " +
		"default, remove. Fields that an event lacks are passed over. A value in `set` may be text, a number, true or false, a list, or `$name` " +
		"for the value of another field; within text `$name` and `${name}` stand for values too. A module's `map` is this step after all others.",
	Options: mapOptions{},
	make:    build(mapOptions{}, newMap),
	Examples: []StepExample{
		{
			Options: `{rename: {src: source.ip}, copy: {source.ip: source.address}, convert: {len: number}, set: {event.category: [network]}, remove: [junk]}`,
			Raw:     `{"src":"192.0.2.7","len":"60","junk":"x"}`,
			Want:    `{"source.ip":"192.0.2.7","len":60,"source.address":"192.0.2.7","event.category":["network"]}`,
		},
		{
			Options: `{lookup: [{from: code, to: event.action, values: {'1': login, '2': logout}, other: unknown}], when: [{field: code, is: ['1'], set: {event.outcome: success}}]}`,
			Raw:     `{"code":"1"}`,
			Want:    `{"code":"1","event.action":"login","event.outcome":"success"}`,
		},
		{
			Options: `{when: [{field: status, at_least: 400, set: {event.outcome: failure}, else: {event.outcome: success}}], default: {user.name: nobody}}`,
			Raw:     `{"status":404}`,
			Want:    `{"status":404,"event.outcome":"failure","user.name":"nobody"}`,
		},
	},
}

type mapOptions struct {
	Rename  *config.Node    `yaml:"rename" doc:"Old names and their new ones; a field that has the new name is replaced."`
	Copy    *config.Node    `yaml:"copy" doc:"Names and those of their copies."`
	Convert *config.Node    `yaml:"convert" doc:"Names and the types to make of them: number, bool, ip, duration, address, lower, url. Text that is not of the type stays as it is."`
	Lookup  []lookupOptions `yaml:"lookup" doc:"Values that stand for others."`
	When    []whenOptions   `yaml:"when" doc:"Values to set if a field has a certain value."`
	Set     *config.Node    `yaml:"set" doc:"Names and the values to give them."`
	Default *config.Node    `yaml:"default" doc:"Names and the values to give them where they have none."`
	Remove  []string        `yaml:"remove" doc:"Names to remove."`
}

type lookupOptions struct {
	From   string            `yaml:"from" doc:"The field to read."`
	To     string            `yaml:"to" doc:"The field to set; the default is from."`
	Values map[string]string `yaml:"values" doc:"Values and what they become."`
	Other  string            `yaml:"other" doc:"What all other values become; the default is to set nothing."`
}

type whenOptions struct {
	Field    string       `yaml:"field" doc:"The field to look at."`
	Is       []string     `yaml:"is" doc:"The values that it may have."`
	Starts   []string     `yaml:"starts" doc:"What its value may start with."`
	Contains []string     `yaml:"contains" doc:"What its value may contain."`
	AtLeast  *float64     `yaml:"at_least" doc:"The number that its value reaches."`
	Below    *float64     `yaml:"below" doc:"The number that its value stays below."`
	Differs  string       `yaml:"differs_from" doc:"A field that has another value, or none."`
	Set      *config.Node `yaml:"set" doc:"Names and values to set then."`
	Else     *config.Node `yaml:"else" doc:"Names and values to set otherwise, if the field is there."`
}

// mapStep is the step map. Its parts are functions of the field or fields that
// each is about.
type mapStep struct {
	rename, copy [][2]string
	convert      []groupName
	lookup       []lookupOptions
	when         []when
	set, absent  []assignment
	remove       []string
}

type when struct {
	whenOptions
	set, otherwise []assignment
}

func newMap(o mapOptions, _ *env) (step, error) {
	s := &mapStep{lookup: o.Lookup, remove: o.Remove}
	var errs [7]error
	s.rename, errs[0] = readNames(o.Rename)
	s.copy, errs[1] = readNames(o.Copy)
	s.convert, errs[2] = readTypes(o.Convert)
	s.set, errs[3] = readAssignments(o.Set)
	s.set = inBlocks(s.set)
	s.absent, errs[4] = readAssignments(o.Default)
	s.when, errs[5] = readWhens(o.When)
	for i, l := range s.lookup {
		if l.From == "" || len(l.Values) == 0 {
			errs[6] = errors.New("lookup: from and values belong here")
		}
		if l.To == "" {
			s.lookup[i].To = l.From
		}
	}
	return s, errors.Join(errs[:]...)
}

func readNames(n *config.Node) ([][2]string, error) {
	var list [][2]string
	for _, p := range pairsOf(n) {
		to, ok := p.Value.Text()
		if !ok {
			return nil, p.Value.Errorf("a name belongs here")
		}
		if err := settable(to); err != nil {
			return nil, p.Value.Errorf("%v", err)
		}
		list = append(list, [2]string{p.Key, to})
	}
	return list, nil
}

func readTypes(n *config.Node) ([]groupName, error) {
	var list []groupName
	for _, p := range pairsOf(n) {
		typ, _ := p.Value.Text()
		g, err := newGroupName(p.Key, typ)
		if err != nil {
			return nil, p.Value.Errorf("%v", err)
		}
		list = append(list, g)
	}
	return list, nil
}

func readWhens(options []whenOptions) ([]when, error) {
	var list []when
	for _, o := range options {
		if o.Field == "" {
			return nil, errors.New("when: field: the name of a field belongs here")
		}
		w := when{whenOptions: o}
		var err error
		if w.set, err = readAssignments(o.Set); err != nil {
			return nil, err
		}
		if w.otherwise, err = readAssignments(o.Else); err != nil {
			return nil, err
		}
		w.set, w.otherwise = inBlocks(w.set), inBlocks(w.otherwise)
		list = append(list, w)
	}
	return list, nil
}

func (s *mapStep) run(w *work) error {
	for _, r := range s.rename {
		if f := w.find(r[0]); f != nil && r[0] != r[1] {
			value, kind := f.Value, f.Kind
			w.remove(r[1])
			w.remove(r[0])
			w.set(r[1], value, kind)
		}
	}
	for _, c := range s.copy {
		if f := w.find(c[0]); f != nil {
			w.set(c[1], f.Value, f.Kind)
		}
	}
	for i := range s.convert {
		convertField(w, &s.convert[i])
	}
	for i := range s.lookup {
		s.lookup[i].run(w)
	}
	for i := range s.when {
		s.when[i].run(w)
	}
	assign(w, s.set)
	for i := range s.absent {
		if w.find(s.absent[i].name) == nil {
			s.absent[i].run(w)
		}
	}
	for _, name := range s.remove {
		w.remove(name)
	}
	return nil
}

func convertField(w *work, g *groupName) {
	text, ok := w.text(g.field)
	if !ok || !g.soft && !g.typ.accepts(text) {
		return
	}
	if g.typ == typeURL {
		applyURL(w, text)
		return
	}
	if g.typ == typeAddress {
		w.remove(g.field)
		g.address.set(w, text)
		return
	}
	value, kind := g.convert(text)
	w.set(g.field, value, kind)
}

func (l *lookupOptions) run(w *work) {
	text, ok := w.text(l.From)
	if !ok {
		return
	}
	value, ok := l.Values[text]
	if !ok {
		value = l.Other
	}
	if value != "" {
		w.set(l.To, value, llama.String)
	}
}

func (c *when) run(w *work) {
	text, ok := w.text(c.Field)
	switch {
	case !ok:
	case c.holds(text) && c.differs(w, text):
		assign(w, c.set)
	default:
		assign(w, c.otherwise)
	}
}

// differs reports whether the field that must differ does.
func (c *when) differs(w *work, text string) bool {
	if c.Differs == "" {
		return true
	}
	other, ok := w.text(c.Differs)
	return !ok || other != text
}

// holds reports whether a value fulfils all that is asked of it.
func (c *when) holds(text string) bool {
	if c.AtLeast != nil || c.Below != nil {
		n, ok := number(text)
		if !ok || c.AtLeast != nil && n < *c.AtLeast || c.Below != nil && n >= *c.Below {
			return false
		}
	}
	return (c.Is == nil || slices.Contains(c.Is, text)) &&
		(c.Starts == nil || slices.ContainsFunc(c.Starts, func(s string) bool { return strings.HasPrefix(text, s) })) &&
		(c.Contains == nil || slices.ContainsFunc(c.Contains, func(s string) bool { return strings.Contains(text, s) }))
}
