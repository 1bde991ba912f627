package archive

import (
	"path"
	"sync/atomic"
	"time"

	"github.com/llama-logs/llama/internal/column"
	"github.com/llama-logs/llama/internal/segment"
)

const (
	segmentsFolder = "segments"
	collectionRule = "1 to 64 characters a-z, 0-9, _, . and -, the first none of . and -"
	dayLayout      = "2006-01-02"
	nanosOfDay     = int64(day)
)

// ValidCollection reports whether name can be the name of a collection. Names are
// folders on disk and are shown in keys' ids, so they are short and plain.
func ValidCollection(name string) bool {
	if len(name) == 0 || len(name) > 64 || name[0] == '.' || name[0] == '-' {
		return false
	}
	for i := range len(name) {
		c := name[i]
		if !('a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '_' || c == '.' || c == '-') {
			return false
		}
	}
	return true
}

// A partKey names a part: a collection and a day of arrival.
type partKey struct {
	collection string
	day        int64 // since 1970
}

func (k partKey) dayName() string {
	return time.Unix(k.day*int64(day/time.Second), 0).UTC().Format(dayLayout)
}

// folder returns where the part's segments are.
func (k partKey) folder() string { return path.Join(segmentsFolder, k.collection, k.dayName()) }

// keyID returns the id of the part's key.
func (k partKey) keyID() string { return keyPrefix + k.collection + "/" + k.dayName() }

const keyPrefix = "collection/"

// parseDay reads the name of a day's folder.
func parseDay(name string) (int64, bool) {
	t, err := time.Parse(dayLayout, name)
	return t.Unix() / int64(day/time.Second), err == nil && t.Format(dayLayout) == name
}

// A part is one collection on one day of arrival. Archive.mu guards it.
//
// Invariant: all events of the part up to sealed are in segments, all later ones
// in head, and both are in the order of arrival.
type part struct {
	partKey
	segments []*stored // never changed in place: snapshots hold it
	head     []*headBlock
	sealed   uint64   // the highest arrival number in segments
	failed   []string // files of segments that failed at their end and may be there; never changed in place

	destroyed atomic.Bool // by Destroy: who still holds the part gets errors

	asked atomic.Pointer[column.Asked] // of the newest view
}

// A stored is a segment of a part.
type stored struct {
	segment.Name
	*segment.Segment       // nil when it cannot be opened
	damage           error // why
	path             string
	left             bool   // merging it has failed; it stays as it is
	recorded         bool   // that it expires is in the history, or waits to be
	answerless       bool   // no answers are kept of it any more; the mutex of answers guards this
	held             holder // of what was decoded of it
}

// size returns its bytes on disk, as far as it can be told.
func (s *stored) size() int64 {
	if s.Segment == nil {
		return 0
	}
	return s.Bytes
}

// rows returns how many events wait to be sealed.
func (p *part) rows() (n int) {
	for _, b := range p.head {
		n += b.stat.Rows
	}
	return n
}

// size returns how much memory they take.
func (p *part) size() (n int) {
	for _, b := range p.head {
		n += b.size()
	}
	return n
}

// begunUpTo returns how many blocks of the head begin with an event up to seq.
func (p *part) begunUpTo(seq uint64) (n int) {
	for n < len(p.head) && p.head[n].stat.FirstSeq <= seq {
		n++
	}
	return n
}

// firstUnsealed returns the arrival number of the oldest event that is not in a
// segment, of a part with a head.
func (p *part) firstUnsealed() uint64 { return p.head[0].stat.FirstSeq }
