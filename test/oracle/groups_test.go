package oracle

import (
	"slices"
	"strconv"
	"strings"
)

// by draws what rows are grouped by: its text, and the fields that there are then.
func (q *draft) by(n int) (text string, fields []field) {
	var parts []string
	for _, f := range q.some(n, nil) {
		part := name(f.name)
		switch {
		case f.name == "_time" && q.bool("bucket"):
			part += ":" + one(q, "bucket", "1h", "5m", "day", "1d", "week", "month", "year", "hour", "90m", "1w", "1d offset 2h", "6h offset -1h")
		case f.class == addresses && q.bool("bucket"):
			part += ":/" + one(q, "bits", "24", "8", "32")
		case f.class == integers && q.bool("bucket"):
			part += ":" + one(q, "bucket", "10", "100", "7", "1K")
		case f.class == durations && q.bool("bucket"):
			part += ":" + one(q, "bucket", "1m", "10s")
		case f.class == sizes && q.bool("bucket"):
			part += ":" + one(q, "bucket", "1KiB", "10")
		}
		if part != name(f.name) {
			f.class = anything
		}
		parts, fields = append(parts, part), append(fields, f)
	}
	return strings.Join(parts, ", "), fields
}

func (q *draft) statsPipe() string {
	text, out := "", []field(nil)
	if q.int(0, 3, "by") > 0 || q.parted {
		text, out = q.by(3)
	}
	unique := nameList(out)
	timed := slices.Contains(unique, "_time")
	if text != "" {
		text = one(q, "by", "by (", "(") + text + ") "
	}
	var functions []string
	for i := range q.int(1, 3, "functions") {
		result := "r" + strconv.Itoa(i)
		function, class := q.function(timed, result)
		if function == "" {
			function, class = "count()", integers
		}
		if q.int(0, 3, "if") == 0 && !strings.HasPrefix(function, "rate") {
			function += " if (" + q.filter(1) + ")"
			if class == integers || class == texts || class == times {
				class = anything
			}
		}
		functions = append(functions, function+one(q, "as", " as ", " ")+result)
		out = append(out, field{result, class})
	}
	q.now(out, unique...)
	if len(unique) == 0 {
		q.unique = nil
	}
	return one(q, "stats", "stats ", "") + text + strings.Join(functions, ", ")
}

// function draws a function of stats. Of results whose form differs by intent, or
// whose order is not defined, the name of the result tells.
func (q *draft) function(timed bool, result string) (text string, c class) {
	f, _ := q.field(nil)
	n, hasNumber := q.field(numeric)
	s, hasSortable := q.field(sortable)
	list := func() string { return names(q.some(2, nil)) }
	switch q.int(0, 19, "function") {
	case 0, 1:
		return "count()", integers
	case 2:
		return "count(" + list() + ")", integers
	case 3:
		return "count_empty(" + list() + ")", integers
	case 4:
		return "count_uniq(" + list() + ")" + one(q, "limit", "", " limit 3"), integers
	case 5:
		return "count_uniq_hash(" + list() + ")", integers
	case 6, 7: // sizes and durations count or not there, as their column is stored
		if hasNumber {
			return one(q, "sum", "sum", "avg") + "(" + name(n.name) + ")", opaque
		}
	case 8:
		if hasSortable {
			return one(q, "extreme", "min", "max") + "(" + name(s.name) + ")", s.class
		}
	case 9:
		if hasSortable {
			return one(q, "quantile", "median(", "quantile(0.9, ", "quantile(0, ", "quantile(1, ", "quantile(0.33, ") + name(s.name) + ")", s.class
		}
	case 10:
		if hasSortable {
			return "uniq_values(" + name(s.name) + ")", opaque
		}
	case 11:
		return "values(" + list() + ")", opaque
	case 12:
		return "json_values(" + list() + ")", opaque
	case 13:
		if !timed {
			return "rate()", opaque
		}
	case 14:
		if hasNumber && !timed {
			return "rate_sum(" + name(n.name) + ")", opaque
		}
	case 15:
		if hasNumber {
			return "histogram(" + name(n.name) + ")", opaque
		}
	case 16:
		if of := q.some(2, untimed); len(of) > 0 { // a time is always 30 bytes there
			return "sum_len(" + names(of) + ")", integers
		}
	case 17, 18:
		if len(q.unique) == 1 && q.has(q.unique[0]) {
			by, other := name(q.unique[0]), name(f.name)
			for _, f := range q.fields {
				if f.name == q.unique[0] && f.class == integers {
					return one(q, "row", "row_max(", "row_min(") + by + ", " + other + ")", opaque
				}
			}
		}
	}
	return "count()", integers
}

func (q *draft) uniqPipe() string {
	by := q.some(3, nil)
	if len(by) == 0 {
		return ""
	}
	text := "uniq " + one(q, "by", "by ", "") + "(" + names(by) + ")"
	unique := nameList(by)
	if q.bool("hits") {
		text += one(q, "with", " with hits", " hits")
		by = append(by, field{"hits", integers})
		if slices.Contains(unique, "hits") {
			return ""
		}
	}
	q.now(by, unique...)
	return text
}

func (q *draft) topPipe() string {
	by := q.some(2, nil)
	if len(by) == 0 || slices.Contains(nameList(by), "hits") {
		return ""
	}
	unique := nameList(by)
	text := "top 100000 by (" + names(by) + ")"
	hits := "hits"
	if q.bool("as") {
		hits = "seen"
		text += " hits as seen"
	}
	q.now(append(by, field{hits, integers}), unique...)
	return text
}

func (q *draft) fieldValuesPipe() string {
	f, ok := q.field(nil)
	if !ok || f.name == "hits" {
		return ""
	}
	q.now([]field{f, {"hits", integers}}, f.name)
	return "field_values " + name(f.name)
}
