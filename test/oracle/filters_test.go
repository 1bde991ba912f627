package oracle

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"

	"pgregory.net/rapid"
)

// A draft is a query while it is drawn, with what is known of the rows at its end.
type draft struct {
	t       *rapid.T
	d       *dataset
	fields  []field
	unique  []string // fields by which no two rows are alike; none: not known
	ordered bool     // by the last pipe
	bare    bool     // the fields that only one of the two has are gone
	depth   int      // of queries within queries
	piped   bool     // it has pipes: rows know their stream there, whatever they did to its fields
	parted  bool     // rows are the first of partitions; where nothing is read of them behind it all are of one there
	rebuilt bool     // by a pipe that makes other rows; behind it stars do not mean all fields there
}

// A field is one that rows may have.
type field struct {
	name  string
	class class
}

func newDraft(t *rapid.T, d *dataset) *draft {
	q := &draft{t: t, d: d, unique: []string{"n"}}
	q.fields = []field{{"_msg", anything}, {"n", integers}, {"app", texts}, {"env", texts}, {"_time", times}}
	for _, c := range columns {
		q.fields = append(q.fields, field{c.name, c.class})
	}
	for i := range min(d.wide, 3) {
		q.fields = append(q.fields, field{fmt.Sprintf("w%d", i), texts})
	}
	q.fields = append(q.fields, field{"missing", texts})
	return q
}

func (q *draft) int(low, high int, what string) int { return rapid.IntRange(low, high).Draw(q.t, what) }

func (q *draft) bool(what string) bool { return rapid.Bool().Draw(q.t, what) }

func one[T any](q *draft, what string, list ...T) T { return rapid.SampledFrom(list).Draw(q.t, what) }

// field draws a field that is as asked for; ok is false when none is.
func (q *draft) field(is func(field) bool) (f field, ok bool) {
	var list []field
	for _, f := range q.fields {
		if f.class != opaque && (is == nil || is(f)) {
			list = append(list, f)
		}
	}
	if len(list) == 0 {
		return field{}, false
	}
	return one(q, "field", list...), true
}

func numeric(f field) bool  { return f.class.numeric() }
func whole(f field) bool    { return f.class == integers }
func sortable(f field) bool { return f.class.sortable() }
func untimed(f field) bool  { return f.name != "_time" }

// value draws a text that a field of the class may have.
func (q *draft) value(f field) string {
	if f.name == "_msg" {
		if n := len(q.d.events); n > 0 && q.bool("of an event") {
			return q.d.events[q.int(0, n-1, "event")].Message
		}
		return one(q, "word", words...)
	}
	if f.name == "n" {
		return strconv.Itoa(q.int(0, 50, "n"))
	}
	for _, c := range columns {
		if c.name == f.name && c.values != nil {
			return one(q, "value", c.values...)
		}
	}
	if f.class == integers || f.class == decimals {
		return strconv.Itoa(q.int(-3, 1000, "number"))
	}
	return one(q, "value", append([]string{"web", "prod", "5m", "2", "2026-11-20T12:00:00Z"}, words...)...)
}

// piece draws a part of such a text: a run of its words, or any part.
func (q *draft) piece(f field) string {
	value := q.value(f)
	if value == "" {
		return "x"
	}
	runes := []rune(value)
	from := q.int(0, len(runes)-1, "from")
	to := q.int(from+1, min(len(runes), from+20), "to")
	if q.bool("whole words") {
		for from > 0 && isWord(runes[from-1]) && isWord(runes[from]) {
			from--
		}
		for to < len(runes) && isWord(runes[to-1]) && isWord(runes[to]) {
			to++
		}
	}
	return string(runes[from:to])
}

func isWord(r rune) bool { return r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r) }

