package oracle

import (
	"slices"
	"strconv"
	"strings"
)

// query draws a whole query.
func (q *draft) query(pipes int) string {
	text := "*"
	if q.int(0, 7, "all") > 0 {
		text = q.filter(2)
	}
	if q.int(0, 19, "options") == 0 {
		text = one(q, "options", "options(concurrency=1) ", "options(ignore_global_time_filter=true) ") + text
	}
	for range q.int(0, pipes, "pipes") {
		text += " | " + q.pipe()
	}
	if !q.rebuilt && q.int(0, 19, "drop") == 0 { // before other pipes it drops rows without the fields these need, there
		text += " | drop_empty_fields"
	}
	return text
}

// subquery draws the filter in(query): one whose answer is values of a field.
func (q *draft) subquery(f field) string {
	inner := newDraft(q.t, q.d)
	inner.depth = q.depth + 1
	inner.removes("_msg")  // of which all is any, and empty texts count there
	inner.removes("_time") // a range in such a query is not read there
	text := inner.filter(1)
	last := one(q, "end", "fields ", "uniq by ")
	other, _ := inner.field(untimed)
	if other.class != f.class || q.bool("same") {
		other = field{"lvl", texts}
		if f.class == integers {
			other.name = "code"
		}
	}
	if last == "fields " {
		last += name(other.name)
	} else {
		last += "(" + name(other.name) + ")"
	}
	// Empty texts of the query count there.
	return one(q, "in", "in", "contains_any") + "(" + text + " " + name(other.name) + ":* | " + last + ")"
}

// ways are the pipes that can be drawn; those that change what rows there are come
// more than once.
var ways = []func(*draft) string{
	(*draft).filterPipe, (*draft).filterPipe, (*draft).fieldsPipe, (*draft).deletePipe, (*draft).renamePipe, (*draft).copyPipe,
	(*draft).statsPipe, (*draft).statsPipe, (*draft).statsPipe, (*draft).uniqPipe, (*draft).topPipe, (*draft).fieldValuesPipe,
	(*draft).sortPipe, (*draft).sortPipe, (*draft).firstPipe, (*draft).extractPipe, (*draft).formatPipe, (*draft).replacePipe,
	(*draft).measurePipe, (*draft).mathPipe, (*draft).mathPipe, (*draft).collapsePipe, (*draft).packPipe, (*draft).unpackPipe, (*draft).unpackPipe,
	(*draft).wordsPipe, (*draft).unrollPipe, (*draft).joinPipe, (*draft).unionPipe, (*draft).facetsPipe,
	func(*draft) string { return "sample 1" },
}

func (q *draft) pipe() string {
	q.piped = true
	for range 10 {
		if text := one(q, "pipe", ways...)(q); text != "" {
			return text
		}
	}
	return "filter *"
}

// now tells that these are all fields that rows can have from here on.
func (q *draft) now(fields []field, unique ...string) {
	q.fields, q.unique, q.ordered, q.bare = fields, unique, false, true
}

// adds tells of a field that rows have from here on.
func (q *draft) adds(name string, c class) {
	q.removes(name)
	q.fields = append(q.fields, field{name, c})
}

func (q *draft) removes(name string) {
	q.fields = slices.DeleteFunc(slices.Clone(q.fields), func(f field) bool { return f.name == name })
	if slices.Contains(q.unique, name) {
		q.unique = nil
	}
}

func (q *draft) filterPipe() string { return one(q, "filter", "filter ", "where ") + q.filter(1) }

// some draws up to n fields, each once.
func (q *draft) some(n int, is func(field) bool) []field {
	var out []field
	for range q.int(1, n, "fields") {
		if f, ok := q.field(is); ok && !slices.ContainsFunc(out, func(g field) bool { return g.name == f.name }) {
			out = append(out, f)
		}
	}
	return out
}

func names(fields []field) string {
	var out []string
	for _, f := range fields {
		out = append(out, name(f.name))
	}
	return strings.Join(out, ", ")
}

func nameList(fields []field) []string {
	var out []string
	for _, f := range fields {
		out = append(out, f.name)
	}
	return out
}

func (q *draft) fieldsPipe() string {
	kept := q.some(5, nil)
	if len(kept) == 0 {
		return ""
	}
	if q.has("n") && !slices.Contains(nameList(kept), "n") && q.int(0, 3, "keep n") > 0 {
		kept = append(kept, field{"n", integers})
	}
	text := one(q, "fields", "fields ", "keep ") + names(kept)
	if !q.bare && !q.rebuilt && q.has("user.name") && q.int(0, 4, "star") == 0 {
		text += ", user*"
		if !slices.Contains(nameList(kept), "user.name") {
			kept = append(kept, field{"user.name", texts})
		}
	}
	unique := q.unique
	ordered := q.ordered && !strings.HasSuffix(text, "*") // behind a star it is lost there
	q.now(kept, unique...)
	q.ordered = ordered
	for _, name := range unique {
		if !slices.Contains(nameList(kept), name) {
			q.unique = nil
		}
	}
	return text
}

func (q *draft) deletePipe() string {
	gone := q.some(3, nil)
	if len(gone) == 0 || len(gone) == len(q.fields) {
		return ""
	}
	for _, f := range gone {
		q.removes(f.name)
	}
	return one(q, "delete", "delete ", "del ", "rm ", "drop ") + names(gone)
}

