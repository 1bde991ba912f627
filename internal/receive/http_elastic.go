package receive

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/llama-logs/llama"
)

// elasticVersion is what clients are told they write to. They refuse servers
// much older than themselves, and none asks here for more than to write.
const elasticVersion = "9.0.0"

// What clients ask before they write: who is there, may it be used, are the
// templates, policies and pipelines that they would set up there already. All of
// them are, for nothing here needs any.
const (
	elasticBanner = `{"name":"llama","cluster_name":"llama","cluster_uuid":"llama","version":{"number":"` + elasticVersion + `",` +
		`"build_flavor":"default","build_type":"tar","build_hash":"0","build_date":"2026-01-01T00:00:00.000Z","build_snapshot":false,` +
		`"lucene_version":"10.0.0","minimum_wire_compatibility_version":"8.18.0","minimum_index_compatibility_version":"8.0.0"},` +
		`"tagline":"You Know, for Search"}`
	elasticLicense = `{"license":{"status":"active","uid":"llama","type":"basic","mode":"basic","expiry_date_in_millis":4102444800000}}`
	elasticXPack   = `{"build":{"hash":"0","date":"2026-01-01T00:00:00.000Z"},"license":{"uid":"llama","type":"basic","mode":"basic","status":"active"},` +
		`"features":{"ilm":{"available":true,"enabled":true},"security":{"available":true,"enabled":true}},"tagline":"You know, for X"}`
	elasticHealth = `{"cluster_name":"llama","status":"green","timed_out":false,"number_of_nodes":1,"number_of_data_nodes":1,` +
		`"active_primary_shards":1,"active_shards":1,"relocating_shards":0,"initializing_shards":0,"unassigned_shards":0}`
	elasticNodes = `{"cluster_name":"llama","nodes":{}}`
	elasticYes   = `{"acknowledged":true}`
)

var elasticAnswers = []struct{ prefix, body string }{
	{"/_license", elasticLicense},
	{"/_xpack", elasticXPack},
	{"/_cluster/", elasticHealth},
	{"/_nodes", elasticNodes},
	{"/_ilm/policy/", elasticYes},
	{"/_index_template/", elasticYes},
	{"/_component_template/", elasticYes},
	{"/_template/", elasticYes},
	{"/_data_stream/", elasticYes},
	{"/_ingest/pipeline/", elasticYes},
	{"/_logstash", elasticYes},
}

// elastic serves what Elasticsearch's clients need to write.
func (d *door) elastic() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Elastic-Product", "Elasticsearch") // clients refuse to write without
		r, err := d.allow(w, r)
		if err != nil {
			d.failElastic(w, err)
			return
		}
		index, isBulk := bulkPath(r.URL.Path)
		switch {
		case isBulk && r.Method != http.MethodPost && r.Method != http.MethodPut:
			w.Header().Set("Allow", "POST, PUT")
			elasticError(w, http.StatusMethodNotAllowed, "method_not_allowed", r.URL.Path+" takes POST")
		case isBulk:
			d.withBody(d.bulkHandler(index))(w, r)
		case r.URL.Path == "/" || r.URL.Path == "":
			elasticOK(w, elasticBanner)
		default:
			d.elasticAsked(w, r)
		}
	})
}

func bulkPath(path string) (index string, ok bool) {
	index, ok = strings.CutSuffix(strings.TrimSuffix(path, "/"), "/_bulk")
	index = strings.TrimPrefix(index, "/")
	return index, ok && !strings.Contains(index, "/")
}

func (d *door) elasticAsked(w http.ResponseWriter, r *http.Request) {
	for _, a := range elasticAnswers {
		if strings.HasPrefix(r.URL.Path, a.prefix) {
			elasticOK(w, a.body)
			return
		}
	}
	path := r.URL.Path
	if len(path) > 100 {
		path = path[:100] + "…"
	}
	elasticError(w, http.StatusNotFound, "resource_not_found_exception", "there is nothing at "+path+"; events are taken at /insert/jsonl, /insert/lines and, as Elasticsearch does, at /_bulk")
}

func elasticOK(w http.ResponseWriter, body string) {
	w.Header().Set("Content-Type", "application/json")
	w.Write([]byte(body)) // best effort: the peer may be gone
}

// elasticError answers errors in Elasticsearch's own form, which its clients show.
func elasticError(w http.ResponseWriter, status int, kind, reason string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	line := append(appendElasticError([]byte(`{"error":`), kind, reason), `,"status":`...)
	w.Write(append(strconv.AppendInt(line, int64(status), 10), '}', '\n')) // best effort
}

func appendElasticError(dst []byte, kind, reason string) []byte {
	dst = append(dst, `{"type":`...)
	dst = llama.AppendString(dst, kind)
	dst = append(dst, `,"reason":`...)
	return append(llama.AppendString(dst, reason), '}')
}

var elasticKinds = map[int]string{
	http.StatusBadRequest:            "illegal_argument_exception",
	http.StatusUnauthorized:          "security_exception",
	http.StatusForbidden:             "security_exception",
	http.StatusConflict:              "version_conflict_engine_exception",
	http.StatusRequestEntityTooLarge: "content_too_long_exception",
	http.StatusTooManyRequests:       "es_rejected_execution_exception",
	http.StatusServiceUnavailable:    "cluster_block_exception",
}

func (d *door) failElastic(w http.ResponseWriter, err error) {
	p := d.describe(w, err, problem{})
	kind, ok := elasticKinds[p.Status]
	if !ok {
		kind = "exception"
	}
	elasticError(w, p.Status, kind, p.Detail)
}

// append writes the item as it stands in a bulk answer.
func (b *bulkItem) append(dst []byte, brief bool) []byte {
	dst = append(dst, `{"`...)
	dst = append(append(dst, b.action...), `":{`...)
	if !brief {
		dst = append(dst, `"_index":`...)
		dst = llama.AppendString(dst, b.index)
		if b.id != "" {
			dst = append(dst, `,"_id":`...)
			dst = llama.AppendString(dst, b.id)
		}
		if b.status == http.StatusCreated {
			dst = append(dst, `,"_version":1,"result":"created","_shards":{"total":1,"successful":1,"failed":0},"_primary_term":1`...)
		}
		dst = append(dst, ',')
	}
	dst = append(dst, `"status":`...)
	dst = strconv.AppendInt(dst, int64(b.status), 10)
	if b.reason != "" {
		kind := "document_parsing_exception"
		if b.status == http.StatusTooManyRequests {
			kind = elasticKinds[b.status]
		}
		dst = appendElasticError(append(dst, `,"error":`...), kind, b.reason)
	}
	return append(dst, "}}"...)
}
