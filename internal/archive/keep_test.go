package archive

import (
	"testing"
	"time"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/config"
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
