package web

import (
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"
)

func TestPage(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		all  fstest.MapFS
		want string
	}{
		{"built", fstest.MapFS{"dist/index.html": {Data: []byte("built page")}, "dist/.keep": {}}, "built page"},
		{"not built", fstest.MapFS{"dist/.keep": {}, "unbuilt/index.html": {Data: []byte("run make")}}, "run make"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := fs.ReadFile(page(tt.all), "index.html")
			if err != nil || !strings.Contains(string(got), tt.want) {
				t.Errorf("index.html is %q, %v; want it to hold %q", got, err, tt.want)
			}
		})
	}
}

func TestDistHasAnIndex(t *testing.T) {
	t.Parallel()
	if _, err := fs.Stat(Dist(), "index.html"); err != nil {
		t.Error(err)
	}
}
