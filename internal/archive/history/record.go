package history

import (
	"encoding/binary"
	"errors"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/llama-logs/llama"
)

// A Kind says what a record is about.
type Kind byte

const (
	Sealed    Kind = 1 + iota // events were sealed into a segment, under a root
	Expired                   // events were removed by retention
	Destroyed                 // a day was destroyed
	Begun                     // the history before was set aside; Rows events are in no record of this one
)

func (k Kind) String() string {
	switch k {
	case Sealed:
		return "sealed"
	case Expired:
		return "expired"
	case Destroyed:
		return "destroyed"
	case Begun:
		return "begun"
	}
	return "unknown"
}

// A Part is a collection on a day of arrival, since 1970.
type Part struct {
	Collection string
	Day        int64
}

// A Record says what became of events of a part: those with numbers from First to
// Last, as far as they are the part's.
type Record struct {
	Kind Kind
	At   llama.Time // when it was recorded
	Part
	First, Last uint64
	Rows        uint64    // events
	Root        tlog.Hash // of Sealed
	Reason      string    // of the others, for people

	salt [saltSize]byte // so that the record's hash tells nothing of it
}

// Covers reports whether r is about all that other is about.
func (r *Record) Covers(other *Record) bool {
	return r.Part == other.Part && r.First <= other.First && other.Last <= r.Last
}

func (r *Record) append(dst []byte) []byte {
	dst = append(append(dst, byte(r.Kind)), r.salt[:]...)
	dst = binary.BigEndian.AppendUint64(dst, uint64(r.At))
	dst = appendString(dst, r.Collection)
	dst = binary.AppendVarint(dst, r.Day)
	dst = binary.AppendUvarint(dst, r.First)
	dst = binary.AppendUvarint(dst, r.Last-r.First)
	dst = binary.AppendUvarint(dst, r.Rows)
	if r.Kind == Sealed {
		return append(dst, r.Root[:]...)
	}
	return appendString(dst, r.Reason)
}

func appendString(dst []byte, s string) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(s)))
	return append(dst, s...)
}

var errRecord = errors.New("not a record of a history")

// Decode reads a record. Its strings are its own.
func Decode(data []byte) (r Record, err error) {
	d := decoder{data: data}
	r.Kind = Kind(d.bytes(1)[0])
	copy(r.salt[:], d.bytes(saltSize))
	r.At = llama.Time(binary.BigEndian.Uint64(d.bytes(8)))
	r.Collection = string(d.bytes(d.length()))
	day, n := binary.Varint(d.data)
	d.skip(n)
	r.Day = day
	r.First = d.uvarint()
	r.Last = r.First + d.uvarint()
	r.Rows = d.uvarint()
	switch r.Kind {
	case Sealed:
		copy(r.Root[:], d.bytes(tlog.HashSize))
	case Expired, Destroyed, Begun:
		r.Reason = string(d.bytes(d.length()))
	default:
		return Record{}, errRecord
	}
	if d.failed || len(d.data) > 0 || r.Last < r.First {
		return Record{}, errRecord
	}
	return r, nil
}

// A decoder takes bytes apart. After the first mistake it only gives zeros.
type decoder struct {
	data   []byte
	failed bool
}

var zeros [tlog.HashSize]byte

// bytes reads n bytes, no more than zeros has if n is constant.
func (d *decoder) bytes(n int) []byte {
	if d.failed || n > len(d.data) {
		d.data, d.failed = nil, true
		return zeros[:min(n, len(zeros))]
	}
	b := d.data[:n]
	d.data = d.data[n:]
	return b
}

func (d *decoder) uvarint() uint64 {
	v, n := binary.Uvarint(d.data)
	d.skip(n)
	return v
}

// skip passes over a number of n bytes, which there is none of if n is not positive.
func (d *decoder) skip(n int) {
	if n <= 0 {
		d.data, d.failed = nil, true
		return
	}
	d.data = d.data[n:]
}

// length reads the length of what follows.
func (d *decoder) length() int {
	n := d.uvarint()
	if n > uint64(len(d.data)) {
		d.data, d.failed = nil, true
		return 0
	}
	return int(n)
}
