package strict

import (
	"encoding"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"
)

// Unmarshaler is a type that reads itself from a Node. It must have a pointer receiver, and return all faults it finds.
type Unmarshaler interface {
	UnmarshalStrict(n *Node) Faults
}

// Decode fills the struct that into points to and returns every fault, ordered; nil when there is none. Keys are the yaml
// tags of the fields; a key without a field is a fault. The jsonschema tags say what is required, allowed and default.
//
// An absent key takes its default; without one the field stays as it is. The defaults of a struct that is absent as a
// whole apply where the field is the struct itself and not where it is a pointer, which stays nil. An explicit null is a
// fault everywhere but in a field of type any. Understood are string, bool, all ints and floats, time.Duration, Size,
// Secret, slices, maps with string keys, structs, pointers to all these, any (as map[string]any, []any, string, int,
// float64, bool, nil), Unmarshaler and encoding.TextUnmarshaler. Any other type panics, as does a nil or non-pointer into.
func Decode(d *Document, into any) Faults {
	if d.broken != nil {
		return d.broken
	}
	if d.root.kind == Null && d.root.text == "" { // an empty file has no faults of its own but lacks what is required
		empty := *d.root
		empty.kind = Mapping
		return empty.DecodeInto(into)
	}
	return d.root.DecodeInto(into)
}

// DecodeInto fills the value that into points to, of any type that Decode understands, from n and returns all faults.
func (n *Node) DecodeInto(into any) Faults {
	v := reflect.ValueOf(into)
	if v.Kind() != reflect.Pointer || v.IsNil() {
		panic(fmt.Sprintf("strict: cannot decode into %T: give a pointer", into))
	}
	var d decoder
	d.value(n, v.Elem())
	return d.faults.sorted()
}

type decoder struct{ faults Faults }

func (d *decoder) fault(n *Node, format string, args ...any) {
	d.faults = append(d.faults, n.Faultf(format, args...))
}

// value decodes n into v, which must be addressable.
func (d *decoder) value(n *Node, v reflect.Value) {
	if v.Kind() == reflect.Pointer {
		target := reflect.New(v.Type().Elem())
		d.value(n, target.Elem())
		v.Set(target)
		return
	}
	switch own := v.Addr().Interface().(type) {
	case Unmarshaler:
		d.faults = append(d.faults, own.UnmarshalStrict(n)...)
		return
	case *time.Duration:
		d.duration(n, own)
		return
	case encoding.TextUnmarshaler:
		d.text(n, own)
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		d.structure(n, v)
	case reflect.Map:
		d.mapping(n, v)
	case reflect.Slice:
		d.list(n, v)
	case reflect.Interface:
		if v.NumMethod() > 0 {
			panic(fmt.Sprintf("strict: %s: only the empty interface can be decoded, not %s", n.path, v.Type()))
		}
		if plain := d.plain(n); plain != nil {
			v.Set(reflect.ValueOf(plain))
		}
	default:
		d.scalar(n, v)
	}
}

// is reports whether n is of the wanted kind; if not, that is a fault.
func (d *decoder) is(n *Node, kind Kind, want string) bool {
	if n.kind == kind {
		return true
	}
	hint := ""
	if n.kind == Null {
		hint = ", or leave the key out"
		if kind == Mapping || kind == List {
			hint = fmt.Sprintf(" (%s when it has no entries)", map[Kind]string{Mapping: "{}", List: "[]"}[kind])
		}
	}
	d.fault(n, "is %s, must be %s%s", n.describe(), want, hint)
	return false
}

func (d *decoder) structure(n *Node, v reflect.Value) {
	if !d.is(n, Mapping, "a mapping") {
		return
	}
	fields := fieldsOf(v.Type())
	unknown := d.unknown(n, fields)
	for _, f := range fields {
		target := v.FieldByIndex(f.index)
		child := n.Child(f.name)
		switch {
		case child != nil:
			d.field(child, target, f)
		case f.rules.required:
			d.faults = append(d.faults, n.missing(f.name, "is required"))
		default:
			d.absent(n, target, f)
		}
	}
	if !unknown {
		d.unions(n, fields)
	}
}

// field decodes a key that is there, and then asks its rules, unless it is already at fault.
func (d *decoder) field(n *Node, v reflect.Value, f field) {
	before := len(d.faults)
	d.value(n, v)
	if len(d.faults) == before {
		d.check(n, v, f.rules)
	}
}

// absent gives a field whose key is not there its default, and a struct the defaults of its fields.
func (d *decoder) absent(n *Node, v reflect.Value, f field) {
	if f.rules.defaults != nil {
		setDefault(n, v, f)
		return
	}
	if v.Kind() != reflect.Struct || readsItself(v.Type()) {
		return
	}
	for _, inner := range fieldsOf(v.Type()) {
		d.absent(n, v.FieldByIndex(inner.index), inner)
	}
}

