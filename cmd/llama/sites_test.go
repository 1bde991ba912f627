package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/llama-logs/llama/internal/client"
)

// A deployment is central, its nodes and what is between them, each a process of
// its own that a test starts, kills and starts again over the same data.
type deployment struct {
	t       *testing.T
	home    string
	page    string // host:port, the same over all starts
	running map[string]*exec.Cmd
	said    map[string]*safeBuffer
}

// newDeployment starts a central; more goes into its configuration.
func newDeployment(t *testing.T, more string) *deployment {
	t.Helper()
	d := &deployment{t: t, home: t.TempDir(), page: quietPort(t), running: map[string]*exec.Cmd{}, said: map[string]*safeBuffer{}}
	t.Cleanup(func() {
		for name := range d.running {
			d.kill(name)
		}
		for name, said := range d.said {
			if t.Failed() {
				t.Logf("%s said:\n%s", name, said.String())
			}
		}
	})
	d.configure("central", fmt.Sprintf("central: {listen: %q%s}\n", d.page, more))
	d.start("central")
	d.write("mine", "a password of my own, long enough\n")
	d.must("login", "--url", "http://"+d.page, "--password-file", d.path("central.data", "initial-admin-password"), "--new-password-file", d.path("mine"))
	return d
}

func (d *deployment) path(parts ...string) string {
	return filepath.Join(append([]string{d.home}, parts...)...)
}

func (d *deployment) write(name, text string) {
	d.t.Helper()
	if err := os.WriteFile(d.path(name), []byte(text), 0o600); err != nil {
		d.t.Fatal(err)
	}
}

// configure writes the configuration of the process called name.
func (d *deployment) configure(name, text string) {
	d.t.Helper()
	d.write(name+".yaml", fmt.Sprintf("data: %s\nmaster_key: %s\n%s", d.path(name+".data"), d.path("keys", name), text))
}

// command is a command line of this very program.
func (d *deployment) command(args ...string) *exec.Cmd {
	cmd := exec.Command("llama", args...)
	cmd.Env = append(os.Environ(), "HOME="+d.home, "XDG_DATA_HOME="+d.home, "XDG_CONFIG_HOME="+d.home)
	return cmd
}

// start starts a process and waits until it is up.
func (d *deployment) start(name string) {
	d.t.Helper()
	if d.said[name] == nil {
		d.said[name] = &safeBuffer{}
	}
	cmd := d.command(role(name), "-c", d.path(name+".yaml"))
	out := &safeBuffer{}
	cmd.Stdout, cmd.Stderr = out, d.said[name]
	if err := cmd.Start(); err != nil {
		d.t.Fatal(err)
	}
	d.running[name] = cmd
	waitFor(d.t, name+" to be up", func() bool { return strings.Contains(out.String(), "is up") })
}

// kill ends a process at once, as a crash would.
func (d *deployment) kill(name string) {
	d.t.Helper()
	cmd := d.running[name]
	if cmd == nil {
		return
	}
	delete(d.running, name)
	if err := cmd.Process.Kill(); err != nil {
		d.t.Errorf("kill %s: %v", name, err)
	}
	cmd.Wait() // it was killed
}

// stop ends a process in order.
func (d *deployment) stop(name string) {
	d.t.Helper()
	cmd := d.running[name]
	delete(d.running, name)
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		d.t.Errorf("stop %s: %v", name, err)
	}
	if err := cmd.Wait(); err != nil {
		d.t.Errorf("stop %s: %v", name, err)
	}
}

// must runs a command and returns what it printed.
func (d *deployment) must(args ...string) string {
	d.t.Helper()
	var out, said bytes.Buffer
	cmd := d.command(args...)
	cmd.Stdout, cmd.Stderr = &out, &said
	if err := cmd.Run(); err != nil {
		d.t.Fatalf("llama %s: %v: %s", strings.Join(args, " "), err, said.String())
	}
	return out.String()
}

// node joins a node to a target, each of one name, gives it so many events and
// leaves it running. more goes below its key node.
func (d *deployment) node(name string, events int, more string) {
	d.t.Helper()
	d.write(name+".id", "the machine of "+name)
	d.configure(name, fmt.Sprintf("log: {level: debug}\nnode:\n  syslog: 127.0.0.1:0\n  ingest: 127.0.0.1:0\n  uplink: {machine_id: %s%s}\n", d.path(name+".id"), more))
	code := strings.TrimSpace(d.must("target", "add", name))
	d.must("node", "join", "http://"+d.page, "-c", d.path(name+".yaml"), "--code", code)
	d.start(name)
	var lines strings.Builder
	for i := range events {
		fmt.Fprintf(&lines, "{\"_msg\":\"event %d of %s\",\"n\":%d}\n", i, name, i)
	}
	d.write(name+".ndjson", lines.String())
	d.must("import", "-q", "--data", d.path(name+".data"), "--collection", "app", d.path(name+".ndjson"))
}

