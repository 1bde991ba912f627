// Package oracle asks VictoriaLogs and LLAMA the same random questions about the
// same random events: LogsQL is right when they answer alike. Where they differ on
// purpose (docs/logsql.md) the questions go around it.
package oracle

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/archive"
	"github.com/llama-logs/llama/internal/fsys"
	"github.com/llama-logs/llama/internal/query"
	"github.com/llama-logs/llama/internal/seal"
)

// queries are asked where LLAMA_ORACLE_QUERIES does not say how many others.
const queries = "300"

// A form is a dataset as an archive keeps it.
type form struct {
	name     string
	snapshot *archive.Snapshot
}

// forms stores the events in each of the ways in which an archive may have them.
// The last comes from merge, which waits for the archive to merge segments.
func forms(t *testing.T, d *dataset) (out []form, merge func() form) {
	t.Helper()
	key := filepath.Join(t.TempDir(), "key")
	if _, err := seal.CreateKeyFile(key); err != nil {
		t.Fatal(err)
	}
	master, err := seal.OpenKeyFile(key)
	if err != nil {
		t.Fatal(err)
	}
	at := day.Add(60 * time.Hour)
	options := archive.Options{FreeFloor: 1, Now: func() time.Time { return at }}
	small := options
	small.BlockRows, small.SegmentRows = 64, 150
	open := func(disk fsys.FS, o archive.Options) *archive.Archive {
		a, err := archive.Open(disk, master, o)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { a.Close() })
		return a
	}
	put := func(a *archive.Archive, events []llama.Event) {
		for part := range slices.Chunk(events, 100) {
			if err := a.Put(t.Context(), &llama.Batch{Events: slices.Clone(part)}); err != nil {
				t.Fatal(err)
			}
		}
	}
	add := func(name string, a *archive.Archive) {
		s := a.Snapshot()
		t.Cleanup(s.Close)
		out = append(out, form{name, s})
	}

	head := open(fsys.NewMem(), options)
	put(head, d.events)
	add("head", head)

	// Each Close makes segments.
	sealed := func(events []llama.Event) fsys.FS {
		disk := fsys.NewMem()
		for part := range slices.Chunk(events, 200) {
			a := open(disk, small)
			put(a, part)
			if err := a.Close(); err != nil {
				t.Fatal(err)
			}
		}
		return disk
	}
	add("segments", open(sealed(d.events), small))

	merging := open(sealed(d.events), options)
	ctx, cancel := context.WithCancel(t.Context())
	var run sync.WaitGroup
	run.Go(func() {
		if err := merging.Run(ctx); err != nil {
			t.Error(err)
		}
	})

	half := len(d.events) / 2
	mixed := open(sealed(d.events[:half]), options)
	put(mixed, d.events[half:])
	add("mixed", mixed)
	before := merging.Stat().Segments
	return out, func() form {
		// Segments of one collection and day are merged where there are several.
		for waited := 0; merging.Stat().Segments == before && before > 6 && waited < 2000; waited++ {
			time.Sleep(5 * time.Millisecond)
		}
		cancel()
		run.Wait()
		add("merged", merging)
		return out[len(out)-1]
	}
}

// answer asks one form. Two workers share its blocks; a query is also asked the way
// nodes are, in frames.
func (f *form) answer(ctx context.Context, q *query.Query, framed bool) ([]row, error) {
	var rows []row
	collect := func(r query.Row) error {
		rows = append(rows, rowOf(r))
		return nil
	}
	o := query.RunOptions{NodeID: "n", Workers: 2}
	if !framed {
		return rows, q.Execute(ctx, f.snapshot, o, func(r query.Row) error { return collect(r) })
	}
	m := q.NewMerge(o)
	if err := q.Partial(ctx, f.snapshot, o, func(f query.Frame) error { return m.Add("n", f) }); err != nil {
		return nil, err
	}
	err := m.Rows(ctx, collect)
	return rows, err
}

func TestAnswersAsVictoriaLogs(t *testing.T) {
	flags := map[string]string{"rapid.checks": os.Getenv("LLAMA_ORACLE_QUERIES")}
	if flags["rapid.checks"] == "" {
		flags = map[string]string{"rapid.checks": queries, "rapid.seed": "1"} // the same ones each time
	}
	for name, value := range flags {
		if err := flag.Set(name, value); err != nil {
			t.Fatal(err)
		}
	}
	p := openPeer(t)
	var sets []dataset
	var stored [][]form
	var merges []func() form
	for i, size := range []struct{ events, wide int }{{4, 0}, {60, 0}, {400, 40}, {1500, 0}} {
		d := newDataset(fmt.Sprintf("%d events", size.events), rand.New(rand.NewPCG(uint64(i), 7)), size.events, size.wide)
		p.put(t, i, &d)
		all, merge := forms(t, &d)
		sets, stored, merges = append(sets, d), append(stored, all), append(merges, merge)
	}
	for i, merge := range merges {
		stored[i] = append(stored[i], merge())
	}
	rapid.Check(t, func(rt *rapid.T) {
		i := rapid.IntRange(0, len(sets)-1).Draw(rt, "dataset")
		draft := newDraft(rt, &sets[i])
		text := draft.query(4)
		theirs, refused, err := p.query(i, text)
		if err != nil {
			rt.Fatalf("%s: %v", text, err)
		}
		q, err := query.Parse(text, day)
		if refused != "" || err != nil {
			if (refused != "") != (err != nil) {
				rt.Fatalf("%s\nthere: %s\nhere: %v", text, refused, err)
			}
			return
		}
		want := shown(theirs, draft.ordered)
		again, err := query.Parse(q.String(), day)
		if err != nil {
			rt.Fatalf("%s: the normal form %s: %v", text, q, err)
		}
		for k, f := range stored[i] {
			for framed, q := range map[bool]*query.Query{false: q, true: again} {
				if framed && k > 1 {
					continue
				}
				ours, err := f.answer(t.Context(), q, framed)
				if err != nil {
					rt.Fatalf("%s: %v", text, err)
				}
				if diff := cmp.Diff(want, shown(ours, draft.ordered)); diff != "" {
					rt.Fatalf("%s\nover %s in the form %s, framed %v: there -, here +\n%s", text, sets[i].name, f.name, framed, diff)
				}
			}
		}
	})
}
