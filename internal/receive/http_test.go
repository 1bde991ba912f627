package receive_test

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"
	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/receive"
	"github.com/llama-logs/llama/internal/receive/receivetest"
)

const token = "0123456789abcdefghij"

func tokenFile(t testing.TB) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ingest-token")
	if err := os.WriteFile(path, []byte("# writers\n\n"+token+"\nanother-token-here\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func openHTTP(t testing.TB, o receive.HTTPOptions) *receive.HTTP {
	t.Helper()
	o.Listen = "127.0.0.1:0"
	if o.Tokens == "" {
		o.Tokens = tokenFile(t)
	}
	h, err := receive.OpenHTTP(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	return h
}

// serveHTTP runs a receiver over a fresh sink.
func serveHTTP(t testing.TB, o receive.HTTPOptions, sink *receivetest.Sink) string {
	o.Positions = sink
	h := openHTTP(t, o)
	run(t, h, sink)
	return "http://" + h.Addr().String()
}

type reply struct {
	status int
	header http.Header
	body   string
}

func (r reply) decode(t testing.TB) (v map[string]any) {
	t.Helper()
	if err := json.Unmarshal([]byte(r.body), &v); err != nil {
		t.Fatalf("answer %q: %v", r.body, err)
	}
	return v
}

func ask(t testing.TB, method, url, body string, header ...string) reply {
	t.Helper()
	r, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return reply{answer.StatusCode, answer.Header, string(text)}
}

func post(t testing.TB, url, body string, header ...string) reply {
	return ask(t, http.MethodPost, url, body, header...)
}

func TestHTTPConforms(t *testing.T) {
	t.Parallel()
	kinds := map[string]struct {
		path string
		line func(m string) string
	}{
		"jsonl": {"/insert/jsonl?collection=app", func(m string) string {
			return string(llama.AppendString([]byte(`{"message":`), m)) + "}\n"
		}},
		"lines": {"/insert/lines?collection=app", func(m string) string { return m + "\n" }},
		"bulk": {"/_bulk", func(m string) string {
			return `{"create":{"_index":"app"}}` + "\n" + string(llama.AppendString([]byte(`{"message":`), m)) + "}\n"
		}},
	}
	for name, kind := range kinds {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			receivetest.Run(t, func(t *testing.T) receivetest.Subject {
				h := openHTTP(t, receive.HTTPOptions{})
				client := &http.Client{Transport: &http.Transport{}}
				t.Cleanup(client.CloseIdleConnections)
				return receivetest.Subject{Receiver: h, Acknowledges: true, Send: func(messages []string) error {
					var b strings.Builder
					for _, m := range messages {
						b.WriteString(kind.line(m))
					}
					r, err := http.NewRequest("POST", "http://"+h.Addr().String()+kind.path, strings.NewReader(b.String()))
					if err != nil {
						return err
					}
					r.Header.Set("Authorization", "Bearer "+token)
					answer, err := client.Do(r)
					if err != nil {
						return err
					}
					defer answer.Body.Close()
					text, _ := io.ReadAll(answer.Body)
					if answer.StatusCode != http.StatusOK || strings.Contains(string(text), `"errors":true`) {
						return fmt.Errorf("%s: %s", answer.Status, text)
					}
					return nil
				}}
			})
		})
	}
}

// A decodingSink counts the batches that it is given to be decoded on the way.
type decodingSink struct {
	*receivetest.Sink
	batches atomic.Int32
}

func (s *decodingSink) PutDecoded(ctx context.Context, b *llama.Batch, decoder func() (decode func(*llama.Event) error)) error {
	s.batches.Add(1)
	return s.Sink.PutDecoded(ctx, b, decoder)
}

// TestLinesAreDecodedAlike sends the same lines, some of which are wrong, too long or empty, to a
// sink that has them decoded and to one that has not.
func TestLinesAreDecodedAlike(t *testing.T) {
	t.Parallel()
	object := func(i int) string { return fmt.Sprintf(`{"_msg":"event %d","n":%d,"a":{"b":"%d"}}`, i, i, i) }
	long := `{"_msg":"` + strings.Repeat("x", 100) + `"}`
	for _, wrong := range []string{"", "\n  \n", "no object\n", long + "\n", long + "\n[]\n{\n"} {
		var body strings.Builder
		for i := range 20_000 {
			if i%7000 == 5000 {
				body.WriteString(wrong)
			}
			body.WriteString(object(i) + "\n")
		}
		var answers [2]reply
		var sinks [2]receivetest.Sink
		decoding := &decodingSink{Sink: &sinks[0]}
		for i, sink := range []llama.Sink{decoding, llama.SinkFunc(sinks[1].Put)} {
			h := openHTTP(t, receive.HTTPOptions{MaxLine: 90})
			run(t, h, sink)
			answers[i] = post(t, "http://"+h.Addr().String()+"/insert/jsonl?collection=app", body.String())
		}
		if answers[0].status != answers[1].status || answers[0].body != answers[1].body {
			t.Errorf("%.20q: answers %+v and %+v", wrong, answers[0], answers[1])
		}
		if late := decoding.batches.Load() > 0; late == strings.Contains(wrong, long) {
			t.Errorf("%.20q: decoded on the way: %t; only a batch with a line that was cut is not", wrong, late)
		}
		late, here := sinks[0].Events(), sinks[1].Events()
		if len(late) < 20_000 || len(late) != len(here) {
			t.Fatalf("%.20q: %d and %d events", wrong, len(late), len(here))
		}
		for i := range late {
			late[i].Time, late[i].Ingested, here[i].Time, here[i].Ingested = 0, 0, 0, 0 // these differ
			if diff := cmp.Diff(here[i], late[i]); diff != "" {
				t.Fatalf("%.20q, event %d: %s", wrong, i, diff)
			}
		}
	}
}

