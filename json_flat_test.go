package llama

import (
	"slices"
	"testing"
)

func TestFlatIsReadAsItWasWritten(t *testing.T) {
	t.Parallel()
	tests := [][]Field{
		{},
		{{"_msg", "a \"quoted\" line\nand \x01 another \u2028 é", String}, {"a.b", "1.50e3", Number}, {"", "", String}},
		{{"t", "true", Bool}, {"f", "false", Bool}, {"n", "", Null}, {"o", "{}", Object}, {"a", `["x",{"y":[1,null]}]`, Array}},
		slices.Repeat([]Field{{"same", "1", Number}}, 5000),
	}
	for _, want := range tests {
		line := string(AppendFlat(nil, want))
		got, err := ReadFlat(nil, line)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%.200s is read as %.200v, %v", line, got, err)
		}
	}
}

func TestWhatIsNotFlatIsRefused(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{``, `[]`, `{`, `{"a"}`, `{"a":}`, `{"a":{"b":1}}`, `{"a":1,}`, `{"a":1}x`, `{"a":tru}`, `{"a":"b}`, `{"a":[1}`, `{a:1}`} {
		if got, err := ReadFlat([]Field{{"before", "", String}}, bad); err == nil || len(got) != 1 {
			t.Errorf("%s is read as %v, %v", bad, got, err)
		}
	}
}

// TestLinesAreCheckedOneByOne: it is said how many are right before the one that is not.
func TestLinesAreCheckedOneByOne(t *testing.T) {
	t.Parallel()
	tests := []struct {
		lines string
		right int
		wrong bool
	}{
		{"", 0, false},
		{"{}\n{\"a\":1}\n", 2, false},
		{"{}\n{\"a\":1}", 1, true},
		{"{}\n{\"a\":1}\n{\"a\":{}}x\n{}\n", 2, true},
		{"\n", 0, true},
	}
	for _, test := range tests {
		if right, err := CheckFlatLines([]byte(test.lines)); right != test.right || (err != nil) != test.wrong {
			t.Errorf("%q: %d lines are right, %v", test.lines, right, err)
		}
	}
}

// TestObjectIsOneLine: whatever white space an array came with.
func TestObjectIsOneLine(t *testing.T) {
	t.Parallel()
	if got, want := string(AppendFlat(nil, []Field{{"a", "[1,\n 2,\r\"x\\n\"]", Array}})), `{"a":[1,2,"x\n"]}`; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func FuzzReadFlat(f *testing.F) {
	f.Add(`{"a":1,"b":"x\u0041","c":[1,{"d":2}],"e":{},"f":null,"g":true}`)
	f.Fuzz(func(t *testing.T, line string) {
		fields, err := ReadFlat(nil, line)
		if err != nil {
			return
		}
		again, err := ReadFlat(nil, string(AppendFlat(nil, fields)))
		if err != nil || len(again) != len(fields) {
			t.Fatalf("%s: %v, then %v, %v", line, fields, again, err)
		}
	})
}
