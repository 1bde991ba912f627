package seal

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"github.com/llama-logs/llama/internal/fsys"
)

// A page is a file with those keys of a keyring whose ids end alike: an archive of ten
// thousand collections that keeps ninety days has as many for each day, which come and
// go together. So a new key costs the writing of one day, not of all.
//
// A page is sealed under a key of its own, which lies in the keyring's file. It is
// replaced when keys are added. When some are destroyed, those that are left go into
// another page, under another key, and replacing the keyring's file makes the change:
// the old page opens no more.
type page struct {
	file string // its name in the folder of pages
	keys map[string]Key
}

const (
	// pagePrefix begins the ids of the keys that open pages; the rest is a page's file.
	pagePrefix  = "page/"
	pageMagic   = "LLAMAKPG"
	pageVersion = 1
	pageContext = "keyring page"
	maxPage     = 64 << 20
)

// pageOf returns the name of the page in which a key called id is kept, or nothing when
// it is in the keyring's file: the third part of an id, as "2026-11-20".
func pageOf(id string) string {
	i := strings.LastIndexByte(id, '/')
	if i < 0 || strings.IndexByte(id[:i], '/') < 0 || !ValidSlot(id[i+1:]) {
		return ""
	}
	return id[i+1:]
}

// folder returns where the pages are.
func (k *Keyring) folder() string { return k.name + ".pages" }

// openPages reads all pages, and removes files that are none.
func (k *Keyring) openPages() error {
	has := k.has.Load()
	for id, key := range has.keys {
		file, ok := strings.CutPrefix(id, pagePrefix)
		if !ok {
			continue
		}
		p, err := k.readPage(file, key)
		if err != nil {
			return fmt.Errorf("the page %s of the keyring %s %w", path.Join(k.folder(), file), k.name, err)
		}
		name, _, _ := strings.Cut(file, "@")
		has.pages[name] = p
	}
	// As with the keyring's file: what a killed process did not live to sync is built on.
	if err := k.disk.SyncDir(k.folder()); err != nil && (len(has.pages) > 0 || !errors.Is(err, fs.ErrNotExist)) {
		return err
	}
	k.stale = true
	k.sweep()
	return nil
}

// readPage reads a page. Its error continues a sentence that names it.
func (k *Keyring) readPage(file string, key Key) (*page, error) {
	data, err := fsys.ReadFile(k.disk, path.Join(k.folder(), file), maxPage)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errors.New("is missing, and with it the keys in it; put it back")
	} else if err != nil {
		return nil, fmt.Errorf("cannot be read: %w", err)
	}
	head := len(pageMagic) + 1
	if len(data) < head || string(data[:head]) != pageMagic+string(rune(pageVersion)) {
		return nil, errDamaged
	}
	plain, err := key.UnsealBlob(pageContext, data[head:], k.pageAD(file))
	if err != nil {
		return nil, errDamaged
	}
	defer clear(plain)
	keys, err := decodeKeys(plain)
	if err != nil {
		return nil, err
	}
	return &page{file, keys}, nil
}

func (k *Keyring) pageAD(file string) []byte { return append([]byte(file), k.id...) }

// writePage writes a page, durably.
func (k *Keyring) writePage(file string, key Key, keys map[string]Key) error {
	plain := encodeKeys(keys)
	defer clear(plain)
	if len(plain) > maxPage-1<<10 {
		return fmt.Errorf("%d keys take %d bytes, %d are allowed in one page", len(keys), len(plain), maxPage)
	}
	data := append([]byte(pageMagic), pageVersion)
	data = append(data, key.SealBlob(pageContext, plain, k.pageAD(file))...)
	return fsys.Replace(k.disk, path.Join(k.folder(), file), data)
}

// extend writes a page with more keys than it had. One that there was not yet is added to
// contents, which are to be saved.
func (k *Keyring) extend(c *contents, name string, keys map[string]Key) error {
	if p := c.pages[name]; p != nil {
		c.pages[name] = &page{p.file, keys}
		return k.writePage(p.file, c.keys[pagePrefix+p.file], keys)
	}
	return k.addPage(c, name, keys)
}

// addPage writes a page under a new name and key and adds it to contents.
func (k *Keyring) addPage(c *contents, name string, keys map[string]Key) error {
	if err := k.disk.MkdirAll(k.folder()); err != nil {
		return err
	}
	if err := k.disk.SyncDir(path.Dir(k.name)); err != nil {
		return err
	}
	var unique [8]byte // or a keyring's file that a power cut brings back would name it, and not open it
	rand.Read(unique[:])
	p := &page{name + "@" + hex.EncodeToString(unique[:]), keys}
	key := NewKey()
	k.stale = true // until the keyring's file names it
	if err := k.writePage(p.file, key, keys); err != nil {
		return err
	}
	c.keys[pagePrefix+p.file], c.pages[name] = key, p
	return nil
}

// renew puts pages with other keys in the place of those of the same names, or nothing
// where none are left. It returns the keys that open the old ones. The contents are to
// be saved.
func (k *Keyring) renew(c *contents, pages map[string]map[string]Key) (old []Key, err error) {
	for name, keys := range pages {
		id := pagePrefix + c.pages[name].file
		old = append(old, c.keys[id])
		delete(c.keys, id)
		delete(c.pages, name)
		k.stale = true
		if len(keys) == 0 {
			continue
		}
		if err := k.addPage(c, name, keys); err != nil {
			return nil, err
		}
	}
	return old, nil
}

// sweep removes files that are no page of the keyring, now that its file says so. What
// cannot be removed now is removed another time: no key opens it. The caller holds mu,
// or has not given the keyring to anyone yet.
func (k *Keyring) sweep() {
	if !k.stale {
		return
	}
	files, err := k.disk.List(k.folder())
	if err != nil {
		k.stale = !errors.Is(err, fs.ErrNotExist)
		return
	}
	k.stale = false
	keys := k.has.Load().keys
	for _, file := range files {
		if _, ok := keys[pagePrefix+file]; !ok {
			k.stale = k.disk.Remove(path.Join(k.folder(), file)) != nil || k.stale
		}
	}
}

// allPages returns the keys of all pages.
func (c *contents) allPages() map[string]map[string]Key {
	pages := make(map[string]map[string]Key, len(c.pages))
	for name, p := range c.pages {
		pages[name] = p.keys
	}
	return pages
}
