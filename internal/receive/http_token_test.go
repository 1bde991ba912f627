package receive_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/llama-logs/llama/internal/receive"
	"github.com/llama-logs/llama/internal/receive/receivetest"
)

func TestTokenForCollections(t *testing.T) {
	t.Parallel()
	added := filepath.Join(t.TempDir(), "added")
	sink := &receivetest.Sink{}
	url := serveHTTP(t, receive.HTTPOptions{Added: added}, sink)
	web, line, err := receive.NewToken("web", []string{"nginx", "apache"})
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(line, web) {
		t.Errorf("the file's line %q holds the token", line)
	}
	insert := func(collection, token string) int {
		return post(t, url+"/insert/lines?collection="+collection, "x", "Authorization", "Bearer "+token).status
	}
	if got := insert("nginx", web); got != 401 {
		t.Errorf("before the token is there: %d", got)
	}
	if err := os.WriteFile(added, []byte("# by command\n"+line+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for collection, want := range map[string]int{"nginx": 200, "apache": 200, "sshd": 403} {
		if got := insert(collection, web); got != want {
			t.Errorf("%s: %d, want %d", collection, got, want)
		}
	}
	got := post(t, url+"/_bulk", `{"create":{"_index":"nginx-2026.11.20"}}`+"\n"+`{"message":"a"}`+"\n"+`{"create":{"_index":"sshd"}}`+"\n"+`{"message":"b"}`+"\n",
		"Authorization", "Bearer "+web)
	if got.status != 200 || strings.Count(got.body, `"status":201`) != 1 || !strings.Contains(got.body, "not for the collection") {
		t.Errorf("bulk: %+v", got)
	}
	if got := insert("sshd", token); got != 200 {
		t.Errorf("the token for all: %d", got)
	}
	// A file that has gone bad takes nothing away; one without the token does.
	if err := os.WriteFile(added, []byte("sha256:zz\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := insert("nginx", web); got != 200 {
		t.Errorf("with a damaged file: %d", got)
	}
	if err := os.Remove(added); err != nil {
		t.Fatal(err)
	}
	if got := insert("nginx", web); got != 401 {
		t.Errorf("after it was taken away: %d", got)
	}
	for _, e := range sink.Events() {
		if e.Collection == "sshd" && e.Message == "b" {
			t.Error("an event came where its token may not add")
		}
	}
}
