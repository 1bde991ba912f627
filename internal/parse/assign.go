package parse

import (
	"errors"
	"strings"

	"github.com/llama-logs/llama"
	"github.com/llama-logs/llama/internal/config"
)

// An assignment gives a field a value, its own or that of another field.
type assignment struct {
	slot
	value string
	kind  llama.Kind
	from  slot   // the other field, whose kind is kept; nameless for the value
	parts []part // of a text with the values of fields in it; nil for the value
	block *fieldBlock
}

// inBlocks makes one assignment of neighbours that set values of their own.
func inBlocks(list []assignment) []assignment {
	var out []assignment
	for i := 0; i < len(list); {
		var fields []llama.Field
		for ; i < len(list) && list[i].fixed(); i++ {
			fields = append(fields, llama.Field{Name: list[i].name, Value: list[i].value, Kind: list[i].kind})
		}
		if len(fields) > 0 {
			out = append(out, assignment{block: newFieldBlock(fields)})
			continue
		}
		out = append(out, list[i])
		i++
	}
	return out
}

// fixed reports whether a gives a field of the event a value of its own.
func (a *assignment) fixed() bool {
	return a.from.name == "" && a.parts == nil && a.plain
}

// A part of a text is plain, or the value of a field.
type part struct{ plain, field string }

func (a *assignment) run(w *work) {
	switch {
	case a.block != nil:
		a.block.run(w)
	case a.parts != nil:
		a.join(w)
	case a.from.name == "":
		w.fill(&a.slot, a.value, a.kind)
	default:
		if f := w.at(&a.from); f != nil {
			w.fill(&a.slot, f.Value, f.Kind)
		}
	}
}

// join sets the text of the parts, if all fields in it are there.
func (a *assignment) join(w *work) {
	var b strings.Builder
	for _, p := range a.parts {
		if p.field == "" {
			b.WriteString(p.plain)
			continue
		}
		text, ok := w.text(p.field)
		if !ok {
			return
		}
		b.WriteString(text)
	}
	w.set(a.name, b.String(), llama.String)
}

// readParts reads text with $name or ${name} in it; \$ is a plain dollar.
func readParts(text string) ([]part, error) {
	var parts []part
	plain := ""
	for text != "" {
		i := strings.IndexAny(text, `$\`)
		if i < 0 {
			i = len(text)
		}
		plain += text[:i]
		if text = text[i:]; text == "" {
			break
		}
		if text[0] == '\\' {
			plain += text[1:min(2, len(text))]
			text = text[min(2, len(text)):]
			continue
		}
		r := schemaReader{in: strings.TrimSuffix(text, "...")}
		it, err := r.capture()
		if err != nil {
			return nil, errors.New("a name belongs behind $, as in $user.name; as plain text write \\$")
		}
		if it.capture < 0 || it.typ != typeAny || it.kind == nodeRest {
			return nil, errors.New("only a name belongs behind $, as in ${user.name}")
		}
		parts = append(parts, part{plain: plain}, part{field: r.captures[0].name})
		plain, text = "", text[r.at:]
	}
	return append(parts, part{plain: plain}), nil
}

func assign(w *work, list []assignment) {
	for i := range list {
		list[i].run(w)
	}
}

// readAssignments reads names and values in their order.
func readAssignments(n *config.Node) ([]assignment, error) {
	var list []assignment
	for _, p := range pairsOf(n) {
		if err := settable(p.Key); err != nil {
			return nil, p.Value.Errorf("%v", err)
		}
		a := assignment{slot: slotOf(p.Key)}
		text, ok := p.Value.Text()
		switch {
		case !ok:
			var items []string
			if err := p.Value.Decode(&items); err != nil {
				return nil, err
			}
			a.value, a.kind = arrayText(items), llama.Array
		case strings.HasPrefix(text, "$") && fieldNameLen(text[1:]) == len(text)-1 && len(text) > 1:
			a.from = slotOf(text[1:])
		case strings.IndexByte(text, '$') >= 0:
			var err error
			if a.parts, err = readParts(text); err != nil {
				return nil, p.Value.Errorf("%v", err)
			}
		default:
			a.value, a.kind = text, kindOf(text)
		}
		list = append(list, a)
	}
	return list, nil
}

func pairsOf(n *config.Node) []config.Pair {
	if n == nil {
		return nil
	}
	return n.Pairs()
}

func arrayText(items []string) string {
	out := []byte{'['}
	for i, item := range items {
		if i > 0 {
			out = append(out, ',')
		}
		out = llama.AppendString(out, item)
	}
	return string(append(out, ']'))
}

// kindOf returns the kind of a constant as it is written in a module.
func kindOf(text string) llama.Kind {
	switch {
	case text == "true" || text == "false":
		return llama.Bool
	case llama.IsNumber(text):
		return llama.Number
	}
	return llama.String
}
