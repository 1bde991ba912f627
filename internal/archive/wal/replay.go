package wal

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"syscall"

	"github.com/llama-logs/llama/internal/fsys"
	"github.com/llama-logs/llama/internal/seal"
	"github.com/llama-logs/llama/internal/segment"
)

// Open plays back the log in the folder of an archive and returns it, ready to be
// written to. Replay gets each frame once, in order; what it gets is durable, but
// on a full disk. Files that are older than oldest, which a Checkpoint names, are
// removed. Damage is a *segment.CorruptError. A file is ended when it has reached
// fileSize. New files are sealed under key, those that are there under it or any of
// older.
func Open(disk fsys.FS, key seal.Key, oldest uint64, fileSize int64, replay func(*Frame) error, older ...seal.Key) (*Log, error) {
	l := &Log{
		disk: disk, keys: append(slices.Clone(older), key), fileSize: fileSize, next: max(1, oldest),
		wanted: make(chan struct{}, 1), wantedLength: fileSize,
	}
	if err := disk.SyncDir(Folder); err != nil { // what a killed process did not live to sync is built on now
		return nil, err
	}
	chain, err := l.chain(oldest)
	if err != nil {
		return nil, err
	}
	seq := uint64(0)
	shapes := &Shapes{}
	for i, old := range chain {
		p := &player{disk: disk, name: fileName(old.number), header: old, last: i == len(chain)-1, seq: seq, shapes: shapes}
		if !p.last {
			p.end = int64(chain[i+1].durable)
		}
		f, err := p.play(replay)
		if err != nil {
			return nil, err
		}
		seq = p.seq
		if p.last {
			l.owed = p.tail
		}
		if p.last && f.durable == headerSize { // nothing in it is durable; the next file takes its place
			l.next = old.number
			continue
		}
		l.files = append(l.files, f)
		l.bytes.Add(f.durable)
		l.next = old.number + 1
	}
	return l, l.playOwed(replay)
}

// playOwed writes the frames again of which it is not known that they are durable,
// and plays them back. On a full disk they are played back all the same, so that
// there can be reading; the next Write writes them first.
func (l *Log) playOwed(replay func(*Frame) error) error {
	owed := l.owed
	if err := l.settle(); err != nil && !errors.Is(err, syscall.ENOSPC) {
		return err
	}
	for _, f := range owed {
		if err := replay(f); err != nil {
			return fmt.Errorf("replay the end of the log: %w", err)
		}
	}
	return nil
}

// chain returns the headers of the files that make up the log, and removes others.
func (l *Log) chain(oldest uint64) ([]*header, error) {
	numbers, err := l.numbers()
	if err != nil {
		return nil, err
	}
	var chain []*header
	want := uint64(0) // 0: the newest that has a header
	for _, number := range slices.Backward(numbers) {
		if want > number && number >= oldest {
			break // it is missing, and what is left may help to find out why
		}
		if number < oldest || want > 0 && number != want {
			if err := l.disk.Remove(fileName(number)); err != nil {
				return nil, err
			}
			continue
		}
		h, err := l.header(number, len(chain) == 0)
		if err != nil {
			return nil, err
		}
		if h == nil {
			continue // it was removed
		}
		chain = append(chain, h)
		want = h.before
		if want < oldest {
			want = 0
			oldest = number // all that is left is not part of the log
		}
	}
	if want > 0 {
		return nil, &segment.CorruptError{File: fileName(want), Err: errors.New("the log file is missing")}
	}
	slices.Reverse(chain)
	return chain, nil
}

// numbers returns the numbers of the log files there are.
func (l *Log) numbers() ([]uint64, error) {
	names, err := l.disk.List(Folder)
	if err != nil {
		return nil, err
	}
	var numbers []uint64
	for _, name := range names {
		if number, ok := parseName(name); ok {
			numbers = append(numbers, number)
		} else if path.Ext(name) == ".tmp" {
			if err := l.disk.Remove(path.Join(Folder, name)); err != nil {
				return nil, err
			}
		}
	}
	slices.Sort(numbers)
	return numbers, nil
}

// header reads the header of a file. It returns nil when the file is the newest and has
// zeros where a first frame would be, behind a header that is not whole: then nothing in
// it was ever acknowledged, and it is removed.
func (l *Log) header(number uint64, newest bool) (*header, error) {
	name := fileName(number)
	f, err := l.disk.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close() // it was only read
	data := make([]byte, headerSize)
	if n, err := f.ReadAt(data, 0); n < headerSize && err != io.EOF {
		return nil, err
	}
	h, err := decodeHeader(data, number, l.keys)
	if err == nil {
		return h, nil
	}
	if empty, readErr := unused(f); readErr != nil {
		return nil, readErr
	} else if !newest || !empty {
		return nil, &segment.CorruptError{File: name, Err: err}
	}
	return nil, l.disk.Remove(name)
}

// A player reads one file.
type player struct {
	disk   fsys.FS
	name   string
	header *header
	last   bool
	end    int64  // where it ends, unless it is the last
	seq    uint64 // the arrival number to come, 0 when that is not known
	sealer *seal.Sealer
	shapes *Shapes
	file   fsys.File
	buf    []byte

	tail []*Frame // read, but not yet known to be durable
	ends []int64  // where each of them ends
}

