package segment

import (
	"fmt"

	"github.com/llama-logs/llama/internal/column"
)

// A CorruptError says that a file is not as it was written. What lies elsewhere in
// the file can still be read.
type CorruptError struct {
	File   string
	Offset int64
	Err    error // what was found
}

func (e *CorruptError) Error() string {
	return fmt.Sprintf("%s is damaged at byte %d: %v", e.File, e.Offset, e.Err)
}

func (e *CorruptError) Unwrap() error { return e.Err }

// Is reports that any damage is a column.ErrDamaged, to who reads blocks and does not
// know of files.
func (e *CorruptError) Is(target error) bool { return target == column.ErrDamaged }
