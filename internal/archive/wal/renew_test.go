package wal

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/llama-logs/llama/internal/seal"
	"github.com/llama-logs/llama/internal/segment"
)

// TestRenewedLogGoesOnUnderTheNewKey changes the key in the middle, after writing and
// at the start, where the end of the log has been written again.
func TestRenewedLogGoesOnUnderTheNewKey(t *testing.T) {
	t.Parallel()
	for name, reopen := range map[string]bool{"after writing": false, "at the start": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for seed := range uint64(20) {
				w := newWritten(t)
				disk := w.disk
				older, newer := w.key, seal.NewKey()
				l := w.write(t, disk, 1, 3, 1) // the last file is not full
				if reopen {
					disk = disk.Kill()
					l = w.write(t, disk)
				}
				before := len(w.bodies)
				from, err := l.Renew(newer)
				if err != nil {
					t.Fatal(err)
				}
				for range 2 { // the last group is written again by the next start
					if err := l.Write([]*Frame{w.frame(), w.frame()}); err != nil {
						t.Fatal(err)
					}
				}
				disk = disk.Crash(seed)
				var all []string
				if _, err := Open(disk, newer, 0, 400, func(f *Frame) error { all = append(all, f.Sections[0].data); return nil }, older); err != nil {
					t.Fatalf("seed %d: %v", seed, err)
				}
				if diff := cmp.Diff(w.bodies, all); diff != "" {
					t.Fatalf("seed %d: bodies (-want +got):\n%s", seed, diff)
				}
				w.key = newer
				if _, err := w.replayed(disk, 0); !isCorrupt(err) {
					t.Errorf("seed %d: without the older key: got %v", seed, err)
				}
				got, err := w.replayed(disk, from)
				if diff := cmp.Diff(w.bodies[before:], got); diff != "" || err != nil {
					t.Fatalf("seed %d: from file %d on: error %v, bodies (-want +got):\n%s", seed, from, err, diff)
				}
			}
		})
	}
}

func isCorrupt(err error) bool {
	_, corrupt := errors.AsType[*segment.CorruptError](err)
	return corrupt
}
