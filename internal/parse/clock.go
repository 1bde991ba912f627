package parse

import (
	"sync/atomic"
	"time"

	"github.com/llama-logs/llama"
)

// A clock turns what a log says about time into a llama.Time: times without a
// zone are in its zone, times without a year in the year that puts them nearest
// to arrival.
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
	if month <= 2 {
		year--
	}
	era := floorDiv(year, 400)
	yearOfEra := year - era*400
	dayOfYear := (153*((month+9)%12)+2)/5 + day - 1
	return int64(era*146097+yearOfEra*365+yearOfEra/4-yearOfEra/100+dayOfYear) - 719468
}

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

// time returns when s was. Times that a change of clocks makes twice, or never,
// are read as time.Date reads them.
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
		seconds -= c.offset(seconds)
	}
	return llama.Time(seconds*1e9 + int64(s.nano))
}

// nearestYear returns the year that puts s nearest to arrival. 29 February only
// exists in some years.
func (c clock) nearestYear(s *stamp, arrival llama.Time) int {
	came := int64(arrival) / 1e9
	if arrival == 0 {
		came = c.now().Unix()
	}
	around := yearOf(came)
	best, bestGap := around, int64(1)<<62
	span := 1
	if s.month == 2 && s.day == 29 {
		span = 8
	}
	for year := around - span; year <= around+span; year++ {
		if s.day > monthDays(year, s.month) {
			continue
		}
		gap := s.wall(year) - came
		if gap < 0 {
			gap = -gap
		}
		if gap < bestGap {
			best, bestGap = year, gap
		}
	}
	return best
}

// yearOf returns the year of seconds from 1970, in UTC.
func yearOf(seconds int64) int {
	day := seconds / 86400
	year := 1970 + int(day*400/146097)
	for days(year, 1, 1) > day {
		year--
	}
	for days(year+1, 1, 1) <= day {
		year++
	}
	return year
}

// offset returns the zone's seconds east of UTC at a time on the wall.
func (c clock) offset(wall int64) int64 {
	if c.zone == time.UTC {
		return 0
	}
	if s := c.span.Load(); s != nil && wall >= s.from && wall < s.to {
		return s.offset
	}
	// Clocks change on quarters of an hour; a span that begins and ends with the
	// same offset has it throughout.
	const quarter = 900
	from := wall - wall%quarter
	offset := c.lookup(wall)
	if c.lookup(from) == offset && c.lookup(from+quarter-1) == offset {
		c.span.Store(&zoneSpan{from, from + quarter, offset})
	}
	return offset
}

func (c clock) lookup(wall int64) int64 {
	t := time.Unix(wall, 0).UTC()
	local := time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), 0, c.zone)
	return wall - local.Unix()
}
