package main

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// The corpus that is made: seven days of a site with 200 hosts, of which 35 % is
// sshd, 15 % what else a Linux host says, 15 % web access, 10 % a firewall, 10 %
// Hadoop and 15 % JSON of applications. Users, hosts and addresses are as uneven as
// they are in life. The same number of events and the same seed give the same bytes.
// Planted are what the questions look for, so a corpus from elsewhere can be asked
// them when it holds the same: one trace, a phrase 100 times, a user once in 2000
// events, part of a word once in 4000, and a host with errors.

const (
	plantedTrace  = "7f3c9a52-4be1-4d0c-9e77-d15ea5e0cafe"
	plantedPhrase = "inode corrupted beyond repair"
	plantedUser   = "prueba"
	plantedWord   = "rryaldkf"
	plantedHost   = "web-003.fra.example.net"
)

// week is how long the events took, and weekEnd when they ended.
const week = 7 * 24 * time.Hour

var weekEnd = time.Date(2026, time.November, 15, 0, 0, 0, 0, time.UTC)

// made returns the path of the corpus that the flags ask for. It is made once and
// kept in the user's cache.
func (o *options) made() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(cache, "llama-bench")
	path := filepath.Join(dir, fmt.Sprintf("made-%d-%d.log", o.events, o.seed))
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return path, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	o.say("making %s", path)
	return path, generate(path, o.events, o.seed)
}

// generate writes a corpus in both forms. The syslog form gets its name last.
func generate(path string, events int, seed uint64) error {
	syslog, err := newOutput(path)
	if err != nil {
		return err
	}
	json, err := newOutput(beside(path))
	if err != nil {
		return errors.Join(err, syslog.close())
	}
	site := newSite(seed)
	step := float64(week) / float64(events)
	var line []byte
	for i := range events {
		at := weekEnd.Add(-week + time.Duration((float64(i)+0.9*site.random.Float64())*step)).Truncate(time.Microsecond)
		e := site.next(i, events, at)
		line = e.appendSyslog(line[:0])
		syslog.Write(line) // close tells
		line = e.appendJSON(line[:0])
		json.Write(line) // close tells
	}
	return errors.Join(json.close(), syslog.close())
}

// An output is a file that has its name once it is whole.
type output struct {
	*bufio.Writer
	file *os.File
	path string
}

func newOutput(path string) (*output, error) {
	f, err := os.Create(path + ".tmp")
	if err != nil {
		return nil, err
	}
	return &output{bufio.NewWriterSize(f, 1<<20), f, path}, nil
}

func (o *output) close() error {
	if err := errors.Join(o.Flush(), o.file.Close()); err != nil {
		return err
	}
	return os.Rename(o.path+".tmp", o.path)
}
