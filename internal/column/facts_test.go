package column

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestFactsNeverDenyWhatIsThere: of whatever is in values, facts say that it may be.
func TestFactsNeverDenyWhatIsThere(t *testing.T) {
	t.Parallel()
	draws := []func(*rand.Rand) string{
		func(r *rand.Rand) string { return fmt.Sprint(r.IntN(2000) - 1000) },
		func(r *rand.Rand) string { return fmt.Sprintf("%05d", r.IntN(2000)) },
		func(r *rand.Rand) string { return fmt.Sprintf("%.2f", r.Float64()*100-50) },
		func(r *rand.Rand) string { return fmt.Sprintf("10.%d.%d.7", r.IntN(256), r.IntN(256)) },
		func(r *rand.Rand) string { return fmt.Sprintf("%016x", r.Uint64()) },
		func(r *rand.Rand) string {
			return fmt.Sprintf("%08x-0000-4000-8000-%012x", r.Uint32(), r.Uint64()>>16)
		},
		func(r *rand.Rand) string {
			return strings.Repeat([]string{"a", "Zé", "b c", "<x>", "\xff", "[1]"}[r.IntN(6)], r.IntN(5))
		},
	}
	rapid.Check(t, func(t *rapid.T) {
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		draw := draws[rapid.IntRange(0, len(draws)-1).Draw(t, "values")]
		values := make([]string, 1+rng.IntN(40))
		for i := range values {
			values[i] = draw(rng)
		}
		v, err := DecodeValues(len(values), NewEncoder().Append(nil, values))
		if err != nil {
			t.Fatal(err)
		}
		written := v.Facts()
		f, rest, ok := DecodeFacts(written.Append(nil))
		if !ok || len(rest) > 0 || f != written {
			t.Fatalf("%+v is read as %+v, with %d bytes left", written, f, len(rest))
		}
		value := values[rng.IntN(len(values))]
		start := rng.IntN(len(value) + 1)
		end := start + rng.IntN(len(value)+1-start)
		piece := value[start:end]
		alone := func(at int) bool {
			return at < 0 || at >= len(value) || wordBytes[value[at]] == isBreak && value[at] < 0x80
		}
		whole := piece != "" && alone(start-1) && alone(end) && !alone(start) && !alone(end-1)
		if !f.May(piece, false) || whole && !f.May(piece, true) {
			t.Fatalf("%q is in %q, and is said not to be; whole: %v; %+v", piece, value, whole, f)
		}
	})
}

// TestFactsSayWhatIsNotThere: without this they would be of no use.
func TestFactsSayWhatIsNotThere(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		values string
		text   string
	}{
		{"1 22 333", "4711"}, {"1 22 333", "a"}, {"0001 0002", "1"}, {"0001 0002", "00001"},
		{"10.0.0.1 192.0.2.7", "4711"}, {"10.0.0.1 192.0.2.7", "ab"}, {"0123456789abcdef 0000000000000000", "xyz"},
		{"ann bob", "Ann"}, {"ann bob", "bo b"}, {"ann bob", "bobb"}, {"ann bob", "1"}, {"1.50 22.75", "a"},
		{"1.50 22.75", "1.5.2"}, {"1 22 333", "1.2"}, {"1 22 333", "2-2"}, {"10.0.0.1 192.0.2.7", "10.0.0.1.1"},
	} {
		values := strings.Fields(tt.values)
		v, err := DecodeValues(len(values), NewEncoder().Append(nil, values))
		if err != nil {
			t.Fatal(err)
		}
		if f := v.Facts(); f.May(tt.text, true) {
			t.Errorf("%s: may hold %q: %+v", tt.values, tt.text, f)
		}
	}
}

