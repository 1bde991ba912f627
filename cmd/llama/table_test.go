package main

import (
	"bufio"
	"strings"
	"testing"

	"github.com/llama-logs/llama"
)

// table prints rows, each as name, value ..., on a terminal of so many columns.
func table(t *testing.T, width int, rows ...[]string) (printed, notes string) {
	t.Helper()
	var out, said strings.Builder
	w := &tableWriter{out: bufio.NewWriter(&out), notes: &said, width: width}
	for _, row := range rows {
		var fields []llama.Field
		for i := 0; i < len(row); i += 2 {
			fields = append(fields, llama.Field{Name: row[i], Value: row[i+1]})
		}
		if err := w.Write(fields); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.String(), said.String()
}

func TestTableShowsMessages(t *testing.T) {
	t.Parallel()
	message := "Failed password for root from 192.0.2.7"
	row := []string{"_time", "2026-11-22T13:23:47Z", "_msg", message, "event.action", "ssh_login", "event.category", "authentication", "host.name", "vm", "source.ip", "192.0.2.7"}
	for _, tt := range []struct {
		width       int
		want, notes string
	}{
		{200, "_time                 event.action  event.category  host.name  source.ip  _msg", ""},
		{80, "_time                 host.name  _msg", "no room for event.action, event.category, source.ip"},
		{100, "_time                 event.action  event.categ…  host.name  _msg", "no room for source.ip"},
		{40, "_time                 _msg", "no room for event.action, event.categor…"},
	} {
		got, notes := table(t, tt.width, row, row)
		header, rest, _ := strings.Cut(got, "\n")
		if header != tt.want {
			t.Errorf("%d wide: columns %q, want %q", tt.width, header, tt.want)
		}
		if !strings.Contains(rest, message[:15]) {
			t.Errorf("%d wide: no message in %q", tt.width, rest)
		}
		if said, _, _ := strings.Cut(notes, "\n"); said != tt.notes {
			t.Errorf("%d wide: said %q, want %q", tt.width, notes, tt.notes)
		}
	}
}

// Without a time, too, the first column leaves the message its room.
func TestTableNarrowsAWideFirstColumn(t *testing.T) {
	t.Parallel()
	row := []string{"host.name", strings.Repeat("h", 60), "_msg", "Failed password for root", "z", strings.Repeat("z", 9)}
	for _, tt := range []struct {
		width             int
		want, line, notes string
	}{
		{40, "host.name           _msg", "hhhhhhhhhhhhhhhhh…  Failed password for…", "no room for z"},
		{20, "_msg", "Failed password for…", "no room for host.na…"},
	} {
		got, notes := table(t, tt.width, row, row)
		if want := tt.want + "\n" + tt.line + "\n" + tt.line + "\n"; got != want {
			t.Errorf("%d wide: got\n%swant\n%s", tt.width, got, want)
		}
		if said, _, _ := strings.Cut(notes, "\n"); said != tt.notes {
			t.Errorf("%d wide: said %q, want %q", tt.width, said, tt.notes)
		}
	}
}

func TestTableOfOneRow(t *testing.T) {
	t.Parallel()
	row := []string{"version", "d527fb4", "started", "2026-11-22T13:23:23Z", "free", "18 GiB\x1b[2J"}
	if got, _ := table(t, 80, row); got != "version  started               free\nd527fb4  2026-11-22T13:23:23Z  18 GiB\uFFFD[2J\n" {
		t.Errorf("with room: %q", got)
	}
	if got, _ := table(t, 30, row); got != "version  d527fb4\nstarted  2026-11-22T13:23:23Z\nfree     18 GiB\uFFFD[2J\n" {
		t.Errorf("without: %q", got)
	}
	if got, _ := table(t, 0, row); !strings.HasPrefix(got, "version  started") {
		t.Errorf("to a file: %q", got)
	}
	many := [][]string{row, row, {"version", "e", "free", "9"}}
	if got, notes := table(t, 30, many...); strings.Count(got, "\n") != 4 || notes != "" {
		t.Errorf("more rows: %q, said %q", got, notes)
	}
}

// Names come from senders as values do, and so may not steer the terminal either.
func TestTableCleansNames(t *testing.T) {
	t.Parallel()
	name, clean := "a\x1b]0;owned\a\x1b[2Jb", "a\uFFFD]0;owned\uFFFD\uFFFD[2Jb"
	row := []string{name, "v", "_msg", strings.Repeat("m", 80)}
	if got, _ := table(t, 60, row); got != clean+"  v\n_msg"+strings.Repeat(" ", 14)+strings.Repeat("m", 80)+"\n" {
		t.Errorf("one row: %q", got)
	}
	wide := append([]string{"_time", "2026-11-22T13:23:47Z"}, row...)
	got, notes := table(t, 40, wide, wide)
	if said, _, _ := strings.Cut(notes, "\n"); said != "no room for "+clean {
		t.Errorf("a name without room: %q", notes)
	}
	if got += notes; strings.ContainsAny(got, "\x1b\a") {
		t.Errorf("two rows: %q", got)
	}
}

func TestTableOfNothing(t *testing.T) {
	t.Parallel()
	w := &tableWriter{out: bufio.NewWriter(&strings.Builder{}), width: 80}
	if !w.empty() {
		t.Error("a terminal that nothing was printed on is not empty")
	}
	if err := w.Write([]llama.Field{{Name: "n", Value: "1"}}); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil || w.empty() {
		t.Errorf("empty after a row, error %v", err)
	}
	if file := (&tableWriter{}); file.empty() {
		t.Error("somebody reads a file")
	}
}
