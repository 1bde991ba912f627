package parse

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/llama-logs/llama"
)

// StepDate reads the time of an event out of a field.
var StepDate = Step{
	Name: "date",
	Doc: "Reads the event's time out of a field. Layouts are tried in turn: `iso` (RFC 3339 and its relatives), `syslog` " +
		"(`Jan _2 15:04:05`, year and fraction optional), `clf` (access logs), `unix`, `unix_ms`, `unix_us`, `unix_ns`, or a pattern of strftime: " +
		"%Y %y %m %d %e %H %I %M %S %f (fraction) %p %b %B %a %A %j %z %Z %%. A time without a year is in the year nearest to arrival, at most a week ahead of it, one " +
		"without a zone in the step's or the configured one.",
	Options: dateOptions{},
	make:    build(dateOptions{}, newDate),
	Examples: []StepExample{
		{Options: `{from: t, layouts: [iso]}`, Raw: `{"t":"2026-03-07 09:15:02,5"}`, Want: `{"_time":"2026-03-07T09:15:02.5Z"}`},
		{Options: `{from: t, layouts: ['%d.%m.%Y %H:%M'], zone: Europe/Berlin, keep: true}`, Raw: `{"t":"07.03.2026 09:15"}`, Want: `{"_time":"2026-03-07T08:15:00Z","t":"07.03.2026 09:15"}`},
		{Options: `{from: t, layouts: [unix_ms]}`, Raw: `{"t":"1772874902123"}`, Want: `{"_time":"2026-03-07T09:15:02.123Z"}`},
		{Options: `{from: t, layouts: [clf, '%H:%M']}`, Raw: `{"t":"soon"}`, Err: `t: "soon" is no time of the layouts clf, %H:%M`},
	},
}

type dateOptions struct {
	From    string         `yaml:"from" doc:"The field to read."`
	Layouts []string       `yaml:"layouts" doc:"How the time may be written; the default is iso, syslog and clf."`
	Zone    *time.Location `yaml:"zone" doc:"Where times without a zone are, e.g. Europe/Berlin."`
	Keep    bool           `yaml:"keep" doc:"Keep the field."`
}

type dateStep struct {
	clock
	dateOptions
	layouts []layout
}

// A layout reads a whole text as a time.
type layout struct {
	name string
	read func(c clock, s string, arrival llama.Time) (llama.Time, bool)
}

func newDate(o dateOptions, v *env) (step, error) {
	if o.From == "" {
		return nil, errors.New("from: the name of a field belongs here")
	}
	s := &dateStep{clock: v.clock, dateOptions: o}
	if o.Zone != nil {
		s.clock = v.clock.in(o.Zone)
	}
	if len(o.Layouts) == 0 {
		s.Layouts = []string{"iso", "syslog", "clf"}
	}
	for _, name := range s.Layouts {
		l, err := newLayout(name)
		if err != nil {
			return nil, err
		}
		s.layouts = append(s.layouts, l)
	}
	return s, nil
}

func (s *dateStep) run(w *work) error {
	text, ok := w.text(s.From)
	if !ok {
		return missing(s.From)
	}
	text = strings.TrimSpace(text)
	for _, l := range s.layouts {
		if t, ok := l.read(s.clock, text, w.e.Ingested); ok {
			w.e.Time = t
			if !s.Keep {
				w.remove(s.From)
			}
			return nil
		}
	}
	return fmt.Errorf("%s: %.60q is no time of the layouts %s", s.From, text, strings.Join(s.Layouts, ", "))
}

