package history

import (
	"bytes"
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/llama-logs/llama/internal/fsys"
	"github.com/llama-logs/llama/internal/root"
)

// Read reads all records that are durable from the file, in order; data is what a
// record's hash is of, and do's until it returns. It compares them with what this
// process knows, and the head in its file, and returns the head. What differs is a
// *segment.CorruptError.
func (h *History) Read(do func(n int64, r *Record, data []byte) error) (Head, error) {
	return h.read(mark{length: headerSize}, do)
}

// read reads the records behind a mark.
func (h *History) read(from mark, do func(n int64, r *Record, data []byte) error) (Head, error) {
	h.mu.Lock()
	length, head := h.length, Head{h.tree.Size(), h.tree.Root()}
	f, err := h.disk.Open(recordsName)
	text, headErr := fsys.ReadFile(h.disk, headName, maxHead)
	same := bytes.Equal(text, h.head)
	h.mu.Unlock()
	if err != nil {
		return Head{}, missing(recordsName, err)
	}
	defer f.Close() // it was only read
	if headErr != nil {
		return Head{}, missing(headName, headErr)
	} else if !same {
		return Head{}, corrupt(headName, 0, errors.New("it is not the head that was signed last"))
	}
	tree, at := from.tree, from.length
	for at < length {
		records, end, err := h.frame(f, at, length, tree.Size())
		if errors.Is(err, errTorn) {
			return Head{}, corrupt(recordsName, at, err)
		} else if err != nil {
			return Head{}, err
		}
		for _, data := range records {
			r, err := Decode(data)
			if err != nil {
				return Head{}, corrupt(recordsName, at, err)
			}
			if err := do(tree.Size(), &r, data); err != nil {
				return Head{}, err
			}
			tree.Add(RecordHash(data))
		}
		at = end
	}
	if got := (Head{tree.Size(), tree.Root()}); got != head {
		return Head{}, corrupt(recordsName, at, fmt.Errorf("it has %d records that are not the %d written", got.Size, head.Size))
	}
	return head, nil
}

// A Proof shows that a record is in the history of a signed head. It is plain data,
// good to be sent as JSON.
type Proof struct {
	Record []byte           `json:"record"`
	Number int64            `json:"number"` // from 0
	Path   tlog.RecordProof `json:"path"`
	Head   string           `json:"head"` // signed
}

// Prove makes the proof of the first record of which fits says so.
func (h *History) Prove(fits func(*Record) bool) (*Proof, error) {
	if err := h.Flush(); err != nil {
		return nil, err
	}
	p := &Proof{Number: -1, Head: string(h.Head())}
	head, err := h.ParseHead([]byte(p.Head))
	if err != nil {
		return nil, err
	}
	var stored root.Stored
	_, err = h.Read(func(n int64, r *Record, data []byte) error {
		if n >= head.Size {
			return nil
		}
		if p.Number < 0 && fits(r) {
			p.Number, p.Record = n, bytes.Clone(data)
		}
		return stored.Add(RecordHash(data))
	})
	if err != nil {
		return nil, err
	}
	if p.Number < 0 {
		return nil, errors.New("the history has no such record")
	}
	p.Path, err = tlog.ProveRecord(stored.Size(), p.Number, &stored)
	return p, err
}

// Check returns the record, if the proof shows that it is in the history whose heads
// are signed by a key, as VerifierKey returns it.
func (p *Proof) Check(verifierKey string) (Record, error) {
	head, err := OpenHead([]byte(p.Head), verifierKey)
	if err != nil {
		return Record{}, err
	}
	if err := tlog.CheckRecord(p.Path, head.Size, head.Hash, p.Number, RecordHash(p.Record)); err != nil {
		return Record{}, fmt.Errorf("%w: %v", root.ErrProof, err)
	}
	return Decode(p.Record)
}
