package oracle

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/llama-logs/llama"
)

// A row is a row of an answer, without fields that have no text.
type row map[string]string

func rowOf(fields []llama.Field) row {
	r := row{}
	for _, f := range fields {
		r[f.Name] = f.Value
	}
	return r
}

// String shows the row as the two are compared by: without fields that only one of
// them has, and with lists whose order is not defined in one.
func (r row) String() string {
	var parts []string
	for name, value := range r {
		if value = comparable(name, string([]rune(value))); value != "" && !slices.Contains(hidden[:], name) {
			parts = append(parts, name+"="+escapes.Replace(value))
		}
	}
	slices.Sort(parts)
	return strings.Join(parts, "\n  ")
}

// hidden are the fields that every event has here, or there.
var hidden = [...]string{"_id", "_collection", "_source", "event.ingested", "_stream", "_stream_id"}

func shown(rows []row, ordered bool) []string {
	out := make([]string, 0, len(rows))
	for _, r := range rows {
		out = append(out, r.String())
	}
	// Rows without any field are shown there or not, as it happens.
	out = slices.DeleteFunc(out, func(s string) bool { return s == "" })
	if !ordered {
		slices.Sort(out)
	}
	return out
}

// sortedArray is an array whose items come in any order. Objects in it are texts there.
func sortedArray(value string) string {
	var items []json.RawMessage
	if json.Unmarshal([]byte(value), &items) != nil {
		return value
	}
	var texts []string
	for _, item := range items {
		text := string(item)
		json.Unmarshal(item, &text) // which leaves what is no text
		if text == "]" {
			text = "[]" // the histogram of nothing, there
		}
		text = strings.ReplaceAll(text, `"]"`, `"[]"`) // which may be in an object
		texts = append(texts, escapes.Replace(text))
	}
	slices.Sort(texts)
	return strings.Join(texts, ",")
}

// escapes are what is escaped in JSON there and not here; bytes that are no UTF-8 are so here, and
// as they are there.
var escapes = strings.NewReplacer(`\u0027`, "'", `\u003c`, "<", `\u003e`, ">", `\ufffd`, "\ufffd")

var emptyPair = regexp.MustCompile(`(\S+=( |$))+`)

// comparable is a value as it is compared.
func comparable(name, value string) string {
	switch {
	case value == "]":
		return "" // the histogram of nothing, there
	case value == "-0":
		return "0" // which has no sign here, and sometimes one there
	case name == "packed" && strings.HasPrefix(value, "{"): // in any order of its fields
		var fields map[string]string
		if json.Unmarshal([]byte(value), &fields) == nil {
			return fmt.Sprintf("%q", fields)
		}
	case name == "packed":
		value = emptyPair.ReplaceAllString(value, " ") // left out here
		letters := strings.Split(escapes.Replace(value), "")
		slices.Sort(letters)
		return strings.TrimSpace(strings.Join(letters, ""))
	case strings.HasPrefix(value, "["):
		return sortedArray(value)
	case strings.ContainsAny(value, "0123456789") && (strings.Contains(value, ".") || len(value) > 15):
		// Sums are rounded once here, and at each step there. What is half between two of nine
		// digits but for that goes the same way if it is rounded to more before.
		if f, err := strconv.ParseFloat(value, 64); err == nil {
			if f, err = strconv.ParseFloat(fmt.Sprintf("%.13g", f), 64); err == nil {
				return fmt.Sprintf("%.9g", f)
			}
		}
	}
	return value
}
