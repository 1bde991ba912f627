package seal

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/llama-logs/llama/internal/fsys"
)

// Trouble with slots, for callers that decide on it.
var (
	ErrSlotThere  = errors.New("there is a slot of that name")
	ErrNoSlot     = errors.New("there is no slot of that name")
	ErrOwnSlot    = errors.New("this is the slot that was opened; open the keyring with another one, so that it is sure that one is left")
	ErrSlotClosed = errors.New("not all slots can be opened")
)

// A Slot is one way to open a keyring.
type Slot struct {
	Name string
	Kind Kind
}

// slot is a Slot with the root key, as a Master has wrapped it.
type slot struct {
	name    string
	wrapped []byte
}

func (s slot) kind() Kind { return Kind(s.wrapped[0]) }

func (s slot) String() string { return fmt.Sprintf("%s (%s)", s.name, s.kind()) }

// ValidSlot reports whether name can be the name of a slot: 1 to 64 characters a-z,
// 0-9, _, . and -.
func ValidSlot(name string) bool {
	return len(name) > 0 && len(name) <= 64 && strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789_.-") == ""
}

// find returns the place of the slot called name, or -1.
func find(slots []slot, name string) int {
	return slices.IndexFunc(slots, func(s slot) bool { return s.name == name })
}

// wrap returns a slot in which m opens root.
func (k *Keyring) wrap(name string, root Key, m Master) (slot, error) {
	plain := root.append(make([]byte, 0, keySize))
	defer clear(plain)
	wrapped, err := m.Wrap(plain, k.id)
	return slot{name, wrapped}, err
}

// unwrap returns the root key, if m opens one of the slots.
func (k *Keyring) unwrap(m Master) (Key, error) {
	for _, s := range k.slots {
		root, err := k.unwrapSlot(s, m)
		if !errors.Is(err, ErrSealed) {
			return root, err
		}
	}
	return Key{}, &wrongKeyError{fmt.Sprintf("wrong %s: %s does not open the keyring %s; its slots are %s", m.Kind().wrongWord(), m, k.name, join(k.slots))}
}

// unwrapSlot returns the root key in a slot, or ErrSealed.
func (k *Keyring) unwrapSlot(s slot, m Master) (Key, error) {
	plain, err := m.Unwrap(s.wrapped, k.id)
	if errors.Is(err, ErrSealed) || err == nil && len(plain) != keySize {
		return Key{}, ErrSealed
	} else if err != nil {
		return Key{}, fmt.Errorf("open slot %s of the keyring %s with %s: %w", s.name, k.name, m, err)
	}
	defer clear(plain)
	return newKey(plain), nil
}

func join(slots []slot) string {
	names := make([]string, len(slots))
	for i, s := range slots {
		names[i] = s.String()
	}
	return strings.Join(names, ", ")
}

// A wrongKeyError is an ErrWrongKey that says what was wrong.
type wrongKeyError struct{ text string }

func (e *wrongKeyError) Error() string        { return e.text }
func (e *wrongKeyError) Is(target error) bool { return target == ErrWrongKey }

// ReadSlots returns the slots of the keyring in the file called name, without opening
// it. Nothing proves that they are those that were written.
func ReadSlots(disk fsys.FS, name string) ([]Slot, error) {
	data, err := fsys.ReadFile(disk, name, maxKeyring)
	if err != nil {
		return nil, fmt.Errorf("read the keyring %s: %w", name, err)
	}
	r, err := decodeRing(data)
	if err != nil {
		return nil, fmt.Errorf("the keyring %s %w", name, err)
	}
	return public(r.slots), nil
}

// Slots returns the ways to open the keyring, in the order in which they were added.
func (k *Keyring) Slots() []Slot {
	k.mu.Lock()
	defer k.mu.Unlock()
	return public(k.slots)
}

func public(slots []slot) []Slot {
	list := make([]Slot, len(slots))
	for i, s := range slots {
		list[i] = Slot{s.name, s.kind()}
	}
	return list
}

// Opens reports whether m opens the slot called name.
func (k *Keyring) Opens(name string, m Master) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	i := find(k.slots, name)
	return i >= 0 && k.opener(k.slots[i], []Master{m}) != nil
}

