package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"strconv"
	"strings"

	"github.com/llama-logs/llama"
)

// A Frame is one piece of a node's partial result, as the query engine wrote it.
type Frame struct {
	Node    string
	Attempt uint32
	Number  uint64
	Kind    uint8
	Body    []byte
}

// AddFrames keeps frames of one node's task and notes how far that and the query
// have come, in one write. A frame that is there already is left as it is.
func (s *Store) AddFrames(ctx context.Context, q *Query, node string, frames []Frame) error {
	return s.update(ctx, func(tx *sql.Tx) error {
		for _, f := range frames {
			sealed, err := s.seal(keyFor(q.Expires), f.Body, framePlace(q.ID, &f))
			if err != nil {
				return fmt.Errorf("seal frame of query %s: %w", q.ID, err)
			}
			_, err = tx.ExecContext(ctx, `INSERT INTO frames (query_id, node_id, attempt, number, kind, sealed_body)
				VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING`,
				q.ID, f.Node, f.Attempt, int64(f.Number), f.Kind, sealed)
			if err != nil {
				return fmt.Errorf("keep frame of query %s: %w", q.ID, err)
			}
		}
		for i := range q.Tasks {
			if q.Tasks[i].Node == node {
				if err := s.putTask(ctx, tx, q, &q.Tasks[i]); err != nil {
					return err
				}
			}
		}
		if _, err := tx.ExecContext(ctx, `UPDATE queries SET state = $1, started = $2 WHERE id = $3`, q.State, q.Started, q.ID); err != nil {
			return fmt.Errorf("update query %s: %w", q.ID, err)
		}
		return nil
	})
}

// DropFrames deletes what earlier attempts of a node left and notes how far q
// has come.
func (s *Store) DropFrames(ctx context.Context, q *Query, node string, before uint32) error {
	return s.update(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `DELETE FROM frames WHERE query_id = $1 AND node_id = $2 AND attempt < $3`, q.ID, node, before)
		if err != nil {
			return fmt.Errorf("drop frames of query %s: %w", q.ID, err)
		}
		return s.putProgress(ctx, tx, q)
	})
}

// Frames yields the frames kept for q, those of a node in their order.
func (s *Store) Frames(ctx context.Context, q *Query) iter.Seq2[Frame, error] {
	return func(yield func(Frame, error) bool) {
		rows, err := s.read.QueryContext(ctx, `SELECT node_id, attempt, number, kind, sealed_body FROM frames
			WHERE query_id = $1 ORDER BY node_id, attempt, number`, q.ID)
		if err != nil {
			yield(Frame{}, fmt.Errorf("read frames of query %s: %w", q.ID, err))
			return
		}
		defer rows.Close()
		for rows.Next() {
			f, err := s.scanFrame(q, rows)
			if !yield(f, err) || err != nil {
				return
			}
		}
		if err := rows.Err(); err != nil {
			yield(Frame{}, fmt.Errorf("read frames of query %s: %w", q.ID, err))
		}
	}
}

func (s *Store) scanFrame(q *Query, rows *sql.Rows) (Frame, error) {
	var f Frame
	var number int64
	var sealed []byte
	if err := rows.Scan(&f.Node, &f.Attempt, &number, &f.Kind, &sealed); err != nil {
		return f, fmt.Errorf("read frames of query %s: %w", q.ID, err)
	}
	f.Number = uint64(number)
	var err error
	if f.Body, err = s.unseal(keyFor(q.Expires), sealed, framePlace(q.ID, &f)); err != nil {
		return f, fmt.Errorf("unseal frame of query %s: %w", q.ID, err)
	}
	return f, nil
}

func framePlace(query string, f *Frame) []byte {
	return place(query, "frame", fmt.Sprint(f.Node, " ", f.Attempt, " ", f.Number, " ", f.Kind))
}

// A Chunk is a run of the result's rows, encoded and compressed.
type Chunk struct {
	First int64 // the number of its first row, from 0
	Count int64
	Rows  []byte
}

