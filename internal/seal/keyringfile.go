package seal

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"maps"
	"math"
	"slices"
)

const (
	magic       = "LLAMAKEY"
	version     = 3
	idSize      = 16
	rootContext = "keyring root"
	bodyContext = "keyring body"

	versionUnnamed = 1 // slots have no names
	versionWhole   = 2 // there are no pages

	maxKeyID   = 1024
	maxKeyring = 64 << 20 // bytes; some 500,000 keys, and pages
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// ring is a keyring file, opened as far as no key is needed. The package comment
// has its diagram.
type ring struct {
	id    []byte
	slots []slot
	head  []byte // all before the body
	body  []byte
}

// errDamaged continues a sentence that names the file.
var errDamaged = errors.New("is damaged")

// decodeRing takes a keyring file apart. What it returns shares memory with data.
func decodeRing(data []byte) (ring, error) {
	var r ring
	if len(data) < len(magic)+1 || string(data[:len(magic)]) != magic {
		return r, errors.New("is not a keyring, or is damaged")
	}
	v := data[len(magic)]
	if v < versionUnnamed || v > version {
		return r, fmt.Errorf("is of version %d, or is damaged; this program knows version %d", v, version)
	}
	rest := len(data) - crc32.Size
	if crc32.Checksum(data[:max(rest, 0)], castagnoli) != lastUint32(data) {
		return r, errDamaged
	}
	in := input{data[len(magic)+1 : rest], true}
	r.id = in.take(idSize)
	for n := range in.take(1)[0] {
		s := slot{name: fmt.Sprintf("slot-%d", n+1)}
		if v != versionUnnamed {
			s.name = string(in.take(int(in.take(1)[0])))
		}
		s.wrapped = in.take(int(binary.BigEndian.Uint16(in.take(2))))
		if !in.ok || !ValidSlot(s.name) || len(s.wrapped) == 0 || find(r.slots, s.name) >= 0 {
			return r, errDamaged
		}
		r.slots = append(r.slots, s)
	}
	r.head = data[:rest-len(in.rest)]
	r.body = in.take(int(binary.BigEndian.Uint32(in.take(4))))
	if !in.ok || len(in.rest) > 0 || len(r.slots) == 0 {
		return r, errDamaged
	}
	return r, nil
}

func lastUint32(data []byte) uint32 {
	if len(data) < 4 {
		return 0
	}
	return binary.BigEndian.Uint32(data[len(data)-4:])
}

// encodeRing puts a keyring file together.
func encodeRing(id []byte, slots []slot, root Key, keys map[string]Key) ([]byte, error) {
	head := append([]byte(magic), version)
	head = append(head, id...)
	if len(slots) > math.MaxUint8 {
		return nil, fmt.Errorf("%d slots, %d are allowed", len(slots), math.MaxUint8)
	}
	head = append(head, byte(len(slots)))
	for _, s := range slots {
		if len(s.wrapped) > math.MaxUint16 {
			return nil, fmt.Errorf("slot %s has %d bytes, %d are allowed", s.name, len(s.wrapped), math.MaxUint16)
		}
		head = append(append(head, byte(len(s.name))), s.name...)
		head = binary.BigEndian.AppendUint16(head, uint16(len(s.wrapped)))
		head = append(head, s.wrapped...)
	}
	plain := encodeKeys(keys)
	defer clear(plain)
	body := root.SealBlob(bodyContext, plain, head)
	data := binary.BigEndian.AppendUint32(head, uint32(len(body)))
	data = append(data, body...)
	data = binary.BigEndian.AppendUint32(data, crc32.Checksum(data, castagnoli))
	if len(data) > maxKeyring {
		return nil, fmt.Errorf("%d keys take %d bytes, %d are allowed", len(keys), len(data), maxKeyring)
	}
	return data, nil
}

func encodeKeys(keys map[string]Key) []byte {
	size := 4
	for id := range keys {
		size += 2 + len(id) + keySize
	}
	b := make([]byte, 0, size) // enough, so that growing leaves no copies of keys behind
	b = binary.BigEndian.AppendUint32(b, uint32(len(keys)))
	for _, id := range slices.Sorted(maps.Keys(keys)) {
		b = binary.BigEndian.AppendUint16(b, uint16(len(id)))
		b = keys[id].append(append(b, id...))
	}
	return b
}

// decodeKeys is the reverse of encodeKeys, and takes nothing but its form.
func decodeKeys(b []byte) (map[string]Key, error) {
	in := input{b, true}
	count := int(binary.BigEndian.Uint32(in.take(4)))
	if count > len(b)/(2+keySize) {
		return nil, errDamaged
	}
	keys := make(map[string]Key, count)
	secrets := make([]secret, count) // together, so that there is less to collect
	var last []byte
	for i := range count {
		id := in.take(int(binary.BigEndian.Uint16(in.take(2))))
		key := in.take(keySize)
		if !in.ok || i > 0 && bytes.Compare(id, last) <= 0 {
			return nil, errDamaged
		}
		last = id
		copy(secrets[i].bytes[:], key)
		keys[string(id)] = Key{&secrets[i]}
	}
	if !in.ok || len(in.rest) > 0 {
		return nil, errDamaged
	}
	return keys, nil
}

// input is bytes to be read. Where they end early it gives zeros and is not ok.
type input struct {
	rest []byte
	ok   bool
}

// zeros is what take gives for the fixed parts of a file that is too short.
var zeros [keySize]byte

func (in *input) take(n int) []byte {
	if n > len(in.rest) {
		in.ok, in.rest = false, nil
		return zeros[:min(n, len(zeros))]
	}
	b := in.rest[:n:n]
	in.rest = in.rest[n:]
	return b
}
