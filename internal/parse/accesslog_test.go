package parse

import "testing"

func TestAccessLogsAreKnown(t *testing.T) {
	t.Parallel()
	tests := []struct {
		line string
		want bool
	}{
		{`192.0.2.7 - - [07/Mar/2026:09:15:02 +0000] "GET / HTTP/1.1" 200 45`, true},
		{`192.0.2.7 - a [b] c [07/Mar/2026:09:15:02 +0000] "" 400 0`, true},
		{`[07/Mar/2026:09:15:02 +0000] "GET / HTTP/1.1" 200 45`, false},
		{`cache [07/Mar/2026:09:15:02 +0000] emptied`, false},
		{`cache [07/Foo/2026:09:15:02 +0000] "x"`, false},
		{`2026/03/07 09:15:02 [error] 1#0: *1 open() "/x" failed`, false},
		{`a [`, false},
		{``, false},
	}
	for _, tt := range tests {
		if got := isAccessLog(tt.line); got != tt.want {
			t.Errorf("%s: got %v", tt.line, got)
		}
	}
}
