package schedule

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/adhocore/gronx"
	"github.com/llama-logs/llama"
	"pgregory.net/rapid"
)

func at(t testing.TB, text string) time.Time {
	t.Helper()
	moment, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return moment
}

func TestNext(t *testing.T) {
	t.Parallel()
	const berlin = "Europe/Berlin" // +1, +2 from 2026-03-29T01:00Z to 2026-10-25T01:00Z
	tests := []struct {
		name  string
		o     Options
		after string
		want  string // separated by blanks; "never" ends it
	}{
		{"interval from its making", Options{Every: 90 * time.Minute}, "2026-01-01T00:00:00Z", "2026-01-01T01:30:00Z 2026-01-01T03:00:00Z"},
		{"interval before its first run", Options{Every: time.Hour, First: at(t, "2026-02-01T00:00:10Z")}, "2026-01-05T00:00:00Z", "2026-02-01T00:00:10Z 2026-02-01T01:00:10Z"},
		{"interval with an end", Options{Every: time.Hour, Until: at(t, "2026-01-01T02:00:00Z")}, "2026-01-01T00:00:00Z", "2026-01-01T01:00:00Z never"},
		{"interval over a change of clocks", Options{Every: 24 * time.Hour, First: at(t, "2026-03-28T12:00:00+01:00")}, "2026-03-28T11:00:00Z", "2026-03-29T11:00:00Z 2026-03-30T11:00:00Z"},
		{"cron in UTC", Options{Cron: "30 6 * * 1-5"}, "2026-01-02T06:30:00Z", "2026-01-05T06:30:00Z 2026-01-06T06:30:00Z"},
		{"cron in a zone, summer and winter", Options{Cron: "0 12 28-30 3 *", Zone: berlin}, "2026-03-01T00:00:00Z", "2026-03-28T11:00:00Z 2026-03-29T10:00:00Z 2026-03-30T10:00:00Z"},
		{"an hour that is skipped", Options{Cron: "30 2 * * *", Zone: berlin}, "2026-03-28T00:00:00Z", "2026-03-28T01:30:00Z 2026-03-29T01:00:00Z 2026-03-30T00:30:00Z"},
		{"several times that are skipped are one", Options{Cron: "0,20,40 2 * * *", Zone: berlin}, "2026-03-28T01:40:00Z", "2026-03-29T01:00:00Z 2026-03-30T00:00:00Z"},
		{"an hour that comes twice", Options{Cron: "30 2 * * *", Zone: berlin}, "2026-10-24T12:00:00Z", "2026-10-25T00:30:00Z 2026-10-26T01:30:00Z"},
		{"within the second of the two", Options{Cron: "30 2 * * *", Zone: berlin}, "2026-10-25T01:10:00Z", "2026-10-26T01:30:00Z"},
		{"every hour, forward", Options{Cron: "15 * * * *", Zone: berlin}, "2026-03-29T00:00:00Z", "2026-03-29T00:15:00Z 2026-03-29T01:15:00Z 2026-03-29T02:15:00Z"},
		{"every hour, back", Options{Cron: "15 * * * *", Zone: berlin}, "2026-10-25T00:00:00Z", "2026-10-25T00:15:00Z 2026-10-25T01:15:00Z 2026-10-25T02:15:00Z"},
		{"every half hour, back", Options{Cron: "*/30 * * * *", Zone: berlin}, "2026-10-25T00:00:00Z", "2026-10-25T00:30:00Z 2026-10-25T01:00:00Z 2026-10-25T01:30:00Z 2026-10-25T02:00:00Z"},
		{"a zone of half hours", Options{Cron: "0 2 * * *", Zone: "Australia/Lord_Howe"}, "2026-10-03T00:00:00Z", "2026-10-03T15:30:00Z 2026-10-04T15:00:00Z"},
		{"a day that was skipped", Options{Cron: "0 12 * * *", Zone: "Pacific/Apia"}, "2011-12-29T00:00:00Z", "2011-12-29T22:00:00Z 2011-12-30T10:00:00Z 2011-12-30T22:00:00Z"},
		{"leap day", Options{Cron: "0 0 29 2 *"}, "2026-01-01T00:00:00Z", "2028-02-29T00:00:00Z 2032-02-29T00:00:00Z"},
		{"day of month or of week", Options{Cron: "0 0 1 * 1"}, "2026-01-02T00:00:00Z", "2026-01-05T00:00:00Z 2026-01-12T00:00:00Z"},
		{"blanks between the fields", Options{Cron: " 0  0 1 1\t* "}, "2026-06-01T00:00:00Z", "2027-01-01T00:00:00Z"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			timing, err := New(tt.o, at(t, "2011-01-01T00:00:00Z"))
			if tt.o.Every != 0 {
				timing, err = New(tt.o, at(t, "2026-01-01T00:00:00Z"))
			}
			if err != nil {
				t.Fatal(err)
			}
			after := at(t, tt.after)
			for _, want := range strings.Fields(tt.want) {
				got, ok := timing.Next(after)
				if want == "never" && !ok {
					break
				}
				if want == "never" || !ok || !got.Equal(at(t, want)) {
					t.Fatalf("after %s: got %s, %v, want %s", after, got, ok, want)
				}
				before, err := timing.Before(got)
				if err != nil || !before.Before(got) {
					t.Errorf("before %s: %s, %v", got, before, err)
				}
				if next, _ := timing.Next(before); !before.Before(timing.First) && !next.Equal(got) {
					t.Errorf("before %s there is %s, and after that %s", got, before, next)
				}
				after = got
			}
		})
	}
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	made := at(t, "2026-01-01T00:00:00Z")
	for name, o := range map[string]Options{
		"nothing":           {},
		"both":              {Every: time.Hour, Cron: "* * * * *"},
		"short":             {Every: time.Second},
		"negative":          {Every: -time.Hour},
		"long":              {Every: 400 * 24 * time.Hour},
		"four fields":       {Cron: "* * * *"},
		"six fields":        {Cron: "0 * * * * *"},
		"a name":            {Cron: "@daily"},
		"no minute":         {Cron: "61 * * * *"},
		"words":             {Cron: "a b c d e"},
		"never":             {Cron: "0 0 31 2 *"},
		"no zone":           {Cron: "0 0 * * *", Zone: "Europe/Atlantis"},
		"the server's zone": {Cron: "0 0 * * *", Zone: "Local"},
		"a path for a zone": {Cron: "0 0 * * *", Zone: "../../etc/passwd"},
		"zone of interval":  {Every: time.Hour, Zone: "Europe/Berlin"},
		"ends first":        {Every: time.Hour, Until: made.Add(-time.Hour)},
		"never within":      {Cron: "0 0 1 6 *", Until: made.Add(time.Hour)},
		"missed":            {Every: time.Hour, Missed: "never"},
		"overlap":           {Every: time.Hour, Overlap: "never"},
	} {
		if _, err := New(o, made); llama.CodeOf(err) != llama.Invalid {
			t.Errorf("%s: got %v, want invalid", name, err)
		}
	}
}

