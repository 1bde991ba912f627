package archive

import (
	"context"
	"fmt"
	"math/rand/v2"
	"syscall"
	"testing"

	"github.com/llama-logs/llama/internal/fsys"
	"github.com/llama-logs/llama/internal/seal"
)

// script is a life in which everything happens that touches the disk: the archive is
// made, takes events, seals, merges, ends log files and expires a day.
func (w *world) script() {
	w.t.Helper()
	ctx := context.Background()
	for round := range 5 {
		w.put(w.plain())
		w.put(w.positioned())
		w.excuse("seal", w.a.sealAll(ctx))
		w.put(w.positioned())
		if round == 1 || round == 3 {
			w.clock = w.clock.Add(day)
			w.excuse("upkeep", w.a.upkeep(ctx))
		}
	}
	w.excuse("upkeep", w.a.upkeep(ctx))
}

// newScripted makes a world in which each run of script does the same.
func newScripted(t *testing.T, m seal.Master, plan fsys.Plan) *world {
	w := newWorld(t, m, 0)
	w.rng = rand.New(rand.NewPCG(7, 7))
	w.o = small()
	w.o.Now = w.now
	w.o.LogFileSize = 1 << 10
	w.o.BlockRows = 5
	w.o.Retention.Age = day
	w.name = fmt.Sprintf("%+v", plan)
	return w
}

// TestFaultAtEveryOperation lets each file operation fail, one at a time and in each
// way there is. The archive that meets it refuses what it cannot store, and goes on
// when the disk works again; what is found after a power cut is complete.
func TestFaultAtEveryOperation(t *testing.T) {
	t.Parallel()
	m := newMaster(t)
	for name, plan := range map[string]fsys.Plan{
		"an error":              {},
		"two errors":            {Then: 1},
		"a short write":         {Only: fsys.OpWrite, Partial: 0.6},
		"a full disk":           {Only: fsys.Changes, Err: syscall.ENOSPC, Partial: 0.3},
		"a failed sync":         {Only: fsys.OpSync | fsys.OpSyncDir, Then: 2},
		"done, and said not to": {Only: fsys.Changes, Done: true},
		"a disk gone for good":  {Only: fsys.Changes, Then: -1, Partial: 0.9},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for plan.At = 1; ; plan.At++ {
				w := newScripted(t, m, plan)
				if w.open(plan) {
					w.script()
				}
				failed := w.fault.Failed()
				if failed && plan.Then >= 0 && w.a != nil && w.a.Stat().Damaged == 0 {
					w.fault.Set(fsys.Plan{})
					w.goOn()
				}
				w.disk = w.disk.Crash(uint64(plan.At))
				w.lastLife()
				if !failed {
					break
				}
			}
		})
	}
}

// TestPowerCutAtEveryOperation cuts the power at each file operation, at once or
// after another life in which the process was only killed.
func TestPowerCutAtEveryOperation(t *testing.T) {
	t.Parallel()
	m := newMaster(t)
	for killed, seeds := range map[bool]uint64{false: fewer(3), true: 1} {
		t.Run(fmt.Sprint("killed before ", killed), func(t *testing.T) {
			t.Parallel()
			failed := true
			for at := 1; failed; at++ {
				for seed := range seeds {
					w := newScripted(t, m, fsys.Plan{At: at})
					if w.open(fsys.Plan{Only: fsys.Changes, At: at, Then: -1, Dead: true, Partial: 0.5}) {
						w.script()
					}
					failed = w.fault.Failed()
					if killed {
						w.disk = w.disk.Kill()
						w.open(fsys.Plan{})
						w.script()
					}
					w.disk = w.disk.Crash(uint64(at)*seeds + seed)
					w.lastLife()
				}
			}
		})
	}
}

// TestKilledNameIsNotBuiltOn kills the process between naming a file, of a segment or
// of positions, and syncing its folder. The next one finds the name and goes on from
// there: what it removes, a segment that was merged or a log file, may go before the
// name is durable.
func TestKilledNameIsNotBuiltOn(t *testing.T) {
	t.Parallel()
	m := newMaster(t)
	ctx := context.Background()
	for name, work := range map[string]func(*Archive) error{
		"merge": func(a *Archive) error { return a.upkeep(ctx) },
		"seal":  func(a *Archive) error { return a.sealAll(ctx) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			failed := true
			for at := 1; failed; at++ {
				for seed := range fewer(20) {
					w := newScripted(t, m, fsys.Plan{At: at})
					w.name += fmt.Sprint(", seed ", seed)
					w.open(fsys.Plan{})
					for first := range uint64(4) {
						if first > 0 && name == "merge" {
							w.excuse("seal", w.a.sealAll(ctx))
						}
						b := lines("s", 3*first, 3*first+2)
						w.put(b)
					}
					if name == "merge" {
						w.excuse("seal", w.a.sealAll(ctx))
					}
					w.fault.Set(fsys.Plan{Only: fsys.Changes, At: at, Then: -1, Dead: true})
					w.excuse("work", work(w.a))
					failed = w.fault.Failed()
					w.disk = w.disk.Kill()
					w.open(fsys.Plan{})
					if name == "seal" && seed%2 == 0 { // of another collection, after which the log can go
						w.put(w.plain())
						w.excuse("seal", w.a.sealAll(ctx))
					}
					w.disk = w.disk.Crash(seed)
					w.lastLife()
				}
			}
		})
	}
}

// TestPowerCutWhileAnArchiveIsMade kills a process that makes an archive, and cuts the
// power while the next one goes on with it: the folder is never taken for something
// else.
func TestPowerCutWhileAnArchiveIsMade(t *testing.T) {
	t.Parallel()
	m := newMaster(t)
	dies := func(disk *fsys.Mem, at int) bool {
		fault := fsys.NewFault(disk)
		fault.Set(fsys.Plan{Only: fsys.Changes, At: at, Then: -1, Dead: true})
		Open(fault, m, small()) // whether it dies in it is seen below
		return fault.Failed()
	}
	for first, failed := 1, true; failed; first++ {
		for second, again := 1, true; again; second++ {
			for seed := range fewer(6) {
				disk := fsys.NewMem()
				failed = dies(disk, first)
				disk = disk.Kill()
				again = dies(disk, second)
				a, err := Open(disk.Crash(seed), m, small())
				if err != nil {
					t.Fatalf("killed at operation %d, power cut at %d, seed %d: %v", first, second, seed, err)
				}
				put(t, a, lines("s", 0, 2))
			}
		}
	}
}
