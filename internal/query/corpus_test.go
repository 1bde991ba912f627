package query

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/llama-logs/llama"
)

// The corpora are VictoriaLogs' own tests, rewritten as JSON lines.

// later are the constructs of LogsQL that are not there yet, as they are written.
// A case that has one of them is skipped; any other that fails is a failure.
var later = map[string]string{
	`\b(block_stats|blocks_count|value_type\()`: "about VictoriaLogs' own storage",
	`\b(stream_context|_stream_id)\b`:           "events have no streams",
	`\bstats_remote\b`:                          "how VictoriaLogs' nodes talk",
}

func construct(text string) string {
	for pattern := range later {
		if regexp.MustCompile(pattern).MatchString(text) {
			return pattern
		}
	}
	return ""
}

// tally counts what a corpus test did.
type tally struct {
	passed  int
	skipped map[string]int
}

func (c *tally) skip(why string) {
	if c.skipped == nil {
		c.skipped = map[string]int{}
	}
	c.skipped[why]++
}

func (c *tally) log(t *testing.T) {
	t.Logf("%d passed", c.passed)
	for why, n := range c.skipped {
		t.Logf("%d skipped: %s", n, why)
	}
	if c.passed == 0 {
		t.Error("nothing passed")
	}
}

func corpus[T any](t *testing.T, name string) []T {
	t.Helper()
	f, err := os.Open(filepath.Join("../../../shared/testdata/query", name))
	if err != nil {
		t.Skipf("the corpus of VictoriaLogs' tests is not here: %v", err)
	}
	defer f.Close()
	var out []T
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var c T
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		out = append(out, c)
	}
	return out
}

type parseCase struct {
	ID     string
	S      string
	Valid  *bool
	Result *string  `json:"resultExpected"`
	Tokens []string `json:"tokensExpected"`
	Min    *float64 `json:"minTimestampExpected"`
}

// differs are cases, by text or id, whose outcome is another here, and why.
var differs = map[string]string{
	"pipe_unpack_json/TestPipeUnpackJSON#15": "an object with NaN is not JSON",
	"_time:2023-01-02T04:05:06.789":          "a time without a zone is UTC, one with decimals too",
}

func TestParseCorpus(t *testing.T) {
	t.Parallel()
	var c tally
	for _, tt := range corpus[parseCase](t, "logsql-parse.jsonl") {
		group, _, _ := strings.Cut(tt.ID, "#")
		file, test, _ := strings.Cut(group, "/")
		text, want := tt.S, tt.S
		switch {
		case test == "TestLexer":
			checkTokens(t, &tt, &c)
			continue
		case strings.HasPrefix(file, "pipe_"):
			text = "* | " + tt.S
			want = text
			if f, ok := strings.CutPrefix(tt.S, "filter "); ok {
				want = f // joins the query's filters
			}
		case strings.HasPrefix(file, "stats_"):
			text = "* | stats " + tt.S + " as q"
			want = text
		case strings.HasPrefix(test, "TestParseQuery"), test == "TestQueryGetNeededColumns":
			want = ""
			if tt.Result != nil {
				want = *tt.Result
			}
		case test == "TestParseTimeRange":
			text, want = "_time:"+tt.S, ""
		case test == "TestParseWeekRange":
			text, want = "_time:week_range"+tt.S, ""
		default:
			want = ""
		}
		q, err := Parse(text, testNow)
		if valid := tt.Valid == nil || *tt.Valid; !valid {
			if why := differs[tt.S]; why != "" {
				c.skip(why)
			} else if err == nil {
				t.Errorf("%s: %s is wrong and was read as %s", tt.ID, text, q)
			} else {
				c.passed++
			}
			continue
		}
		if why := construct(text); why != "" {
			c.skip(why + ": " + later[why])
			continue
		}
		if strings.Contains(want, "{") && !strings.Contains(want, `"{`) {
			want = "" // {…} is filters of fields here
		}
		switch {
		case err != nil:
			t.Errorf("%s: %s: %v", tt.ID, text, err)
		case want != "" && q.String() != want:
			t.Errorf("%s: %s\ngot  %s\nwant %s", tt.ID, text, q, want)
		default:
			checkNormal(t, q)
			c.passed++
		}
	}
	c.log(t)
}

