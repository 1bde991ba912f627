package parse

import (
	"slices"
	"strings"
)

// read3164 reads what stands behind the priority in the older format, as devices
// really send it. Each part may be missing:
//
//	[SEQUENCE:] [*|.] TIME [ZONE] [:] HOST [:] TAG[PID]: MSG
//
// It returns false when there is no time and no tag either; h.message is then
// all of s.
func (h *header) read3164(s string) bool {
	h.message = s
	rest := strings.TrimLeft(s, " ")
	rest = rest[sequenceLen(rest):]
	n := h.readTime(rest)
	if n == 0 {
		rest, n = h.readOrigin(rest)
	}
	if n == 0 {
		// Without a time only what a device's own tag makes certain is taken.
		return h.readUntimed(s)
	}
	h.hasTime = true
	rest = rest[n:]
	rest = strings.TrimLeft(rest, " ")
	if rest != "" && rest[0] == ':' {
		rest = strings.TrimLeft(rest[1:], " ")
	}
	if h.host == "" {
		rest = h.readHost(rest)
	}
	if h.readRelayed(rest) {
		return true
	}
	h.message = h.readTag(rest)
	return true
}

// sequenceLen returns the length of what Cisco puts before the time: "412: ",
// "412: host: " is left to the host, ": " alone, and the node of IOS XR,
// "RP/0/RP0/CPU0:".
func sequenceLen(s string) int {
	n := digitsLen(s)
	if byteAt(s, n) == ':' && n <= 10 {
		at := n + 1
		for byteAt(s, at) == ' ' {
			at++
		}
		if n > 0 && at == n+1 {
			return 0 // 10:15:02 is no sequence number
		}
		return at
	}
	if strings.HasPrefix(s, "RP/") || strings.HasPrefix(s, "LC/") {
		if i := strings.IndexByte(s, ':'); i > 0 && i < 24 {
			return i + 1
		}
	}
	return 0
}

// readOrigin reads a host that Cisco puts before the time, "r1: *Mar  1 18:46:11",
// and the time. It returns what begins with the time, and the time's length.
func (h *header) readOrigin(s string) (rest string, n int) {
	host, rest, ok := strings.Cut(s, ": ")
	if !ok || !isHost(host) {
		return s, 0
	}
	if n = h.readTime(rest); n > 0 {
		h.host = host
	}
	return rest, n
}

func digitsLen(s string) int {
	n := 0
	for n < len(s) && isDigit(s[n]) {
		n++
	}
	return n
}

// readTime reads the time and the zone behind it, and returns their length.
func (h *header) readTime(s string) int {
	mark := 0
	if c := byteAt(s, 0); c == '*' || c == '.' {
		mark = 1 // Cisco: the clock is not synchronised, or was lost
	}
	t := s[mark:]
	var n int
	switch c := byteAt(t, 0); {
	case isLetter(c):
		n = readBSD(t, &h.stamp)
		if n == 0 && len(t) > 4 && t[3] == ' ' {
			if n = readBSD(t[4:], &h.stamp); n > 0 {
				n += 4 // behind a weekday
			}
		}
	case isDigit(c):
		if n = readISO(t, &h.stamp); n == 0 {
			n = readYearFirst(t, &h.stamp)
		}
	}
	if n == 0 {
		h.stamp = stamp{}
		return 0
	}
	return mark + n + h.readZone(t[n:])
}

// readZone reads an abbreviation such as " UTC:" behind a time. It is taken for a
// zone only if a colon follows, as Cisco writes it, or if it is a known one in
// capitals that a host is unlikely to be called.
func (h *header) readZone(s string) int {
	if byteAt(s, 0) != ' ' {
		return 0
	}
	n := 1
	for n < 6 && n < len(s) && s[n] >= 'A' && s[n] <= 'Z' {
		n++
	}
	after := byteAt(s, n)
	if n < 3 || after != ':' && after != ' ' {
		return 0
	}
	seconds, known := zoneOffset(s[1:n])
	if !known && (after != ':' || n > 5 || byteAt(s, n+1) != ' ' || byteAt(s, n+2) != '%') {
		return 0
	}
	if known && !h.stamp.zoned {
		h.stamp.zoned, h.stamp.offset = true, seconds
	}
	return n
}

// readHost takes the host off, if the next word is one and not the tag, and
// returns what follows.
func (h *header) readHost(s string) string {
	end := strings.IndexByte(s, ' ')
	if end <= 0 {
		return s
	}
	word := s[:end]
	after := strings.TrimLeft(s[end:], " ")
	if last := word[end-1]; last == ':' {
		// A word with a colon is the tag, except before what has a tag of its own:
		// "fw1: %ASA-6-302013: ", "mail1: CEF:0|".
		if !startsWithAny(after, ownTags) {
			return s
		}
		h.host = word[:end-1]
		return after
	}
	if !isHost(word) {
		return s
	}
	h.host = word
	if strings.HasPrefix(after, ": ") {
		after = strings.TrimLeft(after[2:], " ") // "fw1 : %ASA-6-302013: "
	}
	// Solaris and AIX name themselves in words when they pass events on.
	if forwarded, ok := strings.CutPrefix(after, "Message forwarded from "); ok {
		if from, rest, ok := strings.Cut(forwarded, ": "); ok && isHost(from) {
			h.relay, h.host = h.host, from
			return rest
		}
	}
	return after
}

