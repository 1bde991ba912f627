package store

import (
	"encoding/json"
	"fmt"
)

// keptKey names the key for what is kept until somebody removes it: the texts of
// schedules and saved queries.
const keptKey = "kept"

// sealKept seals v for the row id of a table.
func (s *Store) sealKept(table, id string, v any) ([]byte, error) {
	plain, err := json.Marshal(v)
	if err == nil {
		plain, err = s.seal(keptKey, plain, []byte(table+" "+id))
	}
	if err != nil {
		return nil, fmt.Errorf("seal %s %s: %w", table, id, err)
	}
	return plain, nil
}

func (s *Store) unsealKept(table, id string, sealed []byte, into any) error {
	plain, err := s.unseal(keptKey, sealed, []byte(table+" "+id))
	if err == nil {
		err = json.Unmarshal(plain, into)
	}
	if err != nil {
		return fmt.Errorf("unseal %s %s: %w", table, id, err)
	}
	return nil
}
