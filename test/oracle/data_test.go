package oracle

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/llama-logs/llama"
)

// A class is what the values of a field are like. It decides what is asked of it:
// of values of different kinds VictoriaLogs has no one order, so only fields of one
// kind are sorted by.
type class uint8

const (
	anything  class = iota // texts, numbers, addresses, times side by side
	texts                  // of letters, in one case
	integers               // that a float64 holds
	decimals               // sums of which depend on their order there
	durations              //
	sizes                  //
	addresses              //
	times                  //
	objects                // JSON
	arrays                 // JSON, of texts
	pairs                  // logfmt
	lines                  // of syslog
	opaque                 // shown, and not asked about
)

// sortable reports whether both have the same order of a class's values.
func (c class) sortable() bool { return c == texts || c == integers || c == times }

func (c class) numeric() bool { return c == integers || c == decimals }

// A column is a field of the random events.
type column struct {
	name   string
	class  class
	values []string
	often  int // of ten events, how many have it
}

var words = []string{"error", "Error", "ERROR", "disk", "full", "root", "тест", "Größe", "a1", "10", "user_name", "x", "日本", "İstanbul", "ok"}

// columns are the fields. A value is drawn anew for those without values.
var columns = []column{
	{"lvl", texts, []string{"debug", "error", "info", "warn"}, 9},
	{"user.name", texts, []string{"ann", "bob", "root", "tom", "zoe"}, 7},
	{"http.request.method", texts, []string{"get", "post"}, 3},
	{"int", integers, nil, 8},
	{"code", integers, []string{"200", "404", "500", "503"}, 8},
	{"neg", integers, []string{"-12", "-1", "0", "1", "7", "300"}, 8},
	{"float", decimals, []string{"0.1", "1.5", "-2.25", "100", "0.333", "12345.678"}, 8},
	{"dur", durations, []string{"5m", "1.5s", "300ms", "1h2m", "10s", "1d"}, 8},
	{"size", sizes, []string{"2KiB", "10MB", "1.5GiB", "17B", "100", "3K"}, 8},
	{"ip", addresses, []string{"10.0.0.1", "10.0.0.10", "192.0.2.7", "192.0.2.77", "255.255.255.255", "10.200.0.3"}, 8},
	{"ts", times, []string{"2026-11-20T00:00:01Z", "2026-11-20T10:30:00.5Z", "2025-01-01T00:00:00Z", "2026-11-21T23:59:59.999999999Z"}, 7},
	{"uni", anything, []string{"тест", "Тест", "naïve", "日本 語", "ǅ", "İ", "ſtark", "Ærø", "größe", "GRÖSSE", "e\u0301"}, 7},
	{"mix", anything, []string{"a", "A", "10", "1e3", "0x1f", "007", "1.0", "10.0.0.1", "5m", "2KiB", "2026-11-20T00:00:01Z", "x y", "x-y", "[1]", "true", "null", "inf", "NaN", "9007199254740993", "18446744073709551615", "-9223372036854775808", `say "hi"`, "it's", "back\\slash", "50%", " padded ", "tab\there", "two\nlines"}, 8},
	{"obj", objects, []string{`{"a":1,"b":{"c":"x","d":[1,2]}}`, `{"a":"disk full","e":null,"f":true}`, `{}`, `[1]`, `not json`, `{"a":1.50,"lvl":"from json"}`, `{"b":{"c":{"d":{"e":"deep"}}}}`}, 6},
	{"arr", arrays, []string{`["a","b"]`, `["x"]`, `[]`, `["a","a","тест"]`, `none`, `[1,2.5,{"a":"b"},true]`}, 6},
	{"lf", pairs, []string{`a=b c="d e" f=`, `level=info took=5ms`, `plain words`, `a="unclosed b=c`, `x=y=z`, ``}, 6},
	{"sys", lines, []string{
		`<34>1 2026-11-20T10:00:00Z host app 123 ID47 [a@1 b="c"] it failed`, `<13>1 2026-11-20T10:00:00.5+02:00 h - - - - hi`,
		`1 2026-11-20T10:00:00Z host app 123 ID47 - no priority`, `not a line of syslog`,
	}, 5},
	{"long", anything, nil, 4},
	{"odd name", texts, []string{"here", "there"}, 5},
	{"ключ-1", texts, []string{"да", "нет"}, 5},
}

