package segment

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"sync"
	"unsafe"

	"github.com/klauspost/compress/zstd"
)

const (
	stored     = 0
	compressed = 1

	// minCompress: shorter chunks are not worth the zstd frame around them.
	minCompress = 64
	// maxPlain bounds what a chunk or directory may grow to when it is decoded.
	maxPlain = 256 << 20
)

// errSize says that something claims to be larger than anything written here.
var errSize = errors.New("longer than allowed")

// A Codec compresses chunks. It may be used by many at once, and many segments
// share one, as it keeps some megabytes of tables.
type Codec struct {
	// Between, if it is set before Codec is used, is called between the chunks of a block, to let
	// others go first: some take a millisecond.
	Between func()

	enc     *zstd.Encoder
	few     *zstd.Encoder // the fastest
	dec     *zstd.Decoder
	habits  *habits
	packing sync.Pool // of *packing
	packer  sync.Pool // of *packer
	sealed  sync.Pool // of *[]byte, see room
}

// NewCodec returns a Codec.
func NewCodec() (*Codec, error) {
	c := &Codec{habits: newHabits()}
	for level, enc := range map[zstd.EncoderLevel]**zstd.Encoder{zstd.SpeedDefault: &c.enc, zstd.SpeedFastest: &c.few} {
		var err error
		if *enc, err = zstd.NewWriter(nil, zstd.WithEncoderLevel(level), zstd.WithEncoderCRC(false),
			zstd.WithEncoderConcurrency(2), zstd.WithWindowSize(4<<20)); err != nil {
			return nil, fmt.Errorf("make a compressor: %w", err)
		}
	}
	var err error
	if c.dec, err = zstd.NewReader(nil, zstd.WithDecoderMaxMemory(maxPlain), zstd.WithDecoderConcurrency(0)); err != nil {
		return nil, fmt.Errorf("make a decompressor: %w", err)
	}
	return c, nil
}

// pack appends plain to dst, compressed where that is shorter.
func (c *Codec) pack(dst, plain []byte) []byte { return c.packBy(dst, plain, &habit{}) }

// packBy is pack for a chunk of a column with a habit, which changes with it.
func (c *Codec) packBy(dst, plain []byte, h *habit) []byte {
	start := len(dst)
	if len(plain) >= minCompress {
		p, ok := c.packer.Get().(*packer)
		if !ok {
			p = &packer{}
		}
		dst = p.frame(append(dst, compressed), plain, h, c)
		c.packer.Put(p)
		if len(dst)-start <= len(plain) {
			return dst
		}
	}
	dst = append(dst[:start], stored)
	return append(dst, plain...)
}

// minRoom and maxRoom are the least memory that is taken for a sealed chunk, and the most
// that is used again.
const (
	minRoom = 64 << 10
	maxRoom = 1 << 20
)

// room returns memory for so many bytes, for what is only needed until it is unpacked.
func (c *Codec) room(length int) *[]byte {
	b, ok := c.sealed.Get().(*[]byte)
	if !ok || cap(*b) < length {
		grown := make([]byte, length, max(length, minRoom))
		return &grown
	}
	*b = (*b)[:length]
	return b
}

// done takes memory of room back.
func (c *Codec) done(b *[]byte) {
	if cap(*b) <= maxRoom {
		c.sealed.Put(b)
	}
}

// unpackCopy is unpack into memory of its own.
func (c *Codec) unpackCopy(packed []byte) ([]byte, error) {
	if len(packed) > 0 && packed[0] == stored {
		return bytes.Clone(packed[1:]), nil
	}
	return c.unpack(packed)
}

// unpack returns what was packed, in memory of its own or that of packed.
func (c *Codec) unpack(packed []byte) ([]byte, error) {
	if len(packed) == 0 {
		return nil, errors.New("empty chunk")
	}
	switch packed[0] {
	case stored:
		return packed[1:], nil
	case compressed:
		return c.dec.DecodeAll(packed[1:], roomFor(packed[1:]))
	}
	return nil, fmt.Errorf("compression %d is not known", packed[0])
}

// roomFor returns memory for what is in a frame of zstd, which has not been cleared: a
// question decodes tens of megabytes, each of which is written over at once. It is nil where
// the frame does not say how much that is, or more than a chunk is.
func roomFor(frame []byte) []byte {
	var h zstd.Header
	if h.Decode(frame) != nil || !h.HasFCS || h.FrameContentSize == 0 || h.FrameContentSize > maxRoom {
		return nil
	}
	var b strings.Builder // the only one that gives memory as it is
	b.Grow(int(h.FrameContentSize) + decoderRoom)
	b.WriteByte(0)
	return unsafe.Slice(unsafe.StringData(b.String()), b.Cap())[:0]
}

// decoderRoom is how much the decoder has behind what it decodes, so that it can copy
// sixteen bytes at once.
const decoderRoom = 16
