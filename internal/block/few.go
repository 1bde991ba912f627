package block

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"unsafe"

	"github.com/llama-logs/llama/internal/column"
)

// Where only few events of a block are loose, their columns lie together in a chunk of
// their own: who wants one of these events whole reads that, and not the chunks of all
// fields, in which next to nothing is about it.

// fewLoose is which part of a block's events its loose ones are at most, for that.
const fewLoose = 8

// A fewColumns gathers the columns of few loose events.
type fewColumns struct {
	data []byte
	are  bool // they are few
}

// begin begins a block of so many events, of which so many are loose.
func (f *fewColumns) begin(loose, rows int) {
	f.data, f.are = f.data[:0], fewLoose*loose <= rows
}

// take takes the loose column called name, and returns what of it is left for the chunk of
// its field.
func (f *fewColumns) take(name string, generic []byte) []byte {
	if !f.are || len(generic) == 0 {
		return generic
	}
	f.data = appendText(f.data, name)
	f.data = append(binary.AppendUvarint(f.data, uint64(len(generic))), generic...)
	return nil
}

// generic returns the loose column called name as it was written, of the field's chunk c or
// of the chunk that has them all; none if no loose event has it.
func (d *decoder) generic(c *chunk, name string) ([]byte, error) {
	if len(c.generic) > 0 {
		return c.generic, nil
	}
	all, err := d.fewLoose()
	return all.of(name), err
}

// A looseList is columns of loose events that lie together, by name.
type looseList []namedData

type namedData struct {
	name string
	data []byte
}

// of returns the column called name as it was written; nil for none.
func (l looseList) of(name string) []byte {
	i, found := slices.BinarySearchFunc(l, name, func(d namedData, name string) int { return strings.Compare(d.name, name) })
	if !found {
		return nil
	}
	return l[i].data
}

// fewLoose returns the columns of loose events that lie together.
func (d *decoder) fewLoose() (looseList, error) {
	return kept(d.Keep, "few loose", func() (looseList, int, error) {
		data, err := d.Read(Loose, "")
		if err != nil {
			return nil, 0, err
		}
		r := column.Reader{Data: data}
		var all looseList
		for len(r.Data) > 0 {
			name := r.Bytes(r.Count(1))
			text := unsafe.String(unsafe.SliceData(name), len(name)) // the chunk is kept with it
			all = append(all, namedData{text, r.Bytes(r.Count(1))})
		}
		if r.Failed {
			return nil, 0, fmt.Errorf("%w: columns of loose events", ErrDamaged)
		}
		slices.SortStableFunc(all, func(a, b namedData) int { return strings.Compare(a.name, b.name) }) // mostly they are
		return all, len(data) + 40*cap(all), nil
	})
}
