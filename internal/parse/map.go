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
	rename, copy [][2]slot
	convert      []groupName
	lookup       []lookup
	when         []when
	set, absent  []assignment
	remove       []slot
}

type lookup struct {
	lookupOptions
	from, to slot
}

type when struct {
	whenOptions
	field, other   slot
	set, otherwise []assignment
}

func newMap(o mapOptions, _ *env) (step, error) {
	s := &mapStep{}
	for _, name := range o.Remove {
		s.remove = append(s.remove, slotOf(name))
	}
	var errs [7]error
	s.rename, errs[0] = readNames(o.Rename)
	s.copy, errs[1] = readNames(o.Copy)
	s.convert, errs[2] = readTypes(o.Convert)
	s.set, errs[3] = readAssignments(o.Set)
	s.set = inBlocks(s.set)
	s.absent, errs[4] = readAssignments(o.Default)
	for i := range s.absent {
		if a := &s.absent[i]; a.fixed() {
			a.block = newFieldBlock([]llama.Field{{Name: a.name, Value: a.value, Kind: a.kind}})
		}
	}
	s.when, errs[5] = readWhens(o.When)
	for _, l := range o.Lookup {
		if l.From == "" || len(l.Values) == 0 {
			errs[6] = errors.New("lookup: from and values belong here")
		}
		s.lookup = append(s.lookup, lookup{l, slotOf(l.From), slotOf(orElse(l.To, l.From))})
	}
	return s, errors.Join(errs[:]...)
}

func readNames(n *config.Node) ([][2]slot, error) {
	var list [][2]slot
	for _, p := range pairsOf(n) {
		to, ok := p.Value.Text()
		if !ok {
			return nil, p.Value.Errorf("a name belongs here")
		}
		if err := settable(to); err != nil {
			return nil, p.Value.Errorf("%v", err)
		}
		list = append(list, [2]slot{slotOf(p.Key), slotOf(to)})
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
		w := when{whenOptions: o, field: slotOf(o.Field), other: slotOf(o.Differs)}
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
	for i := range s.rename {
		from, to := &s.rename[i][0], &s.rename[i][1]
		if f := w.at(from); f != nil && from.name != to.name {
			value, kind := f.Value, f.Kind
			w.drop(to)
			w.drop(from)
			w.fill(to, value, kind)
		}
	}
	for i := range s.copy {
		if f := w.at(&s.copy[i][0]); f != nil {
			w.fill(&s.copy[i][1], f.Value, f.Kind)
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
		if w.at(&s.absent[i].slot) == nil {
			s.absent[i].run(w)
		}
	}
	for i := range s.remove {
		w.drop(&s.remove[i])
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

func (l *lookup) run(w *work) {
	text, ok := w.value(&l.from)
	if !ok {
		return
	}
	value, ok := l.Values[text]
	if !ok {
		value = l.Other
	}
	if value != "" {
		w.fill(&l.to, value, llama.String)
	}
}

func (c *when) run(w *work) {
	text, ok := w.value(&c.field)
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
	other, ok := w.value(&c.other)
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
