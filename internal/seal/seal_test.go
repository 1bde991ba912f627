package seal

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
)

func TestUnsealGivesBack(t *testing.T) {
	t.Parallel()
	key := NewKey()
	for _, size := range []int{0, 1, 15, 16, 17, 1000, 64 << 10} {
		plain := bytes.Repeat([]byte{'x'}, size)
		writer, reader := key.File("segment 1"), key.File("segment 1")
		sealed := writer.Seal([]byte("head"), plain, []byte("ad"), 7)
		if len(sealed) != 4+size+Overhead {
			t.Errorf("%d bytes became %d, want %d more", size, len(sealed)-4, Overhead)
		}
		got, err := reader.Unseal([]byte("before"), sealed[4:], []byte("ad"), 7)
		if err != nil || string(got) != "before"+string(plain) {
			t.Errorf("%d bytes: got %d bytes, %v", size, len(got), err)
		}
	}
}

func TestSealInPlace(t *testing.T) {
	t.Parallel()
	s := NewKey().File("x")
	buf := append(make([]byte, 0, 64), "plain text"...)
	sealed := s.Seal(buf[:0], buf, nil, 1)
	got, err := s.Unseal(sealed[:0], sealed, nil, 1)
	if err != nil || string(got) != "plain text" {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestUnsealRefuses(t *testing.T) {
	t.Parallel()
	key := NewKey()
	sealed := key.File("a").Seal(nil, []byte("plain"), []byte("ad"), 1)
	changed := bytes.Clone(sealed)
	changed[0]++
	tests := []struct {
		name   string
		s      *Sealer
		sealed []byte
		ad     string
		n      uint64
	}{
		{"another key", NewKey().File("a"), sealed, "ad", 1},
		{"another file", key.File("b"), sealed, "ad", 1},
		{"another number", key.File("a"), sealed, "ad", 2},
		{"other associated data", key.File("a"), sealed, "da", 1},
		{"a changed byte", key.File("a"), changed, "ad", 1},
		{"a missing byte", key.File("a"), sealed[:len(sealed)-1], "ad", 1},
		{"nothing", key.File("a"), nil, "ad", 1},
	}
	for _, tt := range tests {
		if got, err := tt.s.Unseal(nil, tt.sealed, []byte(tt.ad), tt.n); !errors.Is(err, ErrSealed) {
			t.Errorf("%s: got %q, %v, want ErrSealed", tt.name, got, err)
		}
	}
}

func TestBlobsDifferAndOpen(t *testing.T) {
	t.Parallel()
	key := NewKey()
	a, b := key.SealBlob("c", []byte("plain"), []byte("ad")), key.SealBlob("c", []byte("plain"), []byte("ad"))
	if bytes.Equal(a, b) {
		t.Error("two blobs of one thing are equal")
	}
	for _, blob := range [][]byte{a, b} {
		if got, err := key.UnsealBlob("c", blob, []byte("ad")); err != nil || string(got) != "plain" {
			t.Errorf("got %q, %v", got, err)
		}
		for i := range blob {
			changed := bytes.Clone(blob)
			changed[i] ^= 1
			if _, err := key.UnsealBlob("c", changed, []byte("ad")); !errors.Is(err, ErrSealed) {
				t.Errorf("byte %d changed: got %v, want ErrSealed", i, err)
			}
			if _, err := key.UnsealBlob("c", blob[:i], []byte("ad")); !errors.Is(err, ErrSealed) {
				t.Errorf("cut at %d: got %v, want ErrSealed", i, err)
			}
		}
	}
	_, context := key.UnsealBlob("d", a, []byte("ad"))
	_, ad := key.UnsealBlob("c", a, nil)
	_, other := NewKey().UnsealBlob("c", a, []byte("ad"))
	for i, err := range []error{context, ad, other} {
		if !errors.Is(err, ErrSealed) {
			t.Errorf("case %d: got %v, want ErrSealed", i, err)
		}
	}
}

func TestSealedKeyIsTheSameKey(t *testing.T) {
	t.Parallel()
	outer, inner := NewKey(), NewKey()
	blob := outer.SealKey("log 1", inner)
	got, err := outer.UnsealKey("log 1", blob)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := got.File("x").Unseal(nil, inner.File("x").Seal(nil, []byte("p"), nil, 0), nil, 0); err != nil {
		t.Error(err)
	}
	if _, err := outer.UnsealKey("log 2", blob); !errors.Is(err, ErrSealed) {
		t.Errorf("another context: got %v, want ErrSealed", err)
	}
	if _, err := outer.UnsealKey("c", outer.SealBlob("key\x00c", []byte("short"), nil)); !errors.Is(err, ErrSealed) {
		t.Errorf("no key: got %v, want ErrSealed", err)
	}
}

func TestDestroyedKeyOpensNothing(t *testing.T) {
	t.Parallel()
	key := NewKey()
	sealed := key.File("x").Seal(nil, []byte("plain"), nil, 0)
	key.destroy()
	for _, k := range []Key{key, newKey(make([]byte, keySize))} {
		if _, err := k.File("x").Unseal(nil, sealed, nil, 0); !errors.Is(err, ErrSealed) {
			t.Errorf("got %v, want ErrSealed", err)
		}
	}
	after := key.File("x").Seal(nil, []byte("plain"), nil, 0)
	if _, err := newKey(make([]byte, keySize)).File("x").Unseal(nil, after, nil, 0); err == nil {
		t.Error("a destroyed key seals under zeros")
	}
}

func BenchmarkSeal(b *testing.B)   { benchmark(b, true) }
func BenchmarkUnseal(b *testing.B) { benchmark(b, false) }

func benchmark(b *testing.B, seal bool) {
	for _, size := range []int{256, 64 << 10} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			s := NewKey().File("x")
			plain := make([]byte, size)
			sealed := s.Seal(nil, plain, nil, 1)
			buf := make([]byte, 0, size+Overhead)
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				if seal {
					buf = s.Seal(buf[:0], plain, nil, 1)
				} else if _, err := s.Unseal(buf[:0], sealed, nil, 1); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkFile(b *testing.B) {
	key := NewKey()
	b.ReportAllocs()
	for b.Loop() {
		key.File("segment/sshd/2026-11-20/000-111.3")
	}
}

func TestTagsTellKeysContextsAndDataApart(t *testing.T) {
	t.Parallel()
	key, other := newKey(make([]byte, keySize)), NewKey()
	tags := map[[16]byte]bool{}
	for _, k := range []Key{key, other} {
		for _, context := range []string{"a", "b"} {
			for _, data := range []string{"", "x", "y"} {
				tags[k.Tag(context, []byte(data))] = true
			}
		}
	}
	if len(tags) != 12 {
		t.Errorf("%d tags of 12 differ", len(tags))
	}
	// HKDF-SHA256 of 32 zero bytes as docs/format.md says, by another implementation.
	if got, want := fmt.Sprintf("%x", key.Tag("a", []byte("x"))), "b5785edb645a2922c54a23a3a9c64e1e"; got != want {
		t.Errorf("tag %s, want %s", got, want)
	}
}
