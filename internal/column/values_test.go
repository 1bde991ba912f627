package column

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func texts(t testing.TB, n int, data []byte) []string {
	t.Helper()
	v, err := DecodeValues(n, data)
	if err != nil {
		t.Fatal(err)
	}
	all := make([]string, n)
	for i := range all {
		all[i] = v.At(i)
	}
	return all
}

func TestValuesComeBackInTheirForm(t *testing.T) {
	t.Parallel()
	many := func(value func(i int) string) []string {
		values := make([]string, 1000)
		for i := range values {
			values[i] = value(i)
		}
		return values
	}
	rng := rand.New(rand.NewPCG(1, 2))
	tests := []struct {
		name   string
		values []string
		want   form
	}{
		{"one", []string{"a"}, same},
		{"equal", []string{"x y", "x y", "x y"}, same},
		{"empty", []string{"", ""}, same},
		{"text", []string{"", "b", "\x00\xff"}, text},
		{"dict", many(func(i int) string { return fmt.Sprint("user", i%7) }), dict},
		{"integers", []string{"0", "-1", "65535", "9223372036854775807", "-9223372036854775807"}, integer},
		{"not quite integers", []string{"1", "-0"}, text},
		{"too long integers", []string{"1", "9223372036854775808"}, text},
		{"plus", []string{"1", "+1"}, text},
		{"padded", []string{"17", "05", "33"}, padded},
		{"padded first", []string{"007", "100"}, padded},
		{"not padded", []string{"07", "100"}, text},
		{"decimals", []string{"12.50", "0.07", "-3.00", "-0.01"}, decimal},
		{"minus zero", []string{"1.0", "-0.0"}, text},
		{"zeros before", []string{"1.0", "01.0"}, text},
		{"other scale", []string{"1.0", "1.00"}, text},
		{"addresses", []string{"192.0.2.7", "0.0.0.0", "255.255.255.255"}, ipv4},
		{"not addresses", []string{"192.0.2.7", "192.0.02.7"}, text},
		{"beyond addresses", []string{"192.0.2.7", "192.0.2.256"}, text},
		{"hex", []string{"deadbeef", "0a0b0c0d"}, hex},
		{"upper hex", []string{"deadbeef", "DEADBEEF"}, text},
		{"uuid", []string{"0145c68c-c414-43b0-a52d-530c541f02e4", "00000000-0000-0000-0000-000000000000"}, uuid},
		{"few integers", many(func(i int) string { return fmt.Sprint(i % 3 * 100000) }), dict},
		{"small integers", many(func(i int) string { return fmt.Sprint(i % 200) }), integer},
		{"random integers", many(func(int) string { return fmt.Sprint(rng.IntN(1e9)) }), integer},
		{"few addresses", many(func(i int) string { return fmt.Sprintf("10.%d.0.1", i%50) }), dict},
	}
	e := NewEncoder()
	for _, test := range tests {
		data := e.Append(nil, test.values)
		if form(data[0]) != test.want {
			t.Errorf("%s: form %d, want %d", test.name, data[0], test.want)
		}
		if d := cmp.Diff(test.values, texts(t, len(test.values), data)); d != "" {
			t.Errorf("%s: -want +got\n%s", test.name, d)
		}
	}
}

func TestIntsComeBack(t *testing.T) {
	t.Parallel()
	for _, numbers := range [][]int64{
		{0}, {5}, {-5, 5}, {math.MinInt64, math.MaxInt64, 0}, {1, 2, 3, 4}, {1e18, 1e18 + 1}, {math.MaxInt64, math.MinInt64},
		growing(3*someInts + 7),
	} {
		data := AppendInts([]byte("x"), numbers)[1:]
		got, rest, err := DecodeInts(len(numbers), append(data, "rest"...))
		if err != nil || string(rest) != "rest" || !slices.Equal(got, numbers) {
			t.Errorf("%v: got %v, %q, %v", numbers, got, rest, err)
		}
		got = nil
		rest, err = EachInts(len(numbers), append(data, "rest"...), func(some []int64) { got = append(got, some...) })
		if err != nil || string(rest) != "rest" || !slices.Equal(got, numbers) {
			t.Errorf("%v: some at a time: got %v, %q, %v", numbers, got, rest, err)
		}
		if _, err := EachInts(len(numbers)+1<<20, data, func([]int64) {}); err == nil && len(numbers) > 1 {
			t.Errorf("%v: more numbers than there are", numbers)
		}
	}
}

// growing returns n numbers, each some more than the one before.
func growing(n int) []int64 {
	numbers := make([]int64, n)
	for i := range numbers {
		numbers[i] = int64(i*i) + 1e15
	}
	return numbers
}

func FuzzValues(f *testing.F) {
	e := NewEncoder()
	for _, values := range [][]string{{"a", "a"}, {"1", "22"}, {"10.0.0.1", "10.0.0.2"}, {"x", "yy", "x", "x", "x", "x"}, {"1.5", "2.5"}, {"deadbeef", "deadbee0"}} {
		f.Add(len(values), e.Append(nil, values))
	}
	f.Fuzz(func(t *testing.T, n int, data []byte) {
		n = 1 + (n&0xffff)%1000
		v, err := DecodeValues(n, data)
		if err != nil {
			return
		}
		all := make([]string, n)
		for i := range all {
			all[i] = v.At(i)
		}
		if got := texts(t, n, NewEncoder().Append(nil, all)); !slices.Equal(all, got) {
			t.Errorf("%q became %q", all, got)
		}
	})
}

// TestTextsAreThoseThatAreRead compares what is said of texts that were encoded with what is read again.
func TestTextsAreThoseThatAreRead(t *testing.T) {
	t.Parallel()
	e := NewEncoder()
	for _, tt := range []struct {
		name  string
		value func(i int) string
		texts bool
	}{
		{"one", func(int) string { return "the same" }, true},
		{"one number", func(int) string { return "12345" }, true},
		{"nothing", func(int) string { return "" }, true},
		{"few", func(i int) string { return fmt.Sprintf("host-%d", i%7) }, true},
		{"all others", func(i int) string { return fmt.Sprintf("Ä %d of %d", i, i*i) }, true},
		{"numbers", func(i int) string { return fmt.Sprint(i) }, false},
		{"numbers, and a text", func(i int) string { return fmt.Sprint(i) + "x"[:i/999] }, true},
		{"digits", func(i int) string { return fmt.Sprintf("%032x", i) }, false},
	} {
		values := make([]string, 1000)
		for i := range values {
			values[i] = tt.value(i)
		}
		v, err := DecodeValues(len(values), e.Append(nil, values))
		if err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		texts := e.Texts()
		if !tt.texts {
			if texts != nil {
				t.Errorf("%s: %d texts", tt.name, len(texts))
			}
			continue
		}
		read := make([]string, v.Distinct())
		for code := range read {
			read[code] = v.Value(code)
		}
		if !slices.Equal(texts, read) {
			t.Errorf("%s: got %.100q, want %.100q", tt.name, texts, read)
		}
		if got, want := TextFacts(texts), v.Facts(); got != want {
			t.Errorf("%s: got %+v, want %+v", tt.name, got, want)
		}
	}
}
