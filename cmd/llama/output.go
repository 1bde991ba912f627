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
	"unicode"
	"unicode/utf8"

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
		return &tableWriter{out: bufio.NewWriter(out), width: width}, nil
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

// tableWriter prints aligned columns, cut to the terminal's width.
type tableWriter struct {
	out     *bufio.Writer
	width   int // of the terminal; 0 when there is none
	columns columns
	held    [][]llama.Field
	widths  []int
}

const maxCell = 60

func (w *tableWriter) Write(row []llama.Field) error {
	if w.widths != nil {
		return w.print(row)
	}
	w.columns.add(row)
	w.held = append(w.held, slices.Clone(row))
	if len(w.held) < heldRows {
		return nil
	}
	return w.settle()
}

func (w *tableWriter) settle() error {
	w.columns.settle()
	w.widths = make([]int, len(w.columns.names))
	for i, name := range w.columns.names {
		w.widths[i] = utf8.RuneCountInString(name)
	}
	for _, row := range w.held {
		cells, _ := w.columns.cells(row)
		for i, cell := range cells {
			w.widths[i] = max(w.widths[i], min(maxCell, utf8.RuneCountInString(cell)))
		}
	}
	if err := w.line(w.columns.names); err != nil {
		return err
	}
	for _, row := range w.held {
		if err := w.print(row); err != nil {
			return err
		}
	}
	w.held = nil
	return nil
}

func (w *tableWriter) print(row []llama.Field) error {
	cells, more := w.columns.cells(row)
	if len(more) > 0 {
		cells = append(cells, string(llama.AppendFlat(nil, more)))
	}
	return w.line(cells)
}

// line prints cells side by side. The last is never padded, and only it may be
// longer than its column.
func (w *tableWriter) line(cells []string) error {
	var b strings.Builder
	for i, cell := range cells {
		cell = printable(cell)
		if i == len(cells)-1 {
			b.WriteString(cell)
			break
		}
		cell = cut(cell, w.widths[i])
		b.WriteString(cell)
		b.WriteString(strings.Repeat(" ", w.widths[i]-utf8.RuneCountInString(cell)+2))
	}
	text := strings.TrimRight(b.String(), " ")
	if w.width > 0 {
		text = cut(text, w.width)
	}
	_, err := w.out.WriteString(text + "\n")
	return err
}

func (w *tableWriter) Close() error {
	if w.widths == nil && len(w.held) > 0 {
		if err := w.settle(); err != nil {
			return err
		}
	}
	return w.out.Flush()
}

// cut shortens text to n letters, the last of them an ellipsis.
func cut(text string, n int) string {
	if utf8.RuneCountInString(text) <= n {
		return text
	}
	runes := []rune(text)
	return string(runes[:max(0, n-1)]) + "…"
}

// printable replaces what could steer a terminal: a log line is not trusted.
func printable(text string) string {
	clean := func(r rune) rune {
		if r == '\t' || r == '\n' {
			return ' '
		}
		if !unicode.IsPrint(r) {
			return '\uFFFD'
		}
		return r
	}
	return strings.Map(clean, text)
}

// words prints a sentence for a person, on stderr.
func words(w io.Writer, format string, args ...any) {
	fmt.Fprintf(w, format+"\n", args...) // best effort: there is nowhere else to say it
}