func TestInsertJSONKeepsWhatIsSaid(t *testing.T) {
	t.Parallel()
	sink := &receivetest.Sink{}
	url := serveHTTP(t, receive.HTTPOptions{}, sink)
	got := post(t, url+"/insert/jsonl?collection=app", strings.Join([]string{
		`{"_msg":"a","_time":"2026-11-20T10:00:00.5Z","user":{"name":"root"},"n":1.0}`,
		`{"message":"b","@timestamp":1700000000123,"timestamp":"2001-01-01T00:00:00Z","_collection":"x","_id":"7"}`,
		`{"message":{"text":"c"},"timestamp":"never","ok":true}`,
		``,
		`{"message":"d","_msg":"e","_time":"what"}`,
		`{"_msg":"f","":"g","labels.unnamed":"h"}`,
	}, "\r\n"))
	if got.status != 200 || got.body != `{"accepted":5,"rejected":0}`+"\n" {
		t.Fatalf("got %+v", got)
	}
	type event struct {
		Time    string
		Message string
		Fields  string
	}
	var events []event
	for _, e := range sink.Events() {
		when := e.Time.String()
		if e.Time == e.Ingested {
			when = "arrival"
		}
		if e.Collection != "app" || e.Source != "http-jsonl 127.0.0.1" {
			t.Errorf("collection %q, source %q", e.Collection, e.Source)
		}
		events = append(events, event{when, e.Message, string(llama.AppendFlat(nil, e.Fields))})
	}
	want := []event{
		{"2026-11-20T10:00:00.5Z", "a", `{"user.name":"root","n":1.0}`},
		{"2023-11-14T22:13:20.123Z", "b", `{"timestamp":"2001-01-01T00:00:00Z","labels.collection":"x","labels.id":"7"}`},
		{"arrival", "", `{"message.text":"c","timestamp":"never","ok":true}`},
		{"arrival", "e", `{"message":"d","labels.time":"what","error.message":"the event's time cannot be read; RFC 3339 or seconds since 1970"}`},
		{"arrival", "f", `{"labels.labels.unnamed":"g","labels.unnamed":"h"}`},
	}
	if diff := cmp.Diff(want, events); diff != "" {
		t.Error(diff)
	}
}

