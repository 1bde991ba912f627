package wal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"path"

	"github.com/llama-logs/llama/internal/fsys"
	"github.com/llama-logs/llama/internal/seal"
	"github.com/llama-logs/llama/internal/segment"
)

// A Checkpoint is what must outlive the log's files.
type Checkpoint struct {
	Next      uint64 // the next arrival number
	Oldest    uint64 // the number of the oldest log file that is needed
	Positions []Position
}

// A Position is how far a source has come.
type Position struct {
	Source, Epoch string
	Last          uint64
	Used          uint64 // seconds since 1970
}

const (
	checkpointMagic   = "llamapos"
	checkpointContext = "positions"
	maxCheckpoint     = 256 << 20
)

var checkpointName = path.Join(Folder, "positions")

// Save replaces the checkpoint of an archive, durably and at once.
func (c *Checkpoint) Save(disk fsys.FS, key seal.Key) error {
	return fsys.Replace(disk, checkpointName, append([]byte(checkpointMagic),
		key.SealBlob(checkpointContext, c.append(nil), []byte(checkpointMagic))...))
}

// LoadCheckpoint returns the checkpoint, which any of keys may have sealed, or an empty
// one when there is none. A damaged one is a *segment.CorruptError.
func LoadCheckpoint(disk fsys.FS, keys ...seal.Key) (*Checkpoint, error) {
	data, err := fsys.ReadFile(disk, checkpointName, maxCheckpoint)
	if errors.Is(err, fs.ErrNotExist) {
		return &Checkpoint{}, nil
	} else if err != nil {
		return nil, err
	}
	if len(data) < len(checkpointMagic) || string(data[:len(checkpointMagic)]) != checkpointMagic {
		return nil, &segment.CorruptError{File: checkpointName, Err: errors.New("not a file of positions")}
	}
	plain, err := seal.Keys(keys).UnsealBlob(checkpointContext, data[len(checkpointMagic):], []byte(checkpointMagic))
	if err != nil {
		return nil, &segment.CorruptError{File: checkpointName, Offset: int64(len(checkpointMagic)), Err: err}
	}
	c, err := decodeCheckpoint(plain)
	if err != nil {
		return nil, &segment.CorruptError{File: checkpointName, Offset: int64(len(checkpointMagic)), Err: err}
	}
	return c, nil
}

func (c *Checkpoint) append(dst []byte) []byte {
	dst = binary.BigEndian.AppendUint64(dst, c.Next)
	dst = binary.BigEndian.AppendUint64(dst, c.Oldest)
	dst = binary.AppendUvarint(dst, uint64(len(c.Positions)))
	for _, p := range c.Positions {
		dst = appendString(dst, p.Source)
		dst = appendString(dst, p.Epoch)
		dst = binary.AppendUvarint(dst, p.Last)
		dst = binary.AppendUvarint(dst, p.Used)
	}
	return dst
}

func decodeCheckpoint(plain []byte) (*Checkpoint, error) {
	if len(plain) < 16 {
		return nil, fmt.Errorf("%d bytes are too few", len(plain))
	}
	c := &Checkpoint{Next: binary.BigEndian.Uint64(plain), Oldest: binary.BigEndian.Uint64(plain[8:])}
	r := &text{data: string(plain[16:])}
	n := r.uvarint()
	if n > uint64(len(r.data)/4) {
		return nil, fmt.Errorf("%d positions do not fit", n)
	}
	c.Positions = make([]Position, n)
	for i := range c.Positions {
		p := &c.Positions[i]
		p.Source, p.Epoch, p.Last, p.Used = r.string(), r.string(), r.uvarint(), r.uvarint()
	}
	if r.failed || len(r.data) > 0 {
		return nil, errors.New("wrong length")
	}
	return c, nil
}
