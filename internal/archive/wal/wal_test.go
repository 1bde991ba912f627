package wal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/klauspost/compress/s2"
	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/fsys"
	"github.com/llama-logs/llama/internal/seal"
	"github.com/llama-logs/llama/internal/segment"
	"pgregory.net/rapid"
)

// events draws a batch of few shapes, with values that are cut out of the message,
// repeated, or neither.
func events(t *rapid.T) []llama.Event {
	text := rapid.SampledFrom([]string{"", "a", "root", "\xff\x00", strings.Repeat("long", 50)})
	ingested := rapid.OneOf(rapid.Int64(), rapid.Int64Range(-2, 2))
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) llama.Event {
		e := llama.Event{
			Time: llama.Time(rapid.Int64().Draw(t, "time")), Ingested: llama.Time(ingested.Draw(t, "ingested")),
			Collection: rapid.SampledFrom([]string{"sshd", "c"}).Draw(t, "collection"),
			Source:     rapid.SampledFrom([]string{"", "udp"}).Draw(t, "source"), Message: text.Draw(t, "message"),
		}
		for i := range rapid.IntRange(0, 10).Draw(t, "fields") {
			f := llama.Field{Name: fmt.Sprint("n", i*rapid.IntRange(1, 2).Draw(t, "n")), Value: text.Draw(t, "value")}
			if rapid.Bool().Draw(t, "cut") {
				from := rapid.IntRange(0, len(e.Message)).Draw(t, "from")
				f.Value = e.Message[from:rapid.IntRange(from, len(e.Message)).Draw(t, "to")]
			}
			f.Kind = llama.Kind(rapid.IntRange(0, int(llama.Object)).Draw(t, "kind"))
			e.Fields = append(e.Fields, f)
		}
		return e
	}), 0, 30).Draw(t, "events")
}

// decode returns the events of a frame, whose first has number 1.
func decode(f *Frame, shapes *Shapes) ([]llama.Event, error) {
	all := make([]llama.Event, f.Events)
	r := NewReader(shapes)
	for i := range f.Sections {
		s := &f.Sections[i]
		r.Read(s.Events, 1)
		for row := r.Next(); row != nil; row = r.Next() {
			e := llama.Event{Time: row.Time, Ingested: row.Ingested, Collection: s.Collection, Source: row.Shape.Source, Message: row.Message}
			for i, value := range row.Values {
				e.Fields = append(e.Fields, llama.Field{Name: row.Shape.Names[i], Value: value, Kind: row.Shape.Kinds[i]})
			}
			all[row.Seq-1] = e
		}
		if r.Err() != nil {
			return nil, r.Err()
		}
	}
	return all, nil
}

// again returns a frame as it is read from the log.
func again(f *Frame, shapes *Shapes) (*Frame, error) {
	binary.BigEndian.PutUint64(f.packed, f.First)
	return decodeFrame(f.packed, shapes)
}

func encode(t interface{ Fatal(...any) }, p llama.Position, events []llama.Event) *Frame {
	var e Encoder
	f, err := e.Encode(p, events)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestFrameRoundTrip(t *testing.T) {
	t.Parallel()
	encoders := []Encoder{{}, {wideOf: 3}} // used again and again
	var shapes Shapes
	rapid.Check(t, func(t *rapid.T) {
		want := events(t)
		e := &encoders[rapid.IntRange(0, 1).Draw(t, "encoder")]
		var position llama.Position
		if rapid.Bool().Draw(t, "positioned") {
			position = llama.Position{Source: "s", Epoch: rapid.String().Draw(t, "epoch"), First: rapid.Uint64().Draw(t, "first"), Last: rapid.Uint64().Draw(t, "last")}
		}
		f, err := e.Encode(position, want)
		if err != nil {
			t.Fatal(err)
		}
		got, err := decode(f, &shapes)
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" || err != nil {
			t.Fatalf("error %v, events (-want +got):\n%s", err, diff)
		}
		read, err := again(f, &shapes)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(f, read, cmp.AllowUnexported(Events{}), cmpopts.IgnoreUnexported(Frame{}), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("as it is read back (-want +got):\n%s", diff)
		}
	})
}

// TestSharedShapesChangeNothing has sections share the definition of their first shape,
// and others try to.
func TestSharedShapesChangeNothing(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		batch := events(t)
		f := encode(t, llama.Position{}, batch)
		want, err := decode(f, &Shapes{})
		if err != nil {
			t.Fatal(err)
		}
		for i := range f.Sections {
			s := &f.Sections[i]
			before := s.Bytes()
			s.Share("another")
			if s.Bytes() != before {
				t.Fatal("it shares a shape of others")
			}
			kept := strings.Clone(s.Shapes[0])
			s.Share(kept)
			once := s.Bytes()
			if shares := 4*len(kept) >= before; shares != (once < before) {
				t.Fatalf("%d bytes and %d when it shares %d", before, once, len(kept))
			}
			if s.Share(kept); s.Bytes() != once {
				t.Fatal("it shares twice")
			}
		}
		got, err := decode(f, &Shapes{})
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" || err != nil {
			t.Fatalf("error %v, events (-want +got):\n%s", err, diff)
		}
	})
}

