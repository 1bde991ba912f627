package query

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"math"
	"math/big"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/llama-logs/llama"
)

// The model is a second, slow evaluator: rows are maps, filters and pipes plain
// functions over them. Random queries are made together with their meaning.

type modelRow map[string]string

type modelFilter struct {
	text string
	in   func(modelRow) bool
}

type modelPipe struct {
	text    string
	run     func([]modelRow) []modelRow
	ordered bool // the rows that come out have an order of their own
}

var (
	modelWords  = []string{"error", "Error", "disk", "full", "root", "тест", "a1", "10"}
	modelFields = []string{"user.name", "status", "took", "host", "missing"}
	modelValues = []string{"", "root", "ann", "1", "2", "10", "1.5", "-3", "2KiB", "5m", "200", "10.0.0.7", "x-ray", "9007199254740993", "2026-11-20T00:00:01Z"}
)

func modelEvents(t *rapid.T) []llama.Event {
	n := rapid.IntRange(0, 60).Draw(t, "events")
	rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
	events := make([]llama.Event, n)
	for i := range events {
		var words []string
		for range rng.IntN(5) {
			words = append(words, modelWords[rng.IntN(len(modelWords))])
		}
		e := event(rng.IntN(20), []string{"sshd", "web", "mail"}[rng.IntN(3)], strings.Join(words, []string{" ", "-", "_", ": "}[rng.IntN(4)]))
		e.Seq = uint64(i + 1)
		for _, name := range modelFields[:4] {
			if rng.IntN(3) > 0 {
				value := modelValues[rng.IntN(len(modelValues))]
				e.Set(name, value, kindOf(value))
			}
		}
		events[i] = e
	}
	return events
}

func modelOf(e *llama.Event) modelRow {
	row := modelRow{
		"_time": e.Time.String(), "_msg": e.Message, "_collection": e.Collection, "_source": e.Source,
		"event.ingested": e.Ingested.String(), "_id": fmt.Sprintf("n-%d", e.Seq), "\x00seq": fmt.Sprint(e.Seq),
	}
	for _, f := range e.Fields {
		row[f.Name] = f.Value
	}
	return row
}

func wordsOf(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return r != '_' && !unicode.IsLetter(r) && !unicode.IsDigit(r) })
}

func drawFilter(t *rapid.T, depth int) modelFilter {
	if depth > 0 {
		switch rapid.IntRange(0, 5).Draw(t, "join") {
		case 0:
			f := drawFilter(t, depth-1)
			return modelFilter{"!(" + f.text + ")", func(r modelRow) bool { return !f.in(r) }}
		case 1:
			f, g := drawFilter(t, depth-1), drawFilter(t, depth-1)
			return modelFilter{"(" + f.text + " or " + g.text + ")", func(r modelRow) bool { return f.in(r) || g.in(r) }}
		case 2:
			f, g := drawFilter(t, depth-1), drawFilter(t, depth-1)
			return modelFilter{f.text + " " + g.text, func(r modelRow) bool { return f.in(r) && g.in(r) }}
		}
	}
	field := rapid.SampledFrom(append(modelFields, "_msg", "_collection")).Draw(t, "field")
	value := rapid.SampledFrom(modelValues).Draw(t, "value")
	word := rapid.SampledFrom(modelWords).Draw(t, "word")
	switch rapid.IntRange(0, 9).Draw(t, "filter") {
	case 0, 1:
		return modelFilter{word, func(r modelRow) bool { return slices.Contains(wordsOf(r["_msg"]), word) }}
	case 2:
		return modelFilter{word + "*", func(r modelRow) bool {
			return slices.ContainsFunc(wordsOf(r["_msg"]), func(w string) bool { return strings.HasPrefix(w, word) })
		}}
	case 3:
		return modelFilter{"i(" + word + ")", func(r modelRow) bool {
			return slices.ContainsFunc(wordsOf(r["_msg"]), func(w string) bool { return strings.EqualFold(w, word) })
		}}
	case 4:
		return modelFilter{field + ":=" + strconv.Quote(value), func(r modelRow) bool { return r[field] == value }}
	case 5:
		return modelFilter{field + `:""`, func(r modelRow) bool { return r[field] == "" }}
	case 6:
		return modelFilter{field + ":>=2", func(r modelRow) bool {
			f, ok := parseScalar(r[field])
			return ok && f >= 2
		}}
	case 7:
		return modelFilter{field + `:~"^[0-9.]+$|oo"`, func(r modelRow) bool {
			s := r[field]
			return strings.Contains(s, "oo") || s != "" && strings.Trim(s, "0123456789.") == ""
		}}
	case 8:
		return modelFilter{"_collection:in(sshd,web)", func(r modelRow) bool { return r["_collection"] == "sshd" || r["_collection"] == "web" }}
	}
	return modelFilter{"_time:<2026-11-20T00:10:00Z", func(r modelRow) bool {
		return r["_time"] != "" && r["_time"] < "2026-11-20T00:10:00Z"
	}}
}

