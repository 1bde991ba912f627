package archive

import (
	"container/list"
	"slices"
	"sync"

	"github.com/llama-logs/llama/internal/segment"
)

// directories keeps the directories of segments that were used last, as far as
// they fit into limit bytes; the one that is asked for always does.
type directories struct {
	limit int

	mu     sync.Mutex
	bytes  int
	byFile map[*stored]*list.Element
	newest *list.List // of directory, the one used last in front
}

type directory struct {
	of *stored
	d  *segment.Directory
}

func newDirectories(limit int) directories {
	return directories{limit: limit, byFile: map[*stored]*list.Element{}, newest: list.New()}
}

// of returns the directory of a segment. Two that ask at once may both read it.
func (c *directories) of(s *stored) (*segment.Directory, error) {
	if s.Segment == nil {
		return nil, s.damage
	}
	c.mu.Lock()
	if e, ok := c.byFile[s]; ok {
		c.newest.MoveToFront(e)
		c.mu.Unlock()
		return e.Value.(directory).d, nil
	}
	c.mu.Unlock()
	d, err := s.Directory()
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.byFile[s]; !ok {
		c.byFile[s] = c.newest.PushFront(directory{s, d})
		c.bytes += d.Size()
	}
	for c.bytes > c.limit && c.newest.Len() > 1 {
		c.remove(c.newest.Back())
	}
	return d, nil
}

// knows reports whether the directory of one of some segments is known.
func (c *directories) knows(some []*stored) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.ContainsFunc(some, func(s *stored) bool { return c.byFile[s] != nil })
}

// ahead has the system begin to read the directory of a segment, if it is not known.
func (c *directories) ahead(s *stored) {
	if s.Segment != nil && !c.knows([]*stored{s}) {
		s.AheadOfDirectory()
	}
}

// forget drops what is known of a segment that is no longer used.
func (c *directories) forget(s *stored) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e, ok := c.byFile[s]; ok {
		c.remove(e)
	}
}

func (c *directories) remove(e *list.Element) {
	old := c.newest.Remove(e).(directory)
	delete(c.byFile, old.of)
	c.bytes -= old.d.Size()
}