// TestValuesStayPartsOfTheMessage reads events whose values were cut out of their
// message: they share its memory again, also when the event before had the same.
func TestValuesStayPartsOfTheMessage(t *testing.T) {
	t.Parallel()
	var batch []llama.Event
	for range 3 {
		message := strings.Clone("login of root from 192.0.2.7")
		batch = append(batch, llama.Event{Collection: "c", Message: message, Fields: []llama.Field{
			{Name: "action", Value: "login of"}, {Name: "user", Value: message[9:13]}, {Name: "ip", Value: message[19:]}, {Name: "all", Value: message},
		}})
	}
	f := encode(t, llama.Position{}, batch)
	if f.Sections[0].Size() > 300 {
		t.Errorf("%d bytes for three events", f.Sections[0].Size())
	}
	f, err := again(f, &Shapes{})
	if err != nil {
		t.Fatal(err)
	}
	r := NewReader(&Shapes{})
	r.Read(f.Sections[0].Events, 1)
	for i := range batch {
		row := r.Next()
		if row.Outside != 1 {
			t.Errorf("event %d: %d values are outside of the message, not one", i, row.Outside)
		}
		for j, want := range []int{-1, 9, 19, 0} {
			offset, ok := within(row.Message, row.Values[j])
			if ok != (want >= 0) || ok && int(offset) != want || row.Values[j] != batch[i].Fields[j].Value {
				t.Errorf("event %d, value %d: %q at %d, %v, want %d", i, j, row.Values[j], offset, ok, want)
			}
		}
	}
}

// TestSectionsAreByCollectionAndDay puts few and many of them into one frame.
func TestSectionsAreByCollectionAndDay(t *testing.T) {
	t.Parallel()
	for _, collections := range []int{1, 2, 15, 16, 17, 200} {
		var batch []llama.Event
		for i := range 3 * collections {
			batch = append(batch, llama.Event{Collection: fmt.Sprint("c", i%collections), Ingested: llama.Time(i/collections/2) * nanosOfDay, Message: fmt.Sprint(i)})
		}
		f := encode(t, llama.Position{}, batch)
		got, err := decode(f, &Shapes{})
		if !cmp.Equal(batch, got, cmpopts.EquateEmpty()) || err != nil || len(f.Sections) != 2*collections {
			t.Errorf("%d collections on two days: %d sections, error %v", collections, len(f.Sections), err)
		}
	}
}

// TestSectionsAreBounded encodes more events of one kind than a section may have, and
// events that all have names of their own.
func TestSectionsAreBounded(t *testing.T) {
	t.Parallel()
	var batch []llama.Event
	for i := range 2*MaxRows + 1 {
		e := llama.Event{Collection: "c", Message: fmt.Sprint(i)}
		for j := range 40 * (i % 2) {
			e.Fields = append(e.Fields, llama.Field{Name: fmt.Sprint(i, j)})
		}
		batch = append(batch, e)
	}
	for name, batch := range map[string][]llama.Event{"wide": batch, "plain": make([]llama.Event, 2*MaxRows+1)} {
		f := encode(t, llama.Position{}, batch)
		for _, s := range f.Sections {
			names := len(s.Names)
			for _, definition := range s.Shapes {
				names += len(slices.Collect(NamesIn(definition)))
			}
			if s.Rows > MaxRows || s.Rows*names > maxCells {
				t.Errorf("%s: a section of %d events and %d names", name, s.Rows, names)
			}
		}
		got, err := decode(f, &Shapes{})
		if !slices.EqualFunc(batch, got, sameEvent) || err != nil || len(f.Sections) < 3 {
			t.Errorf("%s: %d sections, error %v", name, len(f.Sections), err)
		}
	}
}

// sameEvent is quicker than cmp.Equal.
func sameEvent(x, y llama.Event) bool {
	fields := slices.Equal(x.Fields, y.Fields)
	x.Fields, y.Fields = nil, nil
	return fields && reflect.DeepEqual(x, y)
}

func TestEncodeRefuses(t *testing.T) {
	t.Parallel()
	var e Encoder
	long := strings.Repeat("x", MaxBody/2)
	for name, event := range map[string]llama.Event{
		"a kind":    {Collection: "c", Fields: []llama.Field{{Name: "f", Kind: llama.Object + 1}}},
		"messages":  {Collection: "c", Message: long},
		"values":    {Collection: "c", Fields: []llama.Field{{Name: "f", Value: long}, {Name: "g", Value: long}}},
		"the names": {Collection: "c", Fields: []llama.Field{{Name: long + long}}},
	} {
		if _, err := e.Encode(llama.Position{}, []llama.Event{event, event}); llama.CodeOf(err) != llama.Invalid && llama.CodeOf(err) != llama.TooLarge {
			t.Errorf("%s: error %v", name, err)
		}
	}
	good := []llama.Event{{Collection: "c", Message: "m"}}
	f, err := e.Encode(llama.Position{}, good)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := decode(f, &Shapes{}); !cmp.Equal(good, got, cmpopts.EquateEmpty()) || err != nil {
		t.Errorf("after that: %v, %v", got, err)
	}
}

