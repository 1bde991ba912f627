package parse

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/llama-logs/llama/internal/config"
)

// StepFirst takes the first of many patterns.
var StepFirst = Step{
	Name: "first",
	Doc: "Tries patterns in their order; the first that matches gives its values, and sets what it says. With `by`, only the patterns whose `is` " +
		"has the value of that field are tried. Many patterns cost little: those that start with other text than the message are passed over at once.",
	Options: firstOptions{},
	make:    build(firstOptions{}, newFirst),
	Examples: []StepExample{
		{
			Options: `{patterns: [{schema: 'login $user.name', set: {event.outcome: success}}, {schema: ['login of $user.name failed', 'bad login $user.name'], set: {event.outcome: failure}}]}`,
			Raw:     `login of jo failed`,
			Want:    `{"user.name":"jo","event.outcome":"failure"}`,
		},
		{
			Options: `{by: id, from: rest, patterns: [{is: [7, 8], schema: 'from $source.ip'}, {grok: '%{WORD:event.action}'}]}`,
			Raw:     `{"id":"8","rest":"from 192.0.2.7"}`,
			Want:    `{"id":"8","rest":"from 192.0.2.7","source.ip":"192.0.2.7"}`,
		},
		{Options: `{patterns: [{schema: 'a $b'}]}`, Raw: `c`, Err: `none of the 1 patterns matches`},
	},
}

func (o *firstOptions) main() any { return &o.Patterns }

type firstOptions struct {
	From     string           `yaml:"from" doc:"The field to read; the default is the message."`
	By       string           `yaml:"by" doc:"A field whose value says which patterns come into question."`
	Optional bool             `yaml:"optional" doc:"Go on when no pattern matches; otherwise that is an error."`
	Patterns []patternOptions `yaml:"patterns" doc:"The patterns."`
}

type patternOptions struct {
	Is     []string     `yaml:"is" doc:"The values of the field by; without, the pattern is for all that have none of their own."`
	Schema []schemaText `yaml:"schema" doc:"Schemas; see the step schema."`
	Grok   []string     `yaml:"grok" doc:"Grok expressions; see the step grok."`
	Regex  []string     `yaml:"regex" doc:"Regular expressions; see the step regex."`
	Set    *config.Node `yaml:"set" doc:"Names and values to set when it matches; see the step map."`
}

// An option is one pattern with what it sets.
type option struct {
	schema *schema // nil for an expression
	groups *groups
	set    []assignment
}

// firstStep finds patterns by the value of a field, and among those by the first
// byte of the message.
type firstStep struct {
	from, by slot
	optional bool
	byValue  map[string]*optionList
	others   *optionList
	err      error
}

// An optionList is options in their order. byStart lists, for the first byte of
// a message, 0 if it is empty, those that can match it.
type optionList struct {
	all     []option
	byStart [256][]candidate
}

// A candidate is an option with the first bytes of its schema's prefix.
type candidate struct {
	head word
	at   uint16
}

func newFirst(o firstOptions, v *env) (step, error) {
	if len(o.Patterns) == 0 {
		return nil, errors.New("patterns: at least one belongs here")
	}
	s := &firstStep{from: slotOf(o.From), by: slotOf(o.By), optional: o.Optional, byValue: map[string]*optionList{}, others: &optionList{}}
	for i, p := range o.Patterns {
		options, err := p.options(v)
		if err != nil {
			return nil, fmt.Errorf("patterns[%d]: %w", i, err)
		}
		if len(p.Is) == 0 {
			s.others.all = append(s.others.all, options...)
		}
		if len(p.Is) > 0 && o.By == "" {
			return nil, fmt.Errorf("patterns[%d]: is: this needs by, the field whose values these are", i)
		}
		for _, value := range p.Is {
			if s.byValue[value] == nil {
				s.byValue[value] = &optionList{}
			}
			s.byValue[value].all = append(s.byValue[value].all, options...)
		}
	}
	for _, list := range s.byValue {
		list.all = append(list.all, s.others.all...)
		list.index()
	}
	s.others.index()
	s.err = fmt.Errorf("none of the %d patterns matches", len(o.Patterns))
	return s, nil
}

func (p *patternOptions) options(v *env) ([]option, error) {
	set, err := readAssignments(p.Set)
	if err != nil {
		return nil, err
	}
	set = inBlocks(set)
	var list []option
	for _, t := range p.Schema {
		list = append(list, option{schema: t.schema, set: set})
	}
	if len(p.Grok) > 0 {
		st, err := newGrok(grokOptions{Grok: p.Grok}, v)
		if err != nil {
			return nil, err
		}
		for _, g := range st.(*groupsStep).any {
			list = append(list, option{groups: g, set: set})
		}
	}
	if len(p.Regex) > 0 {
		st, err := newRegex(regexOptions{Regex: p.Regex}, v)
		if err != nil {
			return nil, err
		}
		for _, g := range st.(*groupsStep).any {
			list = append(list, option{groups: g, set: set})
		}
	}
	if len(list) == 0 {
		return nil, errors.New("a schema, grok or regex belongs here")
	}
	return list, nil
}

func (l *optionList) index() {
	for c := range l.byStart {
		for i := range l.all {
			if s := l.all[i].schema; s == nil || s.start.starts.has(byte(c)) || c == 0 && s.start.empty {
				l.byStart[c] = append(l.byStart[c], newCandidate(s, i))
			}
		}
		l.byStart[c] = slices.Clip(l.byStart[c])
	}
}

func newCandidate(s *schema, at int) candidate {
	if s == nil {
		return candidate{at: uint16(at)}
	}
	return candidate{wordOf(s.prefix), uint16(at)}
}

func (s *firstStep) run(w *work) error {
	text, ok := w.value(&s.from)
	if !ok {
		return missing(s.from.name)
	}
	list := s.others
	if s.by.name != "" {
		if value, ok := w.value(&s.by); ok && s.byValue[value] != nil {
			list = s.byValue[value]
		}
	}
	if list.run(w, text) || s.optional {
		return nil
	}
	return s.err
}

func (l *optionList) run(w *work, text string) bool {
	m := &w.match
	head, trimmed := headOf(text), trimBlanks(text)
	list := l.byStart[byteAt(text, 0)]
	for i := range list {
		c := &list[i]
		if head&c.head.mask != c.head.bytes {
			continue
		}
		o := &l.all[c.at]
		if s := o.schema; s == nil {
			if !o.groups.apply(w, text) {
				continue
			}
		} else if strings.HasPrefix(text, s.prefix) && strings.HasSuffix(trimmed, s.suffix) && len(text) <= maxSchemaText && m.behindPrefix(s, text) {
			m.apply(w)
		} else {
			continue
		}
		assign(w, o.set)
		return true
	}
	return false
}
