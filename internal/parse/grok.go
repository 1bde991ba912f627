package parse

import (
	"embed"
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/llama-logs/llama/internal/config"
)

//go:embed grok/*.grok
var grokFiles embed.FS

// A patternLibrary holds grok patterns by name. It does not change once made.
type patternLibrary struct{ patterns map[string]string }

// shippedPatterns returns the public pattern library, which lies in grok/.
var shippedPatterns = sync.OnceValue(func() *patternLibrary {
	lib := &patternLibrary{patterns: map[string]string{}}
	files, err := grokFiles.ReadDir("grok")
	if err != nil {
		panic("parse: the embedded grok patterns: " + err.Error())
	}
	for _, f := range files {
		text, err := grokFiles.ReadFile(path.Join("grok", f.Name()))
		if err != nil {
			panic("parse: the embedded grok patterns: " + err.Error())
		}
		for line := range strings.Lines(string(text)) {
			name, pattern, ok := strings.Cut(strings.TrimRight(line, "\r\n"), " ")
			if ok && !strings.HasPrefix(line, "#") {
				lib.patterns[name] = pattern
			}
		}
	}
	return lib
})

// with returns the library with more patterns, which win.
func (l *patternLibrary) with(more map[string]string) *patternLibrary {
	if len(more) == 0 {
		return l
	}
	all := maps.Clone(l.patterns)
	maps.Copy(all, more)
	return &patternLibrary{all}
}

// Bounds of a grok expression. Patterns name others, so a short one can stand for
// a very long one.
const (
	maxGrokBytes = 256 << 10
	maxGrokDepth = 32
)

// compile turns a grok expression into a matcher.
func (l *patternLibrary) compile(expr string) (*groups, error) {
	g := grokCompiler{library: l}
	if err := g.expand(expr, 0); err != nil {
		return nil, err
	}
	return g.finish()
}

// A grokCompiler writes the regular expression that a grok expression stands for.
type grokCompiler struct {
	library *patternLibrary
	out     strings.Builder
	groups  []groupName
}

// reference is a pattern's name, and the field and type it gives: %{IP:[source][ip]:int}.
var reference = regexp.MustCompile(`^%\{(\w+)(?::([^:}]*)(?::([\w]+))?)?\}`)

// expand appends expr with its references resolved, in RE2's dialect.
func (g *grokCompiler) expand(expr string, depth int) error {
	if depth > maxGrokDepth {
		return fmt.Errorf("patterns name one another more than %d deep, or in a circle", maxGrokDepth)
	}
	class := false // within [...]
	for expr != "" {
		if g.out.Len() > maxGrokBytes {
			return fmt.Errorf("the expression stands for more than %d KiB", maxGrokBytes>>10)
		}
		if !class && strings.HasPrefix(expr, "%{") {
			rest, err := g.reference(expr, depth)
			if err != nil {
				return err
			}
			expr = rest
			continue
		}
		if n, err := g.special(expr, class); err != nil {
			return err
		} else if n > 0 {
			expr = expr[n:]
			continue
		}
		switch expr[0] {
		case '[':
			if n := strings.Index(expr, ":]"); class && strings.HasPrefix(expr, "[:") && n > 0 {
				g.out.WriteString(expr[:n+2])
				expr = expr[n+2:]
				continue
			}
			if !class && strings.HasPrefix(expr, "[]") {
				g.out.WriteString(`[\]`)
				expr, class = expr[2:], true
				continue
			}
			if class {
				g.out.WriteByte('\\')
			}
			class = true
		case ']':
			class = false
		}
		g.out.WriteByte(expr[0])
		expr = expr[1:]
	}
	return nil
}

// reference resolves the reference that expr starts with and returns the rest.
func (g *grokCompiler) reference(expr string, depth int) (string, error) {
	m := reference.FindStringSubmatch(expr)
	if m == nil {
		return "", fmt.Errorf("%.30q is no reference; it looks like %%{IP:source.ip} or %%{INT:[a][b]:int}", expr)
	}
	pattern, ok := g.library.patterns[m[1]]
	if !ok {
		hint := ""
		if near := config.Near(m[1], slices.Sorted(maps.Keys(g.library.patterns))); near != "" {
			hint = fmt.Sprintf("; %q?", near)
		}
		return "", fmt.Errorf("no pattern is called %q%s", m[1], hint)
	}
	if m[2] == "" {
		g.out.WriteString("(?:")
	} else if err := g.open(m[2], m[3]); err != nil {
		return "", err
	}
	if err := g.expand(pattern, depth+1); err != nil {
		return "", err
	}
	g.out.WriteByte(')')
	return expr[len(m[0]):], nil
}

