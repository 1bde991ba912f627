package query

import (
	"context"
	"slices"
	"strings"

	"github.com/llama-logs/llama"
)

// joinPipe gives each row the fields of the rows that another query answers with
// and that have the same texts in by. A row with several partners comes several
// times; one without comes as it is, or not at all.
type joinPipe struct {
	by     []string
	query  *Query
	inner  bool
	prefix string // of the names of the fields that come from the query
}

func (p *parser) join() pipe {
	if !p.accept("by") {
		p.accept("on")
	}
	j := &joinPipe{by: unique(p.names(p.fieldName))}
	if len(j.by) == 0 {
		p.fail("expected a field in the parentheses before the query of join")
	}
	j.query = p.subquery("join")
	j.inner = p.accept("inner")
	if p.accept("prefix") {
		j.prefix = p.compound("a prefix", stopToken)
	}
	return j
}

func (j *joinPipe) write(b *strings.Builder) {
	b.WriteString("join by (" + quoteAll(j.by, quote, ", ") + ") (" + j.query.String() + ")")
	if j.inner {
		b.WriteString(" inner")
	}
	if j.prefix != "" {
		b.WriteString(" prefix " + quote(j.prefix))
	}
}

func (j *joinPipe) within() *Query { return j.query }

func (j *joinPipe) follow(ctx context.Context, e *env, before source, answer []Row) source {
	return func(emit func(Row) error) error {
		partners, err := j.partners(e, answer)
		if err != nil {
			return err
		}
		return before(func(row Row) error {
			rows := partners[j.key(row)]
			if len(rows) == 0 && !j.inner {
				return emit(row)
			}
			for i, partner := range rows {
				if i%1024 == 0 && ctx.Err() != nil {
					return context.Cause(ctx)
				}
				if err := emit(joinedRow(row, partner)); err != nil {
					return err
				}
			}
			return nil
		})
	}
}

// key is the texts of row in by, in wire form.
func (j *joinPipe) key(row Row) string {
	var w wire
	for _, name := range j.by {
		w.text(rowText(row, name))
	}
	return string(w.b)
}

func rowText(row Row, name string) string {
	for _, f := range row {
		if f.Name == name {
			return f.Value
		}
	}
	return ""
}

// partners returns what the rows of the answer add, by their keys.
func (j *joinPipe) partners(e *env, answer []Row) (map[string][]Row, error) {
	out := map[string][]Row{}
	for _, row := range answer {
		key := j.key(row)
		added := make(Row, 0, len(row))
		for _, f := range row {
			if !slices.Contains(j.by, f.Name) {
				added = append(added, llama.Field{Name: j.prefix + f.Name, Value: f.Value, Kind: f.Kind})
			}
		}
		out[key] = append(out[key], added)
		if err := e.budget.grow(costEntry + len(key) + costField*len(added)); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// joinedRow returns row with the fields of partner in the places of its own of the
// same names, or behind them.
func joinedRow(row, partner Row) Row {
	out := slices.Clone(row)
	for _, f := range partner {
		at := slices.IndexFunc(out, func(own llama.Field) bool { return own.Name == f.Name })
		if at < 0 {
			out = append(out, f)
		} else {
			out[at] = f
		}
	}
	return out
}

// unionPipe puts the rows that another query answers with behind those that come.
type unionPipe struct{ query *Query }

func (u *unionPipe) write(b *strings.Builder) { b.WriteString("union (" + u.query.String() + ")") }

func (u *unionPipe) within() *Query { return u.query }

func (u *unionPipe) follow(ctx context.Context, _ *env, before source, answer []Row) source {
	return func(emit func(Row) error) error {
		if err := before(emit); err != nil {
			return err
		}
		for i, row := range answer {
			if i%1024 == 0 && ctx.Err() != nil {
				return context.Cause(ctx)
			}
			if err := emit(row); err != nil {
				return err
			}
		}
		return nil
	}
}
