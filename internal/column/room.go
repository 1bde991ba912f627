package column

// A Room is the memory for the values of a block. Slots of templates take from it, and it
// is empty again for the next block at once. It is not safe for concurrent use, and not
// for two blocks at once.
type Room struct {
	words [][]uint64
	block int // the one of words that is taken from
	taken int // of it

	texts  [][]byte // the last one with texts is text
	text   int
	taking []byte // its bytes so far
}

const (
	wordsAtOnce = 1 << 16
	// Texts lie in blocks of so many bytes, as a power of two, which is more than
	// shortText.
	textsAtOnce = 16
	// keptBytes bounds what is kept for the next block, of words and texts each.
	keptBytes = 8 << 20
)

// take returns room for n words.
func (r *Room) take(n int) []uint64 {
	if n > wordsAtOnce/4 {
		return make([]uint64, 0, n)
	}
	if r.block < len(r.words) && r.taken+n > wordsAtOnce {
		r.block, r.taken = r.block+1, 0
	}
	if r.block == len(r.words) {
		r.words = append(r.words, make([]uint64, wordsAtOnce))
	}
	words := r.words[r.block][r.taken : r.taken : r.taken+n]
	r.taken += n
	return words
}

// add keeps a text of up to shortText bytes, and returns where it is.
func (r *Room) add(text string) uint64 {
	if len(r.taking)+len(text) > cap(r.taking) {
		r.next()
	}
	at := len(r.taking)
	r.taking = append(r.taking, text...)
	return uint64(r.text)<<textsAtOnce | uint64(at)
}

// next begins another block of texts.
func (r *Room) next() {
	if cap(r.taking) > 0 {
		r.text++
	}
	if r.text == len(r.texts) {
		r.texts = append(r.texts, make([]byte, 1<<textsAtOnce))
	}
	r.taking = r.texts[r.text][: 0 : 1<<textsAtOnce]
}

// at returns the text that begins there.
func (r *Room) at(place uint64, length int) string {
	if length == 0 {
		return "" // behind a block that is full there may be no other
	}
	start := place & (1<<textsAtOnce - 1)
	return bytesString(r.texts[place>>textsAtOnce][start : start+uint64(length)])
}

// Reset takes everything back. Pieces with values from it are no longer good.
func (r *Room) Reset() {
	if kept := keptBytes / (8 * wordsAtOnce); len(r.words) > kept {
		clear(r.words[kept:])
		r.words = r.words[:kept]
	}
	if kept := keptBytes >> textsAtOnce; len(r.texts) > kept {
		clear(r.texts[kept:])
		r.texts = r.texts[:kept]
	}
	r.block, r.taken, r.text, r.taking = 0, 0, 0, nil
}
