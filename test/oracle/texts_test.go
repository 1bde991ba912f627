package oracle

import (
	"strconv"
	"strings"
)

// condition draws whether a pipe works on some rows only. Such a pipe makes fields
// that events do not have: there it would take what they have from the other rows.
func (q *draft) condition() string {
	if q.int(0, 3, "if") == 0 {
		return " if (" + q.filter(1) + ")"
	}
	return ""
}

func (q *draft) keeping() string {
	return one(q, "keeping", "", "", "", " keep_original_fields", " skip_empty_results")
}

func (q *draft) extractPipe() string {
	f, ok := q.field(untimed)
	if !ok {
		return ""
	}
	condition, keeping := q.condition(), q.keeping()
	fresh := condition != "" || keeping != "" // as there a kept text may be that of another row
	if q.bool("regexp") {
		pattern := one(q, "pattern", `(?P<a>[0-9]+)`, `(?P<a>\w+)[ =](?P<b>.*)`, `for (?P<a>\S+) from (?P<b>[0-9.]+)`, `^(?P<lvl>[a-z]*)`, `(?P<a>x)?(?P<b>e)`)
		if fresh {
			pattern = strings.ReplaceAll(pattern, "lvl", "a")
		}
		q.adds("a", anything)
		q.adds("b", anything)
		q.adds("lvl", anything)
		return "extract_regexp" + condition + " " + strconv.Quote(pattern) + " from " + name(f.name) + keeping
	}
	pattern := one(q, "pattern", "for <a> from <b> port", "<a> <b>", "<_> <a>:<_>", "<a>=<b>", `"level":<a>,<_>:<b>,`, "[<plain:a>]", "took <a>ms", "e<a>r", "<a>,<lvl>")
	if fresh {
		pattern = strings.ReplaceAll(pattern, "lvl", "b")
	}
	q.adds("a", anything)
	q.adds("b", anything)
	q.adds("lvl", anything)
	return "extract" + condition + " " + strconv.Quote(pattern) + " from " + name(f.name) + keeping
}

func (q *draft) formatPipe() string {
	var pattern strings.Builder
	condition := q.condition()
	for range q.int(1, 3, "parts") {
		pattern.WriteString(one(q, "text", "", "x", " ", "тест ", "="))
		f, ok := q.field(untimed)
		if !ok {
			return ""
		}
		option := ""
		if q.bool("option") {
			option = one(q, "option", "q:", "uc:", "lc:", "urlencode:", "urldecode:", "hexencode:", "hexdecode:", "base64encode:", "base64decode:")
			switch {
			case f.class.numeric() && q.bool("number"):
				option = one(q, "of numbers", "duration:", "ipv4:", "hexnumencode:")
			case f.class == durations:
				option = "duration_seconds:"
			}
		}
		pattern.WriteString("<" + option + f.name + ">")
	}
	to := one(q, "to", "made", "lvl", "_msg")
	if condition != "" {
		to = "made"
	}
	q.adds(to, anything)
	return "format" + condition + " " + strconv.Quote(pattern.String()) + " as " + to + q.keeping()
}

func (q *draft) replacePipe() string {
	f, ok := q.field(untimed)
	if !ok {
		return ""
	}
	condition := q.condition()
	limit := one(q, "limit", "", "", " limit 1", " limit 2")
	text := ""
	if q.bool("regexp") {
		text = "replace_regexp" + condition + " (" + strconv.Quote(one(q, "pattern", `[0-9]+`, `(\w+) (\w+)`, `e`, `^`, `[aeiou]*`, `$`, `\s`)) + ", " + strconv.Quote(one(q, "with", "N", "$2-$1", "", "${1}x", "$0$0")) + ")"
	} else {
		text = "replace" + condition + " (" + strconv.Quote(q.piece(f)) + ", " + strconv.Quote(one(q, "with", "", "***", "тест")) + ")"
	}
	q.adds(f.name, anything)
	return text + " at " + name(f.name) + limit
}

