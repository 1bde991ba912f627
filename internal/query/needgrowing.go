package query

import (
	"context"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/column"
)

// A block that grows has no filter of words. But its events lie in memory as they were
// written, so a text that a message must have is looked for in all of their bytes, which takes
// a tenth of what it takes to gather the messages. For texts of other fields that is not done:
// they have few values, and where their column is filled already, its dictionary answers in
// less time than it takes to look through all bytes. That no event has a field is known.

const (
	// maxTexts is how many texts are looked for in a block that grows: more take as long as to
	// gather it, and are not remembered.
	maxTexts = 8
	// maxTextBytes is in how many bytes, if they are counted again for each text: that takes
	// about ten milliseconds.
	maxTextBytes = 32 << 20
)

// growingNeedOf returns what a block that grows needs for f.
func growingNeedOf(f filter) *need { return needBy(f, (*fieldFilter).growingNeed) }

// texts returns how many texts a need names.
func (n *need) texts() (count int) {
	if n == nil {
		return 0
	}
	if n.text != "" {
		count = 1
	}
	for _, m := range n.all {
		count += m.texts()
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
	switch {
	case f.field == llama.NameSource:
		return nil
	case f.field != llama.NameMessage:
		return &need{field: f.field}
	case f.needle != nil:
		return (&need{text: f.needle.text}).orNil()
	case f.names != nil:
		return (&need{any: textsOf(f.names)}).orNil()
	case f.oneOf != nil:
		return (&need{any: textsOf(f.oneOf)}).orNil()
	}
	return nil
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
func (n *need) mayGrowIn(ctx context.Context, ref *column.Ref) bool {
	if n == nil || ref.Growing == nil {
		return true
	}
	texts := n.texts()
	return n.grown(ctx, ref.Growing, texts <= maxTexts && texts*ref.Growing.Bytes() <= maxTextBytes)
}

// grown is met for a block that grows. Texts are looked for if few is true, and after names.
func (n *need) grown(ctx context.Context, g column.Growing, few bool) bool {
	if n.field != "" && !g.MayHave(n.field) || few && n.text != "" && !g.MayHold(ctx, n.text) {
		return false
	}
	for _, m := range n.all {
		if !m.grown(ctx, g, few) {
			return false
		}
	}
	for _, m := range n.any {
		if m.grown(ctx, g, few) {
			return true
		}
	}
	return len(n.any) == 0
}
