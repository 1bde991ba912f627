package query

import (
	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/column"
)

// A need is what a block must have if a filter is to let any of its events in: all of
// the words whose keys these are, all of some needs, and one of others; of one that grows,
// the text and the field. Nil needs nothing.
type need struct {
	keys  []uint64
	text  string // "": none
	field string // likewise
	all   []*need
	any   []*need // not empty, if one of them is needed
	// inMessage says that the words are to be in a message.
	inMessage bool
}

// mayBeIn reports whether the block may have what is needed, without reading it.
func (n *need) mayBeIn(ref *column.Ref) bool {
	if n == nil {
		return true
	}
	f := ref.Filter()
	return f == nil || n.met(f)
}

func (n *need) met(f column.Filter) bool {
	for _, key := range n.keys {
		if !f.May(key, n.inMessage) {
			return false
		}
	}
	for _, m := range n.all {
		if !m.met(f) {
			return false
		}
	}
	for _, m := range n.any {
		if m.met(f) {
			return true
		}
	}
	return len(n.any) == 0
}

// needOf returns what a block needs for f. Only words tell: what has no word that must
// be there as a whole needs nothing.
func needOf(f filter) *need { return needBy(f, (*fieldFilter).need) }

// needBy returns what a block needs for f, by what it needs for the filter of one field.
func needBy(f filter, of func(*fieldFilter) *need) *need {
	switch f := f.(type) {
	case *andFilter:
		n := &need{}
		for _, g := range f.list {
			if m := needBy(g, of); m != nil {
				n.all = append(n.all, m)
			}
		}
		return n.orNil()
	case *orFilter:
		n := &need{}
		for _, g := range f.list {
			m := needBy(g, of)
			if m == nil {
				return nil
			}
			n.any = append(n.any, m)
		}
		return n.orNil()
	case *fieldFilter:
		switch f.field {
		case llama.NameTime, llama.NameCollection, llama.NameID, llama.NameSeq, llama.NameIngested:
			return nil // they are not kept as words
		}
		return of(f)
	}
	return nil
}

func (n *need) orNil() *need {
	if len(n.keys) == 0 && n.text == "" && n.field == "" && len(n.all) == 0 && len(n.any) == 0 {
		return nil
	}
	return n
}

// need returns what a block needs for the filter of one field.
func (f *fieldFilter) need() *need {
	n := f.words()
	if n != nil && f.field == llama.NameMessage {
		n.inMessage = true
		for _, m := range n.any {
			m.inMessage = true
		}
	}
	return n
}

// words returns the need of the words of which the filter knows.
func (f *fieldFilter) words() *need {
	switch {
	case f.names != nil:
		return oneOf(f.names)
	case f.oneOf != nil:
		return oneOf(f.oneOf)
	case f.allOf != nil:
		n := &need{}
		for _, phrase := range f.allOf {
			n.keys = append(n.keys, column.PhraseKeys(phrase, true, true)...)
		}
		return n.orNil()
	case f.needle != nil:
		n := &need{keys: column.PhraseKeys(f.needle.text, f.needle.left, f.needle.right)}
		return n.orNil()
	}
	return nil
}

// oneOf returns the need of one of several phrases, which are whole words.
func oneOf(phrases []string) *need {
	n := &need{}
	for _, phrase := range phrases {
		m := &need{keys: column.PhraseKeys(phrase, true, true)}
		if m.orNil() == nil {
			return nil
		}
		n.any = append(n.any, m)
	}
	return n.orNil()
}
