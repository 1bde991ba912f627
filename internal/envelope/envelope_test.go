package envelope

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/llama-logs/llama/internal/fsys"
	"github.com/llama-logs/llama/internal/seal"
)

func identity(t testing.TB) *Identity {
	t.Helper()
	i, err := NewIdentity()
	if err != nil {
		t.Fatal(err)
	}
	return i
}

// pair returns two parties as they see each other.
func pair(t testing.TB) (ab, ba *Peer) {
	a, b := identity(t), identity(t)
	return a.Peer(b.Public()), b.Peer(a.Public())
}

func sealed(t testing.TB, p *Peer, h Header, body string) []byte {
	t.Helper()
	data, err := p.Seal(h, []byte(body))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestOpenReturnsWhatWasSealed(t *testing.T) {
	t.Parallel()
	ab, ba := pair(t)
	want := Header{Kind: 3, Query: [16]byte{1, 2, 3}, Attempt: 4, Frame: 1 << 40}
	for _, body := range []string{"", "planted", string(make([]byte, 1<<20))} {
		data := sealed(t, ab, want, body)
		if len(data) != len(body)+Overhead {
			t.Errorf("%d bytes around a body of %d, want %d", len(data), len(body), len(body)+Overhead)
		}
		if body != "" && bytes.Contains(data, []byte(body)) {
			t.Error("the body is in clear")
		}
		h, got, err := ba.Open(data)
		if err != nil || string(got) != body {
			t.Fatalf("got %d bytes, %v; want %d", len(got), err, len(body))
		}
		if age := time.Since(h.Made); age < 0 || age > time.Minute {
			t.Errorf("made %v ago", age)
		}
		h.Made = time.Time{}
		if d := cmp.Diff(want, h); d != "" {
			t.Errorf("-want +got\n%s", d)
		}
	}
}

func TestEveryFlippedByteIsRefused(t *testing.T) {
	t.Parallel()
	ab, ba := pair(t)
	data := sealed(t, ab, Header{Kind: 1}, "some text")
	for i := range data {
		for _, flip := range []byte{0x01, 0x80, 0xff} {
			data[i] ^= flip
			if _, _, err := ba.Open(data); !errors.Is(err, ErrForged) && !errors.Is(err, ErrMalformed) {
				t.Errorf("byte %d ^ %#x: got %v, want a refusal", i, flip, err)
			}
			data[i] ^= flip
		}
	}
	for n := range data {
		if _, _, err := ba.Open(data[:n]); err == nil {
			t.Errorf("the first %d bytes were taken", n)
		}
	}
	if _, _, err := ba.Open(append(data, 0)); err == nil {
		t.Error("a longer one was taken")
	}
	if _, _, err := ba.Open(data); err != nil {
		t.Errorf("the right one: %v", err)
	}
}

func TestOthersCannotSendReadOrRedirect(t *testing.T) {
	t.Parallel()
	a, b, c := identity(t), identity(t), identity(t)
	data := sealed(t, a.Peer(b.Public()), Header{}, "text")
	tests := []struct {
		name string
		as   *Peer
		data []byte
	}{
		{"another receiver", c.Peer(a.Public()), data},
		{"taken for another's", b.Peer(c.Public()), data},
		{"back to its sender", a.Peer(b.Public()), data},
		{"signed anew by another", b.Peer(c.Public()), resigned(data, c)},
	}
	for _, tt := range tests {
		if _, _, err := tt.as.Open(tt.data); !errors.Is(err, ErrForged) {
			t.Errorf("%s: got %v, want %v", tt.name, err, ErrForged)
		}
	}
}

// resigned is data as if by sent it.
func resigned(data []byte, by *Identity) []byte {
	data = bytes.Clone(data[:len(data)-64])
	copy(data[3:], by.ID())
	return append(data, ed25519.Sign(by.sign, toSign(data))...)
}

func TestRepeatsAreRefused(t *testing.T) {
	t.Parallel()
	ab, ba := pair(t)
	var all [][]byte
	for range windowBits + 10 {
		all = append(all, sealed(t, ab, Header{}, "text"))
	}
	open := func(n int, want error) {
		t.Helper()
		if _, _, err := ba.Open(all[n]); !errors.Is(err, want) {
			t.Errorf("envelope %d: got %v, want %v", n, err, want)
		}
	}
	open(5, nil)
	open(5, ErrReplay)
	open(3, nil) // late, and new
	open(3, ErrReplay)
	last := len(all) - 1
	open(last, nil)
	open(last, ErrReplay)
	open(4, ErrReplay) // so late that nobody knows
	open(last-windowBits+1, nil)
	open(last-windowBits, ErrReplay)
	for n := last - windowBits + 2; n < last; n++ {
		open(n, nil)
		open(n, ErrReplay)
	}
}

func TestExpiredAreRefusedAndThenForgotten(t *testing.T) {
	t.Parallel()
	ab, ba := pair(t)
	synctest.Test(t, func(t *testing.T) {
		first, second := sealed(t, ab, Header{}, "text"), sealed(t, ab, Header{}, "text")
		if _, _, err := ba.Open(first); err != nil {
			t.Fatal(err)
		}
		time.Sleep(Lifetime + MaxSkew)
		if _, _, err := ba.Open(first); !errors.Is(err, ErrReplay) {
			t.Errorf("a repeat just in time: got %v, want %v", err, ErrReplay)
		}
		time.Sleep(time.Second)
		if _, _, err := ba.Open(second); !errors.Is(err, ErrExpired) {
			t.Errorf("a second too late: got %v, want %v", err, ErrExpired)
		}
		again := (&Identity{public: ab.own.public, sign: ab.own.sign, seal: ab.own.seal, epoch: 7}).Peer(ab.peer)
		if _, _, err := ba.Open(sealed(t, again, Header{}, "text")); err != nil {
			t.Errorf("after a new start of the sender: %v", err)
		}
		if n := len(ba.seen.epochs); n != 1 {
			t.Errorf("%d epochs are remembered, want 1", n)
		}
	})
}

func TestClocksMayBeOff(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		ahead time.Duration // the sender, or it was under way for so long
		want  error
	}{
		{time.Hour, nil}, {-time.Hour, nil}, {MaxSkew - time.Minute, nil}, {-MaxSkew - Lifetime + time.Minute, nil},
		{MaxSkew + time.Minute, ErrExpired}, {-MaxSkew - Lifetime - time.Minute, ErrExpired},
	} {
		ab, ba := pair(t)
		data := sealedAt(t, ab, time.Now().Add(tt.ahead))
		h, _, err := ba.Open(data)
		if !errors.Is(err, tt.want) {
			t.Errorf("a clock %s ahead: got %v, want %v", tt.ahead, err, tt.want)
		}
		if off := h.Made.Sub(time.Now()) - tt.ahead; err == nil && off.Abs() > time.Minute {
			t.Errorf("a clock %s ahead: it was made %s later than it says", tt.ahead, off)
		}
		if _, _, err := ba.Open(data); tt.want == nil && !errors.Is(err, ErrReplay) {
			t.Errorf("a repeat of a clock %s ahead: got %v, want %v", tt.ahead, err, ErrReplay)
		}
	}
}

