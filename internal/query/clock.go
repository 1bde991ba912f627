package query

import (
	"slices"
	"strings"
	"time"

	"github.com/llama-logs/llama"
)

var weekdays = []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

// dayRange reads day_range[08:00, 18:00): a part of every day, in UTC. An offset
// moves it: `offset 2h` makes it the hours of UTC+2.
func (p *parser) dayRange() filter {
	var ends [2]time.Duration
	text, offset := p.clock("day_range", func(i int, open bool) string {
		pos := p.tok().pos
		s := p.compound("a time of day", stopToken)
		t, err := time.Parse("15:04", s)
		ends[i] = time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute
		if s == "24:00" {
			ends[i], err = 24*time.Hour, nil
		}
		if err != nil && p.err == nil {
			p.failAt(pos, nil, "%q is no time of day; expected one such as 08:30", s)
		}
		if open && i == 0 {
			ends[i]++
		} else if open {
			ends[i]--
		}
		return s
	})
	return &clockFilter{text: text, match: func(t llama.Time) bool {
		day := dayOf(addTime(t, offset))
		return ends[0] <= day && day <= ends[1]
	}}
}

// weekRange reads week_range[Mon, Fri]: some days of every week, in UTC.
func (p *parser) weekRange() filter {
	var ends [2]int
	text, offset := p.clock("week_range", func(i int, open bool) string {
		pos := p.tok().pos
		s := p.compound("a day of the week", stopToken)
		ends[i] = -1
		if len(s) >= 3 {
			ends[i] = slices.IndexFunc(weekdays, func(d string) bool {
				long := strings.ToLower(time.Weekday(slices.Index(weekdays, d)).String())
				return strings.EqualFold(s, d) || strings.EqualFold(s, long)
			})
		}
		if ends[i] < 0 && p.err == nil {
			p.failAt(pos, nil, "%q is no day of the week; expected one such as Mon", s)
		}
		if open && i == 0 {
			ends[i]++
		} else if open {
			ends[i]--
		}
		return s
	})
	return &clockFilter{text: text, match: func(t llama.Time) bool {
		day := int(addTime(t, offset).Std().Weekday())
		if ends[0] <= ends[1] {
			return ends[0] <= day && day <= ends[1]
		}
		return day >= ends[0] || day <= ends[1] // over the week's end
	}}
}

// clock reads name[a, b] or with ( and ), and an offset. It returns the normal
// form and what is added to a time before it is looked at.
func (p *parser) clock(name string, bound func(i int, open bool) string) (string, time.Duration) {
	p.next()
	open := p.tok().raw
	p.next()
	from := bound(0, open == "(")
	p.expect(",", "between the bounds of "+name)
	mark := p.i
	to := bound(1, false)
	closing := p.tok().raw
	if p.is(")") { // the bound again, now known to be left out
		p.i = mark
		bound(1, true)
	}
	if !p.is("]", ")") {
		p.fail(`unexpected %s; expected "]" or ")" after the bounds of %s`, p.shown(), name)
	}
	p.next()
	text := name + open + quoteNumber(from) + ", " + quoteNumber(to) + closing
	if !p.accept("offset") {
		return text, 0
	}
	d, dText := p.duration()
	return text + " offset " + quoteNumber(dText), d
}

func dayOf(t llama.Time) time.Duration {
	day := time.Duration(t) % (24 * time.Hour)
	if day < 0 {
		day += 24 * time.Hour
	}
	return day
}