// quote writes a text as people do: plain where it may be. No filter may begin with a
// pipe's name there, here none of a query.
func (q *draft) quote(s string) string {
	if regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9_]{2,}$`).MatchString(s) && s != "inf" && s != "NaN" && s != "first" && q.bool("plain") {
		return strconv.Quote(s)[1 : len(s)+1]
	}
	if !strings.ContainsAny(s, "`\x1b\r") && q.int(0, 9, "backquotes") == 0 {
		return "`" + s + "`"
	}
	return strconv.Quote(s)
}

func name(s string) string {
	if regexp.MustCompile(`^[a-z_][a-z0-9_.]*$`).MatchString(s) {
		return s
	}
	return strconv.Quote(s)
}

// filter draws a filter.
func (q *draft) filter(depth int) string {
	if depth > 0 {
		switch q.int(0, 6, "join") {
		case 0:
			return one(q, "not", "!", "-", "not ") + "(" + q.filter(depth-1) + ")"
		case 1:
			return "(" + q.filter(depth-1) + " or " + q.filter(depth-1) + ")"
		case 2:
			return q.filter(depth-1) + one(q, "and", " ", " and ", " AND ") + q.filter(depth-1)
		case 3:
			f, _ := q.field(untimed)
			return name(f.name) + ":(" + q.about(f) + one(q, "join", " ", " or ", " !") + q.about(f) + ")"
		}
	}
	switch q.int(0, 19, "filter") {
	case 0:
		if q.has("_time") {
			return q.time()
		}
	case 1:
		if !q.piped {
			return q.stream()
		}
	case 2, 3, 4, 5:
		if q.has("_msg") {
			return q.about(field{"_msg", anything})
		}
	}
	f, ok := q.field(untimed)
	if !ok {
		return "x"
	}
	return name(f.name) + ":" + q.about(f)
}

func (q *draft) has(name string) bool {
	for _, f := range q.fields {
		if f.name == name {
			return f.class != opaque
		}
	}
	return false
}

// about draws a filter of one field, without its name.
func (q *draft) about(f field) string {
	text := func() string { return q.quote(q.piece(f)) }
	list := func() string {
		var all []string
		for range q.int(1, 3, "texts") {
			if q.bool("whole") {
				all = append(all, q.quote(q.value(f)))
			} else {
				all = append(all, text())
			}
		}
		return "(" + strings.Join(all, ", ") + ")"
	}
	switch q.int(0, 29, "about") {
	case 0, 1, 2:
		return text()
	case 3, 4:
		return text() + "*"
	case 5:
		return "i(" + text() + ")"
	case 6:
		return "i(" + text() + "*)"
	case 7, 8:
		return "=" + q.quote(q.value(f))
	case 9:
		return one(q, "exact", "!=", "=", "") + q.quote(q.value(f))
	case 10:
		return "=" + text() + "*"
	case 11:
		return "exact(" + q.quote(q.value(f)) + ")"
	case 12:
		return "exact(" + text() + "*)"
	case 13, 14:
		return "in" + list()
	case 15:
		return "contains_any" + list()
	case 16:
		return "contains_all" + list()
	case 17:
		return "seq" + list()
	case 18, 19:
		if q.piped && f.class.numeric() { // which are asked of other texts there
			return text()
		}
		return one(q, "regexp", "~", "!~") + strconv.Quote(q.regexp(f))
	case 20, 21:
		return one(q, "compare", ">", ">=", "<", "<=") + q.number(f)
	case 22:
		if q.depth > 0 {
			return text() // a [ in a query within is not read there
		}
		return "range" + one(q, "from", "(", "[") + q.number(f) + ", " + q.number(f) + one(q, "to", ")", "]")
	case 23:
		return one(q, "ipv4_range", "ipv4_range(10.0.0.0/8)", "ipv4_range(10.0.0.1, 10.0.0.9)", "ipv4_range(192.0.2.0/25)", `ipv4_range("10.0.0.1")`, "ipv4_range(0.0.0.0, 255.255.255.255)")
	case 24:
		return "string_range(" + text() + ", " + text() + ")"
	case 25:
		low := q.int(0, 12, "shortest")
		return fmt.Sprintf("len_range(%d, %s)", low, one(q, "longest", "inf", fmt.Sprint(low), fmt.Sprint(low+3), "1_000"))
	case 26:
		other, _ := q.field(untimed)
		return one(q, "pair", "eq_field", "lt_field", "le_field") + "(" + name(other.name) + ")"
	case 27:
		// Of messages these are all here, and those with a text there; in a pipe, of
		// numbers, none there.
		if f.name != "_msg" && !q.piped {
			return "*"
		}
	case 28:
		return `""`
	}
	if q.depth == 0 {
		return q.subquery(f)
	}
	return text()
}

