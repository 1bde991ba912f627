package parse

import (
	"errors"
	"sync"
	"time"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/config"
)

// A Parser finds the fields of an event. On an error the event is as it was.
// Parsers may be used by many at once.
type Parser interface {
	Parse(e *llama.Event) error
}

// Options say how parsers read what events leave open.
type Options struct {
	// Dir is a folder of modules of the user's own; empty for none.
	Dir string `yaml:"dir" doc:"A folder of parser modules (*.yaml) that add to the shipped ones and override them by name."`
	// Zone is where times without a zone are; nil is that of this machine.
	Zone *time.Location `yaml:"zone" doc:"The time zone of times that name none, e.g. Europe/Berlin. The default is this machine's."`
	// Now is the arrival of events that do not say when they came; nil is time.Now.
	Now func() time.Time `yaml:"-"`
}

// env is what the steps of one registry share.
type env struct {
	clock
	patterns *patternLibrary
	works    *sync.Pool
}

func newEnv(o Options) *env {
	return &env{
		clock:    newClock(o.Zone, o.Now),
		patterns: shippedPatterns(),
		works:    &sync.Pool{New: func() any { return new(work) }},
	}
}

// A step is one act of a module.
type step interface {
	// run changes the event through w. What it did before an error is undone.
	run(w *work) error
}

// A Step is a kind of step, for the reference and for modules to name.
type Step struct {
	Name     string
	Doc      string // one or more sentences
	Options  any    // the options with their defaults; their doc tags are printed
	Examples []StepExample

	make func(n *config.Node, v *env) (step, error)
}

// A StepExample shows a step at work, and is one of its tests.
type StepExample struct {
	Options string // as YAML, on one line
	Raw     string
	Want    string // the fields as flat JSON; what is left of the message is `_msg` if it changed
	Err     string // the error instead
}

// build makes a step's constructor from one that takes its options, which are
// decoded strictly over the defaults. Options with a method main may be written
// as the value of the option that it points to.
func build[C any](defaults C, construct func(c C, v *env) (step, error)) func(*config.Node, *env) (step, error) {
	return func(n *config.Node, v *env) (step, error) {
		c := defaults
		var into any = &c
		if short, ok := into.(interface{ main() any }); ok && !isMapping(n) {
			into = short.main()
		}
		if err := n.Decode(into); err != nil {
			return nil, err
		}
		s, err := construct(c, v)
		if err == nil {
			return s, nil
		}
		if _, ok := errors.AsType[*config.Error](err); ok {
			return nil, err // it knows its place already
		}
		return nil, n.Errorf("%v", err)
	}
}

func isMapping(n *config.Node) bool { return n.Pairs() != nil }

// A runner is a parser that is made of steps.
type runner interface {
	run(w *work, e *llama.Event) error
}

// parse has a runner parse one event.
func (v *env) parse(r runner, e *llama.Event) error {
	w := v.works.Get().(*work)
	err := r.run(w, e)
	w.forget()
	v.works.Put(w)
	return err
}

// A Worker runs parsers over events, one after another, for one goroutine. What one
// parser of an event had to find out about its fields the next one need not. The zero
// value is ready for use.
type Worker struct{ w work }

// Begin must be called before the first parser of each event. From then on nobody but
// parsers may change the event's fields.
func (k *Worker) Begin() { k.w.forget() }

// Parse is what p does; see Parser.
func (k *Worker) Parse(p Parser, e *llama.Event) error {
	if r, ok := p.(runner); ok {
		return r.run(&k.w, e)
	}
	k.w.forget()
	return p.Parse(e)
}

// runSteps runs steps over e and undoes all of them when one fails.
func runSteps(w *work, steps []step, e *llama.Event) error {
	w.begin(e)
	for _, s := range steps {
		if err := s.run(w); err != nil {
			w.undo()
			w.end()
			return err
		}
	}
	w.end()
	return nil
}
