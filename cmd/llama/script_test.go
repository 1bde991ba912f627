package main

import (
	"bytes"
	"context"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestMain lets scripts run this very program as `llama`, each in a process of
// its own.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"llama": main})
}

// TestScripts runs what testdata/script says. Beside testscript's own commands:
//
//	await FILE                    waits until FILE is there and not empty
//	addresses DATA                waits for a start on DATA; sets $PAGE, $SYSLOG, $INGEST
//	send ADDR FILE                sends a file over TCP
//	eventually REGEXP CMD ARG...  runs CMD until what it prints matches
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(env *testscript.Env) error {
			env.Setenv("HOME", env.WorkDir)
			env.Setenv("XDG_DATA_HOME", env.WorkDir+"/share")
			env.Setenv("XDG_CONFIG_HOME", env.WorkDir+"/config")
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"await":      scriptAwait,
			"addresses":  scriptAddresses,
			"send":       scriptSend,
			"eventually": scriptEventually,
		},
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
	})
}

// patience bounds every wait of a script. It is long because the machine that
// runs the tests may be slow, and is used up only by a test that fails.
const patience = 60 * time.Second

// until calls done every few milliseconds until it is true or patience is over.
func until(ts *testscript.TestScript, what string, done func() bool) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-ctx.Done():
			ts.Fatalf("waited %s for %s", patience, what)
		case <-tick.C:
		}
	}
}

func scriptAwait(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: await FILE")
	}
	until(ts, args[0], func() bool {
		info, err := os.Stat(ts.MkAbs(args[0]))
		return err == nil && info.Size() > 0
	})
}

func scriptAddresses(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: addresses DATA")
	}
	var at listening
	until(ts, "a start on "+args[0], func() bool {
		l, err := readListening(ts.MkAbs(args[0]))
		if err != nil {
			return false
		}
		at = l
		conn, err := net.Dial("tcp", at.Ingest)
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
	ts.Setenv("PAGE", at.Page)
	ts.Setenv("SYSLOG", at.Syslog)
	ts.Setenv("INGEST", at.Ingest)
}

func scriptSend(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: send ADDR FILE")
	}
	file, err := os.Open(ts.MkAbs(args[1]))
	ts.Check(err)
	defer file.Close()
	conn, err := net.Dial("tcp", args[0])
	ts.Check(err)
	_, err = io.Copy(conn, file)
	ts.Check(err)
	ts.Check(conn.Close())
}

func scriptEventually(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: eventually REGEXP CMD ARG...")
	}
	want, err := regexp.Compile("(?m)" + args[0])
	ts.Check(err)
	var last []byte
	defer func() { ts.Logf("[last output]\n%s", last) }()
	until(ts, args[0], func() bool {
		cmd := exec.Command(args[1], args[2:]...)
		cmd.Dir = ts.MkAbs(".")
		cmd.Env = []string{"HOME=" + ts.Getenv("HOME"), "PATH=" + ts.Getenv("PATH"),
			"XDG_DATA_HOME=" + ts.Getenv("XDG_DATA_HOME"), "XDG_CONFIG_HOME=" + ts.Getenv("XDG_CONFIG_HOME")}
		path, err := lookPath(args[1], ts.Getenv("PATH"))
		ts.Check(err)
		cmd.Path = path
		var out bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &out
		failed := cmd.Run() != nil // its words are looked at either way
		last = out.Bytes()
		return !failed && want.Match(last)
	})
}

// lookPath is exec.LookPath in the script's own PATH.
func lookPath(name, path string) (string, error) {
	for _, dir := range filepath.SplitList(path) {
		file := dir + "/" + name
		if info, err := os.Stat(file); err == nil && info.Mode()&0o111 != 0 {
			return file, nil
		}
	}
	return "", exec.ErrNotFound
}