// ownTags begin messages that say by themselves what they are.
var ownTags = []string{"%", "CEF:", "LEEF:"}

// isHost reports whether a word can be a host: a name, an address, or what
// rsyslog makes of a path of relays (a/b).
func isHost(s string) bool {
	if s == "" || len(s) > 255 || s[0] == '%' {
		return false
	}
	for i := range len(s) {
		if !hostBytes[s[i]] {
			return false
		}
	}
	return true
}

var hostBytes = func() (set [256]bool) {
	for i := range set {
		c := byte(i)
		set[i] = isWordByte(c) || c >= 0x80 || c == ':' || c == '/' || c == '@' || c == '%' || c == '+'
	}
	return set
}()

// readRelayed reads a second header behind the first, put there by the host that
// passed the event on.
func (h *header) readRelayed(s string) bool {
	if h.host == "" || len(s) < 16 || s[0] != '<' && monthOf(s) == 0 {
		return false
	}
	inner := header{code: -1}
	n := 0
	if s[0] == '<' {
		if n = inner.readPriority(s); n == 0 {
			return false
		}
	}
	if inner.readTime(s[n:]) == 0 {
		return false
	}
	relay := h.host
	inner = header{code: h.code}
	if inner.code < 0 {
		inner.readPriority(s)
	}
	// A third header is left in the message: each costs a level.
	if !inner.readOnce(s[n:]) {
		return false
	}
	if inner.host == "" {
		inner.host = relay
	} else if inner.host != relay {
		inner.relay = relay
	}
	*h = inner
	return true
}

// readOnce is read3164 without another header behind it.
func (h *header) readOnce(s string) bool {
	n := h.readTime(s)
	if n == 0 {
		return false
	}
	h.hasTime = true
	rest := strings.TrimLeft(strings.TrimPrefix(s[n:], ":"), " ")
	h.message = h.readTag(h.readHost(rest))
	return true
}

// readTag takes the tag off and returns the message. A tag is one word that ends
// with a colon, or has a process id in brackets.
func (h *header) readTag(s string) string {
	end := tagNameLen(s)
	if end == 0 || startsWithAny(s, ownTags) {
		return s
	}
	name, rest, level := s[:end], s[end:], ""
	if word, after, ok := strings.Cut(name, " "); ok && slices.Contains(levels, word) {
		level, name = word, after // F5: host notice mcpd[6760]: text
	}
	pid, logger := "", ""
	if rest[0] == '[' {
		i := strings.IndexByte(rest, ']')
		if i < 2 || i > 64 || strings.IndexByte(rest[:i], ' ') >= 0 {
			return s
		}
		pid, rest = rest[1:i], rest[i+1:]
	}
	if pid != "" && strings.HasPrefix(rest, " (") { // macOS: launchd[1] (com.apple.x): text
		if i := strings.Index(rest, "):"); i > 0 && i < 128 {
			logger, rest = rest[2:i], rest[i+1:]
		}
	}
	switch {
	case strings.HasPrefix(rest, ":"):
		rest = rest[1:]
	case pid != "" && (rest == "" || rest[0] == ' '):
	default:
		return s
	}
	if rest != "" && rest[0] != ' ' && pid == "" {
		return s // a:b is no tag
	}
	h.process, h.pid, h.logger, h.level = name, pid, logger, level
	return strings.TrimPrefix(rest, " ")
}

// levels are severities as syslog.conf calls them.
var levels = []string{"emerg", "alert", "crit", "err", "error", "warning", "warn", "notice", "info", "debug"}

// tagNameLen returns the length of the name in a tag, up to its colon or
// bracket; 0 when there is no tag. Names of up to three words are taken before a
// process id, "Google Chrome[85294]:".
func tagNameLen(s string) int {
	blanks := 0
	for i := range len(s) {
		switch c := s[i]; {
		case c == ':' || c == '[':
			if i == 0 || s[0] == '%' || blanks > 0 && !isPIDTag(s, i) {
				return 0
			}
			return i
		case c == ' ' && blanks < 2 && i > 0:
			blanks++
		case c <= ' ' || c == '"' || c == '{' || c == '=' || i > 128:
			return 0
		}
	}
	return 0
}

// isPIDTag reports whether [digits]: stands at i, behind a letter or digit.
func isPIDTag(s string, i int) bool {
	n := digitsLen(s[i+1:])
	return s[i] == '[' && n > 0 && strings.HasPrefix(s[i+1+n:], "]: ") && s[i-1] != ' '
}

// readUntimed reads a header that has no time: after a priority a tag may come at
// once, and Cisco's own tag always stays in the message.
func (h *header) readUntimed(s string) bool {
	if h.code < 0 {
		return false
	}
	rest := s[sequenceLen(s):]
	if strings.HasPrefix(rest, "%") {
		h.message = rest
		return true
	}
	// host tag[pid]: text, as some relays write it
	if word, after, ok := strings.Cut(rest, " "); ok && isHost(word) && !strings.HasSuffix(word, ":") && strings.IndexByte(word, '[') < 0 {
		if strings.HasPrefix(after, "%") && isHost(word) {
			h.host, h.message = word, after
			return true
		}
		inner := *h
		if message := inner.readTag(after); inner.pid != "" {
			h.host, h.process, h.pid, h.logger, h.message = word, inner.process, inner.pid, inner.logger, message
			return true
		}
	}
	h.message = h.readTag(rest)
	return true
}