// state is how a query and its tasks are.
type state struct {
	ID    string `json:"id"`
	State string `json:"state"`
	Rows  int64  `json:"rows"`
	Tasks []struct {
		Target string `json:"target"`
		State  string `json:"state"`
		Error  string `json:"error"`
	} `json:"tasks"`
}

func (s state) task(target string) string {
	for _, t := range s.Tasks {
		if t.Target == target {
			return t.State
		}
	}
	return ""
}

// TestOfflineSiteAnswersWhenItIsBack asks three sites over three ways, one of
// which is away.
func TestOfflineSiteAnswersWhenItIsBack(t *testing.T) {
	t.Parallel()
	d := newDeployment(t, "")
	d.node("madrid", 100, ", carrier: websocket")
	d.node("lisbon", 50, ", carrier: poll")
	d.node("porto", 7, "")
	d.kill("porto")
	id := d.submit("_collection:app | stats count() n")
	d.until(id, func(s state) bool { return s.task("madrid") == "done" && s.task("lisbon") == "done" })
	if s := d.query(id); s.task("porto") != "queued" || s.State != "running" {
		t.Errorf("with a site away: %+v", s)
	}
	d.start("porto")
	d.until(id, func(s state) bool { return s.State == "done" })
	if rows := d.rows(id); rows != `{"n":157}` {
		t.Errorf("got %s", rows)
	}
}

// TestComingAndGoingIsRecorded kills a node, starts it again and stops it in order: the audit
// log has that it was late, that it came back, and that it left.
func TestComingAndGoingIsRecorded(t *testing.T) {
	t.Parallel()
	d := newDeployment(t, "")
	d.node("madrid", 1, "")
	d.recorded("node-online success madrid")
	d.kill("madrid")
	waitFor(t, "the node to be missed", func() bool { return strings.Contains(string(d.api("GET", "/nodes", nil)), `"offline"`) })
	d.recorded("node-online success madrid", "node-late failure madrid")
	d.start("madrid")
	d.recorded("node-online success madrid", "node-late failure madrid", "node-online success madrid")
	d.stop("madrid")
	d.recorded("node-online success madrid", "node-late failure madrid", "node-online success madrid", "node-left success madrid")
}

// recorded waits until the audit log has these, and no others, of nodes that come and go.
func (d *deployment) recorded(want ...string) {
	d.t.Helper()
	text := url.QueryEscape("event.action:in(node-online, node-late, node-left) | sort by (_time) | fields event.action, event.outcome, llama.target, llama.object")
	nodes := string(d.api("GET", "/nodes", nil))
	var got []string
	waitFor(d.t, strings.Join(want, ", ")+" in the audit log", func() bool {
		got = nil
		for line := range strings.Lines(string(d.api("GET", "/audit?query="+text, nil))) {
			var e struct {
				Action  string `json:"event.action"`
				Outcome string `json:"event.outcome"`
				Target  string `json:"llama.target"`
				Object  string `json:"llama.object"`
			}
			if err := json.Unmarshal([]byte(line), &e); err != nil || !strings.Contains(nodes, e.Object) {
				d.t.Fatalf("%s: %v", line, err)
			}
			got = append(got, e.Action+" "+e.Outcome+" "+e.Target)
		}
		return len(got) >= len(want)
	})
	if !slices.Equal(got, want) {
		d.t.Fatalf("the audit log has %q, want %q", got, want)
	}
}

// TestProcessesCrashWhileASiteAnswers kills, one after the other, the broker, the node and
// central, while a query runs that sends many rows. The answer is what it would be
// without.
func TestProcessesCrashWhileASiteAnswers(t *testing.T) {
	t.Parallel()
	d := newDeployment(t, "")
	broker := d.withBroker()
	const events = 20_000
	d.node("madrid", events, "")
	d.node("lisbon", events/2, "")
	for _, crash := range [][]string{{"broker"}, {"madrid"}, {"central"}, {"madrid", "central"}, {"broker", "central", "lisbon"}} {
		id := d.submit("_collection:app | fields n, _msg")
		for _, name := range crash {
			d.kill(name)
		}
		for _, name := range crash {
			d.start(name)
		}
		d.until(id, func(s state) bool { return s.State == "done" })
		rows := strings.Split(d.rows(id), "\n")
		slices.Sort(rows)
		if n := len(slices.Compact(rows)); len(rows) != events*3/2 || n != len(rows) {
			t.Fatalf("after a crash of %v: %d rows, %d of them different; %d are there", crash, len(rows), n, events*3/2)
		}
	}
	if !strings.HasPrefix(broker, "tls://") {
		t.Errorf("the broker is at %s", broker)
	}
}

