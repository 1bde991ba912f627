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
	slots  [][]byte
	root   Key
	closed bool
}

// OpenKeyring opens the keyring in the file called name, or makes one when there
// is none; a caller that has sealed things already should look first, as a new
// keyring opens none of them. The error is ErrWrongKey when the file was made with
// another master key than m, and names both.
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
	slot, err := k.wrap(m)
	if err == nil {
		k.slots = [][]byte{slot}
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
	_, root, err := k.unwrap(m)
	if err != nil {
		return err
	}
	k.root = root
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

// wrap returns a slot for m.
func (k *Keyring) wrap(m Master) ([]byte, error) {
	plain := k.root.append(make([]byte, 0, keySize))
	defer clear(plain)
	return m.Wrap(plain, k.id)
}

// unwrap returns the number of m's slot and the root key in it.
func (k *Keyring) unwrap(m Master) (int, Key, error) {
	for i, slot := range k.slots {
		plain, err := m.Unwrap(slot, k.id)
		if errors.Is(err, ErrSealed) || err == nil && len(plain) != keySize {
			continue
		} else if err != nil {
			return 0, Key{}, fmt.Errorf("open the keyring %s with the master key %s: %w", k.name, m, err)
		}
		defer clear(plain)
		return i, newKey(plain), nil
	}
	return 0, Key{}, fmt.Errorf("%w: the keyring %s was not made with the master key %s", ErrWrongKey, k.name, m)
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
	if id == "" || len(id) > maxKeyID {
		return Key{}, fmt.Errorf("keyring %s: a key's id has 1 to %d bytes, not %d", k.name, maxKeyID, len(id))
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	keys := *k.keys.Load()
	if key, ok := keys[id]; ok && !k.unsure.Load() {
		return key, nil
	} else if !ok {
		keys = maps.Clone(keys)
		keys[id] = NewKey()
	}
	if err := k.save(keys); err != nil {
		return Key{}, fmt.Errorf("keyring %s: write key %q: %w", k.name, id, err)
	}
	return keys[id], nil
}

// Find returns the key called id, if there is one.
func (k *Keyring) Find(id string) (Key, bool) {
	key, ok := (*k.keys.Load())[id]
	return key, ok
}

// IDs returns the ids of all keys, sorted.
func (k *Keyring) IDs() []string { return slices.Sorted(maps.Keys(*k.keys.Load())) }

// Destroy removes keys, in the file and then in memory: when it returns nil,
// nothing that was sealed under them can be opened any more, but by a Sealer that
// is still held. Ids without a key are passed over. After an error a key may or
// may not be in the file, but it still works in this process: destroy it again, or
// ask for it with Key, which puts it back, before more is sealed under it.
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

// Slots returns how many master keys open the keyring.
func (k *Keyring) Slots() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return len(k.slots)
}

// AddSlot lets m open the keyring too.
func (k *Keyring) AddSlot(m Master) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	slot, err := k.wrap(m)
	if err == nil {
		err = k.saveSlots(append(slices.Clone(k.slots), slot))
	}
	if err != nil {
		return fmt.Errorf("keyring %s: add the master key %s: %w", k.name, m, err)
	}
	return nil
}

// RemoveSlot takes from m the right to open the keyring. The last slot stays. Who has
// an old copy of the file can still open that with m.
func (k *Keyring) RemoveSlot(m Master) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	i, _, err := k.unwrap(m)
	if err != nil {
		return err
	}
	if len(k.slots) == 1 {
		return fmt.Errorf("keyring %s: the master key %s is the only one; add another first", k.name, m)
	}
	if err := k.saveSlots(slices.Delete(slices.Clone(k.slots), i, i+1)); err != nil {
		return fmt.Errorf("keyring %s: remove the master key %s: %w", k.name, m, err)
	}
	return nil
}

// saveSlots replaces the file with one of other slots. The caller holds mu.
func (k *Keyring) saveSlots(slots [][]byte) error {
	before := k.slots
	k.slots = slots
	if err := k.save(*k.keys.Load()); err != nil {
		k.slots = before
		return err
	}
	return nil
}

// Close wipes the keys from memory: they work no more, and the file is left as it
// is.
func (k *Keyring) Close() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.closed {
		return fs.ErrClosed
	}
	k.closed = true
	for _, key := range *k.keys.Swap(&map[string]Key{}) {
		key.destroy()
	}
	k.root.destroy()
	return nil
}
