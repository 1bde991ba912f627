package task

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sync"

	"github.com/klauspost/compress/zstd"

	"github.com/llama-logs/llama"
)

// Rows are written as: the number of names, the names; then for each row the
// number of its fields, and for each field the number of its name, its kind, its
// value. Numbers are uvarints, texts have their length before them. The whole is
// compressed with zstd.

// maxRowsBytes bounds rows that are read, once they are no longer compressed.
const maxRowsBytes = 16 << 20

var errRows = errors.New("damaged rows")

// encodeRows returns rows as they are kept and travel.
func encodeRows(rows []Row) []byte {
	names, numbers, size := namesOf(rows)
	plain := binary.AppendUvarint(make([]byte, 0, size), uint64(len(names)))
	for _, name := range names {
		plain = appendText(plain, name)
	}
	plain = binary.AppendUvarint(plain, uint64(len(rows)))
	for _, row := range rows {
		plain = binary.AppendUvarint(plain, uint64(len(row)))
		for i, f := range row {
			plain = append(binary.AppendUvarint(plain, uint64(numbers[i])), byte(f.Kind))
			plain = appendText(plain, f.Value)
		}
		numbers = numbers[len(row):]
	}
	return compress(plain)
}

// namesOf returns the names of the fields of rows, in the order in which they come, the
// number of each field's name, one after the other, and about how many bytes all takes.
func namesOf(rows []Row) (names []string, numbers []uint32, size int) {
	known := map[string]uint32{}
	var before []uint32 // of the row before, which mostly has the same names
	for _, row := range rows {
		begin := len(numbers)
		for i, f := range row {
			size += len(f.Value) + 6
			if i < len(before) && names[before[i]] == f.Name {
				numbers = append(numbers, before[i])
				continue
			}
			n, ok := known[f.Name]
			if !ok {
				n = uint32(len(names))
				known[f.Name], names = n, append(names, f.Name)
				size += len(f.Name) + 2
			}
			numbers = append(numbers, n)
		}
		before = numbers[begin:]
	}
	return names, numbers, size + 3*len(rows) + 16
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// decodeRows returns what encodeRows wrote. The rows share one buffer.
func decodeRows(data []byte) ([]Row, error) {
	plain, err := decompress(data, maxRowsBytes)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errRows, err)
	}
	in := reader{rest: string(plain)}
	names := make([]string, in.count(1))
	for i := range names {
		names[i] = in.text()
	}
	rows := make([]Row, in.count(1))
	for i := range rows {
		rows[i] = make(Row, in.count(3))
		for j := range rows[i] {
			rows[i][j] = in.field(names)
		}
	}
	if in.bad || in.rest != "" {
		return nil, errRows
	}
	return rows, nil
}

// A reader takes numbers and texts from what others wrote. Once something is
// wrong it returns zeros.
type reader struct {
	rest string
	bad  bool
}

func (r *reader) uint() uint64 {
	var n uint64
	for shift := 0; shift < 64; shift += 7 {
		if r.rest == "" {
			break
		}
		b := r.rest[0]
		r.rest = r.rest[1:]
		n |= uint64(b&0x7f) << shift
		if b < 0x80 {
			return n
		}
	}
	r.bad, r.rest = true, ""
	return 0
}

// count returns a number of things that take at least size bytes each.
func (r *reader) count(size int) int {
	n := r.uint()
	if n > uint64(len(r.rest)/size) {
		r.bad, r.rest = true, ""
		return 0
	}
	return int(n)
}

func (r *reader) text() string {
	n := r.count(1)
	s := r.rest[:n]
	r.rest = r.rest[n:]
	return s
}

func (r *reader) field(names []string) llama.Field {
	n := r.uint()
	if r.bad || n >= uint64(len(names)) || r.rest == "" || llama.Kind(r.rest[0]) > llama.Object {
		r.bad, r.rest = true, ""
		return llama.Field{}
	}
	kind := llama.Kind(r.rest[0])
	r.rest = r.rest[1:]
	return llama.Field{Name: names[n], Kind: kind, Value: r.text()}
}

// encoders and decoders are reused: each holds buffers of some hundred KiB.
var (
	encoders = sync.Pool{New: func() any {
		e, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(1<<20))
		if err != nil {
			panic("task: " + err.Error()) // the options are constants
		}
		return e
	}}
	decoders = sync.Pool{New: func() any {
		d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxRowsBytes))
		if err != nil {
			panic("task: " + err.Error())
		}
		return d
	}}
)

func compress(plain []byte) []byte {
	return compressTo(make([]byte, 0, len(plain)/3+64), plain)
}

// compressTo appends plain to dst, compressed.
func compressTo(dst, plain []byte) []byte {
	e := encoders.Get().(*zstd.Encoder)
	defer encoders.Put(e)
	return e.EncodeAll(plain, dst)
}

func decompress(data []byte, maxBytes int) ([]byte, error) {
	d := decoders.Get().(*zstd.Decoder)
	defer decoders.Put(d)
	plain, err := d.DecodeAll(data, nil)
	if err == nil && len(plain) > maxBytes {
		err = fmt.Errorf("more than %d bytes", maxBytes)
	}
	return plain, err
}
