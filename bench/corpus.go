package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
)

// A corpus is events in two forms: lines of syslog, and JSON lines with what a
// parser finds in them. Both are mapped, so that sending them costs no copy and
// the memory is the system's.
type corpus struct {
	path   string
	syslog []byte
	json   []byte // empty: there is none
	events int
	whole  int64 // bytes of the syslog file, whatever part of it is used
}

// openCorpus opens the corpus that the flags name, and makes it if they name none.
func (o *options) openCorpus() (*corpus, error) {
	path := o.corpus
	if path == "" {
		var err error
		if path, err = o.made(); err != nil {
			return nil, fmt.Errorf("make a corpus: %w", err)
		}
	}
	c := &corpus{path: path}
	var err error
	if c.syslog, err = mapFile(path); err != nil {
		return nil, fmt.Errorf("open corpus: %w", err)
	}
	c.whole = int64(len(c.syslog))
	c.syslog, c.events = firstLines(c.syslog, o.events)
	if c.events == 0 {
		return nil, fmt.Errorf("open corpus: %s has no lines", path)
	}
	c.json, err = mapFile(beside(path))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("open corpus: %w", err)
	}
	if err == nil {
		var lines int
		if c.json, lines = firstLines(c.json, c.events); lines != c.events {
			return nil, fmt.Errorf("open corpus: %s has %d lines and %s has %d", path, c.events, beside(path), lines)
		}
	}
	return c, nil
}

// needJSON says what is missing when there are no JSON lines.
func (c *corpus) needJSON() error {
	if len(c.json) == 0 {
		return fmt.Errorf("%s is missing: the same events as JSON lines", beside(c.path))
	}
	return nil
}

// beside is where the JSON form of a file of syslog lines lies.
func beside(path string) string {
	return strings.TrimSuffix(path, filepath.Ext(path)) + ".json"
}

// String is what the table says of the corpus.
func (c *corpus) String() string {
	return fmt.Sprintf("%s, %d events, %.1f bytes each", filepath.Base(c.path), c.events, float64(len(c.syslog))/float64(c.events))
}

// mapFile maps a file and has the system read all of it now.
func mapFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close() // the mapping stays
	info, err := f.Stat()
	if err != nil || info.Size() == 0 {
		return nil, err
	}
	data, err := syscall.Mmap(int(f.Fd()), 0, int(info.Size()), syscall.PROT_READ, syscall.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("map %s: %w", path, err)
	}
	sum := byte(0)
	for i := 0; i < len(data); i += os.Getpagesize() {
		sum += data[i]
	}
	runtime.KeepAlive(sum) // or nothing need be read
	return data, nil
}

// firstLines returns the first n lines of data, or all for 0, and how many those
// are. A last line without an end is not one.
func firstLines(data []byte, n int) ([]byte, int) {
	end, lines := 0, 0
	for n == 0 || lines < n {
		i := bytes.IndexByte(data[end:], '\n')
		if i < 0 {
			break
		}
		end += i + 1
		lines++
	}
	return data[:end], lines
}

// A body is lines that are sent at once.
type body struct {
	text   []byte
	events int
}

// bodies cuts data into pieces of n lines.
func bodies(data []byte, n int) []body {
	var all []body
	for len(data) > 0 {
		text, lines := firstLines(data, n)
		all = append(all, body{text, lines})
		data = data[len(text):]
	}
	return all
}
