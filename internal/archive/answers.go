package archive

import (
	"container/list"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"sync"

	"github.com/llama-logs/llama/internal/column"
	"github.com/llama-logs/llama/internal/fsys"
	"github.com/llama-logs/llama/internal/seal"
)

// Answers are what was computed over whole segments, kept in files beside them; see
// docs/format.md. They are worth nothing but time: what is lost or damaged is computed
// again, so nothing of them is synced, and no error of theirs stops anything.

const (
	answersFolder  = "answers"
	answersContext = "answer 1"
	// answersShare is the largest share of the room that one answer may take.
	answersShare = 8
	// leastAnswers is a room in which nothing fits that share.
	leastAnswers = 1 << 10
	// mergedParts is how many parts an answer over a merged segment has at most.
	mergedParts = 256
)

// answers knows which files there are. The files of one segment are named after it and
// after what they answer.
type answers struct {
	limit int64

	writing sync.Mutex // held while a file is made or removed; before mu

	mu     sync.Mutex
	bytes  int64
	kept   map[*stored]map[string]*list.Element // by tag
	newest *list.List                           // of *answer, the one used last in front
}

// An answer is one file.
type answer struct {
	of    *stored
	tag   string
	path  string
	bytes int64
}

func newAnswers(limit int64) answers {
	return answers{limit: limit, kept: map[*stored]map[string]*list.Element{}, newest: list.New()}
}

// answersFolder returns where the answers over a part's segments are.
func (k partKey) answersFolder() string { return path.Join(answersFolder, k.collection, k.dayName()) }

// sealedOf returns what queries may know of a segment of a part.
func (a *Archive) sealedOf(p *catalogPart, s *stored, reader func() uint64) *column.Sealed {
	sealed := &column.Sealed{Blocks: s.Blocks, Bytes: s.Bytes, MinTime: s.MinTime, MaxTime: s.MaxTime}
	if a.answers.limit < leastAnswers {
		return sealed
	}
	sealed.Find = func(name string) ([][]byte, any) {
		if key, ok := a.keyOf(p); ok {
			return a.recallAnswer(s, name, key, reader())
		}
		return nil, nil
	}
	sealed.Keep = func(name string, parts [][]byte) {
		if key, ok := a.keyOf(p); ok {
			file := a.keepAnswer(p.partKey, s, answerTag(key, name), key, parts)
			a.forgetRemembered(s, name)
			if file != nil {
				a.rememberAnswer(s, name, file, parts, reader())
			}
		}
	}
	sealed.Remember = func(name string, parts [][]byte, made any, bytes int) {
		if _, ok := a.keyOf(p); ok {
			a.rememberMade(s, name, parts, made, bytes, reader())
		}
	}
	return sealed
}

// keyOf returns the key of a part, unless that was destroyed.
func (a *Archive) keyOf(p *catalogPart) (seal.Key, bool) {
	key, ok := a.keyring.Find(p.keyID())
	return key, ok && !p.destroyed.Load()
}

// answerTag returns what the file of an answer is named after: it tells nobody without the
// key what was asked.
func answerTag(key seal.Key, name string) string {
	sum := key.Tag(answersContext, []byte(name))
	return hex.EncodeToString(sum[:])
}

// findAnswer reads an answer, or returns nil.
func (a *Archive) findAnswer(s *stored, tag string, key seal.Key) (*answer, [][]byte) {
	kept := a.answers.find(s, tag)
	if kept == nil {
		return nil, nil
	}
	parts, err := a.readAnswer(kept, key)
	if err != nil {
		a.o.Logger.Debug("a kept answer is computed again", "file", kept.path, "error", err)
		a.dropAnswers(kept)
		return nil, nil
	}
	return kept, parts
}

func (a *Archive) readAnswer(kept *answer, key seal.Key) ([][]byte, error) {
	data, err := fsys.ReadFile(a.disk, kept.path, a.answers.limit)
	if err != nil {
		return nil, err
	}
	plain, err := key.UnsealBlob(answersContext, data, []byte(kept.path))
	if err != nil {
		return nil, err
	}
	return decodeParts(plain)
}

// keepAnswer writes an answer in the place of one that is there, if it is not too large. It
// returns nil when it is not kept.
func (a *Archive) keepAnswer(part partKey, s *stored, tag string, key seal.Key, parts [][]byte) *answer {
	kept := &answer{of: s, tag: tag, path: path.Join(part.answersFolder(), s.Name.String()+"."+tag)}
	data := key.SealBlob(answersContext, encodeParts(parts), []byte(kept.path))
	kept.bytes = int64(len(data))
	free, total, err := a.disk.Free()
	fits := err == nil && kept.bytes <= a.answers.limit/answersShare && free-kept.bytes >= a.o.floor(total)

	a.answers.writing.Lock()
	defer a.answers.writing.Unlock()
	if old := a.answers.find(s, tag); old != nil {
		a.answers.forget(old)
		a.removeAnswer(old.path)
	}
	if len(parts) == 0 || !fits {
		return nil
	}
	if err := a.writeAnswer(kept.path, data); err != nil {
		a.o.Logger.Debug("an answer is not kept", "file", kept.path, "error", err)
		a.removeAnswer(kept.path)
		return nil
	}
	for _, path := range a.answers.add(kept) {
		a.removeAnswer(path)
	}
	if !a.answers.used(kept) { // its segment has gone
		return nil
	}
	return kept
}

func (a *Archive) writeAnswer(name string, data []byte) error {
	if err := a.disk.MkdirAll(path.Dir(name)); err != nil {
		return err
	}
	f, err := a.disk.Create(name)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Close())
}

