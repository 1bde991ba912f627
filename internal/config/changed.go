package config

import (
	"reflect"
	"strings"
)

// Changed returns the keys whose values differ between two structs of one type, by their
// paths in the file, in its order. Lists and mappings are one key each.
func Changed(before, after any) []string {
	return changedKeys(deref(reflect.ValueOf(before)), deref(reflect.ValueOf(after)), "")
}

func changedKeys(before, after reflect.Value, path string) (keys []string) {
	names, were, _ := fields(before)
	_, are, _ := fields(after)
	for i, name := range names {
		was, is, key := deref(were[i]), deref(are[i]), join(path, name)
		if isStruct(was) && isStruct(is) {
			keys = append(keys, changedKeys(was, is, key)...)
		} else if printed(was) != printed(is) {
			keys = append(keys, key)
		}
	}
	return keys
}

// isStruct reports whether v has keys of its own.
func isStruct(v reflect.Value) bool {
	if v.Kind() != reflect.Struct {
		return false
	}
	_, scalar, _ := scalarText(v)
	return !scalar
}

// printed returns a value as Print writes it. What has no YAML has no key either.
func printed(v reflect.Value) string {
	var b strings.Builder
	if err := printKey(&b, "", v, ""); err != nil {
		panic("config: " + err.Error())
	}
	return b.String()
}
