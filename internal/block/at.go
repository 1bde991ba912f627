package block

import (
	"fmt"
	"slices"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/column"
)

// at returns what a block has of some rows beside their fields. It decodes no more than
// that, and what it keeps is as small as it lies on the disk: who wants few events of each
// of many blocks would fill the memory with the times of all others.
func (d *decoder) at(rows []uint32) (*column.Moments, error) {
	places := make([]int, len(rows))
	for i, r := range rows {
		places[i] = int(r)
	}
	m := &column.Moments{Rows: rows}
	var err error
	if m.Seqs, err = pick[uint64](d, Seqs, "seq data", places); err != nil {
		return nil, err
	}
	if m.Ingested, err = pick[llama.Time](d, Ingested, "ingested data", places); err != nil {
		return nil, err
	}
	o, err := d.rows()
	if err != nil {
		return nil, err
	}
	times, err := d.timesData(o)
	if err != nil {
		return nil, err
	}
	m.Times, err = o.timesAt(places, times)
	return m, err
}

// pick reads some numbers of a chunk that has nothing else.
func pick[N ~int64 | ~uint64](d *decoder, kind Kind, key string, places []int) ([]N, error) {
	some, err := kept(d.Keep, key, func() (*column.SomeInts, int, error) {
		data, err := d.Read(kind, "")
		if err != nil {
			return nil, 0, err
		}
		some, rest, err := column.ReadSomeInts(d.count, data)
		if err == nil && len(rest) > 0 {
			err = fmt.Errorf("%w: %d bytes behind numbers", ErrDamaged, len(rest))
		}
		if err != nil {
			return nil, 0, err
		}
		return some, some.Bytes(), nil
	})
	if err != nil {
		return nil, err
	}
	numbers, err := some.At(places)
	picked := make([]N, len(numbers))
	for i, n := range numbers {
		picked[i] = N(n)
	}
	return picked, err
}

// unitTimes are the times of each unit, as they were written; nil where no row has it.
type unitTimes [len(units)]*column.SomeInts

// timesData returns the times as they were written.
func (d *decoder) timesData(o *rowsOf) (*unitTimes, error) {
	return kept(d.Keep, "times data", func() (*unitTimes, int, error) {
		left, err := d.Read(Times, "")
		if err != nil {
			return nil, 0, err
		}
		var counts [len(units)]int
		for n, list := range o.rows {
			counts[o.unit[n]] += len(list)
		}
		t, bytes := &unitTimes{}, 0
		for u, count := range counts {
			if count == 0 {
				continue
			}
			if t[u], left, err = column.ReadSomeInts(count, left); err != nil {
				return nil, 0, err
			}
			bytes += t[u].Bytes()
		}
		if len(left) != 0 {
			return nil, 0, fmt.Errorf("%w: %d bytes behind the times", ErrDamaged, len(left))
		}
		return t, bytes, nil
	})
}

// timesAt reads when the events of some rows happened. The times of a unit lie one behind
// the other, so where one is depends on how many rows before have that unit.
func (o *rowsOf) timesAt(rows []int, of *unitTimes) ([]llama.Time, error) {
	var places, wanted [len(units)][]int // of the rows of a unit: the place of its time, and which row
	for i, at := range o.places(rows) {
		places[at.unit] = append(places[at.unit], at.place)
		wanted[at.unit] = append(wanted[at.unit], i)
	}
	times := make([]llama.Time, len(rows))
	for u, some := range of {
		if len(places[u]) == 0 {
			continue
		}
		numbers, err := some.At(places[u])
		if err != nil {
			return nil, err
		}
		for k, n := range numbers {
			times[wanted[u][k]] = llama.Time(n) * units[u]
		}
	}
	return times, nil
}

// A timePlace is where the time of a row is among those of a unit.
type timePlace struct {
	unit  byte
	place int
}

// oneUnit returns the unit of all rows, if they have one.
func (o *rowsOf) oneUnit() (unit byte, ok bool) {
	for n, list := range o.rows {
		if len(list) == 0 {
			continue
		}
		if ok && o.unit[n] != unit {
			return 0, false
		}
		unit, ok = o.unit[n], true
	}
	return unit, ok
}

// places returns where the times of some rows are: looked up one by one, or with a walk
// through all rows where that is less.
func (o *rowsOf) places(rows []int) []timePlace {
	out := make([]timePlace, 0, len(rows))
	if unit, ok := o.oneUnit(); ok { // mostly: then times lie as rows do
		for _, row := range rows {
			out = append(out, timePlace{unit, row})
		}
		return out
	}
	if 4*len(rows)*len(o.rows) > o.count() {
		of := o.numbers(o.count())
		var before [len(units)]int
		next := 0
		for _, row := range rows {
			for ; next < row; next++ {
				before[o.unit[of[next]]]++
			}
			u := o.unit[of[row]]
			out = append(out, timePlace{u, before[u]})
		}
		return out
	}
	var lists [len(units)]int
	for n := range o.rows {
		lists[o.unit[n]]++
	}
	for _, row := range rows {
		unit := o.unitOf(row)
		// Before it are as many of its unit as there are rows without those of other units.
		own, others := 0, 0
		for n, list := range o.rows {
			if is := o.unit[n] == unit; is == (2*lists[unit] <= len(o.rows)) {
				place, _ := slices.BinarySearch(list, uint16(row))
				if is {
					own += place
				} else {
					others += place
				}
			}
		}
		if 2*lists[unit] > len(o.rows) {
			own = row - others
		}
		out = append(out, timePlace{unit, own})
	}
	return out
}

// unitOf returns the unit of a row's time. Few rows are wanted mostly of what is rare, and
// that is loose, which are the first.
func (o *rowsOf) unitOf(row int) byte {
	for n, list := range o.rows {
		if _, found := slices.BinarySearch(list, uint16(row)); found {
			return o.unit[n]
		}
	}
	return 0 // there is no such row
}
