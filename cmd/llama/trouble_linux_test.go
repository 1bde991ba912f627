package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/llama-logs/llama/internal/api"
)

// TestSitesInTrouble asks central questions about three sites while everything breaks
// that can: links are cut, slow or lossy, nodes, the broker between and central are killed,
// central's disk is full. In the end each query has a true final state: what is done is
// complete, and nothing is there twice or in another's place. LLAMA_TROUBLE says how long
// (20s) and, as a program has to be built for it, has nodes' clocks be an hour off as well;
// LLAMA_SEED draws the same troubles.
func TestSitesInTrouble(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes a minute")
	}
	seed, lasts, program := numberFrom(t, "LLAMA_SEED", rand.Uint64()), 20*time.Second, ""
	if text := os.Getenv("LLAMA_TROUBLE"); text != "" {
		var err error
		if lasts, err = time.ParseDuration(text); err != nil {
			t.Fatalf("LLAMA_TROUBLE: %v", err)
		}
		program = shifted(t)
	}
	t.Logf("LLAMA_TROUBLE=%s LLAMA_SEED=%d", lasts, seed)
	w := newWorld(t, 3, program)
	rng := rand.New(rand.NewPCG(seed, 1))
	end := time.Now().Add(lasts)
	var asked []question
	var mu sync.Mutex // guards asked
	var asking sync.WaitGroup
	for client := range 2 {
		draws := rand.New(rand.NewPCG(seed, uint64(10+client)))
		asking.Go(func() {
			for time.Now().Before(end) {
				if q, ok := w.ask(draws); ok {
					mu.Lock()
					asked = append(asked, q)
					mu.Unlock()
				}
				time.Sleep(time.Duration(draws.IntN(300)) * time.Millisecond)
			}
		})
	}
	for time.Now().Before(end) {
		w.trouble(rng)
	}
	asking.Wait()
	w.heal()
	if len(asked) < int(lasts/time.Second)/2 {
		t.Errorf("only %d queries were taken in %s", len(asked), lasts)
	}
	states := map[string]int{}
	for _, q := range asked {
		states[w.check(q)]++
	}
	t.Logf("%d queries: %v", len(asked), states)
	w.clocksAreTold()
	waitFor(t, "the end of queries of which the answer was lost on its way", func() bool {
		var page api.QueryPage
		err := w.call("GET", "/queries?limit=1000", nil, &page)
		return err == nil && !slices.ContainsFunc(page.Queries, func(q api.Query) bool { return !ended(q.State) })
	})
	if states["done"] == 0 {
		t.Error("not one query was done")
	}
}

// A world is central and its sites, each a process on a host of its own.
type world struct {
	t       *testing.T
	net     *network
	home    string
	central *party
	broker  *party
	nodes   []*party
	shifted string // a program whose clock may be off; "" for none
	slow    string // the relay's file
	ballast string // fills central's disk

	client *http.Client
	token  string // of admin
}

// A party is a process that is killed and started again.
type party struct {
	w         *world
	namespace string
	args      []string
	data      string
	ahead     int // seconds that its clock is

	mu   sync.Mutex
	cmd  *exec.Cmd
	said bytes.Buffer
}

// A question is one query that central took.
type question struct {
	id   string
	rows bool // wants single rows, and not sums
}

const (
	troublePort = 8443
	perSite     = 2000 // events
	rowsPerSite = 40
	troubleURL  = "https://" + centralIP + ":8443"
	brokerURL   = "tls://" + hubIP + ":4222"
	password    = "a password of the troubled"
)

func newWorld(t *testing.T, sites int, program string) *world {
	t.Helper()
	w := &world{t: t, net: newNetwork(t, sites), home: t.TempDir(), shifted: program}
	disk := smallDisk(t, 96<<20)
	w.slow, w.ballast = filepath.Join(w.home, "slow"), filepath.Join(disk, "ballast")
	w.write("slow", "0")
	configuration := fmt.Sprintf("data: %s/central\nmaster_key: %s/central.key\nlog: {level: warn}\ncentral: {listen: \"0.0.0.0:%d\", results: {deadline: 15s}}\n", disk, w.home, troublePort)
	w.write("central.yaml", configuration)
	w.central = &party{w: w, namespace: w.net.central(), data: filepath.Join(disk, "central"), args: []string{"central", "-c", w.file("central.yaml")}}
	w.central.start()
	w.net.relay(troublePort, w.slow)
	w.signIn()
	w.between()
	w.central.kill(w.central.cmd)
	w.write("central.yaml", configuration+fmt.Sprintf("broker: {urls: [%q], ca: %s}\n", brokerURL, w.file("broker/ca.pem")))
	w.central.start()
	waitFor(t, "central to be up again", func() bool { _, err := w.online(); return err == nil })
	for i := range sites {
		w.nodes = append(w.nodes, w.join(i))
	}
	waitFor(t, "all sites to be online", func() bool {
		n, err := w.online()
		return err == nil && n == sites
	})
	return w
}

