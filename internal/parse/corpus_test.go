package parse

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/llama-logs/llama"
)

// The corpora of other projects lie beside the repository, where they are had;
// they are not part of it.
const corpora = "../../../shared/testdata"

// open opens a corpus' file, or skips the test where there is none.
func open(t testing.TB, name string) io.Reader {
	t.Helper()
	f, err := os.Open(filepath.Join(corpora, name))
	if err != nil {
		t.Skipf("the corpus %s is not here", name)
	}
	t.Cleanup(func() { f.Close() })
	if !strings.HasSuffix(name, ".gz") {
		return f
	}
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

// lines returns the lines of a corpus' file.
func lines(t testing.TB, name string) []string {
	t.Helper()
	var out []string
	s := bufio.NewScanner(open(t, name))
	s.Buffer(nil, 16<<20)
	for s.Scan() {
		out = append(out, s.Text())
	}
	if err := s.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}

// cases decodes the lines of a corpus' file.
func cases[T any](t testing.TB, name string) []T {
	t.Helper()
	var out []T
	for _, line := range lines(t, name) {
		var c T
		d := json.NewDecoder(strings.NewReader(line))
		d.UseNumber()
		if err := d.Decode(&c); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		out = append(out, c)
	}
	return out
}

// A beatsCase is a line and the document that Elastic's pipeline made of it.
type beatsCase struct {
	ID       string
	Input    string
	Expected map[string]any
}

// How Elastic's documents differ from ours on purpose, by name. The value is the
// reason.
var notOurs = map[string]string{
	"event.dataset":               "a name of Elastic's own data streams",
	"event.kind":                  "the same in all",
	"event.timezone":              "of the test's setup",
	"event.original":              "the message is kept as it came in any case",
	"event.start":                 "event.duration says it",
	"event.end":                   "event.duration says it",
	"log.file.path":               "of the test's setup",
	"log.flags":                   "of the test's setup",
	"_multiline":                  "of the test's setup",
	"tags":                        "of the test's setup",
	"nginx.access.remote_ip_list": "the message has it, and source.ip says which counts",
	"user_agent.*":                "taking agents apart needs a database, which an enricher has",
	"related.*":                   "the query language asks several fields at once",
	"tls.*":                       "a custom log format",
	"apache.access.*":             "a custom log format",
	"observer.ingress":            "swapped in this edition: the first interface is where the packet came in",
	"observer.egress":             "swapped in this edition",
	"observer.hostname":           "host.name says it",
	"@timestamp":                  "compared by TestSyslogTimes and the others where a year is written",
}

func ours(name string) bool {
	if strings.Contains(name, ".geo.") || strings.Contains(name, ".as.") || name == "user_agent.original" {
		return name == "user_agent.original"
	}
	for n := range notOurs {
		prefix, wild := strings.CutSuffix(n, "*")
		if name == n || wild && strings.HasPrefix(name, prefix) || strings.HasPrefix(n, "observer.") && strings.HasPrefix(name, n+".") {
			return false
		}
	}
	return true
}

// A score counts how much of what was expected came out.
type score struct {
	equal, all int
	missed     map[string][]string // what was missed, for the eyes of who improves it
}

func (s *score) add(name string, equal bool, note string) {
	s.all++
	if equal {
		s.equal++
		return
	}
	if s.missed == nil {
		s.missed = map[string][]string{}
	}
	s.missed[name] = append(s.missed[name], note)
}

// check holds the score against its floor: the share that was reached when it was
// last looked at.
func (s *score) check(t *testing.T, floor float64) {
	t.Helper()
	share := float64(s.equal) / float64(max(s.all, 1)) * 100
	t.Logf("%.2f %% of %d equal; floor %.2f", share, s.all, floor)
	if s.all == 0 || share < floor {
		t.Errorf("%.2f %% of %d equal, floor %.2f", share, s.all, floor)
	}
	if testing.Verbose() {
		for _, name := range slices.SortedFunc(maps.Keys(s.missed), func(a, b string) int { return len(s.missed[b]) - len(s.missed[a]) }) {
			notes := s.missed[name]
			t.Logf("%5d %s\n%s", len(notes), name, strings.Join(notes[:min(len(notes), 3)], "\n"))
		}
	}
}

func (s *score) fields(e *llama.Event, c beatsCase, only func(string) bool) {
	for name, want := range c.Expected {
		if !ours(name) || only != nil && !only(name) {
			continue
		}
		got, ok := fieldAs(e, name)
		text := fmt.Sprint(want)
		if text == "-" || name == "event.type" && strings.Contains(text, "authentication_") {
			continue // a dash stands for no value; these types have left the schema
		}
		switch want := want.(type) {
		case []any:
			b, _ := json.Marshal(want)
			text = string(b)
		}
		s.add(name, ok && sameText(got, text), fmt.Sprintf("got %.60q want %.60q in %.240s", got, text, c.Input))
	}
}

// fieldAs returns a field by Elastic's name for it.
func fieldAs(e *llama.Event, name string) (string, bool) {
	switch name {
	case "message":
		return e.Message, true
	case "host.hostname":
		name = "host.name"
	}
	return e.Lookup(name)
}

// sameText compares values; a list of one is as good as its value.
func sameText(got, want string) bool {
	return got == want || got == `["`+want+`"]`
}

func TestBeatsCorpora(t *testing.T) {
	t.Parallel()
	r := load(t)
	message := func(name string) bool { return name != "message" }
	tests := []struct {
		file, parser string
		floor        float64 // percent of fields
		only         func(string) bool
	}{
		{"elastic-beats/system.auth.jsonl", Auto, 99.8, nil},
		{"elastic-beats/system.syslog.jsonl", Auto, 94.9, nil},
		{"elastic-beats/apache.access.jsonl", "apache-access", 98.4, nil},
		{"elastic-beats/apache.error.jsonl", Auto, 100, message},
		{"elastic-beats/nginx.access.jsonl", "nginx-access", 99.2, nil},
		{"elastic-beats/nginx.error.jsonl", Auto, 100, message},
		{"elastic-beats-xpack/cisco.asa.jsonl", Auto, 97.8, message},
	}
	for _, tt := range tests {
		t.Run(tt.file, func(t *testing.T) {
			t.Parallel()
			p, err := r.Parser(tt.parser)
			if err != nil {
				t.Fatal(err)
			}
			var s score
			for _, c := range cases[beatsCase](t, tt.file) {
				e := llama.Event{Message: c.Input, Ingested: llama.At(time.Date(2020, 6, 1, 0, 0, 0, 0, time.UTC))}
				_ = p.Parse(&e)
				s.fields(&e, c, tt.only)
			}
			s.check(t, tt.floor)
		})
	}
}
