package main

import (
	"bufio"
	"io"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/llama-logs/llama"
)

// tableWriter prints aligned columns. On a terminal what has no room gives way to the
// message, and one row that has no room is printed field by field.
type tableWriter struct {
	out     *bufio.Writer
	notes   io.Writer // told what has no room
	width   int       // of the terminal; 0 when there is none
	columns columns
	held    [][]llama.Field
	widths  []int
	hidden  []string // the columns that have no room
}

const (
	maxCell   = 60
	leastCell = 12 // what a column is narrowed to at most before it is left out
	gap       = 2  // between columns
)

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

// settle finds the columns and prints the rows that were held for it.
func (w *tableWriter) settle() error {
	w.columns.settle()
	w.measure()
	if w.width > 0 && w.needed() > w.width {
		if len(w.held) == 1 {
			return w.fields(w.held[0])
		}
		w.makeRoom()
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

// measure finds how wide the columns are.
func (w *tableWriter) measure() {
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
}

// needed is how wide a terminal has to be for all columns.
func (w *tableWriter) needed() int {
	needed := gap * (len(w.widths) - 1)
	for _, width := range w.widths {
		needed += width
	}
	return needed
}

// beforeOthers are the columns that stay first where there is no room for all.
var beforeOthers = []string{llama.NameTime, "host.name", "process.name", llama.NameCollection}

// makeRoom leaves out columns where the message would not be seen for them: it has half
// of the terminal, if it needs that much and the time does not. Rows without a message are cut where the
// terminal ends.
func (w *tableWriter) makeRoom() {
	last := len(w.columns.names) - 1
	if last < 1 || w.columns.names[last] != llama.NameMessage {
		return
	}
	order := make([]int, 0, last)
	for _, name := range beforeOthers {
		if at := slices.Index(w.columns.names[:last], name); at >= 0 {
			order = append(order, at)
		}
	}
	for at := range last {
		if !slices.Contains(order, at) {
			order = append(order, at)
		}
	}
	room, stays := w.width-min(w.widths[last], w.width/2), make([]bool, last+1)
	stays[last] = true
	for _, at := range order {
		if room < w.widths[at]+gap && w.columns.names[at] != llama.NameTime {
			stays[at] = room >= leastCell+gap
			w.widths[at] = room - gap
			break
		}
		stays[at] = true
		room -= w.widths[at] + gap
	}
	all, widths := w.columns.names, w.widths
	w.columns, w.widths = columns{}, nil
	for at, name := range all {
		if !stays[at] {
			w.hidden = append(w.hidden, name)
			continue
		}
		w.columns.add([]llama.Field{{Name: name}})
		w.widths = append(w.widths, widths[at])
	}
}

// fields prints a row as a line for each of its fields.
func (w *tableWriter) fields(row []llama.Field) error {
	longest := 0
	for _, name := range w.columns.names {
		longest = max(longest, utf8.RuneCountInString(name))
	}
	cells, _ := w.columns.cells(row)
	for i, name := range w.columns.names {
		line := printable(name) + strings.Repeat(" ", longest-utf8.RuneCountInString(name)+gap) + printable(cells[i])
		if _, err := w.out.WriteString(strings.TrimRight(line, " ") + "\n"); err != nil {
			return err
		}
	}
	return nil
}

func (w *tableWriter) print(row []llama.Field) error {
	cells, more := w.columns.cells(row)
	more = slices.DeleteFunc(more, func(f llama.Field) bool { return slices.Contains(w.hidden, f.Name) })
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
		b.WriteString(strings.Repeat(" ", w.widths[i]-utf8.RuneCountInString(cell)+gap))
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
	if err := w.out.Flush(); err != nil {
		return err
	}
	if len(w.hidden) > 0 {
		words(w.notes, "%s", cut("no room for "+printable(strings.Join(w.hidden, ", ")), w.width))
		words(w.notes, "name the fields you want with '| fields _time, …', or have all with --format ndjson")
	}
	return nil
}

// empty reports whether somebody at a terminal has seen no row.
func (w *tableWriter) empty() bool { return w.width > 0 && w.widths == nil }

// cut shortens text to n letters, the last of them an ellipsis.
func cut(text string, n int) string {
	if utf8.RuneCountInString(text) <= n {
		return text
	}
	runes := []rune(text)
	return string(runes[:max(0, n-1)]) + "…"
}

// printable replaces what could steer a terminal, letter by letter: neither a log line nor
// the names of its fields are trusted.
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
