package archive

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/block"
	"github.com/llama-logs/llama/internal/column"
	"github.com/llama-logs/llama/internal/fsys"
	"github.com/llama-logs/llama/internal/seal"
)

var update = flag.Bool("update", false, "write testdata/vectors anew; docs/format.md says when its version has to change with it")

// vectorsFolder has what docs/format.md says of vectors.
const vectorsFolder = "testdata/vectors"

// vectorTime is the day on which the vectors' events arrived.
var vectorTime = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// vectorRows are events that between them need every form of values, of fields, of
// parts of messages and of loose columns.
func vectorRows() []column.Row {
	shape := func(names string, kinds ...llama.Kind) *column.Shape {
		s := &column.Shape{Source: "vectors", Names: strings.Fields(names)}
		s.Kinds = append(kinds, make([]llama.Kind, len(s.Names)-len(kinds))...)
		return s
	}
	cut := func(message string, s *column.Shape, parts ...string) column.Row {
		r := column.Row{Message: message, Shape: s}
		for _, part := range parts {
			if own, ok := strings.CutPrefix(part, "own:"); ok {
				part = own
			} else if at := strings.Index(message, part); at >= 0 && part != "" {
				part = message[at : at+len(part)] // in its memory
			}
			r.Values = append(r.Values, part)
		}
		return r
	}
	typed := shape("integer padded decimal ipv4 hex uuid text dict fixed empty", llama.Number, llama.Number, llama.Number)
	inside := shape("url.original url.path url.query again kind", llama.String, llama.String, llama.String, llama.String, llama.Bool)
	var rows []column.Row
	for i := range 40 {
		ip := fmt.Sprintf("192.0.2.%d", 255-i)
		rows = append(rows, cut(fmt.Sprintf("from %s port %d: é", ip, i*i*i-500), typed,
			fmt.Sprint(i*i*i-500), fmt.Sprintf("%04d", i*97), fmt.Sprintf("%d.%02d", i-3, i), ip, fmt.Sprintf("%016x", uint64(i)*0x9e3779b97f4a7c15),
			fmt.Sprintf("00000000-0000-4000-8000-%012x", i), strings.Repeat("ab ", i%5)+fmt.Sprint("x", i), []string{"red", "green", "blue"}[i%3], "always", ""))
		query := fmt.Sprintf("id=%d", i)
		rows = append(rows, cut("GET /a/b?"+query+" done", inside, "/a/b?"+query, "/a/b", query, "own:"+query, "true"))
		switch i % 8 {
		case 1:
			rows = append(rows, cut("", shape("object array null", llama.Object, llama.Array, llama.Null), `{}`, `[1,"a"]`, "null"))
		case 2:
			rows = append(rows, cut("line one\n\tline two \x00\xff", shape("n", llama.Kind(i%3)), fmt.Sprint(i)))
		case 3:
			rows = append(rows, column.Row{Shape: &column.Shape{}})
		case 4:
			rows = append(rows, cut(strings.Repeat("1 ", 300), shape("wide"), fmt.Sprint(i)))
		}
	}
	for i := range rows {
		unit := []llama.Time{1, 1e3, 1e6, 1e9}[i%3+i%2]
		rows[i].Seq, rows[i].Ingested = uint64(i+1), llama.At(vectorTime)+llama.Time(i/10)
		rows[i].Time = (llama.At(vectorTime) - llama.Time(i*i)*1_234_567) / unit * unit
	}
	rows[5].Time, rows[6].Time = math.MinInt64, math.MaxInt64
	return rows
}

func eventOf(collection string, r *column.Row) llama.Event {
	e := llama.Event{Time: r.Time, Ingested: r.Ingested, Seq: r.Seq, Collection: collection, Source: r.Shape.Source, Message: r.Message}
	for i, name := range r.Shape.Names {
		e.Fields = append(e.Fields, llama.Field{Name: name, Value: r.Values[i], Kind: r.Shape.Kinds[i]})
	}
	return e
}

// A vectorText is a JSON string or, if it is not UTF-8, {"hex": "…"}.
type vectorText string

func (v vectorText) MarshalJSON() ([]byte, error) {
	if utf8.ValidString(string(v)) {
		return json.Marshal(string(v))
	}
	return json.Marshal(map[string]string{"hex": hex.EncodeToString([]byte(v))})
}

