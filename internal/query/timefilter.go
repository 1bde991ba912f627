package query

import (
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/llama-logs/llama"
)

const (
	minTime = llama.Time(math.MinInt64)
	maxTime = llama.Time(math.MaxInt64)
)

// timeFilter reads what stands behind `_time:`.
func (p *parser) timeFilter() filter {
	switch {
	case p.is("day_range") && (p.follows("(") || p.follows("[")):
		return p.dayRange()
	case p.is("week_range") && (p.follows("(") || p.follows("[")):
		return p.weekRange()
	}
	f := &timeFilter{from: minTime, to: maxTime}
	before := p.nows
	defer func() { f.nows = p.nows - before }()
	switch {
	case p.is("offset"):
		f.to = p.moment()
	case p.is("[", "("):
		p.timeRange(f)
	default:
		p.timeCompare(f)
	}
	if p.is("offset") {
		p.next()
		d, text := p.duration()
		f.from, f.to = addTime(f.from, -d), addTime(f.to, -d)
		f.text = strings.TrimSpace(f.text + " offset " + text)
	}
	return f
}

// timeRange reads [a, b], where ( and ) leave the bound out.
func (p *parser) timeRange(f *timeFilter) {
	open := p.tok().raw
	p.next()
	from, fromText := p.time()
	p.expect(",", "between the times")
	to, toText := p.time()
	closing := p.tok().raw
	if !p.is("]", ")") {
		p.fail(`unexpected %s; expected "]" or ")" after the times`, p.shown())
		return
	}
	p.next()
	f.from, f.to = from, addTime(to, -1)
	if open == "(" {
		f.from = addTime(from, 1)
	}
	if closing == "]" {
		f.to = lastOf(to, toText)
	}
	f.text = open + quoteNumber(fromText) + "," + quoteNumber(toText) + closing
}

// timeCompare reads a time or an age with =, >, >=, <, <= or nothing before it.
// Ages count backwards: _time:<5m is what is younger than five minutes.
func (p *parser) timeCompare(f *timeFilter) {
	op := ""
	if p.is(">", "<", "=") {
		op = p.tok().raw
		p.next()
		if op != "=" && p.accept("=") {
			op += "="
		}
	}
	if !p.startsTime() {
		if t := p.tok(); t.text != "" && isWordRune([]rune(t.text)[0]) && !isDigit(t.text[0]) {
			p.fail("%s is no age and no time; expected one such as 5m, 2d3h, 2026-11-20 or now", p.shown())
		}
		d, text := p.duration()
		if d < 0 {
			d = -d
		}
		f.text = op + quoteNumber(text)
		switch op {
		case ">":
			f.to = addTime(p.moment(), -d-1)
		case ">=":
			f.to = addTime(p.moment(), -d)
		case "<":
			f.from, f.to = addTime(p.moment(), 1-d), p.moment()
		default:
			f.from, f.to = addTime(p.moment(), -d), p.moment()
		}
		return
	}
	t, text := p.time()
	f.text = op + quoteNumber(text)
	switch op {
	case ">":
		f.from = addTime(t, 1)
	case ">=":
		f.from = t
	case "<":
		f.to = addTime(t, -1)
	case "<=":
		f.to = lastOf(t, text)
	default:
		f.from, f.to = t, lastOf(t, text)
	}
}

// startsTime reports whether a time stands here, not an age: now, or a year.
func (p *parser) startsTime() bool {
	t := p.tok().text
	if p.is("now") {
		return true
	}
	if len(t) < 4 || digits(t) < 4 {
		return false
	}
	return len(t) == 4 || strings.ContainsRune("-+Zz", rune(t[4])) || len(t) > 4 && digits(t) == len(t)
}

func (p *parser) duration() (time.Duration, string) {
	pos := p.tok().pos
	text := p.compound("a duration", stopToken)
	d, ok := parseDuration(strings.TrimPrefix(text, "+"))
	if !ok && p.err == nil {
		p.failAt(pos, nil, "%q is no duration; expected one such as 5m, 1.5h or 2d3h", text)
	}
	return d, text
}

func (p *parser) time() (llama.Time, string) {
	pos := p.tok().pos
	text := p.compound("a time", stopToken)
	t, ok := parseTime(text, p.moment())
	if !ok && p.err == nil {
		p.failAt(pos, nil, "%q is no time; expected one such as 2026-11-20, 2026-11-20T10:30:00Z, now or now-1h", text)
	}
	return t, text
}

// parseTime reads now, now-1h, -1h, seconds to nanoseconds since 1970, or a
// date of any length from the year to nanoseconds, with or without a zone; a
// date without one is UTC.
func parseTime(s string, now llama.Time) (llama.Time, bool) {
	if lower := strings.ToLower(s); strings.HasPrefix(lower, "now") {
		s = lower[3:]
		if s == "" {
			return now, true
		}
	}
	if s != "" && (s[0] == '-' || s[0] == '+') {
		d, ok := parseDuration(strings.TrimPrefix(s, "+"))
		return addTime(now, d), ok
	}
	text, zone := cutZone(s)
	if zone == "" && len(s) > 4 && digits(s) == len(s) {
		return parseUnix(s)
	}
	layout := "2006-01-02T15:04:05.999999999"
	if len(text) > 10 && text[10] == ' ' {
		layout = "2006-01-02 15:04:05.999999999"
	}
	switch len(text) {
	case 4, 7, 10, 13, 16, 19:
		layout = layout[:len(text)]
	default:
		if len(text) < 20 || len(text) > 29 {
			return 0, false
		}
	}
	if zone != "" {
		layout += "Z07:00"
	}
	t, err := time.Parse(layout, text+strings.ToUpper(zone))
	return llama.At(t), err == nil
}

// parseUnix reads seconds, milli-, micro- or nanoseconds since 1970: the number
// of digits tells, as the times of our age have it.
func parseUnix(s string) (llama.Time, bool) {
	n, err := strconv.ParseInt(s, 10, 64)
	size := max(n, -n)
	switch {
	case size < 1e11:
		n *= 1e9
	case size < 1e14:
		n *= 1e6
	case size < 1e17:
		n *= 1e3
	}
	return llama.Time(n), err == nil
}

// lastOf returns the last instant of what text names: of a day when it is a
// day, of t itself when it is exact.
func lastOf(t llama.Time, text string) llama.Time {
	text, _ = cutZone(text)
	start := t.Std()
	end := start
	dashed := len(text) > 4 && text[4] == '-'
	switch n := len(text); {
	case n == 4 && digits(text) == 4:
		end = start.AddDate(1, 0, 0)
	case !dashed:
		return t
	case n == 7:
		// A month east or west of UTC begins on another day than the first.
		local := start.Add(12 * time.Hour)
		end = start.AddDate(0, 0, time.Date(local.Year(), local.Month()+1, 0, 0, 0, 0, 0, time.UTC).Day())
	case n == 10:
		end = start.AddDate(0, 0, 1)
	case n == 13:
		end = start.Add(time.Hour)
	case n == 16:
		end = start.Add(time.Minute)
	case n == 19:
		end = start.Add(time.Second)
	case n == 23:
		end = start.Add(time.Millisecond)
	default:
		return t
	}
	return addTime(llama.At(end), -1)
}

// addTime adds and stays within the range of Time.
func addTime(t llama.Time, d time.Duration) llama.Time {
	sum := t + llama.Time(d)
	switch {
	case d > 0 && sum < t || t == maxTime:
		return maxTime
	case d < 0 && sum > t || t == minTime:
		return minTime
	}
	return sum
}
