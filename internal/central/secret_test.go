package central_test

import (
	"database/sql"
	"encoding/base64"
	"encoding/hex"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/llama-logs/llama/internal/client"
	"github.com/llama-logs/llama/internal/seal"
)

// TestNothingOfEventsIsInTheClear plants a word wherever people and events put
// words, and looks for it in every byte that the process has written: its files
// while it runs, with SQLite's log, and after it has ended, and its own log.
func TestNothingOfEventsIsInTheClear(t *testing.T) {
	t.Parallel()
	const planted = "Xyzzyplugh4711"
	h := newHouse(t)
	h.send("app", `{"_msg":"say `+planted+` once","`+planted+`.name":"x","user.name":"`+planted+`"}`)
	h.syslog("<13>Nov 20 10:00:00 host app: " + planted)
	c := h.signIn()
	until(t, "the syslog event is there", func() bool {
		_, rows := ask(t, c, client.Question{Query: planted + " | stats count() n", Name: planted})
		return rows[0] == `{"n":2}`
	})
	if _, rows := ask(t, c, client.Question{Query: "* | fields _msg, user.name"}); len(rows) != 2 {
		t.Errorf("%d rows", len(rows))
	}
	failed, err := c.Ask(t.Context(), client.Question{Query: `_collection:="` + planted + `"`}, client.Watching{})
	if err != nil || !strings.Contains(failed.Tasks[0].Error, planted) {
		t.Errorf("the error does not name the collection: %+v, %v", failed.Tasks, err)
	}
	if _, err := c.Ask(t.Context(), client.Question{Query: planted + " | limit " + planted}, client.Watching{}); err == nil {
		t.Error("a wrong query was answered")
	}
	look := func(when string) {
		forms := []string{planted}
		for i := range 3 { // as it looks wherever it begins in what is encoded
			forms = append(forms, base64.StdEncoding.EncodeToString([]byte(planted[i:]))[:12])
		}
		for name, content := range files(t, h.data) {
			for _, form := range forms {
				if strings.Contains(content, hex.EncodeToString([]byte(form))) {
					t.Errorf("%s: %s has %q in the clear", when, name, form)
				}
			}
		}
	}
	look("while it runs")
	h.stop()
	look("after its end")
	if strings.Contains(h.log.String(), planted) {
		t.Errorf("the log tells: %s", h.log)
	}
}

// replaceKey puts another master key where the right one was.
func replaceKey(t *testing.T, h *house, file string) {
	t.Helper()
	if _, err := seal.CreateKeyFile(file); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(file, h.keyFile()); err != nil {
		t.Fatal(err)
	}
}

// overwrite changes one byte of a file.
func overwrite(t *testing.T, file string, at int64, to byte) {
	t.Helper()
	f, err := os.OpenFile(file, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt([]byte{to}, at); err != nil {
		t.Fatal(err)
	}
}

func newerDatabase(t *testing.T, h *house) {
	t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(h.data, "central", "central.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(`INSERT INTO goose_db_version (version_id, is_applied) VALUES (999, 1)`); err != nil {
		t.Fatal(err)
	}
}

// taken returns an address that something listens on.
func taken(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l.Addr().String()
}
