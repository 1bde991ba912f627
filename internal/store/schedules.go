package store

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/llama-logs/llama"
)

// A Schedule is a query that repeats.
type Schedule struct {
	ID      string // a UUID
	Name    string
	Owner   string // in whose name it asks
	Paused  bool
	Created llama.Time
	Changed llama.Time
	Targets []string        // none for all that the owner may ask
	Timing  json.RawMessage // when; what it means is not this package's
	LastDue llama.Time      // up to here all that was due is settled
	NextDue llama.Time      // 0 for never
	Asks    Asks
}

// Asks is what a schedule or a saved query asks. Times are as people write them.
type Asks struct {
	Description string `json:"description,omitempty"`
	Query       string `json:"query"`
	Language    string `json:"language,omitempty"`
	Frame       string `json:"frame,omitempty"`
	From        string `json:"from,omitempty"`
	To          string `json:"to,omitempty"`
	Limit       int64  `json:"limit,omitempty"`
}

const scheduleColumns = `id, name, owner, paused, created, changed, targets, timing, last_due, next_due, sealed`

// PutSchedule adds a schedule or changes one that is there. Another of its name
// is a *llama.Error with code Conflict.
func (s *Store) PutSchedule(ctx context.Context, v *Schedule) error {
	targets, err := json.Marshal(append([]string{}, v.Targets...))
	if err != nil {
		return fmt.Errorf("keep schedule %s: %w", v.ID, err)
	}
	sealed, err := s.sealKept("schedules", v.ID, v.Asks)
	if err != nil {
		return err
	}
	return s.update(ctx, func(tx transaction) error {
		if err := s.alone(ctx, tx, "schedules"); err != nil {
			return err
		}
		if err := nameFree(ctx, tx, "schedules", v.ID, v.Name); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO schedules (`+scheduleColumns+`)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
			ON CONFLICT (id) DO UPDATE SET name = excluded.name, owner = excluded.owner, paused = excluded.paused, changed = excluded.changed,
				targets = excluded.targets, timing = excluded.timing, last_due = excluded.last_due, next_due = excluded.next_due, sealed = excluded.sealed`,
			v.ID, v.Name, v.Owner, number(v.Paused), int64(v.Created), int64(v.Changed), string(targets), string(v.Timing), int64(v.LastDue), int64(v.NextDue), sealed)
		if err != nil {
			return fmt.Errorf("keep schedule %s: %w", v.Name, err)
		}
		return nil
	})
}

// nameFree refuses a name that another row of a table has.
func nameFree(ctx context.Context, tx transaction, table, id, name string) error {
	var taken bool
	err := tx.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM `+table+` WHERE name = $1 AND id <> $2)`, name, id).Scan(&taken)
	if err != nil {
		return fmt.Errorf("look for the name %s: %w", name, err)
	}
	if taken {
		return llama.Errorf(llama.Conflict, "the name %q is taken", name)
	}
	return nil
}

// Schedules returns all schedules, by name.
func (s *Store) Schedules(ctx context.Context) ([]Schedule, error) {
	return s.selectSchedules(ctx, `ORDER BY name`)
}

// DueSchedules returns those that are due at a time and not paused.
func (s *Store) DueSchedules(ctx context.Context, at llama.Time) ([]Schedule, error) {
	return s.selectSchedules(ctx, `WHERE paused = 0 AND next_due <> 0 AND next_due <= $1 ORDER BY next_due`, int64(at))
}

// Schedule returns one. The error is a *llama.Error with code NotFound when there
// is none of that id.
func (s *Store) Schedule(ctx context.Context, id string) (*Schedule, error) {
	found, err := s.selectSchedules(ctx, `WHERE id = $1`, id)
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, llama.Errorf(llama.NotFound, "there is no schedule %s", id)
	}
	return &found[0], nil
}

func (s *Store) selectSchedules(ctx context.Context, where string, args ...any) ([]Schedule, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT `+scheduleColumns+` FROM schedules `+where, args...)
	if err != nil {
		return nil, fmt.Errorf("read schedules: %w", err)
	}
	defer rows.Close()
	found := []Schedule{}
	for rows.Next() {
		var v Schedule
		var targets, timing string
		var sealed []byte
		err := rows.Scan(&v.ID, &v.Name, &v.Owner, &v.Paused, &v.Created, &v.Changed, &targets, &timing, &v.LastDue, &v.NextDue, &sealed)
		if err != nil {
			return nil, fmt.Errorf("read schedules: %w", err)
		}
		v.Timing = json.RawMessage(timing)
		if err := json.Unmarshal([]byte(targets), &v.Targets); err != nil {
			return nil, fmt.Errorf("read targets of schedule %s: %w", v.Name, err)
		}
		if err := s.unsealKept("schedules", v.ID, sealed, &v.Asks); err != nil {
			return nil, err
		}
		found = append(found, v)
	}
	return found, rowsErr("read schedules", rows.Err())
}

// RemoveSchedule removes a schedule with its history. The queries it asked stay.
func (s *Store) RemoveSchedule(ctx context.Context, id string) error {
	return s.update(ctx, func(tx transaction) error {
		done, err := tx.ExecContext(ctx, `DELETE FROM schedules WHERE id = $1`, id)
		if err != nil {
			return fmt.Errorf("remove schedule %s: %w", id, err)
		}
		return foundOne(done, "there is no schedule %s", id)
	})
}

// PassSchedule notes up to when all that was due of a schedule is settled, and adds
// the runs that are to be; those that are there already are left as they are. It
// does nothing, and reports so, when lease is not holder's any more, or when the
// schedule was changed since it was read.
func (s *Store) PassSchedule(ctx context.Context, v *Schedule, last, next llama.Time, runs []ScheduleRun, l Lease) (done bool, err error) {
	err = s.update(ctx, func(tx transaction) error {
		if held, err := l.held(ctx, tx); err != nil || !held {
			return err
		}
		changed, err := tx.ExecContext(ctx, `UPDATE schedules SET last_due = $1, next_due = $2 WHERE id = $3 AND changed = $4 AND last_due = $5 AND paused = 0`,
			int64(last), int64(next), v.ID, int64(v.Changed), int64(v.LastDue))
		if err != nil {
			return fmt.Errorf("note what was due of schedule %s: %w", v.Name, err)
		}
		if n, err := changed.RowsAffected(); err != nil || n == 0 {
			return err
		}
		done = true
		for i := range runs {
			if err := s.addRun(ctx, tx, &runs[i]); err != nil {
				return err
			}
		}
		return nil
	})
	return done && err == nil, err
}
