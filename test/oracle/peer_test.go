package oracle

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// A peer is a running VictoriaLogs. Each dataset has a tenant of its own.
type peer struct{ url string }

// program finds VictoriaLogs, or skips the test.
func program(t *testing.T) string {
	t.Helper()
	if path := os.Getenv("LLAMA_VICTORIALOGS"); path != "" {
		return path
	}
	dir := os.Getenv("LLAMA_PEERS")
	if dir == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			t.Fatal(err)
		}
		dir = filepath.Join(cache, "llama", "peers")
	}
	path := filepath.Join(dir, "victoria-logs")
	if _, err := os.Stat(path); err != nil {
		t.Skipf("VictoriaLogs is not at %s; test/oracle/fetch.sh builds it, or LLAMA_VICTORIALOGS names another", path)
	}
	return path
}

// openPeer starts VictoriaLogs on a free port and waits until it answers.
func openPeer(t *testing.T) *peer {
	t.Helper()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := free.Addr().String()
	free.Close()
	cmd := exec.Command(program(t), "-storageDataPath="+t.TempDir(), "-httpListenAddr="+addr, "-retentionPeriod=100y", "-futureRetention=100y",
		"-defaultMsgValue=", "-loggerLevel=WARN", "-memory.allowedBytes=256MiB")
	// Times without a zone are UTC here, and the server's there.
	cmd.Env = append(os.Environ(), "TZ=UTC")
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() {
		cmd.Process.Kill()
		<-ended
	})
	p := &peer{"http://" + addr}
	for {
		select {
		case err := <-ended:
			ended <- err
			t.Fatalf("VictoriaLogs ended: %v: %s", err, said.Bytes())
		default:
		}
		if r, err := http.Get(p.url + "/health"); err == nil {
			r.Body.Close()
			return p
		}
	}
}

func (p *peer) send(tenant int, path string, form url.Values, body io.Reader) (*http.Response, error) {
	request, err := http.NewRequest(http.MethodPost, p.url+path+"?"+form.Encode(), body)
	if err != nil {
		return nil, err
	}
	request.Header.Set("AccountID", fmt.Sprint(tenant))
	return http.DefaultClient.Do(request)
}

// put stores the events of a dataset. The streams are of app and env.
func (p *peer) put(t *testing.T, tenant int, d *dataset) {
	t.Helper()
	var body bytes.Buffer
	for i := range d.events {
		e := &d.events[i]
		fields := map[string]string{"_time": e.Time.String(), "_msg": e.Message}
		for _, f := range e.Fields {
			fields[f.Name] = f.Value
		}
		line, err := json.Marshal(fields)
		if err != nil {
			t.Fatal(err)
		}
		body.Write(append(line, '\n'))
	}
	for _, path := range []string{"/insert/jsonline", "/internal/force_flush"} {
		r, err := p.send(tenant, path, url.Values{"_stream_fields": {"app,env"}}, &body)
		if err != nil || r.StatusCode != http.StatusOK {
			t.Fatalf("%s: %v %v", path, r, err)
		}
		r.Body.Close()
	}
}

// query returns the rows of an answer, or how the query was refused.
func (p *peer) query(tenant int, text string) (rows []row, refused string, err error) {
	r, err := p.send(tenant, "/select/logsql/query", url.Values{"query": {text}}, nil)
	if err != nil {
		return nil, "", err
	}
	defer r.Body.Close()
	if r.StatusCode != http.StatusOK {
		text, err := io.ReadAll(r.Body)
		return nil, string(text), err
	}
	lines := bufio.NewScanner(r.Body)
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		var fields map[string]string
		if err := json.Unmarshal(lines.Bytes(), &fields); err != nil {
			return nil, "", fmt.Errorf("%s: %w", lines.Bytes(), err)
		}
		rows = append(rows, fields)
	}
	return rows, "", lines.Err()
}
