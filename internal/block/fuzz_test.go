package block

import (
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/llama-logs/llama/internal/column"
)

// FuzzOpen reads all of a block of which every chunk may be anything: a number of
// rows, the chunks of the kinds from Times to Rows, and then names and fields.
// It must end in events or an error, and take no more memory than such a block may.
func FuzzOpen(f *testing.F) {
	for seed := range uint64(6) {
		w := newWriters(seed + 1)
		b := NewBuilder("c")
		rows := w.rows(8 + 8*int(seed))
		for i := range rows {
			b.Add(&rows[i])
		}
		s := store(f, b)
		var data []byte
		for kind := Times; kind <= Rows; kind++ {
			data = appendText(data, string(s.chunks[kind][""]))
		}
		for _, name := range s.names {
			data = appendText(appendText(data, name), string(s.chunks[Field][name]))
		}
		f.Add(uint16(s.rows), data)
	}
	f.Fuzz(func(t *testing.T, rows uint16, data []byte) {
		r := column.Reader{Data: data}
		s := &stored{rows: int(rows), chunks: map[Kind]map[string][]byte{Field: {}}}
		for kind := Times; kind <= Rows; kind++ {
			s.chunks[kind] = map[string][]byte{"": r.Bytes(r.Count(1))}
		}
		for !r.Failed && len(r.Data) > 0 {
			name := string(r.Bytes(r.Count(1)))
			s.names = append(s.names, name)
			s.chunks[Field][name] = r.Bytes(r.Count(1))
		}
		readAll(s)
	})
}

// TestHostileSlotsTakeLittle has a group claim so many values that they would fill all
// memory, without a byte for any of them.
func TestHostileSlotsTakeLittle(t *testing.T) {
	t.Parallel()
	const rows, slots = 1 << 16, 300 // of each of many templates' fields
	var one [slots * 2]byte
	for i := range slots {
		one[2*i], one[2*i+1] = 0, formSlot
	}
	templates := appendTexts(nil, []string{"f"})
	templates = appendTexts(templates, nil)
	templates = binary.AppendUvarint(templates, 1)
	templates = binary.AppendUvarint(templates, rows)
	templates = append(binary.AppendUvarint(append(templates, 0), slots), one[:]...)
	order := append(binary.AppendUvarint(nil, 1), 3, 3)
	order = append(order, 0, 2)       // all have template 1
	field := []byte{0, 1, 3, 3, 0, 0} // no loose column, a group of 3 bytes: integers, all 0
	s := &stored{rows: rows, names: []string{"f"}, chunks: map[Kind]map[string][]byte{
		Times: {"": {0, 0}}, Rows: {"": order}, Seqs: {"": {0, 0}}, Ingested: {"": {0, 0}}, Templates: {"": templates}, Field: {"f": field},
	}}
	if err := readAll(s); err == nil || fmt.Sprint(err) != "damaged block: a group of more than 16842752 values" {
		t.Errorf("%v", err)
	}
}
