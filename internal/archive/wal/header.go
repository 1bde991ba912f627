package wal

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"path"
	"strconv"
	"strings"

	"github.com/llama-logs/llama/internal/seal"
)

const (
	// Folder is where the log's files are.
	Folder = "log"

	fileMagic    = "llamalog"
	headerBound  = 48 // what the key in the header is bound to
	keySealed    = 72
	headerSize   = headerBound + keySealed + 4
	framesOfFile = "log frames"
)

func fileName(number uint64) string { return path.Join(Folder, fmt.Sprintf("%020d.log", number)) }

// parseName returns the number of the log file called name.
func parseName(name string) (uint64, bool) {
	digits, ok := strings.CutSuffix(name, ".log")
	number, err := strconv.ParseUint(digits, 10, 64)
	return number, ok && len(digits) == 20 && err == nil && number > 0
}

// A header is the beginning of a file.
type header struct {
	number  uint64
	before  uint64 // number of the file before, 0 when there is none
	durable uint64 // length of the file before
	salt    [16]byte
	key     seal.Key
}

func (h *header) append(dst []byte, under seal.Key) []byte {
	start := len(dst)
	dst = append(dst, fileMagic...)
	dst = binary.BigEndian.AppendUint64(dst, h.number)
	dst = binary.BigEndian.AppendUint64(dst, h.before)
	dst = binary.BigEndian.AppendUint64(dst, h.durable)
	dst = append(dst, h.salt[:]...)
	dst = append(dst, under.SealKey(keyContext(dst[start:]), h.key)...)
	return binary.BigEndian.AppendUint32(dst, headerSum(dst[start:], nil))
}

func keyContext(bound []byte) string { return "log " + hex.EncodeToString(bound) }

var errHeader = errors.New("not the header of a log file")

func decodeHeader(data []byte, number uint64, under seal.Keys) (*header, error) {
	if len(data) < headerSize || string(data[:8]) != fileMagic {
		return nil, errHeader
	}
	if binary.BigEndian.Uint32(data[headerSize-4:]) != headerSum(data[:headerSize-4], nil) {
		return nil, fmt.Errorf("%w: wrong checksum", errHeader)
	}
	h := &header{
		number:  binary.BigEndian.Uint64(data[8:]),
		before:  binary.BigEndian.Uint64(data[16:]),
		durable: binary.BigEndian.Uint64(data[24:]),
	}
	copy(h.salt[:], data[32:])
	if h.number != number || h.before >= number {
		return nil, fmt.Errorf("%w: it is of file %d, after %d", errHeader, h.number, h.before)
	}
	var err error
	if h.key, err = under.UnsealKey(keyContext(data[:headerBound]), data[headerBound:headerBound+keySealed]); err != nil {
		return nil, fmt.Errorf("%w: its key: %w", errHeader, err)
	}
	return h, nil
}
