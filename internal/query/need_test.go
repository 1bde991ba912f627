package query

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/llama-logs/llama/internal/column"
)

// TestNeedsAreWords: a block without a word that a filter needs is not read, and one
// that may have all of them is.
func TestNeedsAreWords(t *testing.T) {
	t.Parallel()
	has := map[uint64]bool{}
	for _, key := range column.AppendKeys(nil, "Failed password for invalid user 7f3c9a52-4be1-4d0c-9e77-d15ea5e0cafe id 12345678 from 192.0.2.7 port 54321") {
		has[key] = true
	}
	for _, tt := range []struct {
		query string
		may   bool
	}{
		{"*", true},
		{"Failed", true},
		{"failed", false},
		{`"Failed password"`, true},
		{`"Failed passwords"`, false},
		{`"Fail"*`, true},
		{`"Failed pass"*`, true},
		{`"Failes pass"*`, false},
		{"i(failed)", true},
		{"Failed or accepted", true},
		{"accepted or refused", false},
		{"Failed accepted", false},
		{"!accepted", true},
		{"!Failed", true},
		{"trace.id:7f3c9a52-4be1-4d0c-9e77-d15ea5e0cafe", true},
		{"trace.id:7f3c9a53-4be1-4d0c-9e77-d15ea5e0cafe", false},
		{"trace.id:=7f3c9a53-4be1-4d0c-9e77-d15ea5e0cafe", false},
		{"12345678", true},
		{"12345679", false},
		{"54321", true},
		{"54322", false},
		{"192.0.2.9:54322", false},
		{"4321", true},      // a number of few digits has no key
		{"192.0.2.9", true}, // nor have those of an address
		{"_msg:~\"passwort\"", true},
		{"_msg:~\" passwort \"", false},
		{"_msg:~\" password \"", true},
		{"user.name:in(root, invalid)", true},
		{"user.name:in(root, toor)", false},
		{"user.name:in(root, \"\")", true},
		{"user.name:=\"\"", true},
		{"contains_all(Failed, password)", true},
		{"contains_all(Failed, passwords)", false},
		{"contains_any(Passed, password)", true},
		{"contains_any(Passed, passwords)", false},
		{"seq(Failed, user)", true},
		{"seq(Failed, root)", false},
		{"_time:5m accepted", false},
		{"_collection:accepted", true}, // the name is kept elsewhere
		{"_id:accepted-1", true},
		{"*:accepted", true}, // nor does it say anything of all fields
	} {
		q, err := Parse(tt.query, testNow)
		if err != nil {
			t.Fatalf("%s: %v", tt.query, err)
		}
		n := needOf(q.plan(&RunOptions{}).filter)
		ref := &column.Ref{Of: made{filter: func() column.Filter { return setOf(has) }}}
		if got := n.mayBeIn(ref); got != tt.may {
			t.Errorf("%s: may be there: got %v, want %v", tt.query, got, tt.may)
		}
	}
}

type setOf map[uint64]bool

func (s setOf) May(key uint64, _ bool) bool { return s[key] }

func BenchmarkNeedOfManyBlocks(b *testing.B) {
	values := make([]string, 10_000)
	for i := range values {
		values[i] = fmt.Sprintf("user%d", i)
	}
	q, err := Parse("user.name:in("+strings.Join(values, ",")+")", testNow)
	if err != nil {
		b.Fatal(err)
	}
	n := needOf(q.plan(&RunOptions{}).filter)
	for b.Loop() {
		n.met(setOf(nil))
	}
}

// besideOnly is the filter of a block whose messages have no words, and whose fields have
// all.
type besideOnly struct{}

func (besideOnly) May(_ uint64, inMessage bool) bool { return !inMessage }

// TestNeedsOfMessages: a word that only fields have does not have a block's messages read.
func TestNeedsOfMessages(t *testing.T) {
	t.Parallel()
	ref := &column.Ref{Of: made{filter: func() column.Filter { return besideOnly{} }}}
	for text, want := range map[string]bool{
		"54321": false, "_msg:in(54321, 12345)": false, "_msg:54321 or _msg:12345": false,
		"user.name:54321": true, "user.name:in(54321, 12345)": true, "54321 or user.name:54321": true,
	} {
		if got := needOf(mustParse(t, text).filter).mayBeIn(ref); got != want {
			t.Errorf("%s: %t, want %t", text, got, want)
		}
	}
}

// grownOf is a block that grows, with texts and fields.
type grownOf struct {
	text, fields string
	bytes        int
}

func (g grownOf) Bytes() int                                  { return g.bytes }
func (g grownOf) MayHold(_ context.Context, text string) bool { return strings.Contains(g.text, text) }
func (g grownOf) MayHave(field string) bool                   { return strings.Contains(g.fields, "|"+field+"|") }

// TestNeedsOfWhatGrows: a block that grows is not gathered where a text or a field is not in it
// that each event must have which is let in; and it is, where that is not sure.
func TestNeedsOfWhatGrows(t *testing.T) {
	t.Parallel()
	ref := &column.Ref{Growing: grownOf{"Failed password for root from 192.0.2.7", "|user.name|source.ip|", maxTextBytes / 2}}
	for text, want := range map[string]bool{
		"*": true, "Failed": true, "ailed": true, "Passed": false, "i(passed)": true, `"Failed pass"*`: true, `"Passed"*`: false,
		"!Passed": true, "Passed or Failed": true, "Passed or Gone": false, "Failed Passed": false,
		`_msg:~"pass[a-z]+"`: true, `_msg:~"gone[a-z]+"`: false, `_msg:~"(gone)?"`: true, `_msg:~"gone|passed"`: true, `_msg:~"(?i)gone"`: true,
		"user.name:root": true, "user.name:toor": true, "user.id:root": false, "user.name:*": true, "user.id:*": false,
		"user.id:\"\"": true, "user.id:=\"\"": true, "!user.id:root": true, "user.id:>5": false, "source.ip:>5": true,
		"user.id:root or user.name:root": true, "user.id:root or user.name:toor": true,
		"user.name:in(root, toor)": true, "user.name:in(ann, toor)": true, `user.name:in(ann, "")`: true, `user.id:in(ann, "")`: true,
		"user.name:in(a1, b1, c1, d1, e1, f1, g1, h1, i1)": true, "a1 b1 c1 d1 e1 f1 g1 h1 i1": true, "user.id:in(a1, b1, c1, d1, e1, f1, g1, h1, i1)": false,
		"a1 b1": false, "a1 b1 c1": true, "a1 b1 c1 user.id:root": false, "_msg:in(a1, b1)": false, "_msg:in(a1, b1, c1)": true,
		"user.name:a1 user.name:b1 c1":   false,
		"contains_any(Passed, password)": true, "contains_any(Passed, passwords)": false, "contains_all(Failed, passwords)": false,
		"seq(Failed, root)": true, "seq(Failed, passwords)": false,
		"_time:5m Passed": false, "_collection:Passed": true, "_id:passed-1": true, "event.ingested:passed": true, "_source:Passed": true,
		"*:Passed": true, "user.id:eq_field(source.ip)": true, "user.id:len_range(0, 5)": true, "user.id:len_range(1, 5)": false,
	} {
		if got := growingNeedOf(mustParse(t, text).filter).mayGrowIn(t.Context(), ref); got != want {
			t.Errorf("%s: %t, want %t", text, got, want)
		}
		if !growingNeedOf(mustParse(t, text).filter).mayGrowIn(t.Context(), &column.Ref{}) {
			t.Errorf("%s: a block of which nothing is known is left out", text)
		}
	}
}