func (q *draft) regexp(f field) string {
	piece := regexp.QuoteMeta(q.piece(f))
	switch q.int(0, 6, "regexp") {
	case 0:
		return "^" + piece
	case 1:
		return piece + "$"
	case 2:
		return "(?i)" + piece
	case 3:
		return piece + "|" + regexp.QuoteMeta(q.piece(f))
	case 4:
		return piece + one(q, "behind", ".*", "[a-z0-9]+", `\d`, `\s?`, ".") + one(q, "end", "", "a", "$")
	case 5:
		return one(q, "pattern", "^[0-9.]+$", "", ".*", ".+", "[^a-z]", `\d{3}`, "(?s)line.second", "^$", "er{2}or", "[тТ]ест", "(fail|accept)ed")
	}
	return piece
}

func (q *draft) number(f field) string {
	value := q.value(f)
	switch f.class {
	case integers, decimals, durations, sizes, addresses:
		return value
	case times:
		return one(q, "time", "2026-11-20T00:00:01Z", "2026-11-20T10:30:00.5Z", "2025-06-01T00:00:00Z")
	}
	return one(q, "number", "0", "10", "-1", "1.5", "1KiB", "10ms", "1_000", "0x1f", "200")
}

func (q *draft) time() string {
	moment := func() string {
		at := day.Add(time.Duration(q.int(-1, 3*24*4+1, "quarter")) * 15 * time.Minute)
		return at.Format(one(q, "time", "2006-01-02", "2006-01-02T15", "2006-01-02T15:04", "2006-01-02T15:04:05Z", "2006-01-02T15:04:05+02:00", "2006-01-02T15:04:05.000Z", "2006-01-02Z"))
	}
	text := ""
	switch q.int(0, 5, "time") {
	case 0:
		text = moment()
	case 1:
		text = one(q, "compare", ">", ">=", "<", "<=", "=") + moment()
	case 2, 3:
		text = one(q, "from", "[", "(") + moment() + ", " + moment() + one(q, "to", "]", ")")
	case 4:
		hour := q.int(0, 22, "hour")
		text = fmt.Sprintf("day_range%s%02d:%02d, %02d:%02d%s", one(q, "from", "[", "("), hour, q.int(0, 59, "minute"), q.int(hour+1, 24, "hour"), 0, one(q, "to", "]", ")"))
	default:
		text = "week_range" + one(q, "week", "[Mon, Fri]", "(Mon, Fri)", "[sunday, sat]", "[Fri, Fri]", "[Sun, Tue)", "(Thu, Sat]", "[Fri, Saturday]")
	}
	// There the offset of hours and weekdays goes the other way than documented, and
	// that of an open range runs over.
	if q.int(0, 3, "offset") == 0 && !strings.ContainsAny(text, "<>r") {
		text += " offset " + one(q, "offset", "1h", "-2h", "1d", "30m")
	}
	return "_time:" + text
}

// stream draws a filter of the fields that are the streams there. A stream without
// the field is one with the empty text.
func (q *draft) stream() string {
	return one(q, "stream", "", "_stream:") + one(q, "stream", `{app="web"}`, `{app!="web"}`, `{app=~"web|db"}`, `{app!~"we.*"}`, `{app="web",env="prod"}`, `{app="db" or env="dev"}`, `{env=~"p.+",app!="db"}`, `{app in ("web","db")}`, `{app not_in ("web")}`)
}