func TestDue(t *testing.T) {
	t.Parallel()
	made := at(t, "2026-01-01T00:00:00Z")
	minutes := func(of ...int) (all []time.Time) {
		for _, m := range of {
			all = append(all, made.Add(time.Duration(m)*time.Minute))
		}
		return all
	}
	tests := []struct {
		name   string
		missed string
		now    time.Duration // after made, when the last one was due
		want   []time.Time
		left   int
	}{
		{"too early", MissedOnce, 9 * time.Minute, nil, 0},
		{"on time", MissedOnce, 10 * time.Minute, minutes(10), 0},
		{"on time, skip", MissedSkip, 10*time.Minute + onTime, minutes(10), 0},
		{"late, once", MissedOnce, 35 * time.Minute, minutes(30), 2},
		{"late, skip", MissedSkip, 35 * time.Minute, nil, 3},
		{"late, skip, and one on time", MissedSkip, 30 * time.Minute, minutes(30), 2},
		{"late, all", MissedAll, 35 * time.Minute, minutes(10, 20, 30), 0},
	}
	for _, tt := range tests {
		timing, err := New(Options{Every: 10 * time.Minute, Missed: tt.missed}, made)
		if err != nil {
			t.Fatal(err)
		}
		got := timing.Due(made, made.Add(tt.now))
		if !slices.EqualFunc(got.Runs, tt.want, time.Time.Equal) || got.Missed != tt.left || !got.Next.After(made.Add(tt.now)) {
			t.Errorf("%s: got %+v, want %v and %d left out", tt.name, got, tt.want, tt.left)
		}
	}
}

