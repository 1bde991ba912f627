package fsys

import (
	"maps"
	"math/rand/v2"
	"slices"
	"syscall"
)

// SyncDir makes the names in a folder durable: the changes that touch it, and
// the earlier ones that they build on.
func (m *Mem) SyncDir(name string) error {
	err := m.enter("sync", name)
	defer m.mu.Unlock()
	if err != nil {
		return err
	}
	dir := m.find(name)
	switch {
	case dir == nil:
		return fail("sync", name, syscall.ENOENT)
	case !dir.isDir():
		return fail("sync", name, syscall.ENOTDIR)
	}
	touched := places{}
	var done, rest []change
	for _, c := range slices.Backward(m.changes) {
		if c.touches(dir) || touched.has(c) {
			touched.add(c)
			done = append(done, c)
		} else {
			rest = append(rest, c)
		}
	}
	slices.Reverse(rest)
	for _, c := range slices.Backward(done) {
		c.keep()
	}
	m.changes = rest
	return nil
}

// touches reports whether the change is to names in dir.
func (c change) touches(dir *node) bool {
	return slices.ContainsFunc(c, func(e edit) bool { return e.dir == dir })
}

// keep makes the change durable.
func (c change) keep() {
	for _, e := range c {
		if e.node == nil {
			delete(e.dir.safe, e.name)
		} else {
			e.dir.safe[e.name] = e.node
		}
	}
}

// place is a name in a folder.
type place struct {
	dir  *node
	name string
}

// places is the names that some changes are about.
type places map[place]bool

func (p places) add(c change) {
	for _, e := range c {
		p[place{e.dir, e.name}] = true
	}
}

func (p places) has(c change) bool {
	return slices.ContainsFunc(c, func(e edit) bool { return p[place{e.dir, e.name}] })
}

// Crash cuts the power: m and all its files fail from here on, and what is
// returned is the disk as it is found when power is back, with no lock held.
//
// What was synced is there. Of the rest seed chooses: each change of names has
// happened or not, but none without those it builds on, and never a rename by
// half; each write is there, or its first part, or nothing, zeros standing in
// before a later one that is there. Some seeds lose all that may be lost,
// some nothing.
func (m *Mem) Crash(seed uint64) *Mem {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.dead = true
	rng := rand.New(rand.NewPCG(seed, 0))
	luck := pickLuck(rng)
	lost := places{}
	for _, c := range m.changes {
		if lost.has(c) || !luck.keeps(rng) {
			lost.add(c)
		} else {
			c.keep()
		}
	}
	luck = pickLuck(rng)
	return m.reborn(m.root.survive(func(c *content) []byte { return c.crash(rng, luck) }))
}

// Kill ends the process and not the machine: m and all its files fail from here
// on, and what is returned holds everything that was written, with no lock held.
// Nothing of it becomes durable by that.
func (m *Mem) Kill() *Mem {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.dead = true
	next := m.reborn(m.root)
	next.changes = m.changes
	return next
}

// reborn returns a file system over root, on the disk of m.
func (m *Mem) reborn(root *node) *Mem {
	return &Mem{root: root, locks: map[string]*memLock{}, used: root.bytes(), limit: m.limit}
}

// luck is the share of unsynced changes that survive.
type luck float64

func pickLuck(rng *rand.Rand) luck {
	switch rng.IntN(4) {
	case 0:
		return 0
	case 1:
		return 1
	}
	return luck(rng.Float64())
}

func (l luck) keeps(rng *rand.Rand) bool { return rng.Float64() < float64(l) }

// survive returns the durable tree under n, each file as fn leaves it.
func (n *node) survive(fn func(*content) []byte) *node {
	if !n.isDir() {
		data := fn(&n.file)
		return &node{file: content{live: data, safe: slices.Clone(data)}, changed: n.changed}
	}
	dir := newDir()
	dir.changed = n.changed
	for _, name := range slices.Sorted(maps.Keys(n.safe)) { // sorted: a seed says all
		child := n.safe[name].survive(fn)
		dir.names[name], dir.safe[name] = child, child
	}
	return dir
}

// bytes is the size of all files under n.
func (n *node) bytes() int64 {
	sum := int64(len(n.file.live))
	for _, child := range n.names {
		sum += child.bytes()
	}
	return sum
}

// crash returns what a power cut leaves of a file.
func (c *content) crash(rng *rand.Rand, luck luck) []byte {
	buf := slices.Clone(c.safe)
	for _, w := range c.writes {
		switch {
		case w.state == kept || luck.keeps(rng):
			buf = w.apply(buf)
		case luck > 0 && len(w.data) > 0 && rng.IntN(2) == 0: // torn
			w.data = w.data[:rng.IntN(len(w.data))]
			buf = w.apply(buf)
		}
	}
	return buf
}
