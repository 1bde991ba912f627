package parse

import (
	"testing"

	"github.com/llama-logs/llama"
)

// TestSchemasAndBlanks has messages with the one blank that schemas are compared with
// first, and with others.
func TestSchemasAndBlanks(t *testing.T) {
	t.Parallel()
	tests := []struct{ schema, message, want string }{
		{`from $a port ${n:number} on b`, "from x port 7 on b", `{"a":"x","n":7}`},
		{`from $a port ${n:number} on b`, "from  x\tport \n7   on  b \t", `{"a":"x","n":7}`},
		{`from $a port ${n:number} on b`, "from x port 7 onb", ""},
		{`from $a port ${n:number} on b`, "from x port 07 on b", ""},
		{`a  b $x`, "a b c", `{"x":"c"}`},
		{`a b \ c $x`, "a b  c d", ""}, // the blanks before take both
		{`a b\ c $x`, "a b c d", `{"x":"d"}`},
		{`a b\ c $x`, "a b  c d", ""},
		{`a b $x...`, "a b  c d", `{"x":" c d"}`},
		{`a b [c ]d $x`, "a b c d e", `{"x":"e"}`},
		{`a b [c ]d $x`, "a  b  c  d  e", `{"x":"e"}`},
		{`a b [c ]d $x`, "a b d e", `{"x":"e"}`},
		{`${a:ip}:${n:number} x`, "192.0.2.7:80 x", `{"a":"192.0.2.7","n":80}`},
		{`${a:ip}: x`, "2001:db8::7: x", `{"a":"2001:db8::7"}`},
		{`${a:ip}.`, "192.0.2.7.", `{"a":"192.0.2.7"}`},
		{`${n:number}e $x`, "12e x", `{"n":12,"x":"x"}`},
		{`${n:number} $x`, "1.5e3 x", `{"n":1.5e3,"x":"x"}`},
		{`${n:number}`, "12", `{"n":12}`},
		{`${n:number}[/$x]`, "12/5/6", `{"n":12,"x":"5/6"}`},
	}
	for _, tt := range tests {
		p, err := NewSchema(tt.schema, Options{})
		if err != nil {
			t.Fatalf("%q: %v", tt.schema, err)
		}
		e, got := llama.Event{Message: tt.message}, ""
		if err := p.Parse(&e); err == nil {
			got = string(llama.AppendFlat(nil, e.Fields))
		}
		if got != tt.want {
			t.Errorf("%q of %q: %s, want %s", tt.schema, tt.message, got, tt.want)
		}
	}
}
