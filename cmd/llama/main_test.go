package main

import (
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
)

func TestInterruptibleEndsAReadThatWaits(t *testing.T) {
	t.Parallel()
	silent, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close() // ends the read that was left behind
	ctx, cancel := context.WithCancelCause(t.Context())
	r := interruptible(ctx, silent)
	if _, err := in.WriteString("some"); err != nil {
		t.Fatal(err)
	}
	some := make([]byte, 4)
	if _, err := io.ReadFull(r, some); err != nil || string(some) != "some" {
		t.Errorf("got %q, %v", some, err)
	}
	why := errors.New("interrupted")
	cancel(why)
	if _, err := r.Read(some); !errors.Is(err, why) {
		t.Errorf("got %v, want %v", err, why)
	}
}

func TestInterruptibleReadsToTheEnd(t *testing.T) {
	t.Parallel()
	text := strings.Repeat("line\n", 100_000)
	got, err := io.ReadAll(interruptible(t.Context(), strings.NewReader(text)))
	if err != nil || string(got) != text {
		t.Errorf("got %d bytes, %v; want %d", len(got), err, len(text))
	}
}
