package store

import (
	"bytes"
	"database/sql"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/llama-logs/llama"
)

// postgresVariable is where a test process finds the server that its databases are
// to be made on, instead of SQLite files.
const postgresVariable = "LLAMA_TEST_POSTGRES"

var databases atomic.Int64

// openPostgres opens a new database on the server of the variable.
func openPostgres(t *testing.T) *Store {
	t.Helper()
	server := os.Getenv(postgresVariable)
	admin, err := sql.Open("pgx", server+"/postgres")
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close()
	name := fmt.Sprintf("test%d", databases.Add(1))
	if _, err := admin.Exec(`CREATE DATABASE ` + name); err != nil {
		t.Fatal(err)
	}
	s, err := OpenPostgres(t.Context(), Postgres{URL: server + "/" + name}, keyring(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// TestOnPostgreSQL runs all other tests again on a real server.
func TestOnPostgreSQL(t *testing.T) {
	if os.Getenv(postgresVariable) != "" {
		t.Skip("this is that run")
	}
	cmd := exec.Command(os.Args[0], "-test.v", "-test.parallel=4")
	cmd.Env = append(os.Environ(), postgresVariable+"="+startPostgres(t))
	said, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("on PostgreSQL: %v\n%s", err, said)
	}
	if n := bytes.Count(said, []byte("--- PASS: ")); n < 15 {
		t.Errorf("only %d tests ran on PostgreSQL:\n%s", n, said)
	}
}

// startPostgres runs a server on a free port of 127.0.0.1 until the test ends, and
// returns its URL.
func startPostgres(t *testing.T) string {
	t.Helper()
	bin := postgresPrograms()
	if bin == "" {
		t.Skip("PostgreSQL is not installed: apt-get install postgresql")
	}
	dir, err := os.MkdirTemp("", "llama-postgres-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	attributes := &syscall.SysProcAttr{}
	if os.Getuid() == 0 { // the server refuses to run as root
		attributes.Credential = credential(t)
		if err := os.Chown(dir, int(attributes.Credential.Uid), int(attributes.Credential.Gid)); err != nil {
			t.Fatal(err)
		}
	}
	data := filepath.Join(dir, "data")
	run := func(name string, args ...string) *exec.Cmd {
		cmd := exec.Command(filepath.Join(bin, name), args...)
		cmd.SysProcAttr, cmd.Dir, cmd.Env = attributes, dir, append(os.Environ(), "HOME="+dir, "LC_ALL=C.UTF-8")
		return cmd
	}
	if said, err := run("initdb", "-D", data, "-U", "llama", "--auth=trust", "--no-sync", "-E", "UTF8").CombinedOutput(); err != nil {
		t.Fatalf("initdb: %v\n%s", err, said)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := listener.Addr().(*net.TCPAddr).Port
	listener.Close()
	var log bytes.Buffer
	server := run("postgres", "-D", data, "-p", strconv.Itoa(port), "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=",
		"-c", "fsync=off", "-c", "max_connections=300", "-c", "shared_buffers=32MB")
	server.Stderr = &log
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		server.Process.Signal(syscall.SIGQUIT)
		server.Wait() // it was told to
	})
	url := fmt.Sprintf("postgres://llama@127.0.0.1:%d", port)
	db, err := sql.Open("pgx", url+"/postgres")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for end := time.Now().Add(time.Minute); db.Ping() != nil; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("the server does not answer:\n%s", log.String())
		}
	}
	return url
}

// postgresPrograms returns the folder of the server's programs, "" for none.
func postgresPrograms() string {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb") // Debian's place
	if len(found) > 0 {
		return filepath.Dir(found[len(found)-1])
	}
	if program, err := exec.LookPath("initdb"); err == nil {
		return filepath.Dir(program)
	}
	return ""
}

func credential(t *testing.T) *syscall.Credential {
	t.Helper()
	u, err := user.Lookup("postgres")
	if err != nil {
		t.Skip("the tests run as root, and there is no user postgres to run the server as")
	}
	uid, uidErr := strconv.ParseUint(u.Uid, 10, 32)
	gid, gidErr := strconv.ParseUint(u.Gid, 10, 32)
	if uidErr != nil || gidErr != nil {
		t.Fatal(uidErr, gidErr)
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
}

func TestOpenPostgresRefuses(t *testing.T) {
	t.Parallel()
	for url, want := range map[string]string{
		"mysql://x":                    "cannot be read",
		"postgres://127.0.0.1:1/llama": "does not answer",
	} {
		s, err := OpenPostgres(t.Context(), Postgres{URL: url, Password: "planted-secret"}, keyring(t))
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "planted-secret") {
			t.Errorf("%s: got %v, %v", url, s, err)
		}
	}
}

