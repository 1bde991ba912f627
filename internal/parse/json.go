package parse

import (
	"strings"

	"github.com/llama-logs/llama"
)

// StepJSON reads messages that are JSON objects.
var StepJSON = Step{
	Name: "json",
	Doc: "Makes fields of a JSON object; objects within it become dotted names, arrays stay JSON text. If the object has a " +
		"message (`_msg`, `message`, `msg` or `log`) or a time (`_time`, `@timestamp`, `timestamp`, `time` or `ts`), they become those of the event. " +
		"Text before the object, such as `@cee:`, may be named with `after`.",
	Options: jsonOptions{},
	make:    build(jsonOptions{}, newJSON),
	Examples: []StepExample{
		{
			Raw:  `{"time":"2026-03-07T09:15:02Z","msg":"started","http":{"port":8080},"tags":["a", "b"]}`,
			Want: `{"_time":"2026-03-07T09:15:02Z","_msg":"started","http.port":8080,"tags":["a","b"]}`,
		},
		{
			Options: `{from: payload, prefix: app., keep: true}`,
			Raw:     `{"payload":"{\"message\":\"x\"}"}`,
			Want:    `{"payload":"{\"message\":\"x\"}","app.message":"x"}`,
		},
		{Raw: `{"a":1`, Err: `offset 6: the text ends where "," or "}" should be`},
	},
}

type jsonOptions struct {
	From   string `yaml:"from" doc:"The field to read; the default is the message."`
	After  string `yaml:"after" doc:"Text that stands before the object and is skipped if it is there."`
	Prefix string `yaml:"prefix" doc:"Put before each name, e.g. app. with its dot."`
	Keep   bool   `yaml:"keep" doc:"Leave message and time of the event alone; all members become fields."`
}

type jsonStep struct {
	clock
	jsonOptions
}

func newJSON(o jsonOptions, v *env) (step, error) { return &jsonStep{v.clock, o}, nil }

func (s *jsonStep) run(w *work) error {
	text, ok := w.text(s.From)
	if !ok {
		return missing(s.From)
	}
	if s.After != "" {
		text = strings.TrimPrefix(strings.TrimLeft(text, " "), s.After)
	}
	own := strings.HasPrefix(s.Prefix, "~")
	fields, err := w.json.Append(w.e.Fields, text)
	if err != nil {
		return err
	}
	found := fields[len(w.e.Fields):]
	w.e.Fields = fields[:len(w.e.Fields)]
	if s.Prefix != "" {
		for i := range found {
			found[i].Name = s.Prefix + found[i].Name
		}
	}
	message, when := -1, -1
	if !s.Keep {
		message, when = s.lift(w.e, found)
	}
	for i := range found {
		f := &found[i]
		switch {
		case i == message, i == when, isSpecial(f.Name) && (settable(f.Name) != nil || f.Name == llama.NameMessage):
		case own:
			w.set(f.Name, f.Value, f.Kind)
		default:
			w.keep(f)
		}
	}
	return nil
}

// lift makes message and time of the members that are called so, and returns which
// they are, -1 for none.
func (s *jsonStep) lift(e *llama.Event, fields []llama.Field) (message, when int) {
	message, when = -1, -1
	for i := range fields {
		f := &fields[i]
		if !isSpecial(f.Name) {
			continue
		}
		if r := messageRank(f.Name); r > 0 && f.Kind == llama.String && (message < 0 || r < messageRank(fields[message].Name)) {
			message = i
		}
		if r := timeRank(f.Name); r > 0 && (when < 0 || r < timeRank(fields[when].Name)) {
			if t, ok := s.anyTime(f.Value, e.Ingested); ok {
				when, e.Time = i, t
			}
		}
	}
	if message >= 0 {
		e.Message = fields[message].Value
	}
	return message, when
}

// specialNames are the names that a member may have and a field may not, or not without
// more ado, by their lengths; specialFirst are their first bytes. Few others pass both.
var specialFirst = specialNames()

func specialNames() (first [maxSpecial + 1]byteSet) {
	names := []string{
		llama.NameID, llama.NameSeq, llama.NameSource, llama.NameCollection, llama.NameIngested,
		llama.NameMessage, "message", "msg", "log", "MESSAGE",
		llama.NameTime, "@timestamp", "timestamp", "time", "ts", "datetime",
	}
	for _, name := range names {
		first[len(name)].add(name[0])
	}
	return first
}

const maxSpecial = len(llama.NameIngested)

// isSpecial reports whether a member may be one that settable, messageRank or timeRank
// knows.
func isSpecial(name string) bool {
	return name == "" || len(name) <= maxSpecial && specialFirst[len(name)].has(name[0])
}

// messageRank returns how sure it is that the member called name is the event's
// message, 1 for the surest, 0 if it is not.
func messageRank(name string) int {
	switch name {
	case llama.NameMessage:
		return 1
	case "message":
		return 2
	case "msg":
		return 3
	case "log":
		return 4
	case "MESSAGE":
		return 5
	}
	return 0
}

// timeRank is the same for the event's time.
func timeRank(name string) int {
	switch name {
	case llama.NameTime:
		return 1
	case "@timestamp":
		return 2
	case "timestamp":
		return 3
	case "time":
		return 4
	case "ts":
		return 5
	case "datetime":
		return 6
	}
	return 0
}