// drawPipe draws a pipe; all are the rows that a query within the query looks at.
func drawPipe(t *rapid.T, all func() []modelRow) modelPipe {
	field := rapid.SampledFrom(modelFields).Draw(t, "by")
	n := rapid.IntRange(1, 5).Draw(t, "n")
	switch rapid.IntRange(0, 13).Draw(t, "pipe") {
	case 0:
		f := drawFilter(t, 1)
		return modelPipe{"filter " + f.text, func(rows []modelRow) []modelRow {
			return slices.DeleteFunc(rows, func(r modelRow) bool { return !f.in(r) })
		}, false}
	case 1:
		return modelPipe{"fields " + field + ", _msg, _time", each(func(r modelRow) modelRow {
			return modelRow{field: r[field], "_msg": r["_msg"], "_time": r["_time"], "\x00seq": r["\x00seq"]}
		}), false}
	case 2:
		return modelPipe{"rename " + field + " as other | len(other) as length", each(func(r modelRow) modelRow {
			r["other"] = r[field]
			delete(r, field)
			r["length"] = strconv.Itoa(len(r["other"]))
			return r
		}), false}
	case 3:
		return modelPipe{"format if (" + field + `:*) "<` + field + `>!" as made`, each(func(r modelRow) modelRow {
			if r[field] != "" {
				r["made"] = r[field] + "!"
			}
			return r
		}), false}
	case 4:
		return modelPipe{fmt.Sprintf("sort by (%s desc, _msg, _time, status, took, host, user.name, _id) limit %d", field, n), func(rows []modelRow) []modelRow {
			slices.SortStableFunc(rows, func(a, b modelRow) int {
				for i, name := range []string{field, "_msg", "_time", "status", "took", "host", "user.name", "_id"} {
					ka, kb := keyOf(a[name]), keyOf(b[name])
					if c := compareKeys(&ka, &kb); c != 0 {
						if i == 0 {
							return -c
						}
						return c
					}
				}
				return 0
			})
			return rows[:min(n, len(rows))]
		}, true}
	case 5:
		return modelPipe{fmt.Sprintf("top %d by (%s)", n, field), func(rows []modelRow) []modelRow {
			out := modelGroups(rows, []string{field}, func(r modelRow, g []modelRow) { r["hits"] = strconv.Itoa(len(g)) })
			slices.SortStableFunc(out, func(a, b modelRow) int {
				x, _ := strconv.Atoi(a["hits"])
				y, _ := strconv.Atoi(b["hits"])
				return y - x
			})
			return out[:min(n, len(out))]
		}, true}
	case 6:
		return modelPipe{"uniq by (" + field + ", host)", func(rows []modelRow) []modelRow {
			return modelGroups(rows, []string{field, "host"}, func(modelRow, []modelRow) {})
		}, true}
	case 7:
		f := drawFilter(t, 1)
		return modelPipe{"union (" + f.text + ")", func(rows []modelRow) []modelRow {
			return append(rows, slices.DeleteFunc(all(), func(r modelRow) bool { return !f.in(r) })...)
		}, false}
	case 8:
		f := drawFilter(t, 1)
		inner := rapid.Bool().Draw(t, "inner")
		text := "join by (" + field + ") (" + f.text + " | stats by (" + field + ", session) count() partners)"
		if inner {
			text += " inner"
		}
		return modelPipe{text, func(rows []modelRow) []modelRow {
			partners := modelGroups(slices.DeleteFunc(all(), func(r modelRow) bool { return !f.in(r) }), []string{field, "session"},
				func(r modelRow, g []modelRow) { r["partners"] = strconv.Itoa(len(g)) })
			return modelJoin(rows, partners, field, inner)
		}, false}
	case 9:
		return modelPipe{"unpack_words as word | unroll by (word)", func(rows []modelRow) []modelRow {
			var out []modelRow
			for _, r := range rows {
				words := wordsOf(r["_msg"])
				if len(words) == 0 {
					words = []string{""}
				}
				for _, w := range words {
					next := maps.Clone(r)
					next["word"] = w
					out = append(out, next)
				}
			}
			return out
		}, false}
	case 10:
		return modelPipe{fmt.Sprintf("facets %d max_values_per_field 9 max_value_len 12 keep_const_fields", n), func(rows []modelRow) []modelRow {
			return modelFacets(rows, n)
		}, true}
	}
	return modelStats(field)
}

