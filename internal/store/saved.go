package store

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/llama-logs/llama"
)

// A SavedQuery is a question under a name.
type SavedQuery struct {
	ID      string // a UUID
	Name    string
	Owner   string
	Created llama.Time
	Changed llama.Time
	Targets []string // none for all
	Asks    Asks
}

const savedColumns = `id, name, owner, created, changed, targets, sealed`

// PutSaved adds a saved query or changes one that is there. Another of its name is
// a *llama.Error with code Conflict.
func (s *Store) PutSaved(ctx context.Context, v *SavedQuery) error {
	targets, err := json.Marshal(append([]string{}, v.Targets...))
	if err != nil {
		return fmt.Errorf("save query %s: %w", v.ID, err)
	}
	sealed, err := s.sealKept("saved_queries", v.ID, v.Asks)
	if err != nil {
		return err
	}
	return s.update(ctx, func(tx transaction) error {
		if err := s.alone(ctx, tx, "saved_queries"); err != nil {
			return err
		}
		if err := nameFree(ctx, tx, "saved_queries", v.ID, v.Name); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO saved_queries (`+savedColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7)
			ON CONFLICT (id) DO UPDATE SET name = excluded.name, changed = excluded.changed, targets = excluded.targets, sealed = excluded.sealed`,
			v.ID, v.Name, v.Owner, int64(v.Created), int64(v.Changed), string(targets), sealed)
		if err != nil {
			return fmt.Errorf("save query %s: %w", v.Name, err)
		}
		return nil
	})
}

// Saved returns all saved queries, by name.
func (s *Store) Saved(ctx context.Context) ([]SavedQuery, error) {
	return s.selectSaved(ctx, `ORDER BY name`)
}

// SavedQuery returns one. The error is a *llama.Error with code NotFound when
// there is none of that id.
func (s *Store) SavedQuery(ctx context.Context, id string) (*SavedQuery, error) {
	found, err := s.selectSaved(ctx, `WHERE id = $1`, id)
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, llama.Errorf(llama.NotFound, "there is no saved query %s", id)
	}
	return &found[0], nil
}

func (s *Store) selectSaved(ctx context.Context, where string, args ...any) ([]SavedQuery, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT `+savedColumns+` FROM saved_queries `+where, args...)
	if err != nil {
		return nil, fmt.Errorf("read saved queries: %w", err)
	}
	defer rows.Close()
	found := []SavedQuery{}
	for rows.Next() {
		var v SavedQuery
		var targets string
		var sealed []byte
		if err := rows.Scan(&v.ID, &v.Name, &v.Owner, &v.Created, &v.Changed, &targets, &sealed); err != nil {
			return nil, fmt.Errorf("read saved queries: %w", err)
		}
		if err := json.Unmarshal([]byte(targets), &v.Targets); err != nil {
			return nil, fmt.Errorf("read targets of saved query %s: %w", v.Name, err)
		}
		if err := s.unsealKept("saved_queries", v.ID, sealed, &v.Asks); err != nil {
			return nil, err
		}
		found = append(found, v)
	}
	return found, rowsErr("read saved queries", rows.Err())
}

// RemoveSaved removes a saved query.
func (s *Store) RemoveSaved(ctx context.Context, id string) error {
	return s.update(ctx, func(tx transaction) error {
		done, err := tx.ExecContext(ctx, `DELETE FROM saved_queries WHERE id = $1`, id)
		if err != nil {
			return fmt.Errorf("remove saved query %s: %w", id, err)
		}
		return foundOne(done, "there is no saved query %s", id)
	})
}
