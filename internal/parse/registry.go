package parse

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/config"
)

//go:embed packs/*.yaml
var shippedPacks embed.FS

// Auto is the parser that finds out by itself what a message is; see auto.go.
const Auto = "auto"

// None is the parser that leaves events as they are.
const None = "none"

// Steps returns all kinds of steps, in the order of the reference.
func Steps() []Step {
	return []Step{
		StepSyslog, StepJSON, StepKV, StepSchema, StepFirst, StepGrok, StepRegex, StepCSV, StepAccessLog, StepDate, StepMap,
	}
}

// alone are the steps that are parsers of their own by name.
func alone() []Step { return []Step{StepSyslog, StepJSON, StepKV, StepAccessLog} }

func reservedNames() []string {
	names := []string{Auto, None}
	for _, s := range alone() {
		names = append(names, s.Name)
	}
	return names
}

// A Registry knows all parsers by name. It does not change once loaded and is
// safe for concurrent use.
type Registry struct {
	modules []*Module // sorted by name
	parsers map[string]Parser
	syslog  *Syslog
	index   *index
}

// Load reads the shipped modules and those of the user. Files that are wrong are
// left out and reported, each mistake with file, line and column, in one joined
// error; the registry with all others is returned in any case.
func Load(o Options) (*Registry, error) {
	v := newEnv(o)
	l := loader{env: v, byName: map[string]*Module{}}
	l.load(shippedPacks, "packs", "")
	if o.Dir != "" {
		own := loader{env: v, byName: map[string]*Module{}}
		own.load(os.DirFS(o.Dir), ".", o.Dir)
		for name, m := range own.byName {
			l.byName[name] = m
		}
		l.errs = append(l.errs, own.errs...)
	}
	r := &Registry{parsers: map[string]Parser{None: none{}}}
	for name, m := range l.byName {
		r.modules = append(r.modules, m)
		r.parsers[name] = m
	}
	slices.SortFunc(r.modules, func(a, b *Module) int { return strings.Compare(a.Name, b.Name) })
	r.index = newIndex(r.modules)
	for _, s := range alone() {
		r.parsers[s.Name] = &chain{env: v, steps: []step{mustMake(s, v)}}
	}
	r.parsers[Auto] = newAuto(r, v)
	r.syslog = &Syslog{&syslogStep{clock: v.clock}}
	return r, errors.Join(l.errs...)
}

// mustMake makes a step with its defaults, which each of alone can do.
func mustMake(s Step, v *env) step {
	st, err := s.make(new(config.Node), v)
	if err != nil {
		panic("parse: step " + s.Name + " has no defaults: " + err.Error())
	}
	return st
}

// A loader reads the modules of one folder.
type loader struct {
	env    *env
	byName map[string]*Module
	errs   []error
}

// load reads all *.yaml and *.yml files of a folder. Errors name them with their
// path below shown.
func (l *loader) load(files fs.FS, dir, shown string) {
	found, err := fs.ReadDir(files, dir)
	if err != nil {
		if e, ok := errors.AsType[*fs.PathError](err); ok {
			err = e.Err // its path is the one inside of the folder
		}
		l.errs = append(l.errs, fmt.Errorf("read the parser modules in %s: %w", shown, err))
		return
	}
	for _, f := range found {
		if ext := filepath.Ext(f.Name()); f.IsDir() || ext != ".yaml" && ext != ".yml" || strings.HasPrefix(f.Name(), ".") {
			continue
		}
		name := filepath.Join(shown, f.Name())
		if shown == "" {
			name = "shipped/" + f.Name()
		}
		if err := l.file(files, filepath.ToSlash(filepath.Join(dir, f.Name())), name); err != nil {
			l.errs = append(l.errs, err)
		}
	}
}

func (l *loader) file(files fs.FS, path, name string) error {
	data, err := fs.ReadFile(files, path)
	if err != nil {
		return fmt.Errorf("parser module %s: %w", name, err)
	}
	m, err := readModule(name, data, l.env)
	if err != nil {
		return err
	}
	if other := l.byName[m.Name]; other != nil {
		return &config.Error{File: name, Path: "name", Problem: fmt.Sprintf("%q is the name of the module in %s", m.Name, other.File), Hint: "another name"}
	}
	l.byName[m.Name] = m
	return nil
}

// Parser returns the parser called name: a module, auto, none, or a step that
// needs no options. The error for an unknown name says which is near.
func (r *Registry) Parser(name string) (Parser, error) {
	if p := r.parsers[name]; p != nil {
		return p, nil
	}
	names := r.Names()
	if near := config.Near(name, names); near != "" {
		return nil, llama.Errorf(llama.NotFound, "no parser is called %q; %q?", name, near)
	}
	return nil, llama.Errorf(llama.NotFound, "no parser is called %q; one of %s", name, strings.Join(names, ", "))
}

// Names returns the names of all parsers, sorted.
func (r *Registry) Names() []string {
	names := make([]string, 0, len(r.parsers))
	for name := range r.parsers {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Syslog returns what takes syslog headers off.
func (r *Registry) Syslog() *Syslog { return r.syslog }

// Modules returns the modules that were read from files, sorted by name.
func (r *Registry) Modules() []*Module { return slices.Clone(r.modules) }

// Match returns the module that says the event is meant for it. The worker is the one that
// its parsers run by.
func (r *Registry) Match(k *Worker, e *llama.Event) (Parser, bool) {
	if m := r.index.find(e, k.w.process(e)); m != nil {
		return m, true
	}
	return nil, false
}

type none struct{}

// Parse does nothing.
func (none) Parse(*llama.Event) error { return nil }
