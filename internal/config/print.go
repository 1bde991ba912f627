package config

import (
	"encoding"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
)

// Print returns the YAML that Read would decode to v. Nil pointers, nodes, empty
// lists, and sizes and durations of zero, which mean a default that is no fixed
// value, are left out.
func Print(v any) ([]byte, error) {
	var b strings.Builder
	if err := printStruct(&b, deref(reflect.ValueOf(v)), ""); err != nil {
		return nil, err
	}
	return []byte(b.String()), nil
}

func deref(v reflect.Value) reflect.Value {
	for v.Kind() == reflect.Pointer && !v.IsNil() && v.Type() != locationType {
		v = v.Elem()
	}
	return v
}

func printStruct(b *strings.Builder, v reflect.Value, indent string) error {
	names, values, _ := fields(v)
	for i, name := range names {
		if err := printKey(b, name, values[i], indent); err != nil {
			return fmt.Errorf("print %s: %w", name, err)
		}
	}
	return nil
}

func absent(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Int64:
		return v.IsZero() && (v.Type() == durationType || v.Type() == reflect.TypeFor[Size]())
	case reflect.Pointer:
		return v.IsNil()
	case reflect.Slice, reflect.Map:
		return v.Len() == 0
	}
	return false
}

func printKey(b *strings.Builder, name string, v reflect.Value, indent string) error {
	if absent(v) || v.Type() == nodeType {
		return nil
	}
	v = deref(v)
	if text, ok, err := scalarText(v); err != nil {
		return err
	} else if ok {
		fmt.Fprintf(b, "%s%s: %s\n", indent, name, text)
		return nil
	}
	fmt.Fprintf(b, "%s%s:\n", indent, name)
	return printValue(b, v, indent+"  ")
}

// printValue writes what is not a scalar, each line behind indent.
func printValue(b *strings.Builder, v reflect.Value, indent string) error {
	switch v.Kind() {
	case reflect.Struct:
		return printStruct(b, v, indent)
	case reflect.Map:
		keys := v.MapKeys()
		slices.SortFunc(keys, func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) })
		for _, key := range keys {
			quoted, err := yamlScalar(key.String())
			if err != nil {
				return err
			}
			if err := printKey(b, quoted, v.MapIndex(key), indent); err != nil {
				return err
			}
		}
		return nil
	case reflect.Slice:
		return printList(b, v, indent)
	}
	return fmt.Errorf("no YAML for %s", v.Type())
}

func printList(b *strings.Builder, v reflect.Value, indent string) error {
	for i := range v.Len() {
		item := deref(v.Index(i))
		text, ok, err := scalarText(item)
		if err != nil {
			return err
		}
		if ok {
			fmt.Fprintf(b, "%s- %s\n", indent, text)
			continue
		}
		var inner strings.Builder
		if err := printValue(&inner, item, indent+"  "); err != nil {
			return err
		}
		// The first line's indent makes room for the dash.
		b.WriteString(indent + "- " + strings.TrimPrefix(inner.String(), indent+"  "))
	}
	return nil
}

// scalarText returns the text of a value that fits behind a colon.
func scalarText(v reflect.Value) (string, bool, error) {
	switch x := v.Interface().(type) {
	case time.Duration:
		return FormatDuration(x), true, nil
	case *time.Location:
		return x.String(), true, nil
	case encoding.TextMarshaler:
		text, err := x.MarshalText()
		return string(text), true, err
	}
	switch v.Kind() {
	case reflect.Struct, reflect.Map, reflect.Slice:
		return "", false, nil
	}
	text, err := yamlScalar(v.Interface())
	return text, true, err
}

func yamlScalar(v any) (string, error) {
	text, err := yaml.Marshal(v)
	return strings.TrimSuffix(string(text), "\n"), err
}

// WriteReference writes a Markdown list of the keys of v, with their kinds,
// the defaults that v holds and their doc tags.
func WriteReference(w io.Writer, v any) error {
	_, err := io.WriteString(w, "| key | kind | default | what it is |\n| --- | --- | --- | --- |\n")
	if err != nil {
		return err
	}
	return referenceStruct(w, deref(reflect.ValueOf(v)), "")
}

func referenceStruct(w io.Writer, v reflect.Value, path string) error {
	names, values, docs := fields(v)
	for i, name := range names {
		if err := referenceKey(w, join(path, name), values[i], docs[i]); err != nil {
			return err
		}
	}
	return nil
}

func referenceKey(w io.Writer, path string, v reflect.Value, doc string) error {
	kind, inner := kindName(v.Type())
	def := ""
	if !absent(v) && inner == nil {
		text, ok, err := scalarText(deref(v))
		if err != nil {
			return err
		}
		if ok && text != `""` && !strings.Contains(doc, "Default: ") {
			def = "`" + text + "`"
		}
	}
	_, err := fmt.Fprintf(w, "| `%s` | %s | %s | %s |\n", path, kind, def, strings.ReplaceAll(doc, "|", "\\|"))
	if err != nil || inner == nil {
		return err
	}
	suffix := map[reflect.Kind]string{reflect.Slice: "[]", reflect.Map: ".NAME"}[v.Kind()]
	below := deref(v)
	if below.Kind() != reflect.Struct {
		below = reflect.New(inner).Elem()
		if def, ok := below.Addr().Interface().(interface{ SetDefaults() }); ok {
			def.SetDefaults()
		}
	}
	return referenceStruct(w, below, path+suffix)
}

// kindName names a type for the reference, and returns the struct it is made of.
func kindName(t reflect.Type) (string, reflect.Type) {
	switch t {
	case durationType:
		return "duration", nil
	case locationType:
		return "time zone", nil
	case nodeType:
		return "see below", nil
	case reflect.TypeFor[Size]():
		return "size", nil
	}
	if t.Implements(reflect.TypeFor[encoding.TextMarshaler]()) {
		return "text", nil
	}
	switch t.Kind() {
	case reflect.Pointer:
		return kindName(t.Elem())
	case reflect.Slice:
		kind, inner := kindName(t.Elem())
		return "list of " + kind, inner
	case reflect.Map:
		kind, inner := kindName(t.Elem())
		return "map of " + kind, inner
	case reflect.Struct:
		return "keys", t
	case reflect.String:
		return "text", nil
	case reflect.Bool:
		return "true or false", nil
	}
	return "number", nil
}
