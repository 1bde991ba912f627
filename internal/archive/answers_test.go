package archive

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"path"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/column"
	"github.com/llama-logs/llama/internal/config"
	"github.com/llama-logs/llama/internal/fsys"
	"github.com/llama-logs/llama/internal/query"
)

// A bare is a snapshot of which nothing is kept.
type bare struct{ s *Snapshot }

func (b bare) Refs(collection string, from, to llama.Time) []column.Ref {
	refs := b.s.refs(collection, from, to)
	for i := range refs {
		refs[i].Sealed = nil
	}
	return refs
}

func asked(t testing.TB, src query.Source, text string) (rows []string) {
	t.Helper()
	q, err := query.Parse(text, now)
	if err != nil {
		t.Fatal(err)
	}
	err = q.Execute(t.Context(), src, query.RunOptions{NodeID: "n"}, func(r query.Row) error {
		rows = append(rows, string(llama.AppendFlat(nil, r)))
		return nil
	})
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return rows
}

var aggregates = []string{
	"* | stats count() n", "* | stats by (_collection) count() n, count_uniq(_msg) u, max(_seq) m", "* | top by (_source)",
	"_seq:>20 | stats by (_time:1y) count() n", "* | field_names", "_time:[1900-01-01, 2200-01-01] | stats by (_collection) min(_seq) n", "nothing | stats by (_source) count() n",
	"* | stats by (_collection) median(_seq) m",
}

// TestAnswersAreKeptRight does all that changes an archive, in random order, and asks:
// what is kept answers as what is computed.
func TestAnswersAreKeptRight(t *testing.T) {
	t.Parallel()
	used := 0
	for seed := range fewer(8) {
		rng := rand.New(rand.NewPCG(seed, 17))
		disk, m, o := fsys.NewMem(), newMaster(t), small()
		o.SegmentRows, o.AnswersSize = 15, config.Size(8<<10<<rng.IntN(4))
		a := open(t, disk, m, o)
		for step := range 60 {
			what := ""
			switch n := rng.IntN(14); {
			case n < 3:
				what = "put"
				put(t, a, batch(rng, 1+rng.IntN(40)))
			case n < 5:
				what = "seal"
				must(t, a.sealAll(t.Context()))
			case n < 6:
				what = "merge"
				_, err := a.mergeOne()
				must(t, err)
			case n < 7:
				what = "expire"
				a.o.Retention.Size = config.Size(a.Stat().SegmentBytes * 3 / 4)
				must(t, a.expire(t.Context()))
				a.o.Retention.Size = 0
			case n < 8:
				what = "destroy"
				if ids := keys(a); len(ids) > 0 {
					folder := ids[rng.IntN(len(ids))][len(keyPrefix):]
					must(t, a.Destroy(t.Context(), path.Dir(folder), path.Base(folder)))
				}
			case n < 9:
				what = "restart"
				must(t, a.Close())
				a = open(t, disk, m, o)
			case n < 10:
				what = "damage"
				damageAnswer(t, a, rng)
			}
			s := a.Snapshot()
			for range 3 {
				text := aggregates[rng.IntN(len(aggregates))]
				want := asked(t, bare{s}, text)
				if diff := cmp.Diff(want, asked(t, s, text)); diff != "" {
					t.Fatalf("seed %d, step %d, after %s: %s: computed -, kept +\n%s", seed, step, what, text, diff)
				}
			}
			s.Close()
			used += checkAnswers(t, a)
		}
		must(t, a.Close())
	}
	if used == 0 {
		t.Error("nothing was kept")
	}
}

// TestSegmentsWithAnswersAreNotOpened: who asks again is not told by the blocks of segments,
// and not even where these are; progress and the price are as if it had been.
func TestSegmentsWithAnswersAreNotOpened(t *testing.T) {
	t.Parallel()
	o := small()
	o.MergedRows = o.BlockRows // merging makes no less of them
	a := open(t, fsys.NewMem(), newMaster(t), o)
	rng := rand.New(rand.NewPCG(3, 3))
	for range 4 {
		put(t, a, batch(rng, 90))
		sealed(t, a)
	}
	put(t, a, batch(rng, 20)) // in memory
	for _, text := range []string{"* | stats by (_collection) count() n", "* | stats count() n, count_uniq(_msg) u", "* | top by (_source)"} {
		ask := func() (rows []string, last query.Progress) {
			s := a.Snapshot()
			defer s.Close()
			q, err := query.Parse(text, now)
			must(t, err)
			before := 0.0
			must(t, q.Execute(t.Context(), s, query.RunOptions{NodeID: "n", Workers: 1, Progress: func(p query.Progress) {
				if p.Share < before || p.Share > 1+1e-9 {
					t.Errorf("%s: progress from %f to %f", text, before, p.Share)
				}
				before, last = p.Share, p
			}}, func(r query.Row) error {
				rows = append(rows, string(llama.AppendFlat(nil, r)))
				return nil
			}))
			return rows, last
		}
		first, progress := ask()
		if events := progress.Events; events < 300 || math.Abs(progress.Share-1) > 1e-9 {
			t.Errorf("%s: %d events were looked at, at the end %f of all", text, events, progress.Share)
		}
		for a.directories.newest.Len() > 0 {
			a.directories.forget(a.directories.newest.Front().Value.(directory).of)
		}
		again, progress := ask()
		if n := a.directories.newest.Len(); n > 0 {
			t.Errorf("%s: asked again, %d directories are read", text, n)
		}
		if progress.Events > 20 || math.Abs(progress.Share-1) > 1e-9 {
			t.Errorf("%s: asked again, %d events were looked at, at the end %f of all", text, progress.Events, progress.Share)
		}
		slices.Sort(first)
		slices.Sort(again)
		if diff := cmp.Diff(first, again); diff != "" {
			t.Errorf("%s: first -, again +\n%s", text, diff)
		}
	}
}