func modelJoin(rows, partners []modelRow, field string, inner bool) []modelRow {
	var out []modelRow
	for _, r := range rows {
		found := false
		for _, p := range partners {
			if p[field] == r[field] {
				next := maps.Clone(r)
				maps.Copy(next, p)
				out, found = append(out, next), true
			}
		}
		if !found && !inner {
			out = append(out, r)
		}
	}
	return out
}

func modelFacets(rows []modelRow, limit int) []modelRow {
	names := map[string]bool{}
	for _, r := range rows {
		for name, value := range r {
			if value != "" && !strings.HasPrefix(name, "\x00") {
				names[name] = true
			}
		}
	}
	var out []modelRow
	for _, name := range slices.Sorted(maps.Keys(names)) {
		groups := modelGroups(rows, []string{name}, func(r modelRow, g []modelRow) { r["\x00hits"] = strconv.Itoa(len(g)) })
		groups = slices.DeleteFunc(groups, func(r modelRow) bool { return r[name] == "" })
		if len(groups) > 9 || slices.ContainsFunc(groups, func(r modelRow) bool { return len(r[name]) > 12 }) {
			continue
		}
		slices.SortStableFunc(groups, func(a, b modelRow) int {
			x, _ := strconv.Atoi(a["\x00hits"])
			y, _ := strconv.Atoi(b["\x00hits"])
			return y - x
		})
		for _, g := range groups[:min(limit, len(groups))] {
			out = append(out, modelRow{"field_name": name, "field_value": g[name], "hits": g["\x00hits"]})
		}
	}
	return out
}

func each(f func(modelRow) modelRow) func([]modelRow) []modelRow {
	return func(rows []modelRow) []modelRow {
		for i := range rows {
			rows[i] = f(rows[i])
		}
		return rows
	}
}

func modelStats(field string) modelPipe {
	text := "stats by (host) count() n, count(" + field + ") c, count() if (" + field + ":1) one, count_uniq(" + field +
		") u, count_uniq_hash(" + field + ") uh, rate() rate, rate_sum(took) rs, histogram(took) h, sum(took) s, avg(took) a, min(" + field + ") lo, max(" + field + ") hi, uniq_values(" + field + ") v, quantile(0.7, " + field + ") q"
	return modelPipe{text, func(rows []modelRow) []modelRow {
		return modelGroups(rows, []string{"host"}, func(r modelRow, g []modelRow) {
			r["n"] = strconv.Itoa(len(g))
			var all, some []string
			one, count, exact := 0, 0, new(big.Float).SetPrec(2000)
			for _, row := range g {
				all = append(all, row[field])
				if row[field] != "" {
					some = append(some, row[field])
				}
				if slices.Contains(wordsOf(row[field]), "1") {
					one++
				}
				if f, ok := parseNumber(row["took"]); ok {
					exact.Add(exact, big.NewFloat(f))
					count++
				}
			}
			sum, _ := exact.Float64()
			r["c"], r["one"] = strconv.Itoa(len(some)), strconv.Itoa(one)
			r["s"], r["a"] = formatFloat(sum), formatFloat(sum/float64(count))
			if count == 0 {
				r["s"], r["a"] = "NaN", "NaN"
			}
			slices.SortFunc(all, compareTexts)
			slices.SortFunc(some, compareTexts)
			r["lo"], r["hi"] = all[0], all[len(all)-1]
			r["q"] = all[int(math.Floor(0.7*float64(len(all))))]
			some = slices.Compact(some)
			r["rate"], r["rs"], r["h"] = r["n"], r["s"], modelHistogram(g)
			r["u"], r["uh"], r["v"] = strconv.Itoa(len(some)), strconv.Itoa(len(some)), jsonArray(some)
		})
	}, true}
}