func newLayout(name string) (layout, error) {
	readers := map[string]func(string, *stamp) int{"iso": readISO, "syslog": readBSD, "clf": readCLF}
	units := map[string]int64{"unix": 1e9, "unix_ms": 1e6, "unix_us": 1e3, "unix_ns": 1}
	if read := readers[name]; read != nil {
		return layout{name, func(c clock, s string, arrival llama.Time) (llama.Time, bool) {
			var st stamp
			if len(s) > 4 && s[3] == ' ' && monthOf(s) == 0 {
				s = s[4:] // behind a weekday
			}
			if n := read(s, &st); n == 0 || n != len(s) {
				return 0, false
			}
			return c.time(&st, arrival), true
		}}, nil
	}
	if unit := units[name]; unit != 0 {
		return layout{name, func(_ clock, s string, _ llama.Time) (llama.Time, bool) { return epoch(s, unit) }}, nil
	}
	if !strings.Contains(name, "%") {
		return layout{}, fmt.Errorf("unknown layout %q; iso, syslog, clf, unix, unix_ms, unix_us, unix_ns or a pattern such as %%Y-%%m-%%d %%H:%%M:%%S", name)
	}
	form, err := strftime(name)
	if err != nil {
		return layout{}, err
	}
	hasYear := strings.Contains(form, "2006") || strings.Contains(form, "06")
	return layout{name, func(c clock, s string, arrival llama.Time) (llama.Time, bool) {
		t, err := time.ParseInLocation(form, s, c.zone)
		if err != nil {
			return 0, false
		}
		if hasYear {
			return llama.At(t), true
		}
		st := stamp{
			month: int(t.Month()), day: t.Day(), hour: t.Hour(), minute: t.Minute(), sec: t.Second(), nano: t.Nanosecond(),
		}
		return c.time(&st, arrival), true
	}}, nil
}

// strftime turns a pattern of strftime into a layout of package time.
func strftime(pattern string) (string, error) {
	forms := map[byte]string{
		'Y': "2006", 'y': "06", 'm': "01", 'd': "02", 'e': "_2", 'H': "15", 'I': "03", 'M': "04", 'S': "05",
		'p': "PM", 'b': "Jan", 'h': "Jan", 'B': "January", 'a': "Mon", 'A': "Monday", 'j': "002", 'z': "-0700", 'Z': "MST",
		'F': "2006-01-02", 'T': "15:04:05", 'D': "01/02/06", 'R': "15:04", '%': "%", 'n': "\n", 't': "\t",
	}
	var b strings.Builder
	for i := 0; i < len(pattern); i++ {
		c := pattern[i]
		switch {
		case c != '%':
			b.WriteByte(c)
			continue
		case i+1 == len(pattern):
			return "", fmt.Errorf("layout %q: a letter belongs behind the last %%", pattern)
		}
		i++
		if pattern[i] == 'f' && (strings.HasSuffix(b.String(), "05.") || strings.HasSuffix(b.String(), "05,")) {
			b.WriteString("999999999")
			continue
		}
		form, ok := forms[pattern[i]]
		if !ok {
			return "", fmt.Errorf("layout %q: %%%c is not known", pattern, pattern[i])
		}
		b.WriteString(form)
	}
	return b.String(), nil
}

// epoch reads a number of units since 1970, with or without a fraction.
func epoch(s string, unit int64) (llama.Time, bool) {
	whole, fraction, _ := strings.Cut(s, ".")
	n, err := strconv.ParseInt(whole, 10, 64)
	if err != nil || n > 1<<62/unit || n < -1<<62/unit {
		return 0, false
	}
	nanos := n * unit
	scale := unit
	for i := range len(fraction) {
		if !isDigit(fraction[i]) {
			return 0, false
		}
		scale /= 10
		if n < 0 || whole != "" && whole[0] == '-' {
			nanos -= int64(fraction[i]-'0') * scale
		} else {
			nanos += int64(fraction[i]-'0') * scale
		}
	}
	return llama.Time(nanos), true
}

// anyTime reads the times that JSON events have: text in ISO form, or a number
// since 1970 in the unit that its size tells.
func (c clock) anyTime(s string, arrival llama.Time) (llama.Time, bool) {
	var st stamp
	if n := readISO(s, &st); n > 0 && n == len(s) {
		return c.time(&st, arrival), true
	}
	whole := digitsLen(s)
	if whole < 9 || len(s) > 32 {
		return 0, false
	}
	unit := int64(1)
	for _, u := range []struct {
		digits int
		unit   int64
	}{{11, 1e9}, {14, 1e6}, {17, 1e3}} {
		if whole <= u.digits {
			unit = u.unit
			break
		}
	}
	return epoch(s, unit)
}
