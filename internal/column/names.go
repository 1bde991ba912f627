package column

import (
	"strings"
	"sync"
)

// Names numbers names from 0, so that what is known of one can be in a slice. It only
// grows, and may be used by many at once.
type Names struct {
	mu      sync.RWMutex
	numbers map[string]uint32
	list    []string
	bytes   int
}

// NewNames returns Names without any.
func NewNames() *Names { return &Names{numbers: map[string]uint32{}} }

// Number returns the number of a name, and the name in memory that stays.
func (n *Names) Number(name string) (uint32, string) {
	n.mu.RLock()
	number, ok := n.numbers[name]
	if ok {
		name = n.list[number]
	}
	n.mu.RUnlock()
	if ok {
		return number, name
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if number, ok = n.numbers[name]; ok {
		return number, n.list[number]
	}
	name = strings.Clone(name)
	number = uint32(len(n.list))
	n.numbers[name] = number
	n.list = append(n.list, name)
	n.bytes += len(name) + bytesOfName
	return number, name
}

// List returns the names by their numbers. It is not changed by those that come later.
func (n *Names) List() []string {
	n.mu.RLock()
	defer n.mu.RUnlock()
	return n.list[:len(n.list):len(n.list)]
}

// bytesOfName is about what a name takes beside its bytes.
const bytesOfName = 64

// Bytes returns about how much memory the names take.
func (n *Names) Bytes() int {
	n.mu.RLock()
	defer n.mu.RUnlock()
	return n.bytes
}