func (q *draft) renamePipe() string {
	f, ok := q.field(untimed)
	if !ok {
		return ""
	}
	to := one(q, "to", "other", "x.y", "lvl", "new name")
	if to == f.name {
		return ""
	}
	renamed := slices.Contains(q.unique, f.name) && len(q.unique) == 1
	q.removes(f.name)
	q.adds(to, f.class)
	if renamed {
		q.unique = []string{to}
	}
	return one(q, "rename", "rename ", "mv ") + name(f.name) + one(q, "as", " as ", " ") + name(to)
}

func (q *draft) copyPipe() string {
	f, ok := q.field(untimed)
	to := one(q, "to", "other", "x.z", "lvl")
	if !ok || to == f.name {
		return ""
	}
	q.adds(to, f.class)
	return one(q, "copy", "copy ", "cp ") + name(f.name) + one(q, "as", " as ", " ") + name(to)
}

// order draws fields to sort by, of which no two rows are alike. Rows can be parted
// by the first: what they are parted by and not sorted may not be read there.
func (q *draft) order() (text, first string) {
	if len(q.unique) == 0 {
		return "", ""
	}
	var parts []string
	for _, f := range q.some(2, sortable) {
		if !slices.Contains(q.unique, f.name) {
			if first == "" {
				first = name(f.name)
			}
			parts = append(parts, name(f.name)+one(q, "direction", "", " desc", " asc"))
		}
	}
	for _, u := range q.unique {
		i := slices.IndexFunc(q.fields, func(f field) bool { return f.name == u })
		if i < 0 || !q.fields[i].class.sortable() {
			return "", ""
		}
		parts = append(parts, name(u)+one(q, "direction", "", " desc", " asc"))
	}
	return strings.Join(parts, ", "), first
}

func (q *draft) sortPipe() string {
	order, first := q.order()
	if order == "" {
		return ""
	}
	text := one(q, "sort", "sort", "order") + " by (" + order + ")" + one(q, "desc", "", " desc")
	if first != "" && q.int(0, 4, "partition") == 0 {
		q.ordered, q.parted = false, true
		return text + " partition by (" + first + ") limit " + strconv.Itoa(q.int(1, 3, "limit"))
	}
	windowed := q.bool("window")
	if windowed && q.bool("offset") {
		text += " offset " + strconv.Itoa(q.int(0, 5, "offset"))
	}
	if windowed {
		text += " limit " + strconv.Itoa(q.int(1, 12, "limit"))
	}
	if q.int(0, 5, "rank") == 0 && !q.has("place") { // of two fields of one name either may be shown there
		text += " rank as place"
		q.adds("place", integers)
	}
	q.ordered = true
	switch q.int(0, 4, "pipe") {
	case 0:
		text += " | " + one(q, "limit", "limit ", "head ") + strconv.Itoa(q.int(1, 9, "limit"))
	case 1:
		if windowed {
			break // there an offset behind such a sort is lost
		}
		text += " | " + one(q, "offset", "offset ", "skip ") + strconv.Itoa(q.int(0, 9, "offset"))
	}
	return text
}

func (q *draft) firstPipe() string {
	order, first := q.order()
	if order == "" {
		return ""
	}
	q.ordered = true
	text := one(q, "first", "first ", "last ") + strconv.Itoa(q.int(1, 9, "rows")) + " by (" + order + ")"
	if first != "" && q.int(0, 4, "partition") == 0 {
		q.ordered, q.parted = false, true
		text += " partition by (" + first + ")"
	}
	return text
}

// joinPipe joins with the counts of another query, whose rows are few.
func (q *draft) joinPipe() string {
	if q.depth > 0 || q.has("partners") { // of two fields of one name either may be shown there
		return ""
	}
	inner := newDraft(q.t, q.d)
	inner.depth = 1
	by, ok := q.field(func(f field) bool {
		return slices.Contains(nameList(inner.fields), f.name) && f.name != "env" && f.name != "_time" && f.name != "long" && f.name != "_msg"
	})
	if !ok {
		return ""
	}
	text := "join by (" + name(by.name) + ") (" + inner.filter(1) + " | stats by (" + name(by.name) + ", env) count() partners | rename env as side)" + one(q, "inner", "", " inner", " prefix p_")
	q.unique, q.ordered, q.rebuilt = nil, false, true
	for _, name := range []string{"side", "partners", "p_side", "p_partners"} {
		q.adds(name, anything)
	}
	return text
}

func (q *draft) unionPipe() string {
	if q.depth > 0 {
		return ""
	}
	inner := newDraft(q.t, q.d)
	inner.depth = 1
	text := "union (" + inner.filter(1) + " | fields _time, n, lvl, code)" // rows without a time are of 1970 there, and of no time here
	q.unique, q.ordered, q.rebuilt = nil, false, true
	for _, name := range []string{"n", "lvl", "code"} {
		q.adds(name, anything)
	}
	return text
}

// facetsPipe asks for the facets of fields that both have. (The counts of field_names
// are estimates there, and the limits of facets hold for a part of the rows.)
func (q *draft) facetsPipe() string {
	text := "facets 100000 max_values_per_field 100000 max_value_len 100000" + one(q, "const", "", " keep_const_fields")
	if !q.bare {
		text = "delete " + strings.Join(hidden[:], ", ") + " | " + text
	}
	for _, f := range q.fields {
		if f.class == opaque {
			text = "delete " + name(f.name) + " | " + text
		}
	}
	q.now([]field{{"field_name", texts}, {"field_value", anything}, {"hits", integers}})
	return text
}
