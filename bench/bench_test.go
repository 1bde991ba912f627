package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

const few = 4000 // events

// program is the program under measurement, built once.
var program string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "bench-test-")
	if err == nil {
		o := options{temporary: dir}
		err = o.build(context.Background())
		program = o.llama
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	os.RemoveAll(dir) // best effort
	os.Exit(code)
}

// corpusOf makes a small corpus and returns its path.
func corpusOf(t *testing.T, events int, seed uint64) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "small.log")
	if err := generate(path, events, seed); err != nil {
		t.Fatal(err)
	}
	return path
}

// bench runs a command and returns its report.
func bench(t *testing.T, args ...string) *report {
	t.Helper()
	var out bytes.Buffer
	if err := run(t.Context(), append(args, "-json"), &out, io.Discard); err != nil {
		t.Fatalf("bench %s: %v", args, err)
	}
	r := &report{}
	if err := json.Unmarshal(out.Bytes(), r); err != nil {
		t.Fatalf("bench %s prints %q: %v", args, out.String(), err)
	}
	return r
}

// value returns a figure of LLAMA; it has to be there and be a positive number.
func (r *report) value(t *testing.T, what string) float64 {
	t.Helper()
	for _, x := range r.Rows {
		if x.What == what {
			if v := x.Values["llama"]; v > 0 && !math.IsInf(v, 0) {
				return v
			}
			t.Errorf("%s: got %v, want a positive number", what, x.Values)
			return 0
		}
	}
	t.Errorf("%s is missing in %+v", what, r.Rows)
	return 0
}

func TestIngestMeasures(t *testing.T) {
	t.Parallel()
	r := bench(t, "ingest", "-llama", program, "-n", "0", "-corpus", corpusOf(t, few, 1))
	for _, what := range []string{"until durable", "CPU of all", "disk, stopped", "disk, merged", "peak memory", "memory at rest"} {
		r.value(t, what)
	}
	if size := r.value(t, "disk, merged"); size > 200 {
		t.Errorf("an event takes %.1f bytes, and its line 180", size)
	}
}

func TestLatencyAcknowledgesAll(t *testing.T) {
	t.Parallel()
	r := bench(t, "latency", "-llama", program, "-n", "0", "-rate", "20000", "-corpus", corpusOf(t, few, 2))
	for _, form := range []string{"JSON lines", "plain lines"} {
		if median, longest := r.value(t, form+", median"), r.value(t, form+", longest"); median > longest {
			t.Errorf("%s: the median %v is longer than the longest %v", form, median, longest)
		}
	}
}

func TestTrickleStoresAll(t *testing.T) {
	t.Parallel()
	r := bench(t, "trickle", "-llama", program, "-n", "0", "-corpus", corpusOf(t, 100, 4))
	for _, rate := range trickleRates {
		r.value(t, fmt.Sprintf("CPU at %d events/s", rate))
	}
}

func TestPutAcknowledgesAll(t *testing.T) {
	t.Parallel()
	r := bench(t, "put", "-n", "0", "-rate", "50000", "-corpus", corpusOf(t, 10*latencyBatch, 4))
	if median, longest := r.value(t, "Put, median"), r.value(t, "Put, longest"); median > longest {
		t.Errorf("the median %v is longer than the longest %v", median, longest)
	}
}

func TestRestSendsAgain(t *testing.T) {
	t.Parallel()
	r := bench(t, "rest", "-llama", program, "-n", "0", "-repeat", "3", "-corpus", corpusOf(t, few, 5))
	if want := []string{fmt.Sprintf("%g million", few/1e6), fmt.Sprintf("%g million", 3*few/1e6)}; !slices.Equal(r.Systems, want) {
		t.Fatalf("got the columns %q, want %q", r.Systems, want)
	}
	for _, x := range r.Rows {
		if x.Values[r.Systems[0]] <= 0 || x.Values[r.Systems[1]] <= 0 {
			t.Errorf("%s: %v", x.What, x.Values)
		}
	}
}

