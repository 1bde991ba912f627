package archive

import (
	"fmt"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/archive/wal"
	"github.com/llama-logs/llama/internal/column"
)

// A target is where events of one shape go: the block and its columns.
type target struct {
	part    *part
	block   *headBlock
	message *column.Cells
	source  *column.Cells
	fields  []*column.Cells
}

// add puts the events of a frame into the heads, and its position among the known
// ones. Events that are in segments already, as can be after a restart, are passed
// over. The caller holds mu.
func (a *Archive) add(f *wal.Frame) error {
	r := wal.Read(f.Body)
	defer a.forgetTargets()
	seq := f.First
	for row := r.Next(); row != nil; row = r.Next() {
		t := a.target(row.Shape.Number)
		if day := dayOf(row.Ingested); t.part == nil || t.part.day != day {
			t.part, t.block = a.part(partKey{row.Shape.Collection, day}), nil
		}
		if seq > t.part.sealed {
			if t.block == nil || t.block.full {
				a.aim(t, row.Shape)
			}
			a.addRow(t, row, seq)
		}
		seq++
	}
	if err := r.Err(); err != nil {
		return err
	}
	if seq-f.First != uint64(f.Events) {
		return fmt.Errorf("%w: %d events, %d are said", wal.ErrBody, seq-f.First, f.Events)
	}
	if p := r.Position(); p.Named() {
		a.positions.advance(positionKey{p.Source, p.Epoch}, p.Last, a.o.Now().Unix())
	}
	a.next = seq
	a.recent.add(f)
	return nil
}

// addRow puts one event into its block.
func (a *Archive) addRow(t *target, row *wal.Row, seq uint64) {
	b := t.block.builder
	before := t.block.size()
	b.Row(row.Time, row.Ingested, seq)
	if row.Message != "" {
		b.Set(t.message, row.Message, llama.String)
		t.block.values += len(row.Message)
	}
	if row.Shape.Source != "" {
		b.Set(t.source, row.Shape.Source, llama.String)
	}
	for i, value := range row.Values {
		b.Set(t.fields[i], value, row.Shape.Kinds[i])
		t.block.values += len(value)
	}
	size := t.block.size()
	a.headSize += size - before
	if b.Rows() >= a.o.BlockRows || size >= int(a.o.BlockSize) || b.Full() {
		t.block.full = true
	}
}

// target returns the target of the number-th shape of a frame.
func (a *Archive) target(number int) *target {
	for len(a.targets) <= number {
		a.targets = append(a.targets, target{})
	}
	return &a.targets[number]
}

// forgetTargets drops what the targets point to, and keeps their memory unless a
// frame had very many shapes.
func (a *Archive) forgetTargets() {
	if len(a.targets) > 1024 {
		a.targets = nil
	}
	for i := range a.targets {
		fields := a.targets[i].fields
		clear(fields)
		a.targets[i] = target{fields: fields[:0]}
	}
}

// part returns a part, which is made when there is none.
func (a *Archive) part(key partKey) *part {
	p := a.parts[key]
	if p == nil {
		p = &part{partKey: key, sealed: a.removed(key)}
		a.parts[key] = p
	}
	return p
}

// aim finds the block that grows, and its columns for a shape.
func (a *Archive) aim(t *target, s *wal.Shape) {
	p := t.part
	if n := len(p.head); n == 0 || p.head[n-1].full {
		p.head = append(p.head, &headBlock{builder: column.NewBuilder(s.Collection), since: a.o.Now()})
	}
	t.block = p.head[len(p.head)-1]
	before := t.block.size()
	b := t.block.builder
	t.message, t.source = b.Cells(llama.NameMessage), b.Cells(llama.NameSource)
	t.fields = t.fields[:0]
	for _, name := range s.Names {
		t.fields = append(t.fields, b.Cells(fieldName(name)))
	}
	a.headSize += t.block.size() - before
}

// fieldName returns the name under which a field is kept. Reserved names stand for
// parts of the event, so a field that has one is kept as a label.
func fieldName(name string) string {
	switch name {
	case llama.NameTime, llama.NameMessage, llama.NameCollection, llama.NameID, llama.NameSeq, llama.NameSource, llama.NameIngested:
		return "labels." + name
	}
	return name
}
