package segment

import (
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/llama-logs/llama/internal/column"
	"github.com/llama-logs/llama/internal/fsys"
	"github.com/llama-logs/llama/internal/seal"
)

// TestFiltersKnowTheWordsOfTheirBlocks, also when blocks were copied.
func TestFiltersKnowTheWordsOfTheirBlocks(t *testing.T) {
	t.Parallel()
	disk, key, c := fsys.NewMem(), seal.NewKey(), codec(t)
	s, _ := write(t, disk, key, c, 500, 400, 300)
	d, err := s.Directory()
	if err != nil {
		t.Fatal(err)
	}
	w, err := Create(disk, ".", key, c, "sshd", 20000)
	if err != nil {
		t.Fatal(err)
	}
	for _, block := range []int{0, 2} {
		if err := w.Copy(s, d, block); err != nil {
			t.Fatal(err)
		}
	}
	name, err := w.Close(2)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{s.name, name.String()} {
		s, err := Open(disk, name, key, c)
		if err != nil {
			t.Fatal(err)
		}
		if d, err = s.Directory(); err != nil {
			t.Fatal(err)
		}
		filters, err := s.Filters(d)
		if err != nil {
			t.Fatal(err)
		}
		for i := range d.blocks {
			f := filters.Of(i)
			if f == nil {
				t.Fatalf("%s: block %d has no filter", name, i)
			}
			for _, word := range column.AppendKeys(nil, "Failed password for udp 65535") {
				if !f.May(word, false) {
					t.Errorf("%s: block %d is said not to have a word that it has", name, i)
				}
			}
			for _, word := range column.AppendKeys(nil, "65535") {
				if f.May(word, true) {
					t.Errorf("%s: block %d is said to have a number in messages that is beside them", name, i)
				}
			}
			taken := 0
			for _, word := range column.AppendKeys(nil, "54321") {
				if f.May(word, false) {
					t.Errorf("%s: block %d is said to have a number that it does not have", name, i)
				}
			}
			for range 10_000 {
				if f.May(rand.Uint64(), false) {
					taken++
				}
			}
			if taken > 100 {
				t.Errorf("%s: block %d is said to have %d of 10000 words that it does not have, want about 40", name, i, taken)
			}
		}
	}
}

func TestFilterOfFewWords(t *testing.T) {
	t.Parallel()
	var m filterMaker
	for n := range 40 {
		keys := make([]uint64, n)
		for i := range keys {
			keys[i] = rand.Uint64()
		}
		f, err := decodeFuse(m.encode(slices.Clone(keys), 1<<20))
		if err != nil || n > 0 && f == nil {
			t.Fatalf("%d words: filter %v, error %v", n, f, err)
		}
		for _, key := range keys {
			if !f.Contains(key ^ f.salt) {
				t.Errorf("%d words: one of them is not in the filter", n)
			}
		}
	}
	many := make([]uint64, 15_001)
	for i := range many {
		many[i] = uint64(i)
	}
	if data := m.encode(many, 10_000); data != nil {
		t.Errorf("a block of 10,000 events has a filter of %d bytes", len(data))
	}
}

// TestFilterIsThatOfTheFormat: a filter as docs/format.md describes it, without the
// library that makes ours.
func TestFilterIsThatOfTheFormat(t *testing.T) {
	t.Parallel()
	var m filterMaker
	keys := column.AppendKeys(nil, "inode corrupted beyond repair")
	data := m.encode(slices.Clone(keys), 1<<20)
	salt, seed := binary.BigEndian.Uint64(data), binary.BigEndian.Uint64(data[8:])
	length := uint64(1) << data[16]
	segments, n := binary.Uvarint(data[17:])
	bytes := data[17+n:]
	if uint64(len(bytes)) != (segments+2)*length {
		t.Fatalf("%d bytes for %d segments of %d", len(bytes), segments, length)
	}
	for _, key := range keys {
		h := (key ^ salt) + seed
		h ^= h >> 33
		h *= 0xff51afd7ed558ccd
		h ^= h >> 33
		h *= 0xc4ceb9fe1a85ec53
		h ^= h >> 33
		high, low := segments*length*(h>>32), segments*length*(h&0xffffffff)
		first := (high + low>>32) >> 32
		second := (first + length) ^ (h >> 18 & (length - 1))
		third := (first + 2*length) ^ (h & (length - 1))
		if bytes[first]^bytes[second]^bytes[third] != byte(h^h>>32) {
			t.Errorf("key %x is not found", key)
		}
	}
}

func FuzzDecodeFilter(f *testing.F) {
	var m filterMaker
	f.Add(m.encode([]uint64{1, 2, 3}, 1<<20))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, data []byte) {
		filter, err := decodeFuse(data)
		if err != nil || filter == nil {
			return
		}
		for _, key := range []uint64{0, 1, 1 << 63, 0xffffffffffffffff} {
			filter.Contains(key)
		}
	})
}

func BenchmarkFilter(b *testing.B) {
	keys := make([]uint64, 14_000) // of a block of 32,768 events
	for i := range keys {
		keys[i] = rand.Uint64()
	}
	b.Run("make", func(b *testing.B) {
		var m filterMaker
		size := 0
		for b.Loop() {
			size = len(m.encode(slices.Clone(keys), 1<<20))
		}
		b.ReportMetric(float64(size)/float64(len(keys)), "B/word")
	})
	b.Run("ask", func(b *testing.B) {
		var m filterMaker
		f, err := decodeFuse(m.encode(keys, 1<<20))
		if err != nil {
			b.Fatal(err)
		}
		key := uint64(1)
		for b.Loop() {
			if f.Contains(key ^ f.salt) {
				key += 2
			}
			key++
		}
	})
}
