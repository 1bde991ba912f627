package column

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// TestFindIsContains compares Find with looking into each value, for forms of all
// kinds and texts that are or might be in them.
func TestFindIsContains(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(4, 5))
	kinds := map[string]func() string{
		"integer": func() string { return fmt.Sprint(rng.IntN(4000) - 1000) },
		"bytes":   func() string { return fmt.Sprint(rng.IntN(200)) },
		"large":   func() string { return fmt.Sprint(rng.Uint64() >> 1) },
		"wide":    func() string { return fmt.Sprint(rng.IntN(1 << 30)) },
		"padded":  func() string { return fmt.Sprintf("%04d", rng.IntN(1200)) },
		"decimal": func() string { return fmt.Sprintf("%d.%02d", rng.IntN(100), rng.IntN(100)) },
		"below":   func() string { return fmt.Sprintf("%.3f", rng.Float64()*40-20) },
		"ipv4":    func() string { return fmt.Sprintf("10.%d.%d.%d", rng.IntN(3), rng.IntN(30), rng.IntN(256)) },
		"hex":     func() string { return fmt.Sprintf("%08x", rng.Uint32()) },
		"uuid":    func() string { return fmt.Sprintf("%08x-0000-4000-8000-%012x", rng.Uint32(), rng.IntN(1<<20)) },
		"text":    func() string { return strings.Repeat("ab", rng.IntN(3)) + fmt.Sprint(rng.IntN(50)) + "é" },
		"dict":    func() string { return fmt.Sprint("user", rng.IntN(9)) },
		"one":     func() string { return "a b" },
	}
	e := NewEncoder()
	for kind, make := range kinds {
		values := []string{}
		for range 600 {
			values = append(values, make())
		}
		v, err := DecodeValues(len(values), e.Append(nil, values))
		if err != nil {
			t.Fatalf("%s: %v", kind, err)
		}
		all := v.Texts()
		for i := range values {
			if v.At(i) != values[i] || all[v.Code(i)] != values[i] {
				t.Fatalf("%s: value %d is %q, want %q", kind, i, v.At(i), values[i])
			}
		}
		for range 300 {
			sought := values[rng.IntN(len(values))]
			switch rng.IntN(4) {
			case 0:
				from := rng.IntN(len(sought))
				sought = sought[from : from+1+rng.IntN(len(sought)-from)]
			case 1:
				sought = make()
			case 2:
				words := strings.FieldsFunc(sought, func(r rune) bool { return r == '-' || r == '.' })
				sought = words[rng.IntN(len(words))]
			}
			for _, whole := range []bool{false, true} {
				if whole && (!isWord(sought[0]) || !isWord(sought[len(sought)-1])) {
					continue
				}
				got := v.Find(sought, whole)
				for code, text := range all {
					has := slices.Contains(got, code)
					want := strings.Contains(text, sought)
					if whole && has != want {
						want = holdsWhole(text, sought) // others may be among them
						has = has && want
					}
					if has != want {
						t.Fatalf("%s: %q in %q: %v, want %v (whole %v)", kind, sought, text, has, want, whole)
					}
				}
				if !slices.IsSorted(got) || len(slices.Compact(got)) != len(got) {
					t.Fatalf("%s: %q: %v", kind, sought, got)
				}
			}
		}
	}
}

func isWord(c byte) bool { return c >= 0x80 || c >= 'a' && c <= 'z' || isDigit(c) }

func holdsWhole(text, sought string) bool {
	for at := 0; at+len(sought) <= len(text); at++ {
		if text[at:at+len(sought)] == sought && (at == 0 || !isWord(text[at-1])) &&
			(at+len(sought) == len(text) || !isWord(text[at+len(sought)])) {
			return true
		}
	}
	return false
}
