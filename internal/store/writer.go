package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"slices"
	"sync"
)

// A transaction is what statements run in.
type transaction interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// A writer makes changes of an SQLite database. Those that come while others are made are
// made in one transaction, so that many share the wait for the disk; each is whole or not
// there, as in one of its own. It has the database's only connection that writes.
//
// Invariant: one change at a time leads: it runs those that wait, itself among them, and then
// lets the first lead that came since.
type writer struct {
	db *sql.DB

	mu      sync.Mutex
	waiting []*change
	led     bool

	making     sync.Mutex // held by the leader, and by close
	conn       *sql.Conn  // making guards it; nil before the first
	statements prepared   // likewise
}

// A change is one call of update.
type change struct {
	ctx  context.Context
	fn   func(transaction) error
	err  error
	turn chan bool // true: lead; false: it is made, or err says why not
}

// mostShared is how many changes share a transaction.
const mostShared = 64

var errNotMade = errors.New("a change of the database was not made, since one beside it broke off")

func (w *writer) update(ctx context.Context, fn func(transaction) error) error {
	c := &change{ctx: ctx, fn: fn, turn: make(chan bool, 1)}
	w.mu.Lock()
	w.waiting = append(w.waiting, c)
	if !w.led {
		w.led = true
		c.turn <- true
	}
	w.mu.Unlock()
	var leads bool
	select {
	case leads = <-c.turn:
	case <-ctx.Done():
		if w.leave(c) {
			return fmt.Errorf("begin transaction: %w", ctx.Err())
		}
		leads = <-c.turn
	}
	if leads {
		w.lead()
	}
	return c.err
}

// leave takes back a change that still waits, and reports whether it did.
func (w *writer) leave(c *change) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	i := slices.Index(w.waiting, c)
	if i < 0 || len(c.turn) > 0 { // it is being made, or is to lead
		return false
	}
	w.waiting = slices.Delete(w.waiting, i, i+1)
	return true
}

// lead makes the changes that wait, of which the caller's is the first.
func (w *writer) lead() {
	w.mu.Lock()
	n := min(len(w.waiting), mostShared)
	all := w.waiting[:n:n]
	w.waiting = w.waiting[n:]
	w.mu.Unlock()
	for _, c := range all {
		c.err = errNotMade // until it is on the disk
	}
	defer func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		for _, c := range all[1:] {
			c.turn <- false
		}
		if w.led = len(w.waiting) > 0; w.led {
			w.waiting[0].turn <- true
		}
	}()
	w.making.Lock()
	defer w.making.Unlock()
	if err := w.make(all); err != nil {
		for _, c := range all {
			if errors.Is(c.err, errNotMade) {
				c.err = full(err)
			}
		}
	}
}

// make makes changes in one transaction. Its error is of all that have none of their own.
func (w *writer) make(all []*change) error {
	ctx := context.Background() // a change's own context is for its own statements
	if err := w.begin(ctx); err != nil {
		return fmt.Errorf("begin transaction: %w", err)
	}
	open := true
	defer func() {
		if open { // best effort: where it fails SQLite has rolled back already
			w.do(ctx, `ROLLBACK`)
		}
	}()
	var made []*change
	for _, c := range all {
		if len(all) > 1 {
			if err := w.within(ctx, c); err != nil {
				return err
			}
		} else if err := w.one(c); err != nil {
			c.err = full(err)
		}
		if errors.Is(c.err, errNotMade) {
			made = append(made, c)
		}
	}
	if len(made) == 0 {
		return nil
	}
	if err := w.do(ctx, `COMMIT`); err != nil {
		return fmt.Errorf("commit transaction: %w", err)
	}
	open = false
	for _, c := range made {
		c.err = nil
	}
	return nil
}

func (w *writer) one(c *change) error {
	if err := c.ctx.Err(); err != nil {
		return fmt.Errorf("begin transaction: %w", err)
	}
	return c.fn(uncancelled{&w.statements})
}

// An uncancelled transaction runs statements to their end: SQLite undoes the whole
// transaction where one is interrupted, and others have a part in it.
type uncancelled struct{ transaction }

func (u uncancelled) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	return u.transaction.ExecContext(context.WithoutCancel(ctx), query, args...)
}

func (u uncancelled) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	return u.transaction.QueryContext(context.WithoutCancel(ctx), query, args...)
}

func (u uncancelled) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	return u.transaction.QueryRowContext(context.WithoutCancel(ctx), query, args...)
}

