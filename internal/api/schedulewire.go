package api

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/config"
	"github.com/llama-logs/llama/internal/schedule"
	"github.com/llama-logs/llama/internal/store"
)

// NewSchedule is what a schedule is to be.
type NewSchedule struct {
	Name        string   `json:"name" minLength:"1" maxLength:"200" example:"Failed logins of the night" doc:"A name for people, unique among schedules."`
	Description string   `json:"description,omitempty" maxLength:"4096" doc:"What it is for."`
	Query       string   `json:"query" minLength:"1" maxLength:"65536" example:"_collection:sshd event.outcome:failure | stats by (source.ip) count() n" doc:"The query."`
	Language    string   `json:"language,omitempty" enum:"logsql" default:"logsql" doc:"The language of the query."`
	Targets     []string `json:"targets,omitempty" nullable:"false" maxItems:"1000" uniqueItems:"true" doc:"Names of the targets to ask; when absent all that the owner may ask at that time."`
	Limit       int64    `json:"limit,omitempty" minimum:"0" maximum:"10000000" doc:"The most rows wanted; 0 is the server's own limit."`

	Every string `json:"every,omitempty" maxLength:"64" example:"1h" doc:"An interval of real time, from 10s to 366d; this or cron."`
	Cron  string `json:"cron,omitempty" maxLength:"256" example:"30 6 * * 1-5" doc:"Minute, hour, day of month, month, day of week. One that names hours is due once for each: a time that the clock skips is due at the jump, one that comes twice the first time. One for every hour (*) goes on as real time does."`
	Zone  string `json:"zone,omitempty" maxLength:"64" example:"Europe/Berlin" doc:"The time zone of cron; UTC when absent."`
	First string `json:"first,omitempty" maxLength:"64" doc:"Nothing is due before, and intervals are counted from here: RFC 3339, a date, or relative to now. When it is made, when absent."`
	Until string `json:"until,omitempty" maxLength:"64" doc:"Nothing is due from here on, written as first."`

	Missed  string `json:"missed,omitempty" enum:"once,skip,all" default:"once" doc:"What is done about runs that were due while no central ran: one for all of them, none, or each (the latest 100)."`
	Overlap string `json:"overlap,omitempty" enum:"skip,wait,allow" default:"skip" doc:"What is done when the run before has not ended: the new one is left out, waits (of several, the latest), or runs beside it."`

	Frame  string `json:"frame,omitempty" enum:"range,interval" default:"range" doc:"interval asks for the time since the schedule was due before; range for from and to."`
	From   string `json:"from,omitempty" maxLength:"64" example:"now-1d" doc:"For range: the earliest _time asked for, relative to when the schedule is due. Without it, from the beginning."`
	To     string `json:"to,omitempty" maxLength:"64" example:"now" doc:"For range: the time before which events are asked for. Without it, no end."`
	Paused bool   `json:"paused,omitempty" doc:"True while it does not run. What was due meanwhile is not caught up."`
}

// ScheduleChange changes a schedule; what is absent stays.
type ScheduleChange struct {
	Name        *string   `json:"name,omitempty" minLength:"1" maxLength:"200" doc:"As in NewSchedule."`
	Description *string   `json:"description,omitempty" maxLength:"4096" doc:"As in NewSchedule."`
	Query       *string   `json:"query,omitempty" minLength:"1" maxLength:"65536" doc:"As in NewSchedule."`
	Targets     *[]string `json:"targets,omitempty" maxItems:"1000" uniqueItems:"true" doc:"As in NewSchedule; an empty list for all that the owner may ask."`
	Limit       *int64    `json:"limit,omitempty" minimum:"0" maximum:"10000000" doc:"As in NewSchedule."`
	Every       *string   `json:"every,omitempty" maxLength:"64" doc:"As in NewSchedule; it takes cron away."`
	Cron        *string   `json:"cron,omitempty" maxLength:"256" doc:"As in NewSchedule; it takes every away."`
	Zone        *string   `json:"zone,omitempty" maxLength:"64" doc:"As in NewSchedule."`
	First       *string   `json:"first,omitempty" maxLength:"64" doc:"As in NewSchedule."`
	Until       *string   `json:"until,omitempty" maxLength:"64" doc:"As in NewSchedule; empty for no end."`
	Missed      *string   `json:"missed,omitempty" enum:"once,skip,all" doc:"As in NewSchedule."`
	Overlap     *string   `json:"overlap,omitempty" enum:"skip,wait,allow" doc:"As in NewSchedule."`
	Frame       *string   `json:"frame,omitempty" enum:"range,interval" doc:"As in NewSchedule."`
	From        *string   `json:"from,omitempty" maxLength:"64" doc:"As in NewSchedule."`
	To          *string   `json:"to,omitempty" maxLength:"64" doc:"As in NewSchedule."`
	Paused      *bool     `json:"paused,omitempty" doc:"True pauses it, false resumes it."`
}

