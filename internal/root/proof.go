package root

import (
	"crypto/sha256"
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
	Shape  []byte           `json:"shape"`  // collection, source, names and kinds; see docs/format.md
	Salt   []byte           `json:"salt"`   // of the event
	Event  []byte           `json:"event"`  // in canonical form
	Index  int              `json:"index"`  // among the root's events, from 0
	Rows   int              `json:"rows"`   // of the root
	Beside []tlog.Hash      `json:"beside"` // of the other events of its leaf
	Path   tlog.RecordProof `json:"path"`   // of the leaf
}

// Prove makes the proof of the event with number seq. Each calls do with the events
// of the root and no others, in order.
func Prove(collection string, r Root, seq uint64, each func(do func(*column.Row) error) error) (*Proof, error) {
	known := shapes{collection: collection}
	salts := saltCipher(r.Salt)
	p := &Proof{Index: -1}
	var leaves Stored
	var l leaf
	end := func() error {
		if p.Index >= 0 && p.Beside == nil {
			p.Beside = l.others(p.Index % run)
		}
		return leaves.Add(sha256.Sum256(l.end()))
	}
	var event []byte
	err := each(func(row *column.Row) error {
		var salt [SaltSize]byte
		binary.BigEndian.PutUint64(salt[8:], uint64(p.Rows))
		salts.Encrypt(salt[:], salt[:])
		s := known.of(row.Shape)
		event = appendEvent(event[:0], salt[:], row, s)
		if row.Seq == seq {
			p.Index, p.Salt = p.Rows, salt[:]
			p.Event = append([]byte(nil), event[1+SaltSize:]...)
			p.Shape = appendShape(nil, collection, row.Shape, s.order)
		}
		p.Rows++
		if l.put(sha256.Sum256(event)) {
			return end()
		}
		return nil
	})
	if err == nil && l.n > 0 {
		err = end()
	}
	if err != nil {
		return nil, err
	}
	if p.Index < 0 || p.Rows != r.Rows {
		return nil, fmt.Errorf("%w: event %d is not among the %d of the root", ErrProof, seq, p.Rows)
	}
	p.Path, err = tlog.ProveRecord(leaves.size, int64(p.Index/run), &leaves)
	return p, err
}

// others returns the hashes of all events but one, never nil.
func (l *leaf) others(but int) []tlog.Hash {
	others := []tlog.Hash{}
	for i := range l.n {
		if i != but {
			others = append(others, tlog.Hash(l.bytes[1+i*tlog.HashSize:][:tlog.HashSize]))
		}
	}
	return others
}

// Check returns the event, if the proof shows that it is one of those of the root
// with this hash. Its fields are in the order of their names.
func (p *Proof) Check(hash tlog.Hash) (e llama.Event, err error) {
	if len(p.Salt) != SaltSize || p.Index < 0 || p.Rows > column.MaxRows || p.Index >= p.Rows {
		return e, fmt.Errorf("%w: a salt of %d bytes, event %d of %d", ErrProof, len(p.Salt), p.Index, p.Rows)
	}
	number := p.Index / run
	if want := min(run, p.Rows-number*run) - 1; len(p.Beside) != want {
		return e, fmt.Errorf("%w: %d hashes of events beside it, not %d", ErrProof, len(p.Beside), want)
	}
	leaves := int64(p.Rows+run-1) / run
	if err := tlog.CheckRecord(p.Path, leaves, hash, int64(number), p.leaf()); err != nil {
		return e, fmt.Errorf("%w: %v", ErrProof, err)
	}
	return decode(p.Shape, p.Event)
}

// leaf returns the hash of the event's leaf, of which no more than run events are.
func (p *Proof) leaf() tlog.Hash {
	var l leaf
	event := append(append([]byte{eventMark}, p.Salt...), p.Event...)
	for i := range len(p.Beside) + 1 {
		switch at := p.Index % run; {
		case i == at:
			l.put(sha256.Sum256(event))
		case i < at:
			l.put(p.Beside[i])
		default:
			l.put(p.Beside[i-1])
		}
	}
	return sha256.Sum256(l.end())
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
