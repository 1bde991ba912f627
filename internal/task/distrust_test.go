package task

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/llama-logs/llama/internal/store"
)

// lies answers as another does, with lines that spoil makes of those.
func lies(does fake, spoil func(text []byte) []byte) fake {
	return fake{partial: func(ctx context.Context, t Task, emit func(Frame) error, progress func(Progress)) error {
		return does.partial(ctx, t, func(f Frame) error {
			if f.Kind == linesFrame {
				f.Text = spoil(bytes.Clone(f.Text))
			}
			return emit(f)
		}, progress)
	}}
}

// TestANodeThatLiesFailsAlone: lines that are no rows, or more or fewer than was said, end
// the task of the node that sent them, whichever ends first, and the others' rows are there,
// while the query runs and after.
func TestANodeThatLiesFailsAlone(t *testing.T) {
	t.Parallel()
	spoils := map[string]func(text []byte) []byte{
		"no JSON": func(text []byte) []byte { return bytes.Replace(text, []byte(`{"`), []byte(`{x`), 1) },
		"nested":  func(text []byte) []byte { return bytes.Replace(text, []byte(`:"`), []byte(`:{"a":1},"b":"`), 1) },
		"fewer":   func(text []byte) []byte { return text[bytes.IndexByte(text, '\n')+1:] },
		"more":    func(text []byte) []byte { return append(text, "{}\n"...) },
		"no end":  func(text []byte) []byte { return text[:len(text)-1] },
	}
	for name, spoil := range spoils {
		for _, order := range []string{"the liar first", "the liar last", "read meanwhile"} {
			t.Run(name+", "+order, func(t *testing.T) {
				t.Parallel()
				w := newWorld(t, Options{})
				w.halt()
				w.planner = LogsQL{}
				w.start()
				first, last := make(chan struct{}), make(chan struct{})
				after := func(does fake, wait chan struct{}) fake {
					return fake{partial: func(ctx context.Context, t Task, emit func(Frame) error, progress func(Progress)) error {
						select {
						case <-wait:
						case <-ctx.Done():
							return ctx.Err()
						}
						return does.partial(ctx, t, emit, progress)
					}}
				}
				honest, liar := first, last
				if order != "the liar last" {
					honest, liar = last, first
				}
				w.site("a", after(holds("n1", logins("x", 3)...), honest))
				w.site("b", after(lies(holds("n2", logins("y", 4)...), spoil), liar))
				id := w.submit(Request{Query: `* | fields _msg, host.name`})
				close(first)
				w.until("one has ended", func() bool {
					q := w.get(id)
					return q.Tasks[0].State.Final() || q.Tasks[1].State.Final()
				})
				if order == "read meanwhile" {
					if got := w.rows(id); len(got) > 0 {
						t.Errorf("while it runs: %q", got)
					}
					for _, task := range w.get(id).Tasks {
						if task.Target == "b" && task.State != store.Failed {
							t.Errorf("once its rows were looked at, the liar's task is %s", task.State)
						}
					}
				}
				close(last)
				q := w.in(id, store.Partial)
				want := []string{`{"_msg":"login 2","host.name":"x"}`, `{"_msg":"login 1","host.name":"x"}`, `{"_msg":"login 0","host.name":"x"}`}
				if d := gocmp.Diff(want, w.rows(id)); d != "" {
					t.Errorf("-want +got\n%s", d)
				}
				states := map[string]string{}
				for _, task := range q.Tasks {
					states[task.Target] = fmt.Sprint(task.State, " ", task.Error)
				}
				if d := gocmp.Diff(map[string]string{"a": "done ", "b": "failed " + damagedFrame}, states); d != "" || q.Rows != 3 || q.Error != "" {
					t.Errorf("%d rows, error %q; -want +got\n%s", q.Rows, q.Error, d)
				}
			})
		}
	}
}

// TestKeptLinesThatLieAreNamed: frames that central passes on as they came are looked at by
// whoever reads them, and it is said whose they are.
func TestKeptLinesThatLieAreNamed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{})
	w.halt()
	w.planner = LogsQL{}
	w.start()
	does := lies(holds("n2", logins("y", 2*fewLines)...), func(text []byte) []byte {
		return bytes.Replace(text, []byte(`"login 7"`), []byte(`login 7`), 1)
	})
	kept := make(chan struct{})
	w.site("b", fake{partial: func(ctx context.Context, t Task, emit func(Frame) error, progress func(Progress)) error {
		err := does.partial(ctx, t, emit, progress)
		select {
		case <-kept: // before the task ends
		case <-ctx.Done():
		}
		return err
	}})
	id := w.submit(Request{Query: `* | fields _msg`})
	w.until("the frame is kept", func() bool { return w.get(id).Tasks[0].Frames > 0 })
	close(kept)
	q := w.in(id, store.Done)
	if q.Rows != 2*fewLines {
		t.Fatalf("%d rows", q.Rows)
	}
	var found []string
	err := w.central.RowLines(t.Context(), id, 0, 0, func(l RowLines) error {
		found = append(found, l.Target())
		_, err := l.Text()
		return err
	})
	if len(found) != 1 || found[0] != "b" || err == nil || !strings.Contains(err.Error(), "the rows that a node of b has sent are damaged") {
		t.Errorf("of %q: %v", found, err)
	}
}
