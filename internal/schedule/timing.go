package schedule

import (
	"fmt"
	"strings"
	"time"

	"github.com/adhocore/gronx"
	"github.com/llama-logs/llama"
)

// What is done about runs that were due while no central ran.
const (
	MissedOnce = "once" // one run, for the latest of them; its interval begins where the last run's ended
	MissedSkip = "skip" // none; the next one that is due runs
	MissedAll  = "all"  // each of them, the oldest first, up to the latest maxCaughtUp
)

// What is done when a run is due and the one before has not ended.
const (
	OverlapSkip  = "skip"  // the run is left out
	OverlapWait  = "wait"  // it begins when the other has ended; of several that wait, the latest does
	OverlapAllow = "allow" // both run
)

const (
	minEvery    = 10 * time.Second
	maxEvery    = 366 * 24 * time.Hour
	maxCaughtUp = 100
	// onTime is how late a run may begin and still not be a missed one.
	onTime = time.Minute
)

// Options say when something is due; the zero value of all but one of Every and
// Cron is a default.
type Options struct {
	Every   time.Duration `json:"every,omitempty"` // an interval of real time
	Cron    string        `json:"cron,omitempty"`  // five fields: minute, hour, day of month, month, day of week
	Zone    string        `json:"zone,omitempty"`  // of Cron, as Europe/Berlin; UTC
	First   time.Time     `json:"first,omitzero"`  // nothing is due before; intervals are counted from here
	Until   time.Time     `json:"until,omitzero"`  // nothing is due from here on
	Missed  string        `json:"missed,omitempty"`
	Overlap string        `json:"overlap,omitempty"`
}

// Timing is Options that were understood.
type Timing struct {
	Options
	zone *time.Location
	// everyHour says that Cron runs in each hour, so that it follows real time
	// where the wall's clock is changed.
	everyHour bool
}

// New reads Options; made is when the schedule was made, from which intervals
// without a first run are counted. Errors may be shown.
func New(o Options, made time.Time) (*Timing, error) {
	t := &Timing{Options: o, zone: time.UTC}
	if (o.Every == 0) == (o.Cron == "") {
		return nil, llama.Errorf(llama.Invalid, "one of an interval and a cron expression is wanted")
	}
	if o.Every != 0 && (o.Every < minEvery || o.Every > maxEvery) {
		return nil, llama.Errorf(llama.Invalid, "an interval of %v is out of range; from %v to 366 days", o.Every, minEvery)
	}
	if err := t.readCron(); err != nil {
		return nil, err
	}
	if t.First.IsZero() {
		t.First = made
	}
	if !t.Until.IsZero() && !t.Until.After(t.First) {
		return nil, llama.Errorf(llama.Invalid, "it ends (%s) before it begins (%s)", t.Until.Format(time.RFC3339), t.First.Format(time.RFC3339))
	}
	if t.Missed == "" {
		t.Missed = MissedOnce
	}
	if t.Overlap == "" {
		t.Overlap = OverlapSkip
	}
	if t.Missed != MissedOnce && t.Missed != MissedSkip && t.Missed != MissedAll {
		return nil, llama.Errorf(llama.Invalid, "missed is %q; once, skip or all", t.Missed)
	}
	if t.Overlap != OverlapSkip && t.Overlap != OverlapWait && t.Overlap != OverlapAllow {
		return nil, llama.Errorf(llama.Invalid, "overlap is %q; skip, wait or allow", t.Overlap)
	}
	if _, ok := t.Next(t.First.Add(-1)); !ok {
		return nil, llama.Errorf(llama.Invalid, "it would never be due")
	}
	return t, nil
}