// AddSlot lets m open the keyring too, in a slot of a new name.
func (k *Keyring) AddSlot(name string, m Master) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	err := ErrSlotThere
	if !ValidSlot(name) {
		err = errors.New("a slot's name has 1 to 64 characters a-z, 0-9, _, . and -")
	} else if find(k.slots, name) < 0 {
		err = k.addSlot(name, m)
	}
	if err != nil {
		return fmt.Errorf("keyring %s: add slot %q: %w", k.name, name, err)
	}
	return nil
}

func (k *Keyring) addSlot(name string, m Master) error {
	s, err := k.wrap(name, k.root, m)
	if err != nil {
		return err
	}
	return k.saveSlots(append(slices.Clone(k.slots), s), k.root, k.has.Load())
}

// RemoveSlot takes a slot out of the keyring. The Master other proves that another
// slot still opens, so the last one stays. Who has an old copy of the file can still
// open that with what the slot was for, and with it the keyring until Rekey.
func (k *Keyring) RemoveSlot(name string, other Master) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := k.removeSlot(name, other); err != nil {
		return fmt.Errorf("keyring %s: remove slot %q: %w", k.name, name, err)
	}
	return nil
}

func (k *Keyring) removeSlot(name string, other Master) error {
	i := find(k.slots, name)
	if i < 0 {
		return ErrNoSlot
	}
	rest := slices.Delete(slices.Clone(k.slots), i, i+1)
	for _, s := range rest {
		if root, err := k.unwrapSlot(s, other); err == nil && k.isRoot(root) {
			return k.saveSlots(rest, k.root, k.has.Load())
		}
	}
	return ErrOwnSlot
}

func (k *Keyring) isRoot(root Key) bool {
	a, b := root.append(nil), k.root.append(nil)
	defer clear(a)
	defer clear(b)
	return subtle.ConstantTimeCompare(a, b) == 1
}

// Rekey gives the keyring a new root key: what opened a copy of the file from before
// does not open this one, unless it opens one of the slots. Each slot has to be
// opened by one of masters, which then opens it again; otherwise the error is
// ErrSlotClosed and names those that are not. Keys in the keyring stay.
func (k *Keyring) Rekey(masters ...Master) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	root := NewKey()
	slots := make([]slot, 0, len(k.slots))
	var closed []slot
	for _, s := range k.slots {
		m := k.opener(s, masters)
		if m == nil {
			closed = append(closed, s)
			continue
		}
		renewed, err := k.wrap(s.name, root, m)
		if err != nil {
			return fmt.Errorf("keyring %s: renew slot %q: %w", k.name, s.name, err)
		}
		renewed.wrapped[0] = s.wrapped[0] // a key file may stand in for a credential, and the slot stays what it was
		slots = append(slots, renewed)
	}
	if len(closed) > 0 {
		return fmt.Errorf("keyring %s: %w: %s", k.name, ErrSlotClosed, join(closed))
	}
	// A copy of the file opens the pages that it names, so they change too.
	c := k.has.Load().clone()
	old, err := k.renew(c, c.allPages())
	if err == nil {
		err = k.saveSlots(slots, root, c)
	}
	if err != nil {
		return fmt.Errorf("keyring %s: change the root key: %w", k.name, err)
	}
	for _, key := range old {
		key.destroy()
	}
	return nil
}

// opener returns the one of masters that opens a slot, or nil.
func (k *Keyring) opener(s slot, masters []Master) Master {
	for _, m := range masters {
		if root, err := k.unwrapSlot(s, m); err == nil && k.isRoot(root) {
			return m
		}
	}
	return nil
}

// saveSlots replaces the file with one of other slots or another root key. After an
// error the file is either of them, and the next change makes it the old one again.
// The caller holds mu.
func (k *Keyring) saveSlots(slots []slot, root Key, c *contents) error {
	slotsBefore, rootBefore := k.slots, k.root
	k.slots, k.root = slots, root
	if err := k.save(c); err != nil {
		k.slots, k.root = slotsBefore, rootBefore
		return err
	}
	if root != rootBefore {
		rootBefore.wipe()
	}
	return nil
}
