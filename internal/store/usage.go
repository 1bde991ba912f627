package store

import (
	"context"
	"fmt"
	"time"

	"github.com/llama-logs/llama"
)

// A Usage counts what was asked, of one user, target or time.
type Usage struct {
	Key        string     // the user or target; "" for times
	From       llama.Time // of times
	Queries    int64
	Scheduled  int64 // of the queries, those that schedules asked
	Failed     int64 // and those without a complete answer
	Rows       int64
	BytesRead  int64
	EventsRead int64
}

// countUsage counts a query that has ended: as a whole under no target, and each
// target's part.
func countUsage(ctx context.Context, tx transaction, q *Query) error {
	hour := int64(q.Ended) / int64(time.Hour)
	whole := Usage{Queries: 1, Rows: q.Rows}
	if q.State != Done {
		whole.Failed = 1
	}
	if q.Schedule != "" {
		whole.Scheduled = 1
	}
	byTarget := map[string]*Usage{"": &whole}
	for i := range q.Tasks {
		t := &q.Tasks[i]
		u := byTarget[t.Target]
		if u == nil {
			u = &Usage{Queries: 1, Scheduled: whole.Scheduled}
			byTarget[t.Target] = u
		}
		if t.State != Done {
			u.Failed = 1
		}
		u.Rows += t.Rows
		u.BytesRead += t.BytesRead
		u.EventsRead += t.EventsRead
		whole.BytesRead += t.BytesRead
		whole.EventsRead += t.EventsRead
	}
	for target, u := range byTarget {
		_, err := tx.ExecContext(ctx, `INSERT INTO usage_hours (hour, user_name, target, queries, scheduled, failed, rows_out, bytes_read, events_read)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
			ON CONFLICT (hour, user_name, target) DO UPDATE SET queries = usage_hours.queries + excluded.queries, scheduled = usage_hours.scheduled + excluded.scheduled,
				failed = usage_hours.failed + excluded.failed, rows_out = usage_hours.rows_out + excluded.rows_out,
				bytes_read = usage_hours.bytes_read + excluded.bytes_read, events_read = usage_hours.events_read + excluded.events_read`,
			hour, q.User, target, u.Queries, u.Scheduled, u.Failed, u.Rows, u.BytesRead, u.EventsRead)
		if err != nil {
			return fmt.Errorf("count query %s: %w", q.ID, err)
		}
	}
	return nil
}

// UsageAsked says what usage is asked for.
type UsageAsked struct {
	By           string     // user, target, hour or day
	User, Target string     // only what this user asked, and of this target; "" for all
	From, To     llama.Time // only what ended then; 0 for open
}

// Usage sums what ended, ordered by what it is summed by. Of one target it has that target's
// part of each query.
func (s *Store) Usage(ctx context.Context, asked UsageAsked) ([]Usage, error) {
	key, span, targets := "''", int64(0), "target = ''"
	switch asked.By {
	case "user":
		key = "user_name"
	case "target":
		key, targets = "target", "target <> ''"
	case "hour":
		span = 1
	case "day":
		span = 24
	default:
		return nil, fmt.Errorf("usage by %q is not kept", asked.By)
	}
	if asked.Target != "" {
		targets = "target = $4"
	}
	moment := "0"
	if span > 0 {
		moment = fmt.Sprintf("hour / %d", span)
	}
	last := int64(asked.To) / int64(time.Hour)
	if int64(asked.To)%int64(time.Hour) > 0 {
		last++
	}
	args := []any{int64(asked.From) / int64(time.Hour), last, asked.User}
	if asked.Target != "" {
		args = append(args, asked.Target)
	}
	rows, err := s.read.QueryContext(ctx, `SELECT `+key+` AS name, `+moment+` AS moment, CAST(SUM(queries) AS BIGINT), CAST(SUM(scheduled) AS BIGINT), CAST(SUM(failed) AS BIGINT),
			CAST(SUM(rows_out) AS BIGINT), CAST(SUM(bytes_read) AS BIGINT), CAST(SUM(events_read) AS BIGINT)
		FROM usage_hours WHERE `+targets+` AND hour >= $1 AND ($2 = 0 OR hour < $2) AND ($3 = '' OR user_name = $3) GROUP BY name, moment ORDER BY moment, name`, args...)
	if err != nil {
		return nil, fmt.Errorf("sum usage: %w", err)
	}
	defer rows.Close()
	all := []Usage{}
	for rows.Next() {
		var u Usage
		var moment int64
		if err := rows.Scan(&u.Key, &moment, &u.Queries, &u.Scheduled, &u.Failed, &u.Rows, &u.BytesRead, &u.EventsRead); err != nil {
			return nil, fmt.Errorf("sum usage: %w", err)
		}
		u.From = llama.Time(moment * span * int64(time.Hour))
		all = append(all, u)
	}
	return all, rowsErr("sum usage", rows.Err())
}
