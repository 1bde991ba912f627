package segment

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// gaps returns so many bytes, of which small ones are the most frequent, as are the differences of `_seq`
// in a collection.
func gaps(rng *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		for b[i] = 2; rng.IntN(3) > 0 && b[i] < 250; b[i] += 2 {
		}
	}
	return b
}

// planes returns chunks of several kinds.
func planes(rng *rand.Rand) map[string][]byte {
	random := make([]byte, 50_000)
	for i := range random {
		random[i] = byte(rng.Uint32())
	}
	var text []byte
	for i := range 20_000 {
		text = fmt.Appendf(text, "user%d logged in from %d, ", rng.IntN(50), i)
	}
	run := bytes.Repeat([]byte{7}, 40_000)
	return map[string][]byte{
		"gaps": gaps(rng, 60_000), "random": random, "text": text, "run": run,
		"mixed": bytes.Join([][]byte{run, random, gaps(rng, 60_000), text[:100], run, gaps(rng, 300)}, nil),
	}
}

func TestLiteralsAreFramesOfZstd(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	c, p := codec(t), &packer{}
	tool, _ := exec.LookPath("zstd")
	for name, plain := range planes(rng) {
		for _, n := range []int{1, minLiterals - 1, minLiterals, literalBlock - 1, literalBlock, literalBlock * 3 / 2, len(plain)} {
			n = min(n, len(plain))
			frame := p.literals(nil, plain[:n])
			got, err := c.dec.DecodeAll(frame, nil)
			if err != nil || !bytes.Equal(got, plain[:n]) {
				t.Errorf("%s, %d bytes: got %d others, %v", name, n, len(got), err)
			}
			if tool == "" {
				continue
			}
			file := filepath.Join(t.TempDir(), "frame.zst")
			if err := os.WriteFile(file, frame, 0o600); err != nil {
				t.Fatal(err)
			}
			if got, err := exec.Command(tool, "-dc", file).Output(); err != nil || !bytes.Equal(got, plain[:n]) {
				t.Errorf("%s, %d bytes: %s gives %d others, %v", name, n, tool, len(got), err)
			}
		}
	}
}

func TestPackTakesTheShorterWay(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	c, p := codec(t), &packer{}
	all := planes(rng)
	all["few gaps"], all["hardly any"] = gaps(rng, minTried), gaps(rng, minCompress-1)
	for name, plain := range all {
		packed := c.pack([]byte("before"), plain)[len("before"):]
		got, err := c.unpack(packed)
		if err != nil || !bytes.Equal(got, plain) {
			t.Errorf("%s: %d bytes come back as %d, %v", name, len(plain), len(got), err)
		}
		best := min(len(plain), len(c.enc.EncodeAll(plain, nil)), len(p.literals(nil, plain)))
		if len(packed) > best+best/20+1 { // the fastest level may be taken where it is a little longer
			t.Errorf("%s: %d bytes pack to %d, and could to %d", name, len(plain), len(packed), best)
		}
	}
	plain := all["gaps"]
	if with, without := len(c.pack(nil, plain)), len(c.enc.EncodeAll(plain, nil)); 10*with > 9*without {
		t.Errorf("gaps pack to %d bytes, by repetitions alone to %d", with, without)
	}
}

// The bytes of a frame by hand: a run, and what is too short for a code.
func TestLiteralsFrame(t *testing.T) {
	tests := []struct {
		plain string
		want  []byte
	}{
		{"abc", []byte{0x28, 0xb5, 0x2f, 0xfd, 0xa0, 3, 0, 0, 0, 1 | 3<<3, 0, 0, 'a', 'b', 'c'}},
		{strings.Repeat("9", 300), []byte{0x28, 0xb5, 0x2f, 0xfd, 0xa0, 300 & 0xff, 300 >> 8, 0, 0, 1 | 1<<1 | 300<<3&0xff, 300 >> 5, 0, '9'}},
	}
	for _, tt := range tests {
		if diff := cmp.Diff(tt.want, (&packer{}).literals(nil, []byte(tt.plain))); diff != "" {
			t.Errorf("%d bytes (-want +got):\n%s", len(tt.plain), diff)
		}
	}
}

func FuzzPack(f *testing.F) {
	for _, plain := range planes(rand.New(rand.NewPCG(5, 6))) {
		f.Add(plain[:5000])
	}
	c, p := codec(f), &packer{}
	f.Fuzz(func(t *testing.T, plain []byte) {
		if got, err := c.unpack(c.pack(nil, plain)); err != nil || !bytes.Equal(got, plain) {
			t.Fatalf("%d bytes come back as %d, %v", len(plain), len(got), err)
		}
		if len(plain) == 0 {
			return
		}
		if got, err := c.dec.DecodeAll(p.literals(nil, plain), nil); err != nil || !bytes.Equal(got, plain) {
			t.Fatalf("%d bytes of literals come back as %d, %v", len(plain), len(got), err)
		}
	})
}
