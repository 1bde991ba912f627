package query

import (
	"math"
	"slices"
)

// growingInts are numbers, each larger than the one before it: in four bytes each, where none
// is far from the first.
type growingInts struct {
	first int64
	near  []uint32 // more than first
	far   []int64  // instead of near
}

// newGrowingInts returns none, with room for n from low to high.
func newGrowingInts(low, high int64, n int) growingInts {
	if high-low > math.MaxUint32 {
		return growingInts{far: make([]int64, 0, n)}
	}
	return growingInts{first: low, near: make([]uint32, 0, n)}
}

// add adds a number behind the others.
func (g *growingInts) add(x int64) {
	switch {
	case g.far == nil && g.near == nil:
		g.first, g.near = x, append(g.near, 0)
	case g.far == nil && x-g.first <= math.MaxUint32:
		g.near = append(g.near, uint32(x-g.first))
	default:
		if g.far == nil {
			g.far = make([]int64, 0, cap(g.near))
			for i := range g.near {
				g.far = append(g.far, g.at(i))
			}
			g.near = nil
		}
		g.far = append(g.far, x)
	}
}

func (g *growingInts) len() int { return len(g.near) + len(g.far) }

func (g *growingInts) at(i int) int64 {
	if g.near != nil {
		return g.first + int64(g.near[i])
	}
	return g.far[i]
}

// before returns how many are less than x.
func (g *growingInts) before(x int64) int {
	if g.near == nil {
		i, _ := slices.BinarySearch(g.far, x)
		return i
	}
	switch more := x - g.first; {
	case more <= 0:
		return 0
	case more > math.MaxUint32:
		return len(g.near)
	default:
		i, _ := slices.BinarySearch(g.near, uint32(more))
		return i
	}
}

func (g *growingInts) bytes() int { return 4*len(g.near) + 8*len(g.far) }
