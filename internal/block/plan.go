package block

import (
	"encoding/binary"
	"maps"
	"slices"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/column"
)

// Ways a field of a template gets its value.
const (
	formConstant = iota
	formSlot
	formSpan
	formAgain // what a slot before has
)

// Ways a part of a template's message gets its text.
const (
	partText = iota
	partVariable
	partField
	partAgain // what a slot before has
)

// A plan says what goes where.
type plan struct {
	names     []string // of fields that templates have, sorted
	templates []*template
	homes     [][]int // for each template, the field each slot of its message is kept with; -1: none
	variables []*slot // those with values that are kept with no field
	fields    map[string][]*slot
	strings   map[string]int
	texts     []string
	message   []bool // of each of texts: it is in messages
	hasher    column.Hasher
}

func newPlan(templates []*template, hasher column.Hasher) *plan {
	p := &plan{templates: templates, hasher: hasher, fields: map[string][]*slot{}, strings: map[string]int{}}
	names := map[string]bool{}
	for _, t := range templates {
		for _, name := range t.shape.Names {
			names[name] = true
		}
		if t.shape.Source != "" {
			names[llama.NameSource] = true
		}
	}
	p.names = slices.Sorted(maps.Keys(names))
	for _, t := range templates {
		p.place(t)
	}
	return p
}

// place decides with which field each slot of a template is kept: the first that it
// alone is the text of, else the first that it is part of.
func (p *plan) place(t *template) {
	homes := make([]int, len(t.parts))
	for i := range homes {
		homes[i] = -1
	}
	for exact := 1; exact >= 0; exact-- {
		for field, s := range t.spans {
			if s.inside() && (exact == 0 || s.end-s.first == 1) {
				for i := s.first; i < s.end; i++ {
					if homes[i] < 0 {
						homes[i] = field
					}
				}
			}
		}
	}
	p.homes = append(p.homes, homes)
	t.numberSlots(p.hasher)
	k := 0
	for i := range t.parts {
		if !t.parts[i].slot {
			continue
		}
		if s := &t.slots[k]; !s.varies || s.again != nil {
		} else if homes[i] < 0 {
			p.variables = append(p.variables, s)
		} else {
			name := t.shape.Names[homes[i]]
			p.fields[name] = append(p.fields[name], s)
		}
		k++
	}
	for field, s := range t.spans {
		if s.inside() {
			continue
		}
		if own := &t.slots[k]; own.varies && own.again == nil {
			own.own = true
			name := t.shape.Names[field]
			p.fields[name] = append(p.fields[name], own)
		}
		k++
	}
}

// text returns the number of a text in the table of texts.
func (p *plan) text(s string) uint64 {
	n, ok := p.strings[s]
	if !ok {
		n = len(p.texts)
		p.strings[s] = n
		p.texts, p.message = append(p.texts, s), append(p.message, false)
	}
	return uint64(n)
}

func (p *plan) name(name string) uint64 {
	n, _ := slices.BinarySearch(p.names, name)
	return uint64(n)
}

// append writes the templates.
func (p *plan) append(dst []byte) []byte {
	var body []byte
	for i, t := range p.templates {
		body = p.appendTemplate(body, t, p.homes[i])
	}
	dst = appendTexts(dst, p.names)
	dst = appendTexts(dst, p.texts)
	dst = binary.AppendUvarint(dst, uint64(len(p.templates)))
	return append(dst, body...)
}

func appendTexts(dst []byte, texts []string) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(texts)))
	for _, s := range texts {
		dst = appendText(dst, s)
	}
	return dst
}

func appendText(dst []byte, s string) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}

// appendTemplate writes one template. A slot that has always been the same is fixed
// text.
func (p *plan) appendTemplate(dst []byte, t *template, homes []int) []byte {
	dst = binary.AppendUvarint(dst, uint64(t.rows))
	dst = binary.AppendUvarint(dst, uint64(len(t.parts)))
	k := 0
	for i := range t.parts {
		s := &slot{first: t.parts[i].text}
		if t.parts[i].slot {
			s = &t.slots[k]
			k++
		}
		switch {
		case !s.varies:
			n := p.text(s.first)
			p.message[n] = true
			dst = binary.AppendUvarint(dst, n<<2|partText)
		case s.again != nil:
			dst = binary.AppendUvarint(dst, uint64(s.again.number)<<2|partAgain)
		case homes[i] < 0:
			dst = binary.AppendUvarint(dst, partVariable)
		default:
			dst = binary.AppendUvarint(dst, p.name(t.shape.Names[homes[i]])<<2|partField)
		}
	}
	fields := len(t.spans)
	if t.shape.Source != "" {
		fields++
	}
	dst = binary.AppendUvarint(dst, uint64(fields))
	if t.shape.Source != "" {
		dst = binary.AppendUvarint(dst, p.name(llama.NameSource))
		dst = append(dst, byte(llama.String)<<2|formConstant)
		dst = binary.AppendUvarint(dst, p.text(t.shape.Source))
	}
	for field, s := range t.spans {
		dst = binary.AppendUvarint(dst, p.name(t.shape.Names[field]))
		kind := byte(t.shape.Kinds[field]) << 2
		if s.inside() {
			dst = append(dst, kind|formSpan)
			dst = binary.AppendUvarint(dst, uint64(s.first))
			dst = binary.AppendUvarint(dst, uint64(s.end-s.first))
			continue
		}
		switch own := &t.slots[k]; {
		case !own.varies:
			dst = append(dst, kind|formConstant)
			dst = binary.AppendUvarint(dst, p.text(own.first))
		case own.again != nil:
			dst = append(dst, kind|formAgain)
			dst = binary.AppendUvarint(dst, uint64(own.again.number))
		default:
			dst = append(dst, kind|formSlot)
		}
		k++
	}
	return dst
}
