package audit

import (
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/seal"
)

func TestEntriesAreThereAfterARestart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "master.key")
	if _, err := seal.CreateKeyFile(file); err != nil {
		t.Fatal(err)
	}
	master, err := seal.OpenKeyFile(file)
	if err != nil {
		t.Fatal(err)
	}
	open := func() *Log {
		l, err := Open(Options{Dir: filepath.Join(dir, "audit"), Master: master, Retention: 48 * time.Hour, Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	l := open()
	entries := []Entry{
		{User: "ana", Action: "submit-query", Outcome: "success", Address: "192.0.2.7", Fields: []llama.Field{{Name: "request.query", Value: "error | limit 1"}}},
		{User: "bob", Action: "remove-user", Outcome: "failure", Code: "forbidden", Object: "ana"},
		{Action: "sign-in", Outcome: "failure", Code: "unauthorized", Address: "192.0.2.7"},
	}
	for _, e := range entries {
		if err := l.Record(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	l = open()
	defer l.Close()
	rows := func(text string, limit int) (all []string) {
		t.Helper()
		err := l.Rows(t.Context(), text, 0, 0, limit, func(row []llama.Field) error {
			all = append(all, string(llama.AppendFlat(nil, row)))
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	for text, want := range map[string]string{
		"event.action:submit-query | fields user.name, source.ip, request.query, _collection": `{"user.name":"ana","source.ip":"192.0.2.7","request.query":"error | limit 1","_collection":"audit"}`,
		"event.outcome:failure llama.object:ana | fields _msg":                                `{"_msg":"bob: remove-user ana (forbidden)"}`,
		"error.code:unauthorized | fields _msg":                                               `{"_msg":"somebody: sign-in (unauthorized)"}`,
		"* | stats count() n":                                                                 `{"n":3}`,
	} {
		if got := rows(text, 0); len(got) != 1 || got[0] != want {
			t.Errorf("%s: got %s, want %s", text, got, want)
		}
	}
	if got := rows("*", 2); len(got) != 2 || !strings.Contains(got[0], "sign-in") {
		t.Errorf("the newest two: %s", got)
	}
	if err := l.Rows(t.Context(), "* | stts", 0, 0, 0, nil); llama.CodeOf(err) != llama.Invalid {
		t.Errorf("a wrong question: %v", err)
	}
}
