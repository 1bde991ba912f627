package segment

import (
	"encoding/binary"
	"errors"

	"github.com/klauspost/compress/huff0"
	"github.com/klauspost/compress/zstd"
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

	// Both ways are tried for chunks of up to minSampled bytes. Of longer ones, sampleParts
	// pieces that make up sampleSize bytes are packed both ways first. Where literals are
	// shorter for these than sureLiterals of what zstd makes of them, zstd is not
	// asked for the chunk; where they are longer than sureRepeats, only zstd is. Over the
	// chunks of the benchmark's corpus that packs to within 1 % of the better of both.
	minTried     = 1 << 10
	minSampled   = 4 << 10
	sampleParts  = 4
	sampleSize   = 2 << 10
	sureLiterals = 0.98
	sureRepeats  = 1.02
)

// A packer packs one chunk after the other.
type packer struct {
	huff   huff0.Scratch
	sample []byte
	out    []byte
}

// frame appends plain as a zstd frame: that which enc makes of it or that of literals, whichever
// is shorter, as far as a sample can tell.
func (p *packer) frame(dst, plain []byte, enc *zstd.Encoder) []byte {
	literals, repeats := p.promising(plain, enc)
	start := len(dst)
	if repeats {
		dst = enc.EncodeAll(plain, dst)
	}
	if !literals {
		return dst
	}
	end := len(dst)
	dst = p.literals(dst, plain)
	if length := len(dst) - end; !repeats || length < end-start {
		return dst[:start+copy(dst[start:], dst[end:])]
	}
	return dst[:end]
}

// promising says which ways of packing plain are worth trying.
func (p *packer) promising(plain []byte, enc *zstd.Encoder) (literals, repeats bool) {
	switch {
	case len(plain) < minTried || len(plain) > maxPlain:
		return false, true
	case len(plain) < minSampled:
		return true, true
	}
	p.sample = p.sample[:0]
	const length = sampleSize / sampleParts
	for i := range sampleParts {
		at := len(plain)/(2*sampleParts)*(2*i+1) - length/2
		p.sample = append(p.sample, plain[at:at+length]...)
	}
	p.out = p.literals(p.out[:0], p.sample)
	shorter := float64(len(p.out))
	p.out = enc.EncodeAll(p.sample, p.out[:0])
	shorter /= float64(len(p.out))
	return shorter <= sureRepeats, shorter >= sureLiterals
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
