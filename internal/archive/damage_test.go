package archive

import (
	"bytes"
	"compress/flate"
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/archive/wal"
	"github.com/llama-logs/llama/internal/fsys"
	"github.com/llama-logs/llama/internal/query"
	"github.com/llama-logs/llama/internal/seal"
	"github.com/llama-logs/llama/internal/segment"
	"github.com/prometheus/client_golang/prometheus"
)

// planted is text that may stand in no file.
const planted = "Planted~string~of~an~event"

// TestNothingOfAnEventIsReadable plants text in each part of events, and looks for it
// in all files at all stages, plain, encoded and compressed.
func TestNothingOfAnEventIsReadable(t *testing.T) {
	t.Parallel()
	disk, m := fsys.NewMem(), newMaster(t)
	a := open(t, disk, m, small())
	looked := map[string]bool{}
	look := func(stage string) {
		t.Helper()
		for name, data := range tree(t, disk, ".") {
			looked[strings.SplitN(name, "/", 2)[0]] = true
			if where := shows([]byte(data)); where != "" {
				t.Errorf("%s: %s shows the planted text %s", stage, name, where)
			}
		}
	}
	for i := range uint64(6) {
		const n = 15 // enough for a template
		b := &llama.Batch{Position: llama.Position{Source: planted, Epoch: planted, First: n * i, Last: n*i + n - 1}}
		for place := n * i; place < n*(i+1); place++ {
			e := llama.Event{Collection: "c", Ingested: llama.At(now), Place: place, Source: planted, Message: fmt.Sprint(planted, " ", place, planted)}
			e.Fields = []llama.Field{
				{Name: planted, Value: planted}, {Name: "f", Value: strings.Repeat(planted, 20)},
				{Name: "part", Value: e.Message[len(planted):]}, {Name: "own", Value: fmt.Sprint(planted, -int(place))},
			}
			b.Events = append(b.Events, e)
		}
		put(t, a, b)
		look("in the log")
		if i == 2 || i == 4 {
			continue
		}
		sealed(t, a)
		look("in segments")
	}
	if err := errors.Join(a.upkeep(t.Context()), a.Close()); err != nil {
		t.Fatal(err)
	}
	look("merged and closed")
	if want := []string{"FORMAT", "history", "keyring", "keyring.pages", "lock", "log", "segments"}; !slices.Equal(slices.Sorted(maps.Keys(looked)), want) {
		t.Errorf("looked at %v, want %v", looked, want)
	}
}

// TestPlantedTextIsFound looks that the test above can fail.
func TestPlantedTextIsFound(t *testing.T) {
	t.Parallel()
	encoder, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	var flat bytes.Buffer
	w, _ := flate.NewWriter(&flat, 9) // the level is valid
	w.Write([]byte(strings.Repeat(planted, 3)))
	w.Close()
	long := []byte(strings.Repeat("x"+planted, 10))
	for name, data := range map[string][]byte{
		"plain": []byte(planted), "hexadecimal": []byte(hex.EncodeToString([]byte(planted))),
		"base64": []byte(base64.StdEncoding.EncodeToString([]byte("x" + planted))), "URL base64": []byte(base64.URLEncoding.EncodeToString([]byte("xy" + planted))),
		"S2": s2.Encode(nil, long), "zstd": encoder.EncodeAll(long, nil), "flate": flat.Bytes(),
	} {
		for before := range 3 {
			if shows(slices.Concat(make([]byte, before), data)) == "" {
				t.Errorf("%s behind %d bytes: not found", name, before)
			}
		}
	}
	if where := shows(bytes.Repeat([]byte("something else"), 50)); where != "" {
		t.Errorf("found %s where it is not", where)
	}
}

// shows says where in data the planted text can be read, or nothing.
func shows(data []byte) string {
	if where := readable(data); where != "" {
		return where
	}
	inflater := flate.NewReader(nil) // used again and again, as making one takes long
	for at := range data {
		for name, plain := range unpacked(inflater, data[at:]) {
			if where := readable(plain); where != "" {
				return fmt.Sprintf("%s, as %s at byte %d", where, name, at)
			}
		}
	}
	return ""
}

func readable(data []byte) string {
	if bytes.Contains(data, []byte(planted)) {
		return "plain"
	}
	lower := bytes.ToLower(data)
	if bytes.Contains(lower, []byte(hex.EncodeToString([]byte(planted)))) {
		return "in hexadecimal"
	}
	for shift := range 3 { // where it begins within three bytes; what its neighbours change is left out
		for _, encoding := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
			text := encoding.EncodeToString([]byte(strings.Repeat("\x00", shift) + planted))
			if bytes.Contains(data, []byte(text[4:len(text)-2])) {
				return "in base64"
			}
		}
	}
	return ""
}

var zstdReader, _ = zstd.NewReader(nil, zstd.WithDecoderMaxMemory(1<<20), zstd.WithDecoderConcurrency(1)) // the options are valid

