package receive

import "bytes"

// A span is where one message lies in a chunk.
type span struct {
	start, end int
	cut        bool // the message was longer than allowed, or its end never came
}

// A splitter finds the messages in a syslog stream after RFC 6587, each in
// either framing:
//
//	octet counting    "34 <34>Oct 11 22:14:15 host su: x"   length, space, message
//	non-transparent   "<34>Oct 11 22:14:15 host su: x\n"    message, LF or NUL
//
// A message that starts with a number and a space is counted if "<" follows or
// if the message before was counted; so lines that start with a number, which
// are sent without a priority, stay lines. What a message is does not depend on
// how the stream was cut into chunks.
type splitter struct {
	max     int  // longest message kept
	skip    int  // bytes of a counted message still to be passed over
	skipEnd bool // the rest of a line is still to be passed over
	counted bool // the last message was counted
}

// maxCountDigits is how long the number of a counted message may be.
const maxCountDigits = 9

// roomFor is how large a chunk must be able to get for a message of max bytes:
// its number before and its trailer after it.
func roomFor(max int) int { return max + maxCountDigits + 8 }

// split appends the messages of chunk to spans, as long as these are fewer than
// limit, and returns how much of chunk it is done with. The rest is the start of
// a message and must head the next chunk, unless limit was reached. With last,
// nothing will follow, and what is there is all of it.
func (s *splitter) split(spans []span, chunk []byte, last bool, limit int) ([]span, int) {
	at := 0
	for at < len(chunk) && len(spans) < limit {
		rest := chunk[at:]
		switch {
		case s.skip > 0:
			n := min(s.skip, len(rest))
			s.skip -= n
			at += n
			continue
		case s.skipEnd:
			end := trailer(rest)
			if end < 0 {
				return spans, len(chunk)
			}
			s.skipEnd = false
			at += end + 1
			continue
		case rest[0] == '\n' || rest[0] == 0:
			at++
			continue
		}
		m, n, ok := s.next(rest, last)
		if !ok {
			break
		}
		if m.end > m.start {
			spans = append(spans, span{at + m.start, at + m.end, m.cut})
		}
		at += n
	}
	return spans, at
}

// next finds the first message of rest and how many bytes it takes with its
// frame; ok is false if its end has to be waited for.
func (s *splitter) next(rest []byte, last bool) (m span, n int, ok bool) {
	length, header, whole := s.count(rest)
	if !whole && !last {
		return m, 0, false
	}
	s.counted = header > 0
	if s.counted {
		return s.nextCounted(rest, length, header, last)
	}
	return s.nextLine(rest, last)
}

func (s *splitter) nextCounted(rest []byte, length, header int, last bool) (m span, n int, ok bool) {
	body := rest[header:]
	switch {
	case length <= s.max+2 && len(body) >= length:
		m.start, m.end = header, header+length-trailing(body[:length])
		if m.end-m.start > s.max {
			m.end, m.cut = header+s.max, true
		}
		return m, header + length, true
	case length > s.max+2 && len(body) >= s.max:
		n = min(length, len(body))
		s.skip = length - n
		return span{header, header + s.max, true}, header + n, true
	case last:
		return span{header, header + min(len(body), s.max), true}, len(rest), true
	}
	return m, 0, false
}

func (s *splitter) nextLine(rest []byte, last bool) (m span, n int, ok bool) {
	end := trailer(rest)
	n = end + 1
	switch {
	case end < 0 && len(rest) > s.max+1:
		s.skipEnd = true
		return span{0, s.max, true}, len(rest), true
	case end < 0 && !last:
		return m, 0, false
	case end < 0:
		end, n = len(rest), len(rest)
	}
	if end > 0 && rest[end-1] == '\r' {
		end--
	}
	if end > s.max {
		return span{0, s.max, true}, n, true
	}
	return span{0, end, false}, n, true
}

// count reads the length before a counted message and returns how many bytes it
// takes with its space; none if the message is not counted. It is not whole if
// more bytes are needed to know.
func (s *splitter) count(rest []byte) (length, header int, whole bool) {
	if rest[0] == '0' {
		return 0, 0, true
	}
	i := 0
	for ; i < len(rest) && i <= maxCountDigits && '0' <= rest[i] && rest[i] <= '9'; i++ {
		length = 10*length + int(rest[i]-'0')
	}
	switch {
	case i == 0 || i > maxCountDigits:
		return 0, 0, true
	case i == len(rest):
		return 0, 0, false
	case rest[i] != ' ':
		return 0, 0, true
	case s.counted:
		return length, i + 1, true
	case i+1 == len(rest):
		return 0, 0, false
	case rest[i+1] != '<':
		return 0, 0, true
	}
	return length, i + 1, true
}

// trailer returns the index of the first LF or NUL, or -1.
func trailer(b []byte) int {
	end := bytes.IndexByte(b, '\n')
	if end < 0 {
		return bytes.IndexByte(b, 0)
	}
	if nul := bytes.IndexByte(b[:end], 0); nul >= 0 {
		return nul
	}
	return end
}

// trailing returns the length of the trailer that some senders count in.
func trailing(b []byte) int {
	switch {
	case bytes.HasSuffix(b, []byte("\r\n")):
		return 2
	case len(b) > 0 && (b[len(b)-1] == '\n' || b[len(b)-1] == 0):
		return 1
	}
	return 0
}
