package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/llama-logs/llama"
)

// A Query is one question with its tasks, as far as it has come.
type Query struct {
	ID       string // a UUIDv7
	User     string
	State    State
	Text     string // as it was asked
	Normal   string // in normal form
	Language string
	Name     string
	Targets  []string
	From, To llama.Time // 0 for open
	Limit    int        // rows wanted at most; 0 for as many as may be
	Created  llama.Time
	Started  llama.Time // when the first node began
	Ended    llama.Time
	Deadline llama.Time
	Expires  llama.Time // when it is deleted with its result
	Rows     int64      // of the result, once it has ended
	Columns  []string
	Error    string // what a person should know of why it is not done
	Schedule string // the id of the schedule that asked; "" for a person or a program
	Tasks    []Task
}

// A Task is one query addressed to one node.
type Task struct {
	Query, Node, Target string
	Attempt             uint32 // counts from 1; a later one supersedes those before
	State               State
	Progress            float64 // 0 to 1
	EventsRead          int64
	BytesRead           int64
	Rows                int64  // rows or groups that were sent
	FrameBytes          int64  // of the partial results that came
	Frames              uint64 // how many frames are kept: those from 0 up to this one, without it
	Queued              llama.Time
	Delivered           llama.Time
	Started             llama.Time
	Ended               llama.Time
	Error               string
}

// sealedText and sealedOutcome are what is sealed of a query.
type sealedText struct {
	Text, Normal, Language, Name string
}

type sealedOutcome struct {
	Columns []string
	Error   string
}

const queryColumns = `id, user_name, state, targets, from_time, to_time, row_limit, created, started, ended, deadline, expires, result_rows, seal_key, sealed_text, sealed_outcome, schedule_id`

// keyFor names the key for what is deleted at the given time. A day has one key,
// so that destroying it deletes the day even from old pages of the file.
func keyFor(expires llama.Time) string { return keyPrefix + expires.Std().Format(time.DateOnly) }

const keyPrefix = "results/"

