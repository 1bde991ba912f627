package llama

import (
	"errors"
	"strings"
)

// ReadFlat appends the fields of an object that AppendFlat wrote to dst: each member is
// one field, whatever dots its name has, and however many there are. The texts share
// object's memory.
func ReadFlat(dst []Field, object string) ([]Field, error) {
	d := jsonDecoder{in: object, depth: 1}
	if !d.take('{') {
		return dst, d.want("an object")
	}
	out := dst
	for first := true; !d.take('}'); first = false {
		if !first && !d.take(',') {
			return dst, d.want(`"," or "}"`)
		}
		if d.at >= len(d.in) || d.in[d.at] != '"' {
			return dst, d.want("a name in quotes")
		}
		name, err := d.text()
		if err != nil {
			return dst, err
		}
		if !d.take(':') {
			return dst, d.want(`":"`)
		}
		value, kind, err := d.flat()
		if err != nil {
			return dst, err
		}
		out = append(out, Field{name, value, kind})
	}
	if d.at < len(d.in) {
		return dst, d.errorf("text after the object")
	}
	return out, nil
}

// CheckFlatLines is CheckFlat of lines, each of which ends. It returns how many are right
// before the first that is wrong.
func CheckFlatLines(lines []byte) (right int, err error) {
	for text := string(lines); len(text) > 0; right++ {
		line, rest, ends := strings.Cut(text, "\n")
		if !ends {
			return right, errors.New("the last line does not end")
		}
		if err := CheckFlat(line); err != nil {
			return right, err
		}
		text = rest
	}
	return right, nil
}

// CheckFlat says what is wrong with an object that AppendFlat should have written: what
// ReadFlat would refuse. It makes nothing of it, and takes a fraction of the time.
func CheckFlat(object string) error {
	d := jsonDecoder{in: object, depth: 1}
	if !d.take('{') {
		return d.want("an object")
	}
	for first := true; !d.take('}'); first = false {
		if !first && !d.take(',') {
			return d.want(`"," or "}"`)
		}
		if d.at >= len(d.in) || d.in[d.at] != '"' {
			return d.want("a name in quotes")
		}
		if _, err := d.skipText(); err != nil {
			return err
		}
		if !d.take(':') {
			return d.want(`":"`)
		}
		if d.at < len(d.in) && d.in[d.at] == '"' {
			if _, err := d.skipText(); err != nil {
				return err
			}
		} else if _, _, err := d.flat(); err != nil {
			return err
		}
	}
	if d.at < len(d.in) {
		return d.errorf("text after the object")
	}
	return nil
}

// flat reads one value of a flat object.
func (d *jsonDecoder) flat() (value string, kind Kind, err error) {
	if d.at >= len(d.in) {
		return "", String, d.want("a value")
	}
	start := d.at
	switch c := d.in[d.at]; {
	case c == '"':
		value, err = d.text()
		return value, String, err
	case c == '{' && d.emptyObject():
		return "{}", Object, nil
	case c == '[':
		value, err = d.array()
		return value, Array, err
	case c == '-' || c >= '0' && c <= '9':
		err = d.number()
		return d.in[start:d.at], Number, err
	case d.word("true"), d.word("false"):
		return d.in[start:d.at], Bool, nil
	case d.word("null"):
		return "", Null, nil
	}
	return "", String, d.want("a value")
}
