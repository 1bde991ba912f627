package query

import (
	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/column"
)

// A block that grows has no filter of words. But its events lie in memory as they were
// written, so a text is looked for in all of them at once, which takes a tenth of what it
// takes to gather them.

// maxTexts is how many texts are looked for in a block that grows: more take as long as to
// gather it.
const maxTexts = 8

// growingNeedOf returns what a block that grows needs for f.
func growingNeedOf(f filter) *need {
	texts := 0
	n := needBy(f, func(f *fieldFilter) *need {
		n := f.growingNeed()
		texts += n.texts()
		return n
	})
	if texts > maxTexts {
		return nil
	}
	return n
}

// texts returns how many texts a need names.
func (n *need) texts() (count int) {
	if n == nil {
		return 0
	}
	if n.text != "" {
		count = 1
	}
	for _, m := range n.any {
		count += m.texts()
	}
	return count
}

// growingNeed returns what a block that grows needs for the filter of one field.
func (f *fieldFilter) growingNeed() *need {
	if f.match("") {
		return nil // events without the field are let in
	}
	n := &need{}
	if f.field != llama.NameMessage && f.field != llama.NameSource {
		n.field = f.field
	}
	switch {
	case f.needle != nil:
		n.text = f.needle.text
	case f.names != nil:
		n.any = textsOf(f.names)
	case f.oneOf != nil:
		n.any = textsOf(f.oneOf)
	}
	return n.orNil()
}

// textsOf returns the needs of which one is needed for one of some texts; nil where that is
// nothing, or they are many.
func textsOf(texts []string) (any []*need) {
	if len(texts) > maxTexts {
		return nil
	}
	for _, text := range texts {
		if text == "" {
			return nil
		}
		any = append(any, &need{text: text})
	}
	return any
}

// mayGrowIn reports whether a block may have what is needed, if it grows.
func (n *need) mayGrowIn(ref *column.Ref) bool {
	return n == nil || ref.Growing == nil || n.grown(ref.Growing)
}

// grown is met for a block that grows. Names are looked at before texts.
func (n *need) grown(g column.Growing) bool {
	if n.field != "" && !g.MayHave(n.field) || n.text != "" && !g.MayHold(n.text) {
		return false
	}
	for _, m := range n.all {
		if !m.grown(g) {
			return false
		}
	}
	for _, m := range n.any {
		if m.grown(g) {
			return true
		}
	}
	return len(n.any) == 0
}
