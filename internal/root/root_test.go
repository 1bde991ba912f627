package root

import (
	"bytes"
	"crypto/aes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/column"
)

// rows makes n events of a few shapes.
func rows(n int) []column.Row {
	rng := rand.New(rand.NewPCG(1, uint64(n)))
	list := []*column.Shape{
		{Source: "udp 192.0.2.7"},
		{Source: "udp 192.0.2.7", Names: []string{"user.name", "source.ip", "a"}, Kinds: []llama.Kind{llama.String, llama.String, llama.Number}},
		{Names: []string{"b"}, Kinds: []llama.Kind{llama.Null}},
	}
	all := make([]column.Row, n)
	for i := range all {
		s := list[rng.IntN(len(list))]
		all[i] = column.Row{
			Time: llama.Time(rng.Int64()), Ingested: llama.Time(rng.Int64()), Seq: uint64(3*i + 7),
			Message: fmt.Sprint("message ", rng.IntN(9)), Shape: s,
		}
		for range s.Names {
			all[i].Values = append(all[i].Values, fmt.Sprint(rng.IntN(100)))
		}
	}
	return all
}

func rootOf(all []column.Row) Root {
	h := NewHasher("c")
	for i := range all {
		h.Add(&all[i])
	}
	return h.Root()
}

// again reports whether r is the root of rows.
func again(r Root, all []column.Row) bool {
	h := NewHasher("c")
	h.Again(r)
	for i := range all {
		h.Add(&all[i])
	}
	return h.Matches(r)
}

// plainly computes a root as docs/format.md and RFC 6962 describe it.
func plainly(salt [SaltSize]byte, all []column.Row) (hash [32]byte) {
	var events [][]byte
	for i := range all {
		var counter [16]byte
		binary.BigEndian.PutUint64(counter[8:], uint64(i))
		block, _ := aes.NewCipher(salt[:])
		block.Encrypt(counter[:], counter[:])
		str := func(s string) string { return string(binary.AppendUvarint(nil, uint64(len(s)))) + s }
		number := func(n uint64) string { return string(binary.BigEndian.AppendUint64(nil, n)) }
		r := &all[i]
		values := map[string]string{}
		kinds := map[string]llama.Kind{}
		for j, name := range r.Shape.Names {
			values[name], kinds[name] = r.Values[j], r.Shape.Kinds[j]
		}
		names := slices.Clone(r.Shape.Names)
		slices.Sort(names)
		names = slices.Compact(names)
		shape := str("c") + str(r.Shape.Source) + string(binary.AppendUvarint(nil, uint64(len(names))))
		tail := str(r.Message)
		for _, name := range names {
			shape += str(name) + string([]byte{byte(kinds[name])})
			tail += str(values[name])
		}
		digest := sha256.Sum256([]byte(shape))
		events = append(events, []byte("\x02"+string(counter[:])+number(r.Seq)+number(uint64(r.Time))+number(uint64(r.Ingested))+string(digest[:])+tail))
	}
	var leaves [][]byte
	for leaf := range slices.Chunk(events, 16) {
		var hashes []byte
		for _, event := range leaf {
			hash := sha256.Sum256(event)
			hashes = append(hashes, hash[:]...)
		}
		leaves = append(leaves, hashes)
	}
	var tree func([][]byte) [32]byte
	tree = func(d [][]byte) [32]byte {
		if len(d) == 1 {
			return sha256.Sum256(append([]byte{0}, d[0]...))
		}
		k := 1
		for 2*k < len(d) {
			k *= 2
		}
		left, right := tree(d[:k]), tree(d[k:])
		return sha256.Sum256(slices.Concat([]byte{1}, left[:], right[:]))
	}
	return tree(leaves)
}

func TestRootIsThatOfTheFormat(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1, 2, 3, 5, 15, 16, 17, 32, 64, 65, 127, 200, 513} {
		all := rows(n)
		r := rootOf(all)
		if want := plainly(r.Salt, all); r.Hash != want || r.Rows != n || r.First != 7 || r.Last != all[n-1].Seq {
			t.Errorf("%d events: %+v, want %x", n, r, want)
		}
		if !again(r, all) {
			t.Errorf("%d events: computed again it differs", n)
		}
	}
}

