package query

import (
	"strconv"
	"strings"

	"github.com/llama-logs/llama"
)

// sortPipe sorts rows, and keeps the first of them when it has a limit. first
// and last are sorts with a limit of their own.
type sortPipe struct {
	kind      string // sort, first or last
	by        []sortField
	desc      bool
	partition []string // limit and offset count in each of these
	offset    int
	limit     int // 0: all
	rank      string
}

type sortField struct {
	name string
	desc bool
}

func (p *parser) sort() pipe {
	s := &sortPipe{kind: "sort"}
	s.by = p.sortFields()
	if p.accept("desc") {
		s.desc = true
	} else {
		p.accept("asc")
	}
	seenOffset, seenLimit := false, false
	for {
		switch {
		case p.is("offset") && !seenOffset:
			p.next()
			s.offset, seenOffset = p.count("the number of rows to skip"), true
		case p.is("limit") && !seenLimit:
			p.next()
			s.limit, seenLimit = p.count("the number of rows"), true
		case p.is("rank"):
			s.rank = p.rank()
		case p.is("partition") && s.partition == nil:
			s.partition = p.partitions()
		default:
			if s.partition != nil && s.limit == 0 {
				p.fail(`expected "limit": partition by says where the limit counts`)
			}
			return s
		}
	}
}

func (p *parser) firstLast(kind string) pipe {
	s := &sortPipe{kind: kind, limit: 1}
	if !p.atEnd() && !p.is("by", "partition", "rank", "(") {
		pos := p.tok().pos
		if s.limit = p.count("the number of rows"); s.limit == 0 && p.err == nil {
			p.failAt(pos, nil, "the number of rows must be more than 0")
		}
	}
	s.by = p.sortFields()
	if p.is("partition") {
		s.partition = p.partitions()
	}
	if p.is("rank") {
		s.rank = p.rank()
	}
	s.desc = kind == "last"
	return s
}

// sortFields reads an optional `by (field desc, …)`.
func (p *parser) sortFields() []sortField {
	if !p.accept("by") && !p.is("(") {
		return nil
	}
	var out []sortField
	p.list(func() {
		f := sortField{name: p.fieldName()}
		if p.accept("desc") {
			f.desc = true
		} else {
			p.accept("asc")
		}
		out = append(out, f)
	})
	return out
}

func (p *parser) partitions() []string {
	p.next()
	p.accept("by")
	return p.names(p.fieldName)
}

func (p *parser) rank() string {
	p.next()
	p.accept("as")
	if p.atEnd() || p.is("limit", "offset", "partition") {
		return "rank"
	}
	return p.fieldName()
}

func (s *sortPipe) write(b *strings.Builder) {
	b.WriteString(s.kind)
	if s.kind != "sort" && s.limit != 1 {
		b.WriteString(" " + strconv.Itoa(s.limit))
	}
	for i, f := range s.by {
		b.WriteString([]string{" by (", ", "}[min(i, 1)] + quote(f.name))
		if f.desc {
			b.WriteString(" desc")
		}
	}
	if len(s.by) > 0 {
		b.WriteByte(')')
	}
	if s.desc && s.kind == "sort" {
		b.WriteString(" desc")
	}
	if len(s.partition) > 0 {
		b.WriteString(" partition by (" + quoteAll(s.partition, quote, ", ") + ")")
	}
	if s.offset > 0 {
		b.WriteString(" offset " + strconv.Itoa(s.offset))
	}
	if s.limit > 0 && s.kind == "sort" {
		b.WriteString(" limit " + strconv.Itoa(s.limit))
	}
	if s.rank != "" {
		b.WriteString(rankText(s.rank))
	}
}

func rankText(name string) string {
	if name == "rank" {
		return " rank"
	}
	return " rank as " + quote(name)
}

func (s *sortPipe) gather(e *env, rest []pipe) gatherer {
	by := s.by
	if by == nil {
		by = []sortField{{name: wholeRow}}
	}
	limit := s.limit
	if limit == 0 {
		limit = -1
	}
	return newRowGatherer(e, rest, rowSpec{by: by, desc: s.desc, partition: s.partition, offset: s.offset, limit: limit, rank: s.rank})
}

func (l *limitPipe) gather(e *env, rest []pipe) gatherer {
	return newRowGatherer(e, rest, rowSpec{limit: l.n})
}

func (o *offsetPipe) gather(e *env, rest []pipe) gatherer {
	return newRowGatherer(e, rest, rowSpec{offset: o.n, limit: -1})
}

// wholeRow stands for the texts of all fields, where a sort names none.
const wholeRow = "\x00row"

// keyColumn returns a function that gives the sort key of a row and its text.
func (c *chunk) keyColumn(name string) func(r uint32) (orderKey, string) {
	if name == wholeRow {
		return func(r uint32) (orderKey, string) {
			var b strings.Builder
			for _, f := range c.row(r, nil, false) {
				b.WriteString(f.Name + "=" + f.Value + "\x00")
			}
			return orderKey{class: classText, s: b.String()}, b.String()
		}
	}
	if times := c.clock(name); times != nil {
		return func(r uint32) (orderKey, string) { return timeKey(int64(times[r])), "" }
	}
	col := c.column(name)
	if col == nil {
		return func(uint32) (orderKey, string) { return orderKey{}, "" }
	}
	text := c.values(name)
	if len(col.Values) > len(c.sel)/2 {
		return func(r uint32) (orderKey, string) { return keyOf(text(r)), text(r) }
	}
	keys := make([]orderKey, len(col.Values)+1)
	done := make([]bool, len(keys))
	return func(r uint32) (orderKey, string) {
		code := col.Codes[r]
		if !done[code] {
			keys[code], done[code] = keyOf(text(r)), true
		}
		return keys[code], text(r)
	}
}

// keyText returns the text that stands for a key on the way to the merger.
func keyText(k orderKey, text string) string {
	if k.class == classTime && text == "" {
		return llama.Time(k.i).String()
	}
	return strings.Clone(text)
}