// open writes the beginning of a group for a field.
func (g *grokCompiler) open(name, typ string) error {
	group, err := newGroupName(name, typ)
	if err != nil {
		return err
	}
	g.groups = append(g.groups, group)
	fmt.Fprintf(&g.out, "(?P<g%d>", len(g.groups)-1)
	return nil
}

// special translates what Ruby's expressions write differently, and named
// groups. It returns the length of what it took, 0 for nothing.
func (g *grokCompiler) special(expr string, class bool) (int, error) {
	if expr[0] == '\\' && len(expr) > 1 {
		switch {
		case expr[1] == 'h' && class:
			g.out.WriteString("0-9a-fA-F")
		case expr[1] == 'h':
			g.out.WriteString("[0-9a-fA-F]")
		case expr[1] == 'Z':
			g.out.WriteString(`\z`)
		default:
			g.out.WriteString(expr[:2])
		}
		return 2, nil
	}
	if class {
		return 0, nil
	}
	for _, t := range []struct{ from, to string }{{"(?>", "(?:"}, {"*+", "*"}, {"++", "+"}, {"?+", "?"}, {"(?m)", "(?s)"}} {
		if strings.HasPrefix(expr, t.from) {
			g.out.WriteString(t.to)
			return len(t.from), nil
		}
	}
	for _, look := range []string{"(?=", "(?!", "(?<=", "(?<!"} {
		if strings.HasPrefix(expr, look) {
			return 0, fmt.Errorf("%s...) looks around, which RE2 expressions cannot; write it without", look)
		}
	}
	for _, named := range []string{"(?P<", "(?<"} {
		name, ok := strings.CutPrefix(expr, named)
		if !ok {
			continue
		}
		end := strings.IndexByte(name, '>')
		if end < 0 {
			return 0, fmt.Errorf("%.20q: the group's name is never closed", expr)
		}
		field, typ, _ := strings.Cut(name[:end], ":")
		return len(named) + end + 1, g.open(field, typ)
	}
	return 0, nil
}

// finish compiles what was written.
func (g *grokCompiler) finish() (*groups, error) {
	return compileGroups("(?m)"+g.out.String(), g.groups)
}

// StepGrok takes values out with grok.
var StepGrok = Step{
	Name: "grok",
	Doc: "Takes values out with grok expressions: `%{IP:source.ip}`, `%{INT:[http][response][status_code]:int}`, `(?<name>...)`. " +
		"The first expression that matches any part of the message counts. The patterns are those of Logstash in their ECS form; " +
		"`patterns` adds to them. Expressions are RE2's: no look-around, and time in proportion to the message whatever it holds. " +
		"Grok is for patterns that are at hand already; for logs that come by the million write a `schema`, which reads the line of an access log in a " +
		"fiftieth of the time (`BenchmarkGrok` and `BenchmarkSchema`).",
	Options: grokOptions{},
	make:    build(grokOptions{}, newGrok),
	Examples: []StepExample{
		{
			Options: `'%{IP:source.ip} %{WORD:[http][request][method]} %{NUMBER:took:float}s'`,
			Raw:     `192.0.2.7 GET 0.25s`,
			Want:    `{"source.ip":"192.0.2.7","http.request.method":"GET","took":0.25}`,
		},
		{
			Options: `{grok: ['^%{TICKET:id} closed', '^%{TICKET:id} opened by %{USER:user.name}'], patterns: {TICKET: '[A-Z]+-\d+'}}`,
			Raw:     `OPS-17 opened by jo`,
			Want:    `{"id":"OPS-17","user.name":"jo"}`,
		},
		{Options: `'^%{INT:n}$'`, Raw: `x`, Err: `the message matches none of the expressions`},
	},
}

func (o *grokOptions) main() any { return &o.Grok }

type grokOptions struct {
	Grok     []string          `yaml:"grok" doc:"The expressions. They may stand alone in place of the options."`
	From     string            `yaml:"from" doc:"The field to read; the default is the message."`
	Patterns map[string]string `yaml:"patterns" doc:"Patterns of this step, by name."`
}

func newGrok(o grokOptions, v *env) (step, error) {
	library := v.patterns.with(o.Patterns)
	s := &groupsStep{from: o.From}
	for _, expr := range o.Grok {
		g, err := library.compile(expr)
		if err != nil {
			return nil, fmt.Errorf("%.60q: %w", expr, err)
		}
		s.any = append(s.any, g)
	}
	if len(s.any) == 0 {
		return nil, fmt.Errorf("grok: an expression belongs here")
	}
	return s, nil
}