// appendVector writes an event as a line of JSON, its fields by name.
func appendVector(dst []byte, e llama.Event) []byte {
	type field struct {
		Name, Value vectorText
		Kind        llama.Kind
	}
	line := struct {
		Seq            uint64
		Time, Ingested int64 `json:",string"`
		Collection     string
		Source         vectorText
		Message        vectorText
		Fields         []field
	}{e.Seq, int64(e.Time), int64(e.Ingested), e.Collection, vectorText(e.Source), vectorText(e.Message), []field{}}
	for _, f := range e.Fields {
		line.Fields = append(line.Fields, field{vectorText(f.Name), vectorText(f.Value), f.Kind})
	}
	slices.SortFunc(line.Fields, func(x, y field) int { return strings.Compare(string(x.Name), string(y.Name)) })
	text, err := json.Marshal(line)
	if err != nil {
		panic(fmt.Sprintf("archive: an event that cannot be written: %v", err))
	}
	return append(append(dst, text...), '\n')
}

// A vectorChunk is a chunk of the block in plain form.
type vectorChunk struct {
	Kind  block.Kind
	Name  string
	Plain string // hexadecimal
}

// vectorChunks encodes the rows as one block.
func vectorChunks(t *testing.T) (chunks []vectorChunk) {
	t.Helper()
	b := block.NewBuilder("forms")
	for _, r := range vectorRows() {
		b.Add(&r)
	}
	err := block.NewEncoder().Encode(b, func(c block.Chunk) error {
		chunks = append(chunks, vectorChunk{c.Kind, c.Name, hex.EncodeToString(c.Data)})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return chunks
}

// golden compares data with a file, or writes it with -update.
func golden(t *testing.T, name string, data []byte) {
	t.Helper()
	file := filepath.Join(vectorsFolder, name)
	if *update {
		if err := os.WriteFile(file, data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(string(data), "\n")); diff != "" {
		t.Errorf("%s (-want +got):\n%.3000s", name, diff)
	}
}

// TestVectorsOfABlock reads the block of the vectors, and writes it again. What is
// written may change while all that was written before can be read: then run it with
// -update. Otherwise the format needs a new version, too.
func TestVectorsOfABlock(t *testing.T) {
	t.Parallel()
	var want, got []byte
	rows := vectorRows()
	for i := range rows {
		want = appendVector(want, eventOf("forms", &rows[i]))
	}
	written, err := json.MarshalIndent(vectorChunks(t), "", " ")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "block.json", append(written, '\n'))
	data, err := os.ReadFile(filepath.Join(vectorsFolder, "block.json"))
	if err != nil {
		t.Fatal(err)
	}
	var chunks []vectorChunk
	if err := json.Unmarshal(data, &chunks); err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, c := range chunks {
		if c.Kind == block.Field {
			names = append(names, c.Name)
		}
	}
	b, err := block.Open("forms", len(rows), names, block.Source{Read: func(kind block.Kind, name string) ([]byte, error) {
		i := slices.IndexFunc(chunks, func(c vectorChunk) bool { return c.Kind == kind && c.Name == name })
		if i < 0 {
			return nil, nil
		}
		return hex.DecodeString(chunks[i].Plain)
	}})
	if err != nil {
		t.Fatal(err)
	}
	events, err := b.Events(nil, 0, b.Rows())
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range events {
		got = appendVector(got, e)
	}
	if !bytes.Equal(want, got) {
		t.Errorf("events (-want +got):\n%s", cmp.Diff(string(want), string(got)))
	}
}

// TestVectorsOfAnArchive opens the archive of the vectors, which today's code may not
// have written, and looks that its events and positions are those beside it. That of the
// version before has the same, and is of today's version from then on.
func TestVectorsOfAnArchive(t *testing.T) {
	t.Parallel()
	if *update {
		makeVectors(t)
	}
	t.Run("today", func(t *testing.T) { opensVectors(t, "archive", "master.key") })
	t.Run("before", func(t *testing.T) { opensVectors(t, "archive-5", "master-5.key") })
}

// TestWrongKeyDoesNotUpgrade: the program before can still open the archive.
func TestWrongKeyDoesNotUpgrade(t *testing.T) {
	t.Parallel()
	disk := vectorsDisk(t, "archive-5")
	if _, err := Open(disk, newMaster(t), Options{FreeFloor: 1}); llama.CodeOf(err) != llama.Conflict {
		t.Fatalf("with another key: %v", err)
	}
	if format, err := fsys.ReadFile(disk, formatName, 100); err != nil || string(format) != formatBefore {
		t.Errorf("format %q, error %v; want %q", format, err, formatBefore)
	}
}

// vectorsDisk returns a copy of an archive among the vectors.
func vectorsDisk(t *testing.T, name string) fsys.FS {
	t.Helper()
	disk := fsys.NewMem()
	folder := os.DirFS(filepath.Join(vectorsFolder, name))
	err := fs.WalkDir(folder, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(folder, name)
		return errors.Join(err, disk.MkdirAll(path.Dir(name)), fsys.Replace(disk, name, data))
	})
	if err != nil {
		t.Fatal(err)
	}
	return disk
}

func opensVectors(t *testing.T, name, key string) {
	t.Helper()
	disk := vectorsDisk(t, name)
	a := open(t, disk, vectorsKey(t, key), Options{FreeFloor: 1, Now: func() time.Time { return vectorTime }})
	events, err := contents(a)
	if err != nil {
		t.Fatal(err)
	}
	var lines []byte
	for _, e := range events {
		lines = appendVector(lines, e)
	}
	golden(t, "events.ndjson", lines)
	if next := a.Next("positions", "epoch"); next != 12 {
		t.Errorf("number %d of a source is expected, want 12", next)
	}
	if err := a.Close(); err != nil { // what is in the log is sealed, in the form of today
		t.Fatal(err)
	}
	a = open(t, disk, vectorsKey(t, key), Options{FreeFloor: 1, Now: func() time.Time { return vectorTime }})
	holds(t, a, events)
	if format, err := fsys.ReadFile(disk, formatName, 100); err != nil || string(format) != formatLine {
		t.Errorf("format %q, error %v; want %q", format, err, formatLine)
	}
}

// vectorsKey opens the vectors' master key, of a copy that nobody else may read.
func vectorsKey(t *testing.T, name string) seal.Master {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(vectorsFolder, name))
	if err != nil {
		t.Fatal(err)
	}
	copied := filepath.Join(t.TempDir(), "master.key")
	if err := os.WriteFile(copied, data, 0o600); err != nil {
		t.Fatal(err)
	}
	m, err := seal.OpenKeyFile(copied)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// makeVectors makes the archive of the vectors: a segment of one block, one that was
// merged, one of another day, positions, and a log with events that are nowhere else.
func makeVectors(t *testing.T) {
	t.Helper()
	folder := filepath.Join(vectorsFolder, "archive")
	key := filepath.Join(vectorsFolder, "master.key")
	if err := errors.Join(os.RemoveAll(folder), os.RemoveAll(key), os.MkdirAll(folder, 0o755)); err != nil {
		t.Fatal(err)
	}
	if _, err := seal.CreateKeyFile(key); err != nil {
		t.Fatal(err)
	}
	disk, err := fsys.Dir(folder)
	if err != nil {
		t.Fatal(err)
	}
	defer disk.Close()
	a := open(t, disk, vectorsKey(t, "master.key"), Options{FreeFloor: 1, LogFileSize: 1000, MergedRows: 1000, Now: func() time.Time { return vectorTime }})
	forms := &llama.Batch{}
	rows := vectorRows()
	for i := range rows {
		forms.Events = append(forms.Events, eventOf("forms", &rows[i]))
	}
	put(t, a, forms)
	sealed(t, a)
	for n := range uint64(6) {
		b := &llama.Batch{Position: llama.Position{Source: "positions", Epoch: "epoch", First: 2 * n, Last: 2*n + 1}}
		for place := 2 * n; place < 2*n+2; place++ {
			for _, collection := range []string{"several", "other-day"} {
				e := llama.Event{Collection: collection, Time: llama.Time(place), Ingested: llama.At(vectorTime), Place: place}
				e.Message = fmt.Sprintf("place %d", place)
				e.Fields = []llama.Field{{Name: "place", Value: e.Message[6:], Kind: llama.Number}}
				if collection == "other-day" {
					e.Ingested -= llama.Time(day)
				}
				b.Events = append(b.Events, e)
			}
		}
		put(t, a, b)
		switch n {
		case 1, 2:
			sealed(t, a)
		case 3:
			sealed(t, a)
			if err := a.upkeep(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := errors.Join(a.log.Close(), a.lock.Close()); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(folder, lockName)); err != nil {
		t.Fatal(err)
	}
}
