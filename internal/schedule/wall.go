package schedule

import (
	"time"

	"github.com/adhocore/gronx"
)

// What a cron expression means where a wall's clock is changed:
//
//   - One that names hours is due once for each time it names. A time that the
//     clock jumps over is due at the moment of the jump; one that comes twice is
//     due when it comes first.
//   - One for every hour (* in the second field) goes on as real time does: what
//     the clock jumps over is not due, and what comes twice is due twice.
//
// The library only says which times on a wall fit. They are looked at as times of
// a zone without changes, and made moments here.

// margin is how far a wall's clock is set back at most. Days were skipped in the
// Pacific, which is forward, but none was lived twice since zones are kept well.
const margin = 3 * time.Hour

// maxSteps bounds the search for one moment.
const maxSteps = 100_000

func (t *Timing) nextOnWall(after time.Time) (time.Time, bool) {
	at := wall(after.In(t.zone)).Add(-margin)
	var best time.Time
	for range maxSteps {
		next, err := gronx.NextTickAfter(t.Cron, at, false)
		if err != nil {
			break // never again
		}
		at = next
		for _, moment := range t.moments(at) {
			if moment.After(after) && (best.IsZero() || moment.Before(best)) {
				best = moment
			}
		}
		if !best.IsZero() && at.After(wall(best.In(t.zone)).Add(margin)) {
			break
		}
	}
	return best, !best.IsZero()
}

// wall returns what a clock on the wall shows, as a time in UTC.
func wall(t time.Time) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), time.UTC)
}

// moments returns when the zone's clocks show the given time and it counts.
func (t *Timing) moments(shown time.Time) []time.Time {
	var found []time.Time
	before, after := t.offset(shown.Add(-15*time.Hour)), t.offset(shown.Add(15*time.Hour))
	first, second := shown.Add(-before), shown.Add(-after)
	if second.Before(first) {
		first, second = second, first
	}
	for _, moment := range []time.Time{first, second} {
		if wall(moment.In(t.zone)).Equal(shown) && (len(found) == 0 || !found[0].Equal(moment)) {
			found = append(found, moment)
		}
	}
	switch {
	case t.everyHour:
		return found
	case len(found) > 0:
		return found[:1]
	}
	jump, _ := shown.Add(-before).In(t.zone).ZoneBounds()
	if jump.IsZero() {
		return nil
	}
	return []time.Time{jump}
}

// offset returns how far the zone is ahead of UTC.
func (t *Timing) offset(at time.Time) time.Duration {
	_, seconds := at.In(t.zone).Zone()
	return time.Duration(seconds) * time.Second
}
