package query

import (
	"bytes"
	"encoding/json"

	"github.com/llama-logs/llama"
)

// arrayItems returns the items of a text that is a JSON array: of strings what
// they stand for, of null nothing, of others their JSON. Of any other text it returns none.
func arrayItems(s string) []llama.Field {
	if s == "" || s[0] != '[' {
		return nil
	}
	var raw []json.RawMessage
	if json.Unmarshal([]byte(s), &raw) != nil {
		return nil
	}
	items := make([]llama.Field, len(raw))
	for i, text := range raw {
		items[i] = arrayItem(text)
	}
	return items
}

func arrayItem(text json.RawMessage) llama.Field {
	switch text[0] {
	case '"':
		var s string
		if json.Unmarshal(text, &s) == nil {
			return llama.Field{Value: s}
		}
	case '{', '[':
		var b bytes.Buffer
		if json.Compact(&b, text) == nil {
			kind := llama.Array
			if text[0] == '{' {
				kind = llama.Object
			}
			return llama.Field{Value: b.String(), Kind: kind}
		}
	case 't', 'f':
		return llama.Field{Value: string(text), Kind: llama.Bool}
	case 'n':
		return llama.Field{Kind: llama.Null}
	}
	return llama.Field{Value: string(text), Kind: kindOf(string(text))}
}
