package block

import (
	"fmt"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/column"
)

// timeCounts returns how many rows have their time in each stretch of a length; see
// column.Block. The times of each unit are walked through as they were written: which
// row each is of is not decoded, and they do not stay in memory.
func (d *decoder) timeCounts(first llama.Time, length int64) ([]column.TimeCount, error) {
	return kept(d.Keep, fmt.Sprintf("times by %d from %d", length, first), func() ([]column.TimeCount, int, error) {
		ofUnit, err := d.rowsByUnit()
		if err != nil {
			return nil, 0, err
		}
		left, err := d.Read(Times, "")
		if err != nil {
			return nil, 0, err
		}
		c := timeCounter{first: int64(first), length: uint64(length)}
		for u, n := range ofUnit {
			if n == 0 {
				continue
			}
			c.unit = int64(units[u])
			if left, err = column.EachInts(n, left, c.add); err != nil {
				return nil, 0, err
			}
		}
		if len(left) != 0 {
			return nil, 0, fmt.Errorf("%w: %d bytes behind the times", ErrDamaged, len(left))
		}
		return c.counts, 16*cap(c.counts) + 24, nil
	})
}

// rowsByUnit returns how many rows have their times in each unit.
func (d *decoder) rowsByUnit() (ofUnit [len(units)]int, err error) {
	l, err := d.layout()
	if err != nil {
		return ofUnit, err
	}
	data, err := d.Read(Rows, "")
	if err != nil {
		return ofUnit, err
	}
	unit, _, err := l.units(data)
	if err != nil {
		return ofUnit, err
	}
	ofUnit[unit[0]] += l.loose
	for t := range l.templates {
		ofUnit[unit[t+1]] += l.templates[t].rows
	}
	return ofUnit, nil
}

// A timeCounter counts times of a unit.
type timeCounter struct {
	first  int64
	length uint64
	unit   int64

	counts []column.TimeCount
	begin  int64 // of the stretch of the last of counts
}

func (c *timeCounter) add(times []int64) {
	for _, n := range times {
		t := n * c.unit
		if len(c.counts) > 0 && uint64(t)-uint64(c.begin) < c.length {
			c.counts[len(c.counts)-1].Rows++
			continue
		}
		c.begin = int64(uint64(t) - (uint64(t)-uint64(c.first))%c.length)
		c.counts = append(c.counts, column.TimeCount{Time: llama.Time(t), Rows: 1})
	}
}
