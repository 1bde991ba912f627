package llama

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestAppendFields(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a", maxJSONName-10)
	tests := []struct {
		name, in string
		want     []Field
	}{
		{"empty", `{}`, nil},
		{"kinds", ` { "a" : "x", "b":1.0,"c":true,"d":null,"e":[ 1, "a b" ,{"x": null} ],"f":{ } } `, []Field{
			{"a", "x", String}, {"b", "1.0", Number}, {"c", "true", Bool}, {"d", "", Null},
			{"e", `[1,"a b",{"x":null}]`, Array}, {"f", "{}", Object},
		}},
		{"nested", `{"a":{"b":{"c":1},"d":2},"e":3}`, []Field{{"a.b.c", "1", Number}, {"a.d", "2", Number}, {"e", "3", Number}}},
		{"numbers", `{"a":-0,"b":1e3,"c":12345678901234567890,"d":-1.5E-7}`, []Field{
			{"a", "-0", Number}, {"b", "1e3", Number}, {"c", "12345678901234567890", Number}, {"d", "-1.5E-7", Number},
		}},
		{"escapes", `{"a\n":"\"\\\/\b\f\r\tä\u00e4\ud83d\ude00\ud83dx\ude00"}`, []Field{{"a\n", "\"\\/\b\f\r\tää😀\ufffdx\ufffd", String}}},
		{"escapes in arrays stay", `{"a":[ "\" ]", "\\"]}`, []Field{{"a", `["\" ]","\\"]`, Array}}},
		{"last wins", `{"a":1,"b":2,"a":3}`, []Field{{"a", "3", Number}, {"b", "2", Number}}},
		{"last wins nested", `{"a":{"b":1},"a.b":"x"}`, []Field{{"a.b", "x", String}}},
		{"collision", `{"a":1,"a.b":2}`, []Field{{"a", "1", Number}, {"a.b", "2", Number}}},
		{"no utf-8", "{\"a\":\"\xff\"}", []Field{{"a", "\xff", String}}},
		{"long names", `{"` + long + `":{"a":1,"b":2,"c":{"d":3}}}`, []Field{{long + ".a", "1", Number}, {long + ".b", "2", Number}, {long + ".c.d", "3", Number}}},
		{"empty names", `{"":{"":1}}`, []Field{{".", "1", Number}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := AppendFields(nil, tt.in)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Errorf("%s (-want +got)\n%s", tt.in, d)
			}
			again, err := AppendFields([]Field{{"x", "y", String}}, []byte(tt.in))
			if err != nil || len(again) != len(got)+1 || again[0].Name != "x" {
				t.Errorf("appended to one field: %v, %v", again, err)
			}
		})
	}
}

func TestAppendFieldsRefuses(t *testing.T) {
	t.Parallel()
	tests := []struct{ in, want string }{
		{``, `offset 0: the text ends where an object should be`},
		{`[1]`, `offset 0: '[' where an object should be`},
		{`{"a":1`, `offset 6: the text ends where "," or "}" should be`},
		{`{"a":1,}`, `offset 7: '}' where a name in quotes should be`},
		{`{"a" 1}`, `offset 5: '1' where ":" should be`},
		{`{"a":}`, `offset 5: '}' where a value should be`},
		{`{"a":nul}`, `offset 5: 'n' where a value should be`},
		{`{"a":01}`, `offset 6: '1' where "," or "}" should be`},
		{`{"a":1.}`, `offset 7: '}' where a digit should be`},
		{`{"a":-}`, `offset 6: '}' where a digit should be`},
		{`{"a":"b`, `offset 7: a string is never closed`},
		{`{"a":"\x"}`, `offset 6: an escape that JSON does not know`},
		{`{"a":"\u12g4"}`, `offset 6: an escape that JSON does not know`},
		{"{\"a\":\"\n\"}", `offset 6: control character '\n' in a string`},
		{`{"a":1} x`, `offset 8: text after the object`},
		{`{"a":[1,]}`, `offset 8: ']' where a value should be`},
		{`{"a":[{"b"}]}`, `offset 10: '}' where ":" should be`},
		{strings.Repeat(`{"a":`, 65), `offset 321: more than 64 levels`},
		{`{"a":` + strings.Repeat(`[`, 64), `offset 69: more than 64 levels`},
		{`{"` + strings.Repeat(`a`, 1025) + `":1}`, `offset 1029: a name longer than 1024 bytes`},
	}
	for _, tt := range tests {
		dst := []Field{{"x", "y", String}}
		got, err := AppendFields(dst, tt.in)
		if fmt.Sprint(err) != tt.want {
			t.Errorf("%.40s\ngot  %v\nwant %s", tt.in, err, tt.want)
		}
		if len(got) != 1 {
			t.Errorf("%.40s: %d fields after an error, want the one given", tt.in, len(got))
		}
	}
}