// AddQuery adds a query and its tasks.
func (s *Store) AddQuery(ctx context.Context, q *Query) error {
	targets, err := json.Marshal(q.Targets)
	if err != nil {
		return fmt.Errorf("add query %s: %w", q.ID, err)
	}
	text, err := s.sealJSON(q, "text", sealedText{q.Text, q.Normal, q.Language, q.Name})
	if err != nil {
		return err
	}
	outcome, err := s.sealJSON(q, "outcome", sealedOutcome{q.Columns, q.Error})
	if err != nil {
		return err
	}
	return s.update(ctx, func(tx transaction) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO queries (`+queryColumns+`, live)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, 1)`,
			q.ID, q.User, q.State, targets, q.From, q.To, q.Limit, q.Created, q.Started, q.Ended, q.Deadline, q.Expires, q.Rows,
			keyFor(q.Expires), text, outcome, q.Schedule)
		if err != nil {
			return fmt.Errorf("add query %s: %w", q.ID, err)
		}
		for i := range q.Tasks {
			if err := s.putTask(ctx, tx, q, &q.Tasks[i]); err != nil {
				return err
			}
		}
		return nil
	})
}

// UpdateQuery notes how far a query has come, and its tasks with it.
func (s *Store) UpdateQuery(ctx context.Context, q *Query) error {
	return s.update(ctx, func(tx transaction) error { return s.putProgress(ctx, tx, q) })
}

func (s *Store) putProgress(ctx context.Context, tx transaction, q *Query) error {
	outcome, err := s.sealJSON(q, "outcome", sealedOutcome{q.Columns, q.Error})
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `UPDATE queries SET state = $1, started = $2, ended = $3, result_rows = $4, sealed_outcome = $5 WHERE id = $6`,
		q.State, q.Started, q.Ended, q.Rows, outcome, q.ID)
	if err != nil {
		return fmt.Errorf("update query %s: %w", q.ID, err)
	}
	for i := range q.Tasks {
		if err := s.putTask(ctx, tx, q, &q.Tasks[i]); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) putTask(ctx context.Context, tx transaction, q *Query, t *Task) error {
	sealed := []byte{}
	if t.Error != "" {
		var err error
		if sealed, err = s.seal(keyFor(q.Expires), []byte(t.Error), place(q.ID, "error", t.Node)); err != nil {
			return fmt.Errorf("seal error of query %s: %w", q.ID, err)
		}
	}
	_, err := tx.ExecContext(ctx, `INSERT INTO tasks (query_id, node_id, target, attempt, state, progress, events_read, bytes_read,
			sent_rows, frame_bytes, frames, queued, delivered, started, ended, sealed_error)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
		ON CONFLICT (query_id, node_id) DO UPDATE SET attempt = excluded.attempt, state = excluded.state, progress = excluded.progress,
			events_read = excluded.events_read, bytes_read = excluded.bytes_read, sent_rows = excluded.sent_rows, frame_bytes = excluded.frame_bytes, frames = excluded.frames,
			queued = excluded.queued, delivered = excluded.delivered, started = excluded.started, ended = excluded.ended, sealed_error = excluded.sealed_error`,
		q.ID, t.Node, t.Target, t.Attempt, t.State, t.Progress, t.EventsRead, t.BytesRead,
		t.Rows, t.FrameBytes, int64(t.Frames), t.Queued, t.Delivered, t.Started, t.Ended, sealed)
	if err != nil {
		return fmt.Errorf("update task of query %s for node %s: %w", q.ID, t.Node, err)
	}
	return nil
}

// Query returns a query. The error is a *llama.Error with code NotFound when
// there is none of that id, or its time is over.
func (s *Store) Query(ctx context.Context, id string) (*Query, error) {
	found, err := s.selectQueries(ctx, `WHERE id = $1 AND (live = 1 OR expires > $2)`, id, now())
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, llama.Errorf(llama.NotFound, "there is no query %s; it may have been deleted when its time was over", id)
	}
	return &found[0], nil
}

// A Filter says which queries are wanted. Its zero value wants all.
type Filter struct {
	User   string
	State  State
	Target string // one of those it asks
	Match  string // in its name or text, in upper or lower case
	After  string // the id of the last query of the page before
	Limit  int    // 0 for 100
}

// Queries returns queries, the newest first.
func (s *Store) Queries(ctx context.Context, f Filter) ([]Query, error) {
	if f.Limit <= 0 {
		f.Limit = 100
	}
	found := []Query{}
	for {
		// Targets are JSON; texts are sealed, so they can be looked through only here.
		some, err := s.selectQueries(ctx, `WHERE ($1 = '' OR user_name = $1) AND ($2 = '' OR state = $2) AND ($3 = '' OR id < $3)
			AND ($4 = '' OR EXISTS (SELECT 1 FROM tasks WHERE tasks.query_id = queries.id AND tasks.target = $4))
			AND (live = 1 OR expires > $5) ORDER BY id DESC LIMIT $6`, f.User, string(f.State), f.After, f.Target, now(), f.Limit)
		if err != nil {
			return nil, err
		}
		for _, q := range some {
			if f.matches(&q) {
				found = append(found, q)
			}
		}
		if len(some) < f.Limit || len(found) >= f.Limit {
			return found[:min(len(found), f.Limit)], nil
		}
		f.After = some[len(some)-1].ID
	}
}

func (f *Filter) matches(q *Query) bool {
	match := strings.ToLower(f.Match)
	return strings.Contains(strings.ToLower(q.Name), match) || strings.Contains(strings.ToLower(q.Text), match)
}

// Live returns the queries that have not ended, the oldest first.
func (s *Store) Live(ctx context.Context) ([]Query, error) {
	return s.selectQueries(ctx, `WHERE live = 1 ORDER BY id`)
}

func (s *Store) selectQueries(ctx context.Context, where string, args ...any) ([]Query, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT `+queryColumns+` FROM queries `+where, args...)
	if err != nil {
		return nil, fmt.Errorf("read queries: %w", err)
	}
	defer rows.Close()
	var found []Query
	for rows.Next() {
		q, err := s.scanQuery(rows)
		if err != nil {
			return nil, err
		}
		found = append(found, q)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read queries: %w", err)
	}
	rows.Close() // frees the connection for the tasks
	for i := range found {
		if err := s.readTasks(ctx, &found[i]); err != nil {
			return nil, err
		}
	}
	return found, nil
}

