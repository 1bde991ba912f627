package archive

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/archive/wal"
	"github.com/llama-logs/llama/internal/block"
	"github.com/llama-logs/llama/internal/fsys"
	"github.com/llama-logs/llama/internal/seal"
	"github.com/llama-logs/llama/internal/segment"
)

const (
	formatName = "FORMAT"
	formatLine = "llama archive 6\n"
	// formatBefore is of archives that are read, and from then on have formatLine.
	formatBefore = "llama archive 5\n"
	lockName     = "lock"
	keyringName  = "keyring"

	// openFiles is how many segments are open though nobody reads them: of so many events
	// are asked about most often, and a process may have a thousand files.
	openFiles = 64
)

// Open opens the archive in a folder, or makes one when the folder is empty, and
// takes back into memory what an earlier process had not sealed. It refuses, and
// changes nothing, when another has the folder open, when the folder is of another
// version or something else, and when m does not open its keyring; these errors are
// *llama.Error with code Conflict. A damaged log is a *segment.CorruptError; a
// damaged segment is told when it is read.
func Open(disk fsys.FS, m seal.Master, o Options) (_ *Archive, err error) {
	o = o.withDefaults()
	found, err := checkFormat(disk)
	if err != nil {
		return nil, err
	}
	lock, err := disk.Lock(lockName)
	if errors.Is(err, fsys.ErrLocked) {
		return nil, llama.Errorf(llama.Conflict, "the archive is in use by another process")
	} else if err != nil {
		return nil, err
	}
	a := &Archive{
		disk: disk, handles: fsys.NewHandles(disk, openFiles), o: o, lock: lock, metrics: newMetrics(),
		positions: newPositions(int(o.PositionsSize)), directories: newDirectories(int(o.DirectorySize)), decoded: newDecoded(int(o.DecodedSize)),
		answers: newAnswers(int64(o.AnswersSize)),
		sealNow: make(chan struct{}, 1), lead: make(chan struct{}, 1), sealing: make(chan struct{}, 1), merging: make(chan struct{}, 1),
		builders: map[string]*block.Builder{},
		parts:    map[partKey]*part{}, heads: map[*part]struct{}{}, bare: map[*part]struct{}{}, several: map[*part]struct{}{}, recent: recent{limit: int(o.RecentSize)},
	}
	defer func() {
		if err != nil {
			a.handles.Close()
			a.lock.Close() // the first error counts
			if a.keyring != nil {
				a.keyring.Close()
			}
		}
	}()
	if err := a.open(found, m); err != nil {
		return nil, err
	}
	return a, nil
}

// open opens what is there, of the format that was found. An archive of the version before
// becomes one of this when its keys and its history could be read, before anything is
// written that is not of the version before.
func (a *Archive) open(found string, m seal.Master) (err error) {
	if found == "" {
		if err := fsys.Replace(a.disk, formatName, []byte(formatLine)); err != nil {
			return err
		}
	}
	if err := a.disk.SyncDir("."); err != nil { // or FORMAT might be lost of what has a keyring
		return err
	}
	if err := a.openKeyring(m); err != nil {
		return err
	}
	if err := a.openLogKeys(); err != nil {
		return err
	}
	if err := a.disk.MkdirAll(wal.Folder); err != nil {
		return err
	}
	if err := a.disk.MkdirAll(segmentsFolder); err != nil {
		return err
	}
	if err := a.disk.SyncDir("."); err != nil {
		return err
	}
	if a.codec, err = segment.NewCodec(); err != nil {
		return err
	}
	a.giveWay.began = time.Now()
	a.codec.Between = a.giveWay.nowAndThen
	if err := a.openHistory(); err != nil {
		return err
	}
	if found == formatBefore {
		if err := fsys.Replace(a.disk, formatName, []byte(formatLine)); err != nil {
			return err
		}
	}
	if err := a.openSegments(); err != nil {
		return err
	}
	a.openAnswers()
	if err := a.openLog(); err != nil {
		return err
	}
	a.recordFound()
	return a.metrics.register(a.o.Metrics, a.Stat)
}

