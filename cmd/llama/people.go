package main

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/llama-logs/llama"
	"golang.org/x/term"
)

// forPeople reports whether a format is the table, which is also what a terminal gets when
// none is named.
func forPeople(format string) bool {
	return format == "table" || format == "" && term.IsTerminal(int(os.Stdout.Fd()))
}

// shown are the columns of lists as tables, by their path in the API: what somebody looks
// for. Lists without an entry have all columns; ndjson and csv always do.
var shown = map[string][]string{
	"/queries":    {"id", "state", "user", "created", "rows", "tasks", "name", "query"},
	schedulesPath: {"name", "paused", "every", "cron", "zone", "next", "targets", "owner", "query"},
	savedPath:     {"id", "name", "owner", "changed", "targets", "query"},
	auditPath:     {"_time", "user.name", "event.action", "llama.object", "event.outcome", "error.code", "llama.targets", "llama.rows", "source.ip", "request.query"},
	taskRows:      {"target", "node", "state", "progress", "events_read", "bytes_read", "rows", "started", "ended", "error"},
}

// taskRows are the tasks within a query.
const taskRows = "tasks"

// plainRow is an item of a list as people read it: of its columns those that are shown,
// lists in words, times to the second.
func plainRow(path string, item []llama.Field) []llama.Field {
	if names := shown[path]; names != nil {
		var row []llama.Field
		for _, name := range names {
			at := slices.IndexFunc(item, func(f llama.Field) bool { return f.Name == name })
			if at < 0 && name == "llama.targets" { // of what befell one there is only that
				at = slices.IndexFunc(item, func(f llama.Field) bool { return f.Name == "llama.target" })
			}
			f := llama.Field{}
			if at >= 0 {
				f = item[at]
			}
			f.Name = name
			row = append(row, f)
		}
		item = row
	}
	for i := range item {
		f := &item[i]
		switch f.Kind {
		case llama.Array:
			f.Value, f.Kind = listInWords(f.Value), llama.String
		case llama.String:
			if at, err := time.Parse(time.RFC3339Nano, f.Value); err == nil {
				f.Value = at.Truncate(time.Second).Format(time.RFC3339)
			}
		}
	}
	return item
}

// namesOf are the members that stand for an object within a list, as far as it has them: a
// grant is "viewer plant-7", a node "x5f…2 online", a task "plant-7 done".
var namesOf = []string{"role", "target", "group", "id", "kind", "state"}

// listInWords returns what an array of JSON holds, with commas.
func listInWords(array string) string {
	var items []any
	if json.Unmarshal([]byte(array), &items) != nil {
		return array
	}
	var words []string
	for _, item := range items {
		object, ok := item.(map[string]any)
		if !ok {
			text, isText := item.(string)
			if !isText {
				return array
			}
			words = append(words, text)
			continue
		}
		var of []string
		for _, name := range namesOf {
			if text, ok := object[name].(string); ok {
				of = append(of, text)
			}
		}
		words = append(words, strings.Join(of, " "))
	}
	return strings.Join(words, ", ")
}
