package parse

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
	"time"
)

func TestDaysAreThoseOfTheCalendar(t *testing.T) {
	t.Parallel()
	for day := time.Date(1899, 12, 1, 0, 0, 0, 0, time.UTC); day.Year() < 2201; day = day.AddDate(0, 0, 1) {
		if got, want := days(day.Year(), int(day.Month()), day.Day()), floorDiv(int(day.Unix()), 86400); int(got) != want {
			t.Fatalf("%s: day %d, want %d", day.Format(time.DateOnly), got, want)
		}
	}
}

// TestISOTimesWithOneByteWrong reads a time with each byte at each place: what is read
// eight bytes at a time must be what is read digit by digit.
func TestISOTimesWithOneByteWrong(t *testing.T) {
	t.Parallel()
	const text = "2026-03-07T09:15:02.123456Z"
	for at := range text {
		for c := range 256 {
			s := text[:at] + string([]byte{byte(c)}) + text[at+1:]
			var fast, slow stamp
			if readPlainISO(s, &fast) == 0 {
				continue
			}
			if !isDigit(s[at]) && at < 19 && s != text {
				t.Fatalf("%q was read", s)
			}
			slow.year, slow.month, slow.day = number4(s, 0), number2(s, 5), number2(s, 8)
			if readClock(s[11:], &slow) == 0 || fast.wall(fast.year) != slow.wall(slow.year) {
				t.Fatalf("%q: %+v, want %+v", s, fast, slow)
			}
		}
	}
	for _, fraction := range []string{".1", ".12345", ".123456", ".1234567", ".123456789", ".1234567891", ",123456", ".12345x", ".123456 "} {
		var got stamp
		n := readFraction(fraction, &got)
		want, scale := 0, 100_000_000
		for i := 1; i < n; i++ {
			want += int(fraction[i]-'0') * scale
			scale /= 10
		}
		if n < 2 || got.nano != want || n < len(fraction) && isDigit(fraction[n]) {
			t.Errorf("%q: %d bytes, %d", fraction, n, got.nano)
		}
	}
}

func TestGraphicLen(t *testing.T) {
	t.Parallel()
	const text = "abcdefghijklmnopqrstuvwxyz"
	for at := range text {
		for c := range 256 {
			want := len(text)
			if c <= ' ' || c == 0x7f {
				want = at
			}
			if got := graphicLen(text[:at] + string([]byte{byte(c)}) + text[at+1:]); got != want {
				t.Fatalf("byte %d at %d: %d, want %d", c, at, got, want)
			}
		}
	}
}

func TestAddressesAreThoseOfNetip(t *testing.T) {
	t.Parallel()
	for _, s := range []string{
		"1.2.3.4", "255.255.255.255", "256.1.1.1", "1.2.3", "1.2.3.4.5", "1.2.3.1234", "1..2.3", "1.2.3.", ".1.2.3", "a.b.c.d", "1.2.3.4x",
		"::", "::1", "2001:db8::7", "fe80::1%eth0", "::ffff:1.2.3.4", "1.2.3.4:80", "1234:", "2001", "2001:db8:1:2:3:4:5:6", "12345::", "",
	} {
		a, err := netip.ParseAddr(s)
		if got, want := isIP(s), err == nil && a.Zone() == ""; got != want {
			t.Errorf("%q: %v, want %v", s, got, want)
		}
		n := ipv4Len(s)
		if whole := n == len(s) && n > 0; whole != (err == nil && a.Is4()) {
			t.Errorf("%q: an IPv4 address of %d bytes", s, n)
		}
		if n > 0 && fmt.Sprint(ipv4Len(s[:n])) != fmt.Sprint(n) {
			t.Errorf("%q: %d bytes of it are none", s, n)
		}
	}
}

// TestNotGraphic puts every byte at every place.
func TestNotGraphic(t *testing.T) {
	t.Parallel()
	for at := range 64 {
		for c := range 256 {
			var text [64]byte
			for i := range text {
				text[i] = byte('!' + (i+c)%('~'-'!'+1))
			}
			text[at], text[63-at] = byte(c), byte(c)
			want := uint64(0)
			for i := range text {
				if graphicLen(string(text[i:i+1])) == 0 {
					want |= 1 << i
				}
			}
			if got, steps := notGraphic(&text), notGraphicBySteps(&text); got != want || steps != want {
				t.Fatalf("byte %d at %d: %x, by steps %x, want %x", c, at, got, steps, want)
			}
		}
	}
}

// TestNamesOfHeaders reads the names of random headers at once and part by part.
func TestNamesOfHeaders(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(3, 3))
	whole := 0
	for range 20_000 {
		var s []byte
		for range rng.IntN(8) {
			for range rng.IntN(rng.IntN(40)+2) + min(1, rng.IntN(20)) {
				s = append(s, "-ab\xff"[rng.IntN(4)])
			}
			s = append(s, "\x7f\t\x00 "[min(3, rng.IntN(80))])
		}
		if rng.IntN(2) == 0 {
			s = append(s, strings.Repeat("x", 70)...)
		}
		var got, want header
		rest, ok := got.names5424(string(s))
		wantRest, wantOK := want.longNames5424(string(s))
		if ok != wantOK || ok && (got != want || rest != wantRest) {
			t.Fatalf("%q: %v, %q, %+v\nwant %v, %q, %+v", s, ok, rest, got, wantOK, wantRest, want)
		}
		if ok {
			whole++
		}
	}
	if whole < 1000 {
		t.Errorf("only %d of the headers have all names", whole)
	}
}
