package archive

import (
	"sync"
	"testing"
	"time"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/config"
	"github.com/llama-logs/llama/internal/fsys"
)

func TestSetRetention(t *testing.T) {
	t.Parallel()
	a := &Archive{o: Options{Retention: Retention{Age: 90 * day}, Collections: map[string]Retention{"a": {Age: 2 * day}}}}
	before := a.o.Collections
	if err := a.SetRetention("b", Retention{Age: 7 * day, Size: config.GiB}); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]Retention{"a": {Age: 2 * day}, "b": {Age: 7 * day, Size: config.GiB}, "c": {Age: 90 * day}} {
		if got := a.Retention(name); got != want {
			t.Errorf("%s is kept for %+v, want %+v", name, got, want)
		}
	}
	if len(before) != 1 {
		t.Error("the options of who opened it were changed")
	}
	for name, r := range map[string]Retention{"../x": {}, "b": {Age: time.Hour}} {
		if err := a.SetRetention(name, r); llama.CodeOf(err) != llama.Invalid {
			t.Errorf("%s: got %v", name, err)
		}
	}
	if got := a.Retention("b").Age; got != 7*day {
		t.Errorf("a refused change holds: %v", got)
	}
}

// TestKeepWhilePutting changes options while events come in, which is a race when others
// are written than those that can change.
func TestKeepWhilePutting(t *testing.T) {
	t.Parallel()
	a := open(t, fsys.NewMem(), newMaster(t), Options{})
	var changing sync.WaitGroup
	changing.Go(func() {
		for i := range 50 {
			a.Keep(Options{Retention: Retention{Age: time.Duration(2+i) * day}, SealAfter: time.Duration(1+i) * time.Minute})
		}
	})
	for range 50 {
		if err := a.Put(t.Context(), &llama.Batch{Events: []llama.Event{{Collection: "c", Message: "m"}}}); err != nil {
			t.Fatal(err)
		}
	}
	changing.Wait()
	if got := a.Retention("c").Age; got != 51*day {
		t.Errorf("kept for %v", got)
	}
}
