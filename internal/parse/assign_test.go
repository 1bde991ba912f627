package parse

import (
	"testing"
	"time"

	"github.com/llama-logs/llama"
)

// Values that stand together in a module are set together; what comes of it is
// the same as one by one.
func TestAssignmentsKeepTheirOrder(t *testing.T) {
	t.Parallel()
	const steps = "name: m\nsteps:\n  - json: {keep: true}\n"
	tests := []struct{ name, set, raw, want string }{
		{"fields that are new", "{x: 1, y: [a], z: c}", `{"a":"1"}`, `{"a":"1","x":1,"y":["a"],"z":"c"}`},
		{"fields that are there", "{a: 2, b: 3}", `{"a":"1","c":"1"}`, `{"a":2,"c":"1","b":3}`},
		{"a value that is taken before it changes", "{x: $a, a: 2, y: $a}", `{"a":"1"}`, `{"a":2,"x":"1","y":2}`},
		{"the module's own and the message", "{~own: 1, x: $~own, _msg: new, y: 2}", `{}`, `{"_msg":"new","x":1,"y":2}`},
		{"a name that the sender chose as our own", "{x: 1}", `{"~a":"1"}`, `{"~a":"1","x":1}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			m, err := readModule("m.yaml", []byte(steps+"map: {set: "+tt.set+"}\n"), newEnv(Options{Zone: time.UTC}))
			if err != nil {
				t.Fatal(err)
			}
			e := llama.Event{Message: tt.raw}
			if err := compare(&e, Example{Raw: tt.raw, Want: tt.want}, m.Parse(&e)); err != nil {
				t.Error(err)
			}
		})
	}
}
