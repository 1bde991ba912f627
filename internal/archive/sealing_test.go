package archive

import (
	"fmt"
	"strings"
	"testing"

	"github.com/llama-logs/llama/internal/block"
	"github.com/llama-logs/llama/internal/column"
)

// TestBuildersKeepLittle has many collections sealed, each with a message of some
// megabytes, and then more collections than are remembered.
func TestBuildersKeepLittle(t *testing.T) {
	t.Parallel()
	a := &Archive{builders: map[string]*block.Builder{}}
	row := &column.Row{Shape: &column.Shape{}, Message: strings.Repeat("long ", 1<<20)}
	for i := range 2 * maxBuilders {
		b := a.builder(fmt.Sprint("c", i))
		if b.Rows() != 0 {
			t.Fatalf("a builder has %d events already", b.Rows())
		}
		b.Add(row)
		b.Reset()
		a.spareBuilders(b)
		spare := 0
		for _, b := range a.builders {
			spare += b.Spare()
		}
		if b.Spare() < len(row.Message) || spare > maxSpare || a.builders[fmt.Sprint("c", i)] != b {
			t.Fatalf("after %d collections %d bytes are kept, of the last one %d", i+1, spare, b.Spare())
		}
	}
	if len(a.builders) < 2 {
		t.Error("only one collection is remembered")
	}
	for i := range 2 * maxBuilders {
		a.builder(fmt.Sprint("d", i))
	}
	if len(a.builders) != maxBuilders {
		t.Errorf("%d collections are remembered", len(a.builders))
	}
}
