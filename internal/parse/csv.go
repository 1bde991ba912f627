package parse

import (
	"errors"
	"fmt"
	"strings"
)

// StepCSV splits values that stand in a fixed order.
var StepCSV = Step{
	Name: "csv",
	Doc: "Splits values that stand in a fixed order, such as comma or tab separated ones. A value in double quotes may hold the separator; " +
		"two quotes within are one. Empty values give no field; values beyond the names are left alone.",
	Options: csvOptions{Separator: ","},
	make:    build(csvOptions{Separator: ","}, newCSV),
	Examples: []StepExample{
		{
			Options: `{names: [event.action, '', 'source.port:number', note]}`,
			Raw:     `drop,x,443,"a ""b"", c"`,
			Want:    `{"event.action":"drop","source.port":443,"note":"a \"b\", c"}`,
		},
		{Options: `{names: [a]}`, Raw: `"x`, Err: `column 1: a quote is never closed`},
	},
}

type csvOptions struct {
	From      string   `yaml:"from" doc:"The field to read; the default is the message."`
	Names     []string `yaml:"names" doc:"The fields in their order, with a type behind a colon if wanted; an empty name skips a value."`
	Separator string   `yaml:"separator" doc:"What stands between values."`
}

type csvStep struct {
	from, separator string
	names           []groupName
}

func newCSV(o csvOptions, _ *env) (step, error) {
	if o.Separator == "" || len(o.Names) == 0 {
		return nil, errors.New("names and separator belong here")
	}
	s := &csvStep{from: o.From, separator: o.Separator}
	for _, n := range o.Names {
		name, typ, _ := strings.Cut(n, ":")
		if name == "" {
			s.names = append(s.names, groupName{})
			continue
		}
		g, err := newGroupName(name, typ)
		if err != nil {
			return nil, fmt.Errorf("names: %w", err)
		}
		s.names = append(s.names, g)
	}
	return s, nil
}

func (s *csvStep) run(w *work) error {
	text, ok := w.text(s.from)
	if !ok {
		return missing(s.from)
	}
	rest := text
	for i := 0; i < len(s.names); i++ {
		value, after, more, err := s.next(rest)
		if err != nil {
			return fmt.Errorf("column %d: %w", len(text)-len(rest)+1, err)
		}
		if name := &s.names[i]; name.field != "" && value != "" {
			value, kind := name.convert(value)
			w.set(name.field, value, kind)
		}
		if !more {
			break
		}
		rest = after
	}
	return nil
}

// next cuts the first value off.
func (s *csvStep) next(text string) (value, rest string, more bool, err error) {
	if !strings.HasPrefix(text, `"`) {
		value, rest, more = strings.Cut(text, s.separator)
		return value, rest, more, nil
	}
	doubled := false
	for i := 1; i < len(text); i++ {
		if text[i] != '"' {
			continue
		}
		if byteAt(text, i+1) == '"' {
			doubled = true
			i++
			continue
		}
		value = text[1:i]
		if doubled {
			value = strings.ReplaceAll(value, `""`, `"`)
		}
		_, rest, more = strings.Cut(text[i+1:], s.separator)
		return value, rest, more, nil
	}
	return "", "", false, errors.New("a quote is never closed")
}
