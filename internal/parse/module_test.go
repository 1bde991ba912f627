package parse

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/llama-logs/llama"
)

// load returns the shipped registry with times in UTC.
func load(tb testing.TB) *Registry {
	tb.Helper()
	r, err := Load(Options{Zone: time.UTC})
	if err != nil {
		tb.Fatal(err)
	}
	return r
}

func TestExamplesOfModules(t *testing.T) {
	t.Parallel()
	for _, m := range load(t).Modules() {
		t.Run(m.Name, func(t *testing.T) {
			t.Parallel()
			if len(m.Examples) == 0 {
				t.Error("a module needs an example")
			}
			if err := m.Test(); err != nil {
				t.Error(err)
			}
		})
	}
}

// Each example of a step is run as a module of that step alone. An example that
// is a JSON object is read as one first, for the steps that need fields.
func TestExamplesOfSteps(t *testing.T) {
	t.Parallel()
	for _, s := range Steps() {
		if len(s.Examples) == 0 || s.Doc == "" {
			t.Errorf("step %s needs a doc and an example", s.Name)
		}
		for i, x := range s.Examples {
			t.Run(fmt.Sprint(s.Name, i+1), func(t *testing.T) {
				t.Parallel()
				step := s.Name
				if x.Options != "" {
					step += ": " + x.Options
				}
				before := ""
				if strings.HasPrefix(x.Raw, "{") && (s.Name != "json" || x.Options != "") {
					before = "  - json: {keep: true}\n"
				}
				text := "name: example\nsteps:\n" + before + "  - " + step + "\n"
				m, err := readModule("example.yaml", []byte(text), newEnv(Options{Zone: time.UTC}))
				if err != nil {
					t.Fatal(err)
				}
				m.Examples = []Example{{Raw: x.Raw, Want: x.Want, Error: x.Err}}
				if err := m.Test(); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

func TestLoadRefusesFilesWithTheirPlaces(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, yaml, want string }{
		{"unknown key", "name: a\nstepz: []\nsteps: [json]\n", `a.yaml:2:1: stepz: unknown key; "steps"?`},
		{"unknown step", "name: a\nsteps:\n  - grook: x\n", `a.yaml:3:5: steps[0]: no step is called "grook"; "grok"?`},
		{"bad schema", "name: a\nsteps:\n  - schema: 'x [y'\n", `a.yaml:3:13: steps[0].schema: column 5: "[" is never closed; as plain text write \[`},
		{"bad grok", "name: a\nsteps:\n  - grok: '%{IPP:x}'\n", `no pattern is called "IPP"; "IP"?`},
		{"bad regex", "name: a\nsteps:\n  - regex: '('\n", `a.yaml:3:12: steps[0].regex:`},
		{"no steps", "name: a\n", `a.yaml:1:1: steps: missing; at least one step`},
		{"no name", "steps: [json]\n", `name: "" is no name`},
		{"reserved name", "name: auto\nsteps: [json]\n", `"auto" is the name of a built-in parser`},
		{"empty match", "name: a\nmatch: [{}]\nsteps: [json]\n", `a match that asks for nothing`},
		{"option", "name: a\nsteps:\n  - kv: {numbrs: true}\n", `a.yaml:3:10: steps[0].kv.numbrs: unknown key; "numbers"?`},
		{"type", "name: a\nsteps:\n  - schema: '${a:nmber}'\n", `unknown type "nmber"; "number"?`},
		{"reserved field", "name: a\nsteps:\n  - json\nmap: {set: {_seq: 1}}\n", `_seq is not set by name`},
		{"no yaml", "name: [\n", `a.yaml:1:`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			write(t, dir, "a.yaml", tt.yaml)
			write(t, dir, "good.yaml", "name: good\nsteps: [json]\n")
			r, err := Load(Options{Dir: dir})
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got  %v\nwant %s", err, tt.want)
			}
			if _, err := r.Parser("good"); err != nil {
				t.Errorf("the other file: %v", err)
			}
			if _, err := r.Parser("sshd"); err != nil {
				t.Errorf("a shipped module: %v", err)
			}
		})
	}
}

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestUsersModulesWin(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, "mine.yaml", "name: sshd\nmatch: {process: [sshd]}\nsteps:\n  - schema: '$mine'\n")
	r, err := Load(Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	p, err := r.Parser("sshd")
	if err != nil {
		t.Fatal(err)
	}
	e := llama.Event{Message: "x"}
	if err := p.Parse(&e); err != nil || len(e.Fields) != 1 || e.Fields[0].Name != "mine" {
		t.Errorf("got %v, %v", e.Fields, err)
	}
}

func TestParserNamesNearOnes(t *testing.T) {
	t.Parallel()
	r := load(t)
	_, err := r.Parser("sshdd")
	if want := `no parser is called "sshdd"; "sshd"?`; fmt.Sprint(err) != want {
		t.Errorf("got %v, want %s", err, want)
	}
	if llama.CodeOf(err) != llama.NotFound {
		t.Errorf("code %q", llama.CodeOf(err))
	}
	for _, name := range r.Names() {
		if _, err := r.Parser(name); err != nil {
			t.Error(err)
		}
	}
}

// An event whose parser fails is as it was, whatever the steps before did.
func TestFailureLeavesTheEvent(t *testing.T) {
	t.Parallel()
	text := `
name: fails
steps:
  - map: {rename: {a: b}, set: {c: new, x.y: 1, _msg: other}, remove: [d]}
  - schema: 'never'
`
	m, err := readModule("fails.yaml", []byte(text), newEnv(Options{}))
	if err != nil {
		t.Fatal(err)
	}
	for _, room := range []int{0, 64} {
		fields := make([]llama.Field, 0, 3+room)
		fields = append(fields, llama.Field{Name: "a", Value: "1"}, llama.Field{Name: "c", Value: "old"}, llama.Field{Name: "d", Value: "3"})
		e := llama.Event{Message: "text", Time: 7, Fields: fields}
		want := slices.Clone(fields)
		err := m.Parse(&e)
		if err == nil || !strings.HasPrefix(err.Error(), "fails: ") {
			t.Errorf("error %v", err)
		}
		if e.Message != "text" || e.Time != 7 || !slices.Equal(e.Fields, want) {
			t.Errorf("the event became %+v", e)
		}
	}
}

func TestMatchPrefersWhatKnowsTheMessage(t *testing.T) {
	t.Parallel()
	r := load(t)
	tests := []struct {
		process, message, want string
	}{
		{"sshd", "Failed password for root", "sshd"},
		{"/usr/sbin/sshd", "x", "sshd"},
		{"sshd", "pam_unix(sshd:session): session closed for user root", "pam"},
		{"", "%ASA-6-302013: Built", "cisco-asa"},
		{"CiscoASA", "%ASA-6-302013: Built", "cisco-asa"},
		{"", `192.0.2.7 - - [07/Mar/2026:09:15:02 +0000] "GET / HTTP/1.1" 200 1`, "apache-access"},
		{"nginx", `192.0.2.7 - - [07/Mar/2026:09:15:02 +0000] "GET / HTTP/1.1" 200 1`, "nginx-access"},
		{"", "2026/03/07 09:15:02 [error] 812#0: *17 x", "nginx-error"},
		{"", "[Sat Mar 07 09:15:02.123456 2026] [core:error] [pid 812] x", "apache-error"},
		{"", "words", ""},
		{"", "", ""},
	}
	for _, tt := range tests {
		e := llama.Event{Message: tt.message}
		if tt.process != "" {
			e.Set(fieldProcess, tt.process, llama.String)
		}
		got := ""
		if p, ok := r.Match(new(Worker), &e); ok {
			got = p.(*Module).Name
		}
		if got != tt.want {
			t.Errorf("%s %q: got %q, want %q", tt.process, tt.message, got, tt.want)
		}
	}
}

func TestAutoNeverFails(t *testing.T) {
	t.Parallel()
	r := load(t)
	p, err := r.Parser(Auto)
	if err != nil {
		t.Fatal(err)
	}
	for _, message := range []string{"", "words", "{", `{"a":`, "<13>", "<13>{}", `<13>Mar  7 09:15:02 h p: @cee: {"a":1}`} {
		e := llama.Event{Message: message}
		if err := p.Parse(&e); err != nil {
			t.Errorf("%q: %v", message, err)
		}
	}
	e := llama.Event{Message: `<13>Mar  7 09:15:02 h p: @cee: {"a":1}`}
	if err := p.Parse(&e); err != nil {
		t.Fatal(err)
	}
	if v, _ := e.Lookup("a"); v != "1" {
		t.Errorf("JSON behind @cee: was not read: %+v", e)
	}
}

func TestAutoReadsTheTimeOfAProgram(t *testing.T) {
	t.Parallel()
	p, err := load(t).Parser(Auto)
	if err != nil {
		t.Fatal(err)
	}
	arrived := llama.At(time.Date(2026, 11, 22, 15, 0, 0, 0, time.UTC))
	other := arrived - llama.Time(time.Hour)
	for _, tt := range []struct {
		message    string
		time, want llama.Time
	}{
		{"2026-11-22T14:00:00Z INFO fine", arrived, other},
		{"2026-11-22 15:00:00,000+01:00 INFO fine", arrived, other},
		{"2026-11-22T14:00:00Z", arrived, other},
		{"2026-11-22T14:00:00Z INFO fine", arrived - 1, arrived - 1}, // its sender has said when
		{"2026-11-22T14:00:00 INFO fine", arrived, arrived},          // in which zone?
		{"2026-11-22T14:00:00Zulu", arrived, arrived},
		{"2026-13-22T14:00:00Z INFO fine", arrived, arrived},
		{"1 2026-11-22T14:00:00Z INFO fine", arrived, arrived},
		// Times that are not when the line was written
		{"0001-01-01T00:00:00Z level=info", arrived, arrived},
		{"1969-12-31T23:59:59Z clock is not set", arrived, arrived},
		{"1970-01-01T00:00:00Z clock is not set", arrived, arrived},
		{"9999-12-31T23:59:59Z never expires", arrived, arrived},
		{"2027-06-01T00:00:00Z is when the certificate ends", arrived, arrived},
		{"2026-11-29T15:00:00Z a clock that is ahead", arrived, arrived + llama.Time(7*24*time.Hour)},
		{"2026-11-29T15:00:01Z is when the backup is due", arrived, arrived},
		{"1970-01-01T00:00:01Z booting", arrived, llama.Time(time.Second)},
		// An offset without minutes may be a number
		{"2026-11-22 14:00:00-10 items", arrived, arrived},
		{"2026-11-22T14:00:00-10: items", arrived, arrived},
		{"2026-11-22T15:00:00+01 INFO fine", arrived, other},
		{"2026-11-22T15:00:00+01", arrived, other},
		{"2026-11-22 15:00:00+0100 INFO fine", arrived, other},
	} {
		e := llama.Event{Message: tt.message, Time: tt.time, Ingested: arrived}
		if err := p.Parse(&e); err != nil {
			t.Fatal(err)
		}
		if e.Time != tt.want || e.Message != tt.message || len(e.Fields) > 0 {
			t.Errorf("%q: %s %q %+v, want %s", tt.message, e.Time, e.Message, e.Fields, tt.want)
		}
	}
}

func TestErrorsAreJoined(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, "a.yaml", "name: a\nsteps: [x, y]\n")
	write(t, dir, "b.yaml", "name: b\nsteps: [z]\n")
	_, err := Load(Options{Dir: dir})
	var many interface{ Unwrap() []error }
	if !errors.As(err, &many) || strings.Count(err.Error(), "no step is called") != 3 {
		t.Errorf("got %v", err)
	}
}
