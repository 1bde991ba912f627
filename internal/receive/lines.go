package receive

import (
	"bytes"
	"io"
)

// A lineReader reads lines in chunks of at most a batch.
type lineReader struct {
	in       io.Reader
	max      int // bytes of a line that are kept
	buf      []byte
	from, to int  // what of buf was read and is not yet split
	skipping bool // the rest of an over-long line is to be passed over
	spans    []span
	err      error // why nothing more will come
}

func newLineReader(in io.Reader, max int) *lineReader {
	return &lineReader{in: in, max: max, buf: make([]byte, 16<<10)}
}

// next returns the next lines, blank ones too, as places in a text that stays
// valid; the places are valid until the next call. Without lines it returns why
// no more will come: io.EOF, or what went wrong behind the last whole line.
func (l *lineReader) next() (string, []span, error) {
	for want := maxBatchBytes; ; {
		for l.err == nil && l.to-l.from < want {
			l.read(want)
		}
		start := l.from
		if l.split(); len(l.spans) > 0 {
			return string(l.buf[start:l.from]), l.spans, nil
		}
		if l.err != nil {
			return "", nil, l.err
		}
		if l.from == start {
			want *= 2 // one line fills it; split cuts it once it is too long
		}
	}
}

// read reads once, into a buffer that becomes as large as is wanted.
func (l *lineReader) read(want int) {
	if l.from > 0 {
		l.to = copy(l.buf, l.buf[l.from:l.to])
		l.from = 0
	}
	if l.to == len(l.buf) {
		l.buf = append(make([]byte, 0, min(2*len(l.buf), want)), l.buf...)
		l.buf = l.buf[:cap(l.buf)]
	}
	n, err := l.in.Read(l.buf[l.to:])
	l.to += n
	l.err = err
}

// split finds the whole lines of what was read, up to a batch of them.
func (l *lineReader) split() {
	l.spans = l.spans[:0]
	for start := l.from; l.from < l.to && len(l.spans) < maxBatchEvents; {
		rest := l.buf[l.from:l.to]
		end := bytes.IndexByte(rest, '\n')
		n := end + 1
		switch {
		case end < 0 && l.skipping:
			l.from = l.to
			return
		case l.skipping:
			l.from, l.skipping = l.from+n, false
			continue
		case end < 0 && len(rest) > l.max+1:
			end, n, l.skipping = l.max+1, len(rest), true
		case end < 0 && l.err != io.EOF:
			return
		case end < 0:
			end, n = len(rest), len(rest)
		}
		if end > 0 && rest[end-1] == '\r' && !l.skipping {
			end--
		}
		at := l.from - start
		l.spans = append(l.spans, span{at, at + min(end, l.max), end > l.max})
		l.from += n
	}
}