// CheckFormat refuses a folder that Open would refuse because of another version, or
// because it is no archive, and changes nothing.
func CheckFormat(disk fsys.FS) error {
	_, err := checkFormat(disk)
	return err
}

// checkFormat returns the format of the folder, "" of an empty one, and refuses one that is
// neither that nor an archive.
func checkFormat(disk fsys.FS) (format string, err error) {
	data, err := fsys.ReadFile(disk, formatName, 1024)
	if err == nil && (string(data) == formatLine || string(data) == formatBefore) {
		return string(data), nil
	} else if err == nil || errors.Is(err, fsys.ErrTooLarge) {
		return "", llama.Errorf(llama.Conflict, "the archive's format is %.40q; this program reads %q and %q. "+
			"Go on with the program that wrote it, or have that one write its events out ('llama archive export') and take them into a new data directory ('llama import')",
			strings.TrimSpace(string(data)), strings.TrimSpace(formatBefore), strings.TrimSpace(formatLine))
	} else if !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	names, err := disk.List(".")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	for _, name := range names {
		if name != lockName && name != formatName+".tmp" {
			return "", llama.Errorf(llama.Conflict, "the folder for the archive holds %s but no %s, so it is no archive", name, formatName)
		}
	}
	return "", nil
}

// openKeyring opens the keyring. It makes none where there is something that only
// another can open.
func (a *Archive) openKeyring(m seal.Master) error {
	if _, err := a.disk.Stat(keyringName); errors.Is(err, fs.ErrNotExist) {
		for _, folder := range []string{wal.Folder, segmentsFolder} {
			names, err := a.disk.List(folder)
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
			if len(names) > 0 {
				return llama.Errorf(llama.Conflict, "the archive's keyring is missing, and without it %s cannot be read; put it back", folder)
			}
		}
	}
	keyring, err := seal.OpenKeyring(a.disk, keyringName, m)
	if errors.Is(err, seal.ErrWrongKey) {
		return llama.Errorf(llama.Conflict, "open the archive: %w", err)
	} else if err != nil {
		return err
	}
	a.keyring = keyring
	return nil
}