// TestCancelInEachState cancels a query of which one site is away and one has
// answered.
func TestCancelInEachState(t *testing.T) {
	t.Parallel()
	d := newDeployment(t, "")
	d.node("madrid", 10, "")
	d.node("lisbon", 10, "")
	d.kill("lisbon")
	id := d.submit("_collection:app | stats count() n")
	d.until(id, func(s state) bool { return s.task("madrid") == "done" && s.task("lisbon") == "queued" })
	d.api("DELETE", "/query/"+id, nil)
	d.api("DELETE", "/query/"+id, nil) // twice is harmless
	if s := d.query(id); s.State != "cancelled" || s.task("lisbon") != "cancelled" || s.task("madrid") != "done" {
		t.Errorf("cancelled: %+v", s)
	}
	d.start("lisbon")
	d.until(d.submit("_collection:app | stats count() n"), func(s state) bool { return s.State == "done" })
	if s := d.query(id); s.State != "cancelled" {
		t.Errorf("when the site is back: %+v", s)
	}
}

// TestSiteThatStaysAwayExpires asks a site that does not come back in time; what the
// other has answered is kept.
func TestSiteThatStaysAwayExpires(t *testing.T) {
	t.Parallel()
	d := newDeployment(t, ", results: {deadline: 3s}")
	d.node("madrid", 10, "")
	d.node("lisbon", 10, "")
	d.kill("lisbon")
	id := d.submit("_collection:app | stats count() n")
	d.until(id, func(s state) bool { return s.State == "partial" })
	if s := d.query(id); s.task("madrid") != "done" || s.task("lisbon") != "expired" {
		t.Errorf("got %+v", s)
	}
	if rows := d.rows(id); rows != `{"n":10}` {
		t.Errorf("got %s", rows)
	}
	d.start("lisbon") // too late: nothing changes
	later := d.submit("_collection:app | stats count() n")
	d.until(later, func(s state) bool { return s.State == "done" })
	if rows := d.rows(id); rows != `{"n":10}` || d.query(id).State != "partial" {
		t.Errorf("after the site is back: %s, %+v", rows, d.query(id))
	}
}

// TestRevokedNode shuts a node out while it is connected and asked.
func TestRevokedNode(t *testing.T) {
	t.Parallel()
	d := newDeployment(t, "")
	d.withBroker()
	d.node("madrid", 10, "")
	d.node("lisbon", 10, "")
	d.kill("lisbon")
	id := d.submit("_collection:app | stats count() n")
	d.until(id, func(s state) bool { return s.task("madrid") == "done" })
	for _, target := range []string{"lisbon", "madrid"} {
		var node struct{ ID string }
		if err := json.Unmarshal([]byte(d.must("node", "list", "--match", target)), &node); err != nil {
			t.Fatal(err)
		}
		d.must("node", "revoke", node.ID)
	}
	d.until(id, func(s state) bool { return s.State == "partial" && s.task("lisbon") == "failed" })
	waitFor(t, "the node to lose its connection", func() bool {
		return strings.Contains(d.said["madrid"].String(), "carrier disconnected")
	})
	if out, err := d.command("query", "*").CombinedOutput(); err == nil || !strings.Contains(string(out), "no target") {
		t.Errorf("asked: %v: %s", err, out)
	}
	d.start("lisbon")
	waitFor(t, "the other to be refused", func() bool {
		return strings.Contains(d.said["lisbon"].String(), "the node may have been revoked")
	})
	if list := d.must("node", "list"); list != "" {
		t.Errorf("there are nodes: %s", list)
	}
}

