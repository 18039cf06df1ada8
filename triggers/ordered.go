package triggers

import (
	"bytes"
	"encoding/json"

	"sluice/internal/strict"
)

// member is a name with its value, and object a JSON object whose members keep their order, so that a schema reads as its description does.
type (
	member struct {
		name  string
		value any
	}
	object []member
)

// MarshalJSON writes the members in their order.
func (o object) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, m := range o {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(encoded(m.name) + ":" + encoded(m.value))
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// encoded is the JSON of what this package puts together itself: objects, lists, texts, numbers and booleans, which JSON can always hold.
func encoded(v any) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic("triggers: " + err.Error())
	}
	return string(bytes.TrimSuffix(b.Bytes(), []byte("\n")))
}

// literal is JSON written in YAML, its members in the order of the file.
type literal json.RawMessage

// UnmarshalStrict reads anything.
func (l *literal) UnmarshalStrict(n *strict.Node) strict.Faults {
	v, faults := plain(n)
	if len(faults) == 0 {
		*l = literal(encoded(v))
	}
	return faults
}

func plain(n *strict.Node) (any, strict.Faults) {
	switch n.Kind() {
	case strict.Mapping:
		o, faults := object{}, strict.Faults(nil)
		for _, name := range n.Names() {
			v, wrong := plain(n.Child(name))
			o, faults = append(o, member{name, v}), append(faults, wrong...)
		}
		return o, faults
	case strict.List:
		list, faults := []any{}, strict.Faults(nil)
		for _, item := range n.Items() {
			v, wrong := plain(item)
			list, faults = append(list, v), append(faults, wrong...)
		}
		return list, faults
	}
	var v any
	faults := n.DecodeInto(&v)
	return v, faults
}
