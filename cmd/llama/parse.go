package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/parse"
	"github.com/spf13/cobra"
)

type parserOptions struct {
	name, schema, dir, zone string
}

func (o *parserOptions) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&o.dir, "parsers", "", "`DIR` with parser modules of your own")
	cmd.Flags().StringVar(&o.zone, "zone", "", "time `ZONE` of times that name none (default: this machine's)")
}

func (o *parserOptions) parse() (parse.Options, error) {
	options := parse.Options{Dir: o.dir}
	if o.zone != "" {
		zone, err := time.LoadLocation(o.zone)
		if err != nil {
			return options, usagef("--zone: %q is no time zone; e.g. Europe/Berlin or UTC", o.zone)
		}
		options.Zone = zone
	}
	return options, nil
}

// openParser returns the parser that the options name.
func openParser(o parserOptions) (parse.Parser, error) {
	options, err := o.parse()
	if err != nil {
		return nil, err
	}
	if o.schema != "" {
		return parse.NewSchema(o.schema, options)
	}
	registry, err := parse.Load(options)
	if err != nil {
		return nil, err
	}
	return registry.Parser(orDefault(o.name, parse.Auto))
}

func newParse() *cobra.Command {
	var o parserOptions
	var fields []string
	cmd := &cobra.Command{
		Use:   "parse [flags] [FILE...]",
		Short: "Show what a parser makes of lines, without any server",
		Long: `Reads lines from files or standard input and prints one JSON event a line. A line
that the parser does not understand stays whole and gets error.message.

In a schema, $name takes a word, _ skips one, and everything else stands for itself;
a backslash takes the meaning from the next character.`,
		Example: `  llama parse --parser sshd < /var/log/auth.log
  llama parse --schema '$date $hour _ \[$process\] _ $ip' --field site=madrid < my.log
  llama parse access.log`,
		RunE: func(cmd *cobra.Command, files []string) error {
			if o.name != "" && o.schema != "" {
				return usagef("--parser and --schema exclude each other")
			}
			fixed, err := fixedFields(fields)
			if err != nil {
				return err
			}
			parser, err := openParser(o)
			if err != nil {
				return err
			}
			if len(files) == 0 {
				files = []string{"-"}
			}
			return parseFiles(cmd.Context(), files, parser, fixed)
		},
	}
	cmd.Flags().StringVar(&o.name, "parser", "", "`NAME` of the parser to use (default: one is found for each line)")
	cmd.Flags().StringVar(&o.schema, "schema", "", "`PATTERN` to use instead")
	cmd.Flags().StringArrayVar(&fields, "field", nil, "field to add to each event, as `NAME=VALUE`; may be repeated")
	o.flags(cmd)
	return cmd
}

func fixedFields(pairs []string) ([]llama.Field, error) {
	var fixed []llama.Field
	for _, pair := range pairs {
		name, value, ok := strings.Cut(pair, "=")
		if !ok || name == "" {
			return nil, usagef("--field %q: name=value is wanted", pair)
		}
		fixed = append(fixed, llama.Field{Name: name, Value: value})
	}
	return fixed, nil
}

func parseFiles(ctx context.Context, files []string, parser parse.Parser, fixed []llama.Field) error {
	out := bufio.NewWriterSize(os.Stdout, 64<<10)
	for _, file := range files {
		err := eachLines(ctx, file, parser, func(events []llama.Event) error {
			var line []byte
			for i := range events {
				for _, f := range fixed {
					events[i].Set(f.Name, f.Value, f.Kind)
				}
				line = append(appendEvent(line[:0], &events[i]), '\n')
				if _, err := out.Write(line); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return errors.Join(out.Flush(), err)
		}
	}
	return out.Flush()
}

// appendEvent appends an event as flat JSON. A time that is only its arrival is
// left out.
func appendEvent(dst []byte, e *llama.Event) []byte {
	row := make([]llama.Field, 0, len(e.Fields)+2)
	if e.Time != e.Ingested {
		row = append(row, llama.Field{Name: llama.NameTime, Value: e.Time.String()})
	}
	row = append(row, llama.Field{Name: llama.NameMessage, Value: e.Message})
	return llama.AppendFlat(dst, append(row, e.Fields...))
}

const (
	// linesAtOnce is how many lines of a file are events in memory at once.
	linesAtOnce = 1 << 16
	maxLine     = 16 << 20
)

// eachLines reads a file, "-" for standard input, and hands on its lines as
// parsed events, many at once. Files may be compressed.
func eachLines(ctx context.Context, file string, parser parse.Parser, fn func([]llama.Event) error) error {
	var in io.Reader
	if file == "-" {
		in = interruptible(ctx, os.Stdin)
	} else {
		f, err := os.Open(file)
		if err != nil {
			return err
		}
		in = f
		defer f.Close() // it was only read
	}
	lines, err := decompress(in)
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	var events []llama.Event
	seq := uint64(0)
	flush := func() error {
		err := fn(events)
		events = nil // who took them may keep them
		return errors.Join(err, ctx.Err())
	}
	err = eachLine(lines, maxLine, func(line string) error {
		seq++
		if line == "" {
			return nil
		}
		events = append(events, parsed(line, seq, file, parser))
		if len(events) < linesAtOnce {
			return nil
		}
		return flush()
	})
	switch {
	case errors.Is(err, bufio.ErrTooLong):
		return fmt.Errorf("%s:%d: the line is longer than %d MiB", file, seq+1, maxLine>>20)
	case err != nil:
		return fmt.Errorf("%s: %w", file, err)
	case len(events) == 0:
		return nil
	}
	return flush()
}

func parsed(line string, seq uint64, file string, parser parse.Parser) llama.Event {
	now := llama.At(time.Now())
	e := llama.Event{
		Time: now, Ingested: now, Seq: seq, Collection: "file", Source: "file " + file,
		Message: strings.TrimSuffix(line, "\r"),
	}
	if err := parser.Parse(&e); err != nil {
		e.Set("error.message", err.Error(), llama.String)
	}
	return e
}
