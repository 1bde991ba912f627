package query

import (
	"encoding/base64"
	"encoding/hex"
	"net/url"
	"strconv"
	"strings"

	"github.com/llama-logs/llama"
)

// formatPipe writes a text made of other fields to a field.
type formatPipe struct {
	condition filter
	pattern   string
	steps     []step
	to        string
	keep      bool
	skipEmpty bool
}

func (p *parser) format() pipe {
	f := &formatPipe{condition: p.condition(), to: llama.NameMessage}
	pos := p.tok().pos
	f.pattern = p.compound("a pattern", stopToken)
	if p.accept("as") {
		f.to = p.fieldName()
	}
	f.keep, f.skipEmpty = p.overwrite()
	steps, err := parseSteps(f.pattern)
	if err != nil && p.err == nil {
		p.failAt(pos, nil, "the pattern is wrong: %v", err)
	}
	f.steps = steps
	return f
}

func (f *formatPipe) write(b *strings.Builder) {
	b.WriteString("format" + conditionText(f.condition) + " " + quote(f.pattern))
	if f.to != llama.NameMessage {
		b.WriteString(" as " + quote(f.to))
	}
	b.WriteString(overwriteText(f.keep, f.skipEmpty))
}

func (f *formatPipe) apply(c *chunk) error {
	sel, all := c.updated(f.condition)
	sources := make([]func(uint32) string, len(f.steps))
	for i, s := range f.steps {
		if s.field != "" {
			sources[i] = c.values(s.field)
		}
	}
	t := &target{name: f.to, keep: f.keep, skipEmpty: f.skipEmpty}
	t.open(c, all)
	var text []byte
	for n, r := range sel {
		if c.stopped(n) {
			return c.err
		}
		text = text[:0]
		for i, s := range f.steps {
			text = append(text, s.text...)
			if s.field != "" {
				text = append(text, formatValue(s.option, sources[i](r))...)
			}
			if len(text) > maxMade {
				return errMade("format")
			}
		}
		if !c.charge(len(text)) {
			return c.err
		}
		t.assign(r, string(text), llama.String, 0)
	}
	t.close(c)
	return c.err
}

// formatValue is what <option:field> shows of a value. A value that an option
// cannot read is shown as it is.
func formatValue(option, v string) string {
	switch option {
	case "uc":
		return strings.ToUpper(v)
	case "lc":
		return strings.ToLower(v)
	case "q":
		return string(llama.AppendString(nil, v))
	case "urlencode":
		return url.QueryEscape(v)
	case "urldecode":
		return urlDecode(v)
	case "hexencode":
		return strings.ToUpper(hex.EncodeToString([]byte(v)))
	case "hexdecode":
		return hexDecode(v)
	case "base64encode":
		return base64.StdEncoding.EncodeToString([]byte(v))
	case "base64decode":
		if s, err := base64.StdEncoding.DecodeString(v); err == nil {
			return string(s)
		}
	case "hexnumencode", "hexnumdecode", "ipv4", "time", "duration", "duration_seconds":
		return formatNumber(option, v)
	}
	return v
}

// urlDecode decodes %xx and +, and leaves a % that is followed by something else.
func urlDecode(v string) string {
	out := make([]byte, 0, len(v))
	for i := 0; i < len(v); i++ {
		c := v[i]
		switch {
		case c == '+':
			c = ' '
		case c == '%' && i+2 < len(v):
			if b, err := hex.DecodeString(v[i+1 : i+3]); err == nil {
				c = b[0]
				i += 2
			}
		}
		out = append(out, c)
	}
	return string(out)
}

// hexDecode decodes what is a pair of hexadecimal digits and leaves other pairs.
func hexDecode(v string) string {
	out := make([]byte, 0, len(v))
	for ; len(v) >= 2; v = v[2:] {
		if pair, err := hex.DecodeString(v[:2]); err == nil {
			out = append(out, pair...)
		} else {
			out = append(out, v[:2]...)
		}
	}
	return string(append(out, v...))
}

func formatNumber(option, v string) string {
	switch option {
	case "hexnumdecode":
		if n, err := strconv.ParseUint(v, 16, 64); err == nil {
			return strconv.FormatUint(n, 10)
		}
		return v
	case "duration_seconds":
		if d, ok := parseDuration(v); ok {
			return formatFloat(float64(d) / 1e9)
		}
		return v
	case "time":
		if t, ok := parseUnix(v); ok {
			return t.String()
		}
		return v
	}
	n, err := strconv.ParseUint(v, 10, 64)
	switch {
	case option == "duration":
		if d, err := strconv.ParseInt(v, 10, 64); err == nil {
			return formatDuration(d)
		}
	case err != nil:
	case option == "hexnumencode":
		s := strings.ToUpper(strconv.FormatUint(n, 16))
		return strings.Repeat("0", 16-len(s)) + s
	case option == "ipv4" && n <= 1<<32-1:
		return formatIPv4(uint32(n))
	}
	return v
}
