package main

import (
	"errors"
	"slices"
	"testing"

	"github.com/llama-logs/llama/internal/door"
)

func TestWaitingIsSaidOnce(t *testing.T) {
	t.Parallel()
	var said []string
	o := sayingWhy(func(err error) { said = append(said, err.Error()) })
	for _, text := range []string{"refused", "refused", "full", "full", "refused", "", "refused", "refused", ""} {
		if text == "" { // the node took a body
			o.Progress(door.Tally{})
			continue
		}
		o.Waiting(errors.New(text))
	}
	if want := []string{"refused", "full", "refused", "refused"}; !slices.Equal(said, want) {
		t.Errorf("said %q, want %q", said, want)
	}
}