func TestAppendFieldsBoundsTheirNumber(t *testing.T) {
	t.Parallel()
	for _, n := range []int{6, 7, 128, 129, 300, maxJSONFields, maxJSONFields + 1} {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, `,"a.%d":0,"a.%d":%d`, i, i, i)
		}
		fields, err := AppendFields(nil, "{"+b.String()[1:]+"}")
		if wantErr := 2*n > maxJSONFields; (err != nil) != wantErr {
			t.Errorf("%d fields twice: error %v", n, err)
		} else if !wantErr && (len(fields) != n || fields[n-1].Value != fmt.Sprint(n-1)) {
			t.Errorf("%d fields twice gave %d", n, len(fields))
		}
	}
}

func TestAppendObject(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		fields []Field
		want   string
	}{
		{"empty", nil, `{}`},
		{"nested", []Field{{"a.b", "1", Number}, {"c", "x", String}, {"a.d.e", "", Null}}, `{"a":{"b":1,"d":{"e":null}},"c":"x"}`},
		{"collision", []Field{{"a", "1", Number}, {"a.b", "2", Number}, {"a.b.c", "3", Number}}, `{"a":1,"a.b":2,"a.b.c":3}`},
		{"collision below", []Field{{"x.a.b", "2", Number}, {"x.a", "1", Number}}, `{"x":{"a.b":2,"a":1}}`},
		{"not of its kind", []Field{{"a", "01", Number}, {"b", "yes", Bool}, {"c", "[1", Array}}, `{"a":"01","b":"yes","c":"[1"}`},
		{"dots", []Field{{".", "1", Number}, {"a.", "2", Number}}, `{"":{"":1},"a":{"":2}}`},
	}
	for _, tt := range tests {
		if got := string(AppendObject(nil, tt.fields)); got != tt.want {
			t.Errorf("%s:\ngot  %s\nwant %s", tt.name, got, tt.want)
		}
	}
	if got, want := string(AppendFlat(nil, tests[1].fields)), `{"a.b":1,"c":"x","a.d.e":null}`; got != want {
		t.Errorf("flat: got %s, want %s", got, want)
	}
}

func TestAppendObjectBoundsItsDepth(t *testing.T) {
	t.Parallel()
	name := strings.Repeat("a.", 500) + "a"
	out := AppendObject(nil, []Field{{name, "1", Number}})
	got, err := AppendFields(nil, out)
	if err != nil || len(got) != 1 || got[0].Name != name {
		t.Errorf("a name of 501 parts came back as %v, %v", got, err)
	}
}

func TestAppendString(t *testing.T) {
	t.Parallel()
	tests := []struct{ in, want string }{
		{"", `""`},
		{"a<b>&ü\u2028", "\"a<b>&ü\u2028\""},
		{"\"\\\n\r\t\x00\x1f\x7f", `"\"\\\n\r\t\u0000\u001f` + "\x7f\""},
		{"a\xffb\xc3", `"a\ufffdb\ufffd"`},
		{"\ufffd", "\"\ufffd\""},
	}
	for _, tt := range tests {
		if got := string(AppendString(nil, tt.in)); got != tt.want {
			t.Errorf("%q: got %s, want %s", tt.in, got, tt.want)
		}
	}
}

// JSON in is JSON out: an object comes back as it was but for its dots, which
// are nested.
func TestObjectsComeBack(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text, err := json.Marshal(object(4).Draw(t, "object"))
		if err != nil {
			t.Fatal(err)
		}
		fields, err := AppendFields(nil, text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		want := nest(fields)
		var got any
		out := AppendObject(nil, fields)
		decode(t, out, &got)
		if d := cmp.Diff(want, got); d != "" {
			t.Fatalf("%s became %s (-want +got)\n%s", text, out, d)
		}
		again, err := AppendFields(nil, out)
		if err != nil {
			t.Fatal(err)
		}
		same(t, fields, again)
		flat, err := AppendFields(nil, AppendFlat(nil, fields))
		if err != nil {
			t.Fatal(err)
		}
		same(t, fields, flat)
	})
}

// same fails unless the fields are the same in any order.
func same(t *rapid.T, want, got []Field) {
	a, b := map[string]Field{}, map[string]Field{}
	for _, f := range want {
		a[f.Name] = f
	}
	for _, f := range got {
		b[f.Name] = f
	}
	if d := cmp.Diff(a, b); d != "" {
		t.Fatalf("(-want +got)\n%s", d)
	}
}