// checkNormal checks that the normal form of a query is the form of itself.
func checkNormal(t *testing.T, q *Query) {
	t.Helper()
	again, err := Parse(q.String(), testNow)
	if err != nil {
		t.Errorf("normal form %s: %v", q, err)
	} else if again.String() != q.String() {
		t.Errorf("normal form %s became %s", q, again)
	}
}

func checkTokens(t *testing.T, tt *parseCase, c *tally) {
	t.Helper()
	var got []string
	for _, tok := range lex(tt.S) {
		if tok.raw != "" {
			got = append(got, tok.text)
		}
	}
	if diff := cmp.Diff(tt.Tokens, got); diff != "" {
		t.Errorf("%s: tokens of %s: want -, got +\n%s", tt.ID, tt.S, diff)
		return
	}
	c.passed++
}

// A spec is a filter as the corpus has it.
type spec struct {
	Type     string `json:"$type"`
	Field    string `json:"fieldName"`
	Other    string `json:"otherFieldName"`
	NotEqual bool   `json:"excludeEqualValues"`
	Phrase   string
	Prefix   string
	Value    string
	Phrases  []string
	MinLen   uint64
	MaxLen   uint64
	MinValue any
	MaxValue any
	Re       struct{ Args []string }
	F        *spec
	Filters  []spec
}

func (s *spec) filter(t *testing.T) filter {
	switch s.Type {
	case "filterAnd", "filterOr":
		var list []filter
		for i := range s.Filters {
			list = append(list, s.Filters[i].filter(t))
		}
		if s.Type == "filterOr" {
			return &orFilter{list}
		}
		return &andFilter{list}
	case "filterNot":
		return &notFilter{s.F.filter(t)}
	case "filterPhrase":
		return newPhrase(s.Field, s.Phrase)
	case "filterPrefix":
		return newPrefix(s.Field, s.Prefix)
	case "filterAnyCasePhrase":
		return newAnyCase(s.Field, s.Phrase, false)
	case "filterAnyCasePrefix":
		return newAnyCase(s.Field, s.Prefix, true)
	case "filterExact":
		return newExact(s.Field, s.Value)
	case "filterExactPrefix":
		return newExactPrefix(s.Field, s.Prefix)
	case "filterSequence":
		return newSequence(s.Field, s.Phrases)
	case "filterRegexp":
		q, err := Parse(quote(s.Field)+":re("+quote(s.Re.Args[0])+")", testNow)
		if err != nil {
			t.Fatal(err)
		}
		return q.filter
	case "filterLenRange":
		return newLenRange(s.Field, s.MinLen, s.MaxLen, fmt.Sprintf("len_range(%d, %d)", s.MinLen, s.MaxLen))
	case "filterStringRange":
		return newStringRange(s.Field, s.MinValue.(string), s.MaxValue.(string))
	case "filterIPv4Range":
		return newIPv4Range(s.Field, uint32(s.MinValue.(float64)), uint32(s.MaxValue.(float64)))
	case "filterRange":
		low, high := s.MinValue.(float64), s.MaxValue.(float64)
		return newRange(s.Field, low, high, fmt.Sprintf("range[%s, %s]", formatFloat(low), formatFloat(high)))
	case "filterEqField":
		return newFieldPair(s.Field, "eq_field", s.Other)
	case "filterLeField":
		if s.NotEqual {
			return newFieldPair(s.Field, "lt_field", s.Other)
		}
		return newFieldPair(s.Field, "le_field", s.Other)
	}
	return nil
}

