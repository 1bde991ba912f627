package history

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"

	"github.com/llama-logs/llama/internal/fsys"
	"github.com/llama-logs/llama/internal/seal"
)

const (
	magic      = "llamahis"
	saltSize   = 16
	headerSize = 8 + saltSize + 4
	context    = "history"

	maxFrame = 16 << 20 // bytes, sealed
	// maxTogether bounds the bytes of records that are put into one frame, if it is
	// more than one record.
	maxTogether = 1 << 20
)

// errTorn says that a frame is not whole: a write was torn, or it was damaged.
var errTorn = errors.New("damaged, or only a part of it is there")

// ad returns the associated data of a frame whose first record has a number.
func (h *History) ad(first int64) []byte {
	return binary.BigEndian.AppendUint64(append(make([]byte, 0, saltSize+8), h.salt[:]...), uint64(first))
}

// frames seals records, of which the first has a number.
func (h *History) frames(records [][]byte, first int64) (dst []byte) {
	for len(records) > 0 {
		n, size := 0, 0
		for n < len(records) && (n == 0 || size+len(records[n]) <= maxTogether) {
			size += len(records[n])
			n++
		}
		plain := binary.AppendUvarint(nil, uint64(n))
		for _, r := range records[:n] {
			plain = appendString(plain, string(r))
		}
		dst = binary.BigEndian.AppendUint32(dst, uint32(len(plain)+seal.BlobOverhead))
		dst = append(dst, h.key.SealBlob(context, plain, h.ad(first))...)
		records, first = records[n:], first+int64(n)
	}
	return dst
}

// frame reads the frame at an offset, and returns its records and where it ends.
func (h *History) frame(f io.ReaderAt, at, size, first int64) (records [][]byte, end int64, err error) {
	var length [4]byte
	if err := readAt(f, length[:], at, size); err != nil {
		return nil, 0, err
	}
	n := binary.BigEndian.Uint32(length[:])
	if n > maxFrame || at+4+int64(n) > size {
		return nil, 0, errTorn
	}
	blob := make([]byte, n)
	if err := readAt(f, blob, at+4, size); err != nil {
		return nil, 0, err
	}
	plain, err := h.key.UnsealBlob(context, blob, h.ad(first))
	if err != nil {
		return nil, 0, errTorn
	}
	d := decoder{data: plain}
	for range d.length() {
		records = append(records, d.bytes(d.length()))
	}
	if d.failed || len(d.data) > 0 || len(records) == 0 {
		return nil, 0, errTorn
	}
	return records, at + 4 + int64(n), nil
}

// readAt fills data from within the first size bytes of a file.
func readAt(f io.ReaderAt, data []byte, at, size int64) error {
	if at+int64(len(data)) > size {
		return errTorn
	}
	if n, err := f.ReadAt(data, at); n < len(data) {
		if err == io.EOF {
			return errTorn
		}
		return err
	}
	return nil
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// appendHeader appends the header of a file. Its checksum is for who has to say which
// of two files is damaged, as the salt is in heads too.
func appendHeader(dst []byte, salt [saltSize]byte) []byte {
	start := len(dst)
	dst = append(append(dst, magic...), salt[:]...)
	return binary.BigEndian.AppendUint32(dst, crc32.Checksum(dst[start:], castagnoli))
}

// readHeader reads the header, whose salt makes the history's name.
func (h *History) readHeader(f fsys.File, size int64) error {
	var data [headerSize]byte
	if err := readAt(f, data[:], 0, size); err != nil {
		return err
	}
	copy(h.salt[:], data[len(magic):])
	if !bytes.Equal(appendHeader(nil, h.salt), data[:]) {
		return errors.New("not a history, or its header is damaged")
	}
	return nil
}
