package config_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/llama-logs/llama/internal/config"
)

type archive struct {
	Path  string        `yaml:"path" doc:"Where events lie."`
	Floor config.Size   `yaml:"floor" doc:"Bytes left free."`
	Keep  time.Duration `yaml:"keep" doc:"How long events are kept."`
}

func (a *archive) Validate() error {
	if a.Keep < 0 {
		return config.Wrong("keep", "must not be negative; e.g. 90d")
	}
	return nil
}

type step struct {
	Prefix string `yaml:"prefix" doc:"Put before names."`
}

type file struct {
	Archive archive            `yaml:"archive" doc:"The archive."`
	Zone    *time.Location     `yaml:"zone" doc:"Zone of times without one."`
	Names   []string           `yaml:"names" doc:"Some names."`
	Keep    map[string]archive `yaml:"collections" doc:"By collection."`
	Steps   []*config.Node     `yaml:"steps" doc:"What to do."`
	TLS     *step              `yaml:"tls" doc:"Absent without TLS."`
	On      bool               `yaml:"on" doc:"Whether."`
	Workers int                `yaml:"workers" doc:"How many."`
	unread  int
}

func defaults() file {
	return file{Archive: archive{Path: "data", Floor: config.GiB, Keep: 90 * 24 * time.Hour}, Workers: 2}
}

func TestReadOverlays(t *testing.T) {
	t.Parallel()
	got := defaults()
	err := config.Read("l.yaml", []byte(`
archive: {floor: 2GiB}
zone: Europe/Berlin
names: one
collections:
  sshd: {keep: 1w1d}
tls: {prefix: 1.0}
on: true
`), &got)
	if err != nil {
		t.Fatal(err)
	}
	want := defaults()
	want.Archive.Floor = 2 * config.GiB
	want.Names = []string{"one"}
	want.Keep = map[string]archive{"sshd": {Keep: 8 * 24 * time.Hour}}
	want.TLS = &step{Prefix: "1.0"}
	want.On = true
	want.Zone = got.Zone
	if got.Zone.String() != "Europe/Berlin" {
		t.Errorf("zone: got %v", got.Zone)
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(file{}), cmp.Comparer(func(a, b *time.Location) bool { return a == b })); diff != "" {
		t.Error(diff)
	}
}

func TestReadRefuses(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, yaml, want string }{
		{"unknown key", "archive:\n  pth: x\n", `l.yaml:2:3: archive.pth: unknown key; "path"?`},
		{"unknown and far", "archive:\n  zzzz: x\n", `l.yaml:2:3: archive.zzzz: unknown key; one of path, floor, keep`},
		{"no unit", "archive:\n  floor: 10\n", `l.yaml:2:10: archive.floor: "10" has no unit; e.g. 10MiB`},
		{"no unit of time", "archive: {keep: 90}\n", `l.yaml:1:17: archive.keep: "90" has no unit; e.g. 90s, 90m or 90d`},
		{"not a size", "archive: {floor: big}\n", `l.yaml:1:18: archive.floor: "big" is not a size; e.g. 10MiB`},
		{"repeated", "on: true\nworkers: 1\non: false\n", "l.yaml:3:1: on: repeated key; it stands in line 1 already"},
		{"not a list", "names: {a: b}\n", "l.yaml:1:9: names: a list belongs here; begin each item with \"- \""},
		{"not keys", "archive: x\n", "l.yaml:1:10: archive: keys belong here; one of path, floor, keep"},
		{"not a bool", "on: yes\n", `l.yaml:1:5: on: "yes" is neither true nor false`},
		{"not a number", "workers: 1.5\n", `l.yaml:1:10: workers: "1.5" is not a number of the kind wanted`},
		{"out of range", "workers: 99999999999999999999\n", "l.yaml:1:10: workers: 99999999999999999999 is out of range"},
		{"zone", "zone: Mars\n", `l.yaml:1:7: zone: "Mars" is no time zone; e.g. Europe/Berlin or UTC`},
		{"validated", "archive: {keep: -1h}\n", "l.yaml:1:17: archive.keep: must not be negative; e.g. 90d"},
		{"two at once", "on: 1\nworkers: x\n", "l.yaml:1:5: on: \"1\" is neither true nor false\nl.yaml:2:10: workers: \"x\" is not a number of the kind wanted"},
		{"tag", "on: !!bool true\n", "l.yaml:1:5: on: tag !!bool; tags are not used here"},
		{"alias", "on: *x\n", "l.yaml:1:5: on: alias *x has no anchor before it"},
		{"second document", "on: true\n---\non: false\n", "l.yaml:2:1: a second document; only one is read"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			cfg := defaults()
			err := config.Read("l.yaml", []byte(tt.yaml), &cfg)
			if got := fmt.Sprint(err); got != tt.want {
				t.Errorf("input\n%s\ngot  %s\nwant %s", tt.yaml, got, tt.want)
			}
		})
	}
}

func TestReadNamesTheLineOfASyntaxError(t *testing.T) {
	t.Parallel()
	cfg := defaults()
	err := config.Read("l.yaml", []byte("archive:\n  path: [a\n"), &cfg)
	e, ok := errors.AsType[*config.Error](err)
	if !ok || e.Line != 2 || e.Problem == "" {
		t.Errorf("got %v, want an error in line 2", err)
	}
}

