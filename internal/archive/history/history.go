package history

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/llama-logs/llama/internal/fsys"
	"github.com/llama-logs/llama/internal/root"
	"github.com/llama-logs/llama/internal/seal"
	"github.com/llama-logs/llama/internal/segment"
)

// Folder is where the history is, in an archive's folder.
const Folder = "history"

const (
	recordsName = Folder + "/records"
	headName    = Folder + "/head"
	keyName     = Folder + "/key"
	keyContext  = "history key"

	maxHead = 64 << 10
)

// A History is the log of what became of an archive's events. All its methods may be
// called by many at once.
//
// Invariant: records never change and never change places, from the moment they are
// added; so each head is that of the beginning of all later ones.
type History struct {
	disk    fsys.FS
	key     seal.Key
	salt    [saltSize]byte
	signers []*signer // the archive's own first

	mu      sync.Mutex
	tree    root.Tree       // of the records that are durable
	length  int64           // of the file, as far as it is durable and has these
	rewrite bool            // what lies beyond length may be anything, or may go
	stale   bool            // the head in the file is not that of the tree
	last    uint64          // the highest arrival number that these records name
	pending [][]byte        // records that are not durable
	head    []byte          // signed, as it is in the file
	removed map[Part]uint64 // see Removed
	edge    mark            // as it is in the file
	marks   []mark          // behind edge, oldest first

	markEvery int64
}

// Options say who signs.
type Options struct {
	// Signer signs heads beside the archive's own key, which lies in the folder; nil:
	// nobody does. It is an Ed25519 key.
	Signer crypto.Signer
	// New allows that there is no history yet.
	New bool

	markEvery int64 // for tests; 0: 1024
}

// Open opens the history in its folder, or makes one. Records that were not known to
// be durable become so with the next Flush. A file that is damaged or missing is a
// *segment.CorruptError.
func Open(disk fsys.FS, key seal.Key, o Options) (*History, error) {
	h := &History{disk: disk, key: key, removed: map[Part]uint64{}, markEvery: o.markEvery}
	if h.markEvery == 0 {
		h.markEvery = markEvery
	}
	if err := h.make(o.New); err != nil {
		return nil, err
	}
	// What a killed process named may not be durable yet, and is built on now.
	if err := disk.SyncDir(Folder); err != nil {
		return nil, missing(Folder, err)
	}
	own, err := h.ownKey()
	if err != nil {
		return nil, err
	}
	f, err := disk.Open(recordsName)
	if err != nil {
		return nil, missing(recordsName, err)
	}
	defer f.Close() // it was only read
	size, err := f.Size()
	if err != nil {
		return nil, err
	}
	if err := h.readHeader(f, size); err != nil {
		return nil, corrupt(recordsName, 0, err)
	}
	for _, key := range []crypto.Signer{own, o.Signer} {
		if key == nil {
			continue
		}
		s, err := newSigner(origin(h.salt), key)
		if err != nil {
			return nil, err
		}
		h.signers = append(h.signers, s)
	}
	return h, h.load(f, size)
}