// removeAnswer removes a file, and its folder with the last. Best effort: what is left
// over goes at the next start.
func (a *Archive) removeAnswer(name string) {
	if err := a.disk.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		a.o.Logger.Warn("an answer that is not needed cannot be removed", "file", name, "error", err)
	}
	a.disk.Remove(path.Dir(name)) // fails while there are others
}

// dropAnswers removes answers.
func (a *Archive) dropAnswers(gone ...*answer) {
	if len(gone) == 0 {
		return
	}
	a.answers.writing.Lock()
	defer a.answers.writing.Unlock()
	for _, one := range gone {
		a.answers.forget(one)
		a.removeAnswer(one.path)
	}
}

// forgetAnswers removes the answers over a segment that is no longer used, for good: who
// still reads it keeps none.
func (a *Archive) forgetAnswers(s *stored) { a.dropAnswers(a.answers.close(s)...) }

// mergeAnswers keeps for a merged segment what there is for all that it was made of:
// parts of answers add up.
func (a *Archive) mergeAnswers(p *part, run []*stored, merged *stored) {
	key, ok := a.keyring.Find(p.keyID())
	if !ok {
		return
	}
	for _, tag := range a.answers.common(run) {
		var parts [][]byte
		for _, s := range run {
			_, found := a.findAnswer(s, tag, key)
			if found == nil {
				parts = nil
				break
			}
			parts = append(parts, found...)
		}
		if len(parts) > 0 && len(parts) <= mergedParts {
			a.keepAnswer(p.partKey, merged, tag, key, parts)
		}
	}
}

// openAnswers finds the answers that an earlier process kept, and removes those that
// belong to nothing.
func (a *Archive) openAnswers() {
	segments := map[string]*stored{}
	for key, p := range a.parts {
		for _, s := range p.segments {
			segments[path.Join(key.answersFolder(), s.Name.String())] = s
		}
	}
	for _, file := range a.filesBelow(answersFolder, 3) {
		name, tag, _ := cutLast(file)
		s := segments[name]
		info, err := a.disk.Stat(file)
		if s == nil || err != nil || len(tag) != 32 {
			a.removeAnswer(file)
			continue
		}
		for _, gone := range a.answers.add(&answer{s, tag, file, info.Size()}) {
			a.removeAnswer(gone)
		}
	}
}

// filesBelow lists the files at a depth below a folder. What cannot be listed is left
// out.
func (a *Archive) filesBelow(folder string, depth int) (files []string) {
	names, _ := a.disk.List(folder) // best effort
	for _, name := range names {
		inner, isFolder := strings.CutSuffix(name, "/")
		switch {
		case isFolder && depth > 1:
			files = append(files, a.filesBelow(path.Join(folder, inner), depth-1)...)
		case !isFolder && depth == 1:
			files = append(files, path.Join(folder, name))
		}
	}
	return files
}

// cutLast cuts a file's name at its last dot.
func cutLast(name string) (before, after string, ok bool) {
	i := strings.LastIndexByte(name, '.')
	if i < 0 {
		return name, "", false
	}
	return name[:i], name[i+1:], true
}

// find returns an answer that is kept, or nil.
func (c *answers) find(s *stored, tag string) *answer {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.kept[s][tag]
	if !ok {
		return nil
	}
	c.newest.MoveToFront(e)
	return e.Value.(*answer)
}

// used takes note that an answer is used, and reports whether it is still kept.
func (c *answers) used(one *answer) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.kept[one.of][one.tag]
	if !ok || e.Value.(*answer) != one {
		return false
	}
	c.newest.MoveToFront(e)
	return true
}

// add takes note of a file, and returns those that have to go for it.
func (c *answers) add(one *answer) (gone []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if one.of.answerless {
		return []string{one.path}
	}
	if c.kept[one.of] == nil {
		c.kept[one.of] = map[string]*list.Element{}
	}
	c.kept[one.of][one.tag] = c.newest.PushFront(one)
	c.bytes += one.bytes
	for c.bytes > c.limit {
		oldest := c.newest.Back()
		gone = append(gone, oldest.Value.(*answer).path)
		c.remove(oldest)
	}
	return gone
}

// forget takes no more note of a file.
func (c *answers) forget(one *answer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e, ok := c.kept[one.of][one.tag]; ok && e.Value.(*answer) == one {
		c.remove(e)
	}
}

// close keeps nothing for a segment any more, and returns what was kept.
func (c *answers) close(s *stored) (all []*answer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s.answerless = true
	for _, e := range c.kept[s] {
		all = append(all, e.Value.(*answer))
	}
	return all
}

// common returns the tags that all segments of a run have.
func (c *answers) common(run []*stored) (tags []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for tag := range c.kept[run[0]] {
		all := true
		for _, s := range run[1:] {
			_, ok := c.kept[s][tag]
			all = all && ok
		}
		if all {
			tags = append(tags, tag)
		}
	}
	return tags
}

func (c *answers) remove(e *list.Element) {
	one := c.newest.Remove(e).(*answer)
	c.bytes -= one.bytes
	delete(c.kept[one.of], one.tag)
	if len(c.kept[one.of]) == 0 {
		delete(c.kept, one.of)
	}
}

// encodeParts writes each part behind its length.
func encodeParts(parts [][]byte) []byte {
	var b []byte
	for _, part := range parts {
		b = append(binary.AppendUvarint(b, uint64(len(part))), part...)
	}
	return b
}

func decodeParts(b []byte) (parts [][]byte, err error) {
	for len(b) > 0 {
		n, size := binary.Uvarint(b)
		if size <= 0 || n > uint64(len(b)-size) {
			return nil, fmt.Errorf("part %d has a wrong length", len(parts))
		}
		end := size + int(n)
		parts = append(parts, b[size:end:end])
		b = b[end:]
	}
	return parts, nil
}
