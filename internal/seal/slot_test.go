package seal

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/llama-logs/llama/internal/fsys"
)

func TestSlotsAreAddedAndRemoved(t *testing.T) {
	t.Parallel()
	disk, one, two := fsys.NewMem(), master("one"), cheap("the second of two")
	k := open(t, disk, one)
	a := key(t, k, "a")
	must(t, k.AddSlot("two", two))
	for _, m := range []Master{one, two} {
		if !same(a, key(t, open(t, disk, m), "a")) {
			t.Errorf("another key under %s", m)
		}
	}
	if err := k.AddSlot("two", master("three")); !errors.Is(err, ErrSlotThere) {
		t.Errorf("a name that is taken: got %v", err)
	}
	for _, name := range []string{"", "Safe", "a b", "a/b", strings.Repeat("x", 65), "ö"} {
		if err := k.AddSlot(name, master("three")); err == nil {
			t.Errorf("a slot is called %q", name)
		}
	}
	if err := k.RemoveSlot("three", one); !errors.Is(err, ErrNoSlot) {
		t.Errorf("a slot that is not there: got %v", err)
	}
	if err := k.RemoveSlot("key-file", one); !errors.Is(err, ErrOwnSlot) {
		t.Errorf("its own slot: got %v", err)
	}
	must(t, k.RemoveSlot("key-file", two))
	if _, err := OpenKeyring(disk, "keyring", one); !errors.Is(err, ErrWrongKey) {
		t.Errorf("a removed master key: got %v", err)
	}
	if err := k.RemoveSlot("two", two); !errors.Is(err, ErrOwnSlot) {
		t.Errorf("the last slot: got %v", err)
	}
	if !same(a, key(t, open(t, disk, two), "a")) {
		t.Error("another key under the slot that is left")
	}
}

// unknown is a master key of a kind that this version does not know.
type unknown struct{ Key }

func (u unknown) Kind() Kind     { return 77 }
func (u unknown) String() string { return "something else" }
func (u unknown) Wrap(plain, ad []byte) ([]byte, error) {
	return append([]byte{77}, u.SealBlob("p", plain, ad)...), nil
}
func (u unknown) Unwrap(wrapped, ad []byte) ([]byte, error) {
	return u.UnsealBlob("p", wrapped[1:], ad)
}

func TestSlotsOfOtherKindsAreKept(t *testing.T) {
	t.Parallel()
	disk, file, other := fsys.NewMem(), master("m"), unknown{NewKey()}
	must(t, open(t, disk, file).AddSlot("other", other))
	a := key(t, open(t, disk, file), "a")
	if !same(a, key(t, open(t, disk, other), "a")) {
		t.Error("the slot of another kind does not open")
	}
	if got := open(t, disk, file).Slots()[1].Kind.String(); got != "kind 77, which this program does not know" {
		t.Errorf("its kind is %q", got)
	}
}

func TestTooManySlotsAreRefused(t *testing.T) {
	t.Parallel()
	disk, m := fsys.NewMem(), master("m")
	k := open(t, disk, m)
	for i := range 254 {
		must(t, k.AddSlot(fmt.Sprint(i), m))
	}
	if err := k.AddSlot("too many", m); err == nil {
		t.Error("256 slots were taken")
	}
	if n := len(open(t, disk, m).Slots()); n != 255 {
		t.Errorf("%d slots are left", n)
	}
}

func TestRekeyShutsOutOldCopies(t *testing.T) {
	t.Parallel()
	disk, one, gone, two := fsys.NewMem(), master("one"), master("gone"), cheap("the second of two")
	k := open(t, disk, one)
	a := key(t, k, "a")
	must(t, k.AddSlot("gone", gone))
	must(t, k.AddSlot("two", two))
	must(t, k.RemoveSlot("gone", one))
	root := newKey(k.root.append(nil)) // who had an old copy and the key that is gone has this
	must(t, k.AddSlot("third", master("third")))
	err := k.Rekey(one, two)
	if !errors.Is(err, ErrSlotClosed) || !strings.HasSuffix(err.Error(), ": third (key file)") {
		t.Errorf("a slot that nobody opens: got %v", err)
	}
	must(t, k.RemoveSlot("third", one))
	r, err := decodeRing(raw(t, disk))
	must(t, err)
	if _, err := root.UnsealBlob(bodyContext, r.body, r.head); err != nil {
		t.Fatalf("the old root key does not open before: %v", err)
	}
	must(t, k.Rekey(two, one))
	if r, err = decodeRing(raw(t, disk)); err != nil {
		t.Fatal(err)
	}
	if _, err := root.UnsealBlob(bodyContext, r.body, r.head); err == nil {
		t.Error("the old root key still opens")
	}
	b := key(t, k, "b")
	for _, m := range []Master{one, two} {
		k := open(t, disk, m)
		if !same(a, key(t, k, "a")) || !same(b, key(t, k, "b")) {
			t.Errorf("another key under %s", m)
		}
		if got := k.Slots(); !slices.Equal(got, []Slot{{"key-file", KindKeyFile}, {"two", KindPassphrase}}) {
			t.Errorf("slots: %v", got)
		}
	}
	if _, err := OpenKeyring(disk, "keyring", gone); !errors.Is(err, ErrWrongKey) {
		t.Errorf("a removed master key: got %v", err)
	}
}