func TestFilterCorpus(t *testing.T) {
	t.Parallel()
	type filterCase struct {
		ID      string
		Columns map[string][]string
		Filter  spec
		Want    []uint32 `json:"expected_rows"`
	}
	var c tally
	columns := map[string][]string{}
	for _, tt := range corpus[filterCase](t, "logsql-filters.jsonl") {
		if tt.Columns != nil {
			columns = tt.Columns
		}
		switch tt.Filter.Type {
		case "filterIn", "filterContainsAny", "filterContainsAll":
			c.skip("the corpus has not the values of in, contains_any and contains_all")
			continue
		case "filterValueType":
			c.skip("value_type: about VictoriaLogs' own storage")
			continue
		}
		f := tt.Filter.filter(t)
		q, err := Parse(filterText(f), testNow)
		if err != nil {
			t.Errorf("%s: %s: %v", tt.ID, filterText(f), err)
			continue
		}
		rows := rowsOf(columns)
		var byEvent []uint32
		for r, row := range rows {
			e := llama.Event{Fields: row}
			e.Message, _ = e.Lookup(llama.NameMessage)
			if matchEvent(f, &e) {
				byEvent = append(byEvent, uint32(r))
			}
		}
		for how, got := range map[string][]uint32{"": matching(f, rows), "as text ": matching(q.filter, rows), "event by event ": byEvent} {
			if !slices.Equal(got, tt.Want) {
				t.Errorf("%s: %s%s over %v\ngot  %v\nwant %v", tt.ID, how, filterText(f), columns[tt.Filter.Field], got, tt.Want)
			}
		}
		c.passed++
	}
	c.log(t)
}

func rowsOf(columns map[string][]string) []Row {
	var rows []Row
	for _, values := range columns {
		rows = make([]Row, len(values))
		break
	}
	for name, values := range columns {
		for i, v := range values {
			rows[i] = append(rows[i], llama.Field{Name: name, Value: v})
		}
	}
	return rows
}

func matching(f filter, rows []Row) []uint32 {
	c := rowChunk(rows, &scratch{})
	return slices.Clone(c.eval(ordered(f), c.sel))
}

func TestMatchCorpus(t *testing.T) {
	t.Parallel()
	type matchCase struct {
		ID             string
		S              string
		Phrase, Prefix *string
		PhraseLower    *string `json:"phraseLowercase"`
		PrefixLower    *string `json:"prefixLowercase"`
		Phrases        []string
		MinLen, MaxLen *uint64
		Filter         *string
		Filters        []string
		Min            any  `json:"minValue"`
		Max            any  `json:"maxValue"`
		Want           bool `json:"resultExpected"`
	}
	var c tally
	for _, tt := range corpus[matchCase](t, "logsql-filters-match.jsonl") {
		var f filter
		switch {
		case strings.HasPrefix(tt.ID, "filter/"):
			if tt.Filter != nil {
				tt.Filters = []string{*tt.Filter}
			}
			got := matchAnyField(tt.Filters, tt.S)
			if strings.Contains(tt.ID, "TestMatchAll#") {
				got = slices.Contains(tt.Filters, "*")
			}
			if got != tt.Want {
				t.Errorf("%s: field %q matches %q: %v", tt.ID, tt.S, tt.Filters, got)
			}
			c.passed++
			continue
		case tt.Phrase != nil:
			f = newPhrase("", *tt.Phrase)
		case tt.Prefix != nil:
			f = newPrefix("", *tt.Prefix)
		case tt.PhraseLower != nil:
			f = newAnyCase("", *tt.PhraseLower, false)
		case tt.PrefixLower != nil:
			f = newAnyCase("", *tt.PrefixLower, true)
		case tt.MinLen != nil:
			f = newLenRange("", *tt.MinLen, *tt.MaxLen, "")
		case tt.Phrases != nil:
			f = newSequence("", tt.Phrases)
		case strings.HasPrefix(tt.ID, "filter_string_range"):
			f = newStringRange("", tt.Min.(string), tt.Max.(string))
		case strings.HasPrefix(tt.ID, "filter_ipv4_range"):
			f = newIPv4Range("", uint32(tt.Min.(float64)), uint32(tt.Max.(float64)))
		default:
			t.Fatalf("%s: no filter", tt.ID)
		}
		if got := matchEvent(f, &llama.Event{Message: tt.S}); got != tt.Want {
			t.Errorf("%s: %s over %q: %v", tt.ID, filterText(f), tt.S, got)
		}
		c.passed++
	}
	c.log(t)
}

