package main

import (
	"os"
	"strings"

	"github.com/llama-logs/llama"
	"golang.org/x/term"
)

// newTailWriter returns what prints one event at once: a JSON object in a pipe,
// a line to read on a terminal.
func newTailWriter(format string, out *os.File) (func([]llama.Field) error, error) {
	if format == "" {
		format = "ndjson"
		if term.IsTerminal(int(out.Fd())) {
			format = "table"
		}
	}
	var line []byte
	switch format {
	case "ndjson":
		return func(row []llama.Field) error {
			line = append(llama.AppendFlat(line[:0], row), '\n')
			_, err := out.Write(line)
			return err
		}, nil
	case "table":
		return func(row []llama.Field) error {
			_, err := out.WriteString(readable(row) + "\n")
			return err
		}, nil
	}
	return nil, usagef("unknown format %q; ndjson or table", format)
}

// readable is one event as a line: time, host, program and message, or all its
// fields when it has no message.
func readable(row []llama.Field) string {
	e := llama.Event{Fields: row}
	var parts []string
	for _, name := range []string{llama.NameTime, "host.name", "process.name"} {
		if value, ok := e.Lookup(name); ok && value != "" {
			parts = append(parts, printable(value))
		}
	}
	text, _ := e.Lookup(llama.NameMessage)
	if text == "" {
		text = string(llama.AppendFlat(nil, row))
	}
	return strings.Join(append(parts, printable(text)), "  ")
}
