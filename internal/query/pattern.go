package query

import (
	"fmt"
	"html"
	"strconv"
	"strings"
)

// A step of a pattern such as `ip=<ip> took <duration:ms>` is text and the
// placeholder behind it. The last step's placeholder may be empty.
type step struct {
	text   string
	field  string // empty: <_>, <*>, or none
	option string // before the colon
	open   bool   // has a placeholder
}

// parseSteps splits a pattern. `&lt;` and `&gt;` stand for the signs.
func parseSteps(s string) ([]step, error) {
	var steps []step
	for s != "" {
		text, rest, found := strings.Cut(s, "<")
		st := step{text: html.UnescapeString(text), open: found}
		if found {
			name, behind, closed := strings.Cut(rest, ">")
			if !closed {
				return nil, fmt.Errorf(`"<%s" has no ">"; write &lt; for the sign itself`, rest)
			}
			rest = behind
			if option, field, ok := strings.Cut(name, ":"); ok {
				st.option, name = strings.TrimSpace(option), field
			}
			if st.field = strings.TrimSpace(name); st.field == "_" || st.field == "*" {
				st.field = ""
			}
			if strings.HasSuffix(st.field, "*") {
				return nil, fmt.Errorf("<%s> stands for many fields; name one", name)
			}
		}
		steps = append(steps, st)
		s = rest
	}
	return steps, nil
}

// parseExtract checks that a pattern can be looked for: it names a field, and
// text stands between its placeholders.
func parseExtract(s string) ([]step, error) {
	steps, err := parseSteps(s)
	if err != nil {
		return nil, err
	}
	named := false
	for i, st := range steps {
		if i > 0 && st.text == "" {
			return nil, fmt.Errorf("text is missing between two placeholders in %q", s)
		}
		named = named || st.field != ""
	}
	if !named {
		return nil, fmt.Errorf("%q names no field; write one such as <ip>", s)
	}
	return steps, nil
}

// extractSteps writes to values[i] what the placeholder of steps[i] stands for.
// Where s stops fitting, the rest stays empty.
func extractSteps(steps []step, s string, values []string) {
	clear(values)
	n := strings.Index(s, steps[0].text)
	if n < 0 {
		return
	}
	s = s[n+len(steps[0].text):]
	for i := range steps {
		next := ""
		if i+1 < len(steps) {
			next = steps[i+1].text
		}
		if text, n := quotedPrefix(s, steps[i].option); n > 0 {
			values[i] = text
			rest, ok := strings.CutPrefix(s[n:], next)
			if !ok {
				return
			}
			s = rest
			continue
		}
		if next == "" {
			values[i] = s
			return
		}
		value, rest, ok := strings.Cut(s, next)
		if !ok {
			return
		}
		values[i], s = value, rest
	}
}

// quotedPrefix returns the meaning and the length of a quoted string at the
// beginning of s, unless the option plain forbids looking for one.
func quotedPrefix(s, option string) (string, int) {
	if option == "plain" || s == "" || s[0] != '"' && s[0] != '`' {
		return "", 0
	}
	raw, err := strconv.QuotedPrefix(s)
	if err != nil {
		return "", 0
	}
	text, err := strconv.Unquote(raw)
	if err != nil {
		return "", 0
	}
	return text, len(raw)
}