func (q *draft) measurePipe() string {
	f, ok := q.field(nil)
	if !ok {
		return ""
	}
	what := one(q, "measure", "len", "hash", "json_array_len")
	q.adds("measure", integers)
	return what + "(" + name(f.name) + ") as measure"
}

func (q *draft) mathPipe() string {
	text := q.math(2)
	q.adds("result", opaque)
	return one(q, "math", "math ", "eval ") + text + " as result"
}

func (q *draft) math(depth int) string {
	if depth == 0 || q.int(0, 3, "operand") == 0 {
		if f, ok := q.field(func(f field) bool { return f.class.numeric() || f.class == durations || f.class == sizes }); ok && q.bool("field") {
			return name(f.name)
		}
		return one(q, "number", "1", "2.5", "10", "3", "1KiB", "5m", "0")
	}
	a := q.math(depth - 1)
	switch q.int(0, 3, "operation") {
	case 3: // which is defined from 0 to 2^53
		return "(abs(" + q.math(0) + ")" + one(q, "bits", " & ", " or ", " xor ") + "abs(" + q.math(0) + "))"
	case 0:
		return one(q, "function", "abs", "ceil", "floor", "round", "exp", "ln") + "(" + a + ")"
	case 1:
		return one(q, "function", "max", "min", "round") + "(" + a + ", " + q.math(depth-1) + ")"
	}
	return "(" + a + one(q, "operator", " + ", " - ", " * ", " / ", " % 7 + ", " ^ ", " default ") + q.math(depth-1) + ")"
}

func (q *draft) collapsePipe() string {
	f, ok := q.field(untimed)
	if !ok {
		return ""
	}
	condition := q.condition()
	q.adds(f.name, anything)
	if q.bool("colours") {
		return "decolorize " + name(f.name)
	}
	return "collapse_nums" + condition + " at " + name(f.name) + one(q, "prettify", "", " prettify")
}

func (q *draft) packPipe() string {
	fields := q.some(3, func(f field) bool { return f.name != "odd name" })
	if len(fields) == 0 {
		return ""
	}
	text := one(q, "pack", "pack_json", "pack_logfmt") + " fields (" + names(fields) + ") as packed"
	q.adds("packed", opaque)
	return text
}

func (q *draft) unpackPipe() string {
	kinds := map[class]string{objects: "unpack_json", pairs: "unpack_logfmt", lines: "unpack_syslog"}
	f, ok := q.field(func(f field) bool { return kinds[f.class] != "" })
	if !ok || q.int(0, 4, "any") == 0 {
		f = field{"_msg", []class{objects, pairs, lines}[q.int(0, 2, "kind")]}
	}
	condition := q.condition()
	text := kinds[f.class] + condition + " from " + name(f.name)
	made, prefix := []string{"a", "c", "level", "x", "b.c", "hostname", "facility"}, ""
	// With both the text that is unpacked may not be read there.
	switch one(q, "of", "all", "fields", "prefix") {
	case "fields":
		if f.class != lines {
			made = made[:q.int(1, len(made), "made")]
			text += " fields (" + strings.Join(made, ", ") + ")"
		}
	case "prefix":
		prefix = "p_"
		text += " result_prefix p_"
	}
	q.rebuilt = true
	for _, name := range made {
		q.adds(prefix+name, anything)
	}
	for _, name := range []string{"lvl", "took"} {
		q.adds(prefix+name, anything)
	}
	if f.class == lines {
		return text + one(q, "keeping", "", " keep_original_fields")
	}
	return text + q.keeping()
}

func (q *draft) wordsPipe() string {
	f, ok := q.field(untimed)
	if !ok {
		return ""
	}
	q.adds("words", arrays)
	return "unpack_words from " + name(f.name) + " as words" + one(q, "once", "", " drop_duplicates")
}

func (q *draft) unrollPipe() string {
	f, ok := q.field(func(f field) bool { return f.class == arrays })
	if !ok {
		return ""
	}
	condition := q.condition()
	q.unique, q.ordered, q.rebuilt = nil, false, true
	q.adds(f.name, anything)
	return "unroll" + condition + " by (" + name(f.name) + ")"
}
