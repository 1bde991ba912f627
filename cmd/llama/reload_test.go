package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/llama-logs/llama/internal/node"
)

// TestConfigurationIsReadAgain changes a node's configuration file while it runs, to
// what is right and what is wrong, and has it read from central, on its machine and by a
// signal.
func TestConfigurationIsReadAgain(t *testing.T) {
	t.Parallel()
	d := newDeployment(t, "")
	d.node("madrid", 0, "")
	file := func(level, ingest, more string) {
		d.configure("madrid", fmt.Sprintf("log: {level: %s}\nnode:\n  syslog: 127.0.0.1:0\n  ingest: %s\n  uplink: {machine_id: %s}\n%s", level, ingest, d.path("madrid.id"), more))
	}
	const better = "  routes: [{fields: {site.name: north}}]\n  archive: {retention: {age: 7d}, collections: {app: {age: 30d}}}\n  queries: {time: 5m}\n"
	file("warn", "127.0.0.1:1", better)
	changed := []string{"log.level", "node.routes", "node.archive.retention.age", "node.archive.collections", "node.queries.time"}
	if done := d.reload(); !slices.Equal(done.Changed, changed) || !slices.Equal(done.Restart, []string{"node.ingest"}) {
		t.Errorf("changed %q, needs a restart: %q", done.Changed, done.Restart)
	}
	d.write("one.ndjson", `{"_msg":"one more"}`)
	d.must("import", "-q", "--data", d.path("madrid.data"), "--collection", "app", d.path("one.ndjson"))
	if got := d.must("query", `one | fields site.name`); got != `{"site.name":"north"}`+"\n" {
		t.Errorf("the event is %s", got)
	}
	if got := d.must("collection", "list"); !strings.Contains(got, `"age":"30d"`) {
		t.Errorf("the collection is kept so: %s", got)
	}

	for _, wrong := range []struct{ more, want string }{
		{"  routes: [{parser: nonesuch}]\n", `nonesuch`},
		{better + "  quuries: {}\n", `madrid.yaml:11:3: node.quuries: unknown key`},
		{better + "  parsers: {dir: " + d.path("parsers") + "}\n", "read the parser modules in " + d.path("parsers") + ": no such file"},
	} {
		file("info", "127.0.0.1:0", wrong.more)
		for _, where := range [][]string{{"target", "reload", "madrid"}, {"node", "reload", "--data", d.path("madrid.data")}} {
			if out, err := d.command(where...).CombinedOutput(); err == nil || !strings.Contains(string(out), "nothing was changed") || !strings.Contains(string(out), wrong.want) {
				t.Errorf("%q, which is wrong: %v: %s", wrong.more, err, out)
			}
		}
	}
	file("warn", "127.0.0.1:1", better)
	if done := d.reload(); len(done.Changed) != 0 || !slices.Equal(done.Restart, []string{"node.ingest"}) {
		t.Errorf("what was wrong changed %q, needs a restart: %q", done.Changed, done.Restart)
	}
	if s := d.status(); s.LogLevel != "warn" || s.Events != 1 || len(s.Receivers) != 3 {
		t.Errorf("its status is %+v", s)
	}

	d.must("target", "log-level", "madrid", "debug")
	if done := d.reload(); !slices.Equal(done.Changed, []string{"log.level"}) || d.status().LogLevel != "warn" {
		t.Errorf("what central had set is taken back: %q is named, the status is %+v", done.Changed, d.status())
	}

	file("error", "127.0.0.1:0", better)
	if err := d.running["madrid"].Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the signal to have the file read", func() bool { return d.status().LogLevel == "error" })
	for _, want := range []string{"reload-nodes success", "reload-nodes failure", "node-status success"} {
		part := strings.Fields(want)
		if got := d.must("audit", "event.action:="+part[0]+" event.outcome:="+part[1]+" llama.object:=madrid user.name:=admin | limit 1"); got == "" {
			t.Errorf("the audit log does not have %s", want)
		}
	}
	if got := d.must("node", "ledger", "--data", d.path("madrid.data"), "--query", "event.action:command user.name:=admin reload | limit 1"); got == "" {
		t.Error("the ledger does not have that central had the configuration read")
	}
}

// reload has central tell the target madrid, and returns what its node answered.
func (d *deployment) reload() node.Reloaded {
	d.t.Helper()
	var all struct{ Nodes []node.Reloaded }
	if err := json.Unmarshal(d.api("POST", "/targets/madrid/reload", nil), &all); err != nil || len(all.Nodes) != 1 {
		d.t.Fatalf("reload: %+v, %v", all, err)
	}
	return all.Nodes[0]
}

// status asks the target madrid how it is, and returns what its node answered.
func (d *deployment) status() node.Status {
	d.t.Helper()
	var all struct{ Nodes []node.Status }
	if err := json.Unmarshal(d.api("GET", "/targets/madrid/status", nil), &all); err != nil || len(all.Nodes) != 1 {
		d.t.Fatalf("status: %+v, %v", all, err)
	}
	return all.Nodes[0]
}
