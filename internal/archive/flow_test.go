package archive

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/llama-logs/llama/internal/fsys"
)

// TestFlowKnowsWhoHasTimeToSpare: batches that come at less than two thirds of what one
// sender could bring leave time to spare, whoever brings them and however long the disk
// takes; those that come one behind the other leave none.
func TestFlowKnowsWhoHasTimeToSpare(t *testing.T) {
	t.Parallel()
	const ms = time.Millisecond
	tests := []struct {
		name              string
		senders           int
		work, disk, pause time.Duration
		inPace            bool
		spare             bool
	}{
		{"one at full rate", 1, 10 * ms, 2 * ms, 0, false, false},
		{"four at full rate", 4, 10 * ms, 2 * ms, 0, false, false},
		{"four at half, beside others", 4, 10 * ms, 2 * ms, 0, true, true},
		{"one at half", 1, 10 * ms, 2 * ms, 10 * ms, false, true},
		{"a slow disk", 1, 2 * ms, 30 * ms, 0, false, true},
		{"many with little", 50, ms / 100, 2 * ms, 80 * ms, false, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var f flow
				if n := f.busy(); n != 0 {
					t.Errorf("before anything has come: busy %d", n)
				}
				stop := make(chan struct{})
				for i := range tt.senders {
					go func() {
						time.Sleep(time.Duration(i) * tt.work / time.Duration(tt.senders))
						for {
							f.begin(tt.inPace)
							time.Sleep(tt.work)
							f.rest()
							time.Sleep(tt.disk)
							f.end(true)
							time.Sleep(tt.pause)
							select {
							case <-stop:
								return
							default:
							}
						}
					}()
				}
				time.Sleep(2 * flowWindow)
				for range 50 {
					time.Sleep(7 * ms)
					if n := f.busy(); (n == 1) != tt.spare {
						t.Fatalf("busy %d, spare time wanted: %v", n, tt.spare)
					}
				}
				close(stop)
				time.Sleep(2 * busyFor)
				synctest.Wait()
				if n := f.busy(); n != 0 || f.coming != 0 || f.atWork != 0 {
					t.Errorf("after the end: busy %d, %d coming, %d at work", n, f.coming, f.atWork)
				}
			})
		})
	}
}

// TestFlowForgetsWhoIsRefused: a batch that ends before it rests is at work no more.
func TestFlowForgetsWhoIsRefused(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var f flow
		f.begin(false)
		time.Sleep(2 * flowWindow)
		if n := f.busy(); n < 1 || f.atWork != 1 {
			t.Errorf("one that waits: busy %d, %d at work", n, f.atWork)
		}
		f.end(false)
		time.Sleep(2 * busyFor)
		if n := f.busy(); n != 0 || f.atWork != 0 {
			t.Errorf("after its end: busy %d, %d at work", n, f.atWork)
		}
	})
}

// TestAskersAreCounted opens and closes snapshots: work in their way gives way while one is open,
// and a second Close of one does not count.
func TestAskersAreCounted(t *testing.T) {
	t.Parallel()
	a := open(t, fsys.NewMem(), newMaster(t), small())
	first, second := a.Snapshot(), a.Snapshot()
	if n := a.giveWay.asking.Load(); n != 2 {
		t.Errorf("%d ask while two snapshots are open", n)
	}
	first.Close()
	first.Close()
	if n := a.giveWay.asking.Load(); n != 1 {
		t.Errorf("%d ask while one of two snapshots is closed", n)
	}
	second.Close()
	if n := a.giveWay.asking.Load(); n != 0 {
		t.Errorf("%d ask when all are closed", n)
	}
}