func TestNodeIsDecodedLater(t *testing.T) {
	t.Parallel()
	cfg := defaults()
	err := config.Read("l.yaml", []byte("steps:\n- json\n- kv: {prefix: a.}\n- kv: {perfix: a.}\n"), &cfg)
	if err != nil {
		t.Fatal(err)
	}
	first, ok := cfg.Steps[0].Single()
	if !ok || first.Key != "json" {
		t.Errorf("first step: got %q, %v", first.Key, ok)
	}
	second, _ := cfg.Steps[1].Single()
	var s step
	if err := second.Value.Decode(&s); err != nil || s.Prefix != "a." {
		t.Errorf("second step: got %q, %v", s.Prefix, err)
	}
	third, _ := cfg.Steps[2].Single()
	want := `l.yaml:4:8: steps[2].kv.perfix: unknown key; "prefix"?`
	if err := third.Value.Decode(&s); fmt.Sprint(err) != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

func TestPrintReadsBack(t *testing.T) {
	t.Parallel()
	first := defaults()
	err := config.Read("l.yaml", []byte("names: [a, 'true', \"x: y\"]\ncollections: {a.b: {path: '', keep: 36h}}\ntls: {prefix: x}\n"), &first)
	if err != nil {
		t.Fatal(err)
	}
	text, err := config.Print(&first)
	if err != nil {
		t.Fatal(err)
	}
	second := file{}
	if err := config.Read("printed", text, &second); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	if diff := cmp.Diff(first, second, cmp.AllowUnexported(file{})); diff != "" {
		t.Errorf("%s\n%s", diff, text)
	}
}

func TestReferenceNamesEveryKey(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	cfg := defaults()
	if err := config.WriteReference(&b, &cfg); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"| `archive.floor` | size | `1GiB` | Bytes left free. |",
		"| `archive.keep` | duration | `90d` | How long events are kept. |",
		"| `collections.NAME.path` | text |  | Where events lie. |",
		"| `tls.prefix` | text |  | Put before names. |",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("missing %s in\n%s", want, b.String())
		}
	}
}

func TestUnits(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]config.Size{"0": 0, "1B": 1, "1.5KiB": 1536, "2MB": 2e6, "3 GiB": 3 << 30} {
		var got config.Size
		if err := got.UnmarshalText([]byte(text)); err != nil || got != want {
			t.Errorf("%q: got %d, %v, want %d", text, got, err, want)
		}
	}
	for text, want := range map[string]time.Duration{"0": 0, "90d": 2160 * time.Hour, "1w2d3h": 219 * time.Hour, "5m": 5 * time.Minute, "1.5h": 90 * time.Minute} {
		got, err := config.ParseDuration(text)
		if err != nil || got != want {
			t.Errorf("%q: got %v, %v, want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "d", "5", "5x", "9999999999d", "1d-5h", "-1d"} {
		if got, err := config.ParseDuration(text); err == nil {
			t.Errorf("%q: got %v, want an error", text, got)
		}
	}
}

func TestSizesForPeople(t *testing.T) {
	t.Parallel()
	for size, want := range map[config.Size]string{0: "0 B", 1023: "1023 B", config.KiB: "1 KiB", 5*config.GiB - 1<<28: "4.8 GiB", 123*config.MiB + 600*config.KiB: "124 MiB", 3 * config.TiB: "3 TiB"} {
		if got := size.About(); got != want {
			t.Errorf("%d is %q, want %q", int64(size), got, want)
		}
	}
}

func TestNear(t *testing.T) {
	t.Parallel()
	names := []string{"stats", "sort", "fields", "limit"}
	for name, want := range map[string]string{"stat": "stats", "lmiit": "limit", "feilds": "fields", "zzz": "", "srot": "sort"} {
		if got := config.Near(name, names); got != want {
			t.Errorf("%q: got %q, want %q", name, got, want)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte("archive: {floor: 2GiB}\nsteps:\n- json\n- kv: {prefix: a}\n"))
	f.Add([]byte("a: &x [1]\nb: *x\n? c\n: d\n<<: *x\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		cfg := defaults()
		_ = config.Read("l.yaml", data, &cfg) // must not panic or run away
	})
}

func TestPrintLeavesOutWhatHasNoFixedValue(t *testing.T) {
	t.Parallel()
	v := defaults()
	v.Archive.Floor, v.Archive.Keep = 0, 0
	got, err := config.Print(&v.Archive)
	if err != nil {
		t.Fatal(err)
	}
	if want := "path: data\n"; string(got) != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestReferenceShowsNoZeroForADefaultThatItNames(t *testing.T) {
	t.Parallel()
	var v struct {
		Peers int `yaml:"peers" doc:"Connections at once. Default: 64."`
		Tries int `yaml:"tries" doc:"How often it is tried."`
	}
	var b strings.Builder
	if err := config.WriteReference(&b, &v); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"| `peers` | number |  | Connections at once. Default: 64. |\n", "| `tries` | number | `0` | How often it is tried. |\n"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("got\n%swant %s", b.String(), want)
		}
	}
}

func TestIsAddress(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"127.0.0.1:514": true, ":514": true, "[::1]:0": true, "logs.example.com:syslog": true, "0.0.0.0:65535": true,
		"": false, "514": false, "127.0.0.1": false, "127.0.0.1:65536": false, "127.0.0.1:-1": false, "::1:514": false,
	} {
		if got := config.IsAddress(text); got != want {
			t.Errorf("%q: %t", text, got)
		}
	}
}
