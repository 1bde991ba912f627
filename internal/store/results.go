package store

import (
	"bytes"
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
	return s.update(ctx, func(tx transaction) error {
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
	return s.update(ctx, func(tx transaction) error {
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
	Form  int // how the rows are encoded
	Rows  []byte
	// Frame is one that is kept, whose body stands for Rows; nil for none. What Chunks
	// yields has Rows, too.
	Frame *Frame
}

// A FrameReader returns the body of a frame that is kept.
type FrameReader func(f Frame) ([]byte, error)

// Frame returns the body of a frame of q that is kept.
func (s *Store) Frame(ctx context.Context, q *Query, f Frame) ([]byte, error) {
	return s.readFrame(ctx, s.read, q, f)
}

func (s *Store) readFrame(ctx context.Context, from transaction, q *Query, f Frame) ([]byte, error) {
	var sealed []byte
	err := from.QueryRowContext(ctx, `SELECT sealed_body FROM frames WHERE query_id = $1 AND node_id = $2 AND attempt = $3 AND number = $4`,
		q.ID, f.Node, f.Attempt, int64(f.Number)).Scan(&sealed)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil, fmt.Errorf("frame %d of query %s is not there: %w", f.Number, q.ID, err)
	case err != nil:
		return nil, llama.Errorf(llama.Unavailable, "read frame %d of query %s: %w", f.Number, q.ID, err)
	}
	body, err := s.unseal(keyFor(q.Expires), sealed, framePlace(q.ID, &f))
	if err != nil {
		return nil, fmt.Errorf("unseal frame %d of query %s: %w", f.Number, q.ID, err)
	}
	return body, nil
}

// Finish keeps the result of q, deletes those of its frames that are no part of it and
// notes that it has ended, all in one write: a result is whole or not there. The chunks are
// made with a reader of the frames that are kept.
func (s *Store) Finish(ctx context.Context, q *Query, chunks func(FrameReader) iter.Seq2[Chunk, error]) error {
	return s.update(ctx, func(tx transaction) error {
		read := func(f Frame) ([]byte, error) { return s.readFrame(ctx, tx, q, f) }
		var used map[frameKey]bool
		for c, err := range chunks(read) {
			if err != nil {
				return err
			}
			if c.Frame != nil {
				if used == nil {
					used = map[frameKey]bool{}
				}
				used[frameKey{c.Frame.Node, c.Frame.Attempt, c.Frame.Number}] = true
			}
			if err := s.putChunk(ctx, tx, q, &c); err != nil {
				return err
			}
		}
		if err := dropUnused(ctx, tx, q, used); err != nil {
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

// A frameKey names a frame of a query.
type frameKey struct {
	node    string
	attempt uint32
	number  uint64
}

// putChunk keeps a chunk. One that a frame stands for has which it is in its sealed_rows,
// so that no chunk can be passed off as another.
func (s *Store) putChunk(ctx context.Context, tx transaction, q *Query, c *Chunk) error {
	rows, frame := c.Rows, Frame{}
	if c.Frame != nil {
		frame = *c.Frame
		rows = framePlace(q.ID, &frame)
	}
	sealed, err := s.seal(keyFor(q.Expires), rows, place(q.ID, "rows", strconv.FormatInt(c.First, 10)))
	if err != nil {
		return fmt.Errorf("seal result of query %s: %w", q.ID, err)
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO chunks (query_id, first_row, row_count, sealed_rows, form, frame_node, frame_attempt, frame_number, frame_kind)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`, q.ID, c.First, c.Count, sealed, c.Form, frame.Node, frame.Attempt, int64(frame.Number), frame.Kind)
	if err != nil {
		return fmt.Errorf("keep result of query %s: %w", q.ID, err)
	}
	return nil
}

// dropUnused deletes the frames of q that no chunk uses.
func dropUnused(ctx context.Context, tx transaction, q *Query, used map[frameKey]bool) error {
	if used == nil {
		_, err := tx.ExecContext(ctx, `DELETE FROM frames WHERE query_id = $1`, q.ID)
		return err
	}
	rows, err := tx.QueryContext(ctx, `SELECT node_id, attempt, number FROM frames WHERE query_id = $1`, q.ID)
	if err != nil {
		return err
	}
	defer rows.Close()
	var unused []frameKey
	for rows.Next() {
		var k frameKey
		var number int64
		if err := rows.Scan(&k.node, &k.attempt, &number); err != nil {
			return err
		}
		if k.number = uint64(number); !used[k] {
			unused = append(unused, k)
		}
	}
	if err := rows.Err(); err != nil {
		return err
	}
	rows.Close() // frees the connection
	for _, k := range unused {
		_, err := tx.ExecContext(ctx, `DELETE FROM frames WHERE query_id = $1 AND node_id = $2 AND attempt = $3 AND number = $4`, q.ID, k.node, k.attempt, int64(k.number))
		if err != nil {
			return err
		}
	}
	return nil
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
	var frame Frame
	var number int64
	err := s.read.QueryRowContext(ctx, `SELECT first_row, row_count, sealed_rows, form, frame_node, frame_attempt, frame_number, frame_kind FROM chunks
		WHERE query_id = $1 AND first_row <= $2 AND first_row + row_count > $2 ORDER BY first_row DESC LIMIT 1`, q.ID, row).
		Scan(&c.First, &c.Count, &sealed, &c.Form, &frame.Node, &frame.Attempt, &number, &frame.Kind)
	if err != nil {
		return c, fmt.Errorf("read result of query %s: %w", q.ID, err)
	}
	if c.Rows, err = s.unseal(keyFor(q.Expires), sealed, place(q.ID, "rows", strconv.FormatInt(c.First, 10))); err != nil {
		return c, fmt.Errorf("unseal result of query %s: %w", q.ID, err)
	}
	if frame.Node != "" {
		frame.Number = uint64(number)
		if !bytes.Equal(c.Rows, framePlace(q.ID, &frame)) {
			return c, fmt.Errorf("rows from %d of query %s are not those that were kept", c.First, q.ID)
		}
		if c.Rows, err = s.Frame(ctx, q, frame); errors.Is(err, sql.ErrNoRows) {
			err = fmt.Errorf("rows from %d of query %s are gone", c.First, q.ID) // and not what ends a result
		}
		c.Frame = &frame
	}
	return c, err
}

// Sweep deletes the queries whose time is over and that have ended, with their
// results, and destroys the keys of the days that are wholly over. It returns
// how many queries it deleted.
func (s *Store) Sweep(ctx context.Context, at llama.Time) (int64, error) {
	var deleted int64
	err := s.update(ctx, func(tx transaction) error {
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
