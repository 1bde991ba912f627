package query

import (
	"strconv"
	"strings"
	"time"

	"github.com/llama-logs/llama"
)

// syslogZone is what lines of syslog leave out: the zone and the year.
type syslogZone struct {
	now    llama.Time
	offset syslogOffset
}

// A syslogOffset is how far the clock of a zone is before that of UTC.
type syslogOffset struct {
	text   string // as written; "" is UTC
	before time.Duration
}

func (p *parser) offset() syslogOffset {
	pos := p.tok().pos
	o := syslogOffset{text: p.compound("an offset", stopToken)}
	var ok bool
	if o.before, ok = parseDuration(o.text); (!ok || o.before.Abs() > 24*time.Hour) && p.err == nil {
		p.failAt(pos, nil, "%q is no offset; expected one such as 2h or -30m, of a day at most", o.text)
	}
	return o
}

// The words of syslog's severities and facilities, by their numbers.
var (
	syslogLevels = []string{"emerg", "alert", "critical", "error", "warning", "notice", "info", "debug"}

	syslogFacilities = []string{
		"kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp", "ntp",
		"security", "console", "solaris-cron", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7",
	}
)

// fields reads a line of syslog, RFC 5424 or else RFC 3164, with its priority or
// without. It goes as far as the line is well-formed.
func (z *syslogZone) fields(s string) []llama.Field {
	var l syslogLine
	if rest, ok := strings.CutPrefix(s, "<"); ok {
		text, rest, ok := strings.Cut(rest, ">")
		n, err := strconv.ParseUint(text, 10, 8)
		if !ok || err != nil {
			return nil
		}
		l.number("priority", n)
		l.text("facility_keyword", wordAt(syslogFacilities, n/8))
		l.text("level", wordAt(syslogLevels, n%8))
		l.number("facility", n/8)
		l.number("severity", n%8)
		s = rest
	}
	if s == "" {
		return l.fields
	}
	if rest, ok := strings.CutPrefix(s, "1 "); ok {
		l.rfc5424(rest)
	} else {
		l.rfc3164(s, z)
	}
	return l.fields
}

func wordAt(words []string, n uint64) string {
	if n < uint64(len(words)) {
		return words[n]
	}
	return "unknown"
}

// A syslogLine gathers the fields of one line.
type syslogLine struct{ fields []llama.Field }

func (l *syslogLine) text(name, value string) {
	l.fields = append(l.fields, llama.Field{Name: name, Value: value})
}

func (l *syslogLine) number(name string, n uint64) {
	l.fields = append(l.fields, llama.Field{Name: name, Value: strconv.FormatUint(n, 10), Kind: llama.Number})
}

func (l *syslogLine) rfc5424(s string) {
	l.text("format", "rfc5424")
	for _, name := range []string{"timestamp", "hostname", "app_name", "proc_id", "msg_id"} {
		if s == "" {
			return
		}
		value, rest, _ := strings.Cut(s, " ")
		l.text(name, value)
		s = rest
	}
	if rest, ok := strings.CutPrefix(s, "-"); ok {
		s = rest
	} else {
		for strings.HasPrefix(s, "[") {
			rest, ok := l.element(s[1:])
			if !ok {
				return
			}
			s = rest
		}
	}
	if rest, ok := strings.CutPrefix(s, " "); ok {
		l.text("message", rest)
	}
}

// element reads one element of structured data behind its bracket: an identifier,
// then name="value" with \ before ", \ and ].
func (l *syslogLine) element(s string) (rest string, ok bool) {
	n := strings.IndexAny(s, " ]")
	if n < 0 {
		return "", false
	}
	id, s := s[:n], s[n:]
	if s[0] == ']' {
		l.text(id, "")
		return s[1:], true
	}
	for {
		s = strings.TrimLeft(s, " ")
		if rest, ok := strings.CutPrefix(s, "]"); ok {
			return rest, true
		}
		name, after, ok := strings.Cut(s, `="`)
		if !ok {
			return "", false
		}
		end := 0
		for end < len(after) && after[end] != '"' {
			if after[end] == '\\' {
				end++
			}
			end++
		}
		if end >= len(after) {
			return "", false
		}
		l.text(id+"."+name, strings.NewReplacer(`\"`, `"`, `\\`, `\`, `\]`, `]`).Replace(after[:end]))
		s = after[end+1:]
	}
}

// rfc3164 reads `MMM DD hh:mm:ss host tag[pid]: message`. The year is the one that
// makes the time the newest that is not more than a day ahead.
func (l *syslogLine) rfc3164(s string, z *syslogZone) {
	l.text("format", "rfc3164")
	if len(s) < len(time.Stamp) {
		l.text("message", s)
		return
	}
	at, err := time.Parse(time.Stamp, s[:len(time.Stamp)])
	if err != nil {
		l.text("message", s)
		return
	}
	l.text("timestamp", llama.At(z.newest(at)).String())
	s = s[len(time.Stamp):]
	rest, ok := strings.CutPrefix(s, " ")
	if !ok {
		if s != "" {
			l.text("message", s)
		}
		return
	}
	host, rest, _ := strings.Cut(rest, " ")
	l.text("hostname", host)
	if n := strings.IndexAny(rest, "[: "); n >= 0 {
		l.text("app_name", rest[:n])
		rest = rest[n:]
	} else {
		if rest != "" {
			l.text("app_name", rest)
		}
		return
	}
	if inner, ok := strings.CutPrefix(rest, "["); ok {
		id, after, ok := strings.Cut(inner, "]")
		if !ok {
			return
		}
		l.text("proc_id", id)
		rest = after
	}
	if rest = strings.TrimPrefix(strings.TrimPrefix(rest, ":"), " "); rest != "" {
		l.text("message", rest)
	}
}

func (z *syslogZone) newest(at time.Time) time.Time {
	latest := z.now.Std().Add(24 * time.Hour)
	// Eight years back, as February 29 is not in every one.
	for year := latest.Year(); year >= latest.Year()-8; year-- {
		t := time.Date(year, at.Month(), at.Day(), at.Hour(), at.Minute(), at.Second(), 0, time.UTC).Add(-z.offset.before)
		if !t.After(latest) && t.Add(z.offset.before).Day() == at.Day() {
			return t
		}
	}
	return at
}