func TestPipeCorpus(t *testing.T) {
	t.Parallel()
	type pipeCase struct {
		ID   string
		Pipe string `json:"pipeStr"`
		Rows [][][2]string
		Want [][][2]string `json:"rowsExpected"`
	}
	var c tally
	for _, tt := range corpus[pipeCase](t, "logsql-pipes.jsonl") {
		if why := construct(tt.Pipe); why != "" {
			c.skip(why + ": " + later[why])
			continue
		}
		q, err := Parse("* | "+tt.Pipe, testNow)
		if err != nil {
			t.Errorf("%s: %s: %v", tt.ID, tt.Pipe, err)
			continue
		}
		pipes := q.pipes
		if len(pipes) == 0 {
			pipes = []pipe{&filterPipe{q.filter}}
		}
		var got []string
		err = runPipes(context.Background(), newEnv(0), pipes, func(emit func(Row) error) error {
			for _, r := range tt.Rows {
				var row Row
				for _, f := range r {
					row = append(row, llama.Field{Name: f[0], Value: f[1]})
				}
				if err := emit(row); err != nil {
					return err
				}
			}
			return nil
		}, func(row Row) error {
			got = append(got, flatRow(row))
			return nil
		})
		if err != nil {
			t.Errorf("%s: %s: %v", tt.ID, tt.Pipe, err)
			continue
		}
		var want []string
		for _, r := range tt.Want {
			var row Row
			for _, f := range r {
				row = append(row, llama.Field{Name: f[0], Value: f[1]})
			}
			want = append(want, flatRow(row))
		}
		if !regexp.MustCompile(`^(sort|order|first|last|limit|offset|top)`).MatchString(tt.Pipe) {
			slices.Sort(want)
			slices.Sort(got)
		}
		if why := differs[tt.ID]; why != "" {
			c.skip(why)
			continue
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s over %v: want -, got +\n%s", tt.ID, tt.Pipe, tt.Rows, diff)
			continue
		}
		c.passed++
	}
	c.log(t)
}

// flatRow shows a row without empty fields, which mean the same as none.
func flatRow(row Row) string {
	row = slices.DeleteFunc(slices.Clone(row), func(f llama.Field) bool { return f.Value == "" })
	slices.SortFunc(row, func(a, b llama.Field) int { return strings.Compare(a.Name, b.Name) })
	var parts []string
	for _, f := range row {
		parts = append(parts, f.Name+"="+f.Value)
	}
	return strings.Join(parts, " ")
}

func TestTimeBucketCorpus(t *testing.T) {
	t.Parallel()
	type bucketCase struct {
		ID     string
		Bucket string `json:"bucketSizeStr"`
		Offset string `json:"offsetStr"`
		At     string `json:"timestampStr"`
		Want   string `json:"resultExpected"`
	}
	var c tally
	for _, tt := range corpus[bucketCase](t, "time-bucket.jsonl") {
		f := byField{bucket: tt.Bucket}
		f.size, _ = bucketSize(tt.Bucket)
		f.offset, _ = parseNumber(tt.Offset)
		at, err := time.Parse(time.RFC3339Nano, tt.At)
		if err != nil {
			t.Fatal(err)
		}
		if got := llama.Time(f.time(at.UnixNano())).String(); got != tt.Want {
			t.Errorf("%s: %s in %s offset %q: got %s, want %s", tt.ID, tt.At, tt.Bucket, tt.Offset, got, tt.Want)
			continue
		}
		c.passed++
	}
	c.log(t)
}
