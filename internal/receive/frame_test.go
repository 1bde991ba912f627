package receive

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"testing"
)

// frames splits a stream that comes in chunks of the sizes given.
func frames(s splitter, stream []byte, next func(left int) int) []string {
	var out []string
	held := []byte{}
	for {
		n := min(max(next(len(stream)), 1), len(stream))
		held = append(held, stream[:n]...)
		stream = stream[n:]
		last := len(stream) == 0
		used, spans := 0, []span(nil)
		for {
			spans, n = s.split(nil, held[used:], last, 3)
			for _, m := range spans {
				out = append(out, fmt.Sprintf("%s|%v", held[used+m.start:used+m.end], m.cut))
			}
			if used += n; len(spans) < 3 {
				break
			}
		}
		held = slices.Clone(held[used:])
		if last {
			return out
		}
	}
}

func whole(left int) int { return left }

func TestSplitFindsMessages(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, stream string
		want         []string
	}{
		{"nothing", "", nil},
		{"a line", "<1>a\n", []string{"<1>a|false"}},
		{"a line without end", "<1>a", []string{"<1>a|false"}},
		{"lines", "<1>a\n<2>b\r\n<3>c\x00<4>d", []string{"<1>a|false", "<2>b|false", "<3>c|false", "<4>d|false"}},
		{"blank lines", "\n\n\r\n<1>a\n\x00\n", []string{"<1>a|false"}},
		{"a carriage return within", "a\rb\n", []string{"a\rb|false"}},
		{"counted", "4 <1>a5 <2>bc", []string{"<1>a|false", "<2>bc|false"}},
		{"counted with ends between", "4 <1>a\n5 <2>bc\n", []string{"<1>a|false", "<2>bc|false"}},
		{"counted with ends within", "5 <1>a\n4 <2>b", []string{"<1>a|false", "<2>b|false"}},
		{"counted of several lines", "7 <1>a\nb\n4 <2>c", []string{"<1>a\nb|false", "<2>c|false"}},
		{"both framings", "4 <1>a<2>b\n4 <3>c", []string{"<1>a|false", "<2>b|false", "<3>c|false"}},
		{"counted without priority after a counted one", "4 <1>a3 abc", []string{"<1>a|false", "abc|false"}},
		{"lines that start with a number", "2026 was\n12 monkeys\n", []string{"2026 was|false", "12 monkeys|false"}},
		{"only a number", "123", []string{"123|false"}},
		{"a number and a space", "123 ", []string{"123 |false"}},
		{"a number too long for a count", "1234567890 <1>a\n", []string{"1234567890 <|true"}},
		{"no leading zero", "04 <1>a\n", []string{"04 <1>a|false"}},
		{"counted and cut short", "9 <1>a", []string{"<1>a|true"}},
		{"as long as allowed", "0123456789ab\n", []string{"0123456789ab|false"}},
		{"as long as allowed and CR", "x123456789ab\r\nc", []string{"x123456789ab|false", "c|false"}},
		{"too long", "x123456789abc\ny\n", []string{"x123456789ab|true", "y|false"}},
		{"far too long", "x123456789abcdefghijklmnop\ny\n", []string{"x123456789ab|true", "y|false"}},
		{"counted and too long", "14 <1>3456789abcd4 <2>y", []string{"<1>3456789ab|true", "<2>y|false"}},
		{"counted and far too long", "30 <1>" + strings.Repeat("z", 27) + "4 <2>y", []string{"<1>zzzzzzzzz|true", "<2>y|false"}},
	}
	for _, tt := range tests {
		for size := 1; size <= len(tt.stream)+1; size++ {
			got := frames(splitter{max: 12}, []byte(tt.stream), func(int) int { return size })
			if !slices.Equal(got, tt.want) {
				t.Errorf("%s: in chunks of %d\ninput %q\ngot   %q\nwant  %q", tt.name, size, tt.stream, got, tt.want)
			}
		}
	}
}

// FuzzSplit checks that messages do not depend on how a stream is cut, that
// none is too long, and that all there is comes from the stream.
func FuzzSplit(f *testing.F) {
	for _, s := range []string{"<1>a\n<2>b", "4 <1>a5 <2>bc", "30 <1>a", "9 <1>abcdef\n\x0012 <3>", "123456789 <1>"} {
		f.Add([]byte(s), uint64(1))
	}
	f.Fuzz(func(t *testing.T, stream []byte, seed uint64) {
		s := splitter{max: 12}
		want := frames(s, stream, whole)
		r := rand.New(rand.NewPCG(seed, 0))
		if got := frames(s, stream, func(int) int { return r.IntN(9) }); !slices.Equal(got, want) {
			t.Fatalf("input %q\nin pieces %q\nat once   %q", stream, got, want)
		}
		for _, m := range want {
			text, _, _ := strings.Cut(m, "|")
			if len(m) > 12+len("|false") || !bytes.Contains(stream, []byte(text)) {
				t.Fatalf("input %q gave %q", stream, m)
			}
		}
	})
}

func BenchmarkSplit(b *testing.B) {
	line := "<34>Oct 11 22:14:15 mymachine su: 'su root' failed for lonvick on /dev/pts/8\n"
	chunk := []byte(strings.Repeat(line, 1000))
	s := splitter{max: 64 << 10}
	var spans []span
	b.SetBytes(int64(len(chunk)))
	for b.Loop() {
		spans, _ = s.split(spans[:0], chunk, false, maxBatchEvents)
	}
	b.ReportMetric(float64(len(spans))*float64(b.N)/b.Elapsed().Seconds(), "events/s")
}

// TestKeepsUpWithPeers: who gets as much as there was room for may be behind, and of what is
// decrypted nothing is known.
func TestKeepsUpWithPeers(t *testing.T) {
	t.Parallel()
	tests := []struct {
		conn net.Conn
		full bool
		want bool
	}{
		{&net.TCPConn{}, false, true},
		{&net.TCPConn{}, true, false},
		{&tlsStream{}, false, false},
		{&tlsStream{}, true, false},
	}
	for _, tt := range tests {
		if got := (&peer{conn: tt.conn}).keepsUp(tt.full); got != tt.want {
			t.Errorf("%T, full %t: %t, want %t", tt.conn, tt.full, got, tt.want)
		}
	}
}

// TestTailGivesRoomBack: a file that was behind keeps what it holds, and no more room than
// one that never was.
func TestTailGivesRoomBack(t *testing.T) {
	t.Parallel()
	for _, held := range []int{0, 1, 100, firstRoom, 300_000} {
		tail := &tail{buf: []byte(strings.Repeat("x", maxBatchBytes)), held: held}
		copy(tail.buf, "begin")
		tail.shrink()
		if len(tail.buf) > 4*max(held, firstRoom) || !strings.HasPrefix("begin"+strings.Repeat("x", held), string(tail.buf[:min(held, 5)])) {
			t.Errorf("%d bytes are held in %d, which begin %q", held, len(tail.buf), tail.buf[:min(held, 5)])
		}
		tail.grow()
		if len(tail.buf) <= held {
			t.Errorf("with %d bytes held there is no room to read", held)
		}
	}
}