func TestDueAfterYears(t *testing.T) {
	t.Parallel()
	made := at(t, "2016-01-01T00:00:00Z")
	for name, o := range map[string]Options{"interval": {Every: minEvery}, "cron": {Cron: "* * * * *"}} {
		o.Missed = MissedAll
		timing, err := New(o, made)
		if err != nil {
			t.Fatal(err)
		}
		now := made.AddDate(1, 0, 0)
		got := timing.Due(made, now)
		if len(got.Runs) != maxCaughtUp || got.Runs[maxCaughtUp-1].After(now) || now.Sub(got.Runs[maxCaughtUp-1]) > time.Hour || got.Missed == 0 {
			t.Errorf("%s: %d runs, %d left out", name, len(got.Runs), got.Missed)
		}
	}
}

// TestNextIsWhatAWallShows compares with looking at the wall each minute.
func TestNextIsWhatAWallShows(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		zone := rapid.SampledFrom([]string{"Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "UTC"}).Draw(r, "zone")
		hour := rapid.SampledFrom([]string{"*", "1", "2", "3", "0-4", "*/2", "2,3"}).Draw(r, "hour")
		minute := rapid.SampledFrom([]string{"0", "30", "*/15", "5,50"}).Draw(r, "minute")
		day := rapid.SampledFrom([]string{"2026-03-07", "2026-03-28", "2026-04-04", "2026-10-03", "2026-10-24", "2026-10-31", "2026-06-01"}).Draw(r, "day")
		timing, err := New(Options{Cron: minute + " " + hour + " * * *", Zone: zone}, at(t, day+"T00:00:00Z"))
		if err != nil {
			r.Fatal(err)
		}
		start := timing.First
		var want []time.Time
		done := map[time.Time]bool{} // times on the wall that have been
		last := start.Add(-2 * time.Hour)
		fits := func(shown time.Time) bool {
			ok, err := cronFits(timing.Cron, shown)
			if err != nil {
				r.Fatal(err)
			}
			return ok
		}
		for m := last; m.Before(start.Add(30 * time.Hour)); m = m.Add(time.Minute) {
			shown := wall(m.In(timing.zone))
			due := fits(shown) && (timing.everyHour || !done[shown])
			if !timing.everyHour {
				for skipped := wall(m.Add(-time.Minute).In(timing.zone)).Add(time.Minute); skipped.Before(shown); skipped = skipped.Add(time.Minute) {
					due = due || fits(skipped)
				}
			}
			done[shown] = true
			if due && !m.Before(start) {
				want = append(want, m)
			}
		}
		after := start.Add(-1)
		for _, w := range want {
			got, ok := timing.Next(after)
			if !ok || !got.Equal(w) {
				r.Fatalf("%s in %s after %s: got %s, want %s", timing.Cron, zone, after.In(timing.zone), got.In(timing.zone), w.In(timing.zone))
			}
			after = got
		}
	})
}

// cronFits asks the library about one time, which is its other way to look.
func cronFits(expression string, shown time.Time) (bool, error) {
	return gronx.New().IsDue(expression, shown)
}