// over returns is with what is changed.
func (c *ScheduleChange) over(is NewSchedule) NewSchedule {
	if c.Every != nil {
		is.Cron, is.Zone = "", ""
	}
	if c.Cron != nil {
		is.Every = ""
	}
	if c.Frame != nil && *c.Frame == schedule.FrameInterval {
		is.From, is.To = "", ""
	}
	change(&is.Name, c.Name)
	change(&is.Description, c.Description)
	change(&is.Query, c.Query)
	change(&is.Targets, c.Targets)
	change(&is.Limit, c.Limit)
	change(&is.Every, c.Every)
	change(&is.Cron, c.Cron)
	change(&is.Zone, c.Zone)
	change(&is.First, c.First)
	change(&is.Until, c.Until)
	change(&is.Missed, c.Missed)
	change(&is.Overlap, c.Overlap)
	change(&is.Frame, c.Frame)
	change(&is.From, c.From)
	change(&is.To, c.To)
	change(&is.Paused, c.Paused)
	return is
}

func change[T any](is, to *T) {
	if to != nil {
		*is = *to
	}
}

// ScheduledTask is a schedule.
type ScheduledTask struct {
	ID string `json:"id" format:"uuid" doc:"The schedule's id."`
	NewSchedule
	Owner   string    `json:"owner" example:"ana" doc:"In whose name it asks, as far as they may at that time."`
	Created time.Time `json:"created" doc:"When it was made."`
	Changed time.Time `json:"changed" doc:"When it was last changed."`
	Next    time.Time `json:"next,omitzero" doc:"When it is due next; absent when never, or while it is paused."`
}

// ScheduleRun is one time that a schedule was due, or was run all the same.
type ScheduleRun struct {
	ID    string    `json:"id" format:"uuid" doc:"The run's id, and that of its query."`
	Due   time.Time `json:"due" doc:"When it was due."`
	By    string    `json:"by,omitempty" example:"ana" doc:"Who wanted it now; absent when it was due."`
	State string    `json:"state" enum:"waiting,missed,queued,delivered,running,done,partial,failed,refused,cancelled,expired" doc:"waiting before it is asked; missed when it was left out; else its query's state."`
	Began time.Time `json:"began,omitzero" doc:"When its query was asked; absent before."`
	Ended time.Time `json:"ended,omitzero" doc:"When it ended; absent before."`
	From  time.Time `json:"from,omitzero" doc:"The earliest time asked for; absent when open."`
	To    time.Time `json:"to,omitzero" doc:"The time before which events were asked for; absent when open."`
	Rows  int64     `json:"rows" doc:"Rows of its result."`
	Error string    `json:"error,omitempty" doc:"Why it came to nothing, or not to all, in one sentence."`
}

// timingOf reads when a schedule is to be due.
func timingOf(in NewSchedule, now time.Time) (o schedule.Options, err error) {
	o = schedule.Options{Cron: in.Cron, Zone: in.Zone, Missed: in.Missed, Overlap: in.Overlap}
	if in.Every != "" {
		if o.Every, err = config.ParseDuration(in.Every); err != nil {
			return o, llama.Errorf(llama.Invalid, "every is %q; an interval such as 15m, 1h or 7d is expected", in.Every)
		}
	}
	if o.First, err = readTime("first", in.First, now); err != nil {
		return o, err
	}
	o.Until, err = readTime("until", in.Until, now)
	return o, err
}

func wireSchedule(v *store.Schedule) (ScheduledTask, error) {
	var o schedule.Options
	if err := json.Unmarshal(v.Timing, &o); err != nil {
		return ScheduledTask{}, fmt.Errorf("read timing of schedule %s: %w", v.Name, err)
	}
	w := ScheduledTask{ID: v.ID, Owner: v.Owner, Created: v.Created.Std(), Changed: v.Changed.Std(), NewSchedule: NewSchedule{
		Name: v.Name, Description: v.Asks.Description, Query: v.Asks.Query, Language: v.Asks.Language, Targets: v.Targets, Limit: v.Asks.Limit,
		Cron: o.Cron, Zone: o.Zone, First: momentText(o.First), Until: momentText(o.Until), Missed: o.Missed, Overlap: o.Overlap,
		Frame: v.Asks.Frame, From: v.Asks.From, To: v.Asks.To, Paused: v.Paused,
	}}
	if o.Every > 0 {
		w.Every = config.FormatDuration(o.Every)
	}
	if v.NextDue != 0 && !v.Paused {
		w.Next = v.NextDue.Std()
	}
	return w, nil
}

func momentText(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}

func wireRun(r *store.ScheduleRun) ScheduleRun {
	w := ScheduleRun{ID: r.ID, Due: r.Due.Std(), By: r.By, State: string(r.State), Rows: r.Rows, Error: r.Error}
	for _, m := range []struct {
		into *time.Time
		from llama.Time
	}{{&w.Began, r.Began}, {&w.Ended, r.Ended}, {&w.From, r.From}, {&w.To, r.To}} {
		if m.from != 0 {
			*m.into = m.from.Std()
		}
	}
	return w
}