func TestInsertRefuses(t *testing.T) {
	t.Parallel()
	url := serveHTTP(t, receive.HTTPOptions{MaxLine: 50, MaxBody: 300}, &receivetest.Sink{})
	tests := []struct {
		name, path, body string
		header           []string
		status           int
		detail           string
		accepted         int
	}{
		{name: "bad line", path: "jsonl?collection=a", body: `{"message":"a"}` + "\nnope\n" + `{"message":"b"}`,
			status: 400, detail: "line 2: offset 0: ", accepted: 2},
		{name: "an array", path: "jsonl?collection=a", body: `[1]`, status: 400, detail: "line 1: offset 0: "},
		{name: "two bad lines", path: "jsonl?collection=a", body: "{\n{}\n}", status: 400, detail: "; and 1 more", accepted: 1},
		{name: "long body", path: "jsonl?collection=a", body: strings.Repeat("{}\n", 101), status: 413, detail: "longer than 300 bytes", accepted: 100},
		{name: "no collection", path: "jsonl", body: "{}", status: 400, detail: `collection "" is not a name`},
		{name: "odd collection", path: "lines?collection=A/b", body: "x", status: 400, detail: `collection "A/b" is not a name`},
		{name: "unknown parser", path: "lines?collection=a&parser=x", body: "x", status: 400, detail: "a parser cannot be chosen"},
		{name: "unknown encoding", path: "lines?collection=a", body: "x", header: []string{"Content-Encoding", "br"}, status: 400, detail: "gzip, zstd, deflate"},
		{name: "not gzip", path: "lines?collection=a", body: "hello, world", header: []string{"Content-Encoding", "gzip"}, status: 400, detail: "cannot be read"},
		{name: "no token", path: "lines?collection=a", body: "x", header: []string{"Authorization", "Bearer wrong"}, status: 401, detail: "a write token is needed"},
		{name: "sequence", path: "lines?collection=a", body: "x", header: []string{"Llama-Source", "s", "Llama-Sequence", "-1"}, status: 400, detail: "Llama-Sequence"},
		{name: "sequence without source", path: "lines?collection=a", body: "x", header: []string{"Llama-Sequence", "1"}, status: 400, detail: "Llama-Source"},
		{name: "gap", path: "lines?collection=a", body: "x", header: []string{"Llama-Source", "s", "Llama-Sequence", "7"}, status: 409, detail: "0 is expected"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := post(t, url+"/insert/"+tt.path, tt.body, tt.header...)
			if got.status != tt.status || got.header.Get("Content-Type") != "application/problem+json" {
				t.Fatalf("got %+v, want status %d", got, tt.status)
			}
			p := got.decode(t)
			if !strings.Contains(p["detail"].(string), tt.detail) {
				t.Errorf("got detail %q, want %q within", p["detail"], tt.detail)
			}
			if n, _ := p["accepted"].(float64); int(n) != tt.accepted {
				t.Errorf("got %v accepted, want %d", p["accepted"], tt.accepted)
			}
		})
	}
	if got := ask(t, "GET", url+"/insert/jsonl?collection=a", ""); got.status != 405 || got.header.Get("Allow") != "POST" {
		t.Errorf("GET: got %+v", got)
	}
	if got := ask(t, "GET", url+"/healthz", "", "Authorization", ""); got.status != 200 {
		t.Errorf("healthz: got %+v", got)
	}
}

func TestLongLinesAreCut(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 3<<20)
	object := `{"_msg":"` + long + `"}`
	tests := []struct {
		name, path, body string
		want             []string
		flagged          []string // the events' error.message where they are flagged
	}{
		{"plain", "/insert/lines?collection=a", strings.Repeat("y", 30) + "\r\n" + long[:31] + "\n" + long + "\nlast",
			[]string{strings.Repeat("y", 30), long[:30], long[:30], "last"}, []string{"-", "", "", "-"}},
		{"JSON", "/insert/jsonl?collection=a", object + "\n{\"_msg\":\"last\"}",
			[]string{object[:30], "last"}, []string{"the line was longer than 30B and is no JSON where it was cut", "-"}},
		{"bulk", "/a/_bulk", "{\"create\":{}}\n" + object + "\n{\"index\":{}}\n{\"message\":\"last\"}\n",
			[]string{object[:30], "last"}, []string{"the line was longer than 30B and is no JSON where it was cut", "-"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			sink := &receivetest.Sink{}
			url := serveHTTP(t, receive.HTTPOptions{MaxLine: 30}, sink)
			if got := post(t, url+tt.path, tt.body); got.status != 200 || strings.Contains(got.body, `"errors":true`) {
				t.Fatalf("got %+v", got)
			}
			sink.Want(t, tt.want)
			for i, e := range sink.Events() {
				got := "-"
				if flags, ok := e.Lookup("log.flags"); ok && flags == `["truncated"]` {
					got, _ = e.Lookup("error.message")
				}
				if got != tt.flagged[i] {
					t.Errorf("event %d: got %q, want %q", i, got, tt.flagged[i])
				}
			}
		})
	}
}

func TestInsertUnpacks(t *testing.T) {
	t.Parallel()
	sink := &receivetest.Sink{}
	url := serveHTTP(t, receive.HTTPOptions{MaxBody: 1 << 20}, sink)
	writers := map[string]func(w io.Writer) io.WriteCloser{
		"gzip":    func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) },
		"deflate": func(w io.Writer) io.WriteCloser { return zlib.NewWriter(w) },
		"zstd":    func(w io.Writer) io.WriteCloser { z, _ := zstd.NewWriter(w); return z },
		"bare":    func(w io.Writer) io.WriteCloser { z, _ := flate.NewWriter(w, 6); return z },
	}
	for name, open := range writers {
		pack := func(text string) string {
			var b bytes.Buffer
			w := open(&b)
			io.WriteString(w, text)
			w.Close()
			return b.String()
		}
		encoding := strings.Replace(name, "bare", "deflate", 1)
		got := post(t, url+"/insert/lines?collection=a", pack("one\ntwo\n"), "Content-Encoding", encoding)
		if got.status != 200 || !strings.Contains(got.body, `"accepted":2`) {
			t.Errorf("%s: got %+v", name, got)
		}
		bomb := post(t, url+"/insert/lines?collection=a", pack(strings.Repeat("\n", 1<<21)), "Content-Encoding", encoding)
		if bomb.status != 413 {
			t.Errorf("%s: a bomb: got %+v", name, bomb)
		}
	}
}