func (s *Store) scanQuery(rows *sql.Rows) (Query, error) {
	var q Query
	var targets, text, outcome []byte
	var key string
	err := rows.Scan(&q.ID, &q.User, &q.State, &targets, &q.From, &q.To, &q.Limit, &q.Created, &q.Started, &q.Ended,
		&q.Deadline, &q.Expires, &q.Rows, &key, &text, &outcome, &q.Schedule)
	if err != nil {
		return q, fmt.Errorf("read queries: %w", err)
	}
	if err := json.Unmarshal(targets, &q.Targets); err != nil {
		return q, fmt.Errorf("read targets of query %s: %w", q.ID, err)
	}
	var t sealedText
	var o sealedOutcome
	if err := errors.Join(s.unsealJSON(&q, key, "text", text, &t), s.unsealJSON(&q, key, "outcome", outcome, &o)); err != nil {
		return q, err
	}
	q.Text, q.Normal, q.Language, q.Name = t.Text, t.Normal, t.Language, t.Name
	q.Columns, q.Error = o.Columns, o.Error
	return q, nil
}

func (s *Store) readTasks(ctx context.Context, q *Query) error {
	rows, err := s.read.QueryContext(ctx, `SELECT node_id, target, attempt, state, progress, events_read, bytes_read, sent_rows, frame_bytes, frames,
		queued, delivered, started, ended, sealed_error FROM tasks WHERE query_id = $1 ORDER BY target, node_id`, q.ID)
	if err != nil {
		return fmt.Errorf("read tasks of query %s: %w", q.ID, err)
	}
	defer rows.Close()
	for rows.Next() {
		t := Task{Query: q.ID}
		var sealed []byte
		var frames int64
		if err := rows.Scan(&t.Node, &t.Target, &t.Attempt, &t.State, &t.Progress, &t.EventsRead, &t.BytesRead, &t.Rows, &t.FrameBytes, &frames,
			&t.Queued, &t.Delivered, &t.Started, &t.Ended, &sealed); err != nil {
			return fmt.Errorf("read tasks of query %s: %w", q.ID, err)
		}
		t.Frames = uint64(frames)
		if len(sealed) > 0 {
			plain, err := s.unseal(keyFor(q.Expires), sealed, place(q.ID, "error", t.Node))
			if err != nil {
				return fmt.Errorf("unseal error of query %s: %w", q.ID, err)
			}
			t.Error = string(plain)
		}
		q.Tasks = append(q.Tasks, t)
	}
	return rowsErr("read tasks of query "+q.ID, rows.Err())
}

// place is what a sealed value is bound to.
func place(query, column, row string) []byte {
	return []byte("query " + query + " " + column + " " + row)
}

func (s *Store) sealJSON(q *Query, column string, v any) ([]byte, error) {
	plain, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("seal %s of query %s: %w", column, q.ID, err)
	}
	sealed, err := s.seal(keyFor(q.Expires), plain, place(q.ID, column, ""))
	if err != nil {
		return nil, fmt.Errorf("seal %s of query %s: %w", column, q.ID, err)
	}
	return sealed, nil
}

func (s *Store) unsealJSON(q *Query, key, column string, sealed []byte, into any) error {
	plain, err := s.unseal(key, sealed, place(q.ID, column, ""))
	if err == nil {
		err = json.Unmarshal(plain, into)
	}
	if err != nil {
		return fmt.Errorf("unseal %s of query %s: %w", column, q.ID, err)
	}
	return nil
}