// TestKeysChangeWhileASiteAnswers changes a node's keys under a query, twice, and
// proves that the old ones are of no use any more.
func TestKeysChangeWhileASiteAnswers(t *testing.T) {
	t.Parallel()
	d := newDeployment(t, "")
	const events = 20_000
	d.node("madrid", events, "")
	d.stop("madrid")
	if err := os.CopyFS(d.path("stolen.data"), os.DirFS(d.path("madrid.data"))); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(d.path("stolen.data", "ingest-token"), 0o600); err != nil {
		t.Fatal(err)
	}
	d.start("madrid")
	for range 2 {
		id := d.submit("_collection:app | fields n")
		d.must("node", "rotate", "--data", d.path("madrid.data"))
		d.until(id, func(s state) bool { return s.State == "done" && s.Rows == events })
	}
	d.stop("madrid")
	d.start("madrid")
	d.until(d.submit("_collection:app | stats count() n"), func(s state) bool { return s.State == "done" })
	d.stop("madrid")

	d.configure("stolen", fmt.Sprintf("node:\n  syslog: 127.0.0.1:0\n  ingest: 127.0.0.1:0\n  uplink: {machine_id: %s}\n", d.path("madrid.id")))
	key, err := os.ReadFile(d.path("keys", "madrid"))
	if err != nil {
		t.Fatal(err)
	}
	d.write("keys/stolen", string(key))
	d.start("stolen")
	waitFor(t, "the old keys to be refused", func() bool {
		return strings.Contains(d.said["stolen"].String(), "the node may have been revoked")
	})
}

// TestCrashWhileKeysChange kills a node, and once central, while it changes its keys:
// whichever it then has, it is let in.
func TestCrashWhileKeysChange(t *testing.T) {
	t.Parallel()
	d := newDeployment(t, "")
	d.node("madrid", 10, "")
	for _, crash := range []string{"madrid", "central", "madrid", "madrid"} {
		rotate := d.command("node", "rotate", "--data", d.path("madrid.data"))
		if err := rotate.Start(); err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() { ended <- rotate.Wait() }()
		for underWay := false; !underWay; { // no pause: it takes a few milliseconds only
			_, err := os.Stat(d.path("madrid.data", "node", "identity.next"))
			underWay = err == nil || len(ended) > 0
		}
		d.kill(crash)
		d.start(crash)
		<-ended // it may have failed
		id := d.submit("_collection:app | stats count() n")
		d.until(id, func(s state) bool { return s.State == "done" })
	}
	d.must("node", "rotate", "--data", d.path("madrid.data")) // and it works again
	d.until(d.submit("_collection:app | stats count() n"), func(s state) bool { return s.State == "done" })
}

// withBroker puts a broker between central and the nodes to come, and returns its
// URL.
func (d *deployment) withBroker() string {
	d.t.Helper()
	at := quietPort(d.t)
	d.write("llama.conf", d.must("broker", "config"))
	d.write("broker.yaml", fmt.Sprintf("data: %s\nbroker: {listen: %q, trust: %s}\n", d.path("broker.data"), at, d.path("llama.conf")))
	d.start("broker")
	d.stop("central")
	d.configure("central", fmt.Sprintf("central: {listen: %q}\nbroker: {urls: [\"tls://%s\"], ca: %s}\n", d.page, at, d.path("broker.data", "ca.pem")))
	d.start("central")
	return "tls://" + at
}

// submit asks a query and does not wait.
func (d *deployment) submit(query string) string {
	d.t.Helper()
	var s state
	if err := json.Unmarshal(d.api("POST", "/queries", map[string]any{"query": query}), &s); err != nil {
		d.t.Fatal(err)
	}
	return s.ID
}

func (d *deployment) query(id string) (s state) {
	d.t.Helper()
	if err := json.Unmarshal(d.api("GET", "/query/"+id, nil), &s); err != nil {
		d.t.Fatal(err)
	}
	return s
}

func (d *deployment) until(id string, is func(state) bool) {
	d.t.Helper()
	var s state
	defer func() {
		if d.t.Failed() {
			d.t.Logf("the query: %+v", s)
		}
	}()
	waitFor(d.t, "query "+id, func() bool { s = d.query(id); return is(s) })
}

// rows returns the rows of a query, a line each.
func (d *deployment) rows(id string) string {
	d.t.Helper()
	return strings.TrimSpace(string(d.api("GET", "/query/"+id+"/rows?format=ndjson", nil)))
}

// api calls central's API as the page would, and returns its answer.
func (d *deployment) api(method, path string, in any) []byte {
	d.t.Helper()
	var body io.Reader
	if in != nil {
		text, err := json.Marshal(in)
		if err != nil {
			d.t.Fatal(err)
		}
		body = bytes.NewReader(text)
	}
	r, err := http.NewRequest(method, "http://"+d.page+"/api/v1"+path, body)
	if err != nil {
		d.t.Fatal(err)
	}
	credentials, err := client.ReadCredentials(d.path("llama", "credentials.json"))
	if err != nil {
		d.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+credentials.Token)
	r.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		d.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode >= 300 {
		d.t.Fatalf("%s %s: %s: %v: %s", method, path, resp.Status, err, text)
	}
	return text
}

// role is the command that starts a process.
func role(name string) string {
	if name == "central" || name == "broker" {
		return name
	}
	return "node"
}
