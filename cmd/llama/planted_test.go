package main

import (
	"bytes"
	"encoding/base64"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestNothingPlantedIsInTheClear plants a word wherever events and people put words in
// central, a broker and two nodes, and looks for it in all that they have written, their
// logs included, while they run, after they were killed and after they have ended in
// order. One site is away, so that frames of the other wait at central.
func TestNothingPlantedIsInTheClear(t *testing.T) {
	t.Parallel()
	const planted = "Xyzzyplugh4712"
	d := newDeployment(t, "")
	d.withBroker()
	d.node("madrid", 1, "")
	d.node("lisbon", 1, "")
	d.write("planted.ndjson", strings.Repeat(`{"_msg":"say `+planted+` twice","`+strings.ToLower(planted)+`.name":"`+planted+`","user.name":"`+planted+`"}`+"\n", 100))
	for _, name := range []string{"madrid", "lisbon"} {
		d.must("import", "-q", "--data", d.path(name+".data"), "--collection", "app", d.path("planted.ndjson"))
		d.must("query", "--local", "--data", d.path(name+".data"), planted+" | limit 3")
	}
	d.must("query", planted+" | fields user.name | limit 3")
	d.must("saved", "add", "mine", planted)
	d.must("schedule", "add", "mine", "--every", "1h", planted+" | uniq by (user.name)")
	d.must("schedule", "run", "mine")
	d.must("audit", planted)
	d.kill("lisbon")
	waits := d.submit(planted + " | stats by (user.name) count() n")
	d.until(waits, func(s state) bool { return s.task("madrid") == "done" })
	d.api("POST", "/queries", map[string]any{"query": `_collection:="` + planted + `"`, "name": planted}) // fails, and the error has it
	look := func(when string, names ...string) {
		t.Helper()
		for _, name := range names {
			d.lookFor(planted, name, when)
		}
	}
	look("while they run", "central", "broker", "madrid", "lisbon")
	d.kill("central")
	d.kill("madrid")
	look("after they were killed", "central", "madrid")
	for _, name := range []string{"central", "madrid", "lisbon"} {
		d.start(name)
	}
	d.until(waits, func(s state) bool { return s.State == "done" })
	if rows := d.rows(waits); rows != `{"user.name":"`+planted+`","n":200}` {
		t.Fatalf("the word is not where it was planted: %s", rows)
	}
	for _, name := range []string{"madrid", "lisbon", "central", "broker"} {
		d.stop(name)
	}
	look("after their end", "central", "broker", "madrid", "lisbon")
}

// lookFor fails when what a process has written or said has a word in it, as it is or in
// base64.
func (d *deployment) lookFor(word, name, when string) {
	d.t.Helper()
	forms := []string{word, strings.ToLower(word)}
	for i := range 3 { // as it looks wherever it begins in what is encoded
		forms = append(forms, base64.StdEncoding.EncodeToString([]byte(word[i:]))[:12])
	}
	seen := 0
	err := filepath.WalkDir(d.path(name+".data"), func(file string, entry fs.DirEntry, err error) error {
		if os.IsNotExist(err) || err == nil && !entry.Type().IsRegular() {
			return nil // it has gone meanwhile, or is a socket
		}
		if err != nil {
			return err
		}
		content, err := os.ReadFile(file)
		if os.IsNotExist(err) {
			return nil
		}
		seen++
		for _, form := range forms {
			if bytes.Contains(content, []byte(form)) || strings.Contains(file, form) {
				d.t.Errorf("%s: %s has %q in the clear", when, file, form)
			}
		}
		return err
	})
	if err != nil || seen < 3 {
		d.t.Errorf("%d files of %s were looked at: %v", seen, name, err)
	}
	for _, form := range forms {
		if said := d.said[name].String(); strings.Contains(said, form) {
			d.t.Errorf("%s: %s says %q in its log", when, name, form)
		}
	}
}
