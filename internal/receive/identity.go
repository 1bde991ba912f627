package receive

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/cespare/xxhash/v2"
)

// How a file is known again, by the position of what is put:
//
//	source   file:FOLDER#INODE.BIRTH   which file; a renamed one stays what it is
//	epoch    HASH-N                    which content: a hash of its first line, and
//	                                   how often a content that starts so was cut
//	places   byte offsets
//
// Inodes are used again when a file is removed, hence the time of birth, where
// the system has one. A file that is copied away and cut (logrotate's copytruncate)
// keeps its inode and mostly gets another first line; where it gets the same, a
// header perhaps, N tells the contents apart. The place is asked of the sink, so N
// is the highest that the sink has heard of. What cannot be told is a file that
// was cut while the process was down and has grown beyond its former length behind
// the same first line.

// A fileID is a file for as long as the process runs.
type fileID struct {
	device, inode uint64
	birth         int64
	path          string // only where there are no inodes
}

// source names the file for positions.
func (id fileID) source(path string) string {
	if id.path != "" {
		return "file:" + id.path
	}
	return fmt.Sprintf("file:%s#%d.%d", filepath.Dir(path), id.inode, id.birth)
}

// fingerprintBytes is how much of a first line counts.
const fingerprintBytes = 1024

// maxCuts bounds how many contents with the same first line are asked for.
const maxCuts = 64

// fingerprint returns a hash of the first line; false if it is not whole yet and
// may still become so.
func fingerprint(file *os.File, final bool) (string, bool, error) {
	head := make([]byte, fingerprintBytes)
	n, err := file.ReadAt(head, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return "", false, err
	}
	head = head[:n]
	if end := bytes.IndexByte(head, '\n'); end >= 0 {
		head = head[:end+1]
	} else if n == 0 || n < fingerprintBytes && !final {
		return "", false, nil
	}
	return fmt.Sprintf("%016x", xxhash.Sum64(head)), true, nil
}

// resume finds how often the content was cut before, and where to go on in it.
func resume(p Positions, source, hash string, size uint64, fresh bool) (cuts int, next uint64) {
	if p == nil {
		return 0, 0
	}
	for n := range maxCuts {
		if at := p.Next(source, epochOf(hash, n)); at > 0 {
			cuts, next = n, at
		}
	}
	if next > size || next > 0 && fresh {
		return cuts + 1, 0 // it was cut while nobody looked
	}
	return cuts, next
}

func epochOf(hash string, cuts int) string { return fmt.Sprintf("%s-%d", hash, cuts) }
