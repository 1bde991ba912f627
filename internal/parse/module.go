package parse

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/config"
)

// A Module is a parser that was read from a file. It is safe for concurrent use.
type Module struct {
	Name        string
	Description string
	File        string // where it came from
	Examples    []Example

	*env
	match []condition
	steps []step
	text  []byte // the file
}

// An Example is a message and what the module makes of it.
type Example struct {
	Raw     string `yaml:"raw" doc:"The message as it comes, with its syslog header if it has one."`
	Want    string `yaml:"want" doc:"All fields as one JSON object; _msg and _time are compared only if they are named."`
	Error   string `yaml:"error" doc:"The error instead, or a part of it."`
	Arrived string `yaml:"arrived" doc:"When it arrived, for times without a year; the default is 2026-03-07T12:00:00Z."`
}

// A moduleFile is what a module's file holds.
type moduleFile struct {
	Name        string            `yaml:"name" doc:"The parser's name; small letters, digits, - and _. A module of the user's replaces a shipped one of the same name."`
	Description string            `yaml:"description" doc:"What it is for, one sentence."`
	Match       *config.Node      `yaml:"match" doc:"Which events are meant for it: a condition, or a list of which one suffices. Without it the parser is used only where it is named."`
	Patterns    map[string]string `yaml:"patterns" doc:"Grok patterns of this module, by name."`
	Steps       []*config.Node    `yaml:"steps" doc:"The steps in their order, each - name: options."`
	Map         *config.Node      `yaml:"map" doc:"What becomes of the fields at last; see the step map."`
	Examples    []Example         `yaml:"examples" doc:"Messages and what becomes of them; they are the module's tests."`
}

var moduleName = regexp.MustCompile(`^[a-z][a-z0-9_-]{0,62}$`)

// Validate checks the names.
func (f *moduleFile) Validate() error {
	switch {
	case !moduleName.MatchString(f.Name):
		return config.Wrong("name", "%q is no name; small letters, digits, - and _, e.g. my-app", f.Name)
	case slices.Contains(reservedNames(), f.Name):
		return config.Wrong("name", "%q is the name of a built-in parser; another one, e.g. my-%s", f.Name, f.Name)
	case len(f.Steps) == 0:
		return config.Wrong("steps", "missing; at least one step")
	}
	return nil
}

// readModule reads one file. Its errors are all of the file's, each with its
// place.
func readModule(file string, data []byte, v *env) (*Module, error) {
	var f moduleFile
	if err := config.Read(file, data, &f); err != nil {
		return nil, err
	}
	own := *v
	own.patterns = v.patterns.with(f.Patterns)
	m := &Module{Name: f.Name, Description: f.Description, File: file, Examples: f.Examples, env: &own, text: data}
	var errs []error
	var err error
	if m.match, err = readConditions(f.Match); err != nil {
		errs = append(errs, err)
	}
	for _, n := range f.Steps {
		s, err := readStep(n, &own)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		m.steps = append(m.steps, s)
	}
	if f.Map != nil {
		s, err := StepMap.make(f.Map, &own)
		if err != nil {
			errs = append(errs, err)
		} else {
			m.steps = append(m.steps, s)
		}
	}
	return m, errors.Join(errs...)
}

// readStep makes a step of - name: options, or of - name.
func readStep(n *config.Node, v *env) (step, error) {
	pair, ok := n.Single()
	if !ok {
		return nil, n.Errorf("a step belongs here; one name with its options, e.g. - grok: '%%{IP:source.ip}'")
	}
	var names []string
	for _, s := range Steps() {
		if s.Name == pair.Key {
			return s.make(pair.Value, v)
		}
		names = append(names, s.Name)
	}
	hint := "one of " + strings.Join(names, ", ")
	if near := config.Near(pair.Key, names); near != "" {
		hint = fmt.Sprintf("%q?", near)
	}
	return nil, n.Errorf("no step is called %q; %s", pair.Key, hint)
}

// Parse gives the event the fields that the module finds; see Parser.
func (m *Module) Parse(e *llama.Event) error { return m.parse(m, e) }

func (m *Module) run(w *work, e *llama.Event) error {
	if err := runSteps(w, m.steps, e); err != nil {
		return &moduleError{m.Name, err}
	}
	return nil
}

// A moduleError says which module failed. Its text is made only when asked for.
type moduleError struct {
	module string
	err    error
}

func (e *moduleError) Error() string { return e.module + ": " + e.err.Error() }
func (e *moduleError) Unwrap() error { return e.err }

// exampleArrival is when the messages of examples arrive.
const exampleArrival = "2026-03-07T12:00:00Z"

// Test runs the module's examples, with times in UTC, and returns all that went
// wrong.
func (m *Module) Test() error {
	utc, err := readModule(m.File, m.text, newEnv(Options{Zone: time.UTC}))
	if err != nil {
		return err
	}
	var errs []error
	for i, x := range m.Examples {
		if err := utc.test(x); err != nil {
			errs = append(errs, fmt.Errorf("%s: example %d: %w", m.Name, i+1, err))
		}
	}
	return errors.Join(errs...)
}

func (m *Module) test(x Example) error {
	arrived, err := time.Parse(time.RFC3339, orElse(x.Arrived, exampleArrival))
	if err != nil {
		return fmt.Errorf("arrived: %w", err)
	}
	e := llama.Event{Message: x.Raw, Ingested: llama.At(arrived), Time: llama.At(arrived)}
	return compare(&e, x, m.Parse(&e))
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

// compare holds what became of an example against what it wants.
func compare(e *llama.Event, x Example, err error) error {
	switch {
	case x.Error != "" && err == nil:
		return fmt.Errorf("raw  %s\nno error; want %s", x.Raw, x.Error)
	case x.Error != "" && !strings.Contains(err.Error(), x.Error):
		return fmt.Errorf("raw  %s\nerror %w\nwant  %s", x.Raw, err, x.Error)
	case x.Error != "":
		return nil
	case err != nil:
		return fmt.Errorf("raw  %s\nerror %w", x.Raw, err)
	}
	want, err := llama.AppendFields(nil, x.Want)
	if err != nil {
		return fmt.Errorf("want: %w", err)
	}
	got := slices.Clone(e.Fields)
	for _, f := range want {
		switch f.Name {
		case llama.NameMessage:
			got = append(got, llama.Field{Name: llama.NameMessage, Value: e.Message})
		case llama.NameTime:
			got = append(got, llama.Field{Name: llama.NameTime, Value: e.Time.String()})
		}
	}
	byName := func(a, b llama.Field) int { return strings.Compare(a.Name, b.Name) }
	slices.SortFunc(want, byName)
	slices.SortFunc(got, byName)
	if !slices.Equal(got, want) {
		return fmt.Errorf("raw  %s\ngot  %s\nwant %s", x.Raw, llama.AppendFlat(nil, got), llama.AppendFlat(nil, want))
	}
	return nil
}
