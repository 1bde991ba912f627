package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/llama-logs/llama/internal/fsys"
	"github.com/llama-logs/llama/internal/seal"
)

// someKeyrings returns the keyrings of a data directory, of which there has to be one.
func someKeyrings(data string) ([]string, error) {
	rings, err := keyringsIn(data)
	if err == nil && len(rings) == 0 {
		err = fmt.Errorf("there is no keyring in %s; 'llama up' makes them, or name another directory with --data", data)
	}
	return rings, err
}

// keyrings are those of a data directory, opened and locked. A change is made to one
// after the other: what is cut off between is completed by the same command again.
type keyrings struct {
	master seal.Master
	names  []string
	rings  []*seal.Keyring
	opened []io.Closer
}

func openKeyrings(c *Config, asks *asker) (*keyrings, error) {
	names, err := someKeyrings(c.Data)
	if err != nil {
		return nil, err
	}
	k := &keyrings{names: names}
	if err := k.open(c, asks); err != nil {
		k.close() // the first error counts
		return nil, err
	}
	return k, nil
}

func (k *keyrings) open(c *Config, asks *asker) error {
	p := &process{}
	err := p.takeData(c)
	k.opened = p.opened
	if err != nil {
		return err
	}
	if k.master, err = c.Master.open(c.Data, asks); err != nil {
		return err
	}
	disk, err := fsys.Dir(c.Data)
	if err != nil {
		return err
	}
	k.opened = append(k.opened, disk)
	for _, name := range k.names {
		ring, err := seal.OpenKeyring(disk, name, k.master)
		if err != nil {
			return err
		}
		k.rings = append(k.rings, ring)
		k.opened = append(k.opened, ring)
	}
	return nil
}

func (k *keyrings) close() error { return (&process{opened: k.opened}).close() }

// each changes the keyrings for which need is true.
func (k *keyrings) each(need func(*seal.Keyring) bool, change func(*seal.Keyring) error) error {
	changed := 0
	for i, ring := range k.rings {
		if !need(ring) {
			continue
		}
		if err := change(ring); err != nil && changed > 0 {
			return fmt.Errorf("%w; %s is changed already, so the same command again completes it", err, strings.Join(k.names[:i], " and "))
		} else if err != nil {
			return err
		}
		changed++
	}
	return nil
}

func has(ring *seal.Keyring, name string) bool {
	return slices.ContainsFunc(ring.Slots(), func(s seal.Slot) bool { return s.Name == name })
}

func (k *keyrings) add(name string, m seal.Master) error {
	missing := 0
	for _, ring := range k.rings {
		if !has(ring, name) {
			missing++
		} else if !ring.Opens(name, m) {
			return fmt.Errorf("there is a slot called %s, for something else; choose another name, or remove it first", name)
		}
	}
	if missing == 0 {
		return fmt.Errorf("there is a slot called %s, which %s opens already", name, m)
	}
	err := k.each(func(r *seal.Keyring) bool { return !has(r, name) }, func(r *seal.Keyring) error { return r.AddSlot(name, m) })
	if err == nil {
		words(os.Stderr, "slot %s is added: %s opens the data", name, m)
	}
	return err
}

func (k *keyrings) remove(name string) error {
	var names []string
	found := false
	for _, ring := range k.rings {
		found = found || has(ring, name)
		for _, s := range ring.Slots() {
			if !slices.Contains(names, s.Name) {
				names = append(names, s.Name)
			}
		}
	}
	if !found {
		return fmt.Errorf("there is no slot called %s; there are %s", name, strings.Join(names, ", "))
	}
	err := k.each(func(r *seal.Keyring) bool { return has(r, name) }, func(r *seal.Keyring) error { return r.RemoveSlot(name, k.master) })
	if errors.Is(err, seal.ErrOwnSlot) {
		return fmt.Errorf("%s opens no other slot than %s; open the data with another one, so that it is sure that one is left", k.master, name)
	}
	if err == nil {
		words(os.Stderr, "slot %s is removed; if somebody may have a copy of the keyrings, 'llama key rekey' comes next", name)
	}
	return err
}

func (k *keyrings) rekey(others []seal.Master) error {
	all := func(*seal.Keyring) bool { return true }
	masters := append([]seal.Master{k.master}, others...)
	err := k.each(all, func(r *seal.Keyring) error { return r.Rekey(masters...) })
	if errors.Is(err, seal.ErrSlotClosed) {
		return fmt.Errorf("%w; give what opens them with --also-key-file, --also-passphrase-file or --also-credential, or remove them first", err)
	}
	if err == nil {
		words(os.Stderr, "the root key is changed, of %s", strings.Join(k.names, ", "))
	}
	return err
}
