package parse

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/llama-logs/llama"
)

// arrival is when the events of these tests arrive.
var arrival = time.Date(2026, 3, 7, 12, 0, 0, 0, time.UTC)

// header parses a message with the syslog parser and shows the short names of
// what it found.
func parseHeader(t testing.TB, r *Registry, raw string, when time.Time) (llama.Event, error) {
	t.Helper()
	p, err := r.Parser("syslog")
	if err != nil {
		t.Fatal(err)
	}
	e := llama.Event{Message: raw, Time: llama.At(when), Ingested: llama.At(when)}
	err = p.Parse(&e)
	return e, err
}

// What devices send, with the header's host, process, pid and the message, and the
// time if it is not that of arrival.
func TestSyslogHeaders(t *testing.T) {
	t.Parallel()
	r := load(t)
	const at = "2026-03-07T09:15:02Z"
	tests := []struct{ raw, host, process, pid, message, time string }{
		{"<13>Mar  7 09:15:02 h p[1]: m", "h", "p", "1", "m", at},
		{"<13>Mar 7 09:15:02 h p: m", "h", "p", "", "m", at},
		{"<13>Mar 07 09:15:02 h p: m", "h", "p", "", "m", at},
		{"<13>Mar 07 2026 09:15:02 h p: m", "h", "p", "", "m", at},
		{"<13>Mar 07 09:15:02 2026 h p: m", "h", "p", "", "m", at},
		{"<13>Mar  7 09:15:02.250 h p: m", "h", "p", "", "m", "2026-03-07T09:15:02.25Z"},
		{"<13>Mar  7 09:15:02,25 h p: m", "h", "p", "", "m", "2026-03-07T09:15:02.25Z"},
		{"<13>Sat Mar  7 09:15:02 h p: m", "h", "p", "", "m", at},
		{"<13>2026-03-07T09:15:02Z h p: m", "h", "p", "", "m", at},
		{"<13>2026-03-07T10:15:02+01:00 h p: m", "h", "p", "", "m", at},
		{"<13>2026-03-07 09:15:02 h p: m", "h", "p", "", "m", at},
		{"<13>2026-03-07T10:15:02.000000+0100 h p[1]: m", "h", "p", "1", "m", at},
		{"2026-03-07T10:15:02.000000+01:00 h p[1]: m", "h", "p", "1", "m", at},
		{"Mar  7 09:15:02 h p[1]: m", "h", "p", "1", "m", at},
		{"<13>Dec 31 23:59:59 h p: m", "h", "p", "", "m", "2025-12-31T23:59:59Z"},
		{"<13>Jun  1 00:00:00 h p: m", "h", "p", "", "m", "2025-06-01T00:00:00Z"},
		{"<13>Feb 29 00:00:00 h p: m", "h", "p", "", "m", "2024-02-29T00:00:00Z"},
		{"<13> Mar  7 09:15:02 h p: m", "h", "p", "", "m", at},
		{"<13>2026-03-07T09:15:02+00:00Z h p: m", "h", "p", "", "m", at},
		{"<13>Mar  7 09:15:02 h notice p[1]: m", "h", "p", "1", "m", at},
		{"<13>Mar  7 09:15:02 h: CEF:0|a|b", "h", "", "", "CEF:0|a|b", at},
		{"<13>Mar  7 09:15:02 h CEF:0|a|b", "h", "", "", "CEF:0|a|b", at},
		{"<13>1 2026-03-07T09:15:02Z h CEF:0|a|b", "h", "", "", "CEF:0|a|b", at},
		// Parts that are missing
		{"<13>Mar  7 09:15:02 p[1]: m", "", "p", "1", "m", at},
		{"<13>Mar  7 09:15:02 p: m", "", "p", "", "m", at},
		{"<13>Mar  7 09:15:02 h last message repeated 3 times", "h", "", "", "last message repeated 3 times", at},
		{"<13>Mar  7 09:15:02 192.0.2.7 m m", "192.0.2.7", "", "", "m m", at},
		{"<13>Mar  7 09:15:02 2001:db8::7 p: m", "2001:db8::7", "p", "", "m", at},
		{"<13>p[1]: m", "", "p", "1", "m", ""},
		{"<13>p: m", "", "p", "", "m", ""},
		{"<13>h p[1]: m", "h", "p", "1", "m", ""},
		{"<13>m m", "", "", "", "m m", ""},
		{"<13>", "", "", "", "", ""},
		{"<999>Mar  7 09:15:02 h p: m", "", "", "", "<999>Mar  7 09:15:02 h p: m", "none"},
		// Tags
		{"<13>Mar  7 09:15:02 h /usr/sbin/cron[1]: m", "h", "/usr/sbin/cron", "1", "m", at},
		{"<13>Mar  7 09:15:02 h postfix/smtpd[1]: m", "h", "postfix/smtpd", "1", "m", at},
		{"<13>Mar  7 09:15:02 h kernel: [  1.5] m", "h", "kernel", "", "[  1.5] m", at},
		{"<13>Mar  7 09:15:02 h p:m", "h", "", "", "p:m", at},
		{"<13>Mar  7 09:15:02 h p[1] m", "h", "p", "1", "m", at},
		{"<13>Mar  7 09:15:02 h sshd(pam_unix)[1]: m", "h", "sshd(pam_unix)", "1", "m", at},
		{"<13>Mar  7 09:15:02 h Google Chrome[1]: m", "h", "Google Chrome", "1", "m", at},
		{"<13>Mar  7 09:15:02 h sudo:  jo : m", "h", "sudo", "", " jo : m", at},
		{`<13>Mar  7 09:15:02 h {"a": 1}`, "h", "", "", `{"a": 1}`, at},
		// Cisco
		{"<189>412: *Mar  7 09:15:02.000: %SYS-5-CONFIG_I: m", "", "", "", "%SYS-5-CONFIG_I: m", at},
		{"<189>412: r1: *Mar  7 09:15:02.000: %SYS-5-CONFIG_I: m", "r1", "", "", "%SYS-5-CONFIG_I: m", at},
		{"<189>412: .Mar  7 09:15:02 UTC: %SYS-5-CONFIG_I: m", "", "", "", "%SYS-5-CONFIG_I: m", at},
		{"<189>412: Mar  7 10:15:02.000 CET: %SYS-5-CONFIG_I: m", "", "", "", "%SYS-5-CONFIG_I: m", at},
		{"<189>: 2026 Mar  7 09:15:02 UTC: %ETHPORT-5-IF_UP: m", "", "", "", "%ETHPORT-5-IF_UP: m", at},
		{"<166>Mar 07 2026 09:15:02 fw1 : %ASA-6-302013: m", "fw1", "", "", "%ASA-6-302013: m", at},
		{"<166>Mar 07 2026 09:15:02 fw1: %ASA-6-302013: m", "fw1", "", "", "%ASA-6-302013: m", at},
		{"<166>Mar 07 2026 09:15:02: %ASA-6-302013: m", "", "", "", "%ASA-6-302013: m", at},
		{"<166>:Mar 07 09:15:02 UTC: %ASA-6-302013: m", "", "", "", "%ASA-6-302013: m", at},
		{"<166>%ASA-6-302013: m", "", "", "", "%ASA-6-302013: m", ""},
		{"<166>Mar  7 09:15:02 fw1 CiscoASA[999]: %ASA-6-302013: m", "fw1", "CiscoASA", "999", "%ASA-6-302013: m", at},
		// Passed on
		{"<13>Mar  7 09:15:09 relay Mar  7 09:15:02 h p[1]: m", "h", "p", "1", "m", at},
		{"<13>Mar  7 09:15:09 relay <38>Mar  7 09:15:02 h p[1]: m", "h", "p", "1", "m", at},
		{"<13>Mar  7 09:15:02 relay Message forwarded from h: p[1]: m", "h", "p", "1", "m", at},
		// RFC 5424
		{"<13>1 2026-03-07T09:15:02Z h p 1 - - m", "h", "p", "1", "m", at},
		{"<13>1 2026-03-07T09:15:02.5Z h p - - - \ufeffm", "h", "p", "", "m", "2026-03-07T09:15:02.5Z"},
		{"<13>1 2026-03-07T09:15:02Z h p 1 - -  m", "h", "p", "1", "m", at},           // rsyslog
		{"<13>1 2026-03-07T09:15:02Z h p 1 - -  \tat m", "h", "p", "1", "\tat m", at}, // rsyslog
		{"<13>1 2026-03-07T09:15:02Z h sudo - - -   jo : m", "h", "sudo", "", "  jo : m", at},
		{"<13>1 2026-03-07T09:15:02Z h p 1 - -     at com.foo.Bar", "h", "p", "1", "    at com.foo.Bar", at},
		{"<13>1 2026-03-07T09:15:02Z h p 1 - [a@1 b=\"c\"]   m", "h", "p", "1", "  m", at},
		{"<13>1 2026-03-07T09:15:02Z h p 1 - - \ufeff m", "h", "p", "1", " m", at},
		{"<13>1 - - - - - -", "", "", "", "", ""},
		{"<13>1 - - - - - - ", "", "", "", "", ""},
		{"<13>1 - h - - - [a@1 b=\"c\"]", "h", "", "", "", ""},
		{"<13>1 - h - - - [a@1 b=\"c\"", "", "", "", "1 - h - - - [a@1 b=\"c\"", ""},
	}
	for _, tt := range tests {
		t.Run(tt.raw, func(t *testing.T) {
			e, err := parseHeader(t, r, tt.raw, arrival)
			if tt.time == "none" {
				if err == nil {
					t.Errorf("a header in %q: %v", tt.raw, e.Fields)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			when := arrival.Format(time.RFC3339Nano)
			if tt.time != "" {
				when = tt.time
			}
			got := []string{look(&e, fieldHost), look(&e, fieldProcess), look(&e, fieldPID), e.Message, e.Time.String()}
			want := []string{tt.host, tt.process, tt.pid, tt.message, when}
			if !slices.Equal(got, want) {
				t.Errorf("\ngot  %q\nwant %q", got, want)
			}
		})
	}
}

func look(e *llama.Event, name string) string {
	v, _ := e.Lookup(name)
	return v
}

// Lines that begin with a time or a number and are not syslog.
func TestOtherLinesAreNotTakenForSyslog(t *testing.T) {
	t.Parallel()
	for _, line := range []string{
		"2026-03-07T09:15:02Z INFO server: started",
		"2026-03-07 09:15:02,123 INFO server started",
		"2026/03/07 09:15:02 [error] 1#0: x",
		"March winds: and April showers",
		"Mar 7 was a fine day: yes",
		"<b>bold</b>: x",
		"<1234>x",
		"10:15:02 x",
		`{"a":1}`,
		"192.0.2.7 - - [07/Mar/2026:09:15:02 +0000] \"GET / HTTP/1.1\" 200 1",
		"Sat Mar 7",
		"",
		"\xff\xfe",
	} {
		if looksLikeSyslog(line) {
			t.Errorf("%q is taken for syslog", line)
		}
	}
}

func TestStructuredDataRepeatsBecomeArrays(t *testing.T) {
	t.Parallel()
	e, err := parseHeader(t, load(t), `<13>1 - - - - - [origin ip="192.0.2.1" ip="192.0.2.2"][empty][x y="\]\"\\\z"] m`, arrival)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"origin.ip": `["192.0.2.1","192.0.2.2"]`, "empty": "{}", "x.y": `]"\\z`,
	} {
		if got := look(&e, fieldStructuredData+name); got != want {
			t.Errorf("%s: got %s, want %s", name, got, want)
		}
	}
}

func TestSyslogTimesNearArrival(t *testing.T) {
	t.Parallel()
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct{ text, arrival, want string }{
		{"Dec 31 23:59:59", "2026-01-01T00:00:01Z", "2025-12-31T22:59:59Z"},
		{"Jan  1 00:00:01", "2025-12-31T22:59:59Z", "2025-12-31T23:00:01Z"},
		{"Jul  1 12:00:00", "2026-01-01T00:00:00Z", "2025-07-01T10:00:00Z"},
		{"Jan  7 12:00:00", "2026-01-01T00:00:00Z", "2026-01-07T11:00:00Z"}, // a clock that is ahead
		{"Jan  9 12:00:00", "2026-01-01T00:00:00Z", "2025-01-09T11:00:00Z"}, // a line of last year
		{"Feb 29 12:00:00", "2028-02-25T00:00:00Z", "2028-02-29T11:00:00Z"},
		{"Feb 29 12:00:00", "2104-02-01T00:00:00Z", "2096-02-29T11:00:00Z"}, // 2100 has none
		{"Oct 25 02:30:00", "2026-10-25T00:30:01Z", "2026-10-25T00:30:00Z"}, // the first time
		{"Oct 25 02:30:00", "2026-10-25T01:30:01Z", "2026-10-25T01:30:00Z"}, // an hour later
		{"Jan  1 00:00:00", "0001-01-01T00:00:00Z", "2025-12-31T23:00:00Z"}, // no arrival: now
	}
	for _, tt := range tests {
		c := newClock(berlin, func() time.Time { return arrival })
		var s stamp
		if n := readBSD(tt.text, &s); n != len(tt.text) {
			t.Fatalf("%s: read %d", tt.text, n)
		}
		when, err := time.Parse(time.RFC3339, tt.arrival)
		if err != nil {
			t.Fatal(err)
		}
		ingested := llama.At(when)
		if when.Year() == 1 {
			ingested = 0
		}
		for range 2 { // the second time from the cached offset
			if got := c.time(&s, ingested).String(); got != tt.want {
				t.Errorf("%s arriving %s: got %s, want %s", tt.text, tt.arrival, got, tt.want)
			}
		}
	}
}

// The clock's arithmetic is that of package time.
func TestClockAgreesWithTime(t *testing.T) {
	t.Parallel()
	zone, err := time.LoadLocation("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	c := newClock(zone, nil)
	start := time.Date(1969, 12, 25, 0, 0, 0, 0, time.UTC)
	for i := range 60_000 {
		w := start.Add(time.Duration(i) * 11 * time.Hour).Add(time.Duration(i) * time.Second)
		s := stamp{year: w.Year(), month: int(w.Month()), day: w.Day(), hour: w.Hour(), minute: w.Minute(), sec: w.Second()}
		std := time.Date(w.Year(), w.Month(), w.Day(), w.Hour(), w.Minute(), w.Second(), 0, zone)
		_, before := std.Add(-3 * time.Hour).Zone()
		_, after := std.Add(3 * time.Hour).Zone()
		if got := c.time(&s, 1); before == after && got != llama.At(std) {
			t.Fatalf("%v: got %s, want %s", w, got, std)
		}
		if y := yearOf(w.Unix()); y != w.Year() {
			t.Fatalf("%v: year %d", w, y)
		}
	}
}

type syslogNGTime struct {
	ID, Format, TZ, Input, Expected string
	NowUnix                         int64 `json:"now_unix"`
}

func TestSyslogNGTimes(t *testing.T) {
	t.Parallel()
	var s score
	for _, c := range cases[syslogNGTime](t, "syslog/syslog-ng-timestamps.jsonl") {
		zone, err := time.LoadLocation(c.TZ)
		if err != nil {
			t.Fatal(err)
		}
		now := time.Unix(c.NowUnix, 0)
		v := newEnv(Options{Zone: zone})
		e := llama.Event{Message: "<13>" + strings.TrimSpace(c.Input) + " host prog: m", Ingested: llama.At(now)}
		err = (&chain{env: v, steps: []step{&syslogStep{clock: v.clock}}}).Parse(&e)
		want, _ := time.Parse(time.RFC3339, c.Expected)
		s.add(c.ID, err == nil && e.Time == llama.At(want), fmt.Sprintf("got %s want %s in %s", e.Time, want.UTC(), c.Input))
	}
	// Two are not reached on purpose: syslog-ng takes a time of early January that
	// arrives in mid December for one of the next year, and of a time that never
	// was, for clocks were set forward, it takes the other reading.
	s.check(t, 94.5)
}

// The times without a year in fail2ban's examples, which it reads as those of the
// past. One is of three days ahead, which we take for a clock that is.
func TestFail2banTimes(t *testing.T) {
	t.Parallel()
	zone, err := time.LoadLocation("Europe/Zurich")
	if err != nil {
		t.Fatal(err)
	}
	v := newEnv(Options{Zone: zone})
	now := time.Date(2005, 8, 14, 10, 0, 0, 0, zone)
	var s score
	for _, file := range []string{"sshd", "dovecot", "postfix", "named-refused", "pam-generic", "cyrus-imap", "proftpd", "vsftpd"} {
		for _, c := range cases[beatsCase](t, "fail2ban/"+file+".jsonl") {
			want, _ := c.Expected["time"].(string)
			if want == "" || monthOf(c.Input) == 0 {
				continue
			}
			when, err := time.ParseInLocation("2006-01-02T15:04:05", strings.TrimSuffix(want, ".0"), zone)
			if err != nil {
				t.Fatal(err)
			}
			e := llama.Event{Message: c.Input, Ingested: llama.At(now)}
			err = (&chain{env: v, steps: []step{&syslogStep{clock: v.clock}}}).Parse(&e)
			s.add(file, err == nil && e.Time == llama.At(when), fmt.Sprintf("got %s want %s in %s", e.Time, want, c.Input))
		}
	}
	s.check(t, 99.4)
}

type goSyslogCase struct {
	ID, Format, Input string
	Valid             bool
	Expected          map[string]any
	BestEffort        map[string]any `json:"best_effort"`
}

func TestGoSyslogMessages(t *testing.T) {
	t.Parallel()
	r := load(t)
	var s score
	for _, c := range cases[goSyslogCase](t, "syslog/go-syslog-messages.jsonl") {
		if c.Input == "" && c.Valid {
			continue // bytes that JSON cannot hold
		}
		e, err := parseHeader(t, r, c.Input, arrival)
		if !c.Valid {
			c.Expected = c.BestEffort // of a broken header what can be read is read
		}
		for name, want := range c.Expected {
			s.add(name, err == nil && sameHeader(&e, name, want), fmt.Sprintf("got %q want %v in %q", e.Message, want, c.Input))
		}
	}
	s.check(t, 98)
}

func sameHeader(e *llama.Event, name string, want any) bool {
	text := fmt.Sprint(want)
	switch name {
	case "Timestamp":
		at, err := time.Parse(time.RFC3339Nano, text)
		if at.Year() == 0 {
			at = at.AddDate(e.Time.Std().Year(), 0, 0)
		}
		return err == nil && e.Time == llama.At(at)
	case "Message":
		return strings.TrimPrefix(text, "\ufeff") == e.Message
	case "ProcID":
		return look(e, fieldPID) == text || look(e, fieldProcID) == text || strings.TrimLeft(text, "0") == look(e, fieldPID)
	case "StructuredData":
		data, _ := want.(map[string]any)
		for id, params := range data {
			for param, value := range params.(map[string]any) {
				if look(e, fieldStructuredData+id+"."+param) != value {
					return false
				}
			}
		}
		return true
	}
	names := map[string]string{
		"Facility": fieldFacility, "Severity": fieldSeverity, "Priority": fieldPriority, "Version": fieldVersion,
		"Hostname": fieldHost, "Appname": fieldProcess, "MsgID": fieldMsgID,
	}
	return look(e, names[name]) == text
}

// LogHub's files of syslog: the header is taken off as LogHub took it.
func TestLogHubHeaders(t *testing.T) {
	t.Parallel()
	r := load(t)
	auto, err := r.Parser(Auto)
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		file  string
		host  string // LogHub's names
		pid   string
		floor float64
	}{
		{"loghub/OpenSSH/lines.jsonl.gz", "Component", "Pid", 100},
		{"loghub/Linux/lines.jsonl.gz", "Level", "PID", 99.8},
	}
	for _, tt := range tests {
		t.Run(tt.file, func(t *testing.T) {
			t.Parallel()
			var s score
			for _, c := range cases[beatsCase](t, tt.file) {
				e := llama.Event{Message: c.Input, Ingested: llama.At(arrival)}
				_ = auto.Parse(&e)
				text := func(name string) string {
					if v := c.Expected[name]; v != nil {
						return fmt.Sprint(v)
					}
					return ""
				}
				s.add("host", look(&e, fieldHost) == text(tt.host), c.Input)
				s.add("pid", look(&e, fieldPID) == text(tt.pid), c.Input)
				s.add("message", strings.TrimSpace(e.Message) == text("Content"), c.Input)
			}
			s.check(t, tt.floor)
		})
	}
}

// The header of about a hundred products: the host is found. Some lines name it in
// the message only, which a header's parser does not read.
func TestSC4SHosts(t *testing.T) {
	t.Parallel()
	r := load(t)
	var s score
	for _, c := range cases[beatsCase](t, "sc4s/classify.jsonl") {
		want, ok := c.Expected["host"]
		if !ok || want == nil {
			continue
		}
		e, _ := parseHeader(t, r, c.Input, arrival)
		s.add("host", look(&e, fieldHost) == want, fmt.Sprintf("got %q %q want %s in %.120s", look(&e, fieldHost), look(&e, fieldProcess), want, c.Input))
	}
	s.check(t, 79.2)
}

// How much of real logs the packs understand: the share of events that got more
// than a header.
func TestShareOfRealLogs(t *testing.T) {
	t.Parallel()
	r := load(t)
	auto, err := r.Parser(Auto)
	if err != nil {
		t.Fatal(err)
	}
	unlabelled := func(line string) string {
		var c beatsCase
		if json.Unmarshal([]byte(line), &c) == nil {
			return c.Input
		}
		return line
	}
	tests := []struct {
		file  string
		floor float64
	}{
		{"auth-logs/security_analytics_auth.log.gz", 99.9},
		{"access-logs/apache_combined.log.gz", 100},
		{"loghub/OpenSSH/lines.jsonl.gz", 100},
		{"loghub/Apache/lines.jsonl.gz", 100},
		{"elastic-beats/unlabelled/system.auth.jsonl", 99.1},
	}
	digits := regexp.MustCompile(`\d+`)
	for _, tt := range tests {
		t.Run(tt.file, func(t *testing.T) {
			t.Parallel()
			var s score
			for _, line := range lines(t, tt.file) {
				e := llama.Event{Message: unlabelled(line), Ingested: llama.At(arrival)}
				_ = auto.Parse(&e)
				_, category := e.Lookup("event.category")
				_, action := e.Lookup("event.action")
				_, user := e.Lookup("user.name")
				s.add(digits.ReplaceAllString(e.Message[:min(30, len(e.Message))], "N"), category || action || user, e.Message)
			}
			s.check(t, tt.floor)
		})
	}
}