func TestTheLastAdminStaysWhenTwoGoAtOnce(t *testing.T) {
	t.Parallel()
	s, _ := open(t)
	for range 10 {
		for _, name := range []string{"eva", "adam"} {
			if err := s.AddAccount(t.Context(), Account{Name: name, Password: "x", Created: time.Now(), Grants: []Grant{{Role: "admin"}}}); err != nil && llama.CodeOf(err) != llama.Conflict {
				t.Fatal(err)
			}
		}
		gone := make(chan error, 2)
		for _, name := range []string{"eva", "adam"} {
			go func() { gone <- s.RemoveAccount(t.Context(), name) }()
		}
		one, two := <-gone, <-gone
		if (one == nil) == (two == nil) || llama.CodeOf(one) != llama.Conflict && llama.CodeOf(two) != llama.Conflict {
			t.Fatalf("removed both, or none: %v, %v", one, two)
		}
	}
}

func TestSchedulesAndSavedQueries(t *testing.T) {
	t.Parallel()
	s, _ := open(t)
	ctx := t.Context()
	v := &Schedule{
		ID: uuid.NewString(), Name: "nightly", Owner: "eva", Paused: true, Created: 1, Changed: 2, Targets: []string{"a"},
		Timing: []byte(`{"every":1}`), LastDue: 3, NextDue: 4, Asks: Asks{Query: "planted-query", From: "now-1d"},
	}
	if err := s.PutSchedule(ctx, v); err != nil {
		t.Fatal(err)
	}
	got, err := s.Schedule(ctx, v.ID)
	if err != nil || fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", v) {
		t.Errorf("got %+v, %v, want %+v", got, err, v)
	}
	other := *v
	other.ID = uuid.NewString()
	wantCode(t, s.PutSchedule(ctx, &other), llama.Conflict)
	if due, err := s.DueSchedules(ctx, 10); err != nil || len(due) != 0 {
		t.Errorf("a paused one is due: %v, %v", due, err)
	}
	v.Paused = false
	if err := s.PutSchedule(ctx, v); err != nil {
		t.Fatal(err)
	}
	l := Lease{Name: "schedules", Holder: "me"}
	run := ScheduleRun{ID: uuid.NewString(), Schedule: v.ID, Due: 4, State: RunWaiting, From: 1, To: 4}
	if done, err := s.PassSchedule(ctx, v, 5, 14, []ScheduleRun{run}, l); done || err != nil {
		t.Errorf("without the lease: %v, %v", done, err)
	}
	if held, err := s.TakeLease(ctx, l, time.Minute); !held || err != nil {
		t.Fatal(held, err)
	}
	if held, err := s.TakeLease(ctx, Lease{Name: "schedules", Holder: "you"}, time.Minute); held || err != nil {
		t.Errorf("a lease is taken twice: %v", err)
	}
	for i, want := range []bool{true, false} { // the second time it is changed already
		if done, err := s.PassSchedule(ctx, v, 5, 14, []ScheduleRun{run}, l); done != want || err != nil {
			t.Errorf("pass %d: %v, %v", i, done, err)
		}
	}
	run.Began, run.State, run.Error, run.Rows = 6, Failed, "planted-error", 7
	if err := s.UpdateRun(ctx, &run); err != nil {
		t.Fatal(err)
	}
	if open, err := s.OpenRuns(ctx); err != nil || len(open) != 1 || open[0] != run {
		t.Errorf("open runs %+v, %v, want %+v", open, err, run)
	}
	if err := s.SweepRuns(ctx); err != nil {
		t.Error(err)
	}
	if err := s.RemoveSchedule(ctx, v.ID); err != nil {
		t.Fatal(err)
	}
	if runs, err := s.Runs(ctx, v.ID, "", 10); err != nil || len(runs) != 0 {
		t.Errorf("runs of what was removed: %v, %v", runs, err)
	}
	q := &SavedQuery{ID: uuid.NewString(), Name: "mine", Owner: "eva", Created: 1, Changed: 1, Asks: Asks{Query: "x"}}
	if err := s.PutSaved(ctx, q); err != nil {
		t.Fatal(err)
	}
	if all, err := s.Saved(ctx); err != nil || len(all) != 1 || all[0].Asks.Query != "x" {
		t.Errorf("saved %+v, %v", all, err)
	}
	if err := s.RemoveSaved(ctx, q.ID); err != nil {
		t.Error(err)
	}
	wantCode(t, s.RemoveSaved(ctx, q.ID), llama.NotFound)
}

