package strict

import "reflect"

// OneOrMany is a list that a file may also write as its only entry: "a" for [a]. An empty list stays empty.
type OneOrMany[T any] []T

// UnmarshalStrict reads a list, or anything else as the one entry.
func (o *OneOrMany[T]) UnmarshalStrict(n *Node) Faults {
	if n.Kind() == List {
		return n.DecodeInto((*[]T)(o))
	}
	one := make([]T, 1)
	faults := n.DecodeInto(&one[0])
	*o = one
	return faults
}

// many marks the type: its tag rules are those of its entries, and the schema allows both forms.
func (OneOrMany[T]) many() {}

func isMany(t reflect.Type) bool { return t.Implements(reflect.TypeFor[interface{ many() }]()) }
