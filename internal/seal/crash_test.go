package seal

import (
	"bytes"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/llama-logs/llama/internal/fsys"
)

// promises is what a keyring's callers have been told.
type promises struct {
	keys      map[string][]byte // returned, by id
	destroyed [][]byte
	unsure    map[string]bool // Destroy failed: both is right
}

// idOf returns the n-th id: some have pages, of which two keys share one.
func idOf(n int) string {
	if n%3 == 0 {
		return fmt.Sprint("day ", n)
	}
	return fmt.Sprintf("collection/%d/%d", n, n%2)
}

// use asks for keys and destroys some, until an operation fails, and returns what
// was promised.
func use(disk fsys.FS, m Master) (*promises, error) {
	p := &promises{keys: map[string][]byte{}, unsure: map[string]bool{}}
	k, err := OpenKeyring(disk, "keyring", m)
	if err != nil {
		return p, err
	}
	for i := range 6 {
		id := idOf(i)
		key, err := k.Key(id)
		if err != nil {
			return p, err
		}
		p.keys[id] = key.append(nil)
		if i < 2 {
			continue
		}
		old := idOf(i - 2)
		secret := p.keys[old]
		if err := k.Destroy(old); err != nil {
			p.unsure[old] = true
			return p, err
		}
		delete(p.keys, old)
		p.destroyed = append(p.destroyed, secret)
	}
	return p, nil
}

// check opens the keyring after a crash and looks whether promises were kept.
func (p *promises) check(t *testing.T, what string, disk fsys.FS, m Master) {
	t.Helper()
	k, err := OpenKeyring(disk, "keyring", m)
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	for id, want := range p.keys {
		got, ok := k.Find(id)
		if !ok && !p.unsure[id] || ok && !bytes.Equal(got.append(nil), want) {
			t.Fatalf("%s: key %s was returned; found %v, or another", what, id, ok)
		}
	}
	plain := unsealed(t, disk, m)
	for _, secret := range p.destroyed {
		if bytes.Contains(plain, secret) {
			t.Fatalf("%s: a destroyed key is in the file", what)
		}
	}
	if _, err := k.Key("after"); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	if _, err := disk.Stat("keyring.tmp"); err == nil {
		t.Fatalf("%s: keyring.tmp is left", what)
	}
}

func TestCrashAtEveryOperationKeepsPromises(t *testing.T) {
	t.Parallel()
	m := master("m")
	for _, plan := range []fsys.Plan{{Then: -1}, {Then: -1, Partial: 0.7}, {Then: -1, Done: true}} {
		for plan.At = 1; ; plan.At++ {
			done := false
			for seed := range uint64(10) {
				disk := fsys.NewMem()
				fault := fsys.NewFault(disk)
				fault.Set(plan)
				p, err := use(fault, m)
				done = err == nil
				p.check(t, fmt.Sprintf("%+v, seed %d", plan, seed), disk.Crash(seed), m)
			}
			if done {
				break
			}
		}
	}
}

// TestPowerCutAfterAKill looks that what a killed process left half done is
// durable before it is built on.
func TestPowerCutAfterAKill(t *testing.T) {
	t.Parallel()
	m := master("m")
	for at, failed := 1, true; failed; at++ {
		for seed := range uint64(20) {
			disk := fsys.NewMem()
			fault := fsys.NewFault(disk)
			fault.Set(fsys.Plan{At: at, Then: -1})
			_, err := use(fault, m)
			failed = err != nil
			disk = disk.Kill()
			k := open(t, disk, m)
			p := promises{keys: map[string][]byte{}}
			for _, id := range k.IDs() {
				p.keys[id] = key(t, k, id).append(nil)
			}
			p.check(t, fmt.Sprintf("operation %d, seed %d", at, seed), disk.Crash(seed), m)
		}
	}
}