func TestTokensAndGroups(t *testing.T) {
	t.Parallel()
	s, _ := open(t)
	ctx := t.Context()
	for _, target := range []string{"a", "b"} {
		if err := s.PutNode(ctx, Node{ID: target + "1", Target: target, Keys: []byte{1}}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.PutGroup(ctx, Group{Name: "g", Targets: []string{"a", "b"}}); err != nil {
		t.Fatal(err)
	}
	wantCode(t, s.PutGroup(ctx, Group{Name: "h", Targets: []string{"c"}}), llama.Invalid)
	at := time.Date(2026, 3, 1, 12, 0, 0, 5, time.UTC)
	made := MachineToken{ID: "1", Name: "t", Hash: []byte{0, 1, 255}, Owner: "eva", Scopes: []string{"read-queries"}, Created: at, Expires: at,
		Grants: []Grant{{Role: "viewer", Group: "g"}}}
	if err := s.AddToken(ctx, made); err != nil {
		t.Fatal(err)
	}
	wantCode(t, s.AddToken(ctx, MachineToken{ID: "2", Name: "t", Hash: []byte{1}}), llama.Conflict)
	got, err := s.TokenNamed(ctx, "t")
	if err != nil || len(got.Grants) != 3 || !bytes.Equal(got.Hash, made.Hash) || !got.Expires.Equal(at) || !got.LastUsed.IsZero() {
		t.Errorf("got %+v, %v", got, err)
	}
	if err := s.UseToken(ctx, "1", at); err != nil {
		t.Fatal(err)
	}
	if err := s.RemoveGroup(ctx, "g"); err != nil {
		t.Fatal(err)
	}
	if all, err := s.Tokens(ctx); err != nil || len(all) != 1 || len(all[0].Grants) != 0 || !all[0].LastUsed.Equal(at) {
		t.Errorf("got %+v, %v", all, err)
	}
	if groups, err := s.Groups(ctx); err != nil || len(groups) != 0 {
		t.Errorf("groups %v, %v", groups, err)
	}
	if err := s.RemoveToken(ctx, "t"); err != nil {
		t.Error(err)
	}
}

func TestQueriesAreFiltered(t *testing.T) {
	t.Parallel()
	s, _ := open(t)
	ctx := t.Context()
	for i, user := range []string{"eva", "adam", "eva"} {
		q := newQuery()
		q.User, q.Name, q.Expires = user, fmt.Sprint("Name ", i), llama.At(time.Now().Add(time.Hour))
		q.Tasks = []Task{{Query: q.ID, Node: "n", Target: []string{"a", "a", "b"}[i], Attempt: 1, State: Queued}}
		if err := s.AddQuery(ctx, q); err != nil {
			t.Fatal(err)
		}
	}
	for name, tt := range map[string]struct {
		f    Filter
		want string
	}{
		"all":    {Filter{}, "Name 2 Name 1 Name 0"},
		"user":   {Filter{User: "eva"}, "Name 2 Name 0"},
		"target": {Filter{Target: "a"}, "Name 1 Name 0"},
		"match":  {Filter{Match: "NAME 1"}, "Name 1"},
		"both":   {Filter{User: "eva", Target: "b", State: Queued}, "Name 2"},
		"none":   {Filter{User: "' OR 1=1"}, ""},
		"page":   {Filter{Limit: 1}, "Name 2"},
	} {
		found, err := s.Queries(ctx, tt.f)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, q := range found {
			names = append(names, q.Name)
		}
		if got := strings.Join(names, " "); got != tt.want {
			t.Errorf("%s: %s, want %s", name, got, tt.want)
		}
	}
}
