package receive_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/elastic/go-elasticsearch/v9"
	"github.com/elastic/go-elasticsearch/v9/esutil"
	"github.com/google/go-cmp/cmp"
	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/receive"
	"github.com/llama-logs/llama/internal/receive/receivetest"
)

func TestBulkAnswersEachItem(t *testing.T) {
	t.Parallel()
	sink := &receivetest.Sink{}
	url := serveHTTP(t, receive.HTTPOptions{}, sink)
	got := post(t, url+"/logs-App-2026.11.20/_bulk", strings.Join([]string{
		`{"create":{}}`,
		`{"message":"a"}`,
		`{"index":{"_index":"Other","_id":"7"}}`,
		`{"message":"b"}`,
		`{"create":{"_index":"x"}}`,
		`{"message":`,
		`{"delete":{"_index":"x","_id":"1"}}`,
		`{"update":{"_index":"x","_id":"1"}}`,
		`{"doc":{}}`,
		`{"create":{}}`,
		`{"message":"c"}`,
		`{"create":{}}`,
	}, "\n")+"\n")
	if got.status != 200 || got.header.Get("X-Elastic-Product") != "Elasticsearch" {
		t.Fatalf("got %+v", got)
	}
	var answer struct {
		Errors bool
		Items  []map[string]struct {
			Index  string `json:"_index"`
			ID     string `json:"_id"`
			Status int
			Error  *struct{ Type, Reason string }
		}
	}
	if err := json.Unmarshal([]byte(got.body), &answer); err != nil {
		t.Fatalf("%s: %v", got.body, err)
	}
	var lines []string
	for _, item := range answer.Items {
		for action, i := range item {
			line := fmt.Sprintf("%s %s %s %d", action, i.Index, i.ID, i.Status)
			if i.Error != nil {
				line += " " + i.Error.Type
			}
			lines = append(lines, line)
		}
	}
	want := []string{
		"create logs-App-2026.11.20  201",
		"index Other 7 201",
		"create x  400 document_parsing_exception",
		"delete x 1 400 document_parsing_exception",
		"update x 1 400 document_parsing_exception",
		"create logs-App-2026.11.20  201",
		"create logs-App-2026.11.20  400 document_parsing_exception",
	}
	if diff := cmp.Diff(want, lines); diff != "" || !answer.Errors {
		t.Errorf("errors %v\n%s", answer.Errors, diff)
	}
	sink.Want(t, []string{"a", "b", "c"})
	for i, want := range []string{"logs-app", "other", "logs-app"} {
		if got := sink.Events()[i].Collection; got != want {
			t.Errorf("event %d: collection %q, want %q", i, got, want)
		}
	}
}

func TestBulkRefuses(t *testing.T) {
	t.Parallel()
	sink := &receivetest.Sink{}
	url := serveHTTP(t, receive.HTTPOptions{MaxLine: 100}, sink)
	good := `{"create":{"_index":"a"}}` + "\n{}\n"
	tests := []struct {
		name, body, reason string
		status             int
	}{
		{"no action", good + `{"message":"a"}`, "Malformed action/metadata line [3]", 400},
		{"no JSON", good + "hello", "Malformed action/metadata line [3]", 400},
		{"two actions", good + `{"create":{},"index":{}}`, "Malformed action/metadata line [3]", 400},
		{"no index", "{\"create\":{}}\n{}\n", "index is missing", 200},
	}
	for _, tt := range tests {
		got := post(t, url+"/_bulk", tt.body)
		if got.status != tt.status || !strings.Contains(got.body, tt.reason) {
			t.Errorf("%s: got %+v, want %d and %q", tt.name, got, tt.status, tt.reason)
		}
	}
	if n := len(sink.Events()); n != 3 {
		t.Errorf("%d events before the mistakes were kept, want 3", n)
	}
	if got := ask(t, "GET", url+"/_bulk", ""); got.status != 405 {
		t.Errorf("GET: got %+v", got)
	}
	if got := post(t, url+"/_bulk", good, "Authorization", ""); got.status != 401 || !strings.Contains(got.body, "security_exception") {
		t.Errorf("without token: got %+v", got)
	}
	if got := ask(t, "GET", url+"/a/_search", ""); got.status != 404 {
		t.Errorf("search: got %+v", got)
	}
	// Who sends to a path of another program is told where events are taken.
	if got := post(t, url+"/loki/api/v1/push%22%ff", "{}"); got.status != 404 || !strings.Contains(got.body, "/insert/jsonl") || !strings.Contains(got.body, `/loki/api/v1/push\"`) {
		t.Errorf("another path: got %+v", got)
	}
}