// TestSlotsChangeWholeOrNot lets each file operation of a change be the last, and
// looks that the keyring is as before or as after, with all its keys.
func TestSlotsChangeWholeOrNot(t *testing.T) {
	t.Parallel()
	one, two, three := master("one"), cheap("the second of two"), master("three")
	changes := map[string]func(*Keyring) error{
		"add":    func(k *Keyring) error { return k.AddSlot("three", three) },
		"remove": func(k *Keyring) error { return k.RemoveSlot("two", one) },
		"rekey":  func(k *Keyring) error { return k.Rekey(one, two) },
	}
	for name, change := range changes {
		for _, plan := range []fsys.Plan{{Then: -1}, {Then: -1, Partial: 0.7}, {Then: -1, Done: true}, {}, {Done: true}} {
			for plan.At = 1; ; plan.At++ {
				failed := false
				for seed := range uint64(10) {
					disk := fsys.NewMem()
					fault := fsys.NewFault(disk)
					k := open(t, fault, one)
					must(t, k.AddSlot("two", two))
					want := key(t, k, "a").append(nil)
					before := k.Slots()
					fault.Set(plan)
					err := change(k)
					failed = err != nil
					what := fmt.Sprintf("%s, %+v, seed %d", name, plan, seed)
					if failed && !slices.Equal(k.Slots(), before) {
						t.Fatalf("%s: it failed and the slots are %v", what, k.Slots())
					}
					if failed && plan.Then == 0 { // the process goes on
						key(t, k, "later")
					}
					after := disk.Crash(seed)
					slots, err := ReadSlots(after, "keyring")
					must(t, err)
					if failed && plan.Then == 0 && !slices.Equal(slots, before) {
						t.Fatalf("%s: the file has slots %v", what, slots)
					}
					if name != "rekey" && !failed && slices.Equal(slots, before) {
						t.Fatalf("%s: it is lost", what)
					}
					for _, s := range slots {
						m := map[string]Master{"key-file": one, "two": two, "three": three}[s.Name]
						k, err := OpenKeyring(after, "keyring", m)
						if err != nil {
							t.Fatalf("%s: slot %s: %v", what, s.Name, err)
						}
						if got := key(t, k, "a").append(nil); !slices.Equal(got, want) {
							t.Fatalf("%s: slot %s: the key is another", what, s.Name)
						}
					}
				}
				if !failed {
					break
				}
			}
		}
	}
}

// TestSlotsAreLikeASet adds, removes and renews slots of all kinds in any order,
// with crashes between.
func TestSlotsAreLikeASet(t *testing.T) {
	t.Parallel()
	masters := map[string]Master{
		"key-file": master("0"), "a": master("a"), "b": cheap("passphrase b of all"), "c": cheap("passphrase c of all"),
		"d": &KeyFile{KindCredential, "d", NewKey()}, "e": unknown{NewKey()},
	}
	names := slices.Sorted(maps.Keys(masters))
	for seed := range uint64(20) {
		rng := rand.New(rand.NewPCG(seed, 2))
		disk := fsys.NewMem()
		k := open(t, disk, masters["key-file"])
		want := key(t, k, "a").append(nil)
		there := map[string]bool{"key-file": true}
		for step := range 60 {
			what := fmt.Sprintf("seed %d, step %d", seed, step)
			name := names[rng.IntN(len(names))]
			by := slices.Sorted(maps.Keys(there))[rng.IntN(len(there))]
			switch rng.IntN(4) {
			case 0:
				if err := k.AddSlot(name, masters[name]); (err == nil) == there[name] {
					t.Fatalf("%s: add %s: %v", what, name, err)
				}
				there[name] = true
			case 1:
				if err := k.RemoveSlot(name, masters[by]); (err == nil) != (there[name] && by != name) {
					t.Fatalf("%s: remove %s by %s of %v: %v", what, name, by, there, err)
				} else if err == nil {
					delete(there, name)
				}
			case 2:
				given := []Master{masters[by], masters[name]}
				err := k.Rekey(given...)
				if all := len(there) == 1 || len(there) == 2 && there[name] && by != name; all != (err == nil) {
					t.Fatalf("%s: rekey by %s and %s of %v: %v", what, by, name, there, err)
				}
			default:
				disk = disk.Crash(rng.Uint64())
				k = open(t, disk, masters[by])
			}
			for name, m := range masters {
				k, err := OpenKeyring(disk, "keyring", m)
				if there[name] != (err == nil) {
					t.Fatalf("%s: slot %s there: %v; opening: %v", what, name, there[name], err)
				}
				if err == nil && !slices.Equal(key(t, k, "a").append(nil), want) {
					t.Fatalf("%s: slot %s: the key is another", what, name)
				}
			}
		}
	}
}
