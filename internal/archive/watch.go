package archive

import "time"

const (
	// steadyFor is how long a clock must have gone without a jump before days are
	// removed by it. A machine without a battery begins with any date, and has the
	// right one minutes later.
	steadyFor = time.Hour
	// jump is by how much a clock that is being corrected may be off within upkeepEvery.
	jump = time.Minute
)

// A watch compares the clock, which may be set, with the time that passes.
type watch struct {
	began  time.Time     // with a monotonic reading
	wall   time.Time     // the clock then
	offset time.Duration // how far the clock was ahead of the time that had passed
	jumped time.Duration // after began
}

func newWatch(wall time.Time) *watch { return &watch{began: time.Now(), wall: wall.Round(0)} }

// steady reports whether the clock has gone without a jump for long. It is asked again
// and again.
func (w *watch) steady(wall time.Time) bool {
	passed := time.Since(w.began)
	offset := wall.Round(0).Sub(w.wall) - passed
	if d := offset - w.offset; d > jump || d < -jump {
		w.jumped = passed
	}
	w.offset = offset
	return passed-w.jumped >= steadyFor
}