func TestBulkUnavailable(t *testing.T) {
	t.Parallel()
	puts := 0
	sink := &receivetest.Sink{Before: func() error {
		if puts++; puts != 2 {
			return llama.Errorf(llama.Unavailable, "the disk is full")
		}
		return nil
	}}
	url := serveHTTP(t, receive.HTTPOptions{}, sink)
	body := strings.Repeat(`{"create":{"_index":"a"}}`+"\n{}\n", 5000)
	if got := post(t, url+"/_bulk", body); got.status != 503 || got.header.Get("Retry-After") == "" {
		t.Errorf("nothing taken: got status %d", got.status)
	}
	got := post(t, url+"/_bulk", body)
	created, again := strings.Count(got.body, `"status":201`), strings.Count(got.body, `"status":429`)
	if got.status != 200 || created != 4096 || again != 904 || !strings.Contains(got.body, `"errors":true`) {
		t.Errorf("part taken: got status %d, %d created, %d to be sent again", got.status, created, again)
	}
}

// What clients ask before they write is answered so that they go on.
func TestElasticQuestions(t *testing.T) {
	t.Parallel()
	url := serveHTTP(t, receive.HTTPOptions{}, &receivetest.Sink{})
	for _, base := range []string{"", "/elasticsearch", "/insert/elasticsearch"} {
		for _, question := range []string{
			"GET /", "HEAD /", "GET /_license", "GET /_xpack", "GET /_cluster/health", "GET /_nodes/http", "GET /_nodes/_all/http",
			"GET /_ilm/policy/filebeat", "PUT /_ilm/policy/filebeat", "HEAD /_index_template/filebeat-9.0.0", "GET /_index_template/filebeat-9.0.0",
			"PUT /_index_template/filebeat-9.0.0", "HEAD /_template/x", "GET /_data_stream/filebeat-9.0.0", "GET /_ingest/pipeline/x", "PUT /_ingest/pipeline/x",
		} {
			method, path, _ := strings.Cut(question, " ")
			got := ask(t, method, url+base+path, "")
			if got.status != 200 || got.header.Get("X-Elastic-Product") == "" || method != "HEAD" && !json.Valid([]byte(got.body)) {
				t.Errorf("%s%s: got %+v", question, base, got)
			}
		}
	}
}

// wholeBodies reads the body of a request before it is sent. The client's bulk
// indexer uses its buffer again as soon as there is an answer, when the transport may
// not be done with it.
type wholeBodies struct{ http.RoundTripper }

func (w wholeBodies) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		r = r.Clone(r.Context())
		r.Body = io.NopCloser(bytes.NewReader(body))
	}
	return w.RoundTripper.RoundTrip(r)
}

func TestElasticClientWrites(t *testing.T) {
	t.Parallel()
	sink := &receivetest.Sink{}
	url := serveHTTP(t, receive.HTTPOptions{}, sink)
	for name, c := range map[string]elasticsearch.Config{
		"basic":    {Username: "any", Password: token},
		"api key":  {APIKey: token},
		"gzip":     {Username: "any", Password: token, CompressRequestBody: true},
		"discover": {Username: "any", Password: token, DiscoverNodesOnStart: true},
	} {
		c.Addresses = []string{url + "/elasticsearch"}
		c.Transport = wholeBodies{&http.Transport{DisableKeepAlives: true}}
		client, err := elasticsearch.NewClient(c)
		if err != nil {
			t.Fatal(err)
		}
		if answer, err := client.Info(); err != nil || answer.IsError() {
			t.Fatalf("%s: info: %v, %v", name, answer, err)
		}
		indexer, err := esutil.NewBulkIndexer(esutil.BulkIndexerConfig{Client: client, Index: "app", NumWorkers: 2, FlushBytes: 10_000})
		if err != nil {
			t.Fatal(err)
		}
		for i := range 1000 {
			err := indexer.Add(context.Background(), esutil.BulkIndexerItem{
				Action: "create", Body: bytes.NewReader(fmt.Appendf(nil, `{"@timestamp":"2026-11-20T10:00:00Z","message":"%s %d"}`, name, i)),
				OnFailure: func(_ context.Context, _ esutil.BulkIndexerItem, r esutil.BulkIndexerResponseItem, err error) {
					t.Errorf("%s: %v %+v", name, err, r.Error)
				},
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		if err := indexer.Close(context.Background()); err != nil {
			t.Fatal(err)
		}
		if s := indexer.Stats(); s.NumCreated != 1000 || s.NumFailed != 0 {
			t.Errorf("%s: %+v", name, s)
		}
	}
	seen := map[string]int{}
	for _, m := range sink.Messages() {
		seen[m]++
	}
	if len(seen) != 4000 || len(sink.Events()) != 4000 {
		t.Errorf("got %d events, %d distinct; want 4000", len(sink.Events()), len(seen))
	}
}
