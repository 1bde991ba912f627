package query

import (
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/llama-logs/llama"
)

// A byField is a field that rows are grouped by, and how its values are brought
// together: _time:5m, size:10KiB, ip:/24.
type byField struct {
	name       string
	bucket     string // as written; "" is the value itself
	size       float64
	offset     float64
	offsetText string
}

// unitSizes are the buckets with a name. Months and years have no one size.
var unitSizes = map[string]float64{
	"nanosecond": 1, "microsecond": 1e3, "millisecond": 1e6, "second": 1e9, "minute": 60e9,
	"hour": 3600e9, "day": 24 * 3600e9, "week": 7 * 24 * 3600e9, "month": 0, "year": 0,
}

// byFields reads (field, field:bucket offset x, …).
func (p *parser) byFields() []byField {
	var out []byField
	p.list(func() {
		f := byField{name: canonical(p.compound("a field's name", stopPhrase))}
		if p.is("*") {
			p.fail("a field's name is expected; * stands for many")
		}
		if p.accept(":") {
			p.bucket(&f)
		}
		out = append(out, f)
	})
	return out
}

func (p *parser) bucket(f *byField) {
	pos := p.tok().pos
	f.bucket = p.compound("the size of a bucket", stopToken)
	size, ok := bucketSize(f.bucket)
	if !ok && p.err == nil {
		p.failAt(pos, nil, "%q is no bucket; expected one such as 5m, day, week, month, 10KiB, 0.5 or /24", f.bucket)
	}
	f.size = size
	if !p.accept("offset") {
		return
	}
	pos = p.tok().pos
	f.offsetText = p.compound("an offset", stopToken)
	if f.offset, ok = parseNumber(f.offsetText); !ok && p.err == nil {
		p.failAt(pos, nil, "%q is no offset; expected one such as 2h or -30m", f.offsetText)
	}
}

func bucketSize(s string) (float64, bool) {
	if size, ok := unitSizes[s]; ok {
		return size, true
	}
	if bits, ok := strings.CutPrefix(s, "/"); ok {
		n, err := strconv.ParseUint(bits, 10, 8)
		return math.Pow(2, 32-float64(n)), err == nil && n <= 32
	}
	size, ok := parseNumber(s)
	return size, ok && size > 0
}

func (f *byField) String() string {
	s := quote(f.name)
	if f.bucket != "" {
		s += ":" + quoteNumber(f.bucket)
	}
	if f.offsetText != "" {
		s += " offset " + quoteNumber(f.offsetText)
	}
	return s
}

// value returns the bucket of a text: of a whole number, a decimal, a time, an
// address or a duration. Other texts stay as they are.
func (f *byField) value(s string) string {
	if f.bucket == "" || s == "" || s[0] != '-' && !isDigit(s[0]) {
		return s
	}
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		return strconv.FormatInt(floor(n, f.whole(), int64(f.offset)), 10)
	}
	if v, ok := parseDecimal(s); ok {
		return formatFloat(f.decimal(v))
	}
	if ns, ok := parseTimestamp(s); ok {
		return llama.Time(f.time(ns)).String()
	}
	if ip, ok := parseIPv4(s); ok {
		return formatIPv4(uint32(max(0, floor(int64(ip), f.whole(), int64(f.offset)))))
	}
	if d, ok := parseDuration(s); ok {
		return formatDuration(floor(int64(d), f.whole(), int64(f.offset)))
	}
	return s
}

// whole is the size as an integer, at least 1.
func (f *byField) whole() int64 {
	if f.size >= math.MaxInt64 {
		return math.MaxInt64
	}
	return max(1, int64(f.size))
}

// decimal cuts to a multiple of the size, without the tail of rounding.
func (f *byField) decimal(v float64) float64 {
	size := f.size
	if size <= 0 {
		size = 1
	}
	scale := 1.0
	if _, decimals, ok := strings.Cut(formatFloat(size), "."); ok {
		scale = math.Pow(10, float64(min(len(decimals), 15)))
	}
	steps := math.Floor((v - f.offset) / size)
	return math.Round(steps*size*scale)/scale + f.offset
}

// floor returns the multiple of size, moved by offset, that is not above n.
func floor(n, size, offset int64) int64 {
	n -= offset
	rest := n % size
	if rest < 0 {
		rest += size
	}
	return n - rest + offset
}

// time returns the beginning of the bucket of a time. Weeks begin on Monday.
func (f *byField) time(ns int64) int64 {
	offset := int64(f.offset)
	switch f.bucket {
	case "week":
		return floor(ns, f.whole(), offset+4*24*3600e9)
	case "month", "year":
		t := time.Unix(0, ns-offset).UTC()
		month := t.Month()
		if f.bucket == "year" {
			month = time.January
		}
		return time.Date(t.Year(), month, 1, 0, 0, 0, 0, time.UTC).UnixNano() + offset
	}
	return floor(ns, f.whole(), offset)
}
