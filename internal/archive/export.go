package archive

import (
	"context"
	"math"
	"strconv"

	"github.com/llama-logs/llama"
)

// ExportOptions say which events to export.
type ExportOptions struct {
	Collection string
	From, To   llama.Time // of `_time`, both included
	After      uint64     // only events with higher arrival numbers
}

// NewExport returns the options for times from from on and before to; 0 is no end.
func NewExport(collection string, from, to llama.Time, after uint64) ExportOptions {
	o := ExportOptions{Collection: collection, From: from, To: to - 1, After: after}
	if from == 0 {
		o.From = math.MinInt64
	}
	if to == 0 {
		o.To = math.MaxInt64
	}
	return o
}

// Export calls fn with the events of a collection, in the order of their arrival, as a
// snapshot has them. The error is a *llama.Error with code NotFound when there are none
// of the collection.
func (a *Archive) Export(ctx context.Context, o ExportOptions, fn func([]llama.Event) error) error {
	s := a.Snapshot()
	defer s.Close()
	if err := s.has(o.Collection); err != nil {
		return err
	}
	f := follower{a: a, next: o.After + 1, fn: func(events []llama.Event) error {
		n := 0
		for _, e := range events {
			if o.From <= e.Time && e.Time <= o.To {
				events[n] = e
				n++
			}
		}
		if n == 0 {
			return nil
		}
		return fn(events[:n])
	}}
	if err := f.read(ctx, s, s.refs(o.Collection, o.From, o.To)); err != nil {
		return err
	}
	return ctx.Err()
}

// has refuses a collection without events.
func (s *Snapshot) has(collection string) error {
	names := ""
	for _, c := range s.Collections() {
		if c.Name == collection {
			return nil
		}
		names += " " + c.Name
	}
	if names == "" {
		names = " nothing"
	}
	return llama.Errorf(llama.NotFound, "there are no events of %q; there is:%s", collection, names)
}

// AppendJSON appends an event as a JSON object, with its fields as they were found.
func AppendJSON(dst []byte, e *llama.Event) []byte {
	fields := make([]llama.Field, 0, 6+len(e.Fields))
	fields = append(fields,
		llama.Field{Name: llama.NameTime, Value: e.Time.String()},
		llama.Field{Name: llama.NameSeq, Value: strconv.FormatUint(e.Seq, 10), Kind: llama.Number},
		llama.Field{Name: llama.NameCollection, Value: e.Collection},
	)
	if e.Source != "" {
		fields = append(fields, llama.Field{Name: llama.NameSource, Value: e.Source})
	}
	fields = append(fields,
		llama.Field{Name: llama.NameIngested, Value: e.Ingested.String()},
		llama.Field{Name: llama.NameMessage, Value: e.Message},
	)
	return llama.AppendObject(dst, append(fields, e.Fields...))
}
