package query

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/block"
	"github.com/llama-logs/llama/internal/column"
)

// Blocks of segments have templates, blocks in memory columns only. What is asked of
// them goes different ways and must come out the same.

// A maker makes events of some templates, with values that are likely to be found
// again, in part or over the border of two slots.
type maker struct {
	rng       *rand.Rand
	templates []string
}

// Of a template, ␣ is text of its own and ⟨name⟩ a field.
var makerTemplates = []string{
	"Failed password for ⟨user.name⟩ from ⟨source.ip⟩ port ⟨source.port⟩ ssh2",
	"error ␣⟨user.name⟩⟨source.port⟩ disk␣full",
	"⟨source.ip⟩:⟨source.port⟩ é⟨user.name⟩é ␣",
	"took ⟨took⟩ms id ⟨trace⟩ a1-␣_x",
	"nothing to see",
	"␣",
	"",
	"⟨trace⟩⟨took⟩",
	"x ␣.␣.␣ \xff⟨user.name⟩\xc3",
}

var makerValues = map[string][]string{
	"user.name":   {"root", "ann", "error", "a1", "", "é", "roo", "t4711", "x-ray", "\xa9"},
	"source.ip":   {"10.0.0.1", "10.0.0.10", "192.0.2.7"},
	"source.port": {"22", "4711", "47", "11", "0", "65535"},
	"took":        {"1.5", "12.50", "0.07", "300", "3"},
	"trace":       {"7f3c9a52-4be1-4d0c-9e77-d15ea5e0cafe", "0145c68c-c414-43b0-a52d-530c541f02e4"},
	"":            {"1", "22", "a1", "root", "47x", "7", "", " ", "\xc3"},
}

func (m *maker) value(name string) string {
	if m.rng.IntN(4) == 0 && name == "source.port" {
		return fmt.Sprint(m.rng.IntN(70000))
	}
	return makerValues[name][m.rng.IntN(len(makerValues[name]))]
}

// row makes an event; fields that are in the message share its memory.
func (m *maker) row(seq int) column.Row {
	template := m.templates[m.rng.IntN(len(m.templates))]
	var text strings.Builder
	type place struct {
		name       string
		start, end int
	}
	var places []place
	for template != "" {
		next := strings.IndexAny(template, "␣⟨")
		if next < 0 {
			next = len(template)
		}
		text.WriteString(template[:next])
		template = template[next:]
		if rest, ok := strings.CutPrefix(template, "␣"); ok {
			text.WriteString(m.value(""))
			template = rest
		} else if rest, ok := strings.CutPrefix(template, "⟨"); ok {
			name, rest, _ := strings.Cut(rest, "⟩")
			start := text.Len()
			text.WriteString(m.value(name))
			places = append(places, place{name, start, text.Len()})
			template = rest
		}
	}
	row := column.Row{
		Time: llama.Time(1790000000e9 + int64(m.rng.IntN(7200))*1e9), Ingested: llama.Time(1790000000e9 + int64(seq)*1e6),
		Seq: uint64(seq), Message: text.String(), Shape: &column.Shape{Source: "test"},
	}
	add := func(name, value string, kind llama.Kind) {
		row.Shape.Names, row.Shape.Kinds = append(row.Shape.Names, name), append(row.Shape.Kinds, kind)
		row.Values = append(row.Values, value)
	}
	for _, p := range places {
		kind := llama.String
		if m.rng.IntN(50) == 0 {
			continue
		}
		if p.name == "took" && m.rng.IntN(9) > 0 {
			kind = llama.Number
		}
		add(p.name, row.Message[p.start:p.end], kind)
	}
	add("host.name", []string{"web", "db"}[m.rng.IntN(2)], llama.String)
	if m.rng.IntN(3) > 0 {
		add("status", m.value("source.port"), llama.Number)
	}
	return row
}

