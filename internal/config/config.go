// Package config decodes YAML strictly: configuration files and parser modules.
// Every error has its file, line and column and says what would be right, and
// all of a file's errors are reported at once.
//
// A file overlays what the caller's struct already holds, so defaults are plain
// Go values. Only struct fields with a `yaml:"name"` tag are read; their
// `doc:"..."` tag is printed in the reference. Unknown and repeated keys are
// errors. The YAML library is used for its parser alone (node.go); decoding is
// done here because the library stops at the first error.
package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// An Error is one mistake in a file.
type Error struct {
	File         string
	Line, Column int    // from 1; 0 when the file as a whole is meant
	Path         string // archive.path, receivers[2].syslog.tcp; may be empty
	Problem      string
	Hint         string // what would be right; may be empty
}

func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.File)
	if e.Line > 0 {
		fmt.Fprintf(&b, ":%d:%d", e.Line, e.Column)
	}
	b.WriteString(": ")
	if e.Path != "" {
		b.WriteString(e.Path + ": ")
	}
	b.WriteString(e.Problem)
	if e.Hint != "" {
		b.WriteString("; " + e.Hint)
	}
	return b.String()
}

// Read decodes a YAML document over what into points to. It returns nil or all
// mistakes, each an *Error, joined in the order of the file; into may then be
// half filled and must not be used.
func Read(file string, data []byte, into any) error {
	node, err := parse(file, data)
	if err != nil || node == nil {
		return err
	}
	return node.Decode(into)
}

// Decode decodes the part of a document that n is, as Read does.
func (n *Node) Decode(into any) error {
	d := &decoder{}
	d.value(n, pointed(into))
	slices.SortStableFunc(d.errs, func(a, b *Error) int {
		if a.Line != b.Line {
			return a.Line - b.Line
		}
		return a.Column - b.Column
	})
	errs := make([]error, len(d.errs))
	for i, e := range d.errs {
		errs[i] = e
	}
	return errors.Join(errs...)
}

// Errorf returns an Error at n. A hint follows the problem after "; ".
func (n *Node) Errorf(format string, args ...any) *Error {
	problem, hint, _ := strings.Cut(fmt.Sprintf(format, args...), "; ")
	return &Error{File: n.file, Line: n.line, Column: n.column, Path: n.path, Problem: problem, Hint: hint}
}

// A KeyError is what a Validate method returns to say which key of its struct is
// wrong, so that the error points there.
type KeyError struct {
	Key     string
	Problem string // with its hint after "; "

	item int   // of Key's list, where in is what is wrong in it
	in   error // nil where the key itself is wrong
}

func (e *KeyError) Error() string { return e.Key + ": " + e.Problem }

// In returns a KeyError for what is wrong in an item of a list, for those who know it only
// where the list is: in is a KeyError of the item.
func In(key string, item int, in error) error {
	return &KeyError{Key: key, Problem: fmt.Sprintf("[%d]: %v", item, in), item: item, in: in}
}

// Wrong returns a KeyError.
func Wrong(key, format string, args ...any) error {
	return &KeyError{Key: key, Problem: fmt.Sprintf(format, args...)}
}
