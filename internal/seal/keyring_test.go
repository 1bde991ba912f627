package seal

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/llama-logs/llama/internal/fsys"
)

// master returns a master key that lies in memory.
func master(name string) *KeyFile { return &KeyFile{KindKeyFile, name, NewKey()} }

func open(t testing.TB, disk fsys.FS, m Master) *Keyring {
	t.Helper()
	k, err := OpenKeyring(disk, "keyring", m)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func key(t testing.TB, k *Keyring, id string) Key {
	t.Helper()
	got, err := k.Key(id)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// same reports whether two keys have the same bytes.
func same(a, b Key) bool { return bytes.Equal(a.append(nil), b.append(nil)) }

func TestKeysAreThereAfterOpening(t *testing.T) {
	t.Parallel()
	disk, m := fsys.NewMem(), master("m")
	k := open(t, disk, m)
	a, b := key(t, k, "a"), key(t, k, "b")
	if same(a, b) || !same(a, key(t, k, "a")) {
		t.Error("ids and keys do not go together")
	}
	k = open(t, disk.Crash(1), m)
	if !same(a, key(t, k, "a")) || !same(b, key(t, k, "b")) {
		t.Error("keys are others after opening")
	}
	if _, ok := k.Find("c"); ok {
		t.Error("Find made a key")
	}
	if got := k.IDs(); !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("IDs: %q", got)
	}
}

func TestDestroyRemovesKeys(t *testing.T) {
	t.Parallel()
	disk, m := fsys.NewMem(), master("m")
	k := open(t, disk, m)
	a, b := key(t, k, "a"), key(t, k, "b")
	secret := a.append(nil)
	held := a.File("x")
	sealed := held.Seal(nil, []byte("plain"), nil, 0)
	if err := k.Destroy("a", "never", "a"); err != nil {
		t.Fatal(err)
	}
	for what, s := range map[string]*Sealer{"key": a.File("x"), "sealer": held} {
		if _, err := s.Unseal(nil, sealed, nil, 0); !errors.Is(err, ErrDestroyed) || !errors.Is(err, ErrSealed) {
			t.Errorf("the %s of a destroyed key: got %v, want ErrDestroyed", what, err)
		}
	}
	if _, err := a.UnsealBlob("x", a.SealBlob("x", nil, nil), nil); !errors.Is(err, ErrDestroyed) {
		t.Errorf("a blob of a destroyed key: got %v, want ErrDestroyed", err)
	}
	if bytes.Equal(secret, a.append(nil)) {
		t.Error("the key's bytes are still in memory")
	}
	data := unsealed(t, disk, m)
	if bytes.Contains(data, secret) {
		t.Error("the key's bytes are still in the file")
	}
	if !bytes.Contains(data, b.append(nil)) {
		t.Error("the other key is not in the file")
	}
	if same(key(t, k, "a"), newKey(secret)) {
		t.Error("a key came back")
	}
}

// unsealed returns what a keyring's file and pages hold in plain.
func unsealed(t *testing.T, disk fsys.FS, m Master) []byte {
	t.Helper()
	r, err := decodeRing(raw(t, disk))
	if err != nil {
		t.Fatal(err)
	}
	k := Keyring{slots: r.slots, id: r.id}
	root, err := k.unwrap(m)
	if err != nil {
		t.Fatal(err)
	}
	plain, err := root.UnsealBlob(bodyContext, r.body, r.head)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := decodeKeys(plain)
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range pageFiles(t, disk) {
		for id, key := range keys {
			if strings.HasPrefix(id, pagePrefix) {
				inside, _ := key.UnsealBlob(pageContext, file.data[len(pageMagic)+1:], append([]byte(file.name), r.id...)) // nothing, if it is another's
				plain = append(plain, inside...)
			}
		}
	}
	return plain
}

func raw(t testing.TB, disk fsys.FS) []byte {
	t.Helper()
	data, err := fsys.ReadFile(disk, "keyring", maxKeyring)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestFileShowsNothing(t *testing.T) {
	t.Parallel()
	disk := fsys.NewMem()
	k := open(t, disk, master("m"))
	id := "collection/payroll/2026-11-20"
	secret := key(t, k, id).append(nil)
	for _, s := range [][]byte{[]byte("payroll"), []byte("2026-11"), secret, k.root.append(nil)} {
		if bytes.Contains(raw(t, disk), s) {
			t.Errorf("the file shows %q", s)
		}
	}
}

func TestWrongMasterKeyIsNamed(t *testing.T) {
	t.Parallel()
	disk := fsys.NewMem()
	open(t, disk, master("right"))
	_, err := OpenKeyring(disk, "keyring", master("the key file /etc/llama/wrong.key"))
	want := "wrong master key: the key file /etc/llama/wrong.key does not open the keyring keyring; its slots are key-file (key file)"
	if !errors.Is(err, ErrWrongKey) || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

func TestChangedFileIsRefused(t *testing.T) {
	t.Parallel()
	disk, m := fsys.NewMem(), master("m")
	k := open(t, disk, m)
	key(t, k, "a")
	data := raw(t, disk)
	refused := func(what string, data []byte) {
		t.Helper()
		other := fsys.NewMem()
		if err := fsys.Replace(other, "keyring", data); err != nil {
			t.Fatal(err)
		}
		_, err := OpenKeyring(other, "keyring", m)
		if err == nil || !strings.Contains(err.Error(), "keyring keyring") || errors.Is(err, ErrWrongKey) {
			t.Errorf("%s: got error %v", what, err)
		}
	}
	for i := range data {
		for _, bit := range []byte{1, 0x80, 0xff} {
			changed := bytes.Clone(data)
			changed[i] ^= bit
			refused(fmt.Sprintf("byte %d ^ %d", i, bit), changed)
		}
		refused(fmt.Sprintf("cut at %d", i), data[:i])
	}
	refused("a byte more", append(bytes.Clone(data), 0))
}

// TestForgedFileIsRefused changes bytes and makes the CRC right again, so that
// only authentication stands against it.
func TestForgedFileIsRefused(t *testing.T) {
	t.Parallel()
	disk, m := fsys.NewMem(), master("m")
	key(t, open(t, disk, m), "a")
	data := raw(t, disk)
	for i := range len(data) - 4 {
		forged := bytes.Clone(data[:len(data)-4])
		forged[i] ^= 1
		forged = binary.BigEndian.AppendUint32(forged, crc32.Checksum(forged, castagnoli))
		if err := new(Keyring).decode(forged, m); err == nil {
			t.Errorf("byte %d of %d may be changed", i, len(data))
		}
	}
}

func TestBodyOfAnotherKeyringIsRefused(t *testing.T) {
	t.Parallel()
	m := master("m")
	one, two := fsys.NewMem(), fsys.NewMem()
	k := open(t, one, m)
	key(t, k, "a")
	open(t, two, m)
	a, _ := decodeRing(raw(t, one))
	b, _ := decodeRing(raw(t, two))
	forged, err := encodeRing(b.id, a.slots, k.root, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := new(Keyring).decode(forged, m); err == nil {
		t.Error("a slot opens under another keyring's id")
	}
}

func TestBadIDsAreRefused(t *testing.T) {
	t.Parallel()
	k := open(t, fsys.NewMem(), master("m"))
	for _, id := range []string{"", strings.Repeat("x", maxKeyID+1)} {
		if _, err := k.Key(id); err == nil {
			t.Errorf("an id of %d bytes was taken", len(id))
		}
	}
	key(t, k, strings.Repeat("x", maxKeyID))
	key(t, k, "\x00\xff odd ids are fine")
}

func TestManyAskAtOnce(t *testing.T) {
	t.Parallel()
	disk, m := fsys.NewMem(), master("m")
	k := open(t, disk, m)
	var askers sync.WaitGroup
	var got [8][20]Key
	for i := range got {
		askers.Go(func() {
			for j := range got[i] {
				var err error
				if got[i][j], err = k.Key(fmt.Sprint(j)); err != nil {
					t.Error(err)
				}
				got[i][j].File("x")
				if err := k.Destroy(fmt.Sprint("none", i)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	askers.Wait()
	k = open(t, disk.Crash(0), m)
	for i := range got {
		for j := range got[i] {
			if !same(got[i][j], key(t, k, fmt.Sprint(j))) {
				t.Fatalf("asker %d has another key %d", i, j)
			}
		}
	}
}

func TestClosedKeyringIsEmpty(t *testing.T) {
	t.Parallel()
	disk, m := fsys.NewMem(), master("m")
	k := open(t, disk, m)
	a := key(t, k, "a")
	secret := a.append(nil)
	held := a.File("x")
	sealed := held.Seal(nil, []byte("plain"), nil, 0)
	if err := k.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := held.Unseal(nil, sealed, nil, 0); err != nil {
		t.Errorf("a sealer ends with its keyring: %v", err)
	}
	if bytes.Equal(secret, a.append(nil)) {
		t.Error("the key's bytes are still in memory")
	}
	if _, err := k.Key("a"); err == nil {
		t.Error("a closed keyring gave a key")
	}
	if !same(newKey(secret), key(t, open(t, disk, m), "a")) {
		t.Error("closing changed the file")
	}
}

func TestTenThousandKeys(t *testing.T) {
	t.Parallel()
	disk, m := fsys.NewMem(), master("m")
	k := open(t, disk, m)
	keys := map[string]Key{}
	for i := range 10_000 {
		keys[fmt.Sprintf("collection/sshd-%d/2026-11-%d", i, 20+i%3)] = Key{}
	}
	must(t, k.Make(slices.Collect(maps.Keys(keys))...))
	for id := range keys {
		found, _ := k.Find(id)
		keys[id] = newKey(found.append(nil))
	}
	k = open(t, disk, m)
	if len(k.IDs()) != 10_000 {
		t.Fatalf("%d keys", len(k.IDs()))
	}
	for id, want := range keys {
		if got, ok := k.Find(id); !ok || !same(got, want) {
			t.Fatalf("key %s is another", id)
		}
	}
	added := key(t, k, "one more")
	if err := k.Destroy(slices.Collect(func(yield func(string) bool) {
		for id := range keys {
			if !yield(id) {
				return
			}
		}
	})...); err != nil {
		t.Fatal(err)
	}
	k = open(t, disk, m)
	if got := k.IDs(); !slices.Equal(got, []string{"one more"}) || !same(added, key(t, k, "one more")) {
		t.Errorf("IDs: %q", got)
	}
}

func FuzzKeyring(f *testing.F) {
	disk, m, other := fsys.NewMem(), master("m"), master("other")
	k := open(f, disk, m)
	f.Add(raw(f, disk))
	key(f, k, "a")
	f.Add(raw(f, disk))
	must(f, k.AddSlot("other", cheap("a passphrase of a test")))
	f.Add(raw(f, disk))
	f.Add([]byte(magic + "\x01"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 4 { // or hardly any input would get behind the CRC
			data = data[:len(data)-4]
			data = binary.BigEndian.AppendUint32(data, crc32.Checksum(data, castagnoli))
		}
		r, err := decodeRing(data)
		for _, s := range r.slots {
			if by, blob, err := decodeKDF(s.wrapped[1:]); err == nil && !bytes.Equal(append(by.append(nil), blob...), s.wrapped[1:]) {
				t.Errorf("the slot of a passphrase does not come back: %x", s.wrapped)
			}
		}
		if err == nil && len(r.head)+4+len(r.body)+4 != len(data) {
			t.Errorf("%d bytes of head and %d of body in %d", len(r.head), len(r.body), len(data))
		}
		if new(Keyring).decode(data, other) == nil {
			t.Error("a keyring opens with another master key")
		}
	})
}

func FuzzKeys(f *testing.F) {
	f.Add(encodeKeys(nil))
	f.Add(encodeKeys(map[string]Key{"a": NewKey(), "b": NewKey()}))
	f.Fuzz(func(t *testing.T, data []byte) {
		keys, err := decodeKeys(data)
		if err == nil && !bytes.Equal(encodeKeys(keys), data) {
			t.Errorf("%q is not the form of its %d keys", data, len(keys))
		}
	})
}

func BenchmarkKey(b *testing.B) {
	k := open(b, fsys.NewMem(), master("m"))
	key(b, k, "a")
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := k.Key("a"); err != nil {
				b.Error(err)
			}
		}
	})
}

// TestMakeWritesOnce makes many keys, of which some are there: the file is written
// once, and all are there after a crash.
func TestMakeWritesOnce(t *testing.T) {
	t.Parallel()
	disk := fsys.NewMem()
	fault := fsys.NewFault(disk)
	m := master("m")
	k := open(t, fault, m)
	before, err := k.Key("b")
	if err != nil {
		t.Fatal(err)
	}
	fault.Set(fsys.Plan{Only: fsys.OpRename})
	for range 2 {
		if err := k.Make("a", "b", "c"); err != nil {
			t.Fatal(err)
		}
	}
	if n := fault.Count(); n != 1 {
		t.Errorf("written %d times for two new keys, want once", n)
	}
	if err := k.Make("d", ""); err == nil {
		t.Error("a key without an id was made")
	}
	k = open(t, disk.Crash(1), m)
	if got := k.IDs(); !slices.Equal(got, []string{"a", "b", "c"}) {
		t.Errorf("keys after a crash: %q", got)
	}
	if after, _ := k.Find("b"); !bytes.Equal(after.append(nil), before.append(nil)) {
		t.Error("a key that was there has changed")
	}
}