// both returns the same events as blocks with columns only, and with templates.
func (m *maker) both(t *rapid.T, rows int) (plain, templates *Memory) {
	t.Helper()
	plain, templates = &Memory{}, &Memory{}
	seq := 1
	for _, collection := range []string{"sshd", "web"} {
		a, b := column.NewBuilder(collection), block.NewBuilder(collection)
		shapes := map[string]*column.Shape{}
		for range rows {
			row := m.row(seq)
			seq++
			key := fmt.Sprint(*row.Shape)
			if shapes[key] == nil {
				shapes[key] = row.Shape
			}
			row.Shape = shapes[key]
			a.AddRow(&row)
			b.Add(&row)
		}
		plain.add(a)
		chunks := map[string][]byte{}
		var names []string
		encoder := block.NewEncoder()
		err := encoder.Encode(b, func(c block.Chunk) error {
			chunks[fmt.Sprint(c.Kind, c.Name)] = bytes.Clone(c.Data)
			if c.Kind == block.Field {
				names = append(names, c.Name)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		read, err := block.Open(collection, rows, names, block.Source{
			Read: func(kind block.Kind, name string) ([]byte, error) { return chunks[fmt.Sprint(kind, name)], nil },
		})
		if err != nil {
			t.Fatal(err)
		}
		known := blockWords{keys: slices.Sorted(slices.Values(encoder.Keys()))}
		known.message, known.beside = encoder.Numbers()
		templates.refs = append(templates.refs, column.Ref{
			Stat: plain.refs[len(plain.refs)-1].Stat,
			Of: made{
				read:   func(context.Context) (*column.Block, error) { return read, nil },
				filter: func() column.Filter { return known },
			},
		})
	}
	return plain, templates
}

// keysOnly is a filter that is never wrong: keys, sorted.
type keysOnly []uint64

func (k keysOnly) May(key uint64, _ bool) bool {
	_, found := slices.BinarySearch(k, key)
	return found
}

// blockWords is what a segment's filter knows of a block, and never wrong of keys.
type blockWords struct {
	keys            keysOnly
	message, beside []byte
}

func (b blockWords) May(key uint64, inMessage bool) bool {
	if n, ok := column.ShortNumber(key); ok {
		return b.message == nil || column.HasNumber(b.message, n) || !inMessage && column.HasNumber(b.beside, n)
	}
	return b.keys.May(key, inMessage)
}

// drawText returns a filter of messages, many of them for what goes over borders.
func (m *maker) drawText(t *rapid.T) string {
	row := m.row(1)
	text := row.Message
	if text == "" {
		text = "root"
	}
	from := m.rng.IntN(len(text))
	piece := text[from : from+1+m.rng.IntN(min(len(text)-from, 12))]
	word := rapid.SampledFrom([]string{"root", "4711", "47", "10.0.0.1", "0.0.1", "error", "disk", "é", "Failed password", "7f3c9a52", "4be1-4d0c", "1.5", "12.50", "a1", "roo", "0", "22"}).Draw(t, "word")
	if rapid.Bool().Draw(t, "piece") {
		word = piece
	}
	quoted := quote(word)
	switch rapid.IntRange(0, 8).Draw(t, "kind") {
	case 0:
		return quoted + "*"
	case 1:
		return "_msg:~" + quote(regexpQuote(word))
	case 2:
		return "_msg:~" + quote(regexpQuote(word)+"[a-z0-9]")
	case 3:
		return "_msg:=" + quote(text)
	case 4:
		return "_msg:=" + quoted + "*"
	case 5:
		return "seq(" + quoted + ", " + quote(m.value("user.name")+"x") + ")"
	case 6:
		return "i(" + quoted + ")"
	case 7:
		return "contains_all(" + quoted + ", root)"
	}
	return quoted
}

func regexpQuote(s string) string {
	var b strings.Builder
	for _, r := range s {
		if strings.ContainsRune(`\.+*?()|[]{}^$`, r) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}

// useSpare writes into the memory that workers gave back, as other runs do.
func (p *Pool) useSpare() {
	for s, ok := p.spare.Get().(*scratch); ok; s, ok = p.spare.Get().(*scratch) {
		for i := range s.slab {
			s.slab[i] = 7
		}
		for i := range s.memo {
			s.memo[i] = 7
		}
	}
}

// TestTemplatesAnswerAsColumns: whatever way is taken, the answer is the same.
func TestTemplatesAnswerAsColumns(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		seed := rapid.Uint64().Draw(t, "seed")
		m := &maker{rng: rand.New(rand.NewPCG(seed, 2)), templates: rapid.SliceOfN(rapid.SampledFrom(makerTemplates), 1, 5).Draw(t, "templates")}
		plain, templates := m.both(t, rapid.IntRange(1, 150).Draw(t, "rows"))
		filter := m.drawText(t)
		switch rapid.IntRange(0, 8).Draw(t, "join") {
		case 5, 6: // of one field only: values may be counted without looking at rows
			filter = rapid.SampledFrom([]string{
				"*", "user.name:*", "!user.name:root", "_collection:web", "user.name:in(root, ann) _collection:sshd", "user.name:\"\" or user.name:~\"^r\"", "_time:>2026-09-01Z", "host.name:=web",
			}).Draw(t, "one field")
		case 0:
			filter += " " + m.drawText(t)
		case 1:
			filter = "!(" + filter + ") or " + m.drawText(t)
		case 2:
			filter += " status:=22"
		case 3:
			filter += " or trace:in(7f3c9a52-4be1-4d0c-9e77-d15ea5e0cafe, " + quote(m.value("trace")) + ")"
		case 4:
			filter = "(user.name:contains_any(root, x-ray) or user.name:=\"\") " + filter
		}
		pipes := rapid.SampledFrom([]string{
			"", " | stats count() n", " | stats by (user.name) count() n", " | stats by (_time:10m, host.name) count() n, quantile(0.9, took) q",
			" | fields _time, source.ip, _msg", " | sort by (_time desc) limit 7", " | limit 5", " | delete status, _id", " | uniq by (source.ip, status)",
			" | stats count_uniq(user.name) u, max(took) m", " | rename user.name as who, _msg as text | limit 9", " | sort by (took, _seq) limit 20 | fields took, _seq",
			" | format \"<user.name> <source.ip>\" as both", " | top 3 by (status)", " | stats by (took) count(status) c, min(source.port) m",
			" | unpack_words from _msg as word | unroll by (word)", " | unpack_words from _msg as word | unroll by (word) | filter word:root | fields word, _id, user.name",
			" | unpack_words from _msg as word | unroll by (word) | limit 7", " | stats by rollup (host.name, status) count() n", " | sample 3",
			" | stats by (status, user.name) count() n | sort by (n desc) limit 2", " | stats by rollup (host.name, status) count() n | sort by (n desc) limit 3",
			" | pack_json as all | fields all", " | union (_msg:root | limit 3)", " | join by (user.name) (* | stats by (user.name) count() n)",
			" | stats by (user.name) count() n, count(user.name) c, sum_len(user.name) l, count_empty(user.name) e, max(user.name) m, min(user.name) i", " | top 2 by (user.name)",
			" | stats count_uniq(user.name) u, uniq_values(user.name) v, count() if (user.name:root) r, rate() s, count_uniq_hash(user.name) h", " | stats by (status:10) count() n",
			" | stats by (_time:10m) count() n, rate() r", " | stats by (_time:1d offset 3h) count() n", " | stats by (_time:month) count() n", " | stats count() n, rate() r",
			" | field_values user.name", " | stats by (host.name) count() n", " | uniq by (trace) with hits", " | stats by (source.ip) sum(source.ip) n", " | stats by (missing) count() n",
			" | filter user.name:in(_msg:root | fields user.name)", " | stats json_values(user.name) v, values(took) w",
		}).Draw(t, "pipes")
		q, err := Parse(filter+pipes, testNow)
		if err != nil {
			t.Fatalf("%s: %v", filter+pipes, err)
		}
		answer := func(src *Memory) []string {
			var got []string
			err := q.Execute(t.Context(), src, RunOptions{NodeID: "n", Workers: 1}, func(r Row) error {
				got = append(got, string(llama.AppendFlat(nil, r)))
				return nil
			})
			if err != nil {
				t.Fatalf("%s: %v", q, err)
			}
			var lines []byte
			count := 0
			pool := NewPool(PoolOptions{})
			err = q.Lines(t.Context(), src, RunOptions{NodeID: "n", Workers: 2, Pool: pool}, func(more []byte, n int) error {
				pool.useSpare()
				lines, count = append(lines, more...), count+n
				return nil
			})
			if err != nil {
				t.Fatalf("%s: %v", q, err)
			}
			written := strings.Split(string(lines), "\n")
			if diff := cmp.Diff(append(slices.Clone(got), ""), written); diff != "" || count != len(got) {
				t.Fatalf("%s: %d rows -, %d lines +\n%s", q, len(got), count, diff)
			}
			return got
		}
		want, got := answer(plain), answer(templates)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("%s: by columns -, by templates +\n%s", q, diff)
		}
	})
}