func object(depth int) *rapid.Generator[map[string]any] {
	name := rapid.SampledFrom([]string{"a", "b", "c", "a.b", "a.b.c", "", ".", "a.", "d", "ü\n"})
	values := []*rapid.Generator[any]{
		rapid.String().AsAny(), rapid.Bool().AsAny(), rapid.Just[any](nil),
		rapid.Int().AsAny(), rapid.SampledFrom([]json.Number{"1.0", "1e3", "12345678901234567890"}).AsAny(),
		rapid.SliceOfN(rapid.String(), 0, 3).AsAny(),
	}
	if depth > 0 {
		values = append(values, rapid.Deferred(func() *rapid.Generator[map[string]any] { return object(depth - 1) }).AsAny())
	}
	return rapid.MapOfN(name, rapid.OneOf(values...), 0, 5)
}

// nest is the plain twin of AppendObject: it asks of each name at which level the
// first value stands in its way.
func nest(fields []Field) any {
	names := map[string]bool{}
	for _, f := range fields {
		names[f.Name] = true
	}
	root := map[string]any{}
	for _, f := range fields {
		at, rest, above := root, f.Name, ""
		for {
			part, more, ok := strings.Cut(rest, ".")
			if !ok || names[above+part] {
				break
			}
			if at[part] == nil {
				at[part] = map[string]any{}
			}
			at, rest, above = at[part].(map[string]any), more, above+part+"."
		}
		var v any
		if err := unmarshal(appendValue(nil, &f), &v); err != nil {
			panic(err)
		}
		at[rest] = v
	}
	return root
}

func unmarshal(text []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	return d.Decode(into)
}

func decode(t *rapid.T, text []byte, into any) {
	if err := unmarshal(text, into); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
}

// FuzzAppendFields holds the decoder against encoding/json: what one takes the
// other takes, and what comes out again is JSON with the same fields.
func FuzzAppendFields(f *testing.F) {
	for _, s := range []string{
		`{"a":1,"b":{"c":[1, {"d":null}],"e":"\ud83d\ude00"},"b.c":{}}`, `{"a":"\u`, `{"a":-}`, "{\"\xff\":1e9}", `[]`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, in string) {
		fields, err := AppendFields(nil, in)
		var theirs map[string]any
		if theirErr := json.Unmarshal([]byte(in), &theirs); err == nil && theirErr != nil && json.Valid([]byte(in)) == false {
			t.Fatalf("%q is taken; encoding/json says %v", in, theirErr)
		} else if err != nil {
			if theirErr == nil && theirs != nil && !strings.Contains(err.Error(), "than ") && !strings.Contains(err.Error(), "levels") {
				t.Fatalf("%q is refused: %v", in, err)
			}
			return
		}
		out := AppendObject(nil, fields)
		again, err := AppendFields(nil, out)
		if err != nil {
			t.Fatalf("%q became %q: %v", in, out, err)
		}
		if !bytes.Contains(out, []byte(`\ufffd`)) && len(again) != len(fields) {
			t.Fatalf("%q became %q: %d fields, then %d", in, out, len(fields), len(again))
		}
	})
}

const jsonSample = `{"@timestamp":"2026-11-20T10:00:00.123Z","log":{"level":"info","logger":"http"},"message":"request done","http":{"request":{"method":"GET","id":"a1b2c3"},"response":{"status_code":200,"bytes":5120}},"url":{"path":"/api/v1/items","query":"page=2"},"user":{"name":"anna","id":4711},"source":{"ip":"192.0.2.7","port":50123},"event":{"duration":1234567,"category":["web"],"outcome":"success"},"tls":true,"trace":null}`

// wideSample is an object as of events with ever-changing names.
const wideSample = `{"_time":"2026-11-20T10:00:00.123456Z","_msg":"measured","key0":"alpha","key1":81234,"key3":"9f3c27d6a1b2c3d4","key4":true,"key6":512,"key7":201.125,"key8":"f3c27d6a1b2c3d49","key11":7,"key12":999.001,"key15":"zenith","key18":"c27d6a1b2c3d49f3","key19":false,"key20":"north","key22":3.250,"key23":"27d6a1b2c3d49f3c","key26":65536,"key31":11,"key33":"d6a1b2c3d49f3c27","key35":"omega","key39":true}`

func BenchmarkAppendFields(b *testing.B) {
	for _, s := range []struct{ name, object string }{{"nested", jsonSample}, {"wide", wideSample}} {
		b.Run(s.name, func(b *testing.B) {
			b.SetBytes(int64(len(s.object)))
			b.ReportAllocs()
			var fields []Field
			for b.Loop() {
				fields, _ = AppendFields(fields[:0], s.object)
			}
		})
	}
}

func BenchmarkAppendObject(b *testing.B) {
	fields, err := AppendFields(nil, jsonSample)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	var out []byte
	for b.Loop() {
		out = AppendObject(out[:0], fields)
	}
	b.SetBytes(int64(len(out)))
}
