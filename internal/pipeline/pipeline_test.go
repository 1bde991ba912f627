package pipeline_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/column"
	"github.com/llama-logs/llama/internal/config"
	"github.com/llama-logs/llama/internal/parse"
	"github.com/llama-logs/llama/internal/pipeline"
)

// keep is a sink that keeps what it takes.
type keep struct {
	events []llama.Event
	err    error
}

func (k *keep) Put(_ context.Context, b *llama.Batch) error {
	if k.err != nil {
		return k.err
	}
	for _, e := range b.Events {
		e.Fields = slices.Clone(e.Fields)
		k.events = append(k.events, e)
	}
	return nil
}

func registry(t testing.TB) *parse.Registry {
	t.Helper()
	r, err := parse.Load(parse.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func open(t testing.TB, yaml string, next llama.Sink) *pipeline.Pipeline {
	t.Helper()
	var o pipeline.Options
	if err := config.Read("l.yaml", []byte(yaml), &o); err != nil {
		t.Fatal(err)
	}
	p, err := pipeline.New(o, registry(t), next)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func put(t testing.TB, s llama.Sink, source, collection string, messages ...string) {
	t.Helper()
	b := &llama.Batch{}
	for _, m := range messages {
		b.Events = append(b.Events, llama.Event{Time: 1, Ingested: 1, Source: source, Collection: collection, Message: m})
	}
	if err := s.Put(context.Background(), b); err != nil {
		t.Fatal(err)
	}
}

const (
	sshd  = "<38>Nov 20 10:00:00 gate sshd[812]: Accepted password for root from 192.0.2.7 port 50022 ssh2"
	other = "<13>Nov 20 10:00:00 gate app[7]: disk is low"
)

func TestRoutes(t *testing.T) {
	t.Parallel()
	const syslog = "syslog-udp 10.0.0.7"
	tests := []struct {
		name, routes, source, collection, message string
		want                                      string // collection, then some fields
	}{
		{"a known program", "", syslog, "", sshd, "sshd process.name=sshd user.name=root"},
		{"an unknown program", "", syslog, "", other, "syslog process.name=app user.name="},
		{"JSON within syslog", "", syslog, "", `<13>Nov 20 10:00:00 gate app: {"user":{"name":"x"}}`, "syslog user.name=x"},
		{"no header", "", syslog, "", "what", "syslog error.message=no syslog header: neither a priority such as <13> nor a time"},
		{"a file", "", "file /var/log/Auth.log", "", sshd[4:], "auth process.name=sshd user.name=root"},
		{"lines", "", "http-lines ::1", "app", sshd, "app process.name=sshd user.name=root"},
		{"JSON is left alone", "", "http-jsonl ::1", "app", sshd, "app process.name= user.name="},
		{"unless it is said", "{parser: auto}", "http-bulk ::1", "app", sshd, "app process.name=sshd user.name=root"},
		{"a wrong name", "", "http-bulk ::1", "App 7", "x", "app_7"},
		{"collection", "{collection: mine}", syslog, "", sshd, "mine user.name=root"},
		{"the sender's wins", "{collection: mine}", "http-lines ::1", "app", "x", "app"},
		{"override", "{collection: mine, override: true}", "http-lines ::1", "app", "x", "mine"},
		{"first that fits", "{when: {receiver: file}, collection: a}, {collection: b}, {collection: c}", syslog, "", sshd, "b"},
		{"fields", "{fields: {labels.site: x, process.name: y}}", syslog, "", sshd, "sshd labels.site=x process.name=y"},
		{"none", "{parser: none}", syslog, "", sshd, "syslog process.name=sshd user.name="},
		{"named", "{parser: sshd}", syslog, "", other, "sshd process.name=app"},
		{"syslog alone", "{parser: syslog}", syslog, "", sshd, "syslog process.name=sshd user.name= error.message="},
		{"one that fails", "{parser: json}", syslog, "", other, "json process.name=app error.message=*"},

		{"receiver's name", "{when: {receiver: [x, dmz]}, collection: a}", syslog, "", other, "a"},
		{"receiver's protocol", "{when: {receiver: syslog-udp}, collection: a}", syslog, "", other, "a"},
		{"other receiver", "{when: {receiver: syslog-tcp}, collection: a}", syslog, "", other, "syslog"},
		{"port", "{when: {port: 5514}, collection: a}", syslog, "", other, "a"},
		{"other port", "{when: {port: 514}, collection: a}", syslog, "", other, "syslog"},
		{"sender", "{when: {sender: 10.0.0.7}, collection: a}", syslog, "", other, "a"},
		{"network", "{when: {sender: [192.0.2.0/24, 10.0.0.0/8]}, collection: a}", syslog, "", other, "a"},
		{"other network", "{when: {sender: 10.0.1.0/24}, collection: a}", syslog, "", other, "syslog"},
		{"zone", `{when: {sender: "fe80::/10"}, collection: a}`, "syslog-udp fe80::1%2", "", other, "a"},
		{"path", "{when: {path: /var/*/x.log}, collection: a}", "file /var/log/x.log", "", "x", "a"},
		{"other path", "{when: {path: /var/*.log}, collection: a}", "file /var/log/x.log", "", "x", "x"},
		{"no path", "{when: {path: '*'}, collection: a}", syslog, "", other, "syslog"},
		{"program", "{when: {program: app}, collection: a}", syslog, "", other, "a"},
		{"other program", "{when: {program: app}, collection: a}", syslog, "", sshd, "sshd"},
		{"match", "{when: {match: 'disk|memory'}, collection: a}", syslog, "", other, "a"},
		{"not in the header", "{when: {match: gate}, collection: a}", syslog, "", other, "syslog"},
		{"collection named", "{when: {collection: app}, collection: a, override: true}", "http-lines ::1", "app", "x", "a"},
		{"all must hold", "{when: {program: app, match: memory}, collection: a}", syslog, "", other, "syslog"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			k := &keep{}
			p := open(t, "routes: ["+tt.routes+"]", k)
			put(t, p.From(pipeline.Origin{Receiver: "dmz", Port: 5514}), tt.source, tt.collection, tt.message)
			e := k.events[0]
			got := []string{e.Collection}
			want := strings.SplitN(tt.want, " ", 2)
			if len(want) > 1 {
				got = append(got, shown(&e, want[1]))
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s\nevent %+v", diff, e)
			}
		})
	}
}

func TestKeepOriginal(t *testing.T) {
	t.Parallel()
	const line = `app: {"msg":"low","event":{"original":"theirs"}}`
	tests := []struct{ name, routes, source, message, want string }{
		{"with its header", "{keep_original: true}", "syslog-tcp ::1", sshd, sshd},
		{"no header", "{keep_original: true}", "syslog-tcp ::1", "what", "what"},
		{"one that its parser trips over", "{keep_original: true, parser: json}", "syslog-tcp ::1", other, other},
		{"of a file", "{keep_original: true}", "file /var/log/auth.log", sshd[4:], sshd[4:]},
		{"JSON whose message is lifted", "{keep_original: true}", "http-lines ::1", `{"msg":"low"}`, `{"msg":"low"}`},
		{"the sender's own stays", "{keep_original: true}", "syslog-tcp ::1", "<13>Nov 20 10:00:00 gate " + line, "theirs"},
		{"not unless it is said", "{collection: a}", "syslog-tcp ::1", sshd, ""},
		{"not where another route fits", "{when: {program: sshd}}, {keep_original: true}", "syslog-tcp ::1", sshd, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			k := &keep{}
			put(t, open(t, "routes: ["+tt.routes+"]", k), tt.source, "", tt.message)
			got, ok := k.events[0].Lookup("event.original")
			if got != tt.want || ok != (tt.want != "") {
				t.Errorf("got  %q\nwant %q", got, tt.want)
			}
		})
	}
}

// shown shows the fields of e that want names, a * for any value.
func shown(e *llama.Event, want string) string {
	if name, text, _ := strings.Cut(want, "="); strings.Contains(text, " ") && !strings.Contains(text, "=") {
		value, _ := e.Lookup(name)
		return name + "=" + value
	}
	var got []string
	for _, pair := range strings.Split(want, " ") {
		name, text, _ := strings.Cut(pair, "=")
		value, ok := e.Lookup(name)
		if ok && text == "*" {
			value = "*"
		}
		got = append(got, name+"="+value)
	}
	return strings.Join(got, " ")
}

func TestSendersChooseParsers(t *testing.T) {
	t.Parallel()
	k := &keep{}
	entry := open(t, "", k).From(pipeline.Origin{})
	s, err := entry.WithParser("json")
	if err != nil {
		t.Fatal(err)
	}
	put(t, s, "http-lines ::1", "app", `{"a":"b"}`)
	if v, _ := k.events[0].Lookup("a"); v != "b" {
		t.Errorf("got %+v", k.events[0])
	}
	if _, err = entry.WithParser("jsn"); !strings.Contains(fmt.Sprint(err), `"json"`) || llama.CodeOf(err) == "" {
		t.Errorf("got %v, want what is near", err)
	}
}

func TestValidateNamesWhatIsWrong(t *testing.T) {
	t.Parallel()
	tests := []struct{ route, want string }{
		{"{collection: A b}", "collection: \"A b\" is not a name"},
		{"{override: true}", "override: needs a collection"},
		{"{fields: {_msg: x}}", "fields: \"_msg\" is not the name of a field"},
		{"{when: {sender: 10.0.0.0/33}}", "neither an address nor a network"},
		{"{when: {match: '('}}", "missing closing )"},
		{"{when: {port: 0}}", "0 is no port"},
		{"{when: {path: '['}}", "is not a pattern"},
	}
	for _, tt := range tests {
		var o pipeline.Options
		err := config.Read("l.yaml", []byte("routes: ["+tt.route+"]"), &o)
		if !strings.Contains(fmt.Sprint(err), tt.want) || !strings.Contains(fmt.Sprint(err), "l.yaml:1:") {
			t.Errorf("%s: got %v, want %s", tt.route, err, tt.want)
		}
	}
	_, err := pipeline.New(pipeline.Options{Routes: []pipeline.Route{{}, {Parser: "ssshd"}, {Parser: "x y"}}}, registry(t), &keep{})
	for _, want := range []string{"routes[1]", `"sshd"`, "routes[2]"} {
		if !strings.Contains(fmt.Sprint(err), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

func TestStatsCount(t *testing.T) {
	t.Parallel()
	k := &keep{}
	p := open(t, "", k)
	put(t, p, "syslog-udp 10.0.0.1", "", sshd, "junk")
	put(t, p, "syslog-udp 10.0.0.2", "", sshd)
	k.err = errors.New("full")
	if err := p.Put(context.Background(), &llama.Batch{Events: []llama.Event{{Source: "x"}}}); err != k.err {
		t.Errorf("got %v", err)
	}
	want := map[string]pipeline.Counts{
		"syslog-udp 10.0.0.1": {Events: 2, Bytes: int64(len(sshd) + len("junk")), Failed: 1},
		"syslog-udp 10.0.0.2": {Events: 1, Bytes: int64(len(sshd))},
		"x":                   {Rejected: 1},
	}
	if diff := cmp.Diff(want, p.Stats()); diff != "" {
		t.Error(diff)
	}
}

// keepPrepared is a sink that has events prepared in runs, each worker's share by one
// goroutine, and clones of a run what it keeps before the next is prepared.
type keepPrepared struct {
	keep
	workers int // at most, that were given
	trim    int // events that are known already
}

func (k *keepPrepared) PutPrepared(_ context.Context, b *llama.Batch, prepare ...func([]llama.Event, []*column.Layout) error) error {
	if k.err != nil {
		return k.err
	}
	k.workers = max(k.workers, len(prepare))
	events := b.Events[k.trim:]
	share := (len(events) + len(prepare) - 1) / len(prepare)
	shares, errs := make([]keep, len(prepare)), make([]error, len(prepare))
	var all sync.WaitGroup
	for i := range prepare {
		all.Go(func() {
			for run := range slices.Chunk(events[min(i*share, len(events)):min((i+1)*share, len(events))], 7) {
				if errs[i] = prepare[i](run, nil); errs[i] != nil {
					return
				}
				shares[i].Put(context.Background(), &llama.Batch{Events: run})
			}
		})
	}
	all.Wait()
	if i := slices.IndexFunc(errs, func(err error) bool { return err != nil }); i >= 0 {
		return errs[i]
	}
	for _, s := range shares {
		k.events = append(k.events, s.events...)
	}
	return nil
}

// TestPreparedInRuns puts the same events to a sink that has them prepared in runs and
// to one that has not.
func TestPreparedInRuns(t *testing.T) {
	t.Parallel()
	var messages []string
	for i := range 1001 {
		messages = append(messages, []string{sshd, "junk", fmt.Sprintf("<13>Nov 20 10:00:00 gate app[%d]: event %d", i, i)}[i%3])
	}
	whole, runs := &keep{}, &keepPrepared{}
	p, q := open(t, "", whole), open(t, "", runs)
	put(t, p, "syslog-tcp 10.0.0.1", "", messages...)
	put(t, q, "syslog-tcp 10.0.0.1", "", messages...)
	if diff := cmp.Diff(whole.events, runs.events); diff != "" {
		t.Errorf("events differ:\n%s", diff)
	}
	if diff := cmp.Diff(p.Stats(), q.Stats()); diff != "" {
		t.Errorf("counts differ:\n%s", diff)
	}
	if want := min(runtime.GOMAXPROCS(0), 1001/256); runs.workers != want {
		t.Errorf("%d workers, want %d", runs.workers, want)
	}
}

// TestWhatIsNotPreparedIsNotCounted has a sink that knows some events, and one that fails
// before it looks at any.
func TestWhatIsNotPreparedIsNotCounted(t *testing.T) {
	t.Parallel()
	k := &keepPrepared{trim: 2}
	p := open(t, "", k)
	put(t, p, "syslog-tcp 10.0.0.1", "", sshd, sshd, sshd)
	k.err = errors.New("full")
	b := &llama.Batch{Events: []llama.Event{{Source: "x"}, {Source: "y"}, {Source: "x"}}}
	if err := p.Put(context.Background(), b); err != k.err {
		t.Errorf("got %v", err)
	}
	want := map[string]pipeline.Counts{
		"syslog-tcp 10.0.0.1": {Events: 1, Bytes: int64(len(sshd))},
		"x":                   {Rejected: 2},
		"y":                   {Rejected: 1},
	}
	if diff := cmp.Diff(want, p.Stats()); diff != "" {
		t.Error(diff)
	}
}

// A large batch is parsed in parts, and comes out whole and in order.
func TestLargeBatches(t *testing.T) {
	t.Parallel()
	k := &keep{}
	var messages []string
	for i := range 5001 {
		messages = append(messages, fmt.Sprintf("<13>Nov 20 10:00:00 gate app[%d]: event %d", i, i))
	}
	put(t, open(t, "", k), "syslog-tcp 10.0.0.1", "", messages...)
	if len(k.events) != len(messages) {
		t.Fatalf("got %d events", len(k.events))
	}
	for i, e := range k.events {
		pid, _ := e.Lookup("process.pid")
		if want := fmt.Sprintf("event %d", i); e.Message != want || pid != fmt.Sprint(i) {
			t.Fatalf("event %d: %q, pid %s", i, e.Message, pid)
		}
	}
}
