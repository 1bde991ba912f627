package parse

import (
	"math/bits"
	"strings"

	"github.com/llama-logs/llama"
)

// maxStructured is how many parameters of structured data become fields; what is
// beyond is a malformed header.
const maxStructured = 256

// read5424 reads an RFC 5424 header behind its priority:
//
//	VERSION SP TIMESTAMP SP HOSTNAME SP APP-NAME SP PROCID SP MSGID SP SD [SP MSG]
//
// where each part may be "-". It returns false and h as it was, with no more than its
// priority, for anything else.
func (h *header) read5424(s string) bool {
	if h.parts5424(s) {
		return true
	}
	*h = header{code: h.code}
	return false
}

func (h *header) parts5424(s string) bool {
	n := 0
	for n < 3 && isDigit(byteAt(s, n)) {
		n++
	}
	if n == 0 || s[0] == '0' || byteAt(s, n) != ' ' {
		return false
	}
	h.version = s[:n]
	rest := s[n+1:]
	if strings.HasPrefix(rest, "- ") {
		rest = rest[2:]
	} else {
		n := readISO(rest, &h.stamp)
		if n == 0 || byteAt(rest, n) != ' ' || rest[10] == ' ' {
			return false
		}
		h.hasTime = true
		rest = rest[n+1:]
	}
	rest, ok := h.names5424(rest)
	if !ok {
		return false
	}
	if h.structured, h.message, ok = cutStructured(rest); !ok {
		return false
	}
	if text, ok := strings.CutPrefix(h.message, "\ufeff"); ok {
		h.message = text
		return true
	}
	// rsyslog's own template for this format (RSYSLOG_SyslogProtocol23Format) leaves in the
	// space that stood behind the tag, and no module knows a message that begins so. Where
	// more blanks lead, the message is indented, and all of them are its own.
	if len(h.message) > 0 && h.message[0] == ' ' && byteAt(h.message, 1) != ' ' {
		h.message = h.message[1:]
	}
	return true
}

// names5424 cuts the four parts between time and structured data off.
func (h *header) names5424(s string) (rest string, ok bool) {
	marks := ends(s)
	host := bits.TrailingZeros64(marks)
	marks &= marks - 1
	process := bits.TrailingZeros64(marks)
	marks &= marks - 1
	pid := bits.TrailingZeros64(marks)
	marks &= marks - 1
	id := bits.TrailingZeros64(marks)
	if id >= len(s) || id == 64 {
		return h.longNames5424(s)
	}
	if s[host] != ' ' || s[process] != ' ' || s[pid] != ' ' || s[id] != ' ' ||
		host == 0 || process == host+1 || pid == process+1 || id == pid+1 {
		return "", false
	}
	h.host, h.process, h.pid, h.msgID = part5424(s[:host]), part5424(s[host+1:process]), part5424(s[process+1:pid]), part5424(s[pid+1:id])
	return s[id+1:], true
}

// part5424 returns a part of the header; "-" stands for none.
func part5424(s string) string {
	if s == "-" {
		return ""
	}
	return s
}

// longNames5424 is names5424 part by part.
func (h *header) longNames5424(s string) (rest string, ok bool) {
	for _, part := range [...]*string{&h.host, &h.process, &h.pid, &h.msgID} {
		n := graphicLen(s)
		if n == 0 || n > 255 || byteAt(s, n) != ' ' {
			return "", false
		}
		*part, s = part5424(s[:n]), s[n+1:]
	}
	return s, true
}

// cutStructured cuts the structured data, which it checks, off its message.
func cutStructured(s string) (data, message string, ok bool) {
	if strings.HasPrefix(s, "-") {
		return "", strings.TrimPrefix(s[1:], " "), len(s) == 1 || s[1] == ' '
	}
	end, params := 0, 0
	for byteAt(s, end) == '[' {
		n, count := elementLen(s[end:])
		if n == 0 {
			return "", "", false
		}
		end += n
		if params += count; params > maxStructured {
			return "", "", false
		}
	}
	if end == 0 || end < len(s) && s[end] != ' ' {
		return "", "", false
	}
	return s[:end], strings.TrimPrefix(s[end:], " "), true
}

// elementLen returns the length of the element that s starts with,
// [id name="value" ...], and how many parameters it has; 0 for none.
func elementLen(s string) (length, params int) {
	at := 1 + nameLen(s[1:])
	if at == 1 {
		return 0, 0
	}
	for {
		for byteAt(s, at) == ' ' {
			at++
		}
		if byteAt(s, at) == ']' {
			return at + 1, params
		}
		n := nameLen(s[min(at, len(s)):])
		if n == 0 || byteAt(s, at+n) != '=' || byteAt(s, at+n+1) != '"' {
			return 0, 0
		}
		at += n + 2
		if n = quotedLen(s[at:]); n < 0 {
			return 0, 0
		}
		at += n + 1
		params++
	}
}

// nameLen returns the length of the SD-NAME that s starts with.
func nameLen(s string) int {
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c == '=' || c == ']' || c == '"' || c >= 0x7f {
			return i
		}
	}
	return len(s)
}

// quotedLen returns the length of a value up to its closing quote, -1 when it
// has none.
func quotedLen(s string) int {
	end := strings.IndexByte(s, '"')
	if end < 0 {
		return -1
	}
	first := strings.IndexByte(s[:end], '\\')
	if first < 0 {
		return end
	}
	for i := first; i < len(s); i++ {
		switch s[i] {
		case '"':
			return i
		case '\\':
			i++
		}
	}
	return -1
}

// applyStructured makes fields of structured data that cutStructured has
// checked.
func applyStructured(w *work, s string) {
	for s != "" {
		n := nameLen(s[1:])
		prefix := fieldStructuredData + s[1:1+n]
		s = s[1+n:]
		if s[0] == ']' {
			w.set(prefix, "{}", llama.Object)
		}
		for s[0] != ']' {
			if s[0] == ' ' {
				s = s[1:]
				continue
			}
			n := nameLen(s)
			name := prefix + "." + s[:n]
			s = s[n+2:]
			n = quotedLen(s)
			setParam(w, name, unescapeParam(s[:n]))
			s = s[n+1:]
		}
		s = s[1:]
	}
}

// setParam sets a parameter. One that is repeated becomes an array of its
// values.
func setParam(w *work, name, value string) {
	old := w.find(name)
	if old == nil {
		w.set(name, value, llama.String)
		return
	}
	list := []byte(old.Value)
	if old.Kind != llama.Array {
		list = append(llama.AppendString([]byte{'['}, old.Value), ']')
	}
	list = append(llama.AppendString(append(list[:len(list)-1], ','), value), ']')
	w.set(name, string(list), llama.Array)
}

// unescapeParam resolves \" \\ and \]; any other backslash stands for itself.
func unescapeParam(s string) string {
	if strings.IndexByte(s, '\\') < 0 {
		return s
	}
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) && (s[i+1] == '"' || s[i+1] == '\\' || s[i+1] == ']') {
			i++
		}
		out = append(out, s[i])
	}
	return string(out)
}
