package digest

import (
	"crypto/sha256"
	"encoding/binary"
)

// inStep says that the processor has the instructions.
var inStep = hasSHA()

// hasSHA asks the processor for SHA-NI, SSSE3 and SSE4.1 (CPUID, Intel SDM volume 2A).
func hasSHA() bool

// A state is the eight words of a hash under way, in the order in which the instructions take
// them: f e b a, h g d c.
type state [8]uint32

var begin = state{0x9b05688c, 0x510e527f, 0xbb67ae85, 0x6a09e667, 0x5be0cd19, 0x1f83d9ab, 0xa54ff53a, 0x3c6ef372}

// blocks hashes n blocks from p into x and n from q into y; n is at least 1.
//
//go:noescape
func blocks(x, y *state, p, q *byte, n int)

// mostBlocks is how many blocks are hashed before a goroutine can be stopped: some 50 µs.
const mostBlocks = 1 << 10

// A lane hashes one message after the other.
type lane struct {
	state  state
	number int // of the message
	at     int // in the batch's bytes
	left   int // blocks; 0: it has none
}

// sumsInStep is Sums with two lanes. When one has come to the end of its message it takes the
// next; the last one may be hashed alone.
func (b *Batch) sumsInStep(sums [][sha256.Size]byte) {
	var lanes [2]lane
	next := 0
	for {
		for i := range lanes {
			if l := &lanes[i]; l.left == 0 && next < len(b.messages) {
				m := b.messages[next]
				end := len(b.bytes)
				if next+1 < len(b.messages) {
					end = b.messages[next+1].start
				}
				*l = lane{begin, next, m.start, (end - m.start) / sha256.BlockSize}
				next++
			}
		}
		x, y := &lanes[0], &lanes[1]
		if x.left == 0 {
			x, y = y, x
		}
		if x.left == 0 {
			return
		}
		var alone lane
		if y.left == 0 {
			alone = *x
			y = &alone
		}
		n := min(x.left, y.left, mostBlocks)
		blocks(&x.state, &y.state, &b.bytes[x.at], &b.bytes[y.at], n)
		x.done(n, sums)
		if y != &alone {
			y.done(n, sums)
		}
	}
}

// done notes that n blocks were hashed.
func (l *lane) done(n int, sums [][sha256.Size]byte) {
	l.at += n * sha256.BlockSize
	if l.left -= n; l.left > 0 {
		return
	}
	for i, from := range [8]int{3, 2, 7, 6, 1, 0, 5, 4} {
		binary.BigEndian.PutUint32(sums[l.number][4*i:], l.state[from])
	}
}
