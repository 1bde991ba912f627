package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/creack/pty"
	"github.com/klauspost/compress/zstd"
	"github.com/rogpeppe/go-internal/testscript"
)

// scriptCommands are what scripts may use beside testscript's own commands:
//
//	addresses DATA                waits for a start on DATA; sets $PAGE, $SYSLOG, $INGEST, $TOKEN
//	page DATA                     waits for a central on DATA; sets $PAGE
//	fieldof ENV KEY               sets $ENV to a text of the JSON object that was printed last
//	send ADDR FILE                sends a file over TCP
//	eventually REGEXP CMD ARG...  runs CMD until it works and prints what matches; until it fails
//	                              so, when the word failing stands before CMD
//	follow REGEXP ADDR FILE CMD.. sends FILE again and again until CMD, which runs on, has
//	                              printed what matches; then interrupts it, and it must exit with 0
//	terminal CMD ARG...           runs CMD on a terminal of 100 columns; stdout is what that shows
//	request METHOD URL FILE [K=V] sends FILE, - for none, with headers; stdout is the status,
//	                              the headers and the body
//	listing DIR                   prints the names, sizes and hashes of all files below DIR
//	compress FILE...              writes FILE.gz and FILE.zst
//	field ENV FILE KEY            sets $ENV to a text in a JSON file
//	fileenv ENV FILE              sets $ENV to the text of a file, without its last line's end
//	repeat N FILE                 prints the file's text N times
//	taken                         takes a port and keeps it; sets $TAKEN
//	day ENV FILE KEY              sets $ENV to the day of a time in a JSON file
var scriptCommands = map[string]func(*testscript.TestScript, bool, []string){
	"addresses":  command(1, scriptAddresses),
	"page":       command(1, scriptPage),
	"fieldof":    command(2, scriptFieldOf),
	"send":       command(2, func(ts *testscript.TestScript, args []string) { ts.Check(sendFile(args[0], ts.MkAbs(args[1]))) }),
	"eventually": command(2, scriptEventually),
	"follow":     command(4, scriptFollow),
	"terminal":   command(1, scriptTerminal),
	"request":    command(3, scriptRequest),
	"listing":    command(1, scriptListing),
	"compress":   command(1, scriptCompress),
	"field":      command(3, scriptField),
	"fileenv":    command(2, scriptFileEnv),
	"repeat":     command(2, scriptRepeat),
	"taken":      command(0, scriptTaken),
	"day":        command(3, scriptDay),
}

// command makes a script's command of what cannot be negated and wants so many
// arguments at least.
func command(args int, run func(*testscript.TestScript, []string)) func(*testscript.TestScript, bool, []string) {
	return func(ts *testscript.TestScript, neg bool, given []string) {
		if neg || len(given) < args {
			ts.Fatalf("this command cannot be negated and takes %d arguments", args)
		}
		run(ts, given)
	}
}

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

func scriptFileEnv(ts *testscript.TestScript, args []string) {
	ts.Setenv(args[0], strings.TrimRight(ts.ReadFile(args[1]), "\n"))
}

func scriptAddresses(ts *testscript.TestScript, args []string) {
	data := ts.MkAbs(args[0])
	var at listening
	until(ts, "a start on "+args[0], func() bool {
		var err error
		if at, err = readListening(data); err != nil {
			return false
		}
		conn, err := net.Dial("tcp", at.Ingest)
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
	token, err := readSecret(ingestTokenFile(data))
	ts.Check(err)
	if at.Page != "" { // else central is elsewhere, and $PAGE is its
		ts.Setenv("PAGE", at.Page)
	}
	ts.Setenv("SYSLOG", at.Syslog)
	ts.Setenv("INGEST", at.Ingest)
	ts.Setenv("TOKEN", token)
}

func scriptPage(ts *testscript.TestScript, args []string) {
	until(ts, "a central on "+args[0], func() bool {
		at, err := readListening(ts.MkAbs(args[0]))
		ts.Setenv("PAGE", at.Page)
		return err == nil && at.Page != ""
	})
}

func scriptFieldOf(ts *testscript.TestScript, args []string) {
	var fields map[string]any
	ts.Check(json.Unmarshal([]byte(ts.ReadFile("stdout")), &fields))
	ts.Setenv(args[0], fmt.Sprint(fields[args[1]]))
}

func sendFile(address, name string) error {
	file, err := os.Open(name)
	if err != nil {
		return err
	}
	defer file.Close()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return err
	}
	defer conn.Close()
	_, err = io.Copy(conn, file)
	return err
}

// inScript returns a command that finds what the script would.
func inScript(ts *testscript.TestScript, args []string) *exec.Cmd {
	for _, dir := range filepath.SplitList(ts.Getenv("PATH")) {
		file := filepath.Join(dir, args[0])
		if info, err := os.Stat(file); err == nil && info.Mode()&0o111 != 0 {
			cmd := exec.Command(file, args[1:]...)
			cmd.Dir = ts.MkAbs(".")
			for _, name := range []string{"HOME", "PATH", "TZ", "XDG_DATA_HOME", "XDG_CONFIG_HOME", "LLAMA_URL", "LLAMA_TOKEN"} {
				cmd.Env = append(cmd.Env, name+"="+ts.Getenv(name))
			}
			return cmd
		}
	}
	ts.Fatalf("there is no program %s", args[0])
	return nil
}

func scriptEventually(ts *testscript.TestScript, args []string) {
	want, err := regexp.Compile("(?m)" + args[0])
	ts.Check(err)
	fails := args[1] == "failing"
	if fails {
		args = args[1:]
	}
	var last []byte
	defer func() { ts.Logf("[last output]\n%s", last) }()
	until(ts, args[0], func() bool {
		var failure error
		last, failure = inScript(ts, args[1:]).CombinedOutput()
		return (failure != nil) == fails && want.Match(last)
	})
}

func scriptFollow(ts *testscript.TestScript, args []string) {
	want, err := regexp.Compile("(?m)" + args[0])
	ts.Check(err)
	var out safeBuffer
	cmd := inScript(ts, args[3:])
	cmd.Stdout, cmd.Stderr = &out, &out
	ts.Check(cmd.Start())
	defer func() { ts.Logf("[output]\n%s", out.String()) }()
	defer cmd.Process.Kill() // when the wait below ends the script
	until(ts, args[0], func() bool {
		ts.Check(sendFile(args[1], ts.MkAbs(args[2])))
		return want.MatchString(out.String())
	})
	ts.Check(cmd.Process.Signal(syscall.SIGINT))
	if err := cmd.Wait(); err != nil {
		ts.Fatalf("%s: %v", args[3], err)
	}
	fmt.Fprint(ts.Stdout(), out.String())
}

// safeBuffer is written by a process while the script looks at it.
type safeBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

func scriptTerminal(ts *testscript.TestScript, args []string) {
	cmd := inScript(ts, args)
	cmd.Env = append(cmd.Env, "TERM=xterm")
	screen, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 25, Cols: 100})
	ts.Check(err)
	defer screen.Close()
	shown, err := io.ReadAll(screen)
	if !errors.Is(err, syscall.EIO) { // which Linux answers when the other side has gone
		ts.Check(err)
	}
	fmt.Fprintf(ts.Stdout(), "%s", shown)
	ts.Check(cmd.Wait())
}

