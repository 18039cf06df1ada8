package strict

import (
	"encoding"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"
)

// check asks the rules of a field about a decoded value. On a list or a map the rules for single values are asked of
// each entry, as the schema says it too.
func (d *decoder) check(n *Node, v reflect.Value, r rules) {
	for v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	switch {
	case isList(v.Type()):
		d.count(n, v.Len(), r)
		for i := range v.Len() {
			d.check(n.item(i), v.Index(i), r.single())
		}
	case isMap(v.Type()):
		d.count(n, v.Len(), r)
		for i, name := range n.names {
			d.check(n.children[i], v.MapIndex(reflect.ValueOf(name).Convert(v.Type().Key())), r.single())
		}
	case v.Kind() == reflect.Struct && !readsItself(v.Type()), v.Kind() == reflect.Interface:
	default:
		d.single(n, v, r)
	}
}

// item returns the node of an element; n itself where a scalar stands for a list of one.
func (n *Node) item(i int) *Node {
	if n.kind == List {
		return n.children[i]
	}
	return n
}

// single returns the rules that hold for an entry of a list or a map.
func (r rules) single() rules {
	r.minItems, r.maxItems = -1, -1
	return r
}

func (d *decoder) count(n *Node, length int, r rules) {
	if r.minItems >= 0 && length < r.minItems {
		d.fault(n, "has %s, must have at least %d", plural(length, "entry", "entries"), r.minItems)
	}
	if r.maxItems >= 0 && length > r.maxItems {
		d.fault(n, "has %s, must have at most %d", plural(length, "entry", "entries"), r.maxItems)
	}
}

func plural(n int, one, many string) string {
	if n == 1 {
		many = one
	}
	return strconv.Itoa(n) + " " + many
}

func (d *decoder) single(n *Node, v reflect.Value, r rules) {
	text := textOf(v)
	if len(r.enum) > 0 && !slices.Contains(r.enum, text) {
		d.fault(n, "is %s; %s", quote(v, text), suggest(text, r.enum))
	}
	if length := utf8.RuneCountInString(text); v.Kind() == reflect.String {
		switch {
		case r.minLength == 1 && length == 0:
			d.fault(n, "is empty, must not be")
		case r.minLength >= 0 && length < r.minLength:
			d.fault(n, "has %s, must have at least %d", plural(length, "character", "characters"), r.minLength)
		case r.maxLength >= 0 && length > r.maxLength:
			d.fault(n, "has %s, must have at most %d", plural(length, "character", "characters"), r.maxLength)
		}
		if r.pattern != nil && !r.pattern.MatchString(text) {
			d.fault(n, "is %q, must match %s%s", text, r.pattern, suchAs(r.examples))
		}
	}
	if r.minimum != "" && less(v, bound(v.Type(), r.minimum)) {
		d.fault(n, "is %s, must be at least %s", n.text, r.minimum)
	}
	if r.maximum != "" && less(bound(v.Type(), r.maximum), v) {
		d.fault(n, "is %s, must be at most %s", n.text, r.maximum)
	}
}

// quote puts a text in quotes unless it is a number.
func quote(v reflect.Value, text string) string {
	if v.CanInt() || v.CanUint() || v.CanFloat() {
		return text
	}
	return strconv.Quote(text)
}

func suchAs(examples []string) string {
	if len(examples) == 0 {
		return ""
	}
	return " such as " + examples[0]
}

// textOf returns a value as a file would hold it.
func textOf(v reflect.Value) string {
	if own, ok := v.Interface().(encoding.TextMarshaler); ok {
		if text, err := own.MarshalText(); err == nil {
			return string(text)
		}
	}
	return fmt.Sprint(v.Interface())
}

// bound reads the text of a minimum or maximum as the type itself would; a wrong one panics as a mistake in the type.
func bound(t reflect.Type, text string) reflect.Value {
	v := reflect.New(t).Elem()
	n := &Node{kind: Scalar, text: text, source: "bound of " + t.String()}
	var d decoder
	if d.value(n.literal(text, t), v); d.faults != nil {
		panic("strict: " + d.faults.Error())
	}
	return v
}

// less compares two values of one type that has an order.
func less(a, b reflect.Value) bool {
	switch {
	case a.CanInt():
		return a.Int() < b.Int()
	case a.CanUint():
		return a.Uint() < b.Uint()
	case a.CanFloat():
		return a.Float() < b.Float()
	case a.Type() == reflect.TypeFor[time.Time]():
		return a.Interface().(time.Time).Before(b.Interface().(time.Time))
	}
	panic(fmt.Sprintf("strict: %s has no order: it can have no minimum or maximum", a.Type()))
}