// TestDecodeRefuses reads bodies that are wrong in one way each.
func TestDecodeRefuses(t *testing.T) {
	t.Parallel()
	// An event of section c is: gap, shape, _time, ingested, message, marks, values.
	section := func(day byte, events byte, data string) string {
		return "\x01c" + string([]byte{day, 0, 0, 0, events, 0, 0, 0, byte(len(data))}) + data
	}
	const (
		plain  = "\x00\x02\x00\x00" // a new shape without a source and fields
		fields = "\x00\x08\x00\x02\x01a\x00\x01b\x01"
		own    = "\x01\x00\x00\x02\x00\x01a\x00\x00\x01b\x01"
		rest   = "\x00\x00\x02ab"
	)
	tests := []struct {
		name, body string
		events     int
		good       bool
	}{
		{"an event", section(0, 1, "\x00"+plain+rest), 1, true},
		{"two events", section(0, 2, "\x00"+plain+rest+"\x00\x02"+rest), 2, true},
		{"two sections", section(0, 1, "\x00"+plain+rest) + section(0, 1, "\x01"+plain+rest), 2, true},
		{"values", section(0, 1, "\x00"+fields+rest+"\x00\x02x\x03\x01"), 1, true},
		{"a value as before", section(0, 1, "\x00"+fields+rest+"\x03"), 1, true},
		{"no event", "", 1, false},
		{"an event too few", section(0, 1, "\x00"+plain+rest), 2, false},
		{"an event too many", section(0, 2, "\x00"+plain+rest+"\x00\x02"+rest), 1, false},
		{"fewer than said", section(0, 2, "\x00"+plain+rest), 1, false},
		{"more than said", section(0, 1, "\x00"+plain+rest+"\x00\x02"+rest), 2, false},
		{"an empty section", section(0, 0, ""), 0, false},
		{"a number again", section(0, 1, "\x00"+plain+rest) + section(0, 1, "\x00"+plain+rest), 2, false},
		{"numbers that go back", section(0, 2, "\x01"+plain+rest+"\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01\x02"+rest), 2, false},
		{"sections that go back", section(0, 1, "\x01"+plain+rest) + section(0, 1, "\x00"+plain+rest), 2, false},
		{"another day", section(2, 1, "\x00"+plain+rest), 1, false},
		{"no such shape", section(0, 1, "\x00\x02"+rest), 1, false},
		{"fields of its own", section(0, 1, "\x00"+own+rest+"\x02x\x03\x01"), 1, true},
		{"fields of their own", section(0, 2, "\x00"+own+rest+"\x02x\x03\x01"+"\x00\x01\x01\x02\x02\x01"+rest+"\x00\x00"), 2, true},
		{"no such source", section(0, 1, "\x00\x01\x01\x00"+rest), 1, false},
		{"no such field", section(0, 1, "\x00\x01\x00\x00\x01\x01"+rest+"\x00"), 1, false},
		{"an own field of no such kind", section(0, 1, "\x00\x01\x00\x00\x01\x00\x01a\x06"+rest+"\x00"), 1, false},
		{"more own fields than bytes", section(0, 1, "\x00\x01\x00\x00\x7f"+rest), 1, false},
		{"no values of own fields", section(0, 1, "\x00"+own+rest), 1, false},
		{"a long shape", section(0, 1, "\x00\x00\x03\x00\x00\x00"+rest), 1, false},
		{"a short shape", section(0, 1, "\x00\x00\x01\x00"+rest), 1, false},
		{"fields without names", section(0, 1, "\x00\x00\x02\x00\x7f"+rest), 1, false},
		{"no such kind", section(0, 1, "\x00\x00\x05\x00\x01\x01a\x06"+rest+"\x01"), 1, false},
		{"a part behind the message", section(0, 1, "\x00"+fields+rest+"\x00\x02x\x03\x02"), 1, false},
		{"a part longer than the message", section(0, 1, "\x00"+fields+rest+"\x00\x02x\x07\x00"), 1, false},
		{"a value beyond the end", section(0, 1, "\x00"+fields+rest+"\x02\x04x"), 1, false},
		{"no marks", section(0, 1, "\x00"+fields+rest), 1, false},
		{"a section beyond the end", section(0, 1, "\x00"+plain+rest)[:18], 1, false},
	}
	for _, tt := range tests {
		f := &Frame{Events: tt.events}
		if err := f.decodeBody("\x00"+tt.body, &Shapes{}); tt.good && err != nil || !tt.good && !errors.Is(err, ErrBody) {
			t.Errorf("%s: error %v", tt.name, err)
		}
	}
}

// TestSectionsThatBeginWideShareNoShape: the first shape is not at their beginning.
func TestSectionsThatBeginWideShareNoShape(t *testing.T) {
	t.Parallel()
	const shape = "a definition"
	data := binary.AppendUvarint(nil, 0)
	data = binary.AppendUvarint(data, shapeOwn)
	data = append(appendString(data, "source"), shapeNew)
	data = appendString(data, shape)
	s := Section{Shapes: []string{shape}, Events: Events{data: string(data)}}
	if s.Share(shape); s.data != string(data) || s.shape != "" {
		t.Errorf("%q was cut to %q, with the shape %q", data, s.data, s.shape)
	}
}