// TestKeyringGoesOnAfterAFault lets one operation fail and goes on in the same
// process; then the power is cut.
func TestKeyringGoesOnAfterAFault(t *testing.T) {
	t.Parallel()
	m := master("m")
	for _, done := range []bool{false, true} {
		for at, failed := 1, true; failed; at++ {
			for seed := range uint64(10) {
				disk := fsys.NewMem()
				fault := fsys.NewFault(disk)
				k := open(t, fault, m)
				keep := key(t, k, "keep/a/1").append(nil)
				lost := key(t, k, "lose/a/1").append(nil)
				fault.Set(fsys.Plan{At: at, Done: done, Partial: 0.5})
				if _, err := k.Key("new/a/1"); err != nil {
					if _, ok := k.Find("new/a/1"); ok {
						t.Fatalf("operation %d: Key failed and the key is there", at)
					}
				}
				fresh := key(t, k, "new/a/1").append(nil)
				for k.Destroy("lose/a/1") != nil {
					if _, ok := k.Find("lose/a/1"); !ok {
						t.Fatalf("operation %d: Destroy failed and the key is gone", at)
					}
				}
				failed = fault.Failed()
				p := promises{keys: map[string][]byte{"keep/a/1": keep, "new/a/1": fresh}, destroyed: [][]byte{lost}}
				p.check(t, fmt.Sprintf("operation %d, done %v, seed %d", at, done, seed), disk.Crash(seed), m)
			}
		}
	}
}

// TestKeyThatWasToBeDestroyedComesBack lets Destroy fail, of which nobody knows what
// it did to the file, and then asks for the key: what is sealed under it from then on
// can be opened.
func TestKeyThatWasToBeDestroyedComesBack(t *testing.T) {
	t.Parallel()
	m := master("m")
	for at, failed := 1, true; failed; at++ {
		for seed := range uint64(10) {
			disk := fsys.NewMem()
			fault := fsys.NewFault(disk)
			k := open(t, fault, m)
			key(t, k, "c/a/day")
			fault.Set(fsys.Plan{At: at})
			if failed = k.Destroy("c/a/day") != nil; !failed {
				continue
			}
			want := key(t, k, "c/a/day").append(nil)
			p := promises{keys: map[string][]byte{"c/a/day": want}}
			p.check(t, fmt.Sprintf("operation %d, seed %d", at, seed), disk.Crash(seed), m)
		}
	}
}

func TestFullDiskLosesNoKey(t *testing.T) {
	t.Parallel()
	m := master("m")
	disk := fsys.NewMem()
	k := open(t, disk, m)
	a := key(t, k, "a")
	disk.SetFree(50)
	if _, err := k.Key("b"); err == nil {
		t.Error("a key was made on a full disk")
	}
	if !same(a, key(t, open(t, disk, m), "a")) {
		t.Error("the key is lost")
	}
	disk.SetFree(10_000)
	b := key(t, k, "b")
	k = open(t, disk.Crash(1), m)
	if !same(a, key(t, k, "a")) || !same(b, key(t, k, "b")) {
		t.Error("keys are lost")
	}
}

// TestKeyringIsLikeAMap does random things, some of them in vain.
func TestKeyringIsLikeAMap(t *testing.T) {
	t.Parallel()
	for seed := range uint64(20) {
		rng := rand.New(rand.NewPCG(seed, 1))
		disk, m := fsys.NewMem(), master("m")
		k := open(t, disk, m)
		want := map[string]Key{}
		for step := range 60 {
			id := idOf(rng.IntN(12))
			switch rng.IntN(6) {
			case 5:
				must(t, k.Rekey(m))
			case 0:
				must(t, k.Destroy(id))
				delete(want, id)
			case 1:
				disk = disk.Crash(rng.Uint64())
				k = open(t, disk, m)
			default:
				got := key(t, k, id)
				if old, ok := want[id]; ok && !same(old, got) {
					t.Fatalf("seed %d, step %d: key %s is another", seed, step, id)
				}
				want[id] = newKey(got.append(nil))
			}
			if got := k.IDs(); !slices.Equal(got, slices.Sorted(maps.Keys(want))) {
				t.Fatalf("seed %d, step %d: ids %q", seed, step, got)
			}
		}
	}
}

func TestKeyringOnTheRealDisk(t *testing.T) {
	t.Parallel()
	disk, err := fsys.Dir(t.TempDir())
	must(t, err)
	defer disk.Close()
	m := master("m")
	a := key(t, open(t, disk, m), "a")
	if !same(a, key(t, open(t, disk, m), "a")) {
		t.Error("the key is another")
	}
	info, err := disk.Stat("keyring")
	must(t, err)
	if info.Mode() != fs.FileMode(0o600) {
		t.Errorf("the keyring has mode %s", info.Mode())
	}
}
