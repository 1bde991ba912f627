package config_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/llama-logs/llama/internal/config"
)

func TestChangedNamesKeys(t *testing.T) {
	t.Parallel()
	type inner struct {
		Age  time.Duration `yaml:"age"`
		Size config.Size   `yaml:"size"`
	}
	type shared struct {
		Routes []inner `yaml:"routes"`
	}
	type outer struct {
		Name   string           `yaml:"name"`
		Keep   inner            `yaml:"keep"`
		TLS    *inner           `yaml:"tls"`
		By     map[string]inner `yaml:"by"`
		Zone   *time.Location   `yaml:"zone"`
		Shared shared           `yaml:",inline"`
		Hidden string           `yaml:"-"`
		Log    func()
	}
	start := func() outer {
		return outer{Name: "a", Keep: inner{Age: time.Hour}, By: map[string]inner{"x": {Age: time.Hour}}, Zone: time.UTC, Shared: shared{Routes: []inner{{Size: 1}}}}
	}
	tests := []struct {
		name   string
		change func(*outer)
		want   []string
	}{
		{"nothing", func(*outer) {}, nil},
		{"what is no key", func(o *outer) { o.Hidden, o.Log = "x", func() {} }, nil},
		{"a scalar", func(o *outer) { o.Name = "b" }, []string{"name"}},
		{"two levels", func(o *outer) { o.Keep = inner{Age: 2, Size: 3} }, []string{"keep.age", "keep.size"}},
		{"a part that was not there", func(o *outer) { o.TLS = &inner{} }, []string{"tls"}},
		{"a mapping", func(o *outer) { o.By["x"] = inner{Age: time.Minute} }, []string{"by"}},
		{"a mapping that has gone", func(o *outer) { o.By = nil }, []string{"by"}},
		{"a list", func(o *outer) { o.Shared.Routes = append(o.Shared.Routes, inner{}) }, []string{"routes"}},
		{"a zone", func(o *outer) { o.Zone = nil }, []string{"zone"}},
	}
	for _, tt := range tests {
		after := start()
		tt.change(&after)
		before := start()
		if d := cmp.Diff(tt.want, config.Changed(&before, &after)); d != "" {
			t.Errorf("%s: -want +got\n%s", tt.name, d)
		}
	}
	one, two := outer{TLS: &inner{Age: 1}}, outer{TLS: &inner{Age: 2}}
	if got := config.Changed(one, two); len(got) != 1 || got[0] != "tls.age" {
		t.Errorf("a part that is there in both: %q", got)
	}
}
