package auth

import (
	"strings"
	"testing"
)

func TestHashHoldsItsParameters(t *testing.T) {
	t.Parallel()
	h := newHasher(cheap)
	stored, err := h.hash(t.Context(), evas)
	if err != nil || !strings.HasPrefix(stored, "$argon2id$v=19$m=64,t=1,p=1$") {
		t.Fatalf("got %q, %v", stored, err)
	}
	again, err := h.hash(t.Context(), evas)
	if err != nil || again == stored {
		t.Errorf("two hashes of a password are the same: %q, %v", again, err)
	}
	dearer := newHasher(cost{memory: 128, passes: 2, threads: 1}) // a later version's
	for password, want := range map[string]bool{evas: true, evas + " ": false, "": false} {
		if got, err := dearer.matches(t.Context(), stored, password); got != want || err != nil {
			t.Errorf("%q: got %v, %v", password, got, err)
		}
	}
	if got, err := h.matches(t.Context(), "", ""); got || err != nil {
		t.Errorf("no hash: got %v, %v", got, err)
	}
}

func FuzzParseHash(f *testing.F) {
	f.Add(newHasher(cheap).dummy)
	f.Add("$argon2id$v=19$m=4294967295,t=1,p=1$AAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA")
	f.Fuzz(func(t *testing.T, stored string) {
		c, salt, key, err := parseHash(stored)
		if err == nil && (c.memory > maxMemory || c.passes > maxPasses || len(salt) > 64 || len(key) > 64) {
			t.Errorf("%q asks for %+v", stored, c)
		}
	})
}

func BenchmarkHash(b *testing.B) {
	h := newHasher(defaultCost)
	for b.Loop() {
		if _, err := h.hash(b.Context(), evas); err != nil {
			b.Fatal(err)
		}
	}
}
