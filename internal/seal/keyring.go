package seal

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"maps"
	"path"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/llama-logs/llama/internal/fsys"
)

// ErrWrongKey says that a keyring does not open with a master key.
var ErrWrongKey = errors.New("wrong master key")

// A Keyring keeps named keys in a file that a master key opens, and in pages beside
// it; see page. All its methods may be called by many at once; two Keyrings may not use
// one file at a time, so the folder's lock should be held.
//
// Invariant: a key that was returned is in the files; a key that was destroyed is not,
// and no other key in them opens a copy of a file that has it.
type Keyring struct {
	disk fsys.FS
	name string
	has  atomic.Pointer[contents]
	// unsure: replacing the file failed, so that it may lack keys which are in memory.
	unsure atomic.Bool

	mu     sync.Mutex // held by whoever replaces files
	id     []byte
	slots  []slot
	root   Key
	stale  bool // there may be pages that are not of the keyring
	closed bool
}

// contents are the keys of a keyring. They are never changed, only replaced.
type contents struct {
	keys  map[string]Key   // in the file, with those that open pages
	pages map[string]*page // by name
}

func (c *contents) find(id string) (Key, bool) {
	if key, ok := c.keys[id]; ok {
		return key, ok
	}
	if p := c.pages[pageOf(id)]; p != nil {
		key, ok := p.keys[id]
		return key, ok
	}
	return Key{}, false
}

// clone returns contents that can be changed, but for the keys of pages.
func (c *contents) clone() *contents {
	return &contents{maps.Clone(c.keys), maps.Clone(c.pages)}
}

// OpenKeyring opens the keyring in the file called name, or makes one when there
// is none; a caller that has sealed things already should look first, as a new
// keyring opens none of them. The error is ErrWrongKey when m opens none of
// the file's slots, and names both.
func OpenKeyring(disk fsys.FS, name string, m Master) (*Keyring, error) {
	k := &Keyring{disk: disk, name: name}
	data, err := fsys.ReadFile(disk, name, maxKeyring)
	if errors.Is(err, fs.ErrNotExist) {
		err = k.create(m)
	} else if err != nil {
		err = fmt.Errorf("open the keyring %s: %w", name, err)
	} else if err = k.decode(data, m); err == nil {
		// A process that was killed may have renamed the file and not synced its
		// folder: then keys are seen here that a power cut would still take.
		if err = disk.SyncDir(path.Dir(name)); err == nil {
			err = k.openPages()
		}
	}
	if err != nil {
		return nil, err
	}
	return k, nil
}

// create makes a new file.
func (k *Keyring) create(m Master) error {
	k.id = make([]byte, idSize)
	rand.Read(k.id) // never fails
	k.root = NewKey()
	first, err := k.wrap(m.Kind().slotName(), k.root, m)
	if err == nil {
		k.slots = []slot{first}
		err = k.save(&contents{map[string]Key{}, map[string]*page{}})
	}
	if err != nil {
		return fmt.Errorf("create the keyring %s: %w", k.name, err)
	}
	return nil
}

// decode opens a file's content.
func (k *Keyring) decode(data []byte, m Master) error {
	r, err := decodeRing(data)
	if err != nil {
		return fmt.Errorf("the keyring %s %w", k.name, err)
	}
	k.id, k.slots = r.id, r.slots
	if k.root, err = k.unwrap(m); err != nil {
		return err
	}
	plain, err := k.root.UnsealBlob(bodyContext, r.body, r.head)
	if err != nil {
		return fmt.Errorf("the keyring %s %w", k.name, errDamaged)
	}
	defer clear(plain)
	keys, err := decodeKeys(plain)
	if err != nil {
		return fmt.Errorf("the keyring %s %w", k.name, err)
	}
	k.has.Store(&contents{keys, map[string]*page{}})
	return nil
}

// save replaces the file and then what callers see, and removes pages that are no longer
// of the keyring. The caller holds mu.
func (k *Keyring) save(c *contents) error {
	if k.closed {
		return fs.ErrClosed
	}
	data, err := encodeRing(k.id, k.slots, k.root, c.keys)
	if err != nil {
		return err
	}
	if err := fsys.Replace(k.disk, k.name, data); err != nil {
		k.unsure.Store(true)
		return err
	}
	k.unsure.Store(false)
	k.has.Store(c)
	k.sweep()
	return nil
}

