package query

import (
	"regexp/syntax"
	"unicode/utf8"
)

// A byteRun is bytes that stand one behind the other in every match of an expression,
// each of a class of ASCII: [a-f]{6}[0-9] has seven. Looking for it is much quicker
// than the expression, and mostly finds nothing.
type byteRun struct {
	masks [256]uint64 // of each byte the places in the run it may have
	last  uint64
}

const (
	maxRun = 64
	minRun = 2
	// maxRunSteps bounds what is walked through: repeats within repeats multiply.
	maxRunSteps = 4096
)

// in reports whether s has the run. Each bit of state is a place of the run up to
// which the bytes before fit.
func (b *byteRun) in(s string) bool {
	state := uint64(0)
	for i := range len(s) {
		state = (state<<1 | 1) & b.masks[s[i]]
		if state&b.last != 0 {
			return true
		}
	}
	return false
}

// class is a set of ASCII bytes.
type class [2]uint64

func (c *class) add(b byte) { c[b>>6] |= 1 << (b & 63) }

// runOf returns the longest run that the expression has, or nil.
func runOf(text string) *byteRun {
	tree, err := syntax.Parse(text, syntax.Perl)
	if err != nil {
		return nil
	}
	var r runFinder
	r.walk(tree)
	r.end()
	if len(r.best) < minRun {
		return nil
	}
	b := &byteRun{last: 1 << (len(r.best) - 1)}
	for i, c := range r.best {
		for x := range utf8.RuneSelf {
			if c[x>>6]>>(x&63)&1 != 0 {
				b.masks[x] |= 1 << i
			}
		}
	}
	return b
}

// A runFinder walks through an expression from left to right.
type runFinder struct {
	now, best []class
	steps     int // so far
}

// end ends the run: what comes next need not stand right behind it.
func (r *runFinder) end() {
	if len(r.now) > len(r.best) {
		r.best = r.now
	}
	r.now = nil
}

func (r *runFinder) add(c class) {
	if len(r.now) == maxRun {
		r.end()
	}
	r.now = append(r.now, c)
}

func (r *runFinder) walk(re *syntax.Regexp) {
	if r.steps++; r.steps > maxRunSteps {
		r.end() // of what is not looked at anything may come
		return
	}
	switch re.Op {
	case syntax.OpLiteral:
		for _, x := range re.Rune {
			if c, ok := classOf(x, x, re.Flags&syntax.FoldCase != 0); ok {
				r.add(c)
			} else {
				r.end()
			}
		}
	case syntax.OpCharClass:
		var all class
		for i := 0; i < len(re.Rune); i += 2 {
			c, ok := classOf(re.Rune[i], re.Rune[i+1], false)
			if !ok {
				r.end()
				return
			}
			all[0], all[1] = all[0]|c[0], all[1]|c[1]
		}
		r.add(all)
	case syntax.OpCapture:
		r.walk(re.Sub[0])
	case syntax.OpConcat:
		for _, sub := range re.Sub {
			r.walk(sub)
		}
	case syntax.OpPlus:
		r.repeat(re.Sub[0], 1, -1)
	case syntax.OpRepeat:
		r.repeat(re.Sub[0], re.Min, re.Max)
	case syntax.OpEmptyMatch, syntax.OpBeginLine, syntax.OpEndLine, syntax.OpBeginText, syntax.OpEndText,
		syntax.OpWordBoundary, syntax.OpNoWordBoundary: // they take no bytes
	default:
		r.end()
	}
}

// repeat walks through what comes at least low times. If it may come more often, what
// was before it stands right before the first, and what is behind it right behind the
// last.
func (r *runFinder) repeat(re *syntax.Regexp, low, high int) {
	low = min(low, maxRun)
	for range low {
		r.walk(re)
	}
	if high == low {
		return
	}
	r.end()
	for range low {
		r.walk(re)
	}
}

// classOf returns the bytes of a range of letters; ok is false if not all are ASCII.
func classOf(low, high rune, fold bool) (c class, ok bool) {
	if high >= utf8.RuneSelf {
		return c, false
	}
	for x := low; x <= high; x++ {
		c.add(byte(x))
		lower := byte(x) | 0x20
		if !fold || lower < 'a' || lower > 'z' {
			continue
		}
		if lower == 'k' || lower == 's' {
			return c, false // letters beyond ASCII fold to them
		}
		c.add(lower)
		c.add(lower &^ 0x20)
	}
	return c, true
}
