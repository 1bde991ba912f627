package query

import (
	"encoding/binary"
	"strconv"

	"github.com/cespare/xxhash/v2"

	"github.com/llama-logs/llama"
)

// hashAgg counts different combinations of texts by their hashes of 64 bits, so
// that two with the same hash count as one: of a billion, that is to be expected of
// 0.03 pairs. It takes a fraction of the memory of uniqAgg. What is empty does not
// count.
type hashAgg struct {
	fields []string
	limit  int // 0: none
	budget *budget
	sets   []map[uint64]struct{}
}

const costHash = 24 // bytes of a hash in a map

func (a *hashAgg) grow(n int) { a.sets = grown(a.sets, n) }

func (a *hashAgg) update(c *chunk, sel, of []uint32) error {
	values := make([]func(uint32) string, len(a.fields))
	for i, name := range a.fields {
		values[i] = c.values(name)
	}
	var key wire
	for i, r := range sel {
		if c.stopped(i) {
			return c.err
		}
		key.b = key.b[:0]
		some := false
		for _, value := range values {
			text := value(r)
			some = some || text != ""
			key.text(text)
		}
		if some {
			if err := a.insert(int(of[i]), xxhash.Sum64(key.b)); err != nil {
				return err
			}
		}
	}
	return c.err
}

func (a *hashAgg) insert(group int, hash uint64) error {
	set := a.sets[group]
	if set == nil {
		set = make(map[uint64]struct{})
		a.sets[group] = set
	}
	if _, known := set[hash]; known || a.limit > 0 && len(set) >= a.limit {
		return nil // more would not show
	}
	set[hash] = struct{}{}
	return a.budget.grow(costHash)
}

func (a *hashAgg) merge(from aggregate, to []uint32) error {
	for i, set := range from.(*hashAgg).sets {
		for hash := range set {
			if err := a.insert(int(to[i]), hash); err != nil {
				return err
			}
		}
	}
	return nil
}

// The wire form: count, and hashes of 8 bytes, little end first.
func (a *hashAgg) write(w *wire, group int) bool {
	set := a.sets[group]
	n := min(len(set), max(1, (frameBytes-len(w.b))/8))
	w.uint(uint64(n))
	for hash := range set {
		if n == 0 {
			break
		}
		w.b = binary.LittleEndian.AppendUint64(w.b, hash)
		delete(set, hash)
		n--
	}
	return len(set) > 0
}

func (a *hashAgg) read(r *reader, group int, _ string) error {
	for n := r.count(8); n > 0 && r.err == nil; n-- {
		if err := a.insert(group, binary.LittleEndian.Uint64(r.b)); err != nil {
			return err
		}
		r.b = r.b[8:]
	}
	return r.err
}

func (a *hashAgg) result(group int) (string, llama.Kind) {
	return strconv.Itoa(len(a.sets[group])), llama.Number
}
