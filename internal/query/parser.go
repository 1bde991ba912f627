package query

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/llama-logs/llama"
)

// Bounds of a query's text, so that no text can make the parser or the plan run
// away.
const (
	// MaxText is how long it may be, in bytes.
	MaxText = 64 << 10

	maxDepth    = 64      // of parentheses, of `not` and of math operands
	maxTerms    = 10_000  // filters, fields and functions together
	maxPrograms = 200_000 // instructions of all its regular expressions
	maxQueries  = 16      // within a query, each of which is a run of its own
)

// Parse reads a query. Relative times in it are relative to now. The error is
// an *Error.
func Parse(text string, now time.Time) (*Query, error) {
	if len(text) > MaxText {
		return nil, &Error{Column: 1, Problem: fmt.Sprintf("the query is %d bytes long; at most %d are read", len(text), MaxText)}
	}
	p := &parser{text: text, tokens: lex(text), now: llama.At(now)}
	q := p.query()
	if p.err == nil && !p.is("") {
		p.fail("unexpected %s; expected a pipe or the end", p.shown())
	}
	if p.err != nil {
		return nil, p.err
	}
	return q, nil
}

// A parser walks the tokens. Its first error ends it: from then on the current
// token is the empty one, which ends every loop, and what is returned counts for
// nothing.
type parser struct {
	text   string
	tokens []token
	i      int
	now    llama.Time
	nows   int // how often the query looked at now
	depth  int
	terms  int
	size   int // of the regular expressions so far
	// options are those of the query that is being read; queries within it that have
	// none of their own have these too.
	options options
	queries int // within the query
	err     *Error
}

// moment returns what the query calls now.
func (p *parser) moment() llama.Time {
	p.nows++
	return p.now
}

func (p *parser) tok() *token { return &p.tokens[p.i] }

func (p *parser) next() {
	if p.i < len(p.tokens)-1 {
		p.i++
	}
}

// is reports whether the current token is one of the words or signs; "" is the
// end of the text.
func (p *parser) is(words ...string) bool {
	lower := p.tok().lower
	for _, w := range words {
		if w == lower {
			return true
		}
	}
	return false
}

// follows reports whether the token behind the current one is a sign.
func (p *parser) follows(sign string) bool {
	return p.i+1 < len(p.tokens) && p.tokens[p.i+1].lower == sign
}

func (p *parser) accept(word string) bool {
	if p.is(word) && word != "" {
		p.next()
		return true
	}
	return false
}

func (p *parser) expect(sign, where string) {
	if !p.accept(sign) {
		p.fail("unexpected %s; expected %q %s", p.shown(), sign, where)
	}
}

// atEnd reports whether a pipe ends here.
func (p *parser) atEnd() bool { return p.is("", "|", ")") }

func (p *parser) fail(format string, args ...any) { p.failAt(p.tok().pos, nil, format, args...) }

func (p *parser) failAt(pos int, near []string, format string, args ...any) {
	if p.err == nil {
		p.err = &Error{
			Column:  utf8.RuneCountInString(p.text[:pos]) + 1,
			Problem: fmt.Sprintf(format, args...),
			Near:    near,
		}
	}
	p.i = len(p.tokens) - 1
}

// shown describes the current token.
func (p *parser) shown() string {
	t := p.tok()
	switch {
	case t.raw == "":
		return "end of the query"
	case !t.quoted && strings.Contains("\"'`", t.raw):
		if escape := wrongEscape(p.text[t.pos:]); escape != "" {
			return "escape " + escape + " in a quoted text (write a backslash twice, or the text in backquotes)"
		}
		return "quote " + t.raw + " that is never closed"
	case len(t.raw) > 40:
		return fmt.Sprintf("%.40q…", t.raw)
	}
	return fmt.Sprintf("%q", t.raw)
}

// enter counts a level of nesting; the caller leaves it.
func (p *parser) enter() bool {
	p.depth++
	if p.depth > maxDepth {
		p.fail("nested more than %d deep", maxDepth)
		return false
	}
	return true
}

func (p *parser) leave() { p.depth-- }

func (p *parser) term() {
	p.terms++
	if p.terms > maxTerms {
		p.fail("more than %d filters, fields and functions", maxTerms)
	}
}

// compound reads tokens that stand together without a space up to one of the
// signs in stops: a-b/c. A single quoted string stands for its meaning, all else
// for what is written.
func (p *parser) compound(what, stops string) string {
	t := p.tok()
	if p.stopped(stops) || !t.quoted && strings.Contains("\"'`", t.raw) {
		p.fail("unexpected %s; expected %s", p.shown(), what)
		return ""
	}
	p.term()
	start, text := t.pos, t.text
	p.next()
	end := start + len(t.raw)
	for !p.tok().spaced && !p.stopped(stops) {
		end = p.tok().pos + len(p.tok().raw)
		p.next()
	}
	if end > start+len(t.raw) {
		return p.text[start:end]
	}
	return text
}

func (p *parser) stopped(stops string) bool {
	t := p.tok()
	return t.raw == "" || !t.quoted && strings.IndexByte(stops, t.raw[0]) >= 0
}

// The stops of compounds.
const (
	stopPhrase = "*,()[]|:" // a filter's words, where a field may still come
	stopValue  = "*,()[]|"  // a filter's words behind a field
	stopToken  = ",()[]|"   // a name, a number, a pattern
	stopArg    = "*,()|"    // an argument in parentheses
)

// fieldName reads the name of one field.
func (p *parser) fieldName() string {
	pos := p.tok().pos
	name := p.fieldPattern()
	if p.err == nil && strings.HasSuffix(name, "*") {
		p.failAt(pos, nil, "a field's name is expected; %q stands for many", name)
	}
	return name
}

// fieldPattern reads a name, or a prefix and a star for all fields that begin
// with it. The empty name is `_msg`.
func (p *parser) fieldPattern() string {
	if p.is(",", "(", ")", "[", "]", "|", "") {
		p.fail("unexpected %s; expected a field's name", p.shown())
		return ""
	}
	quoted := p.tok().quoted && p.follows("*") && !p.tokens[p.i+1].spaced
	stops := stopToken
	if quoted {
		stops = stopArg
	}
	name := p.compound("a field's name", stops)
	if quoted {
		p.next()
		name += "*"
	}
	if name == "" {
		return llama.NameMessage
	}
	return name
}

// list reads fields, or whatever one reads, between parentheses.
func (p *parser) list(one func()) {
	if t := p.tok(); t.raw != "" && isWordRune([]rune(t.raw)[0]) {
		p.fail("unexpected %s; expected a list in parentheses, such as (%s)", p.shown(), t.text)
	}
	p.expect("(", "before a list")
	for p.err == nil && !p.accept(")") {
		one()
		if p.is(")") {
			continue
		}
		p.expect(",", `or ")" in a list`)
	}
}

func (p *parser) names(one func() string) []string {
	var out []string
	p.list(func() { out = append(out, one()) })
	return out
}

// count reads a whole number.
func (p *parser) count(what string) int {
	t := p.tok()
	n, ok := parseCount(t.text)
	if !ok || t.raw == "" {
		p.fail("unexpected %s; expected %s, a whole number", p.shown(), what)
		return 0
	}
	p.next()
	return n
}