func (w *world) file(name string) string { return filepath.Join(w.home, name) }

func (w *world) write(name, text string) {
	w.t.Helper()
	if err := os.WriteFile(w.file(name), []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

// between starts the broker between central and the sites, on the hub.
func (w *world) between() {
	w.t.Helper()
	w.write("trust.conf", w.llama(w.net.central(), "broker", "config"))
	w.write("broker.yaml", fmt.Sprintf("data: %s\nlog: {level: warn}\nbroker: {listen: \"0.0.0.0:4222\", trust: %s}\n", w.file("broker"), w.file("trust.conf")))
	w.broker = &party{w: w, namespace: w.net.hub(), data: w.file("broker"), args: []string{"broker", "-c", w.file("broker.yaml")}}
	w.broker.start()
	waitFor(w.t, "the broker's authority", func() bool {
		_, err := os.Stat(w.file("broker/ca.pem"))
		return err == nil
	})
}

// command is llama in a namespace.
func (w *world) command(namespace string, args ...string) *exec.Cmd {
	self, err := exec.LookPath("llama")
	if err != nil {
		w.t.Fatal(err)
	}
	cmd := exec.Command(self, args...)
	cmd.Env = append(os.Environ(), "HOME="+w.home, "XDG_DATA_HOME="+w.home, "XDG_CONFIG_HOME="+w.home, "LLAMA_URL="+troubleURL,
		"LLAMA_CA="+filepath.Join(w.central.data, "ca.pem"), "LLAMA_TOKEN="+w.token)
	return w.net.in(namespace, cmd)
}

func (w *world) llama(namespace string, args ...string) string {
	w.t.Helper()
	cmd := w.command(namespace, args...)
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	if err := cmd.Run(); err != nil {
		w.t.Fatalf("llama %s: %v: %s", strings.Join(args, " "), err, said.String())
	}
	return strings.TrimSpace(out.String())
}

// join makes a node with its events. The first goes to the page's port, through the relay.
func (w *world) join(i int) *party {
	w.t.Helper()
	name := fmt.Sprint("site-", i)
	data := w.file(name)
	carrier := "auto"
	if i == 0 {
		carrier = "poll"
	}
	w.write(name+".yaml", fmt.Sprintf("data: %s\nmaster_key: %s.key\nlog: {level: warn}\nnode: {syslog: \"\", ingest: \"127.0.0.1:8480\", uplink: {carrier: %s}}\n", data, data, carrier))
	code := w.llama(w.net.central(), "target", "add", name)
	w.write(name+".code", code)
	w.llama(w.net.site(i), "node", "join", troubleURL, "-c", w.file(name+".yaml"), "--code-file", w.file(name+".code"))
	p := &party{w: w, namespace: w.net.site(i), data: data, args: []string{"node", "-c", w.file(name + ".yaml")}}
	p.start()
	var lines strings.Builder
	for n := range perSite {
		fmt.Fprintf(&lines, "{\"_msg\":\"event %d of %s\",\"site\":%q,\"n\":%d}\n", n, name, name, n)
	}
	w.write(name+".ndjson", lines.String())
	waitFor(w.t, "the ingest door of "+name, func() bool {
		return w.command(w.net.site(i), "import", "-q", "--collection", "seq", "--data", data, w.file(name+".ndjson")).Run() == nil
	})
	return p
}

func (p *party) start() {
	p.w.t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cmd = p.w.command(p.namespace, p.args...)
	if p.ahead != 0 {
		p.cmd = p.w.net.off(p.cmd, p.w.shifted, p.ahead)
	}
	p.cmd.Stderr = &p.said
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := p.cmd.Start(); err != nil {
		p.w.t.Fatal(err)
	}
	cmd := p.cmd
	p.w.t.Cleanup(func() {
		p.kill(cmd)
		if p.w.t.Failed() && p.said.Len() > 0 {
			p.w.t.Logf("%s said:\n%s", p.args, p.said.String())
			p.said.Reset()
		}
	})
}

// kill ends a process as a crash would, if it has not ended.
func (p *party) kill(cmd *exec.Cmd) {
	syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // fails when it has ended
	cmd.Wait()                                      // it was killed
}

// again kills the process and starts it after a while.
func (p *party) again(after time.Duration) {
	p.kill(p.cmd)
	time.Sleep(after)
	p.start()
}

// trouble makes one, for a while.
func (w *world) trouble(rng *rand.Rand) {
	while := time.Duration(200+rng.IntN(2500)) * time.Millisecond
	site := rng.IntN(len(w.nodes))
	switch rng.IntN(9) {
	case 0: // a cut link
		w.net.drop(site, 100)
		time.Sleep(while)
		w.net.drop(site, 0)
	case 1: // a bad one
		w.net.drop(site, 2)
		time.Sleep(while)
		w.net.drop(site, 0)
	case 2: // a slow way to central, for who connects now
		w.write("slow", "150")
		w.nodes[site].again(while / 10)
		time.Sleep(while)
		w.write("slow", "0")
	case 3:
		w.nodes[site].again(while / 4)
	case 4:
		w.central.again(while / 4)
	case 5: // central's disk is full
		fill(w.t, w.ballast)
		time.Sleep(while)
		w.room()
	case 6:
		w.broker.again(while / 4)
	case 7: // a clock that is off from now on, or is right again
		if w.shifted != "" {
			w.nodes[site].ahead = 3600 * (rng.IntN(3) - 1)
			w.nodes[site].again(while / 10)
		}
		time.Sleep(while)
	default: // peace
		time.Sleep(while)
	}
}

func (w *world) room() {
	if err := os.Remove(w.ballast); err != nil && !errors.Is(err, os.ErrNotExist) {
		w.t.Fatal(err)
	}
}

// heal ends all troubles.
func (w *world) heal() {
	w.room()
	w.write("slow", "0")
	for i := range w.nodes {
		w.net.drop(i, 0)
	}
}

// clocksAreTold waits until central says of each node whose clock is off that it is, and
// of no other.
func (w *world) clocksAreTold() {
	w.t.Helper()
	waitFor(w.t, "all sites to be back, and clocks to be known", func() bool {
		var list struct{ Targets []api.Target }
		if err := w.call("GET", "/targets", nil, &list); err != nil {
			return false
		}
		for i, target := range list.Targets {
			ahead := time.Duration(w.nodes[i].ahead) * time.Second
			if len(target.Nodes) != 1 || target.Nodes[0].Health == nil {
				return false
			}
			h := target.Nodes[0].Health
			off := time.Duration(h.ClockSkewMS)*time.Millisecond - ahead
			told := slices.ContainsFunc(h.Trouble, func(t api.Trouble) bool { return t.Kind == api.TroubleClock })
			if off.Abs() > 30*time.Second || told != (ahead != 0) {
				return false
			}
		}
		return true
	})
}

// signIn changes the first password and gets a token that lasts.
func (w *world) signIn() {
	w.t.Helper()
	pool := x509.NewCertPool()
	waitFor(w.t, "central's page", func() bool {
		pem, err := os.ReadFile(filepath.Join(w.central.data, "ca.pem"))
		if err != nil || !pool.AppendCertsFromPEM(pem) {
			return false
		}
		w.client = &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{
			TLSClientConfig: &tls.Config{RootCAs: pool}, DialContext: dialIn(w.net.hub()), DisableKeepAlives: true,
		}}
		resp, err := w.client.Get(troubleURL + "/healthz")
		if err == nil {
			resp.Body.Close()
		}
		return err == nil
	})
	first, err := readSecret(filepath.Join(w.central.data, "initial-admin-password"))
	if err != nil {
		w.t.Fatal(err)
	}
	signIn := func(password string) {
		var s api.SignedInSession
		if err := w.call("POST", "/session", api.Credentials{User: "admin", Password: password}, &s); err != nil {
			w.t.Fatal(err)
		}
		w.token = s.Token
	}
	signIn(first)
	if err := w.call("POST", "/session/password", api.PasswordChange{Old: first, New: password}, nil); err != nil {
		w.t.Fatal(err)
	}
	signIn(password)
}

// dialIn connects from within a namespace.
func dialIn(namespace string) func(ctx context.Context, network, address string) (net.Conn, error) {
	return func(ctx context.Context, network, address string) (conn net.Conn, err error) {
		done := make(chan struct{})
		go func() {
			defer close(done)
			runtime.LockOSThread() // and never unlock: the thread ends with the goroutine
			var ns *os.File
			if ns, err = os.Open("/run/netns/" + namespace); err != nil {
				return
			}
			defer ns.Close()
			if err = unix.Setns(int(ns.Fd()), unix.CLONE_NEWNET); err != nil {
				return
			}
			conn, err = (&net.Dialer{}).DialContext(ctx, network, address)
		}()
		<-done
		return conn, err
	}
}

// call asks the API.
func (w *world) call(method, path string, body, answer any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	req, err := http.NewRequest(method, troubleURL+"/api/v1"+path, bytes.NewReader(text))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	if w.token != "" {
		req.Header.Set("Authorization", "Bearer "+w.token)
	}
	resp, err := w.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode >= 300 {
		return fmt.Errorf("%s %s: %s: %s", method, path, resp.Status, got)
	}
	if answer == nil {
		return nil
	}
	return json.Unmarshal(got, answer)
}

func (w *world) online() (n int, err error) {
	var list struct{ Targets []api.Target }
	if err := w.call("GET", "/targets", nil, &list); err != nil {
		return 0, err
	}
	for _, target := range list.Targets {
		if target.State == "online" {
			n++
		}
	}
	return n, nil
}

// ask asks some sites something, if central takes it.
func (w *world) ask(rng *rand.Rand) (question, bool) {
	q := question{rows: rng.IntN(2) == 0}
	text := "_collection:seq | stats by (site) count() n, sum(n) sum"
	if q.rows {
		text = fmt.Sprintf("_collection:seq n:<%d | fields site, n", rowsPerSite)
	}
	var targets []string
	for _, i := range rng.Perm(len(w.nodes))[:1+rng.IntN(len(w.nodes))] {
		targets = append(targets, fmt.Sprint("site-", i))
	}
	body := map[string]any{"query": text, "targets": targets}
	if rng.IntN(3) == 0 {
		body["deadline"] = "+1s" // less than most troubles last
	}
	var taken api.Query
	err := w.call("POST", "/queries", body, &taken)
	q.id = taken.ID
	return q, err == nil
}

func ended(state string) bool {
	return !slices.Contains([]string{"queued", "delivered", "running"}, state)
}

// check waits until a query has ended, and compares its answer with its state.
func (w *world) check(asked question) string {
	w.t.Helper()
	var q api.Query
	waitFor(w.t, "the end of query "+asked.id, func() bool {
		return w.call("GET", "/query/"+asked.id, nil, &q) == nil && ended(q.State)
	})
	var page struct {
		Rows []struct {
			Site   string
			N, Sum json.Number
		}
	}
	if err := w.call("GET", "/query/"+asked.id+"/rows?limit=1000", nil, &page); err != nil {
		w.t.Errorf("rows of %s, %s: %v", q.ID, q.State, err)
		return q.State
	}
	rows, seen := map[string]int{}, map[string]bool{}
	for _, r := range page.Rows {
		if !slices.Contains(q.Targets, r.Site) {
			w.t.Errorf("query %s of %v has a row of %s", q.ID, q.Targets, r.Site)
		}
		key := r.Site
		if asked.rows {
			key += " " + r.N.String()
		} else if want := perSite * (perSite - 1) / 2; r.N.String() != fmt.Sprint(perSite) || r.Sum.String() != fmt.Sprint(want) {
			w.t.Errorf("query %s: %s has %s events and the sum %s, want %d and %d", q.ID, r.Site, r.N, r.Sum, perSite, want)
		}
		if seen[key] {
			w.t.Errorf("query %s has the row of %s twice", q.ID, key)
		}
		seen[key] = true
		rows[r.Site]++
	}
	done := true
	for _, task := range q.Tasks {
		done = done && task.State == "done"
		want := 1
		if asked.rows {
			want = rowsPerSite
		}
		if task.State == "done" && rows[task.Target] != want || rows[task.Target] > want {
			w.t.Errorf("query %s: %s is done, with %d rows; want %d", q.ID, task.Target, rows[task.Target], want)
		}
	}
	if done != (q.State == "done") || len(q.Tasks) != len(q.Targets) {
		w.t.Errorf("query %s of %v is %s, and its tasks are %+v", q.ID, q.Targets, q.State, q.Tasks)
	}
	return q.State
}
