package root

import (
	"encoding/binary"
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/column"
)

// ErrProof says that a proof does not show what it should.
var ErrProof = errors.New("the proof does not hold")

// A Proof shows that an event is one of those that a root vouches for. It has the
// event, but nothing of its neighbours. It is plain data, good to be sent as JSON.
type Proof struct {
	Shape []byte           `json:"shape"` // collection, source, names and kinds; see docs/format.md
	Salt  []byte           `json:"salt"`  // of the leaf
	Event []byte           `json:"event"` // in canonical form
	Index int              `json:"index"` // among the root's events, from 0
	Rows  int              `json:"rows"`  // of the root
	Path  tlog.RecordProof `json:"path"`
}

// Prove makes the proof of the event with number seq. Each calls do with the events
// of the root and no others, in order.
func Prove(collection string, r Root, seq uint64, each func(do func(*column.Row) error) error) (*Proof, error) {
	known := shapes{collection: collection}
	salts := leafCipher(r.Salt)
	p := &Proof{Index: -1, Rows: r.Rows}
	var hashes Stored
	var leaf []byte
	err := each(func(row *column.Row) error {
		var salt [SaltSize]byte
		binary.BigEndian.PutUint64(salt[8:], uint64(hashes.size))
		salts.Encrypt(salt[:], salt[:])
		s := known.of(row.Shape)
		leaf = appendLeaf(leaf[:0], salt[:], row, s)
		if row.Seq == seq {
			p.Index, p.Salt = int(hashes.size), salt[:]
			p.Event = append([]byte(nil), leaf[1+SaltSize:]...)
			p.Shape = appendShape(nil, collection, row.Shape, s.order)
		}
		return hashes.Add(leafHash(leaf))
	})
	if err != nil {
		return nil, err
	}
	if p.Index < 0 || hashes.size != int64(r.Rows) {
		return nil, fmt.Errorf("%w: event %d is not among the %d of the root", ErrProof, seq, hashes.size)
	}
	p.Path, err = tlog.ProveRecord(hashes.size, int64(p.Index), &hashes)
	return p, err
}

// Check returns the event, if the proof shows that it is one of those of the root
// with this hash. Its fields are in the order of their names.
func (p *Proof) Check(hash tlog.Hash) (e llama.Event, err error) {
	if len(p.Salt) != SaltSize || p.Index < 0 || p.Rows > column.MaxRows || p.Index >= p.Rows {
		return e, fmt.Errorf("%w: a salt of %d bytes, event %d of %d", ErrProof, len(p.Salt), p.Index, p.Rows)
	}
	leaf := append(append([]byte{0}, p.Salt...), p.Event...)
	if err := tlog.CheckRecord(p.Path, int64(p.Rows), hash, int64(p.Index), leafHash(leaf)); err != nil {
		return e, fmt.Errorf("%w: %v", ErrProof, err)
	}
	return decode(p.Shape, p.Event)
}

// Stored keeps the hashes of a tree that proofs are made of. Its zero value is the
// empty tree.
type Stored struct {
	size   int64
	hashes []tlog.Hash
}

// Add adds a leaf.
func (s *Stored) Add(leaf tlog.Hash) error {
	hashes, err := tlog.StoredHashesForRecordHash(s.size, leaf, s)
	if err != nil {
		return err
	}
	s.hashes = append(s.hashes, hashes...)
	s.size++
	return nil
}

// Size returns the number of leaves.
func (s *Stored) Size() int64 { return s.size }

// ReadHashes returns hashes by their tlog.StoredHashIndex.
func (s *Stored) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	hashes := make([]tlog.Hash, len(indexes))
	for i, n := range indexes {
		if n < 0 || n >= int64(len(s.hashes)) {
			return nil, fmt.Errorf("hash %d of %d", n, len(s.hashes))
		}
		hashes[i] = s.hashes[n]
	}
	return hashes, nil
}
