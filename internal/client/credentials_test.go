package client

import (
	"bufio"
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"

	"github.com/llama-logs/llama"
)

func TestCredentialsAreKept(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "llama", "credentials.json")
	if c, err := ReadCredentials(file); err != nil || c != (Credentials{}) {
		t.Errorf("without a file: %+v, %v", c, err)
	}
	want := Credentials{URL: "https://logs.example.com", User: "eva", Token: "t", CA: "pem", CASum: "sum"}
	for range 2 { // the second replaces the first
		if err := want.Write(file); err != nil {
			t.Fatal(err)
		}
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v; want mode 0600", info, err)
	}
	got, err := ReadCredentials(file)
	if d := cmp.Diff(want, got); d != "" || err != nil {
		t.Errorf("%v -want +got\n%s", err, d)
	}
	if err := os.Chmod(file, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadCredentials(file); llama.CodeOf(err) != llama.Forbidden {
		t.Errorf("a file others may read: %v", err)
	}
	if err := os.WriteFile(file, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(file, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadCredentials(file); llama.CodeOf(err) != llama.Invalid {
		t.Errorf("a damaged file: %v", err)
	}
}

func TestEnvironmentOverlaysCredentials(t *testing.T) {
	t.Parallel()
	ca := filepath.Join(t.TempDir(), "ca.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("der")})
	if err := os.WriteFile(ca, text, 0o600); err != nil {
		t.Fatal(err)
	}
	stored := Credentials{URL: "https://a", User: "eva", Token: "secret"}
	overlay := func(env map[string]string) (Credentials, error) {
		return stored.Overlay(func(name string) string { return env[name] })
	}
	if c, err := overlay(nil); err != nil || c != stored {
		t.Errorf("nothing set: %+v, %v", c, err)
	}
	if c, err := overlay(map[string]string{"LLAMA_URL": "https://b"}); err != nil || c != (Credentials{URL: "https://b"}) {
		t.Errorf("another URL keeps what belongs to the first: %+v, %v", c, err)
	}
	c, err := overlay(map[string]string{"LLAMA_TOKEN": "other", "LLAMA_CA": ca})
	if err != nil || c.Token != "other" || c.CA != string(text) || len(c.CASum) != 64 || c.URL != "https://a" {
		t.Errorf("token and authority: %+v, %v", c, err)
	}
	if _, err := overlay(map[string]string{"LLAMA_CA": ca + "x"}); llama.CodeOf(err) != llama.Invalid {
		t.Errorf("no such file: %v", err)
	}
	if _, err := (Credentials{}).Client(nil); llama.CodeOf(err) != llama.Unauthorized {
		t.Errorf("no central: %v", err)
	}
}

func TestRetriesOnlyWhatChangesNothing(t *testing.T) {
	t.Parallel()
	var calls atomic.Int32
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if calls.Add(1)%2 == 1 {
			http.Error(w, "<html>starting</html>", http.StatusBadGateway)
			return
		}
		w.Write([]byte(`{"targets":[]}`))
	}))
	defer proxy.Close()
	c, err := New(Options{URL: proxy.URL})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Targets(t.Context()); err != nil || calls.Load() != 2 {
		t.Errorf("a read: %v after %d calls", err, calls.Load())
	}
	_, err = c.FormatQuery(t.Context(), "x")
	if err == nil || !strings.Contains(err.Error(), "502 Bad Gateway") || calls.Load() != 3 {
		t.Errorf("a POST: %v after %d calls", err, calls.Load())
	}
}

func TestErrorsOfAnExportMayBePacked(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Encoding", r.Header.Get("Accept-Encoding"))
		w.WriteHeader(http.StatusNotFound)
		packed, err := zstd.NewWriter(w)
		if err != nil {
			t.Error(err)
			return
		}
		packed.Write([]byte(`{"status":404,"detail":"there is no such query"}`))
		packed.Close()
	}))
	defer server.Close()
	c, err := New(Options{URL: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Export(t.Context(), "x", "ndjson", false, io.Discard); err == nil || err.Error() != "there is no such query" {
		t.Errorf("got %v", err)
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	t.Parallel()
	var stolen atomic.Bool
	thief := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		stolen.Store(true)
	}))
	defer thief.Close()
	server := httptest.NewServer(http.RedirectHandler(thief.URL, http.StatusFound))
	defer server.Close()
	c, err := New(Options{URL: server.URL, Token: "secret"})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Targets(t.Context()); err == nil || stolen.Load() {
		t.Errorf("got %v; followed: %v", err, stolen.Load())
	}
}

func TestReadEvents(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, stream string
		want         []string
		ended        bool
		fails        bool
	}{
		{"usual", "event: rows\nid: 1\ndata: {}\n\n: alive\n\nevent: end\ndata: {}\n\nevent: more\ndata: {}\n\n", []string{"rows {}", "end {}"}, true, false},
		{"CRLF, no space, two lines", "event:a\r\ndata:1\r\ndata: 2\r\n\r\n", []string{"a 1\n2"}, false, false},
		{"no name", "data: x\n\n", []string{"message x"}, false, false},
		{"no data", "event: a\n\n", nil, false, false},
		{"torn", "event: a\ndata: x", nil, false, false},
		{"ends with an error", "event: end\ndata: {\"error\":\"it broke\"}\n\n", []string{`end {"error":"it broke"}`}, true, true},
		{"end is no JSON", "event: end\ndata: x\n\n", []string{"end x"}, true, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			ended, err := readEvents(bufio.NewScanner(strings.NewReader(tt.stream)), func(name string, data []byte) error {
				got = append(got, name+" "+string(data))
				return nil
			})
			if !slices.Equal(got, tt.want) || ended != tt.ended || (err != nil) != tt.fails {
				t.Errorf("got %q, %v, %v; want %q, %v", got, ended, err, tt.want, tt.ended)
			}
		})
	}
}

func FuzzReadEvents(f *testing.F) {
	f.Add("event: rows\ndata: {\"rows\":[{}]}\n\nevent: end\ndata: {}\n\n")
	f.Add(":\n\ndata\n\n\r\n")
	f.Fuzz(func(t *testing.T, stream string) {
		readEvents(bufio.NewScanner(strings.NewReader(stream)), func(name string, data []byte) error {
			if strings.Contains(name, "\n") || len(data) > len(stream) {
				t.Errorf("event %q of %d bytes", name, len(data))
			}
			return eachRow(data, func([]byte) error { return nil })
		})
	})
}