// sealedAt is an envelope of a sender whose clock says made.
func sealedAt(t *testing.T, p *Peer, made time.Time) []byte {
	t.Helper()
	data, err := p.sealAt(Header{}, []byte("text"), made)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestIdentityStaysTheSame(t *testing.T) {
	t.Parallel()
	disk := fsys.NewMem()
	keys := keyring(t)
	first, err := OpenIdentity(disk, "identity", keys)
	if err != nil {
		t.Fatal(err)
	}
	second, err := OpenIdentity(disk, "identity", keys)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(first.Public().Bytes(), second.Public().Bytes()) || first.ID() != second.ID() || len(first.ID()) != idSize {
		t.Errorf("got %s, then %s", first.ID(), second.ID())
	}
	if first.epoch == second.epoch {
		t.Error("two starts have one epoch")
	}
	peer := identity(t)
	if _, _, err := second.Peer(peer.Public()).Open(sealed(t, peer.Peer(first.Public()), Header{}, "text")); err != nil {
		t.Error(err)
	}
	data, err := fsys.ReadFile(disk, "identity", maxFile)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(data, first.sign.Seed()[:8]) {
		t.Error("the file holds the key in clear")
	}
	if _, err := OpenIdentity(disk, "identity", keyring(t)); !errors.Is(err, seal.ErrSealed) {
		t.Errorf("opened with another keyring: %v", err)
	}
}

// keyring opens a keyring in memory.
func keyring(t *testing.T) *seal.Keyring {
	t.Helper()
	file := filepath.Join(t.TempDir(), "master.key")
	if _, err := seal.CreateKeyFile(file); err != nil {
		t.Fatal(err)
	}
	master, err := seal.OpenKeyFile(file)
	if err != nil {
		t.Fatal(err)
	}
	ring, err := seal.OpenKeyring(fsys.NewMem(), "keyring", master)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ring.Close() })
	return ring
}

func FuzzOpen(f *testing.F) {
	ab, ba := pair(f)
	data := sealed(f, ab, Header{Kind: 1}, "some text")
	f.Add(data)
	f.Add(data[:Overhead])
	f.Add([]byte("LE\x01"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if _, _, err := ba.Open(data); err == nil && string(data[3:3+idSize]) != ab.own.ID() {
			t.Errorf("taken: %x", data)
		}
	})
}

func FuzzParsePublic(f *testing.F) {
	f.Add(identity(f).Public().Bytes())
	f.Fuzz(func(t *testing.T, data []byte) {
		if p, err := ParsePublic(data); err == nil && !bytes.Equal(p.Bytes(), data) {
			t.Errorf("%x became %x", data, p.Bytes())
		}
	})
}

func BenchmarkSealOpen(b *testing.B) {
	ab, ba := pair(b)
	body := make([]byte, 1<<10)
	for b.Loop() {
		data, err := ab.Seal(Header{}, body)
		if err != nil {
			b.Fatal(err)
		}
		if _, _, err := ba.Open(data); err != nil {
			b.Fatal(err)
		}
	}
}
