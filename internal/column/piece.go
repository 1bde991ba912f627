package column

import (
	"slices"
	"unsafe"
)

// A Piece gathers the values of one place of a template, in the form in which they are
// encoded: as numbers while all of them are numbers like the first, else end to end. They
// come as strings that lie far from each other; so each is read once, while it is near,
// and there is no pointer for each that a garbage collector has to follow. The zero Piece
// is empty.
type Piece struct {
	typing Typing   // of words, if that is a number; else these are places of texts
	words  []uint64 // in the room
	room   *Room
	long   []string // texts that are too long to be copied
}

const (
	// shortText is how long a text may be to be copied. Longer ones may be the same
	// memory in very many events.
	shortText = 255
	// A word of a text has its length in the lowest bits, and above them where it is in
	// the room; of long ones it has their place among these.
	lengthBits = 9
	isLong     = 1<<lengthBits - 1
)

// Len returns how many values there are.
func (p *Piece) Len() int { return len(p.words) }

// Expect makes room for so many values in all.
func (p *Piece) Expect(room *Room, n int) {
	p.room = room
	p.grow(n - len(p.words))
}

// grow makes room for n more values.
func (p *Piece) grow(n int) {
	if len(p.words)+n > cap(p.words) {
		p.words = append(p.room.take(max(16, 2*len(p.words), len(p.words)+n)), p.words...)
	}
}

// Add adds every step-th of values, from the first on. There was an Expect before.
func (p *Piece) Add(values []string, step int) {
	if len(p.words) == 0 {
		p.typing = Guess(values[0])
	}
	p.grow((len(values) + step - 1) / step)
	words, last, i := p.words, "", 0
	if p.typing.IsNumber() {
		for ; i < len(values); i += step {
			v := values[i]
			if isSame(v, last) {
				words = append(words, words[len(words)-1])
				continue
			}
			n, ok := p.typing.Parse(v)
			if !ok {
				p.words = words
				p.spell()
				last = ""
				break
			}
			words, last = append(words, uint64(n)), v
		}
	}
	for ; i < len(values); i += step {
		v := values[i]
		if isSame(v, last) {
			words = append(words, words[len(words)-1])
			continue
		}
		words, last = append(words, p.word(v)), v
	}
	p.words = words
}

// Repeat adds a value some times. There was an Expect before.
func (p *Piece) Repeat(value string, times int) {
	if times == 0 {
		return
	}
	p.Add([]string{value}, 1)
	p.grow(times)
	for range times - 1 {
		p.words = append(p.words, p.words[len(p.words)-1])
	}
}

// word keeps a text.
func (p *Piece) word(text string) uint64 {
	if len(text) > shortText {
		p.long = append(p.long, text)
		return uint64(len(p.long)-1)<<lengthBits | isLong
	}
	return p.room.add(text)<<lengthBits | uint64(len(text))
}

// spell turns numbers into texts, as a value came that is not one.
func (p *Piece) spell() {
	typing := p.typing
	p.typing = Typing{form: text}
	var digits [maxDigits + 2]byte
	for i, n := range p.words {
		p.words[i] = p.word(bytesString(typing.Append(digits[:0], int64(n))))
	}
}

// text returns the i-th value, which is not a number.
func (p *Piece) text(i int) string {
	at, n := p.words[i]>>lengthBits, int(p.words[i]&isLong)
	if n == isLong {
		return p.long[at]
	}
	return p.room.at(at, n)
}

// AppendText appends the i-th value.
func (p *Piece) AppendText(dst []byte, i int) []byte {
	if p.typing.IsNumber() {
		return p.typing.Append(dst, int64(p.words[i]))
	}
	return append(dst, p.text(i)...)
}

// Contains reports whether one of the values is so.
func (p *Piece) Contains(be func(string) bool) bool {
	var digits [maxDigits + 2]byte
	for i, n := range p.words {
		if p.typing.IsNumber() {
			if be(bytesString(p.typing.Append(digits[:0], int64(n)))) {
				return true
			}
		} else if be(p.text(i)) {
			return true
		}
	}
	return false
}

// Equal reports whether q has the same values. They have come to both in the same runs.
func (p *Piece) Equal(q *Piece) bool {
	if p.typing != q.typing || len(p.words) != len(q.words) {
		return false
	}
	if p.typing.IsNumber() {
		return slices.Equal(p.words, q.words)
	}
	for i := range p.words {
		if p.text(i) != q.text(i) {
			return false
		}
	}
	return true
}

// Hash returns a hash of all values.
func (p *Piece) Hash(h Hasher) (sum uint64) {
	for i, n := range p.words {
		if !p.typing.IsNumber() {
			n = h.Hash(p.text(i))
		}
		sum = h.Mix(sum, n)
	}
	return sum
}

// ints returns the values of a piece that has numbers.
func (p *Piece) ints() []int64 {
	return unsafe.Slice((*int64)(unsafe.Pointer(unsafe.SliceData(p.words))), len(p.words))
}

// AppendPieces encodes the values of pieces, none of which is empty, as Append does.
func (e *Encoder) AppendPieces(dst []byte, pieces ...*Piece) []byte {
	if t := pieces[0].typing; t.IsNumber() && !slices.ContainsFunc(pieces, func(p *Piece) bool { return p.typing != t }) {
		ints := pieces[0].ints()
		if len(pieces) > 1 {
			e.ints = e.ints[:0]
			for _, p := range pieces {
				e.ints = append(e.ints, p.ints()...)
			}
			ints = e.ints
		}
		return e.appendNumbers(dst, ints, t)
	}
	e.strings, e.spelt = e.strings[:0], e.spelt[:0]
	for _, p := range pieces {
		for i, n := range p.words {
			if !p.typing.IsNumber() {
				e.strings = append(e.strings, p.text(i))
				continue
			}
			at := len(e.spelt)
			e.spelt = p.typing.Append(e.spelt, int64(n)) // those before stay where they are
			e.strings = append(e.strings, bytesString(e.spelt[at:]))
		}
	}
	return e.Append(dst, e.strings)
}

// bytesString lets b be read as a string; b must not be changed while it is.
func bytesString(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
