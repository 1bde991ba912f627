package parse

import (
	"errors"
	"fmt"
	"strings"

	"github.com/llama-logs/llama"
)

// maxPairs bounds the fields that one message can make.
const maxPairs = 1024

// StepKV splits key=value pairs.
var StepKV = Step{
	Name: "kv",
	Doc: "Splits `key=value` pairs, the format many programs and firewalls write (logfmt). Values may be in double quotes, with " +
		"backslashes before quotes within, or in single quotes. Words without a value are skipped. Characters of a key that " +
		"cannot be in a name become `_`.",
	Options: defaultKV,
	make:    build(defaultKV, newKV),
	Examples: []StepExample{
		{Raw: `level=warn msg="disk \"a\" low" free=12 dry`, Want: `{"level":"warn","msg":"disk \"a\" low","free":"12"}`},
		{
			Options: `{pairs: ';', values: ':', prefix: fw., numbers: true, only: [src, len]}`,
			Raw:     `src:192.0.2.7; dst:192.0.2.8; len:60`,
			Want:    `{"fw.src":"192.0.2.7","fw.len":60}`,
		},
		{Raw: `level="warn`, Err: `column 7: a quote is never closed`},
		{Raw: `no pairs here`, Err: `no key=value pair`},
	},
}

var defaultKV = kvOptions{Pairs: " ", Values: "="}

type kvOptions struct {
	From    string   `yaml:"from" doc:"The field to read; the default is the message."`
	Prefix  string   `yaml:"prefix" doc:"Put before each name."`
	Pairs   string   `yaml:"pairs" doc:"What stands between pairs; blanks around it are ignored."`
	Values  string   `yaml:"values" doc:"What stands between key and value."`
	Numbers bool     `yaml:"numbers" doc:"Make numbers of values that look like them."`
	Only    []string `yaml:"only" doc:"Take these keys and no others."`
}

type kvStep struct {
	kvOptions
	only []kvName // what Only gives; nil for all keys
}

type kvName struct {
	key string
	slot
}

func newKV(o kvOptions, _ *env) (step, error) {
	if o.Pairs == "" || o.Values == "" {
		return nil, errors.New("pairs and values: a separator belongs here")
	}
	s := &kvStep{kvOptions: o}
	if len(o.Only) > 0 {
		s.only = []kvName{}
	}
	for _, key := range o.Only {
		name := o.Prefix + cleanName(key)
		if settable(name) != nil || name == llama.NameMessage {
			continue // no event may have it
		}
		s.only = append(s.only, kvName{key, slotOf(name)})
	}
	return s, nil
}

var errNoPair = errors.New("no key=value pair")

func (s *kvStep) run(w *work) error {
	text, ok := w.text(s.From)
	if !ok {
		return missing(s.From)
	}
	pairs := 0
	for at := 0; at < len(text); {
		at += blankLen(text[at:])
		if strings.HasPrefix(text[at:], s.Pairs) {
			at += len(s.Pairs)
			continue
		}
		end := s.pairEnd(text, at)
		sep := strings.Index(text[at:end], s.Values)
		if sep <= 0 {
			at = end
			continue
		}
		key := text[at : at+sep]
		value, next, err := s.value(text, at+sep+len(s.Values))
		if err != nil {
			return err
		}
		at = next
		if pairs++; pairs > maxPairs {
			return fmt.Errorf("more than %d pairs", maxPairs)
		}
		s.set(w, key, value)
	}
	if pairs == 0 {
		return errNoPair
	}
	return nil
}

// pairEnd returns where the pair at from ends if its value is not quoted.
func (s *kvStep) pairEnd(text string, from int) int {
	if s.Pairs == " " {
		for i := from; i < len(text); i++ {
			if isBlank(text[i]) {
				return i
			}
		}
		return len(text)
	}
	if i := strings.Index(text[from:], s.Pairs); i >= 0 {
		return from + i
	}
	return len(text)
}

// value reads the value at from and returns where the text goes on.
func (s *kvStep) value(text string, from int) (value string, next int, err error) {
	if quote := byteAt(text, from); quote == '"' || quote == '\'' {
		end, escaped := from+1, false
		for end < len(text) && text[end] != quote {
			if text[end] == '\\' && end+1 < len(text) {
				escaped = true
				end++
			}
			end++
		}
		if end >= len(text) {
			if quote == '\'' { // an apostrophe, as in it's
				end = s.pairEnd(text, from)
				return text[from:end], end, nil
			}
			return "", 0, fmt.Errorf("column %d: a quote is never closed", from+1)
		}
		value = text[from+1 : end]
		if escaped {
			value = unquote(value, quote)
		}
		return value, end + 1, nil
	}
	end := s.pairEnd(text, from)
	return trimBlanks(text[from:end]), end, nil
}

// unquote resolves the escapes that logfmt writers use; other backslashes stand
// for themselves, for paths of Windows come unescaped.
func unquote(s string, quote byte) string {
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			switch c := s[i+1]; c {
			case quote, '\\':
				out = append(out, c)
				i++
				continue
			case 'n':
				out = append(out, '\n')
				i++
				continue
			case 't':
				out = append(out, '\t')
				i++
				continue
			}
		}
		out = append(out, s[i])
	}
	return string(out)
}

func (s *kvStep) set(w *work, key, value string) {
	if value == "" {
		return
	}
	key = trimBlanks(key)
	kind := llama.String
	if s.Numbers && llama.IsNumber(value) {
		kind = llama.Number
	}
	if s.only == nil {
		if name := s.Prefix + cleanName(key); settable(name) == nil && name != llama.NameMessage {
			w.set(name, value, kind)
		}
		return
	}
	for i := range s.only {
		if only := &s.only[i]; only.key == key {
			w.fill(&only.slot, value, kind)
			return
		}
	}
}

// cleanName makes a name of a sender's key.
func cleanName(key string) string {
	if fieldNameLen(key) == len(key) && key[0] != '~' {
		return key
	}
	return strings.Map(func(r rune) rune {
		if r == '.' || r == '_' || r == '@' || r == '-' || r >= 0x80 || r < 0x80 && (isLetter(byte(r)) || isDigit(byte(r))) {
			return r
		}
		return '_'
	}, key)
}