var messages = []string{
	"Failed password for ⟨user.name⟩ from ⟨ip⟩ port ⟨int⟩ ssh2",
	"Accepted publickey for ⟨user.name⟩ from ⟨ip⟩ port ⟨int⟩ ssh2",
	"took ⟨int⟩ms, ⟨word⟩ ⟨word⟩: code=⟨code⟩ in ⟨dur⟩",
	"⟨word⟩ ⟨word⟩-⟨word⟩_⟨word⟩ (⟨int⟩)",
	"⟨word⟩⟨int⟩ é⟨user.name⟩é ⟨ip⟩:⟨int⟩",
	`{"level":"⟨lvl⟩","took":⟨int⟩,"user":{"name":"⟨user.name⟩"}}`,
	"level=⟨lvl⟩ msg=\"⟨word⟩ ⟨word⟩\" n=⟨int⟩",
	"\x1b[1;31m⟨word⟩\x1b[0m at 2026-11-20 10:00:⟨code⟩ id 2edfed59-3e98-4073-bbb2-28d321ca71a7",
	"first line\nsecond ⟨word⟩ line",
	"⟨word⟩",
	"",
}

// A dataset is random events, the same for both.
type dataset struct {
	name   string
	events []llama.Event
	wide   int // of the fields w0, w1, … there are so many
}

var day = time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)

func newDataset(name string, rng *rand.Rand, n, wide int) dataset {
	d := dataset{name: name, wide: wide}
	for i := range n {
		e := llama.Event{
			Time:       llama.At(day.Add(time.Duration(rng.IntN(3*24*3600))*time.Second + time.Duration(rng.IntN(3))*1234567*time.Nanosecond)),
			Ingested:   llama.At(day.Add(time.Duration(i*3/n)*24*time.Hour + time.Duration(i)*time.Second)),
			Collection: []string{"sshd", "web"}[rng.IntN(2)],
			Source:     "test",
		}
		add := func(name, value string) {
			if value != "" {
				e.Fields = append(e.Fields, llama.Field{Name: name, Value: value, Kind: kindOf(value)})
			}
		}
		add("n", fmt.Sprint(i))
		add("app", []string{"web", "db", "cache"}[rng.IntN(3)])
		add("env", []string{"prod", "dev"}[rng.IntN(2)])
		for _, c := range columns {
			if rng.IntN(10) < c.often {
				add(c.name, c.draw(rng))
			}
		}
		for range min(wide, 6) {
			e.Set(fmt.Sprintf("w%d", rng.IntN(wide)), words[rng.IntN(len(words))], llama.String)
		}
		e.Message = d.message(rng, &e)
		d.events = append(d.events, e)
	}
	return d
}

func (c *column) draw(rng *rand.Rand) string {
	switch {
	case c.values != nil:
		return c.values[rng.IntN(len(c.values))]
	case c.class == integers:
		return fmt.Sprint(rng.IntN([]int{10, 1000, 1 << 40}[rng.IntN(3)]))
	}
	var b strings.Builder
	for range 1 + rng.IntN(200) {
		b.WriteString(words[rng.IntN(len(words))] + " ")
	}
	return b.String()
}

// message fills a template from the event's fields, so that some of its values are
// those of fields and others only like them.
func (d *dataset) message(rng *rand.Rand, e *llama.Event) string {
	text := messages[rng.IntN(len(messages))]
	for {
		before, rest, ok := strings.Cut(text, "⟨")
		if !ok {
			return text
		}
		name, after, _ := strings.Cut(rest, "⟩")
		value, ok := e.Lookup(name)
		if name == "word" {
			value = words[rng.IntN(len(words))]
		} else if !ok || rng.IntN(5) == 0 {
			value = valueOf(rng, name)
		}
		text = before + value + after
	}
}

func valueOf(rng *rand.Rand, name string) string {
	for i := range columns {
		if columns[i].name == name {
			return columns[i].draw(rng)
		}
	}
	return ""
}

// kindOf is the kind that a JSON parser would have given the text.
func kindOf(value string) llama.Kind {
	digits := strings.TrimPrefix(value, "-")
	switch {
	case value == "true" || value == "false":
		return llama.Bool
	case digits != "" && strings.Trim(digits, "0123456789") == "" && (digits == "0" || digits[0] != '0'):
		return llama.Number
	}
	return llama.String
}
