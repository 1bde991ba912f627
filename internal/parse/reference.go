package parse

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"github.com/llama-logs/llama/internal/config"
)

// WriteReference writes the reference of steps and shipped modules, in Markdown.
func WriteReference(out io.Writer) error {
	w := bufio.NewWriter(out)
	w.WriteString(referenceHead)
	if err := writeModuleKeys(w); err != nil {
		return err
	}
	w.WriteString("\n## Steps\n")
	for _, s := range Steps() {
		if err := writeStep(w, s); err != nil {
			return err
		}
	}
	r, err := Load(Options{})
	if err != nil {
		return err
	}
	w.WriteString("\n## Shipped parsers\n\n")
	fmt.Fprintf(w, "`%s` finds out by itself what a message is, `%s` leaves it as it is; `syslog`, `json`, `kv` and `access_log` are the steps of these names alone.\n", Auto, None)
	for _, m := range r.Modules() {
		writeModule(w, m)
	}
	w.WriteString(referenceFoot)
	return w.Flush()
}

const referenceHead = `# Parsers

This page is printed from the code; ` + "`go test ./internal/parse -update`" + ` writes it anew.

A parser gives an event its fields. Which parser an event gets is said by the route it takes; without a word it is
` + "`auto`" + `: it takes off a syslog header if there is one, reads JSON if the message is JSON, and asks every module whether the
event is its own. What no parser understands stays whole; where it begins with a time and its zone, as in
` + "`2026-03-07T09:15:02Z INFO started`" + `, that is the event's time, unless it is before 1970 or more
than a week after arrival. If a parser fails, the event is kept as it was, with the reason in ` + "`error.message`" + `.

## A module

A parser module is a YAML file. Put it into the folder that ` + "`parsers.dir`" + ` names; a module with the name of a shipped one
replaces it. A file that is wrong is refused with line and column, the others load. ` + "`llama parser test`" + ` runs the examples.

` + "```yaml" + `
name: gatekeeper
description: The door controllers of our buildings.
match:
  process: [gatekeeper]
steps:
  - syslog: {optional: true}
  - schema: '$event.action by $user.name... at $door \[${event.code:number}\]'
map:
  set: {event.category: [authentication]}
  when:
    - {field: event.action, is: [opened], set: {event.outcome: success}, else: {event.outcome: failure}}
examples:
  - raw: 'Mar  7 09:15:02 gate gatekeeper[812]: opened by Jo Doe at north [17]'
    want: |
      {"host.name":"gate","process.name":"gatekeeper","process.pid":812,"event.action":"opened","user.name":"Jo Doe","door":"north",
       "event.code":17,"event.category":["authentication"],"event.outcome":"success"}
` + "```" + `

The first step takes off a syslog header where ` + "`auto`" + ` has not done so already. Names that begin with ` + "`~`" + ` are the module's own and are dropped at its end.

`

const referenceFoot = `
## Grok patterns

The patterns are those of [logstash-patterns-core](https://github.com/logstash-plugins/logstash-patterns-core) in their ECS form
(Apache License 2.0). Those that looked around are written without, for RE2 cannot; ` + "`MONGO_QUERY`" + `, ` + "`SYSLOGPAMSESSION`" + ` and the number
and address patterns differ in rare cases.
`

func writeModuleKeys(w *bufio.Writer) error {
	for _, part := range []struct {
		title string
		of    any
	}{
		{"The keys of a module", &moduleFile{}},
		{"The keys of `match`: all that are given must hold, of a list one suffices", &matchOptions{}},
		{"The keys of an example", &Example{}},
	} {
		fmt.Fprintf(w, "%s:\n\n", part.title)
		if err := config.WriteReference(w, part.of); err != nil {
			return err
		}
		w.WriteString("\n")
	}
	return nil
}

func writeStep(w *bufio.Writer, s Step) error {
	fmt.Fprintf(w, "\n### %s\n\n%s\n\n", s.Name, s.Doc)
	var keys strings.Builder
	if err := config.WriteReference(&keys, s.Options); err != nil {
		return err
	}
	if keys.Len() > 0 {
		w.WriteString(keys.String() + "\n")
	}
	for _, x := range s.Examples {
		step := s.Name
		if x.Options != "" {
			step += ": " + x.Options
		}
		result := x.Want
		if x.Err != "" {
			result = "error: " + x.Err
		}
		fmt.Fprintf(w, "```\n- %s\n\n%s\n→ %s\n```\n\n", step, x.Raw, result)
	}
	return nil
}

func writeModule(w *bufio.Writer, m *Module) {
	fmt.Fprintf(w, "\n### %s\n\n%s\n\n", m.Name, m.Description)
	for i := range m.match {
		fmt.Fprintf(w, "- meant for: %s\n", m.match[i].String())
	}
	for _, x := range m.Examples[:min(1, len(m.Examples))] {
		fmt.Fprintf(w, "\n```\n%s\n→ %s\n```\n", x.Raw, strings.TrimSpace(x.Want))
	}
}
