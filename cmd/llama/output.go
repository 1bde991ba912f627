package main

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/llama-logs/llama"
	"golang.org/x/term"
)

// rowWriter prints rows as they come. Close prints what it held back.
type rowWriter interface {
	Write(row []llama.Field) error
	Close() error
}

var formats = []string{"ndjson", "csv", "table"}

// newRowWriter returns the writer for a format; empty means a table for people
// and NDJSON for programs.
func newRowWriter(format string, out *os.File) (rowWriter, error) {
	if format == "" {
		format = "ndjson"
		if term.IsTerminal(int(out.Fd())) {
			format = "table"
		}
	}
	switch format {
	case "ndjson":
		return &ndjsonWriter{out: bufio.NewWriterSize(out, 64<<10), flush: term.IsTerminal(int(out.Fd()))}, nil
	case "csv":
		return &csvWriter{out: csv.NewWriter(out)}, nil
	case "table":
		width := 0
		if w, _, err := term.GetSize(int(out.Fd())); err == nil {
			width = w
		}
		return &tableWriter{out: bufio.NewWriter(out), notes: os.Stderr, width: width}, nil
	}
	return nil, usagef("unknown format %q; one of %s", format, strings.Join(formats, ", "))
}

// rowForm is the value of a flag that names one of formats, and refuses others before
// anything is asked.
type rowForm string

func (f *rowForm) Set(text string) error {
	if text != "" && !slices.Contains(formats, text) {
		return errors.New("no form of rows; one of " + strings.Join(formats, ", ") + " is")
	}
	*f = rowForm(text)
	return nil
}

func (f *rowForm) String() string { return string(*f) }
func (f *rowForm) Type() string   { return "string" }

type ndjsonWriter struct {
	out   *bufio.Writer
	line  []byte
	flush bool
}

func (w *ndjsonWriter) Write(row []llama.Field) error {
	w.line = append(llama.AppendFlat(w.line[:0], row), '\n')
	if _, err := w.out.Write(w.line); err != nil {
		return err
	}
	if w.flush {
		return w.out.Flush()
	}
	return nil
}

func (w *ndjsonWriter) Close() error { return w.out.Flush() }

// heldRows is how many rows are looked at to find the columns of a table or CSV
// file before the first is printed. A field that first comes later has no column
// of its own and goes into the column _more.
const heldRows = 10_000

const moreColumn = "_more"

// columns gathers the names of rows: first _time, then the others as they come,
// and the message last, because it is long.
type columns struct {
	names []string
	known map[string]int
}

func (c *columns) add(row []llama.Field) {
	if c.known == nil {
		c.known = map[string]int{}
	}
	for _, f := range row {
		if _, ok := c.known[f.Name]; !ok {
			c.known[f.Name] = len(c.names)
			c.names = append(c.names, f.Name)
		}
	}
}

// settle orders the names for printing.
func (c *columns) settle() {
	rank := func(name string) int {
		switch name {
		case llama.NameTime:
			return 0
		case llama.NameMessage:
			return 2
		}
		return 1
	}
	slices.SortStableFunc(c.names, func(a, b string) int { return rank(a) - rank(b) })
	for i, name := range c.names {
		c.known[name] = i
	}
}

// cells returns the row's values in the columns' order and what has no column.
func (c *columns) cells(row []llama.Field) (cells []string, more []llama.Field) {
	cells = make([]string, len(c.names))
	for _, f := range row {
		if i, ok := c.known[f.Name]; ok {
			cells[i] = f.Value
		} else {
			more = append(more, f)
		}
	}
	return cells, more
}

type csvWriter struct {
	out     *csv.Writer
	columns columns
	held    [][]llama.Field
	settled bool
}

func (w *csvWriter) Write(row []llama.Field) error {
	if w.settled {
		return w.print(row)
	}
	w.columns.add(row)
	w.held = append(w.held, slices.Clone(row))
	if len(w.held) < heldRows {
		return nil
	}
	return w.settle(true)
}

// settle prints the header and what was held; later says that more rows follow.
func (w *csvWriter) settle(later bool) error {
	if w.settled || len(w.held) == 0 {
		return nil
	}
	w.settled = true
	w.columns.settle()
	header := slices.Clone(w.columns.names)
	if later {
		header = append(header, moreColumn)
	}
	if err := w.out.Write(header); err != nil {
		return err
	}
	for _, row := range w.held {
		cells, _ := w.columns.cells(row)
		if later {
			cells = append(cells, "")
		}
		if err := w.out.Write(cells); err != nil {
			return err
		}
	}
	w.held = nil
	return nil
}

func (w *csvWriter) print(row []llama.Field) error {
	cells, more := w.columns.cells(row)
	rest := ""
	if len(more) > 0 {
		rest = string(llama.AppendFlat(nil, more))
	}
	return w.out.Write(append(cells, rest))
}

func (w *csvWriter) Close() error {
	if err := w.settle(false); err != nil {
		return err
	}
	w.out.Flush()
	return w.out.Error()
}

// words prints a sentence for a person, on stderr.
func words(w io.Writer, format string, args ...any) {
	fmt.Fprintf(w, format+"\n", args...) // best effort: there is nowhere else to say it
}
