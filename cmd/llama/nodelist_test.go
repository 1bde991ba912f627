package main

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/llama-logs/llama"
)

func TestNodesAreListedForPeople(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	tests := []struct{ name, node, want string }{
		{"well", `{"target":"plant","id":"n1","state":"online","version":"v1","last_seen":"2026-11-21T11:59:58Z",
			"health":{"trouble":[],"events_per_second":12.4,"last_event":"2026-11-21T11:58:30Z","free_bytes":1073741824,"total_bytes":4294967296,"clock_skew_ms":-40}}`,
			`{"target":"plant","node":"n1","state":"online","version":"v1","heard":"2s ago","events":"12/s","last event":"90s ago","disk free":"1 GiB (25%)","clock":"-0.0s","to see to":""}`},
		{"in trouble", `{"target":"plant","id":"n1","state":"online","last_seen":"2026-11-21T11:59:58Z",
			"health":{"trouble":[{"text":"one thing"},{"text":"another"}],"events_per_second":0,"free_bytes":0,"total_bytes":0,"clock_skew_ms":3600123}}`,
			`{"target":"plant","node":"n1","state":"online","version":"","heard":"2s ago","events":"0/s","last event":"none since its start","disk free":"","clock":"+3600.1s","to see to":"one thing; another"}`},
		{"away", `{"target":"plant","id":"n1","state":"offline","version":"v1","last_seen":"2026-11-18T11:59:58Z"}`,
			`{"target":"plant","node":"n1","state":"offline","version":"v1","heard":"3d ago","events":"","last event":"","disk free":"","clock":"","to see to":""}`},
	}
	for _, tt := range tests {
		var n listedNode
		if err := json.Unmarshal([]byte(tt.node), &n); err != nil {
			t.Fatal(err)
		}
		if got := string(llama.AppendFlat(nil, n.row(now))); got != tt.want {
			t.Errorf("%s:\ngot  %s\nwant %s", tt.name, got, tt.want)
		}
	}
}
