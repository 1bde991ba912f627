package parse

import (
	"encoding/json"
	"fmt"
	"reflect"
	"regexp/syntax"
	"slices"
	"strings"
	"testing"

	"github.com/llama-logs/llama"
)

// Every pattern of the library is an expression that RE2 takes.
func TestAllPatternsCompile(t *testing.T) {
	t.Parallel()
	lib := shippedPatterns()
	if len(lib.patterns) < 300 {
		t.Errorf("%d patterns", len(lib.patterns))
	}
	for name := range lib.patterns {
		g := grokCompiler{library: lib}
		if err := g.expand("%{"+name+"}", 0); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := syntax.Parse(g.out.String(), syntax.Perl); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestGrokRefuses(t *testing.T) {
	t.Parallel()
	lib := shippedPatterns().with(map[string]string{"A": "%{B}", "B": "%{A}", "BIG": strings.Repeat("%{IPV6}", 10_000)})
	tests := []struct{ expr, want string }{
		{"%{NOPE}", `no pattern is called "NOPE"`},
		{"%{A}", "more than 32 deep, or in a circle"},
		{"%{BIG}", "stands for more than 256 KiB"},
		{"%{INT:_seq}", "_seq is not set by name"},
		{"%{INT:a:nmber}", `unknown type "nmber"; "number"?`},
		{"%{}", "is no reference"},
		{"(?=x)", "looks around"},
		{"(?<!x)", "looks around"},
		{"(?<a", "never closed"},
		{"(", "missing closing"},
	}
	for _, tt := range tests {
		if _, err := lib.compile(tt.expr); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %s", tt.expr, err, tt.want)
		}
	}
}

type grokCase struct {
	ID     string
	Modes  []string
	Grok   any
	Input  string
	Assert []struct {
		Op    string
		Path  []any
		Value any
	}
}

// The tests of logstash-patterns-core, in the ECS form of the patterns.
func TestGrokCorpus(t *testing.T) {
	t.Parallel()
	var s score
	parsers := map[string]Parser{}
	for _, c := range cases[grokCase](t, "grok/cases.jsonl") {
		expr, ok := c.Grok.(string)
		if !ok || !slices.Contains(c.Modes, "ecs-v1") {
			continue
		}
		e := llama.Event{Message: c.Input}
		if parsers[expr] == nil {
			p, err := grokParser(expr)
			if err != nil {
				t.Fatalf("%s: %v", expr, err)
			}
			parsers[expr] = p
		}
		err := parsers[expr].Parse(&e)
		got := document(t, &e)
		for _, a := range c.Assert {
			if len(a.Path) > 0 && a.Path[0] == "message" {
				continue // Logstash makes a list of the message and what is found under that name
			}
			s.add(a.Op, assertion(a.Op, a.Path, a.Value, got, err), fmt.Sprintf("%s %v %v in %s, got %v of %q", c.ID, a.Path, a.Value, expr, got, c.Input))
		}
	}
	s.check(t, 96.7)
}

// grokParser returns a parser of one grok expression.
func grokParser(expr string) (Parser, error) {
	v := newEnv(Options{})
	g, err := v.patterns.compile(expr)
	return &chain{env: v, steps: []step{&groupsStep{any: []*groups{g}}}}, err
}

// document returns the event as a nested document.
func document(t *testing.T, e *llama.Event) map[string]any {
	var doc map[string]any
	if err := json.Unmarshal(llama.AppendObject(nil, e.Fields), &doc); err != nil {
		t.Fatal(err)
	}
	return doc
}

func assertion(op string, path []any, want any, doc map[string]any, err error) bool {
	var at any = doc
	if len(path) > 0 && path[0] == "tags" { // where Logstash says that nothing matched
		return (err != nil) == (op == "include")
	}
	for _, p := range path {
		m, _ := at.(map[string]any)
		at = m[fmt.Sprint(p)]
	}
	switch op {
	case "pass":
		return err == nil
	case "not_pass":
		return err != nil
	case "nil":
		return at == nil
	case "not_has_key":
		m, _ := at.(map[string]any)
		return m[fmt.Sprint(want)] == nil
	case "include":
		return includes(at, want)
	case "eq":
		return sameValue(at, want)
	case "start_with":
		return strings.HasPrefix(fmt.Sprint(at), fmt.Sprint(want))
	case "not_end_with":
		return !strings.HasSuffix(fmt.Sprint(at), fmt.Sprint(want))
	}
	return true
}

// includes reports whether all members of want are in got; {"$including": ...}
// marks where more may be beside them.
func includes(got, want any) bool {
	switch want := want.(type) {
	case string:
		if m, ok := got.(map[string]any); ok {
			return m[want] != nil
		}
		return strings.Contains(fmt.Sprint(got), want)
	case map[string]any:
		m, ok := got.(map[string]any)
		if !ok {
			return false
		}
		for name, v := range want {
			if name == "$including" {
				return includes(got, v)
			}
			if name != "message" && !sameValue(m[name], v) && !includesMap(m[name], v) {
				return false
			}
		}
		return true
	}
	return sameValue(got, want)
}

func includesMap(got, want any) bool {
	m, ok := want.(map[string]any)
	return ok && includes(got, m)
}

func sameValue(got, want any) bool {
	if n, ok := want.(json.Number); ok {
		want, _ = n.Float64()
	}
	return reflect.DeepEqual(got, want) || fmt.Sprint(got) == fmt.Sprint(want)
}

func FuzzGrok(f *testing.F) {
	for _, s := range []string{"%{IP:a} %{WORD:[b][c]:int}", `(?<a.b>\h+)[[:alpha:]]\Z`, "%{HTTPD_COMBINEDLOG}", "[]]", "(?m).++"} {
		f.Add(s, "1.2.3.4 x")
	}
	f.Fuzz(func(t *testing.T, expr, text string) {
		if len(expr) > 100 {
			return
		}
		g, err := shippedPatterns().compile(expr)
		if err != nil {
			return
		}
		v := newEnv(Options{})
		e := llama.Event{Message: text}
		_ = (&chain{env: v, steps: []step{&groupsStep{any: []*groups{g}}}}).Parse(&e)
		uniqueNames(t, &e)
	})
}

// uniqueNames fails if an event has two fields of one name, or one that is
// reserved.
func uniqueNames(t *testing.T, e *llama.Event) {
	t.Helper()
	seen := map[string]bool{}
	for _, f := range e.Fields {
		if seen[f.Name] || settable(f.Name) != nil {
			t.Fatalf("field %q in %v", f.Name, e.Fields)
		}
		seen[f.Name] = true
	}
}
