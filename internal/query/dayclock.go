package query

import "github.com/llama-logs/llama"

// A dayClock writes times as llama.Time.Append does. It has the text of the day that it
// wrote last.
type dayClock struct {
	day  int64
	text [len("2006-01-02T")]byte
	any  bool
}

const nanosADay = 24 * 60 * 60 * 1e9

func (c *dayClock) append(dst []byte, t llama.Time) []byte {
	day, rest := int64(t)/nanosADay, int64(t)%nanosADay
	if rest < 0 {
		day, rest = day-1, rest+nanosADay
	}
	if !c.any || c.day != day {
		var whole [len("2006-01-02T15:04:05.999999999Z")]byte
		copy(c.text[:], t.Append(whole[:0]))
		c.day, c.any = day, true
	}
	dst = append(dst, c.text[:]...)
	second, nanos := uint32(rest/1e9), uint32(rest%1e9)
	hour, minute := second/3600, second/60%60
	second %= 60
	dst = append(dst, '0'+byte(hour/10), '0'+byte(hour%10), ':', '0'+byte(minute/10), '0'+byte(minute%10), ':',
		'0'+byte(second/10), '0'+byte(second%10))
	if nanos == 0 {
		return append(dst, 'Z')
	}
	digits := 9
	for ; nanos%10 == 0; nanos /= 10 {
		digits--
	}
	dst = append(dst, ".000000000"[:1+digits]...)
	for i := len(dst) - 1; nanos > 0; i-- {
		dst[i] = '0' + byte(nanos%10)
		nanos /= 10
	}
	return append(dst, 'Z')
}