// checkAnswers sees to it that there are the files that are counted, and no others, and
// returns how many.
func checkAnswers(t *testing.T, a *Archive) int {
	t.Helper()
	var want []string
	bytes := int64(0)
	for s, kept := range a.answers.kept {
		for _, e := range kept {
			want = append(want, e.Value.(*answer).path)
			bytes += e.Value.(*answer).bytes
			if s.answerless {
				t.Fatalf("%s is kept of a segment that is gone", e.Value.(*answer).path)
			}
		}
	}
	slices.Sort(want)
	got := a.filesBelow(answersFolder, 3)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" || bytes != a.answers.bytes || bytes > a.answers.limit {
		t.Fatalf("%d bytes of %d, counted as %d; files that are known -, there +\n%s", bytes, a.answers.limit, a.answers.bytes, diff)
	}
	return len(got)
}

// damageAnswer changes, cuts or exchanges a file.
func damageAnswer(t *testing.T, a *Archive, rng *rand.Rand) {
	files := a.filesBelow(answersFolder, 3)
	if len(files) == 0 {
		return
	}
	file, other := files[rng.IntN(len(files))], files[rng.IntN(len(files))]
	data, err := fsys.ReadFile(a.disk, other, 1<<20)
	must(t, err)
	if file == other {
		if data[rng.IntN(len(data))] ^= 1; rng.IntN(2) == 0 {
			data = data[:rng.IntN(len(data))]
		}
	}
	must(t, a.disk.Remove(file))
	must(t, a.writeAnswer(file, data))
}

// TestAnswersAreMerged asks, merges and asks again: nothing is read.
func TestAnswersAreMerged(t *testing.T) {
	t.Parallel()
	o := small()
	o.MergedRows = 1 << 20
	a := open(t, fsys.NewMem(), newMaster(t), o)
	for range 3 {
		daily(t, a, "c", 2, 100)
	}
	const text = "* | stats by (_source) count() n"
	ask := func() (rows []string, bytes int64) {
		s := a.Snapshot()
		defer s.Close()
		q, err := query.Parse(text, now)
		must(t, err)
		err = q.Execute(t.Context(), s, query.RunOptions{NodeID: "n", Progress: func(p query.Progress) { bytes = p.Events }}, func(r query.Row) error {
			rows = append(rows, string(llama.AppendFlat(nil, r)))
			return nil
		})
		must(t, err)
		return rows, bytes
	}
	want, first := ask()
	before := a.Stat().Segments
	for more := true; more; {
		var err error
		more, err = a.mergeOne()
		must(t, err)
	}
	got, second := ask()
	if diff := cmp.Diff(want, got); diff != "" || first != 600 || second != 0 || a.Stat().Segments >= before {
		t.Errorf("%d and %d events were read, want 600 and 0; %d segments, before merging %d; rows\n%s", first, second, a.Stat().Segments, before, diff)
	}
}

// TestAnswersTellNothing looks for what was asked, and what was found, in all files and
// their names.
func TestAnswersTellNothing(t *testing.T) {
	t.Parallel()
	disk := fsys.NewMem()
	a := open(t, disk, newMaster(t), small())
	b := &llama.Batch{}
	for i := range 50 {
		b.Events = append(b.Events, llama.Event{
			Time: llama.At(now), Ingested: llama.At(now), Collection: "c", Message: fmt.Sprint("planted-secret ", i),
			Fields: []llama.Field{{Name: "user.name", Value: "planted-user"}},
		})
	}
	put(t, a, b)
	must(t, a.sealAll(t.Context()))
	s := a.Snapshot()
	defer s.Close()
	asked(t, s, "planted-secret | stats by (user.name) count() planted-name")
	files := a.filesBelow(answersFolder, 3)
	if len(files) == 0 {
		t.Fatal("nothing was kept")
	}
	for _, file := range files {
		data, err := fsys.ReadFile(disk, file, 1<<20)
		must(t, err)
		if bytes.Contains(append(data, file...), []byte("planted")) {
			t.Errorf("%s tells what it should not", file)
		}
	}
	must(t, a.Destroy(t.Context(), "c", "2026-11-20"))
	if left := a.filesBelow(answersFolder, 3); len(left) > 0 {
		t.Errorf("left of a day that was destroyed: %v", left)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
