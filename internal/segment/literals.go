package segment

import (
	"encoding/binary"
	"errors"

	"github.com/klauspost/compress/huff0"
)

// Much of what is kept is numbers that do not repeat, of which some are more frequent than
// others: differences of `_seq`, codes, the upper bytes of ports and addresses. A compressor
// that looks for repetitions finds some by chance, and says where they are with more bits
// than the bytes themselves take under a code in which frequent ones are short. For these
// there are zstd frames that look for none: blocks of literals, each under a Huffman code of its
// own (RFC 8878, 3.1.1). Any zstd decoder reads them.

const (
	// literalBlock is how many bytes share a code; a frame's last block has up to half as many
	// more. A plane of numbers is at most some times as long, and what stands in it is unlike
	// what stands in the next. A code takes up to 128 bytes.
	literalBlock = 16 << 10
	// minLiterals: shorter blocks stay as they are, as the code would take what it saves.
	minLiterals = 256
	// wantLess: a block stays as it is if not one byte of so many (as a power of two) is saved:
	// then it costs nothing to read.
	wantLess = 5

	frameMagic   = 0xfd2fb528
	frameLength  = 0xa0 // the content is one piece, and its length follows in 4 bytes
	blockRaw     = 0
	blockRun     = 1
	blockPacked  = 2
	literalsCode = 2 | 3<<2 // under a code, in 4 streams, with lengths of 18 bits
)

// A packer packs one chunk after the other.
type packer struct {
	huff huff0.Scratch
	out  []byte
}

// literals appends plain, of which there is at least a byte and less than 4 GiB, as a zstd
// frame without repetitions.
func (p *packer) literals(dst, plain []byte) []byte {
	dst = binary.LittleEndian.AppendUint32(dst, frameMagic)
	dst = append(dst, frameLength)
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(plain)))
	for len(plain) > 0 {
		n := literalBlock
		if len(plain) < literalBlock+literalBlock/2 {
			n = len(plain)
		}
		dst = p.block(dst, plain[:n], n == len(plain))
		plain = plain[n:]
	}
	return dst
}

// block appends one block of a frame.
func (p *packer) block(dst, plain []byte, last bool) []byte {
	if len(plain) < minLiterals {
		return append(appendBlockHeader(dst, blockRaw, len(plain), last), plain...)
	}
	p.huff.Reuse, p.huff.WantLogLess = huff0.ReusePolicyNone, wantLess
	packed, _, err := huff0.Compress4X(plain, &p.huff)
	switch {
	case errors.Is(err, huff0.ErrUseRLE):
		return append(appendBlockHeader(dst, blockRun, len(plain), last), plain[0])
	case err != nil: // it is not worth it
		return append(appendBlockHeader(dst, blockRaw, len(plain), last), plain...)
	}
	dst = appendBlockHeader(dst, blockPacked, 5+len(packed)+1, last)
	lengths := uint64(literalsCode) | uint64(len(plain))<<4 | uint64(len(packed))<<22
	dst = binary.LittleEndian.AppendUint32(dst, uint32(lengths))
	dst = append(append(dst, byte(lengths>>32)), packed...)
	return append(dst, 0) // no repetitions
}

// appendBlockHeader appends the three bytes before a block.
func appendBlockHeader(dst []byte, kind, length int, last bool) []byte {
	header := kind<<1 | length<<3
	if last {
		header |= 1
	}
	return append(dst, byte(header), byte(header>>8), byte(header>>16))
}
