package llama

import (
	"slices"
	"strings"
	"testing"
)

// TestStringsAreEscapedWhereverTheyNeedIt puts each byte at each place of a string that
// is looked at eight bytes at a time.
func TestStringsAreEscapedWhereverTheyNeedIt(t *testing.T) {
	t.Parallel()
	for c := range 256 {
		short := string(AppendString(nil, string([]byte{byte(c)})))
		short = short[1 : len(short)-1]
		for at := range 20 {
			left, right := strings.Repeat("a", at), strings.Repeat("~", 19-at)
			got := string(AppendString(nil, left+string([]byte{byte(c)})+right))
			if want := `"` + left + short + right + `"`; got != want {
				t.Errorf("byte %d at %d: %s, want %s", c, at, got, want)
			}
		}
	}
}

// TestStringsEndWhereTheyDo does the same with a string that is read.
func TestStringsEndWhereTheyDo(t *testing.T) {
	t.Parallel()
	for c := range 256 {
		for at := range 20 {
			left, right := strings.Repeat("a", at), strings.Repeat("~", 19-at)
			fields, err := AppendFields(nil, `{"a":"`+left+string([]byte{byte(c)})+right+`"}`)
			if bad := c < ' ' || c == '"' || c == '\\'; bad != (err != nil) {
				t.Errorf("byte %d at %d: %v", c, at, err)
			} else if !bad && fields[0].Value != left+string([]byte{byte(c)})+right {
				t.Errorf("byte %d at %d: %q", c, at, fields[0].Value)
			}
		}
	}
}

// TestNamesOfTheObjectBefore decodes objects one after another whose names are the same,
// others, and as long as those before.
func TestNamesOfTheObjectBefore(t *testing.T) {
	t.Parallel()
	var d FieldDecoder
	for _, object := range []string{
		`{"a":{"b":1,"c":{"d":2}}}`, `{"a":{"b":3,"c":{"d":4}}}`, `{"a":{"x":1,"y":{"z":2}}}`, `{"a":{"b":1}`, `{"b":{"c":1}}`, `{"a":1}`, `{}`, `{"a":{"b":1,"c":{"d":2}}}`,
	} {
		want, wantErr := AppendFields(nil, object)
		got, err := d.Append(nil, object)
		if !slices.Equal(got, want) || (err == nil) != (wantErr == nil) {
			t.Errorf("%s: %v, %v; want %v, %v", object, got, err, want, wantErr)
		}
	}
}

// TestMembersAreReadAlike decodes objects as most programs write them, which are read by a
// shorter way, and the same with blanks, for which there is none, whole and cut off.
func TestMembersAreReadAlike(t *testing.T) {
	t.Parallel()
	values := []string{
		`""`, `"seven77"`, `"eight888"`, `"a longer value, of three eights"`, `"\u0041\n"`, `"ä"`, `0`, `-0`, `7`, `12345678`, `-123456789.0625`, `0.5`,
		`1e9`, `1.5E-3`, `true`, `false`, `null`, `{}`, `[]`, `[1,"a"]`, `{"b":1,"c":{"d":"e"}}`, `01`, `-`, `1.`, `.5`, `+1`, `tru`, `nul`, `"\x"`, "\"\x01\"", ``,
	}
	names := []string{`a`, ``, `seven77`, `eight888`, `a longer name.of.parts`, `A`}
	for i, v := range values {
		for j, w := range values {
			name, other := names[(i+j)%len(names)], names[(i+2*j)%len(names)]
			compact := `{"` + name + `":` + v + `,"` + other + `":` + w + `}`
			usual := `{"` + name + `": ` + v + `, "` + other + `": ` + w + `}`
			blanks := `{ "` + name + `" :  ` + v + `  ,  "` + other + `" :  ` + w + `  }`
			want, wantErr := AppendFields(nil, blanks)
			for _, in := range []string{compact, usual} {
				got, err := AppendFields(nil, in)
				if !slices.Equal(got, want) || (err == nil) != (wantErr == nil) {
					t.Fatalf("%s: %v, %v; with blanks %v, %v", in, got, err, want, wantErr)
				}
				for end := range len(in) {
					if got, err := AppendFields(nil, in[:end]); err == nil || len(got) > 0 {
						t.Fatalf("%s: %v, %v", in[:end], got, err)
					}
				}
			}
		}
	}
}