// What is said of numbers as they are encoded is what is found when they are read.
func TestShortNumbers(t *testing.T) {
	t.Parallel()
	tests := []struct {
		values []string
		want   bool
	}{
		{[]string{"1", "9999999"}, true},
		{[]string{"-9999999", "0"}, true},
		{[]string{"1", "10000000"}, false},
		{[]string{"-10000000", "0"}, false},
		{[]string{"0000001", "0000002"}, true},
		{[]string{"00000001", "00000002"}, false},
		{[]string{"1.5", "-9999999.5"}, true},
		{[]string{"1.5", "10000000.5"}, false},
		{[]string{"1.12345678", "2.12345678"}, false},
		{[]string{"10000", "-10000", "9999", "65535", "123456"}, true},
		{[]string{"10000", "10000000"}, false},
		{[]string{"00017", "10017", "00000"}, true},
		{[]string{"10000.50", "-65535.25", "9999.00"}, true},
		{[]string{"1.00001", "12345.99999", "-7.54321"}, true},
		{[]string{"192.0.2.1", "192.0.2.2"}, true},
		{[]string{"a", "b"}, false},
		{[]string{"7", "7"}, false},
		{[]string{"deadbeef", "0a0b0c0d"}, false},
	}
	e := NewEncoder()
	for _, tt := range tests {
		v, err := DecodeValues(len(tt.values), e.Append(nil, tt.values))
		if err != nil {
			t.Fatal(err)
		}
		var set, want NumberSet
		got, short := e.Short(&set)
		if short != tt.want || short && got != v.Facts() {
			t.Errorf("%q: %v, %v, want %v and %v", tt.values, short, got, tt.want, v.Facts())
		}
		var buffer []byte
		var keys []uint64
		for _, value := range tt.values {
			keys = AppendKeys(keys, value)
		}
		if read := v.AppendKeys(nil, 0, v.Distinct(), &buffer); !sameKeys(read, keys) {
			t.Errorf("%q: keys %v, want %v", tt.values, read, keys)
		}
		for _, key := range keys {
			n, ok := ShortNumber(key)
			if short && !ok {
				t.Errorf("%q are said to have no words longer than short numbers, and have %d", tt.values, key)
			}
			want.Add(n)
		}
		if short && set != want {
			t.Errorf("%q: other short numbers than those of %v", tt.values, keys)
		}
	}
}

func sameKeys(a, b []uint64) bool {
	a, b = slices.Clone(a), slices.Clone(b)
	slices.Sort(a)
	slices.Sort(b)
	return slices.Equal(slices.Compact(a), slices.Compact(b))
}

// TestFamiliesMayHave: what they learn leaves out no family that has a text.
func TestFamiliesMayHave(t *testing.T) {
	t.Parallel()
	slots := [][]string{{"12", "7"}, {"10.0.0.1", "10.0.0.2"}, {"deadbeef", "0badcafe"}, {"anna", "Bob"}, {"1.5", "-2.25"}, {"0007", "0123"}}
	families := &Families{}
	e := NewEncoder()
	var facts []Facts
	for i, values := range slots {
		families.List = append(families.List, Family{Parts: []Part{{Text: "x ="}, {Is: Slots, Slot: Slot{Number: int32(i)}}}})
		data := e.Append(nil, values)
		v, err := DecodeValues(len(values), data)
		if err != nil {
			t.Fatal(err)
		}
		facts = append(facts, v.Facts())
	}
	unknown := Family{Parts: []Part{{Is: Slots, Slot: Slot{Number: int32(len(slots))}}}}
	families.List = append(families.List, unknown)
	if !families.MayHave(0, SetsOf("zebra")) {
		t.Error("before anything is known, one is left out")
	}
	err := families.Learn(func(s Slot) (*Facts, error) {
		if int(s.Number) == len(slots) {
			return nil, nil
		}
		return &facts[s.Number], nil
	})
	if err != nil {
		t.Fatal(err)
	}
	left := 0
	for i, values := range slots {
		for _, value := range append(values, "x =", "x ="+values[0]) {
			if !families.MayHave(i, SetsOf(value)) {
				t.Errorf("family %d is said not to have %q", i, value)
			}
		}
		if !families.MayHave(i, SetsOf("zebra")) {
			left++
		}
	}
	if left != len(slots) || !families.MayHave(len(slots), SetsOf("zebra")) {
		t.Errorf("%d families are left out, want all but the one that nothing is known of", left)
	}
}
