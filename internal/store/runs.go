package store

import (
	"context"
	"fmt"

	"github.com/llama-logs/llama"
)

// The states of a run beside those of its query, which it has once it was asked.
const (
	RunWaiting State = "waiting" // for the run before to end
	RunMissed  State = "missed"  // it was due while no central ran, or one before had not ended
)

// A ScheduleRun is one time that a schedule was due, or was to run all the same.
type ScheduleRun struct {
	ID       string // a UUIDv7, also of its query
	Schedule string
	Due      llama.Time
	Began    llama.Time // 0 before
	Ended    llama.Time // 0 before
	State    State
	By       string // who wanted it now; "" for the schedule
	Rows     int64
	From, To llama.Time // what it asks for; 0 for open
	Error    string     // why it came to nothing
}

const runColumns = `id, schedule_id, due, began, ended, state, by_user, result_rows, from_time, to_time, sealed`

func (s *Store) addRun(ctx context.Context, tx transaction, r *ScheduleRun) error {
	sealed, err := s.sealKept("schedule_runs", r.ID, r.Error)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO schedule_runs (`+runColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT DO NOTHING`,
		r.ID, r.Schedule, int64(r.Due), int64(r.Began), int64(r.Ended), string(r.State), r.By, r.Rows, int64(r.From), int64(r.To), sealed)
	if err != nil {
		return fmt.Errorf("add run of schedule %s: %w", r.Schedule, err)
	}
	return nil
}

// AddRun adds a run that somebody wanted.
func (s *Store) AddRun(ctx context.Context, r *ScheduleRun) error {
	return s.update(ctx, func(tx transaction) error { return s.addRun(ctx, tx, r) })
}

// UpdateRun notes how far a run has come.
func (s *Store) UpdateRun(ctx context.Context, r *ScheduleRun) error {
	sealed, err := s.sealKept("schedule_runs", r.ID, r.Error)
	if err != nil {
		return err
	}
	return s.update(ctx, func(tx transaction) error {
		_, err := tx.ExecContext(ctx, `UPDATE schedule_runs SET began = $1, ended = $2, state = $3, result_rows = $4, sealed = $5 WHERE id = $6`,
			int64(r.Began), int64(r.Ended), string(r.State), r.Rows, sealed, r.ID)
		if err != nil {
			return fmt.Errorf("update run of schedule %s: %w", r.Schedule, err)
		}
		return nil
	})
}

// OpenRuns returns the runs that have not ended, the oldest first.
func (s *Store) OpenRuns(ctx context.Context) ([]ScheduleRun, error) {
	return s.selectRuns(ctx, `WHERE ended = 0 ORDER BY due, id`)
}

// Runs returns runs of a schedule, the newest first: at most limit of those before
// the one whose id is after, if there is one.
func (s *Store) Runs(ctx context.Context, schedule, after string, limit int) ([]ScheduleRun, error) {
	return s.selectRuns(ctx, `WHERE schedule_id = $1 AND ($2 = '' OR id < $2) ORDER BY id DESC LIMIT $3`, schedule, after, limit)
}

func (s *Store) selectRuns(ctx context.Context, where string, args ...any) ([]ScheduleRun, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT `+runColumns+` FROM schedule_runs `+where, args...)
	if err != nil {
		return nil, fmt.Errorf("read runs of schedules: %w", err)
	}
	defer rows.Close()
	found := []ScheduleRun{}
	for rows.Next() {
		var r ScheduleRun
		var sealed []byte
		if err := rows.Scan(&r.ID, &r.Schedule, &r.Due, &r.Began, &r.Ended, &r.State, &r.By, &r.Rows, &r.From, &r.To, &sealed); err != nil {
			return nil, fmt.Errorf("read runs of schedules: %w", err)
		}
		if err := s.unsealKept("schedule_runs", r.ID, sealed, &r.Error); err != nil {
			return nil, err
		}
		found = append(found, r)
	}
	return found, rowsErr("read runs of schedules", rows.Err())
}

// keptRuns is how many runs a schedule's history has at least.
const keptRuns = 1000

// SweepRuns forgets the oldest runs of schedules that have ended and of which
// there are many.
func (s *Store) SweepRuns(ctx context.Context) error {
	return s.update(ctx, func(tx transaction) error {
		_, err := tx.ExecContext(ctx, `DELETE FROM schedule_runs WHERE ended <> 0 AND id IN (
			SELECT id FROM (SELECT id, ROW_NUMBER() OVER (PARTITION BY schedule_id ORDER BY id DESC) AS place FROM schedule_runs) ranked WHERE place > $1)`, keptRuns)
		if err != nil {
			return fmt.Errorf("forget old runs of schedules: %w", err)
		}
		return nil
	})
}