// within makes a change among others. Its error says that they are all undone.
func (w *writer) within(ctx context.Context, c *change) error {
	if err := w.do(ctx, `SAVEPOINT change`); err != nil {
		return fmt.Errorf("begin change: %w", err)
	}
	if err := w.one(c); err != nil {
		c.err = full(err)
		// Where the disk is full SQLite may have undone the whole transaction, and then this fails.
		if undone := w.do(ctx, `ROLLBACK TO change`); undone != nil {
			return errors.Join(err, undone)
		}
	}
	if err := w.do(ctx, `RELEASE change`); err != nil {
		return fmt.Errorf("end change: %w", err)
	}
	return nil
}

func (w *writer) do(ctx context.Context, statement string) error {
	_, err := w.statements.ExecContext(ctx, statement)
	return err
}

// begin begins a transaction, on a connection that is made anew where the last is gone.
func (w *writer) begin(ctx context.Context) error {
	if w.conn != nil {
		err := w.do(ctx, `BEGIN IMMEDIATE`)
		if !errors.Is(err, sql.ErrConnDone) && !errors.Is(err, driver.ErrBadConn) {
			return err
		}
		if err := w.drop(); err != nil {
			return err
		}
	}
	conn, err := w.db.Conn(ctx)
	if err != nil {
		return err
	}
	w.conn, w.statements.on = conn, conn
	return w.do(ctx, `BEGIN IMMEDIATE`)
}

// close gives the connection back, once what is under way is made.
func (w *writer) close() error {
	w.making.Lock()
	defer w.making.Unlock()
	return w.drop()
}

func (w *writer) drop() error {
	if w.conn == nil {
		return nil
	}
	err := w.statements.close()
	if gone := w.conn.Close(); !errors.Is(gone, sql.ErrConnDone) {
		err = errors.Join(err, gone)
	}
	w.conn = nil
	return err
}

// A prepared runs statements that SQLite has read before: it reads one about as long as it
// runs it. Its methods may be called by many at once.
type prepared struct {
	on interface {
		transaction
		PrepareContext(ctx context.Context, query string) (*sql.Stmt, error)
	}

	mu    sync.Mutex
	known map[string]*sql.Stmt
}

// mostPrepared bounds the statements that are kept. All that there are, are constants.
const mostPrepared = 256

func (p *prepared) of(ctx context.Context, query string) (*sql.Stmt, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if s := p.known[query]; s != nil {
		return s, nil
	}
	if len(p.known) >= mostPrepared {
		return nil, nil
	}
	s, err := p.on.PrepareContext(context.WithoutCancel(ctx), query)
	if err != nil {
		return nil, err
	}
	if p.known == nil {
		p.known = map[string]*sql.Stmt{}
	}
	p.known[query] = s
	return s, nil
}

// ExecContext implements transaction.
func (p *prepared) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	s, err := p.of(ctx, query)
	if err != nil || s == nil {
		return p.on.ExecContext(ctx, query, args...)
	}
	return s.ExecContext(ctx, args...)
}

// QueryContext implements transaction.
func (p *prepared) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	s, err := p.of(ctx, query)
	if err != nil || s == nil {
		return p.on.QueryContext(ctx, query, args...)
	}
	return s.QueryContext(ctx, args...)
}

// QueryRowContext implements transaction.
func (p *prepared) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	s, err := p.of(ctx, query)
	if err != nil || s == nil {
		return p.on.QueryRowContext(ctx, query, args...)
	}
	return s.QueryRowContext(ctx, args...)
}

func (p *prepared) close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	var err error
	for _, s := range p.known {
		err = errors.Join(err, s.Close())
	}
	p.known = nil
	return err
}

// A reader reads the database. Its methods may be called by many at once.
type reader struct {
	*sql.DB
	prepared prepared // of nothing on PostgreSQL, whose driver keeps statements
}

// QueryContext implements transaction.
func (r *reader) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	if r.prepared.on == nil {
		return r.DB.QueryContext(ctx, query, args...)
	}
	return r.prepared.QueryContext(ctx, query, args...)
}

// QueryRowContext implements transaction.
func (r *reader) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	if r.prepared.on == nil {
		return r.DB.QueryRowContext(ctx, query, args...)
	}
	return r.prepared.QueryRowContext(ctx, query, args...)
}

// Close closes the database.
func (r *reader) Close() error { return errors.Join(r.prepared.close(), r.DB.Close()) }
