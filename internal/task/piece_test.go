package task

import (
	"context"
	"slices"
	"testing"

	"github.com/llama-logs/llama/internal/envelope"
	"github.com/llama-logs/llama/internal/store"
)

// TestASmallAnswerIsOnePiece: the frame travels with the end, where central takes that, and
// alone where it does not; a state that is over when it could be told is not told.
func TestASmallAnswerIsOnePiece(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		takes bool
		want  []piece
	}{
		{true, []piece{{kind: 1}, {last: true, kind: 1}}},
		{false, []piece{{kind: 1}, {kind: 1}, {last: true}}},
	} {
		var sent []piece
		one := &run{held: held{Attempt: 1}, task: Task{EndWithFrame: tt.takes, Deadline: 1 << 62}}
		one.out = newOutbox(16, 0, func(_ uint64, data []byte) {
			p, err := decodePiece(data)
			if err != nil {
				t.Error(err)
			}
			p.body, p.report = nil, report{}
			sent = append(sent, p)
		})
		r := NewRunner(RunnerOptions{
			Identity: must(envelope.NewIdentity())(t), Central: must(envelope.NewIdentity())(t).Public(),
			Executor: fake{partial: func(_ context.Context, _ Task, emit func(Frame) error, _ func(Progress)) error {
				for i := range 2 {
					if err := emit(frameOf(i, i+1)); err != nil {
						return err
					}
				}
				return nil
			}},
		})
		one.cancel = func(error) {}
		r.run(t.Context(), one)
		same := func(a, b piece) bool { return a.last == b.last && a.kind == b.kind && a.more == b.more }
		if !slices.EqualFunc(sent, tt.want, same) {
			t.Errorf("sent %+v, want %+v", sent, tt.want)
		}
	}
}

// TestAFrameDoesNotWaitForTheNextForLong: who watches sees it while the node goes on.
func TestAFrameDoesNotWaitForTheNextForLong(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{})
	goOn := make(chan struct{})
	w.site("a", fake{partial: func(_ context.Context, _ Task, emit func(Frame) error, _ func(Progress)) error {
		err := emit(frameOf(0, 3))
		<-goOn
		return err
	}})
	id := w.submit(Request{})
	w.until("the rows are there", func() bool {
		rows, err := w.part(id, 0, 10)
		return err == nil && len(rows) == 3
	})
	if q := w.in(id, store.Running); q.Ended != 0 {
		t.Errorf("the query has ended: %+v", q)
	}
	close(goOn)
	w.in(id, store.Done)
}
