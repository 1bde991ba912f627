package query

import "testing"

// TestFormatsOfValues: durations and what is decoded come out as VictoriaLogs writes them.
func TestFormatsOfValues(t *testing.T) {
	t.Parallel()
	for ns, want := range map[int64]string{
		0: "0", 1: "1ns", 1500: "1µs500ns", 300e6: "300ms", 1500e6: "1.5s", 3720e9: "1h2m", 86400e9: "1d",
		8*86400e9 + 1: "1w1d1ns", -90e9: "-1m30s", -1 << 63: "-15250w1d23h47m16.854775808s",
	} {
		if got := formatDuration(ns); got != want {
			t.Errorf("%d: got %s, want %s", ns, got, want)
		}
	}
	for text, want := range map[string]string{"": "", "4142": "AB", "41x42": "Ax42", "zz41": "zzA", "4": "4"} {
		if got := hexDecode(text); got != want {
			t.Errorf("hexdecode %q: got %q, want %q", text, got, want)
		}
	}
	for text, want := range map[string]string{"": "", "a+b%20c": "a b c", "50%": "50%", "%zz%41": "%zzA", "%4": "%4"} {
		if got := urlDecode(text); got != want {
			t.Errorf("urldecode %q: got %q, want %q", text, got, want)
		}
	}
}
