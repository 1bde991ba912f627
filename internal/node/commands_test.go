package node

import (
	"errors"
	"syscall"
	"testing"
	"time"

	"github.com/llama-logs/llama/internal/archive"
	"github.com/llama-logs/llama/internal/fsys"
)

// TestDeclareIsWholeOrNot has the disk fail when what central told of is written down:
// nothing is kept for another time then.
func TestDeclareIsWholeOrNot(t *testing.T) {
	t.Parallel()
	n, err := Open(options(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.Close() })
	before := n.archive.Retention("shop")
	fault := fsys.NewFault(n.files)
	n.files = fault
	fault.Set(fsys.Plan{Only: fsys.Changes, At: 1, Then: -1})
	if err := n.declare(Declaration{Name: "shop", Age: "2d"}); !errors.Is(err, syscall.EIO) {
		t.Fatalf("got %v", err)
	}
	if got := n.archive.Retention("shop"); got != before {
		t.Errorf("after a failure it is kept for %v, not %v", got, before)
	}
	fault.Set(fsys.Plan{})
	if err := n.declare(Declaration{Name: "shop", Age: "2d"}); err != nil {
		t.Fatal(err)
	}
	if got, want := n.archive.Retention("shop"), (archive.Retention{Age: 48 * time.Hour}); got != want {
		t.Errorf("it is kept for %v, not %v", got, want)
	}
}