// modelHistogram finds the bucket of each number by its printed bounds.
func modelHistogram(g []modelRow) string {
	hits := map[int16]int{}
	for _, r := range g {
		f, ok := parseNumber(r["took"])
		for n := int16(bucketBelow); ok && n <= bucketAbove; n++ {
			low, high, _ := strings.Cut(bucketRange(n), "...")
			from, _ := strconv.ParseFloat(low, 64)
			to, _ := strconv.ParseFloat(high, 64)
			if f > from && f <= to {
				hits[n]++
				break
			}
		}
	}
	var out []string
	for _, n := range slices.Sorted(maps.Keys(hits)) {
		out = append(out, fmt.Sprintf(`{"vmrange":"%s","hits":%d}`, bucketRange(n), hits[n]))
	}
	return "[" + strings.Join(out, ",") + "]"
}

// modelGroups makes a row of each group, in the order of what they are grouped by.
func modelGroups(rows []modelRow, by []string, fill func(modelRow, []modelRow)) []modelRow {
	groups := map[string][]modelRow{}
	var keys [][]string
	for _, r := range rows {
		var key []string
		for _, name := range by {
			key = append(key, r[name])
		}
		if groups[fmt.Sprintf("%q", key)] == nil {
			keys = append(keys, key)
		}
		groups[fmt.Sprintf("%q", key)] = append(groups[fmt.Sprintf("%q", key)], r)
	}
	slices.SortFunc(keys, func(a, b []string) int { return slices.CompareFunc(a, b, compareTexts) })
	var out []modelRow
	for _, key := range keys {
		r := modelRow{}
		for i, name := range by {
			r[name] = key[i]
		}
		fill(r, groups[fmt.Sprintf("%q", key)])
		out = append(out, r)
	}
	return out
}

func flatModel(r modelRow) string {
	var row Row
	for name, value := range r {
		if !strings.HasPrefix(name, "\x00") {
			row = append(row, llama.Field{Name: name, Value: value})
		}
	}
	return flatRow(row)
}

// TestModel: the engine answers as the model does, and in whatever way the events
// are split among nodes and their frames come, the merger answers the same.
func TestModel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		events := modelEvents(t)
		filter := drawFilter(t, 3)
		text := filter.text
		var rows []modelRow
		for i := range events {
			if r := modelOf(&events[i]); filter.in(r) {
				rows = append(rows, r)
			}
		}
		ordered := false
		for range rapid.IntRange(0, 3).Draw(t, "pipes") {
			p := drawPipe(t, func() []modelRow {
				var all []modelRow
				for i := range events {
					all = append(all, modelOf(&events[i]))
				}
				return all
			})
			text += " | " + p.text
			rows, ordered = p.run(rows), p.ordered || ordered && !strings.HasPrefix(p.text, "union")
		}
		var want []string
		for _, r := range rows {
			want = append(want, flatModel(r))
		}
		q, err := Parse(text, testNow)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		options := RunOptions{NodeID: "n", Workers: rapid.IntRange(1, 3).Draw(t, "workers")}
		var got []string
		collect := func(r Row) error {
			got = append(got, flatRow(r))
			return nil
		}
		if err := q.Execute(context.Background(), scattered(t, events), options, collect); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		compareRows(t, "Execute "+text, ordered, want, got)
		got = nil
		if err := merged(t, q, events, options).Rows(t.Context(), collect); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		compareRows(t, "Merge "+text, ordered, want, got)
	})
}

func compareRows(t *rapid.T, what string, ordered bool, want, got []string) {
	want, got = slices.Clone(want), slices.Clone(got)
	if !ordered {
		slices.Sort(want)
		slices.Sort(got)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("%s: want -, got +\n%s", what, diff)
	}
}

// scattered is a source of the events in several small blocks.
func scattered(t *rapid.T, events []llama.Event) *Memory {
	m := &Memory{}
	for len(events) > 0 {
		n := rapid.IntRange(1, len(events)).Draw(t, "block")
		m.refs = append(m.refs, Events(events[:n]).refs...)
		events = events[n:]
	}
	return m
}

