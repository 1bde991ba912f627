package parse

import (
	"strings"
	"testing"
	"time"

	"github.com/llama-logs/llama"
)

// fuzz holds what must be so whatever a message is: nothing panics, names are
// unique and free, and after an error the event is as it was.
func fuzz(t *testing.T, p Parser, message string) {
	t.Helper()
	e := llama.Event{Message: message, Time: 1, Ingested: llama.At(arrival)}
	if err := p.Parse(&e); err != nil {
		if e.Message != message || e.Time != 1 || len(e.Fields) != 0 {
			t.Fatalf("%q: after %v the event is %+v", message, err, e)
		}
	}
	uniqueNames(t, &e)
	if _, err := llama.AppendFields(nil, llama.AppendObject(nil, e.Fields)); err != nil && !strings.Contains(err.Error(), "than") {
		t.Fatalf("%q: %v", message, err)
	}
}

func FuzzSyslog(f *testing.F) {
	for _, s := range []string{
		sshdLine, rfc5424, asaLine, `<13>1 - - - - - [a b="\]"][c] x`, "<189>412: r1: *Mar  1 18:46:11.541 UTC: %SYS", "<13>2026-03-07T09:15:02Z h p: m",
		"<13>Mar  7 09:15:09 relay <38>Mar  7 09:15:02 h p[1] (x): m", "Feb 29 00:00:00 h",
	} {
		f.Add(s)
	}
	p, err := load(f).Parser("syslog")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, message string) {
		fuzz(t, p, message)
		var h header
		if h.read(message) && !strings.HasSuffix(message, h.message) {
			t.Fatalf("%q: the message %q is not its end", message, h.message)
		}
		looksLikeSyslog(message)
	})
}

// FuzzAuto runs every shipped module over any message.
func FuzzAuto(f *testing.F) {
	for _, s := range []string{
		sshdLine, accessLine, " " + accessLine, asaLine, jsonLine, kvLine, "[Sat Mar 07 09:15:02 2026] [core:error] [pid 1] x",
	} {
		f.Add(s)
	}
	r := load(f)
	auto, err := r.Parser(Auto)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, message string) {
		fuzz(t, auto, message)
		for _, m := range r.modules {
			fuzz(t, m, message)
		}
	})
}

func FuzzJSON(f *testing.F) {
	for _, s := range []string{jsonLine, `{"_msg":1,"ts":1e99,"time":"2026-02-30T00:00:00Z"}`, `{"_seq":1,"~a":2,"":3,"timestamp":"1772874902.5"}`} {
		f.Add(s)
	}
	p, err := load(f).Parser("json")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, message string) { fuzz(t, p, message) })
}

func FuzzKV(f *testing.F) {
	for _, s := range []string{kvLine, `a="b\"c" d='e' f`, `a=`, `=a`, `a="`, "_seq=1 \xff=2 ~a=3"} {
		f.Add(s)
	}
	p, err := load(f).Parser("kv")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, message string) { fuzz(t, p, message) })
}

func FuzzSchema(f *testing.F) {
	f.Add(`$date $hour _ \[$process\] _ $ip`, "a b c [d] e f")
	f.Add(`[$a... ][$b:]${c:number}[ $d...]`, "x y: 1 2")
	f.Add(`$a...x$b...x$c...x$d...`, strings.Repeat("x", 99))
	f.Add(`${a:address} ${b:duration} ${u:url}`, "h 1:02:03 http://x:80/a.b?c#d")
	f.Fuzz(func(t *testing.T, source, message string) {
		p, err := NewSchema(source, Options{Zone: time.UTC})
		if err != nil {
			return
		}
		start := time.Now()
		e := llama.Event{Message: message}
		_ = p.Parse(&e)
		uniqueNames(t, &e)
		if took := time.Since(start); took > time.Second {
			t.Fatalf("%q over %q took %v", source, message, took)
		}
	})
}

func FuzzModule(f *testing.F) {
	f.Add("name: a\nmatch: {process: [x]}\nsteps:\n  - schema: '$a'\nmap: {set: {b: '$a-${a}', c: [x]}}\n")
	f.Add("name: a\nsteps: [syslog, json, kv, access_log]\n")
	f.Add("name: a\nsteps:\n  - date: {from: a, layouts: ['%Y', iso]}\n  - csv: {names: [a, 'b:number']}\n  - first: [{schema: 'x'}]\n")
	v := newEnv(Options{Zone: time.UTC})
	f.Fuzz(func(t *testing.T, text string) {
		m, err := readModule("a.yaml", []byte(text), v)
		if err != nil || len(text) > 2000 {
			return
		}
		e := llama.Event{Message: sshdLine}
		_ = m.Parse(&e)
		_ = m.Test()
	})
}
