package parse

import (
	"sync/atomic"
	"time"

	"github.com/llama-logs/llama"
)

// A clock turns what a log says about time into a llama.Time: times without a
// zone are in its zone, times without a year in the year that puts them nearest
// to arrival and at most maxAhead after it.
type clock struct {
	zone *time.Location
	now  func() time.Time
	span *atomic.Pointer[zoneSpan] // the last answer of offset, for most events are of one hour
}

// A zoneSpan is a stretch of local time with one offset from UTC.
type zoneSpan struct{ from, to, offset int64 } // seconds

func newClock(zone *time.Location, now func() time.Time) clock {
	if zone == nil {
		zone = time.Local
	}
	if now == nil {
		now = time.Now
	}
	return clock{zone: zone, now: now, span: new(atomic.Pointer[zoneSpan])}
}

// in returns the clock for times in another zone.
func (c clock) in(zone *time.Location) clock { return newClock(zone, c.now) }

// A stamp is a time as it was written, with what it left out.
type stamp struct {
	year, month, day  int // year 0 is not written
	hour, minute, sec int
	nano              int
	offset            int  // seconds east of UTC
	zoned             bool // offset was written
}

// valid reports whether the stamp is one of the calendar. Second 60, which leap
// seconds have, is.
func (s *stamp) valid() bool {
	return s.month >= 1 && s.month <= 12 && s.day >= 1 && s.day <= monthDays(s.year, s.month) &&
		s.hour < 24 && s.minute < 60 && s.sec <= 60
}

// monthDays returns the days of a month; February has 29 when the year is not
// known.
func monthDays(year, month int) int {
	switch month {
	case 2:
		if year == 0 || leap(year) {
			return 29
		}
		return 28
	case 4, 6, 9, 11:
		return 30
	}
	return 31
}

func leap(year int) bool { return year%4 == 0 && (year%100 != 0 || year%400 == 0) }

// days returns the days from 1970-01-01, counting years from March so that leap
// days come last (Howard Hinnant's days_from_civil).
func days(year, month, day int) int64 {
	if year >= 1970 && year < 2100 {
		// Each fourth year is a leap year then, from 1972 on.
		n := (year-1970)*365 + (year-1969)>>2 + yearDay[month&15] + day - 1
		if month > 2 && year&3 == 0 {
			n++
		}
		return int64(n)
	}
	if month <= 2 {
		year--
	}
	era := floorDiv(year, 400)
	yearOfEra := year - era*400
	dayOfYear := (153*((month+9)%12)+2)/5 + day - 1
	return int64(era*146097+yearOfEra*365+yearOfEra/4-yearOfEra/100+dayOfYear) - 719468
}

// yearDay is how many days of a common year are before each month.
var yearDay = [16]int{1: 0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334}

func floorDiv(a, b int) int {
	if a < 0 {
		return (a - b + 1) / b
	}
	return a / b
}

// wall returns the seconds from 1970 as a clock on the wall shows them.
func (s *stamp) wall(year int) int64 {
	return days(year, s.month, s.day)*86400 + int64(s.hour*3600+s.minute*60+s.sec)
}

// time returns when s was.
func (c clock) time(s *stamp, arrival llama.Time) llama.Time {
	year := s.year
	if year == 0 {
		year = c.nearestYear(s, arrival)
	}
	if year < 1678 || year > 2261 {
		return llama.At(time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC))
	}
	seconds := s.wall(year)
	if s.zoned {
		seconds -= int64(s.offset)
	} else {
		seconds -= c.offset(seconds, c.came(arrival))
	}
	return llama.Time(seconds*1e9 + int64(s.nano))
}

// came returns when an event arrived, in seconds.
func (c clock) came(arrival llama.Time) int64 {
	if arrival == 0 {
		return c.now().Unix()
	}
	return int64(arrival) / 1e9
}

// maxAhead is how far a time without a year, or one that a message only begins with, may
// lie in the future: more than clocks that are set wrongly by hand are ahead, and less than
// what a line of last year needs to be taken for one of this. See docs/decisions/0003.
const maxAhead = 7 * 86400 // seconds

// nearestYear returns the year that puts s nearest to arrival, of those that put
// it no more than maxAhead after it: the last of them. 29 February only exists in
// some years.
func (c clock) nearestYear(s *stamp, arrival llama.Time) int {
	latest := c.came(arrival) + maxAhead
	year := yearOf(latest)
	for s.day > monthDays(year, s.month) || s.wall(year) > latest {
		year--
	}
	return year
}

// yearOf returns the year of seconds from 1970, in UTC.
func yearOf(seconds int64) int {
	day := int64(floorDiv(int(seconds), 86400))
	year := 1970 + int(day*400/146097)
	for days(year, 1, 1) > day {
		year--
	}
	for days(year+1, 1, 1) <= day {
		year++
	}
	return year
}

// offset returns the zone's seconds east of UTC at a time on the wall. A time that
// a change of clocks makes twice, or never, is the one nearest to arrival.
func (c clock) offset(wall, came int64) int64 {
	if c.zone == time.UTC {
		return 0
	}
	if s := c.span.Load(); s != nil && wall >= s.from && wall < s.to {
		return s.offset
	}
	// An offset that holds from a day before to a day after holds throughout.
	const day, hour = 86400, 3600
	before, after := c.at(wall-day), c.at(wall+day)
	if before == after {
		from := wall - wall%hour
		if c.at(from-day) == before && c.at(from+hour+day) == before {
			c.span.Store(&zoneSpan{from, from + hour, before})
		}
		return before
	}
	first, second := c.at(wall-before) == before, c.at(wall-after) == after
	switch {
	case first && !second:
		return before
	case second && !first:
		return after
	case distance(wall-before, came) <= distance(wall-after, came):
		return before
	}
	return after
}

// at returns the zone's offset at a moment.
func (c clock) at(seconds int64) int64 {
	_, offset := time.Unix(seconds, 0).In(c.zone).Zone()
	return int64(offset)
}

func distance(a, b int64) int64 {
	if a < b {
		return b - a
	}
	return a - b
}