// Finish keeps the result of q, deletes its frames and notes that it has ended,
// all in one write: a result is whole or not there.
func (s *Store) Finish(ctx context.Context, q *Query, chunks iter.Seq2[Chunk, error]) error {
	return s.update(ctx, func(tx *sql.Tx) error {
		for c, err := range chunks {
			if err != nil {
				return err
			}
			sealed, err := s.seal(keyFor(q.Expires), c.Rows, place(q.ID, "rows", strconv.FormatInt(c.First, 10)))
			if err != nil {
				return fmt.Errorf("seal result of query %s: %w", q.ID, err)
			}
			_, err = tx.ExecContext(ctx, `INSERT INTO chunks (query_id, first_row, row_count, sealed_rows) VALUES ($1, $2, $3, $4)`, q.ID, c.First, c.Count, sealed)
			if err != nil {
				return fmt.Errorf("keep result of query %s: %w", q.ID, err)
			}
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM frames WHERE query_id = $1`, q.ID); err != nil {
			return fmt.Errorf("drop frames of query %s: %w", q.ID, err)
		}
		if _, err := tx.ExecContext(ctx, `UPDATE queries SET live = 0 WHERE id = $1`, q.ID); err != nil {
			return fmt.Errorf("end query %s: %w", q.ID, err)
		}
		if err := countUsage(ctx, tx, q); err != nil {
			return err
		}
		return s.putProgress(ctx, tx, q)
	})
}

// Chunks yields the chunks of q's result from the one that holds row first.
func (s *Store) Chunks(ctx context.Context, q *Query, first int64) iter.Seq2[Chunk, error] {
	return func(yield func(Chunk, error) bool) {
		for {
			c, err := s.chunk(ctx, q, first)
			if errors.Is(err, sql.ErrNoRows) {
				return
			}
			if !yield(c, err) || err != nil {
				return
			}
			first = c.First + c.Count
		}
	}
}

// chunk reads one chunk at a time, so that a slow reader holds no connection.
func (s *Store) chunk(ctx context.Context, q *Query, row int64) (Chunk, error) {
	var c Chunk
	var sealed []byte
	err := s.read.QueryRowContext(ctx, `SELECT first_row, row_count, sealed_rows FROM chunks
		WHERE query_id = $1 AND first_row <= $2 AND first_row + row_count > $2 ORDER BY first_row DESC LIMIT 1`, q.ID, row).Scan(&c.First, &c.Count, &sealed)
	if err != nil {
		return c, fmt.Errorf("read result of query %s: %w", q.ID, err)
	}
	if c.Rows, err = s.unseal(keyFor(q.Expires), sealed, place(q.ID, "rows", strconv.FormatInt(c.First, 10))); err != nil {
		return c, fmt.Errorf("unseal result of query %s: %w", q.ID, err)
	}
	return c, nil
}

// Sweep deletes the queries whose time is over and that have ended, with their
// results, and destroys the keys of the days that are wholly over. It returns
// how many queries it deleted.
func (s *Store) Sweep(ctx context.Context, at llama.Time) (int64, error) {
	var deleted int64
	err := s.update(ctx, func(tx *sql.Tx) error {
		r, err := tx.ExecContext(ctx, `DELETE FROM queries WHERE expires <= $1 AND live = 0`, at)
		if err != nil {
			return fmt.Errorf("delete results: %w", err)
		}
		deleted, err = r.RowsAffected()
		return err
	})
	if err != nil {
		return 0, err
	}
	var over []string
	for _, key := range s.keys.IDs() {
		if !strings.HasPrefix(key, keyPrefix) || key >= keyFor(at) {
			continue
		}
		var used bool
		if err := s.read.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM queries WHERE seal_key = $1)`, key).Scan(&used); err != nil {
			return deleted, fmt.Errorf("look for results under %s: %w", key, err)
		}
		if !used {
			over = append(over, key)
		}
	}
	if err := s.keys.Destroy(over...); err != nil {
		return deleted, fmt.Errorf("destroy keys of deleted results: %w", err)
	}
	return deleted, nil
}

// Counts are how many queries there are.
type Counts struct{ Total, Running, Failed, Today int64 }

// Counts counts queries; midnight is when today began.
func (s *Store) Counts(ctx context.Context, midnight llama.Time) (Counts, error) {
	var c Counts
	err := s.read.QueryRowContext(ctx, `SELECT COUNT(*), COALESCE(SUM(live), 0),
		COALESCE(SUM(CASE WHEN state IN ('failed', 'refused', 'expired') THEN 1 ELSE 0 END), 0),
		COALESCE(SUM(CASE WHEN created >= $1 THEN 1 ELSE 0 END), 0) FROM queries`, midnight).Scan(&c.Total, &c.Running, &c.Failed, &c.Today)
	if err != nil {
		return c, fmt.Errorf("count queries: %w", err)
	}
	return c, nil
}
