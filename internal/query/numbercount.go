package query

import (
	"cmp"
	"math"
	"slices"
	"strconv"
)

// A plainNumber is a number of up to 15 digits as it is usually written: 12, -0.50. It
// gives its text back.
type plainNumber struct {
	value float64
	scale uint8 // digits behind the point
}

// plainDigits is how many digits a float64 keeps.
const plainDigits = 15

var tens = func() (tens [plainDigits + 1]float64) {
	tens[0] = 1
	for i := range plainDigits {
		tens[i+1] = 10 * tens[i]
	}
	return tens
}()

func parsePlain(s string) (p plainNumber, ok bool) {
	digits := s
	if len(s) > 1 && s[0] == '-' {
		digits = s[1:]
	}
	if len(digits) == 0 || len(digits) > plainDigits+1 || digits[0] == '0' && len(digits) > 1 && digits[1] != '.' {
		return p, false
	}
	number, point := int64(0), -1
	for i := range len(digits) {
		switch c := digits[i]; {
		case isDigit(c):
			number = 10*number + int64(c-'0')
		case c == '.' && point < 0 && i > 0 && i < len(digits)-1:
			point = i
		default:
			return p, false
		}
	}
	if point > 0 {
		p.scale = uint8(len(digits) - point - 1)
	} else if len(digits) > plainDigits {
		return p, false
	}
	p.value = float64(number) / tens[p.scale] // both are exact, so this is the nearest
	if len(digits) < len(s) {
		p.value = -p.value
	}
	return p, number != 0 || len(digits) == len(s)
}

// whole returns the number without its point.
func (p *plainNumber) whole() int64 { return int64(math.Round(p.value * tens[p.scale])) } // up to 15 digits are exact

func (p *plainNumber) text() string { return strconv.FormatFloat(p.value, 'f', int(p.scale), 64) }

// A numberCount is a number and how often it was there.
type numberCount struct {
	plainNumber
	n uint64
}

// compare orders by number, and then by text.
func (x numberCount) compare(y numberCount) int {
	if c := cmp.Compare(x.value, y.value); c != 0 {
		return c
	}
	return int(x.scale) - int(y.scale)
}

// numberCounts counts numbers. What comes is only put down, and sorted and counted
// when it is as much as is there already, which is quicker and smaller than a map.
type numberCounts struct {
	tidied []numberCount // sorted, each number once
	fresh  []numberCount
	runs   []numberRun // beside these
}

const (
	numberBytes = 24
	minTidied   = 512
)

func (c *numberCounts) len() int {
	n := len(c.tidied) + len(c.fresh)
	for i := range c.runs {
		n += c.runs[i].len()
	}
	return n
}

func (c *numberCounts) add(x numberCount, b *budget) error {
	if len(c.fresh) < cap(c.fresh) {
		c.fresh = append(c.fresh, x)
		return nil
	}
	before := cap(c.tidied) + cap(c.fresh)
	if len(c.fresh) >= max(minTidied, len(c.tidied)) {
		c.tidy()
	}
	c.fresh = append(c.fresh, x)
	return b.grow(numberBytes * (cap(c.tidied) + cap(c.fresh) - before))
}

func (c *numberCounts) merge(from *numberCounts, b *budget) error {
	for _, list := range [][]numberCount{from.tidied, from.fresh} {
		for _, x := range list {
			if err := c.add(x, b); err != nil {
				return err
			}
		}
	}
	for _, r := range from.runs {
		if err := c.addRun(r, b); err != nil {
			return err
		}
	}
	return nil
}

// tidy sorts and counts.
func (c *numberCounts) tidy() {
	if len(c.fresh) == 0 {
		return
	}
	slices.SortFunc(c.fresh, numberCount.compare)
	out := make([]numberCount, 0, len(c.tidied)+len(c.fresh))
	old, fresh := c.tidied, c.fresh
	for len(old) > 0 || len(fresh) > 0 {
		from := &fresh
		if len(fresh) == 0 || len(old) > 0 && old[0].compare(fresh[0]) <= 0 {
			from = &old
		}
		x := (*from)[0]
		*from = (*from)[1:]
		if n := len(out); n > 0 && out[n-1].plainNumber == x.plainNumber {
			out[n-1].n += x.n
		} else {
			out = append(out, x)
		}
	}
	c.tidied, c.fresh = out, c.fresh[:0]
}

// take takes one of the numbers out, as long as there is one.
func (c *numberCounts) take() (x numberCount, ok bool) {
	_ = c.flatten(nil) // without a budget it does not fail
	c.tidy()
	if len(c.tidied) == 0 {
		return x, false
	}
	x = c.tidied[len(c.tidied)-1]
	c.tidied = c.tidied[:len(c.tidied)-1]
	return x, true
}
