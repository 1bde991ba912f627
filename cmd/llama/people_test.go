package main

import (
	"slices"
	"testing"

	"github.com/llama-logs/llama"
)

func TestListsForPeople(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		path, item string
		want       []string // name, value ...
	}{
		{"/users", `{"name":"bob","grants":[{"role":"operator","group":"branches"},{"role":"viewer","target":"plant-7"}],"created":"2026-11-22T01:08:15.168551537Z"}`,
			[]string{"name", "bob", "grants", "operator branches, viewer plant-7", "created", "2026-11-22T01:08:15Z"}},
		{"/targets", `{"name":"plant-7","nodes":[{"id":"oqhk","state":"online","last_seen":"2026-11-22T01:07:16Z"},{"id":"b2ce","state":"offline"}]}`,
			[]string{"name", "plant-7", "nodes", "oqhk online, b2ce offline"}},
		{savedPath, `{"query":"error","id":"7","targets":["a","b"],"name":"n","owner":"ana"}`,
			[]string{"id", "7", "name", "n", "owner", "ana", "changed", "", "targets", "a, b", "query", "error"}},
		{auditPath, `{"_id":"central-7","_time":"2026-11-22T03:42:14.541303304Z","event.action":"rows","event.outcome":"success","llama.rows":12,"llama.targets":["a","b"],"request.format":"csv"}`,
			[]string{"_time", "2026-11-22T03:42:14Z", "user.name", "", "event.action", "rows", "llama.object", "", "event.outcome", "success", "error.code", "",
				"llama.targets", "a, b", "llama.rows", "12", "source.ip", "", "request.query", ""}},
		{auditPath, `{"_id":"central-8","_time":"2026-11-22T03:42:15Z","event.action":"node-left","event.outcome":"success","llama.object":"g46b","llama.target":"branch"}`,
			[]string{"_time", "2026-11-22T03:42:15Z", "user.name", "", "event.action", "node-left", "llama.object", "g46b", "event.outcome", "success", "error.code", "",
				"llama.targets", "branch", "llama.rows", "", "source.ip", "", "request.query", ""}},
		{"/other", `{"none":[],"numbers":[1,2],"of":{"a":1},"text":"2026"}`,
			[]string{"none", "", "numbers", "[1,2]", "of.a", "1", "text", "2026"}},
	} {
		row, err := rowOf([]byte(tt.item))
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, f := range plainRow(tt.path, row) {
			if f.Kind == llama.Array {
				t.Errorf("%s: %s is a list", tt.path, f.Name)
			}
			got = append(got, f.Name, f.Value)
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s: got %q, want %q", tt.path, got, tt.want)
		}
	}
}