// Key returns the key called id, and makes it when there is none: it is durable
// when Key returns. Asking for a key that exists waits for nobody. An id has 1 to
// 1024 bytes.
func (k *Keyring) Key(id string) (Key, error) {
	if key, ok := k.Find(id); ok && !k.unsure.Load() {
		return key, nil
	}
	if err := k.Make(id); err != nil {
		return Key{}, err
	}
	key, ok := k.Find(id)
	if !ok {
		return Key{}, fmt.Errorf("keyring %s: key %q: %w", k.name, id, ErrDestroyed) // by another, just now
	}
	return key, nil
}

// Make makes those of the keys called ids that there are not. Each file is written once
// for all of them: one by one ten thousand would take minutes.
func (k *Keyring) Make(ids ...string) error {
	for _, id := range ids {
		if id == "" || len(id) > maxKeyID || strings.HasPrefix(id, pagePrefix) {
			return fmt.Errorf("keyring %s: a key's id has 1 to %d bytes, not %d, and does not begin with %s", k.name, maxKeyID, len(id), pagePrefix)
		}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	has := k.has.Load()
	missing := map[string][]string{} // by page
	for _, id := range ids {
		if _, ok := has.find(id); !ok {
			missing[pageOf(id)] = append(missing[pageOf(id)], id)
		}
	}
	if len(missing) == 0 && !k.unsure.Load() {
		return nil
	}
	if err := k.make(has.clone(), missing); err != nil {
		return fmt.Errorf("keyring %s: write %d keys: %w", k.name, len(ids), err)
	}
	return nil
}

// make adds keys to contents, the pages first.
func (k *Keyring) make(c *contents, missing map[string][]string) error {
	if k.closed {
		return fs.ErrClosed
	}
	before := len(c.keys)
	for name, ids := range missing {
		keys := c.keys
		if name != "" {
			keys = map[string]Key{}
			if p := c.pages[name]; p != nil {
				maps.Copy(keys, p.keys)
			}
		}
		for _, id := range ids {
			keys[id] = NewKey()
		}
		if name == "" {
			continue
		}
		if err := k.extend(c, name, keys); err != nil {
			return err
		}
	}
	if len(c.keys) == before && !k.unsure.Load() { // all pages were there
		k.has.Store(c)
		return nil
	}
	return k.save(c)
}

// Find returns the key called id, if there is one.
func (k *Keyring) Find(id string) (Key, bool) { return k.has.Load().find(id) }

// IDs returns the ids of all keys, sorted.
func (k *Keyring) IDs() []string { return slices.Sorted(k.All()) }

// All is the ids of all keys, in no order.
func (k *Keyring) All() iter.Seq[string] {
	return func(yield func(string) bool) {
		c := k.has.Load()
		for id := range c.keys {
			if !strings.HasPrefix(id, pagePrefix) && !yield(id) {
				return
			}
		}
		for _, p := range c.pages {
			for id := range p.keys {
				if !yield(id) {
					return
				}
			}
		}
	}
}

// Destroy removes keys, in the files and then in memory: when it returns nil,
// nothing that was sealed under them can be opened any more, and who holds one of the
// keys or its Sealers gets ErrDestroyed. Ids without a key are passed over. After an
// error a key may or may not be in the files, but it still works in this process:
// destroy it again, or ask for it with Key, which puts it back, before more is sealed
// under it.
func (k *Keyring) Destroy(ids ...string) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	c := k.has.Load().clone()
	left := map[string]map[string]Key{} // of pages
	var gone []Key
	for _, id := range ids {
		key, ok := c.find(id)
		if !ok {
			continue
		}
		keys := c.keys
		if _, ok := keys[id]; !ok {
			name := pageOf(id)
			if left[name] == nil {
				left[name] = maps.Clone(c.pages[name].keys)
			}
			keys = left[name]
			if _, ok := keys[id]; !ok {
				continue // it is named twice
			}
		}
		delete(keys, id)
		gone = append(gone, key)
	}
	if len(gone) == 0 {
		return nil
	}
	old, err := k.renew(c, left)
	if err == nil {
		err = k.save(c)
	}
	if err != nil {
		return fmt.Errorf("keyring %s: destroy %d keys: %w", k.name, len(gone), err)
	}
	for _, key := range slices.Concat(gone, old) {
		key.destroy()
	}
	return nil
}

// Close wipes the keys from memory: they work no more, but Sealers that were made of
// them do. The file is left as it is.
func (k *Keyring) Close() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.closed {
		return fs.ErrClosed
	}
	k.closed = true
	c := k.has.Swap(&contents{})
	for _, key := range c.keys {
		key.wipe()
	}
	for _, p := range c.pages {
		for _, key := range p.keys {
			key.wipe()
		}
	}
	k.root.wipe()
	return nil
}
