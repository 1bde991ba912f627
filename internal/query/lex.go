package query

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A token is a word (letters, digits, '_' and '.'), a quoted string, or a sign.
// The last token of a text is empty and not quoted.
type token struct {
	text   string // of a quoted string, what it stands for
	raw    string // as written
	lower  string // text in lower case, the key of keywords; "\x00" when quoted
	pos    int    // offset in bytes
	quoted bool
	spaced bool // white space or a comment stands before it
}

// isWordRune reports whether r is part of a word, in queries as in logs.
func isWordRune(r rune) bool {
	if r < utf8.RuneSelf {
		return r == '_' || '0' <= r && r <= '9' || 'a' <= r|0x20 && r|0x20 <= 'z'
	}
	return r != utf8.RuneError && (unicode.IsLetter(r) || unicode.IsDigit(r))
}

// lex splits text into tokens. It refuses nothing: a quote that is never closed
// becomes a sign of its own, for the parser to complain about.
func lex(text string) []token {
	tokens := make([]token, 0, len(text)/4+2)
	pos := 0
	for {
		start := pos
		pos = skipSpace(text, pos)
		t := next(text[pos:])
		t.pos, t.spaced = pos, pos > start
		tokens = append(tokens, t)
		if t.raw == "" {
			return tokens
		}
		pos += len(t.raw)
	}
}

// skipSpace returns the offset of the next token's first byte.
func skipSpace(text string, pos int) int {
	for pos < len(text) {
		r, size := utf8.DecodeRuneInString(text[pos:])
		switch {
		case r == '#':
			end := strings.IndexByte(text[pos:], '\n')
			if end < 0 {
				return len(text)
			}
			pos += end + 1
		case unicode.IsSpace(r):
			pos += size
		default:
			return pos
		}
	}
	return pos
}

// next returns the token at the beginning of s.
func next(s string) token {
	n := 0
	for n < len(s) {
		r, size := utf8.DecodeRuneInString(s[n:])
		if !isWordRune(r) && r != '.' {
			break
		}
		n += size
	}
	switch {
	case n > 0 || s == "":
	case s[0] == '"' || s[0] == '`' || s[0] == '\'':
		if raw, text, ok := unquote(s); ok {
			return token{text: text, raw: raw, lower: "\x00", quoted: true}
		}
		n = 1
	case strings.HasPrefix(s, "=~") || strings.HasPrefix(s, "!~") || strings.HasPrefix(s, "!="):
		n = 2
	default:
		_, n = utf8.DecodeRuneInString(s)
	}
	return token{text: s[:n], raw: s[:n], lower: strings.ToLower(s[:n])}
}

// unquote returns the quoted string at the beginning of s, as written and as
// meant. Double quotes and backquotes are Go's; single quotes are double quotes
// in which " needs no backslash and ' does.
func unquote(s string) (raw, text string, ok bool) {
	if s[0] != '\'' {
		raw, err := strconv.QuotedPrefix(s)
		if err != nil {
			return "", "", false
		}
		text, err := strconv.Unquote(raw)
		return raw, text, err == nil
	}
	var b []byte
	for rest := s[1:]; rest != ""; {
		if rest[0] == '\'' {
			return s[:len(s)-len(rest)+1], string(b), true
		}
		r, wide, tail, err := strconv.UnquoteChar(rest, '\'')
		if err != nil {
			return "", "", false
		}
		if r < utf8.RuneSelf || wide {
			b = utf8.AppendRune(b, r)
		} else {
			b = append(b, byte(r))
		}
		rest = tail
	}
	return "", "", false
}

// wrongEscape returns the first escape in the quoted text at the beginning of s that
// stands for nothing, as \d does; "" when the text ends before there is one.
func wrongEscape(s string) string {
	if s[0] == '`' {
		return ""
	}
	for rest := s[1:]; rest != "" && rest[0] != s[0]; {
		_, _, tail, err := strconv.UnquoteChar(rest, s[0])
		switch {
		case err == nil:
		case rest[0] == '\\' && len(rest) > 1:
			_, size := utf8.DecodeRuneInString(rest[1:])
			return rest[:1+size]
		default:
			return ""
		}
		rest = tail
	}
	return ""
}

// quote returns s as it has to be written in a query to be read as s.
func quote(s string) string {
	if isReserved(s) {
		return strconv.Quote(s)
	}
	for _, r := range s {
		if !isWordRune(r) && r != '.' {
			return strconv.Quote(s)
		}
	}
	return s
}

// quoteField returns a field's pattern: a name, or a prefix and a star.
func quoteField(s string) string {
	prefix, ok := strings.CutSuffix(s, "*")
	switch {
	case !ok:
		return quote(s)
	case prefix == "":
		return "*"
	}
	return quote(prefix) + "*"
}

// quoteText is quote for a place where a number would mean something else.
func quoteText(s string) string {
	if startsNumber(s) {
		return strconv.Quote(s)
	}
	return quote(s)
}

// quoteNumber returns the text of a number, a time or a duration.
func quoteNumber(s string) string {
	for _, r := range s {
		if !isWordRune(r) && !strings.ContainsRune(".+-:/", r) {
			return strconv.Quote(s)
		}
	}
	if s == "" {
		return `""`
	}
	return s
}

// startsNumber reports whether s looks like the beginning of a number.
func startsNumber(s string) bool {
	if s != "" && (s[0] == '-' || s[0] == '+') {
		s = s[1:]
	}
	if strings.EqualFold(s, "inf") {
		return true
	}
	s = strings.TrimPrefix(s, ".")
	return s != "" && '0' <= s[0] && s[0] <= '9'
}