// setDefault decodes the text of a default as if the file held it. A default that breaks its own rules panics: it is a
// mistake of the type's author.
func setDefault(parent *Node, v reflect.Value, f field) {
	n := &Node{doc: parent.doc, path: join(parent.path, f.name), source: "default of " + f.name}
	leaf := f.typ
	if isList(f.typ) {
		n.kind, leaf = List, f.typ.Elem()
		for _, text := range f.rules.defaults {
			n.children = append(n.children, n.literal(text, leaf))
		}
	} else {
		n = n.literal(f.rules.defaults[0], leaf)
	}
	var d decoder
	if d.field(n, v, f); d.faults != nil {
		panic("strict: " + d.faults.Error())
	}
}

// literal returns a scalar beside n with a text that does not come from the file, typed as leaf wants it.
func (n *Node) literal(text string, leaf reflect.Type) *Node {
	made := *n
	made.kind, made.tag, made.text, made.names, made.children = Scalar, resolve(text), text, nil, nil
	for leaf.Kind() == reflect.Pointer || isMany(leaf) {
		leaf = leaf.Elem()
	}
	if leaf.Kind() == reflect.String {
		made.tag = tagString
	} else if made.tag == tagNull {
		made.kind = Null
	}
	return &made
}

func (d *decoder) mapping(n *Node, v reflect.Value) {
	if v.Type().Key().Kind() != reflect.String {
		panic(fmt.Sprintf("strict: %s: the keys of a map must be strings", v.Type()))
	}
	if !d.is(n, Mapping, "a mapping") {
		return
	}
	made := reflect.MakeMapWithSize(v.Type(), len(n.names))
	for i, name := range n.names {
		entry := reflect.New(v.Type().Elem()).Elem()
		d.value(n.children[i], entry)
		made.SetMapIndex(reflect.ValueOf(name).Convert(v.Type().Key()), entry)
	}
	v.Set(made)
}

func (d *decoder) list(n *Node, v reflect.Value) {
	if !d.is(n, List, "a list") {
		return
	}
	made := reflect.MakeSlice(v.Type(), len(n.children), len(n.children))
	for i, item := range n.children {
		d.value(item, made.Index(i))
	}
	v.Set(made)
}

// unknown reports the keys of n that no field takes, and whether there are any.
func (d *decoder) unknown(n *Node, fields []field) bool {
	valid := make([]string, len(fields))
	for i, f := range fields {
		valid[i] = f.name
	}
	found := false
	for i, name := range n.names {
		if slices.Contains(valid, name) {
			continue
		}
		found = true
		f := n.children[i].atKey()
		f.Key, f.Message = n.children[i].path, "unknown key; "+suggest(name, valid)
		d.faults = append(d.faults, f)
	}
	return found
}

// unions checks that of each union among the fields exactly one key is set.
func (d *decoder) unions(n *Node, fields []field) {
	for len(fields) > 0 {
		union := fields[0].union
		var names, set []string
		fields = slices.DeleteFunc(slices.Clone(fields), func(f field) bool {
			if f.union != union {
				return false
			}
			names = append(names, f.name)
			if n.Child(f.name) != nil {
				set = append(set, f.name)
			}
			return true
		})
		if union == nil || len(set) == 1 {
			continue
		}
		found := "none"
		if len(set) > 0 {
			found = enumerate(set, "and")
		}
		f := n.atKey()
		f.Key, f.Message = n.path, fmt.Sprintf("exactly one of %s must be set; found %s", strings.Join(names, ", "), found)
		d.faults = append(d.faults, f)
	}
}

// readsItself reports whether a pointer to t decodes without the help of this package.
func readsItself(t reflect.Type) bool {
	p := reflect.PointerTo(t)
	return p.Implements(reflect.TypeFor[Unmarshaler]()) || p.Implements(reflect.TypeFor[encoding.TextUnmarshaler]()) ||
		t == reflect.TypeFor[time.Duration]()
}

// isList and isMap report whether t holds entries that this package decodes one by one.
func isList(t reflect.Type) bool {
	return t.Kind() == reflect.Slice && (!readsItself(t) || isMany(t))
}

func isMap(t reflect.Type) bool { return t.Kind() == reflect.Map && !readsItself(t) }

// leafOf returns the type of the single values in t: the entries of lists and maps, behind pointers.
func leafOf(t reflect.Type) reflect.Type {
	for t.Kind() == reflect.Pointer || isList(t) || isMap(t) {
		t = t.Elem()
	}
	return t
}

// isScalar reports whether a single scalar can fill t.
func isScalar(t reflect.Type) bool {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if readsItself(t) {
		return true
	}
	switch t.Kind() {
	case reflect.Struct, reflect.Map, reflect.Slice:
		return false
	}
	return true
}
