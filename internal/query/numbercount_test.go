package query

import (
	"testing"

	"pgregory.net/rapid"
)

// TestPlainNumbersAreNumbers: a plain number has the value and the text that it has
// elsewhere.
func TestPlainNumbersAreNumbers(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.OneOf(rapid.StringMatching(`-?[0-9]{1,17}(\.[0-9]{0,16})?`), rapid.StringMatching(`-?[0-9.]{0,5}`), rapid.String()).Draw(t, "text")
		p, ok := parsePlain(s)
		if !ok {
			return
		}
		if key := keyOf(s); key.class != classNumber || key.f != p.value || key.i != 0 {
			t.Errorf("%q is %v, want %v", s, p.value, key)
		}
		if got := p.text(); got != s {
			t.Errorf("%q comes back as %q", s, got)
		}
	})
	for _, s := range []string{"0", "12", "-12", "0.5", "-0.50", "123456789012345", "1.00"} {
		if _, ok := parsePlain(s); !ok {
			t.Errorf("%q is not plain", s)
		}
	}
}

func TestNumberCounts(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		list := rapid.SliceOfN(rapid.SampledFrom([]string{"1", "1.0", "2", "-3", "0.25", "7", "10"}), 0, 3000).Draw(t, "numbers")
		want := map[string]uint64{}
		var one, two numberCounts
		b := &budget{}
		for i, s := range list {
			p, _ := parsePlain(s)
			to := &one
			if i%3 == 0 {
				to = &two
			}
			if err := to.add(numberCount{p, 2}, b); err != nil {
				t.Fatal(err)
			}
			want[s] += 2
		}
		if err := one.merge(&two, b); err != nil {
			t.Fatal(err)
		}
		last := ""
		for x, ok := one.take(); ok; x, ok = one.take() {
			if want[x.text()] != x.n {
				t.Errorf("%s was there %d times, want %d", x.text(), x.n, want[x.text()])
			}
			if last != "" && compareTexts(x.text(), last) >= 0 {
				t.Errorf("%s comes before %s", x.text(), last)
			}
			last = x.text()
			delete(want, last)
		}
		if len(want) > 0 {
			t.Errorf("missing: %v", want)
		}
	})
}