// unpacked returns what data decompresses to, by each way that takes it.
func unpacked(inflater io.Reader, data []byte) map[string][]byte {
	all := map[string][]byte{}
	if bytes.HasPrefix(data, []byte{0x28, 0xb5, 0x2f, 0xfd}) {
		all["zstd"], _ = zstdReader.DecodeAll(data, nil) // what came before an error counts
	}
	if n, err := s2.DecodedLen(data); err == nil && n >= len(planted) && n < 1<<16 {
		room := make([]byte, n)
		s2.Decode(room, data) // as above
		all["S2"] = room
	}
	inflater.(flate.Resetter).Reset(bytes.NewReader(data), nil)
	all["flate"], _ = io.ReadAll(io.LimitReader(inflater, 1<<16)) // as above
	return all
}

// diskOf makes a disk of files.
func diskOf(t *testing.T, files map[string]string) *fsys.Mem {
	t.Helper()
	disk := fsys.NewMem()
	for name, data := range files {
		if err := errors.Join(disk.MkdirAll(path.Dir(name)), fsys.Replace(disk, name, []byte(data))); err != nil {
			t.Fatal(err)
		}
	}
	return disk
}

// smallArchive makes the files of an archive that has all kinds: segments, positions,
// a log that was ended, and one with events that are nowhere else.
func smallArchive(t *testing.T, m seal.Master) (files map[string]string, want []llama.Event) {
	t.Helper()
	disk := fsys.NewMem()
	o := small()
	o.LogFileSize = 200
	a := open(t, disk, m, o)
	b := lines("s", 0, 2)
	put(t, a, b)
	want = append(want, b.Events...)
	b = &llama.Batch{}
	for i := range 30 { // two templates and a loose event
		e := llama.Event{Collection: "c", Ingested: llama.At(now), Time: llama.Time(i) * 1e6, Message: fmt.Sprintf("user u%d from 10.0.0.%d, %d times", i%3, i, i*i)}
		e.Fields = []llama.Field{{Name: "user.name", Value: e.Message[5:7]}, {Name: "process.pid", Value: fmt.Sprint(i % 7), Kind: llama.Number}}
		switch {
		case i == 7:
			e.Fields = append(e.Fields, llama.Field{Name: "f", Value: "of this one only"})
		case i%2 == 0:
			e.Message, e.Fields = fmt.Sprintf("session %08x of é", i*i), nil
		}
		b.Events = append(b.Events, e)
	}
	put(t, a, b)
	want = append(want, b.Events...)
	sealed(t, a)
	for _, span := range [][2]uint64{{3, 5}, {6, 6}, {7, 9}} {
		b := lines("s", span[0], span[1])
		b.Events[0].Fields = []llama.Field{{Name: "f", Value: "1.0", Kind: llama.Number}}
		put(t, a, b)
		want = append(want, b.Events...)
	}
	return tree(t, disk, "."), want
}

// TestEveryDamagedByteIsNamed flips a bit of each byte of an archive, one at a time:
// what is read is right, or there is an error that names file and offset. Only the
// end of the log cannot be told from a write that a power cut tore.
func TestEveryDamagedByteIsNamed(t *testing.T) {
	t.Parallel()
	m := newMaster(t)
	files, want := smallArchive(t, m)
	names := slices.Sorted(maps.Keys(files))
	newest := names[slices.IndexFunc(names, func(name string) bool { return name == "log/positions" })-1]
	kinds := map[string]bool{}
	for _, name := range names {
		kinds[path.Dir(name)+path.Ext(name)] = true
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for at := range len(files[name]) {
				data := []byte(files[name])
				data[at] ^= 1 << (at % 8)
				changed := maps.Clone(files)
				changed[name] = string(data)
				got, err := readAll(t, diskOf(t, changed), m)
				if err != nil && !saysWhere(err, name) {
					t.Fatalf("byte %d: %v", at, err)
				}
				lost := 0
				for i, j := 0, 0; i < len(want); i++ {
					if j < len(got) && diffEvents(want[i:i+1], got[j:j+1]) == "" {
						j++
					} else if lost++; i == len(want)-1 && j < len(got) {
						t.Fatalf("byte %d: a wrong event: %s", at, diffEvents(want, got))
					}
				}
				if len(got)+lost != len(want) {
					t.Fatalf("byte %d: %d events are right of %d", at, len(want)-lost, len(got))
				}
				if lost > 0 && err == nil && name != newest {
					t.Fatalf("byte %d: %d events are missing, and nobody says so", at, lost)
				}
			}
		})
	}
	if got := slices.Sorted(maps.Keys(kinds)); !slices.Equal(got, []string{".", "history", "keyring.pages", "log", "log.log", "segments/c/2026-11-20.000001"}) {
		t.Errorf("kinds of files: %v", got)
	}
}

// isKeyring reports whether a file is the keyring or one of its pages.
func isKeyring(name string) bool { return strings.HasPrefix(name, keyringName) }