// openSegments finds the parts and their segments, and removes what a crash left.
func (a *Archive) openSegments() error {
	collections, err := a.disk.List(segmentsFolder)
	if err != nil {
		return err
	}
	for _, name := range collections {
		collection, folder := strings.CutSuffix(name, "/")
		if !folder || !ValidCollection(collection) {
			continue
		}
		days, err := a.disk.List(path.Join(segmentsFolder, collection))
		if err != nil {
			return err
		}
		for _, name := range days {
			dayName, folder := strings.CutSuffix(name, "/")
			if day, ok := parseDay(dayName); ok && folder {
				if err := a.openPart(partKey{collection, day}); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (a *Archive) openPart(key partKey) error {
	files, err := a.disk.List(key.folder())
	if err != nil {
		return err
	}
	// What a killed process named may not be durable yet. It has to be before what it
	// replaces is removed here, or goes from the log.
	if err := a.disk.SyncDir(key.folder()); err != nil {
		return err
	}
	var names []segment.Name
	for _, file := range files {
		if name, ok := segment.ParseName(file); ok {
			names = append(names, name)
		} else if path.Ext(file) == ".tmp" {
			if err := a.disk.Remove(path.Join(key.folder(), file)); err != nil {
				return err
			}
		}
	}
	segments, err := a.newest(key, names)
	if err != nil || len(segments) == 0 {
		return err
	}
	p := a.part(key)
	a.setSegments(p, segments)
	for _, s := range segments {
		p.sealed = max(p.sealed, s.Last)
		a.next = max(a.next, s.Last+1)
	}
	return nil
}

// newest removes the segments that are covered by others, and opens the rest in the
// order of arrival. One that overlaps another, which nothing here leaves behind, is
// damage that is told to whoever reads it.
func (a *Archive) newest(key partKey, names []segment.Name) ([]*stored, error) {
	slices.SortFunc(names, func(x, y segment.Name) int {
		return cmp.Or(cmp.Compare(y.Last-y.First, x.Last-x.First), y.Generation-x.Generation)
	})
	var kept []segment.Name
	var segments []*stored
	for _, name := range names {
		i := slices.IndexFunc(kept, name.Overlaps)
		switch {
		case i < 0:
			s := a.openStored(a.handles, key, name)
			if !errors.Is(s.damage, errName) { // or it would replace others that are what they say
				kept = append(kept, name)
			}
			segments = append(segments, s)
		case kept[i].Covers(name):
			if err := a.disk.Remove(path.Join(key.folder(), name.String())); err != nil {
				return nil, err
			}
		default:
			s := &stored{Name: name, path: path.Join(key.folder(), name.String())}
			s.damage = &segment.CorruptError{File: s.path, Err: fmt.Errorf("it overlaps %s, which does not replace it", kept[i])}
			a.o.Logger.Error("a segment cannot be read", "file", s.path, "error", s.damage)
			segments = append(segments, s)
		}
	}
	slices.SortFunc(segments, func(x, y *stored) int { return cmp.Compare(x.First, y.First) })
	return segments, nil
}

// errName says that a segment has another's name.
var errName = errors.New("it does not have the name that it was given")

// openStored opens a segment. One that cannot be opened is kept and told of by
// whoever reads it.
func (a *Archive) openStored(disk segment.Opener, key partKey, name segment.Name) *stored {
	s := &stored{Name: name, path: path.Join(key.folder(), name.String())}
	if k, ok := a.keyring.Find(key.keyID()); ok {
		s.Segment, s.damage = segment.Open(disk, s.path, k, a.codec)
		if s.damage == nil && (s.FirstSeq != name.First || s.LastSeq != name.Last || s.Day != key.day) {
			s.damage = &segment.CorruptError{File: s.path, Err: fmt.Errorf("%w, it is of events %d to %d of %s", errName, s.FirstSeq, s.LastSeq, partKey{key.collection, s.Day}.dayName())}
			s.Segment = nil
		}
	} else {
		s.damage = &segment.CorruptError{File: s.path, Err: fmt.Errorf("the keyring has no key %s", key.keyID())}
	}
	if s.damage != nil {
		a.o.Logger.Error("a segment cannot be read", "file", s.path, "error", s.damage)
	}
	return s
}

// openLog takes back positions, and what is in no segment.
func (a *Archive) openLog() error {
	c, err := wal.LoadCheckpoint(a.disk, a.logKeys...)
	if err != nil {
		return err
	}
	a.next = max(a.next, c.Next, 1)
	for _, p := range c.Positions {
		a.positions.advance(positionKey{p.Source, p.Epoch}, p.Last, int64(p.Used))
	}
	a.trimmed = c.Oldest
	stuck := false
	replay := func(f *wal.Frame) error {
		if err := a.replay(f); err != nil {
			return err
		}
		for a.overfull() && (!stuck || len(a.unpacked()) > 0) {
			if err := a.shrink(); err != nil {
				// The process before had room in memory for about as much, once it is packed.
				a.o.Logger.Warn("events stay in the log, as no segment can be written", "error", err)
				stuck = true
				break
			}
		}
		return nil
	}
	last := len(a.logKeys) - 1
	a.log, err = wal.Open(a.disk, a.logKeys[last], c.Oldest, int64(a.o.LogFileSize), replay, a.logKeys[:last]...)
	if err != nil || last == 0 {
		return err
	}
	if a.renewed, err = a.log.Renew(a.logKeys[last]); errors.Is(err, syscall.ENOSPC) {
		return nil // the older keys stay until there is room, and another start
	}
	return err
}

// replay takes back a frame.
func (a *Archive) replay(f *wal.Frame) error {
	if a.logged == 0 {
		a.logged = f.First
	}
	if f.First > a.next {
		return fmt.Errorf("events from %d to %d are missing", a.next, f.First-1)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	known := a.next
	a.add(f)
	a.next = max(a.next, known)
	return nil
}
