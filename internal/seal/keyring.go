package seal

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/llama-logs/llama/internal/fsys"
)

// ErrWrongKey says that a keyring does not open with a master key.
var ErrWrongKey = errors.New("wrong master key")

// A Keyring keeps named keys in a file that a master key opens. All its methods
// may be called by many at once; two Keyrings may not use one file at a time, so
// the folder's lock should be held.
//
// Invariant: a key that was returned is in the file; a key that was destroyed is
// not.
type Keyring struct {
	disk fsys.FS
	name string
	keys atomic.Pointer[map[string]Key] // the map is never changed, only replaced
	// unsure: replacing the file failed, so that it may lack keys which are in memory.
	unsure atomic.Bool

	mu     sync.Mutex // held by whoever replaces the file
	id     []byte
	slots  []slot
	root   Key
	closed bool
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
		err = disk.SyncDir(path.Dir(name))
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
		err = k.save(map[string]Key{})
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
	k.keys.Store(&keys)
	return nil
}

// save replaces the file and then what callers see. The caller holds mu.
func (k *Keyring) save(keys map[string]Key) error {
	if k.closed {
		return fs.ErrClosed
	}
	data, err := encodeRing(k.id, k.slots, k.root, keys)
	if err != nil {
		return err
	}
	if err := fsys.Replace(k.disk, k.name, data); err != nil {
		k.unsure.Store(true)
		return err
	}
	k.unsure.Store(false)
	k.keys.Store(&keys)
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

// Make makes those of the keys called ids that there are not. The file is written once
// for all of them: it has all keys, so one by one ten thousand would take minutes.
func (k *Keyring) Make(ids ...string) error {
	for _, id := range ids {
		if id == "" || len(id) > maxKeyID {
			return fmt.Errorf("keyring %s: a key's id has 1 to %d bytes, not %d", k.name, maxKeyID, len(id))
		}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	keys := *k.keys.Load()
	missing := slices.DeleteFunc(slices.Clone(ids), func(id string) bool { _, ok := keys[id]; return ok })
	if len(missing) == 0 && !k.unsure.Load() {
		return nil
	}
	if len(missing) > 0 {
		keys = maps.Clone(keys)
	}
	for _, id := range missing {
		keys[id] = NewKey()
	}
	if err := k.save(keys); err != nil {
		return fmt.Errorf("keyring %s: write %d keys: %w", k.name, len(keys), err)
	}
	return nil
}

// Find returns the key called id, if there is one.
func (k *Keyring) Find(id string) (Key, bool) {
	key, ok := (*k.keys.Load())[id]
	return key, ok
}

// IDs returns the ids of all keys, sorted.
func (k *Keyring) IDs() []string { return slices.Sorted(maps.Keys(*k.keys.Load())) }

// Destroy removes keys, in the file and then in memory: when it returns nil,
// nothing that was sealed under them can be opened any more, and who holds one of the
// keys or its Sealers gets ErrDestroyed. Ids without a key are passed over. After an
// error a key may or may not be in the file, but it still works in this process:
// destroy it again, or ask for it with Key, which puts it back, before more is sealed
// under it.
func (k *Keyring) Destroy(ids ...string) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	keys := maps.Clone(*k.keys.Load())
	var gone []Key
	for _, id := range ids {
		if key, ok := keys[id]; ok {
			delete(keys, id)
			gone = append(gone, key)
		}
	}
	if len(gone) == 0 {
		return nil
	}
	if err := k.save(keys); err != nil {
		return fmt.Errorf("keyring %s: destroy %d keys: %w", k.name, len(gone), err)
	}
	for _, key := range gone {
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
	for _, key := range *k.keys.Swap(&map[string]Key{}) {
		key.wipe()
	}
	k.root.wipe()
	return nil
}
