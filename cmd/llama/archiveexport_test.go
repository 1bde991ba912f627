package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestLastLineIsTheLastWholeOne: what a write left that was cut short is no line.
func TestLastLineIsTheLastWholeOne(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 300<<10)
	for _, tt := range []struct{ text, line, rest string }{
		{"", "", ""},
		{"torn", "", "torn"},
		{"one\n", "one", ""},
		{"\n", "", ""},
		{"one\ntwo\nto", "two", "to"},
		{long + "\n" + long, long, long},
		{"one\n" + long + "\n", long, ""},
	} {
		name := filepath.Join(t.TempDir(), "f")
		if err := os.WriteFile(name, []byte(tt.text), 0o600); err != nil {
			t.Fatal(err)
		}
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		line, end, err := lastLine(f)
		if err != nil || string(line) != tt.line || tt.text[end:] != tt.rest {
			t.Errorf("%.20q: %.20q to byte %d, error %v, want %.20q, and %.20q behind it", tt.text, line, end, err, tt.line, tt.rest)
		}
	}
}
