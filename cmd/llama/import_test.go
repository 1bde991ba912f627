package main

import (
	"errors"
	"slices"
	"testing"
)

func TestWaitingIsSaidOnce(t *testing.T) {
	t.Parallel()
	var said []string
	say := once(func(err error) { said = append(said, err.Error()) })
	for _, text := range []string{"refused", "refused", "full", "full", "refused"} {
		say(errors.New(text))
	}
	if want := []string{"refused", "full", "refused"}; !slices.Equal(said, want) {
		t.Errorf("said %q, want %q", said, want)
	}
}