func TestTokens(t *testing.T) {
	t.Parallel()
	url := serveHTTP(t, receive.HTTPOptions{}, &receivetest.Sink{})
	b64 := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
	tests := []struct {
		authorization string
		status        int
	}{
		{"Bearer " + token, 200},
		{"bearer another-token-here", 200},
		{"Basic " + b64("anyone:"+token), 200},
		{"ApiKey " + b64("id:"+token), 200},
		{"ApiKey " + token, 200},
		{"", 401},
		{token, 401},
		{"Bearer ", 401},
		{"Bearer # writers", 401},
		{"Bearer " + token[1:], 401},
		{"Basic " + b64(token+":"), 401},
		{"Digest " + token, 401},
	}
	for _, tt := range tests {
		if got := post(t, url+"/insert/lines?collection=a", "x", "Authorization", tt.authorization); got.status != tt.status {
			t.Errorf("%q: got %+v, want %d", tt.authorization, got, tt.status)
		}
	}
}

func TestTokenFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "made")
	for i, want := range []bool{true, false} {
		if made, err := receive.CreateTokenFile(path); made != want || err != nil {
			t.Errorf("create %d: %v, %v", i, made, err)
		}
	}
	for _, tt := range []struct {
		name, text string
		mode       os.FileMode
		want       string
	}{
		{"open", token, 0o644, "may be read by others"},
		{"empty", "\n# none\n", 0o600, "holds no token"},
		{"short", "password", 0o600, "short:1: token is shorter than 16"},
	} {
		path := filepath.Join(dir, tt.name)
		if err := os.WriteFile(path, []byte(tt.text), tt.mode); err != nil {
			t.Fatal(err)
		}
		if _, err := receive.OpenHTTP(receive.HTTPOptions{Listen: "127.0.0.1:0", Tokens: path}); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %q", tt.name, err, tt.want)
		}
	}
	openHTTP(t, receive.HTTPOptions{Tokens: path})
}

func TestRepeatsAreHarmless(t *testing.T) {
	t.Parallel()
	sink := &receivetest.Sink{}
	url := serveHTTP(t, receive.HTTPOptions{}, sink)
	send := func(first int, body string) reply {
		return post(t, url+"/insert/jsonl?collection=a", body, "Llama-Source", "agent 7", "Llama-Epoch", "e1", "Llama-Sequence", strconv.Itoa(first))
	}
	next := func() string {
		return ask(t, "GET", url+"/insert/position?source=agent+7&epoch=e1", "").body
	}
	lines := `{"message":"0"}` + "\n\nbad\n" + `{"message":"3"}` + "\n"
	for range 2 {
		if got := send(0, lines); got.status != 400 {
			t.Errorf("got %+v", got)
		}
		if got := next(); got != `{"next":4}`+"\n" {
			t.Errorf("position %s", got)
		}
	}
	if got := send(9, lines); got.status != 409 || got.header.Get("Llama-Expected") != "4" {
		t.Errorf("gap: got %+v", got)
	}
	if got := send(3, `{"message":"3"}`+"\n"+`{"message":"4"}`); got.status != 200 {
		t.Errorf("overlap: got %+v", got)
	}
	for range 2 {
		if got := post(t, url+"/insert/lines?collection=a", "once", "Idempotency-Key", "k1"); got.status != 200 {
			t.Errorf("got %+v", got)
		}
	}
	sink.Want(t, []string{"0", "3", "4", "once"})
}

func TestUnavailableSaysWhatWasAccepted(t *testing.T) {
	t.Parallel()
	puts := 0
	sink := &receivetest.Sink{Before: func() error {
		if puts++; puts == 2 {
			return llama.Errorf(llama.Unavailable, "the disk is full")
		}
		if puts == 3 {
			return fmt.Errorf("open /secret: input/output error")
		}
		return nil
	}}
	url := serveHTTP(t, receive.HTTPOptions{}, sink)
	got := post(t, url+"/insert/lines?collection=a", strings.Repeat("x\n", 9000))
	if got.status != 503 || got.header.Get("Retry-After") == "" {
		t.Fatalf("got %+v", got)
	}
	if p := got.decode(t); p["accepted"] != 8192.0 || p["detail"] != "the disk is full" {
		t.Errorf("got %v", p)
	}
	got = post(t, url+"/insert/lines?collection=a", "x")
	if got.status != 500 || strings.Contains(got.body, "secret") {
		t.Errorf("internal: got %+v", got)
	}
}