func (t *Timing) readCron() error {
	if t.Cron == "" {
		if t.Zone != "" {
			return llama.Errorf(llama.Invalid, "a time zone goes with a cron expression; an interval is the same in all")
		}
		return nil
	}
	fields := strings.Fields(t.Cron)
	checker := gronx.New()
	if len(fields) != 5 || !checker.IsValid(t.Cron) {
		return llama.Errorf(llama.Invalid, "%.80q is no cron expression; five fields are wanted, minute hour day month weekday, as in \"30 6 * * 1-5\"", t.Cron)
	}
	t.Cron = strings.Join(fields, " ")
	t.everyHour = fields[1] == "*"
	if t.Zone == "Local" { // the server's, which nobody who reads it knows
		return llama.Errorf(llama.Invalid, "the time zone Local is not known; one looks like Europe/Berlin")
	}
	zone, err := time.LoadLocation(t.Zone)
	if err != nil {
		return llama.Errorf(llama.Invalid, "the time zone %.40q is not known; one looks like Europe/Berlin", t.Zone)
	}
	t.zone = zone
	return nil
}

// Next returns the first moment after a given one at which it is due. There may
// be none.
func (t *Timing) Next(after time.Time) (time.Time, bool) {
	if after.Before(t.First.Add(-1)) {
		after = t.First.Add(-1)
	}
	var next time.Time
	if t.Every > 0 {
		passed := after.Sub(t.First)
		steps := passed / t.Every
		if passed >= 0 {
			steps++
		}
		next = t.First.Add(steps * t.Every)
	} else {
		var ok bool
		if next, ok = t.nextOnWall(after); !ok {
			return time.Time{}, false
		}
	}
	next = next.UTC()
	return next, t.Until.IsZero() || next.Before(t.Until)
}

// Before returns the last moment before due at which it was due, or would have
// been if it had begun by then.
func (t *Timing) Before(due time.Time) (time.Time, error) {
	if t.Every > 0 {
		passed := due.Add(-1).Sub(t.First)
		steps := passed / t.Every
		if passed < 0 {
			steps = (passed+1)/t.Every - 1
		}
		return t.First.Add(steps * t.Every).UTC(), nil
	}
	free := *t
	free.First, free.Until = time.Unix(0, 0), time.Time{}
	for back := time.Hour; back < 10*maxEvery; back *= 2 {
		last, ok := free.Next(due.Add(-back))
		if !ok || !last.Before(due) {
			continue
		}
		for {
			next, ok := free.Next(last)
			if !ok || !next.Before(due) {
				return last, nil
			}
			last = next
		}
	}
	return time.Time{}, fmt.Errorf("nothing is due before %s", due)
}

// A Due is what has become due.
type Due struct {
	Runs   []time.Time // to run, the oldest first
	Missed int         // were due beside them and are left out; more, after a long time
	Next   time.Time   // when the next one is; zero for never
}

// Due says what is to run now of what was due after last.
func (t *Timing) Due(last, now time.Time) Due {
	var d Due
	// Nobody reads what is older than the latest maxCaughtUp, so they alone are
	// looked for, back and back.
	for back := time.Hour; ; back *= 2 {
		from := now.Add(-back)
		if from.Before(last) {
			from = last
		}
		d.Runs, d.Next = t.between(from, now)
		if from.Equal(last) || len(d.Runs) > maxCaughtUp {
			break
		}
	}
	switch t.Missed {
	case MissedAll:
		d.drop(len(d.Runs) - maxCaughtUp)
	case MissedSkip:
		late := 0
		for late < len(d.Runs) && now.Sub(d.Runs[late]) > onTime {
			late++
		}
		d.drop(late)
		d.drop(len(d.Runs) - 1)
	default:
		d.drop(len(d.Runs) - 1)
	}
	return d
}

// between returns what is due after from and up to now, and what follows.
func (t *Timing) between(from, now time.Time) (runs []time.Time, next time.Time) {
	for {
		due, ok := t.Next(from)
		if !ok {
			return runs, time.Time{}
		}
		if due.After(now) {
			return runs, due
		}
		runs, from = append(runs, due), due
	}
}

// drop leaves out the oldest n.
func (d *Due) drop(n int) {
	if n > 0 {
		d.Runs, d.Missed = d.Runs[n:], d.Missed+n
	}
}