// merged runs q over the events as if several nodes had them.
func merged(t *rapid.T, q *Query, events []llama.Event, o RunOptions) *Merge {
	nodes := make([][]llama.Event, rapid.IntRange(1, 4).Draw(t, "nodes"))
	for _, e := range events {
		n := rapid.IntRange(0, len(nodes)-1).Draw(t, "node")
		nodes[n] = append(nodes[n], e)
	}
	var frames []Frame
	lines := rapid.Bool().Draw(t, "lines")
	o.few = rapid.IntRange(0, 4).Draw(t, "few") // of most limits, the rows are not kept
	older := q.plan(&RunOptions{Lines: true, few: o.few})
	for _, part := range nodes {
		o.Lines = lines && (older.window != nil && !older.window.bare || rapid.IntRange(0, 3).Draw(t, "older node") > 0)
		err := q.Partial(context.Background(), scattered(t, part), o, func(f Frame) error {
			f.Text = bytes.Clone(f.Text)
			frames = append(frames, f)
			return nil
		})
		if err != nil {
			t.Fatalf("%s: %v", q, err)
		}
	}
	o.Lines = lines
	m := q.NewMerge(o)
	for _, f := range rapid.Permutation(frames).Draw(t, "frames") {
		if err := m.Add("n", f); err != nil {
			t.Fatalf("%s: %v", q, err)
		}
	}
	return m
}

// TestLimitAnswersTheNewest: without a sort the newest events come, first the
// newest.
func TestLimitAnswersTheNewest(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		events := modelEvents(t)
		filter := drawFilter(t, 1)
		offset, limit := rapid.IntRange(0, 3).Draw(t, "offset"), rapid.IntRange(0, 9).Draw(t, "limit")
		q, err := Parse(fmt.Sprintf("%s | fields _seq | offset %d | limit %d", filter.text, offset, limit), testNow)
		if err != nil {
			t.Fatal(err)
		}
		var in []llama.Event
		for i := range events {
			if filter.in(modelOf(&events[i])) {
				in = append(in, events[i])
			}
		}
		slices.SortFunc(in, func(a, b llama.Event) int {
			if a.Time != b.Time {
				return int((b.Time - a.Time) / 1e9)
			}
			return int(b.Seq) - int(a.Seq)
		})
		var want, got []string
		for i := offset; i < min(offset+limit, len(in)); i++ {
			want = append(want, fmt.Sprintf("_seq=%d", in[i].Seq))
		}
		collect := func(r Row) error {
			got = append(got, flatRow(r))
			return nil
		}
		o := RunOptions{NodeID: "n", Workers: 2}
		if err := q.Execute(context.Background(), scattered(t, events), o, collect); err != nil {
			t.Fatal(err)
		}
		compareRows(t, "Execute "+q.String(), true, want, got)
		got = nil
		if err := merged(t, q, events, o).Rows(t.Context(), collect); err != nil {
			t.Fatal(err)
		}
		compareRows(t, "Merge "+q.String(), true, want, got)
	})
}

// TestOrderIsOne: what sorts values is an order.
func TestOrderIsOne(t *testing.T) {
	t.Parallel()
	value := rapid.OneOf(rapid.SampledFrom(modelValues), rapid.StringMatching(`-?[0-9]{0,18}(\.[0-9]+)?[a-zA-Z]{0,2}[0-9]{0,3}`), rapid.String())
	rapid.Check(t, func(t *rapid.T) {
		a, b, c := value.Draw(t, "a"), value.Draw(t, "b"), value.Draw(t, "c")
		if ab, ba := compareTexts(a, b), compareTexts(b, a); (ab < 0) != (ba > 0) || (ab == 0) != (a == b) {
			t.Fatalf("%q and %q: %d, other way round %d", a, b, ab, ba)
		}
		if compareTexts(a, b) <= 0 && compareTexts(b, c) <= 0 && compareTexts(a, c) > 0 {
			t.Fatalf("%q <= %q <= %q, but not the first and the last", a, b, c)
		}
	})
}

// TestSumIsExact: a sum does not depend on how its numbers were split and merged.
func TestSumIsExact(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		numbers := rapid.SliceOf(rapid.OneOf(rapid.Float64Range(-1e18, 1e18), rapid.Float64Range(-1, 1), rapid.SampledFrom([]float64{0.1, 1e15, 1e300, -1e300, 1e-300, 1 << 61}))).Draw(t, "numbers")
		var whole, parts exactSum
		var part exactSum
		for _, f := range numbers {
			whole.add(f)
		}
		for _, f := range rapid.Permutation(numbers).Draw(t, "order") {
			part.add(f)
			if rapid.Bool().Draw(t, "merge") {
				parts.merge(&part)
				part = exactSum{}
			}
		}
		parts.merge(&part)
		if whole.float() != parts.float() {
			t.Fatalf("%v: %v in order, %v in parts", numbers, whole.float(), parts.float())
		}
	})
}