// TestVector is for who writes another implementation.
func TestVector(t *testing.T) {
	t.Parallel()
	h := NewHasher("c")
	h.begin([SaltSize]byte([]byte("0123456789abcdef")))
	for i := range 17 {
		h.Add(&column.Row{Time: 1, Ingested: 2, Seq: uint64(i + 1), Message: "m", Values: []string{"x", "1"}, Shape: &column.Shape{
			Source: "s", Names: []string{"b", "a"}, Kinds: []llama.Kind{llama.String, llama.Number},
		}})
	}
	r := h.Root()
	if got, want := hex.EncodeToString(r.Hash[:]), "c0bb27caf5849a4632f34f3153a95b1c0f0da99fd3a24f9ae9efb69aeddb8487"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestOrderOfFieldsDoesNotMatter(t *testing.T) {
	t.Parallel()
	all := rows(50)
	r := rootOf(all)
	for i := range all {
		row := &all[i]
		s := &column.Shape{Source: row.Shape.Source, Names: slices.Clone(row.Shape.Names), Kinds: slices.Clone(row.Shape.Kinds)}
		slices.Reverse(s.Names)
		slices.Reverse(s.Kinds)
		slices.Reverse(row.Values)
		row.Shape = s
	}
	if !again(r, all) {
		t.Error("the root differs")
	}
}

func TestLastOfANameTwiceCounts(t *testing.T) {
	t.Parallel()
	all := []column.Row{{Seq: 1, Values: []string{"1", "2", "3"}, Shape: &column.Shape{Names: []string{"x", "a", "x"}, Kinds: make([]llama.Kind, 3)}}}
	r := rootOf(all)
	all[0].Values, all[0].Shape = []string{"2", "3"}, &column.Shape{Names: []string{"a", "x"}, Kinds: make([]llama.Kind, 2)}
	if !again(r, all) {
		t.Error("without the first, the root differs")
	}
}

// TestEveryChangeIsSeen changes one thing of one event.
func TestEveryChangeIsSeen(t *testing.T) {
	t.Parallel()
	shape := func(change func(*column.Shape)) func(*column.Row) {
		return func(r *column.Row) {
			s := &column.Shape{Source: r.Shape.Source, Names: slices.Clone(r.Shape.Names), Kinds: slices.Clone(r.Shape.Kinds)}
			change(s)
			r.Shape = s
		}
	}
	for name, change := range map[string]func(*column.Row){
		"time":          func(r *column.Row) { r.Time++ },
		"ingested":      func(r *column.Row) { r.Ingested++ },
		"seq":           func(r *column.Row) { r.Seq++ },
		"message":       func(r *column.Row) { r.Message += " " },
		"value":         func(r *column.Row) { r.Values[0] += "0" },
		"values moved":  func(r *column.Row) { r.Values[0], r.Values[1] = "", r.Values[0]+r.Values[1] },
		"to message":    func(r *column.Row) { r.Message, r.Values[2] = r.Message+r.Values[2], "" },
		"source":        shape(func(s *column.Shape) { s.Source = "x" }),
		"name":          shape(func(s *column.Shape) { s.Names[1] += "x" }),
		"kind":          shape(func(s *column.Shape) { s.Kinds[1] = llama.Bool }),
		"names swapped": shape(func(s *column.Shape) { s.Names[0], s.Names[1] = s.Names[1], s.Names[0] }),
	} {
		all := rows(40)
		r := rootOf(all)
		i := slices.IndexFunc(all, func(r column.Row) bool { return len(r.Values) == 3 && r.Values[0] != r.Values[1] })
		change(&all[i])
		if again(r, all) {
			t.Errorf("%s: the root is the same", name)
		}
	}
	all := rows(40)
	r := rootOf(all)
	for name, other := range map[string][]column.Row{
		"last left out": all[:39], "first left out": all[1:], "one left out": slices.Delete(slices.Clone(all), 7, 8),
		"one twice": slices.Insert(slices.Clone(all), 7, all[7]),
	} {
		if again(r, other) {
			t.Errorf("%s: the root is the same", name)
		}
	}
	all[3], all[4] = all[4], all[3]
	if again(r, all) {
		t.Error("two swapped: the root is the same")
	}
}

func prove(t *testing.T, r Root, all []column.Row, seq uint64) *Proof {
	t.Helper()
	p, err := Prove("c", r, seq, func(do func(*column.Row) error) error {
		for i := range all {
			if err := do(&all[i]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestProofShowsOneEventOnly(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1, 2, 7, 16, 17, 100} {
		all := rows(n)
		r := rootOf(all)
		for i := range all {
			p := prove(t, r, all, all[i].Seq)
			text, err := json.Marshal(p)
			if err != nil {
				t.Fatal(err)
			}
			sent := &Proof{}
			if err := json.Unmarshal(text, sent); err != nil {
				t.Fatal(err)
			}
			e, err := sent.Check(r.Hash)
			want := llama.Event{Time: all[i].Time, Ingested: all[i].Ingested, Seq: all[i].Seq, Collection: "c", Source: all[i].Shape.Source, Message: all[i].Message, Fields: []llama.Field{}}
			for _, j := range order(all[i].Shape) {
				want.Fields = append(want.Fields, llama.Field{Name: all[i].Shape.Names[j], Value: all[i].Values[j], Kind: all[i].Shape.Kinds[j]})
			}
			if diff := cmp.Diff(want, e); diff != "" || err != nil {
				t.Fatalf("event %d of %d: error %v, -want +got\n%s", i, n, err, diff)
			}
			for at := range p.Event {
				changed := *p
				changed.Event = bytes.Clone(p.Event)
				changed.Event[at] ^= 1
				if _, err := changed.Check(r.Hash); !errors.Is(err, ErrProof) {
					t.Fatalf("event %d of %d, byte %d changed: %v", i, n, at, err)
				}
			}
			for at := range p.Shape {
				changed := *p
				changed.Shape = bytes.Clone(p.Shape)
				changed.Shape[at] ^= 1
				if _, err := changed.Check(r.Hash); !errors.Is(err, ErrProof) {
					t.Fatalf("event %d of %d, byte %d of the shape changed: %v", i, n, at, err)
				}
			}
			for at := range p.Beside {
				changed := *p
				changed.Beside = slices.Clone(p.Beside)
				changed.Beside[at][at] ^= 1
				if _, err := changed.Check(r.Hash); !errors.Is(err, ErrProof) {
					t.Fatalf("event %d of %d, hash %d beside it changed: %v", i, n, at, err)
				}
				changed.Beside = slices.Delete(slices.Clone(p.Beside), at, at+1)
				if _, err := changed.Check(r.Hash); !errors.Is(err, ErrProof) {
					t.Fatalf("event %d of %d, hash %d beside it left out: %v", i, n, at, err)
				}
			}
			moved := *p
			for moved.Index = range n {
				if _, err := moved.Check(r.Hash); moved.Index != i && !errors.Is(err, ErrProof) {
					t.Fatalf("event %d of %d as number %d: %v", i, n, moved.Index, err)
				}
			}
			moved.Index, moved.Beside = i, append(slices.Clone(p.Beside), tlog.Hash{})
			if _, err := moved.Check(r.Hash); !errors.Is(err, ErrProof) {
				t.Fatalf("event %d of %d with a hash too many beside it: %v", i, n, err)
			}
			if _, err := p.Check(tlog.Hash{1}); !errors.Is(err, ErrProof) {
				t.Fatalf("another root: %v", err)
			}
		}
	}
	all := rows(3)
	if _, err := Prove("c", rootOf(all), 8, func(do func(*column.Row) error) error { return do(&all[0]) }); !errors.Is(err, ErrProof) {
		t.Errorf("an event that is not there: %v", err)
	}
}

func FuzzCheck(f *testing.F) {
	all := rows(5)
	r := rootOf(all)
	for i := range all {
		h := NewHasher("c")
		f.Add(appendShape(nil, "c", all[i].Shape, order(all[i].Shape)), appendEvent(nil, nil, &all[i], h.known.of(all[i].Shape))[1:], []byte("0123456789abcdef"), i, 5)
	}
	f.Fuzz(func(t *testing.T, shape, event, salt []byte, index, rows int) {
		p := &Proof{Shape: shape, Event: event, Salt: salt, Index: index, Rows: rows}
		if _, err := p.Check(r.Hash); !errors.Is(err, ErrProof) {
			t.Errorf("it holds, or %v", err)
		}
		if e, err := decode(shape, event); err == nil && e.Seq != binary.BigEndian.Uint64(event) {
			t.Errorf("number %d of %x", e.Seq, event)
		}
	})
}

// BenchmarkAdd is over events with values of different lengths.
func BenchmarkAdd(b *testing.B) {
	s := &column.Shape{Source: "syslog-tcp 192.0.2.7"}
	for i := range 17 {
		s.Names, s.Kinds = append(s.Names, fmt.Sprintf("field.%02d", i*7%17)), append(s.Kinds, llama.String)
	}
	rng := rand.New(rand.NewPCG(1, 1))
	text := strings.Repeat("0123456789", 20)
	rows := make([]column.Row, 512) // values of the same lengths in each would be copied faster than real ones
	for i := range rows {
		rows[i] = column.Row{Time: 1e18, Ingested: 1e18, Message: text[:60+rng.IntN(80)], Shape: s}
		for range s.Names {
			n := 1 + rng.IntN(16)
			if rng.IntN(6) == 0 {
				n += 16 + rng.IntN(24)
			}
			rows[i].Values = append(rows[i].Values, text[rng.IntN(100):][:n])
		}
	}
	h := NewHasher("sshd")
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		row := &rows[i%len(rows)]
		row.Seq = uint64(i + 1)
		h.Add(row)
		if h.Rows() == 1<<15 {
			h.Root()
		}
	}
}

// BenchmarkAddPassing is over events that each have names of their own.
func BenchmarkAddPassing(b *testing.B) {
	s := &column.Shape{Of: column.NewNames()}
	row := &column.Row{Shape: s}
	for i := range 40 {
		n, name := s.Of.Number(fmt.Sprintf("field.%d", i*7%40))
		if i%2 == 0 {
			s.Names, s.Kinds, s.Numbers = append(s.Names, name), append(s.Kinds, llama.String), append(s.Numbers, n)
			row.Values = append(row.Values, "some value")
		}
	}
	h := NewHasher("c")
	b.ReportAllocs()
	for b.Loop() {
		row.Seq++
		h.Add(row)
	}
}
