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
	m.Times, err = o.timesAt(places)
	return m, err
}

// pick reads some numbers of a chunk that has nothing else.
func pick[N ~int64 | ~uint64](d *decoder, kind Kind, key string, places []int) ([]N, error) {
	data, err := kept(d.Keep, key, func() ([]byte, int, error) {
		data, err := d.Read(kind, "")
		return data, len(data), err
	})
	if err != nil {
		return nil, err
	}
	numbers, rest, err := column.IntsAt(d.count, data, places)
	if err == nil && len(rest) > 0 {
		err = fmt.Errorf("%w: %d bytes behind numbers", ErrDamaged, len(rest))
	}
	picked := make([]N, len(numbers))
	for i, n := range numbers {
		picked[i] = N(n)
	}
	return picked, err
}

// timesAt reads when the events of some rows happened. The times of a unit lie one behind
// the other, so where one is depends on how many rows before have that unit.
func (o *rowsOf) timesAt(rows []int) ([]llama.Time, error) {
	unitOf := make([]int, len(rows))
	for i, row := range rows {
		for n, list := range o.rows {
			if _, ok := slices.BinarySearch(list, uint16(row)); ok {
				unitOf[i] = int(o.unit[n])
			}
		}
	}
	times := make([]llama.Time, len(rows))
	left := o.left
	for u := range units {
		count := 0
		places, wanted := []int{}, []int{}
		for n, list := range o.rows {
			if int(o.unit[n]) == u {
				count += len(list)
			}
		}
		if count == 0 {
			continue
		}
		for i, row := range rows {
			if unitOf[i] != u {
				continue
			}
			place := 0
			for n, list := range o.rows {
				if int(o.unit[n]) == u {
					before, _ := slices.BinarySearch(list, uint16(row))
					place += before
				}
			}
			places, wanted = append(places, place), append(wanted, i)
		}
		numbers, rest, err := column.IntsAt(count, left, places)
		if err != nil {
			return nil, err
		}
		for k, n := range numbers {
			times[wanted[k]] = llama.Time(n) * units[u]
		}
		left = rest
	}
	if len(left) != 0 {
		return nil, fmt.Errorf("%w: %d bytes behind the times", ErrDamaged, len(left))
	}
	return times, nil
}
