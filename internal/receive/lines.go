package receive

import (
	"bytes"
	"io"
	"sync"
	"unsafe"
)

// A lineSplitter finds the lines of a text that comes in chunks.
type lineSplitter struct {
	max      int  // bytes of a line that are kept
	skipping bool // the rest of an over-long line is to be passed over
}

// split appends the lines of chunk to spans, blank ones too, as long as these are
// fewer than limit, and returns how much of chunk it is done with. The rest is
// the start of a line and must head the next chunk, unless limit was reached.
// With last, what has no end is a line as well.
func (l *lineSplitter) split(spans []span, chunk []byte, last bool, limit int) ([]span, int) {
	at := 0
	for at < len(chunk) && len(spans) < limit {
		rest := chunk[at:]
		end := bytes.IndexByte(rest, '\n')
		n := end + 1
		switch {
		case end < 0 && l.skipping:
			return spans, len(chunk)
		case l.skipping:
			at, l.skipping = at+n, false
			continue
		case end < 0 && len(rest) > l.max+1:
			end, n, l.skipping = l.max+1, len(rest), true
		case end < 0 && !last:
			return spans, at
		case end < 0:
			end, n = len(rest), len(rest)
		}
		if end > 0 && rest[end-1] == '\r' && !l.skipping {
			end--
		}
		spans = append(spans, span{at, at + min(end, l.max), end > l.max})
		at += n
	}
	return spans, at
}

// A lineReader reads lines in chunks of at most a batch.
type lineReader struct {
	in       io.Reader
	splitter lineSplitter
	buf      []byte
	from, to int // what of buf was read and is not yet split
	spans    []span
	err      error // why nothing more will come
}

func newLineReader(in io.Reader, max int) *lineReader {
	l := &lineReader{in: in, splitter: lineSplitter{max: max}}
	if m, ok := lineMemories.Get().(*lineMemory); ok {
		l.buf, l.spans = m.buf, m.spans
	} else {
		l.buf = make([]byte, 16<<10)
	}
	return l
}

// A lineMemory is that of a reader.
type lineMemory struct {
	buf   []byte
	spans []span
}

// lineMemories are those of readers that are done, as large as a batch at most.
var lineMemories sync.Pool // of *lineMemory

// release gives the memory to another reader. Nothing is read after it.
func (l *lineReader) release() {
	if len(l.buf) <= maxBatchBytes {
		lineMemories.Put(&lineMemory{l.buf, l.spans[:0]})
	}
	l.buf, l.spans, l.from, l.to, l.err = nil, nil, 0, 0, io.EOF
}

// next returns the next lines, blank ones too, as places in a text; both are valid
// until the next call, and until release. Without lines it returns why
// no more will come: io.EOF, or what went wrong behind the last whole line.
func (l *lineReader) next() (string, []span, error) {
	for want := maxBatchBytes; ; {
		for l.err == nil && l.to-l.from < want {
			l.read(want)
		}
		spans, n := l.splitter.split(l.spans[:0], l.buf[l.from:l.to], l.err == io.EOF, maxBatchEvents)
		l.spans = spans
		text := l.buf[l.from : l.from+n]
		l.from += n
		switch {
		case len(spans) > 0:
			return unsafe.String(unsafe.SliceData(text), len(text)), spans, nil
		case l.err != nil:
			return "", nil, l.err
		case n == 0:
			want *= 2 // one line fills it; it is cut once it is too long
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
