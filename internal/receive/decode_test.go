package receive

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/llama-logs/llama"
)

func TestTimeOf(t *testing.T) {
	t.Parallel()
	tests := []struct {
		value string
		kind  llama.Kind
		want  string // empty: none
	}{
		{"2026-11-20T10:00:00Z", llama.String, "2026-11-20T10:00:00Z"},
		{"2026-11-20T10:00:00.123456789+01:00", llama.String, "2026-11-20T09:00:00.123456789Z"},
		{"2026-11-20T10:00:00,5+0100", llama.String, "2026-11-20T09:00:00.5Z"},
		{"2026-11-20 10:00:00 +0100", llama.String, "2026-11-20T09:00:00Z"},
		{"2026-11-20 10:00:00.25", llama.String, "2026-11-20T10:00:00.25Z"},
		{"2026-11-20", llama.String, ""},
		{"2026-13-20T10:00:00Z", llama.String, ""},
		{"soon", llama.String, ""},
		{"", llama.String, ""},
		{"1700000000", llama.String, "2023-11-14T22:13:20Z"},
		{"1700000000", llama.Number, "2023-11-14T22:13:20Z"},
		{"1700000000.123", llama.Number, "2023-11-14T22:13:20.123Z"},
		{"1700000000123", llama.Number, "2023-11-14T22:13:20.123Z"},
		{"1700000000123456", llama.Number, "2023-11-14T22:13:20.123456Z"},
		{"1700000000123456789", llama.Number, "2023-11-14T22:13:20.123456789Z"},
		{"12.5", llama.Number, ""},
		{"-1700000000", llama.Number, ""},
		{"99999999999999999999", llama.Number, ""},
		{"99999999999", llama.Number, ""}, // the year 5138: beyond what a Time holds
		{"1e18", llama.Number, ""},
		{"true", llama.Bool, ""},
	}
	for _, tt := range tests {
		got, ok := timeOf(&llama.Field{Value: tt.value, Kind: tt.kind})
		if ok != (tt.want != "") || ok && got.String() != tt.want {
			t.Errorf("timeOf(%q): got %v, %v; want %q", tt.value, got, ok, tt.want)
		}
	}
}

func TestCollectionNames(t *testing.T) {
	t.Parallel()
	tests := []struct{ index, want string }{
		{"app", "app"},
		{"Logs App", "logs_app"},
		{"logstash-2026.11.20", "logstash"},
		{"app-2026.11", "app"},
		{"filebeat-9.2.0-2026.11.20", "filebeat-9.2.0"},
		{".ds-logs-nginx.access-default", "ds-logs-nginx.access-default"},
		{"-2026.11.20", "-2026.11.20"},
		{"", "unnamed"},
		{"...", "unnamed"},
		{"größe", "gr__e"},
		{strings.Repeat("x", 70), strings.Repeat("x", 64)},
	}
	for _, tt := range tests {
		if got := indexCollection(tt.index); got != tt.want || !ValidCollection(got) {
			t.Errorf("indexCollection(%q): got %q, want %q", tt.index, got, tt.want)
		}
	}
}

// FuzzAction checks that action lines of bulk requests are read as JSON has them.
func FuzzAction(f *testing.F) {
	for _, s := range []string{`{"create":{"_index":"a","_id":"1"}}`, `{"index":{}}`, `{"create":1}`, `{"delete":{},"x":2}`, `{}`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, line string) {
		item, err := parseAction(line)
		if err != nil {
			return
		}
		var want map[string]map[string]any
		if json.Unmarshal([]byte(line), &want) == nil && len(want) != 1 {
			t.Fatalf("%q: %d actions were taken for one", line, len(want))
		}
		if out := item.append(nil, false); !json.Valid(out) {
			t.Fatalf("%q gives %q", line, out)
		}
	})
}

// FuzzHeaders checks that no header makes a position that could meet that of
// another kind of sender, or be without bounds.
func FuzzHeaders(f *testing.F) {
	f.Add("agent", "1", "7", "", "Bearer x")
	f.Add("", "", "", "key", "Basic eDp5")
	f.Add("a", "", "-1", "", "ApiKey eDp5")
	f.Fuzz(func(t *testing.T, source, epoch, sequence, key, authorization string) {
		h := http.Header{}
		h.Set("Llama-Source", source)
		h.Set("Llama-Epoch", epoch)
		h.Set("Llama-Sequence", sequence)
		h.Set("Idempotency-Key", key)
		h.Set("Authorization", authorization)
		tokenOf(&http.Request{Header: h})
		p, first, err := positionOf(h)
		if err != nil || !p.Named() {
			return
		}
		if p.Source != sourceKeys && !strings.HasPrefix(p.Source, sourcePrefix) || len(p.Source)+len(p.Epoch) > 1000 || first > 1<<62 {
			t.Fatalf("got %+v from %d", p, first)
		}
	})
}

// FuzzEvent checks that a JSON event keeps its names unique and leaves none that
// is reserved.
func FuzzEvent(f *testing.F) {
	f.Add(`{"message":"a","@timestamp":"2026-11-20T10:00:00Z","_id":"1","labels":{"id":2}}`)
	f.Add(`{"_time":1,"timestamp":2,"_msg":[1]}`)
	f.Fuzz(func(t *testing.T, object string) {
		var e llama.Event
		if decodeEvent(new(llama.FieldDecoder), &e, object) != nil {
			return
		}
		seen := map[string]bool{}
		for _, field := range e.Fields {
			if _, bad := reserved[field.Name]; bad || field.Name == llama.NameMessage || seen[field.Name] {
				t.Fatalf("%q gives field %q; all: %v", object, field.Name, e.Fields)
			}
			seen[field.Name] = true
		}
	})
}

func BenchmarkDecodeEvent(b *testing.B) {
	object := `{"@timestamp":"2026-11-20T10:00:00.123Z","message":"Accepted password for root from 192.0.2.7 port 51888 ssh2","host":{"name":"web1"},"process":{"name":"sshd","pid":4711},"log":{"level":"info"}}`
	var d llama.FieldDecoder
	var e llama.Event
	b.ReportAllocs()
	b.SetBytes(int64(len(object)))
	for b.Loop() {
		e = llama.Event{Fields: e.Fields[:0]}
		if err := decodeEvent(&d, &e, object); err != nil {
			b.Fatal(err)
		}
	}
}