func TestWideMeasures(t *testing.T) {
	t.Parallel()
	r := bench(t, "wide", "-llama", program, "-n", fmt.Sprint(few))
	r.value(t, "CPU of all")
	r.value(t, "disk, merged")
	if len(r.Systems) != 2 || r.Systems[1] != "zstd -3" {
		t.Errorf("got the systems %q", r.Systems)
	}
}

func TestRestartLosesNothing(t *testing.T) {
	t.Parallel()
	r := bench(t, "restart", "-llama", program, "-n", "0", "-corpus", corpusOf(t, 40*latencyBatch, 3))
	if acknowledged, found := r.value(t, "acknowledged"), r.value(t, "found"); found < acknowledged {
		t.Errorf("%v events were acknowledged and %v found", acknowledged, found)
	}
	r.value(t, "until searchable")
}

func TestQueriesAnswer(t *testing.T) {
	t.Parallel()
	stores := t.TempDir()
	path := corpusOf(t, few, 4)
	r := bench(t, "query", "-llama", program, "-n", "0", "-corpus", path, "-stores", stores)
	want := map[string]string{
		"trace": "1", "user, count": "1/2", "user, rows": "2", "part of a word": "1/1", "regex in a word": "1/1",
		"by hour": "168/4000", "last 100": "100",
	}
	for _, x := range r.Rows {
		if w, ok := want[x.What]; ok && x.Answer != w {
			t.Errorf("%s: got %s, want %s", x.What, x.Answer, w)
		}
		delete(want, x.What)
	}
	for what := range want {
		t.Errorf("%s was not asked", what)
	}
	// A store that is kept is not loaded again, and not taken for another's.
	bench(t, "query", "-llama", program, "-n", "0", "-corpus", path, "-stores", stores)
	err := run(t.Context(), []string{"query", "-n", "2000", "-corpus", path, "-stores", stores, "-llama", program}, io.Discard, io.Discard)
	if err == nil || !strings.Contains(err.Error(), "holds small.log, 4000 events") {
		t.Errorf("another corpus over the same store: got %v", err)
	}
}

func TestGenerateRepeats(t *testing.T) {
	t.Parallel()
	read := func(path string) string {
		syslog, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		js, err := os.ReadFile(beside(path))
		if err != nil {
			t.Fatal(err)
		}
		return string(syslog) + string(js)
	}
	one := read(corpusOf(t, few, 7))
	if two := read(corpusOf(t, few, 7)); one != two {
		t.Error("the same seed gives different bytes")
	}
	if other := read(corpusOf(t, few, 8)); one == other {
		t.Error("different seeds give the same bytes")
	}
	for planted, want := range map[string]int{plantedTrace: 3, plantedPhrase: 200, "for " + plantedUser + " from": 4, plantedWord: 2} {
		if got := strings.Count(one, planted); got != want {
			t.Errorf("%q is there %d times, want %d", planted, got, want)
		}
	}
}

func TestGeneratedJSONIsJSON(t *testing.T) {
	t.Parallel()
	path := corpusOf(t, few, 9)
	text, err := os.ReadFile(beside(path))
	if err != nil {
		t.Fatal(err)
	}
	lines := 0
	for line := range strings.Lines(string(text)) {
		var e map[string]any
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		if e["_msg"] == "" || e["host"] == "" {
			t.Fatalf("%q has no message or host", line)
		}
		lines++
	}
	if lines != few {
		t.Errorf("got %d lines, want %d", lines, few)
	}
}