// make makes a history where there is none. The head comes last: without it, the
// history was not used yet.
func (h *History) make(allowed bool) error {
	for _, name := range []string{keyName, recordsName, headName, edgeName} {
		if err := h.disk.Remove(name + ".tmp"); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	if _, err := h.disk.Stat(headName); !allowed || !errors.Is(err, fs.ErrNotExist) {
		return unless(err, fs.ErrNotExist)
	}
	if err := h.disk.MkdirAll(Folder); err != nil {
		return err
	}
	if err := h.disk.SyncDir("."); err != nil {
		return err
	}
	seed := make([]byte, ed25519.SeedSize)
	rand.Read(seed) // never fails
	if err := fsys.Replace(h.disk, keyName, h.key.SealBlob(keyContext, seed, nil)); err != nil {
		return err
	}
	salt := seal.NewSalt()
	if err := fsys.Replace(h.disk, recordsName, appendHeader(nil, salt)); err != nil {
		return err
	}
	own, err := newSigner(origin(salt), ed25519.NewKeyFromSeed(seed))
	if err != nil {
		return err
	}
	h.signers = []*signer{own}
	defer func() { h.signers = nil }()
	head, err := h.sign(Head{Hash: new(root.Tree).Root()})
	if err != nil {
		return err
	}
	return fsys.Replace(h.disk, headName, head)
}

// SetAside gives the files of a history other names, the key's included, so that another
// can be begun. After a crash they may be set aside in part; do it again.
func SetAside(disk fsys.FS) error {
	names, err := disk.List(Folder)
	if err != nil {
		return unless(err, fs.ErrNotExist)
	}
	suffix := ""
	for n := 1; suffix == ""; n++ {
		if s := fmt.Sprintf(".%d", n); !slices.ContainsFunc(names, func(name string) bool { return strings.HasSuffix(name, s) }) {
			suffix = s
		}
	}
	for _, name := range []string{headName, edgeName, recordsName, keyName} {
		if err := disk.Rename(name, name+suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return disk.SyncDir(Folder)
}

// unless returns err unless it is allowed.
func unless(err, allowed error) error {
	if errors.Is(err, allowed) {
		return nil
	}
	return err
}

func corrupt(file string, offset int64, err error) error {
	return &segment.CorruptError{File: file, Offset: offset, Err: err}
}

// missing says of a file that is not there that this is damage.
func missing(file string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return corrupt(file, 0, errors.New("the file is missing"))
	}
	return err
}

// ownKey reads the archive's own key.
func (h *History) ownKey() (crypto.Signer, error) {
	sealed, err := fsys.ReadFile(h.disk, keyName, 1<<10)
	if err != nil {
		return nil, missing(keyName, err)
	}
	seed, err := h.key.UnsealBlob(keyContext, sealed, nil)
	if err != nil || len(seed) != ed25519.SeedSize {
		return nil, corrupt(keyName, 0, seal.ErrSealed)
	}
	return ed25519.NewKeyFromSeed(seed), nil
}

// load reads the head, and the records from the edge up to it. Those behind it were not
// known to be durable, and are pending again; the first that is not whole ends them.
func (h *History) load(f fsys.File, size int64) error {
	text, err := fsys.ReadFile(h.disk, headName, maxHead)
	if err != nil {
		return missing(headName, err)
	}
	head, err := h.ParseHead(text)
	if err != nil {
		return corrupt(headName, 0, err)
	}
	h.head, h.stale = text, !h.signedByAll(text)
	if edge, ok := h.readEdge(); ok && edge.length <= size && edge.tree.Size() <= head.Size {
		h.edge = edge
		if err := h.loadFrom(f, size, head); err == nil {
			return nil
		}
		// The edge or the records may be to blame. All records tell.
	}
	h.edge = mark{length: headerSize}
	return h.loadFrom(f, size, head)
}

// loadFrom reads the records behind the edge.
func (h *History) loadFrom(f fsys.File, size int64, head Head) error {
	h.rewrite, h.pending = false, nil
	h.marks, h.removed = nil, map[Part]uint64{}
	h.tree, h.length, h.last = h.edge.tree, h.edge.length, h.edge.last
	at, n := h.length, h.tree.Size()
	for at < size {
		records, end, err := h.frame(f, at, size, n)
		if errors.Is(err, errTorn) && n >= head.Size {
			h.rewrite = true
			break
		} else if errors.Is(err, errTorn) {
			return corrupt(recordsName, at, err)
		} else if err != nil {
			return err
		}
		for _, data := range records {
			r, err := Decode(data)
			if err != nil {
				return corrupt(recordsName, at, err)
			}
			h.note(&r)
			if n++; n <= head.Size {
				h.tree.Add(RecordHash(data))
				h.last = max(h.last, r.Last)
			} else {
				h.pending, h.rewrite = append(h.pending, slices.Clone(data)), true
			}
		}
		if at = end; n <= head.Size {
			h.length = end
			h.mark()
		}
	}
	if h.tree.Size() != head.Size || h.tree.Root() != head.Hash {
		return corrupt(recordsName, at, fmt.Errorf("there are %d records, and the head of %d is not theirs", n, head.Size))
	}
	return nil
}

// note remembers what was removed, while that is asked for.
func (h *History) note(r *Record) {
	if h.removed != nil && (r.Kind == Expired || r.Kind == Destroyed) {
		h.removed[r.Part] = max(h.removed[r.Part], r.Last)
	}
}

// Removed returns up to which arrival number all events of each part were removed, as
// far as records behind the edge say. It is known until Forget.
func (h *History) Removed() map[Part]uint64 { return h.removed }

// Forget gives the memory back that Removed needs.
func (h *History) Forget() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.removed = nil
}

// Sealed returns the roots that are recorded of events with numbers from first on.
func (h *History) Sealed(first uint64) (map[tlog.Hash]struct{}, error) {
	roots := map[tlog.Hash]struct{}{}
	take := func(_ int64, r *Record, _ []byte) error {
		if r.Kind == Sealed && r.First >= first {
			roots[r.Root] = struct{}{}
		}
		return nil
	}
	h.mu.Lock()
	from := mark{length: headerSize}
	if first > h.edge.last {
		from = h.edge
	}
	h.mu.Unlock()
	if _, err := h.read(from, take); err != nil {
		return nil, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, data := range h.pending {
		r, err := Decode(data)
		if err != nil {
			panic(fmt.Sprintf("history: a record just made is not readable: %v", err))
		}
		take(0, &r, nil) // never fails
	}
	return roots, nil
}