// TestShapesAreSharedAndBounded reads one definition twice, and very many.
func TestShapesAreSharedAndBounded(t *testing.T) {
	t.Parallel()
	var shapes Shapes
	definition := func(i int) string {
		f := encode(t, llama.Position{}, []llama.Event{{Collection: "c", Source: fmt.Sprint(i, strings.Repeat("s", 10_000)), Fields: []llama.Field{{Name: "_msg"}}}})
		return f.Sections[0].Shapes[0]
	}
	first, err := shapes.Of(definition(1))
	second, err2 := shapes.Of(definition(1))
	if err != nil || err2 != nil || first != second || first.Names[0] != "labels._msg" {
		t.Errorf("%p and %p, %v, %v: %v", first, second, err, err2, first)
	}
	if names := slices.Collect(NamesIn(definition(1))); !slices.Equal(names, []string{"_msg"}) {
		t.Errorf("names %q", names)
	}
	for i := range 1000 {
		if _, err := shapes.Of(definition(i)); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(shapes.known) * 10_000; n > maxShapeBytes || n < maxShapeBytes/10 || shapes.bytes > maxShapeBytes {
		t.Errorf("%d bytes are kept", n)
	}
}

// written is a log with some groups of frames, and the bodies in it.
type written struct {
	disk   *fsys.Mem
	key    seal.Key
	bodies []string
	next   uint64
}

// write opens the log and writes groups of frames, one event each.
func (w *written) write(t *testing.T, disk fsys.FS, groups ...int) *Log {
	t.Helper()
	l, err := Open(disk, w.key, 0, 400, func(*Frame) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range groups {
		var frames []*Frame
		for range n {
			frames = append(frames, w.frame())
		}
		if err := l.Write(frames); err != nil {
			t.Fatal(err)
		}
	}
	return l
}

func (w *written) frame() *Frame {
	message := fmt.Sprint("event ", w.next, strings.Repeat("x", 100))
	var e Encoder
	f, err := e.Encode(llama.Position{}, []llama.Event{{Collection: "c", Message: message}})
	if err != nil {
		panic(err)
	}
	f.First = w.next
	w.bodies = append(w.bodies, f.Sections[0].data)
	w.next++
	return f
}

func newWritten(t *testing.T) *written {
	w := &written{disk: fsys.NewMem(), key: seal.NewKey(), next: 1}
	if err := errors.Join(w.disk.MkdirAll(Folder), w.disk.SyncDir(".")); err != nil {
		t.Fatal(err)
	}
	return w
}

// replayed returns the bodies that the log holds.
func (w *written) replayed(disk fsys.FS, oldest uint64) (bodies []string, err error) {
	_, err = Open(disk, w.key, oldest, 400, func(f *Frame) error {
		bodies = append(bodies, f.Sections[0].data)
		return nil
	})
	return bodies, err
}

func TestLogPlaysBackWhatWasWritten(t *testing.T) {
	t.Parallel()
	w := newWritten(t)
	for range 3 { // over several starts and files
		w.write(t, w.disk, 1, 3, 10, 2, 1)
	}
	if names, _ := w.disk.List(Folder); len(names) < 4 {
		t.Errorf("only %d files", len(names))
	}
	got, err := w.replayed(w.disk, 0)
	if diff := cmp.Diff(w.bodies, got); diff != "" || err != nil {
		t.Errorf("error %v, bodies (-want +got):\n%s", err, diff)
	}
}

// TestTornTailIsCut cuts the last file at each byte, and damages each byte of its
// last group: what was acknowledged before is there, nothing else, and the log can
// be written on.
func TestTornTailIsCut(t *testing.T) {
	t.Parallel()
	w := newWritten(t)
	w.write(t, w.disk, 2)
	w.write(t, w.disk, 1, 2)
	name := fileName(2)
	data, err := fsys.ReadFile(w.disk, name, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	group := headerSize + w.frameSize(t, data, headerSize) // the last group begins here
	for cut := headerSize; cut <= len(data); cut++ {
		want := w.bodies[:2]
		for at := headerSize; at < len(data); {
			if at += w.frameSize(t, data, at); at <= cut {
				want = w.bodies[:len(want)+1]
			}
		}
		w.plays(t, data[:cut], want, fmt.Sprint("cut at ", cut))
	}
	for at := group; at < len(data); at++ {
		damaged := slices.Clone(data)
		damaged[at] ^= 1
		want := w.bodies[:3]
		if at >= group+w.frameSize(t, data, group) {
			want = w.bodies[:4]
		}
		w.plays(t, damaged, want, fmt.Sprint("damaged at ", at))
	}
	for at := headerSize; at < group; at++ { // acknowledged when the last group was written
		damaged := slices.Clone(data)
		damaged[at] ^= 1
		w.refuses(t, damaged, headerSize, fmt.Sprint("damaged at ", at))
	}
	for at := range headerSize {
		damaged := slices.Clone(data)
		damaged[at] ^= 1
		w.refuses(t, damaged, 0, fmt.Sprint("damaged at ", at))
	}
	for cut := range headerSize { // a file that was being made
		w.plays(t, data[:cut], w.bodies[:2], fmt.Sprint("cut at ", cut))
	}
}

func (w *written) frameSize(t *testing.T, data []byte, at int) int {
	h, err := decodeHead(data[at:], data[32:48])
	if err != nil {
		t.Fatal(err)
	}
	return frameHeader + h.length
}

// with returns a copy of the log with other content of its second file.
func (w *written) with(t *testing.T, second []byte) *fsys.Mem {
	disk := fsys.NewMem()
	first, err := fsys.ReadFile(w.disk, fileName(1), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(disk.MkdirAll(Folder), fsys.Replace(disk, fileName(1), first), fsys.Replace(disk, fileName(2), second)); err != nil {
		t.Fatal(err)
	}
	return disk
}

func (w *written) plays(t *testing.T, second []byte, want []string, when string) {
	t.Helper()
	disk := w.with(t, second)
	got, err := w.replayed(disk, 0)
	if err != nil || !slices.Equal(got, want) {
		t.Fatalf("%s: %d bodies, want %d, error %v", when, len(got), len(want), err)
	}
	more := &written{disk: disk, key: w.key, next: uint64(len(want)) + 1}
	more.write(t, disk, 1)
	if got, err := w.replayed(disk, 0); err != nil || !slices.Equal(got, append(slices.Clone(want), more.bodies...)) {
		t.Fatalf("%s, and written on: %d bodies, want %d, error %v", when, len(got), len(want)+1, err)
	}
}

func (w *written) refuses(t *testing.T, second []byte, offset int64, when string) {
	t.Helper()
	_, err := w.replayed(w.with(t, second), 0)
	if corrupt, ok := errors.AsType[*segment.CorruptError](err); !ok || corrupt.File != fileName(2) || corrupt.Offset != offset {
		t.Fatalf("%s: error %v, want one at byte %d", when, err, offset)
	}
}

func TestDamageInAnEarlierFileIsNamed(t *testing.T) {
	t.Parallel()
	w := newWritten(t)
	w.write(t, w.disk, 1, 1)
	w.write(t, w.disk, 1) // the last frame of the first file is written again to the second
	data, err := fsys.ReadFile(w.disk, fileName(1), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	for cut := range headerSize + w.frameSize(t, data, headerSize) {
		if err := fsys.Replace(w.disk, fileName(1), data[:cut]); err != nil {
			t.Fatal(err)
		}
		_, err := w.replayed(w.disk, 0)
		if corrupt, ok := errors.AsType[*segment.CorruptError](err); !ok || corrupt.File != fileName(1) {
			t.Fatalf("cut at %d: %v", cut, err)
		}
	}
	if err := w.disk.Remove(fileName(1)); err != nil {
		t.Fatal(err)
	}
	if _, err := w.replayed(w.disk, 0); err == nil || !strings.Contains(err.Error(), "missing") {
		t.Errorf("without the first file: %v", err)
	}
	if got, err := w.replayed(w.disk, 2); err != nil || len(got) != 2 {
		t.Errorf("from the second file on: %d bodies, %v", len(got), err)
	}
}

// TestFailedSyncIsNotBuiltOn lets a sync fail in a process that then is killed. The
// next still sees the frame, or the header, as the system shows it, and goes on; then
// the power is cut, and what was never on the disk is gone from that file.
func TestFailedSyncIsNotBuiltOn(t *testing.T) {
	t.Parallel()
	for groups := range 3 {
		for seed := range uint64(20) {
			w := newWritten(t)
			fault := fsys.NewFault(w.disk)
			l := w.write(t, fault, slices.Repeat([]int{1}, groups)...)
			fault.Set(fsys.Plan{Only: fsys.OpSync | fsys.OpTruncate | fsys.OpRemove, At: 1, Then: -1})
			if err := l.Write([]*Frame{w.frame()}); err == nil {
				t.Fatal("Write says nothing")
			}
			disk := w.disk.Kill()
			shown, err := w.replayed(disk, 0)
			if err != nil {
				t.Fatal(err)
			}
			more := &written{disk: disk, key: w.key, next: uint64(len(shown)) + 1}
			if seed%2 == 0 {
				more.write(t, disk, 1)
			}
			got, err := w.replayed(disk.Crash(seed), 0)
			if want := slices.Concat(shown, more.bodies); err != nil || !slices.Equal(got, want) {
				t.Fatalf("%d groups, seed %d: %d bodies, want %d, error %v", groups, seed, len(got), len(want), err)
			}
		}
	}
}

// TestFullDiskCanBeRead opens a log whose end has to be written again where there is
// no room for it: it is played back, kept by what follows, and written as soon as
// there is room.
func TestFullDiskCanBeRead(t *testing.T) {
	t.Parallel()
	for _, groups := range [][]int{{2}, {1, 2}} {
		w := newWritten(t)
		w.write(t, w.disk, groups...)
		disk := w.disk.Kill()
		disk.SetFree(10)
		for range 2 {
			if got, err := w.replayed(disk, 0); err != nil || !slices.Equal(got, w.bodies) {
				t.Fatalf("%v: %d bodies, want %d, error %v", groups, len(got), len(w.bodies), err)
			}
			disk = disk.Kill()
		}
		l := w.write(t, disk)
		last := w.next - 1
		if err := l.Write([]*Frame{w.frame()}); !errors.Is(err, syscall.ENOSPC) {
			t.Fatalf("%v: %v", groups, err)
		}
		w.bodies, w.next = w.bodies[:last], last+1
		if err := l.Remove(l.Oldest(last)); err != nil { // the last event is nowhere else
			t.Fatal(err)
		}
		disk.SetFree(1 << 20)
		if err := l.Write([]*Frame{w.frame()}); err != nil {
			t.Fatal(err)
		}
		if got, err := w.replayed(disk.Crash(1), 0); err != nil || !slices.Equal(got, w.bodies) {
			t.Errorf("%v: %d bodies, want %d, error %v", groups, len(got), len(w.bodies), err)
		}
	}
}

// TestFailedWriteDoesNotCount lets a write or sync fail in each way: what was in that
// group is gone, what comes after is there, in another file.
func TestFailedWriteDoesNotCount(t *testing.T) {
	t.Parallel()
	for _, plan := range []fsys.Plan{
		{Only: fsys.OpWrite, At: 1}, {Only: fsys.OpWrite, At: 1, Partial: 0.6}, {Only: fsys.OpSync, At: 1},
		{Only: fsys.OpSync, At: 1, Done: true}, {Only: fsys.Changes, At: 1, Then: 2, Partial: 1}, {Only: fsys.Changes, At: 2, Then: 1, Done: true},
	} {
		w := newWritten(t)
		fault := fsys.NewFault(w.disk)
		l := w.write(t, fault, 1)
		fault.Set(plan)
		if err := l.Write([]*Frame{w.frame()}); err == nil {
			t.Fatalf("%+v: Write says nothing", plan)
		}
		w.bodies, w.next = w.bodies[:1], 2 // it does not count, and its number is free
		var err error
		for range 5 {
			f := w.frame()
			if err = l.Write([]*Frame{f}); err == nil {
				break
			}
			w.bodies, w.next = w.bodies[:1], 2
		}
		if err != nil {
			t.Fatalf("%+v: %v", plan, err)
		}
		if got, err := w.replayed(w.disk.Kill(), 0); err != nil || !slices.Equal(got, w.bodies) {
			t.Errorf("%+v: %d bodies, want %d, error %v", plan, len(got), len(w.bodies), err)
		}
	}
}

func TestRemoveKeepsWhatIsNeeded(t *testing.T) {
	t.Parallel()
	w := newWritten(t)
	l := w.write(t, w.disk, 1, 10, 10, 10, 1) // 32 events
	before := l.Bytes()
	oldest := l.Oldest(15)
	if err := l.Remove(oldest); err != nil {
		t.Fatal(err)
	}
	got, err := w.replayed(w.disk, oldest)
	if err != nil || len(got) < 18 || len(got) > 28 || !slices.Equal(got, w.bodies[len(w.bodies)-len(got):]) || l.Bytes() >= before {
		t.Errorf("%d of the last 18 bodies, %d of %d bytes, error %v", len(got), l.Bytes(), before, err)
	}
	oldest = l.Oldest(33)
	if err := l.Remove(oldest); err != nil {
		t.Fatal(err)
	}
	if names, _ := w.disk.List(Folder); len(names) != 0 || l.Bytes() != 0 {
		t.Errorf("%v, %d bytes left when nothing is needed", names, l.Bytes())
	}
	if err := l.Write([]*Frame{w.frame()}); err != nil {
		t.Fatal(err)
	}
	if got, err := w.replayed(w.disk, oldest); err != nil || len(got) != 1 {
		t.Errorf("%d bodies after all that, want 1, error %v", len(got), err)
	}
}

func TestCheckpointRoundTrip(t *testing.T) {
	t.Parallel()
	disk, key := fsys.NewMem(), seal.NewKey()
	if err := disk.MkdirAll(Folder); err != nil {
		t.Fatal(err)
	}
	if c, err := LoadCheckpoint(disk, key); err != nil || c.Next != 0 {
		t.Errorf("without one: %v, %v", c, err)
	}
	want := &Checkpoint{Next: 7, Oldest: 3, Positions: []Position{{"s", "e", 5, 6}, {"", "", 1 << 63, 0}}}
	if err := want.Save(disk, key); err != nil {
		t.Fatal(err)
	}
	got, err := LoadCheckpoint(disk, key)
	if err != nil || !cmp.Equal(got, want) {
		t.Errorf("got %v, %v, want %v", got, err, want)
	}
	data, err := fsys.ReadFile(disk, checkpointName, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	for at := range data {
		damaged := slices.Clone(data)
		damaged[at] ^= 1
		if err := fsys.Replace(disk, checkpointName, damaged); err != nil {
			t.Fatal(err)
		}
		if _, err := LoadCheckpoint(disk, key); err == nil {
			t.Fatalf("damaged at %d and loaded", at)
		} else if _, ok := errors.AsType[*segment.CorruptError](err); !ok {
			t.Fatalf("damaged at %d: %v", at, err)
		}
	}
}

// TestVeryManyCollections has more of them in a batch than are written at once.
func TestVeryManyCollections(t *testing.T) {
	t.Parallel()
	var e Encoder
	var want []llama.Event
	for i := range 5000 {
		want = append(want, llama.Event{Collection: fmt.Sprint("c", i*7%1000), Message: fmt.Sprint(i)})
	}
	for range 2 {
		f, err := e.Encode(llama.Position{}, want)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := s2.Decode(nil, f.packed[metaSize:])
		var shapes Shapes
		again := &Frame{Events: len(want)}
		if err := again.decodeBody(string(body), &shapes); err != nil {
			t.Fatal(err)
		}
		got, err := decode(again, &shapes)
		if !slices.EqualFunc(want, got, sameEvent) || err != nil {
			t.Errorf("other events, error %v", err)
		}
		if len(e.spare) > maxOpen {
			t.Errorf("%d writers are kept", len(e.spare))
		}
	}
}

// TestRunsAreEncodedAsTheyCome adds a batch in runs, to two encoders, and overwrites the
// fields of a run as soon as it was added.
func TestRunsAreEncodedAsTheyCome(t *testing.T) {
	t.Parallel()
	encoders := [2]Encoder{{}, {wideOf: 3}} // used again and again
	var shapes Shapes
	rapid.Check(t, func(t *rapid.T) {
		want := events(t)
		second := rapid.IntRange(0, len(want)).Draw(t, "second")
		var room [100]llama.Field
		for i := 0; i < len(want); {
			e, end := &encoders[0], second
			if i >= second {
				e, end = &encoders[1], len(want)
			}
			run := slices.Clone(want[i:min(end, i+rapid.IntRange(1, 5).Draw(t, "run"))])
			used := room[:0]
			for k := range run {
				from := len(used)
				used = append(used, run[k].Fields...)
				run[k].Fields = used[from:]
			}
			if err := e.Add(run, i, nil); err != nil {
				t.Fatal(err)
			}
			for k := range room {
				room[k] = llama.Field{Name: "overwritten", Value: "overwritten"}
			}
			i += len(run)
		}
		f, err := encoders[0].Frame(llama.Position{}, len(want), &encoders[1])
		if err != nil {
			t.Fatal(err)
		}
		got, err := decode(f, &shapes)
		if !slices.EqualFunc(want, got, sameEvent) || err != nil {
			t.Fatalf("error %v (-want +got):\n%s", err, cmp.Diff(want, got))
		}
		body, _ := s2.Decode(nil, f.packed[metaSize:])
		again := &Frame{Events: len(want)}
		if err := again.decodeBody(string(body), &shapes); err != nil || !slices.EqualFunc(again.Sections, f.Sections, func(x, y Section) bool {
			return cmp.Equal(x, y, cmp.AllowUnexported(Events{}), cmpopts.IgnoreFields(Section{}, "Names", "Shapes"))
		}) {
			t.Fatalf("read back: error %v (-want +got):\n%s", err, cmp.Diff(f.Sections, again.Sections, cmp.AllowUnexported(Events{})))
		}
	})
}

// TestLargeFramesMayStayAsTheyAre makes frames of many sizes for a quick disk, with an
// Encoder that is used again.
func TestLargeFramesMayStayAsTheyAre(t *testing.T) {
	t.Parallel()
	e := Encoder{Plain: true}
	for _, size := range []int{1, smallBody - 60, smallBody, 1<<16 + 1, 1 << 21, 100, 17 << 20, 1 << 16} {
		want := []llama.Event{{Collection: "c", Message: strings.Repeat("a message ", size/10)}, {Collection: "c", Message: "x"}}
		f, err := e.Encode(llama.Position{Source: "s", Epoch: "e", First: 1, Last: 2}, want)
		if err != nil {
			t.Fatal(err)
		}
		if plain := len(f.packed) > max(size, 1000); plain != (size >= smallBody) {
			t.Errorf("%d bytes in a frame for a message of %d", len(f.packed), size)
		}
		if got, err := decode(f, &Shapes{}); err != nil || !slices.EqualFunc(want, got, sameEvent) {
			t.Errorf("size %d: error %v, or other events", size, err)
		}
		read, err := again(f, &Shapes{})
		if err != nil {
			t.Fatalf("size %d: %v", size, err)
		}
		if got, err := decode(read, &Shapes{}); err != nil || !slices.EqualFunc(want, got, sameEvent) || read.Events != 2 {
			t.Errorf("size %d, read back: error %v, or other events", size, err)
		}
	}
}

// TestPace tells quick disks by their large writes.
func TestPace(t *testing.T) {
	t.Parallel()
	var l Log
	for _, writes := range []struct {
		n     int
		bytes int
		took  time.Duration
		quick bool
	}{
		{9, telling - 1, time.Microsecond, false}, // too small to tell
		{1, 1 << 20, time.Millisecond, true},
		{99, 1 << 10, time.Second, true}, // the disk's latency, not its pace
		{9, 1 << 20, time.Minute, true},  // held up
		{30, 1 << 20, 20 * time.Millisecond, false},
		{1, 1 << 20, time.Millisecond, false},
		{4, 1 << 20, time.Millisecond, true},
		{12, 1 << 20, time.Minute, true},
	} {
		for range writes.n {
			l.pace.took(writes.bytes, writes.took)
		}
		if got := l.Quick(); got != writes.quick {
			t.Errorf("after %d times %d bytes in %v: quick %v, pace %d ps a byte", writes.n, writes.bytes, writes.took, got, l.pace.picoseconds.Load())
		}
	}
}

// TestWideEventsHaveFieldsOfTheirOwn encodes events whose names change all the time, and
// others, and looks at whether that is noticed.
func TestWideEventsHaveFieldsOfTheirOwn(t *testing.T) {
	t.Parallel()
	random := func(i int) int { return i * 0x9e37 }
	for _, tt := range []struct {
		name        string
		fields      func(i int) int // bits of the names that event i has
		least, most int             // shapes that are written
		wide        bool            // at the end
	}{
		{"wide", random, wideOf, wideOf, true},
		{"one shape", func(i int) int { return 3 }, 2, 2, false}, // one for each source
		{"a hundred shapes", func(i int) int { return i % 100 * 31 }, 50, 100, false},
		{"wide at first", func(i int) int {
			if i < 1000 {
				return random(i)
			}
			return i % 10
		}, wideOf, wideOf + 10, false},
		{"wide later on", func(i int) int {
			if i < 1000 {
				return i % 10
			}
			return random(i)
		}, wideOf, 3 * wideOf, true},
	} {
		var batch []llama.Event
		for i := range 2000 {
			ev := llama.Event{Collection: "c", Source: []string{"tcp", "file"}[i%2], Message: fmt.Sprint("m", i)}
			for k := range 16 {
				if tt.fields(i)>>k&1 != 0 {
					ev.Fields = append(ev.Fields, llama.Field{Name: fmt.Sprint("name", k), Value: fmt.Sprint(i, k), Kind: llama.Kind(k % 3)})
				}
			}
			batch = append(batch, ev)
		}
		var e Encoder
		f, err := e.Encode(llama.Position{}, batch)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range f.Sections {
			if n := len(s.Shapes); n < tt.least || n > tt.most {
				t.Errorf("%s: %d shapes, want from %d to %d", tt.name, n, tt.least, tt.most)
			}
		}
		got, err := decode(f, &Shapes{})
		if !slices.EqualFunc(batch, got, sameEvent) || err != nil {
			t.Errorf("%s: other events, error %v", tt.name, err)
		}
		if wide := e.spareWriter("c").width.wide; wide != tt.wide {
			t.Errorf("%s: at the end it is wide: %t", tt.name, wide)
		}
	}
}

func FuzzDecodeBody(f *testing.F) {
	e := Encoder{wideOf: 1}
	message := "of root"
	for range 2 {
		if _, err := e.Encode(llama.Position{Source: "s", Last: 4}, []llama.Event{
			{Collection: "c", Message: message, Fields: []llama.Field{{Name: "n", Value: "v", Kind: llama.Number}, {Name: "user", Value: message[3:]}}},
			{Collection: "d", Message: message}, {Collection: "c", Message: "m", Fields: []llama.Field{{Name: "n", Value: "v", Kind: llama.Number}, {Name: "user"}}},
		}); err != nil {
			f.Fatal(err)
		}
		f.Add(string(e.body), 3)
	}
	f.Fuzz(func(t *testing.T, body string, n int) {
		shapes := &Shapes{}
		frame := &Frame{Events: n & 0xffffffff}
		if err := frame.decodeBody(body, shapes); err != nil {
			if !errors.Is(err, ErrBody) {
				t.Errorf("error %v does not wrap ErrBody", err)
			}
			return
		}
		want, err := decode(frame, shapes)
		if err != nil {
			t.Fatal(err)
		}
		for i := range want {
			for j := range want[i].Fields {
				if strings.HasPrefix(want[i].Fields[j].Name, "labels.") {
					return // it may be that of a reserved name, which is another's when it is written again
				}
			}
		}
		f, err := e.Encode(frame.Position, want)
		if err != nil {
			t.Fatal(err)
		}
		got, err := decode(f, shapes)
		if err != nil || f.Position != frame.Position || !cmp.Equal(want, got, cmpopts.EquateEmpty()) {
			t.Errorf("%v: %v is not %v", err, got, want)
		}
	})
}

func FuzzDecodeFrame(f *testing.F) {
	w := written{next: 1}
	frame := w.frame()
	salt := make([]byte, 16)
	sealed := frame.append(nil, seal.NewKey().File("f"), salt, 1, 0)
	f.Add(sealed, frame.packed)
	f.Fuzz(func(t *testing.T, head, plain []byte) {
		decodeHead(head, salt)
		if got, err := decodeFrame(plain, &Shapes{}); err == nil && got.Events > 0 && len(got.Sections) == 0 {
			t.Errorf("%d events nowhere", got.Events)
		}
	})
}

func FuzzDecodeHeader(f *testing.F) {
	key := seal.NewKey()
	h := header{number: 2, before: 1, durable: 300, key: seal.NewKey()}
	f.Add(h.append(nil, key))
	f.Fuzz(func(t *testing.T, data []byte) {
		decodeHeader(data, 2, seal.Keys{key})
	})
}

func FuzzDecodeCheckpoint(f *testing.F) {
	f.Add((&Checkpoint{Next: 7, Oldest: 3, Positions: []Position{{"s", "e", 5, 6}}}).append(nil))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := decodeCheckpoint(data)
		if err != nil {
			return
		}
		if again, err := decodeCheckpoint(c.append(nil)); err != nil || !cmp.Equal(c, again) {
			t.Errorf("%v: %v is not %v", err, again, c)
		}
	})
}
