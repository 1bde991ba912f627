package digest

import (
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"testing"
)

// TestSums holds batches of messages of all lengths up to some blocks, and some long ones,
// against crypto/sha256.
func TestSums(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(3, 9))
	var b Batch
	for round := range 3000 {
		b.Reset(1 << 16)
		n := round % 34
		messages, sums := make([][]byte, n), make([][sha256.Size]byte, n)
		for i := range messages {
			size := rng.IntN(700)
			switch {
			case i == 0:
				size = round / 4
			case rng.IntN(100) == 0:
				size = rng.IntN(100_000)
			}
			messages[i] = make([]byte, size)
			for j := range messages[i] {
				messages[i][j] = byte(rng.Uint32())
			}
			b.Add(append(b.Room(), messages[i]...))
		}
		if b.Len() != n || b.Bytes()%sha256.BlockSize != 0 {
			t.Fatalf("%d messages, %d bytes", b.Len(), b.Bytes())
		}
		b.Sums(sums)
		for i := range messages {
			if sums[i] != sha256.Sum256(messages[i]) {
				t.Fatalf("round %d, message %d of %d, %d bytes: %x", round, i, n, len(messages[i]), sums[i])
			}
		}
	}
}

func FuzzSums(f *testing.F) {
	f.Add([]byte("abc"), []byte(""), []byte("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"))
	f.Add(make([]byte, 55), make([]byte, 56), make([]byte, 64))
	f.Fuzz(func(t *testing.T, x, y, z []byte) {
		var b Batch
		messages := [][]byte{x, y, z, x}
		for _, m := range messages {
			b.Add(append(b.Room(), m...))
		}
		sums := make([][sha256.Size]byte, len(messages))
		b.Sums(sums)
		for i, m := range messages {
			if sums[i] != sha256.Sum256(m) {
				t.Errorf("message %d, %q: %x", i, m, sums[i])
			}
		}
	})
}

// BenchmarkSums hashes 16 messages of about the same length, and BenchmarkSum256 the same one
// by one.
func BenchmarkSums(b *testing.B) {
	for _, size := range []int{100, 380, 4000} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			var batch Batch
			sums := make([][sha256.Size]byte, 16)
			all := make([]byte, size+80)
			b.SetBytes(int64(16 * size))
			for b.Loop() {
				batch.Reset(1 << 20)
				for i := range sums {
					batch.Add(append(batch.Room(), all[:size+5*i]...))
				}
				batch.Sums(sums)
			}
		})
	}
}

func BenchmarkSum256(b *testing.B) {
	for _, size := range []int{100, 380, 4000} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			sums := make([][sha256.Size]byte, 16)
			all := make([]byte, size+80)
			b.SetBytes(int64(16 * size))
			for b.Loop() {
				for i := range sums {
					sums[i] = sha256.Sum256(all[:size+5*i])
				}
			}
		})
	}
}
