package wal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"slices"

	"github.com/klauspost/compress/s2"
	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/seal"
)

const (
	frameMagic  = "frm1"
	frameHeader = 28
	metaSize    = 16
	maxSealed   = 80 << 20
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// A Frame is one batch in the log.
type Frame struct {
	First    uint64 // arrival number of its first event; set before it is written
	Events   int
	Position llama.Position
	Sections []Section

	packed []byte // meta data, and the compressed body; dropped when it was written
}

// bodyAt is where the body of a frame begins in the memory that it is made in: before it
// is room for what pack writes if it does not compress it.
const bodyAt = metaSize + maxUvarint32 + literalTag

const (
	maxUvarint32 = 5
	literalTag   = 5
)

// pack makes an S2 block of the body, which begins at bodyAt of made, in the memory of buf
// where that is large enough, and returns that memory. A body that should not be
// compressed becomes one literal, where it is.
func (f *Frame) pack(buf, made []byte, compress bool) []byte {
	body := made[bodyAt:]
	if compress || len(body) < smallBody {
		room := metaSize + s2.MaxEncodedLen(len(body))
		if cap(buf) < room {
			buf = make([]byte, room)
		}
		buf = buf[:room]
		f.packed = buf[:metaSize+len(s2.Encode(buf[metaSize:], body))]
	} else {
		f.packed = made[literal(made):]
	}
	binary.BigEndian.PutUint32(f.packed[8:], uint32(f.Events))
	binary.BigEndian.PutUint32(f.packed[12:], uint32(len(body)))
	return buf
}

// smallBody is the size in bytes below which a body is always compressed: whoever writes
// so little at once has the time.
const smallBody = 64 << 10

// literal writes the beginning of an S2 block of one literal before the body, and returns
// where the frame's meta data begin before that. (Snappy's format description, 1 and 2.1:
// the length, and a tag of 63 with the length less one in four bytes.)
func literal(made []byte) int {
	n := len(made) - bodyAt
	tag := made[bodyAt-literalTag:]
	tag[0] = 63 << 2
	binary.LittleEndian.PutUint32(tag[1:], uint32(n-1))
	at := bodyAt - literalTag - uvarintLen(n)
	binary.PutUvarint(made[at:], uint64(n))
	return at - metaSize
}

// widen returns the numbers of the first and the last event of a file, to which the frame
// comes as the last.
func (f *Frame) widen(first, last uint64) (uint64, uint64) {
	if f.Events == 0 {
		return first, last
	}
	if last == 0 {
		first = f.First
	}
	return first, f.First + uint64(f.Events) - 1
}

// Size returns how many bytes of the log the frame takes.
func (f *Frame) Size() int { return frameHeader + len(f.packed) + seal.Overhead }

// append appends the frame to dst, sealed as the number-th of a file of which
// durable bytes are known to be synced.
func (f *Frame) append(dst []byte, s *seal.Sealer, salt []byte, number, durable uint64) []byte {
	binary.BigEndian.PutUint64(f.packed, f.First)
	dst = slices.Grow(dst, f.Size()) // Seal alone grows to what it needs, and copies each time
	start := len(dst)
	dst = append(dst, frameMagic...)
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(f.packed)+seal.Overhead))
	dst = binary.BigEndian.AppendUint64(dst, number)
	dst = binary.BigEndian.AppendUint64(dst, durable)
	dst = binary.BigEndian.AppendUint32(dst, headerSum(dst[start:], salt))
	return s.Seal(dst, f.packed, dst[start:], number)
}

func headerSum(data, salt []byte) uint32 {
	return crc32.Update(crc32.Checksum(salt, castagnoli), castagnoli, data)
}

// A frameHead is what the header of a frame says.
type frameHead struct {
	length  int // of the sealed part
	number  uint64
	durable uint64
}

var errFrame = errors.New("no whole frame")

func decodeHead(data, salt []byte) (frameHead, error) {
	if len(data) < frameHeader || string(data[:4]) != frameMagic {
		return frameHead{}, fmt.Errorf("%w: it does not begin as one", errFrame)
	}
	if binary.BigEndian.Uint32(data[24:]) != headerSum(data[:24], salt) {
		return frameHead{}, fmt.Errorf("%w: wrong checksum", errFrame)
	}
	h := frameHead{
		length:  int(binary.BigEndian.Uint32(data[4:])),
		number:  binary.BigEndian.Uint64(data[8:]),
		durable: binary.BigEndian.Uint64(data[16:]),
	}
	if h.length < metaSize+seal.Overhead || h.length > maxSealed {
		return frameHead{}, fmt.Errorf("%w: length %d", errFrame, h.length)
	}
	return h, nil
}

// decodeFrame reads what is inside a frame. The error wraps errFrame, or ErrBody when
// the frame is whole but no Encoder made it.
func decodeFrame(plain []byte, shapes *Shapes) (*Frame, error) {
	if len(plain) < metaSize {
		return nil, fmt.Errorf("%w: %d bytes inside", errFrame, len(plain))
	}
	f := &Frame{
		First:  binary.BigEndian.Uint64(plain),
		Events: int(binary.BigEndian.Uint32(plain[8:])),
	}
	size := binary.BigEndian.Uint32(plain[12:])
	claimed, err := s2.DecodedLen(plain[metaSize:])
	if err != nil || claimed != int(size) || size > MaxBody {
		return nil, fmt.Errorf("%w: body of %d bytes, %d are said", errFrame, claimed, size)
	}
	body, err := s2.Decode(nil, plain[metaSize:])
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errFrame, err)
	}
	return f, f.decodeBody(bytesString(body), shapes)
}
