package archive

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/archive/wal"
	"github.com/llama-logs/llama/internal/column"
	"github.com/llama-logs/llama/internal/fsys"
	"github.com/llama-logs/llama/internal/query"
)

// numbered are events with a number each that no other has.
func numbered(from, to int) *llama.Batch {
	b := &llama.Batch{}
	for i := from; i < to; i++ {
		message := fmt.Sprintf("request %d of ann took %d.5 ms", 10_000_000+i, i%7)
		b.Events = append(b.Events, llama.Event{Collection: "web", Ingested: llama.At(now), Message: message})
	}
	return b
}

// needle counts the events that a query finds, and the blocks that were read for it.
func needle(t *testing.T, a *Archive, text string) (rows, blocks int) {
	t.Helper()
	q, err := query.Parse(text, now)
	if err != nil {
		t.Fatal(err)
	}
	s := a.Snapshot()
	defer s.Close()
	var so query.Progress
	o := query.RunOptions{Progress: func(p query.Progress) { so = p }}
	if err := q.Execute(t.Context(), s, o, func(query.Row) error { rows++; return nil }); err != nil {
		t.Fatal(err)
	}
	return rows, int(so.Events)
}

// TestNeedlesReadOneBlock, also after merging, which copies blocks with their filters.
func TestNeedlesReadOneBlock(t *testing.T) {
	t.Parallel()
	disk, m := fsys.NewMem(), newMaster(t)
	a := open(t, disk, m, Options{FreeFloor: 1, BlockRows: 1000, SegmentRows: 1000})
	for i := range 8 {
		put(t, a, numbered(1000*i, 1000*(i+1)))
		sealed(t, a)
	}
	for round := range 2 {
		rows, events := needle(t, a, "10003456")
		if rows != 1 || events >= 3000 {
			t.Errorf("round %d: found %d events after looking at %d, want 1 after 1000", round, rows, events)
		}
		if rows, _ := needle(t, a, "request"); rows != 8000 {
			t.Errorf("round %d: a word that all have is found in %d events, want 8000", round, rows)
		}
		if err := a.upkeep(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if got := verify(t, a, nil); len(got) > 0 {
		t.Errorf("verifying finds %q", got)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestDamagedFiltersCostTimeOnly: answers stay right, and verifying names the place.
func TestDamagedFiltersCostTimeOnly(t *testing.T) {
	t.Parallel()
	disk, m := fsys.NewMem(), newMaster(t)
	a := open(t, disk, m, Options{FreeFloor: 1, BlockRows: 1000, SegmentRows: 1000})
	put(t, a, numbered(0, 1000))
	sealed(t, a)
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	name := segmentsOf(tree(t, disk, "."), "segments")[0]
	data, err := fsys.ReadFile(disk, name, 1<<30)
	if err != nil {
		t.Fatal(err)
	}
	damaged := slices.Clone(data)
	at := binary.BigEndian.Uint64(data[len(data)-32:]) - 100 // the filters end where the directory begins
	damaged[at] ^= 1
	if err := fsys.Replace(disk, name, damaged); err != nil {
		t.Fatal(err)
	}
	a = open(t, disk, m, Options{FreeFloor: 1})
	if rows, _ := needle(t, a, "10000456"); rows != 1 {
		t.Errorf("found %d events, want 1", rows)
	}
	findings := verify(t, a, nil)
	if len(findings) != 1 || !strings.Contains(findings[0], name) {
		t.Errorf("verifying finds %q, want the damage in %s", findings, name)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestVerifyFindsAFilterThatKnowsTooLittle.
func TestVerifyFindsAFilterThatKnowsTooLittle(t *testing.T) {
	t.Parallel()
	a := open(t, fsys.NewMem(), newMaster(t), Options{FreeFloor: 1, BlockRows: 1000, SegmentRows: 1000})
	put(t, a, numbered(0, 1000))
	sealed(t, a)
	s := a.parts[partKey{"web", wal.DayOf(llama.At(now))}].segments[0]
	d, err := s.Directory()
	if err != nil {
		t.Fatal(err)
	}
	filters, err := s.Filters(d)
	if err != nil {
		t.Fatal(err)
	}
	row := &column.Row{Message: "request 10000001 of ann", Shape: &column.Shape{}}
	if !newKnower(filters, 0).row(row) {
		t.Error("the filter does not know words that are there")
	}
	row.Message = "eight words that nobody has written to this block"
	if newKnower(filters, 0).row(row) {
		t.Error("words that are not there are no finding")
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
}