func scriptRequest(ts *testscript.TestScript, args []string) {
	var body io.Reader
	if args[2] != "-" {
		text, err := os.ReadFile(ts.MkAbs(args[2]))
		ts.Check(err)
		body = bytes.NewReader(text)
	}
	req, err := http.NewRequest(args[0], args[1], body)
	ts.Check(err)
	for _, pair := range args[3:] {
		key, value, _ := strings.Cut(pair, "=")
		req.Header.Set(key, value)
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	ts.Check(err)
	defer resp.Body.Close()
	fmt.Fprintln(ts.Stdout(), resp.Status)
	for _, key := range slices.Sorted(maps.Keys(resp.Header)) {
		fmt.Fprintf(ts.Stdout(), "%s: %s\n", key, strings.Join(resp.Header[key], ", "))
	}
	_, err = io.Copy(ts.Stdout(), resp.Body)
	ts.Check(err)
}

func scriptListing(ts *testscript.TestScript, args []string) {
	root := ts.MkAbs(args[0])
	ts.Check(filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		about, err := d.Info()
		if err != nil || !d.Type().IsRegular() {
			fmt.Fprintln(ts.Stdout(), path, d.Type())
			return err
		}
		text, err := os.ReadFile(path)
		fmt.Fprintf(ts.Stdout(), "%s %v %d %x\n", path, about.Mode(), about.Size(), sha256.Sum256(text))
		return err
	}))
}

func scriptCompress(ts *testscript.TestScript, args []string) {
	for _, name := range args {
		name = ts.MkAbs(name)
		text, err := os.ReadFile(name)
		ts.Check(err)
		var zipped bytes.Buffer
		gz := gzip.NewWriter(&zipped)
		_, err = gz.Write(text)
		ts.Check(err)
		ts.Check(gz.Close())
		ts.Check(os.WriteFile(name+".gz", zipped.Bytes(), 0o600))
		zst, err := zstd.NewWriter(nil)
		ts.Check(err)
		ts.Check(os.WriteFile(name+".zst", zst.EncodeAll(text, nil), 0o600))
	}
}

func scriptField(ts *testscript.TestScript, args []string) {
	var fields map[string]any
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[1])), &fields))
	text, ok := fields[args[2]].(string)
	if !ok {
		ts.Fatalf("%s has no text %q", args[1], args[2])
	}
	ts.Setenv(args[0], text)
}

func scriptRepeat(ts *testscript.TestScript, args []string) {
	n, err := strconv.Atoi(args[0])
	ts.Check(err)
	_, err = io.WriteString(ts.Stdout(), strings.Repeat(ts.ReadFile(args[1]), n))
	ts.Check(err)
}

func scriptTaken(ts *testscript.TestScript, _ []string) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	ts.Defer(func() { listener.Close() })
	ts.Setenv("TAKEN", listener.Addr().String())
}

func scriptDay(ts *testscript.TestScript, args []string) {
	scriptField(ts, args)
	day, _, _ := strings.Cut(ts.Getenv(args[0]), "T")
	ts.Setenv(args[0], day)
}