func TestRunRefuses(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	uneven := write("uneven.log", "a\nb\n")
	write("uneven.json", "{}\n")
	tests := []struct {
		name, want string
		args       []string
	}{
		{"no command", "help requested", nil},
		{"unknown command", "help requested", []string{"swim"}},
		{"a flag that is not heeded", "help requested", []string{"ingest", "-cold"}},
		{"no corpus is sent", "help requested", []string{"sites", "-n", "10"}},
		{"no events", "-n 0", []string{"ingest", "-n", "0"}},
		{"no rate", "-rate 0", []string{"latency", "-rate", "0"}},
		{"not even once", "-repeat 0", []string{"rest", "-repeat", "0"}},
		{"no nodes", "-sites 0", []string{"sites", "-llama", "/bin/false", "-sites", "0"}},
		{"more words", `"fast" is no flag`, []string{"ingest", "fast"}},
		{"no file", "no such file", []string{"ingest", "-llama", program, "-corpus", filepath.Join(dir, "none")}},
		{"empty file", "has no lines", []string{"ingest", "-llama", program, "-corpus", write("empty.log", "")}},
		{"forms that differ", "2 lines and", []string{"ingest", "-llama", program, "-corpus", uneven}},
		{"no program", "start", []string{"ingest", "-llama", filepath.Join(dir, "none"), "-corpus", write("one.log", "a\n")}},
		{"a program that ends", "has ended", []string{"ingest", "-llama", "/bin/false", "-corpus", write("two.log", "a\n")}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := run(t.Context(), tt.args, io.Discard, io.Discard)
			if got := fmt.Sprint(err); !strings.Contains(got, tt.want) {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

func TestReadQuestions(t *testing.T) {
	t.Parallel()
	asked, err := readQuestions(questionFile)
	if err != nil || len(asked) != 15 {
		t.Errorf("got %d questions, %v; want 15", len(asked), err)
	}
	for _, tt := range []struct{ text, want string }{
		{"name\tlimit\tllama\tpeer\nx\t0\t*", "queries.tsv:2: 3 cells"},
		{"name\tlimit\tllama\tpeer\nx\tfew\t*\t*", "queries.tsv:2: limit"},
		{"name\tlimit\tllama\tpeer\t12\nx\t0\t*\t*\tmany", `queries.tsv:2: answer "many"`},
	} {
		if _, err := readQuestions(tt.text); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%q: got %v, want %s", tt.text, err, tt.want)
		}
	}
}

func TestQuestionsSuitThePeersStreams(t *testing.T) {
	t.Parallel()
	q := question{llama: "ours", peer: `{host="a"} x`}
	for _, tt := range []struct {
		s    server
		want string
	}{
		{&llamaServer{}, "ours"},
		{&peerServer{streams: []string{"host", "app"}}, `{host="a"} x`},
		{&peerServer{streams: []string{"app"}}, `host:="a" x`},
	} {
		if got := q.of(tt.s).query; got != tt.want {
			t.Errorf("got %s, want %s", got, tt.want)
		}
	}
}

func TestReportPrintsRatios(t *testing.T) {
	t.Parallel()
	r := &report{Systems: []string{"llama"}, Date: time.Unix(0, 0).UTC()}
	r.set("llama", "rate", "events/s", 300).More = true
	r.set("peer", "rate", "events/s", 100).More = true
	r.set("llama", "CPU", "s", 2)
	r.set("peer", "CPU", "s", 10)
	r.set("llama", "alone", "s", 1)
	var out bytes.Buffer
	if err := r.print(&out, false); err != nil {
		t.Fatal(err)
	}
	got := strings.Join(strings.Fields(out.String()), " ")
	for _, want := range []string{"unit llama peer x peer rate", "rate events/s 300 100 3.00 CPU", "CPU s 2.00 10.0 5.00 alone", "alone s 1.00"} {
		if !strings.Contains(got, want) {
			t.Errorf("got %s\nwant %s", got, want)
		}
	}
}

func TestMedians(t *testing.T) {
	t.Parallel()
	var all []*report
	for _, v := range []float64{3, 1, 2} {
		r := &report{Systems: []string{"llama"}}
		r.set("llama", "x", "s", v)
		all = append(all, r)
	}
	if m := medians(all); m.Rows[0].Values["llama"] != 2 || len(m.Notes) != 1 {
		t.Errorf("got %+v", m)
	}
	late := []time.Duration{1, 2, 3, 4}
	for share, want := range map[float64]time.Duration{0.5: 2, 0.99: 4, 1: 4} {
		if got := quantile(late, share); got != want {
			t.Errorf("quantile %v: got %v, want %v", share, got, want)
		}
	}
}