// saysWhere reports whether an error says which file is damaged, and where.
func saysWhere(err error, name string) bool {
	if name == formatName || isKeyring(name) {
		return strings.Contains(err.Error(), strings.ToLower(name)) // they are known as a whole only
	}
	corrupt, ok := errors.AsType[*segment.CorruptError](err)
	return ok && corrupt.File == name && strings.Contains(err.Error(), fmt.Sprint("byte ", corrupt.Offset))
}

// readAll opens an archive and returns what can be read, and the first error.
func readAll(t *testing.T, disk fsys.FS, m seal.Master) (events []llama.Event, first error) {
	t.Helper()
	a, err := Open(disk, m, small())
	if err != nil {
		return nil, err
	}
	s := a.Snapshot()
	defer s.Close()
	for _, ref := range s.refs("", math.MinInt64, math.MaxInt64) {
		b, err := ref.Read(context.Background())
		var part []llama.Event
		if err == nil {
			part, err = b.Events(nil, 0, b.Rows())
		}
		if err == nil {
			events = append(events, part...)
		} else if first == nil {
			first = err
		}
	}
	slices.SortFunc(events, func(x, y llama.Event) int { return int(x.Seq) - int(y.Seq) })
	return events, first
}

// TestOverlappingSegmentLeavesTheRest gives a segment the name of one that overlaps
// another, or replaces it, which nothing here does: the archive opens, and reading says
// what is wrong.
func TestOverlappingSegmentLeavesTheRest(t *testing.T) {
	t.Parallel()
	for _, first := range []uint64{1, 2} {
		overlapping(t, first)
	}
}

func overlapping(t *testing.T, first uint64) {
	disk, m := fsys.NewMem(), newMaster(t)
	a := open(t, disk, m, small())
	for i := range uint64(3) {
		put(t, a, lines("s", 3*i, 3*i+2)) // two events
		sealed(t, a)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	folder := partKey{"c", wal.DayOf(llama.At(now))}.folder()
	from, to := segment.Name{First: 3, Last: 4, Generation: 1}, segment.Name{First: first, Last: 4, Generation: 1}
	if err := disk.Rename(path.Join(folder, from.String()), path.Join(folder, to.String())); err != nil {
		t.Fatal(err)
	}
	events, err := readAll(t, disk, m)
	victim, liar := path.Join(folder, segment.Name{First: 1, Last: 2, Generation: 1}.String()), path.Join(folder, to.String())
	if corrupt, ok := errors.AsType[*segment.CorruptError](err); !ok || corrupt.File != liar || len(events) != 4 {
		t.Errorf("%d events, want 4, and %v, want damage in %s", len(events), err, liar)
	}
	if _, err := disk.Stat(victim); err != nil {
		t.Errorf("it was removed: %v", err)
	}
}

// TestQueryMeetsDamage asks over an archive with a damaged block and a damaged segment:
// the query fails and says where, or leaves them out and says how many; each is counted.
func TestQueryMeetsDamage(t *testing.T) {
	t.Parallel()
	m := newMaster(t)
	disk := fsys.NewMem()
	a := open(t, disk, m, small())
	for i := range uint64(3) {
		put(t, a, lines("s", 20*i, 20*i+19))
		sealed(t, a)
	}
	total := int(a.next - 1)
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	files := tree(t, disk, ".")
	segments := segmentsOf(files, segmentsFolder)
	damage := func(name string, at int) {
		data := []byte(files[name])
		data[at] ^= 1
		files[name] = string(data)
	}
	damage(segments[0], 30)                          // its first block
	damage(segments[2], len(files[segments[2]])-100) // its summary
	registry := prometheus.NewRegistry()
	o := small()
	o.Metrics = registry
	a = open(t, diskOf(t, files), m, o)
	defer a.Close()
	number := func(text string) int { n, _ := strconv.Atoi(text); return n } // what is none is 0, which is wrong
	ask := func(text string) (n string, err error) {
		q, err := query.Parse(text, now)
		if err != nil {
			t.Fatal(err)
		}
		s := a.Snapshot()
		defer s.Close()
		err = q.Execute(t.Context(), s, query.RunOptions{}, func(r query.Row) error { n = r[0].Value; return nil })
		return n, err
	}
	_, err := ask("* | stats count() n, count_uniq(_msg) m")
	if err == nil || !strings.Contains(err.Error(), "is damaged at byte") {
		t.Errorf("damage is not told: %v", err)
	}
	n, err := ask("options(skip_damaged=true) * | stats count() n, count_uniq(_msg) m")
	if !errors.Is(err, query.ErrSkipped) || !strings.Contains(err.Error(), "left out: 2,") || number(n) == 0 || number(n) >= total {
		t.Errorf("%s of %d events, error %v", n, total, err)
	}
	counted := 0.0
	families, err := registry.Gather()
	for _, f := range families {
		if f.GetName() == "llama_archive_damaged_reads_total" {
			counted = f.GetMetric()[0].GetCounter().GetValue()
		}
	}
	if counted < 3 || err != nil {
		t.Errorf("%v times counted, error %v", counted, err)
	}
}