// play hands each frame that is durable to replay, leaves others in tail, and
// returns what the file holds.
//
// A frame of the last file is durable when a later one says so. To sync the file now
// would prove nothing: when a sync has failed the system may show bytes, until the
// power is cut, that it has given up writing.
func (p *player) play(replay func(*Frame) error) (file, error) {
	var err error
	if p.file, err = p.disk.Open(p.name); err != nil {
		return file{}, err
	}
	defer p.file.Close() // it was only read
	size, err := p.file.Size()
	if err != nil {
		return file{}, err
	}
	if p.last {
		p.end = size
	}
	p.sealer = p.header.key.File(framesOfFile)
	f := file{number: p.header.number, durable: headerSize}
	at := f.durable
	for number := uint64(1); at < p.end; number++ {
		frame, head, err := p.frame(at, number)
		if errors.Is(err, errFrame) && p.last {
			return f, p.torn(at, size, err)
		} else if errors.Is(err, errFrame) || err == nil && p.seq > 0 && frame.First != p.seq {
			return f, p.corrupt(at, errors.Join(err, p.order(frame)))
		} else if err != nil {
			return f, err
		}
		at += frameHeader + int64(head.length)
		p.tail, p.ends = append(p.tail, frame), append(p.ends, at)
		p.seq = frame.First + uint64(frame.Events)
		f.first, f.last = frame.widen(f.first, f.last)
		durable := p.end
		if p.last {
			durable = int64(min(head.durable, uint64(at)))
		}
		if err := p.hand(&f, durable, replay); err != nil {
			return f, err
		}
	}
	if at != p.end {
		return f, p.corrupt(at, fmt.Errorf("a frame crosses the file's end at byte %d", p.end))
	}
	return f, nil
}

// hand hands those of tail to replay that end at durable or before.
func (p *player) hand(f *file, durable int64, replay func(*Frame) error) error {
	n := 0
	for n < len(p.tail) && p.ends[n] <= durable {
		p.tail[n].packed = nil
		if err := replay(p.tail[n]); err != nil {
			return fmt.Errorf("replay %s, byte %d: %w", p.name, f.durable, err)
		}
		f.durable = p.ends[n]
		n++
	}
	p.tail, p.ends = slices.Delete(p.tail, 0, n), slices.Delete(p.ends, 0, n)
	return nil
}

func (p *player) corrupt(offset int64, err error) error {
	return &segment.CorruptError{File: p.name, Offset: offset, Err: err}
}

// order says that a frame does not follow.
func (p *player) order(f *Frame) error {
	if f == nil {
		return nil
	}
	return fmt.Errorf("events from %d on, %d is next", f.First, p.seq)
}

// frame reads the frame at offset. The error wraps errFrame when it is not whole.
func (p *player) frame(offset int64, number uint64) (*Frame, frameHead, error) {
	head, err := p.read(offset, frameHeader)
	if err != nil {
		return nil, frameHead{}, err
	}
	h, err := decodeHead(head, p.header.salt[:])
	if err != nil {
		return nil, h, err
	}
	if h.number != number {
		return nil, h, fmt.Errorf("%w: number %d, not %d", errFrame, h.number, number)
	}
	data, err := p.read(offset, frameHeader+h.length)
	if err != nil {
		return nil, h, err
	}
	sealed := data[frameHeader:]
	plain, err := p.sealer.Unseal(sealed[:0], sealed, data[:frameHeader], number)
	if err != nil {
		return nil, h, fmt.Errorf("%w: %w", errFrame, err)
	}
	f, err := decodeFrame(plain, p.shapes)
	if errors.Is(err, ErrBody) {
		return nil, h, p.corrupt(offset, err)
	}
	if err == nil && p.last {
		f.packed = slices.Clone(plain) // it may have to be written again
	}
	return f, h, err
}

// read reads into the player's buffer. A file that ends before is not whole.
func (p *player) read(offset int64, length int) ([]byte, error) {
	if offset+int64(length) > p.end {
		return nil, fmt.Errorf("%w: the file ends before", errFrame)
	}
	p.buf = slices.Grow(p.buf[:0], length)[:length]
	if n, err := p.file.ReadAt(p.buf, offset); n < length {
		if err == io.EOF {
			return nil, fmt.Errorf("%w: the file ends before", errFrame)
		}
		return nil, err
	}
	return p.buf, nil
}

// torn accepts that the last file ends at offset, where frame is not whole, unless a
// frame behind it says that this one was synced. What is there stays: the next file
// will say how much of this one counts.
func (p *player) torn(offset, size int64, why error) error {
	acknowledged, err := p.syncedBeyond(offset, size)
	if err != nil {
		return err
	}
	if acknowledged {
		return p.corrupt(offset, why)
	}
	return nil
}

// syncedBeyond looks for the header of a frame behind offset, written when more
// than offset was durable.
func (p *player) syncedBeyond(offset, size int64) (bool, error) {
	const window = 1 << 20
	buf := make([]byte, window+frameHeader)
	for at := offset; at < size; at += window {
		n, err := p.file.ReadAt(buf[:min(int64(len(buf)), size-at)], at)
		if err != nil && err != io.EOF {
			return false, err
		}
		for i := 0; i+frameHeader <= n; i++ {
			next := bytes.Index(buf[i:n], []byte(frameMagic))
			if next < 0 {
				break
			}
			i += next
			if h, err := decodeHead(buf[i:n], p.header.salt[:]); err == nil && h.durable > uint64(offset) {
				return true, nil
			}
		}
	}
	return false, nil
}

// Exists reports whether there is a log in the folder of an archive.
func Exists(disk fsys.FS) (bool, error) {
	names, err := disk.List(Folder)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return len(names) > 0, err
}
