package config

import (
	"encoding"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

type decoder struct{ errs []*Error }

func (d *decoder) fail(n *Node, format string, args ...any) {
	d.errs = append(d.errs, n.Errorf(format, args...))
}

// pointed returns what into points to. Decoding into anything but a pointer is a
// mistake of the program, not of the file.
func pointed(into any) reflect.Value {
	v := reflect.ValueOf(into)
	if v.Kind() != reflect.Pointer || v.IsNil() {
		panic("config: Decode needs a pointer")
	}
	return v.Elem()
}

var (
	nodeType     = reflect.TypeFor[*Node]()
	durationType = reflect.TypeFor[time.Duration]()
	locationType = reflect.TypeFor[*time.Location]()
)

// value decodes n into v and validates what came of it.
func (d *decoder) value(n *Node, v reflect.Value) {
	before := len(d.errs)
	d.decode(n, v)
	if len(d.errs) > before || !v.CanAddr() {
		return
	}
	check, ok := v.Addr().Interface().(interface{ Validate() error })
	if !ok || v.Kind() == reflect.Pointer {
		return
	}
	if err := check.Validate(); err != nil {
		d.invalid(n, err)
	}
}

// invalid reports what a Validate method found, at the keys it names.
func (d *decoder) invalid(n *Node, err error) {
	if many, ok := err.(interface{ Unwrap() []error }); ok {
		for _, one := range many.Unwrap() {
			d.invalid(n, one)
		}
		return
	}
	key, ok := errors.AsType[*KeyError](err)
	if !ok {
		d.fail(n, "%v", err)
		return
	}
	for _, p := range n.pairs {
		if p.Key == key.Key {
			if key.in != nil && key.item < len(p.Value.items) {
				d.invalid(p.Value.items[key.item], key.in)
				return
			}
			d.fail(p.Value, "%s", key.Problem)
			return
		}
	}
	at := *n
	at.path = join(n.path, key.Key)
	d.fail(&at, "%s", key.Problem)
}

func (d *decoder) decode(n *Node, v reflect.Value) {
	switch {
	case v.Type() == nodeType:
		v.Set(reflect.ValueOf(n))
		return
	case n.kind == nullNode:
		return // an empty key leaves the default
	case v.Type() == locationType:
		d.location(n, v)
		return
	case v.Kind() == reflect.Pointer:
		if v.IsNil() {
			v.Set(reflect.New(v.Type().Elem()))
			if def, ok := v.Interface().(interface{ SetDefaults() }); ok {
				def.SetDefaults()
			}
		}
		d.value(n, v.Elem())
		return
	}
	if text, ok := v.Addr().Interface().(encoding.TextUnmarshaler); ok {
		d.text(n, text)
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		d.structure(n, v)
	case reflect.Map:
		d.mapping(n, v)
	case reflect.Slice:
		d.slice(n, v)
	default:
		d.scalar(n, v)
	}
}

func (d *decoder) text(n *Node, into encoding.TextUnmarshaler) {
	if n.kind != scalarNode {
		d.fail(n, "a single value belongs here")
		return
	}
	if err := into.UnmarshalText([]byte(n.scalar)); err != nil {
		d.fail(n, "%v", err)
	}
}

func (d *decoder) location(n *Node, v reflect.Value) {
	zone, err := time.LoadLocation(n.scalar)
	if err != nil || n.kind != scalarNode {
		d.fail(n, "%q is no time zone; e.g. Europe/Berlin or UTC", n.scalar)
		return
	}
	v.Set(reflect.ValueOf(zone))
}

// fields lists the readable fields of a struct, those of inlined ones included.
func fields(v reflect.Value) (names []string, values []reflect.Value, docs []string) {
	for i := range v.NumField() {
		field := v.Type().Field(i)
		name, tagged := field.Tag.Lookup("yaml")
		switch {
		case name == ",inline":
			n, vs, ds := fields(v.Field(i))
			names, values, docs = append(names, n...), append(values, vs...), append(docs, ds...)
		case tagged && name != "-":
			names = append(names, name)
			values = append(values, v.Field(i))
			docs = append(docs, field.Tag.Get("doc"))
		}
	}
	return names, values, docs
}

func (d *decoder) structure(n *Node, v reflect.Value) {
	names, values, _ := fields(v)
	if n.kind != mappingNode {
		d.fail(n, "keys belong here; one of %s", strings.Join(names, ", "))
		return
	}
	seen := map[string]*Node{}
	for _, p := range n.pairs {
		i := slices.Index(names, p.Key)
		switch first := seen[p.Key]; {
		case first != nil:
			d.fail(p.at, "repeated key; it stands in line %d already", first.line)
			continue
		case i < 0:
			d.unknown(p, names)
			continue
		}
		seen[p.Key] = p.at
		d.value(p.Value, values[i])
	}
}

func (d *decoder) unknown(p Pair, names []string) {
	if near := Near(p.Key, names); near != "" {
		d.fail(p.at, "unknown key; %q?", near)
		return
	}
	d.fail(p.at, "unknown key; one of %s", strings.Join(names, ", "))
}

func (d *decoder) mapping(n *Node, v reflect.Value) {
	if n.kind != mappingNode {
		d.fail(n, "keys and values belong here")
		return
	}
	if v.IsNil() {
		v.Set(reflect.MakeMap(v.Type()))
	}
	seen := map[string]bool{}
	for _, p := range n.pairs {
		if seen[p.Key] {
			d.fail(p.at, "repeated key")
			continue
		}
		seen[p.Key] = true
		item := reflect.New(v.Type().Elem()).Elem()
		if old := v.MapIndex(reflect.ValueOf(p.Key)); old.IsValid() {
			item.Set(old)
		}
		d.value(p.Value, item)
		v.SetMapIndex(reflect.ValueOf(p.Key).Convert(v.Type().Key()), item)
	}
}

// slice replaces the default. A single scalar stands for a list of one.
func (d *decoder) slice(n *Node, v reflect.Value) {
	items := n.items
	if n.kind == scalarNode {
		items = []*Node{n}
	} else if n.kind != sequenceNode {
		d.fail(n, "a list belongs here; begin each item with \"- \"")
		return
	}
	list := reflect.MakeSlice(v.Type(), len(items), len(items))
	for i, item := range items {
		d.value(item, list.Index(i))
	}
	v.Set(list)
}

func (d *decoder) scalar(n *Node, v reflect.Value) {
	if n.kind != scalarNode {
		d.fail(n, "a single value belongs here")
		return
	}
	if v.Type() == durationType {
		span, err := ParseDuration(n.scalar)
		if err != nil {
			d.fail(n, "%v", err)
		}
		v.SetInt(int64(span))
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(n.scalar)
	case reflect.Bool:
		d.boolean(n, v)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		i, err := strconv.ParseInt(n.scalar, 10, v.Type().Bits())
		d.number(n, err)
		v.SetInt(i)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		u, err := strconv.ParseUint(n.scalar, 10, v.Type().Bits())
		d.number(n, err)
		v.SetUint(u)
	case reflect.Float32, reflect.Float64:
		f, err := strconv.ParseFloat(n.scalar, v.Type().Bits())
		d.number(n, err)
		v.SetFloat(f)
	default:
		panic(fmt.Sprintf("config: %s: no decoding into %s", n.path, v.Type()))
	}
}

func (d *decoder) boolean(n *Node, v reflect.Value) {
	if n.scalar != "true" && n.scalar != "false" {
		d.fail(n, "%q is neither true nor false", n.scalar)
	}
	v.SetBool(n.scalar == "true")
}

func (d *decoder) number(n *Node, err error) {
	switch {
	case errors.Is(err, strconv.ErrRange):
		d.fail(n, "%s is out of range", n.scalar)
	case err != nil:
		d.fail(n, "%q is not a number of the kind wanted", n.scalar)
	}
}
