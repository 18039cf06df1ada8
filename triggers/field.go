package triggers

import (
	"fmt"
	"slices"
	"strings"

	"github.com/invopop/jsonschema"

	"sluice/internal/strict"
)

// field is one member of a payload, or the entries of a list. Exactly one of types, enum, isRecord and list is set.
type field struct {
	key         string // its name in the payload
	types       []typeName
	enum        []string
	isRecord    bool
	members     []*field // of a record
	list        *field
	optional    bool // it may be absent
	nullable    bool // it may be null
	description string
	record      string // the name of a record or an enum in schemas, unique in its payload
}

// typeName is what a single value is.
type typeName string

// The types. Object and array are free: anything may stand in them.
const (
	typeString   typeName = "string"
	typeBoolean  typeName = "boolean"
	typeInteger  typeName = "integer"
	typeNumber   typeName = "number"
	typeDateTime typeName = "date-time" // a string as RFC 3339 has it
	typeObject   typeName = "object"
	typeArray    typeName = "array"
)

var typeNames = []typeName{typeString, typeBoolean, typeInteger, typeNumber, typeDateTime, typeObject, typeArray}

// UnmarshalStrict reads a type's name.
func (t *typeName) UnmarshalStrict(n *strict.Node) strict.Faults {
	*t = typeName(n.Text())
	if !n.IsString() || !slices.Contains(typeNames, *t) {
		return strict.Faults{n.Faultf("must be one of %s, or a mapping with type, enum, fields or list", joined(typeNames))}
	}
	return nil
}

func joined(types []typeName) string {
	words := make([]string, len(types))
	for i, t := range types {
		words[i] = string(t)
	}
	return strings.Join(words, ", ")
}

// fields are the members of a record in the order of the file.
type fields []*field

// UnmarshalStrict reads a mapping of names to fields.
func (f *fields) UnmarshalStrict(n *strict.Node) strict.Faults {
	if n.Kind() != strict.Mapping {
		return strict.Faults{n.Faultf("must be a mapping of names to types")}
	}
	*f = fields{}
	var faults strict.Faults
	for _, name := range n.Names() {
		member := &field{key: name}
		faults = append(faults, member.UnmarshalStrict(n.Child(name))...)
		*f = append(*f, member)
	}
	return faults
}

// fieldEntry is the long form of a field.
type fieldEntry struct {
	kindEntry   `yaml:",inline"`
	Optional    bool   `yaml:"optional"`
	Nullable    bool   `yaml:"nullable"`
	Description string `yaml:"description"`
}

type kindEntry struct {
	strict.Union `yaml:"-"`
	Type         strict.OneOrMany[typeName] `yaml:"type"`
	Enum         []string                   `yaml:"enum"`
	Fields       fields                     `yaml:"fields"`
	List         *field                     `yaml:"list"`
}

// UnmarshalStrict reads the short form, which is a type or a list of them, or the long one.
func (f *field) UnmarshalStrict(n *strict.Node) strict.Faults {
	var written fieldEntry
	if n.Kind() == strict.Mapping {
		if faults := n.DecodeInto(&written); len(faults) > 0 {
			return faults
		}
	} else if faults := n.DecodeInto(&written.Type); len(faults) > 0 {
		return faults
	}
	f.types, f.enum, f.list = written.Type, written.Enum, written.List
	f.members, f.isRecord = written.Fields, written.Fields != nil
	f.optional, f.nullable, f.description = written.Optional, written.Nullable, written.Description
	switch {
	case len(f.types) == 0 && len(f.enum) == 0 && !f.isRecord && f.list == nil:
		return strict.Faults{n.Faultf("names no type: it must name at least one")}
	case len(f.types) > 1 && slices.Contains(f.types, typeDateTime):
		return strict.Faults{n.Faultf("has date-time beside another type: let it be string")}
	case slices.Contains(f.types, typeInteger) && slices.Contains(f.types, typeNumber):
		return strict.Faults{n.Faultf("has integer beside number: a whole number is a number")}
	}
	for _, all := range [][]string{f.enum, strings.Split(joined(f.types), ", ")} {
		if twice := doubled(all); twice != "" {
			return strict.Faults{n.Faultf("has %q twice: once is enough", twice)}
		}
	}
	return nil
}

func doubled(words []string) string {
	for i, word := range words {
		if slices.Contains(words[:i], word) {
			return word
		}
	}
	return ""
}

// name gives the records and enums of a payload names of their own, made of the way to each.
func (f *field) name(record string, taken map[string]bool) {
	if f.isRecord || f.enum != nil {
		f.record = record
		for n := 2; taken[f.record]; n++ {
			f.record = fmt.Sprintf("%s%d", record, n)
		}
		taken[f.record] = true
	}
	for _, m := range f.members {
		m.name(record+pascal(m.key), taken)
	}
	if f.list != nil {
		f.list.name(record, taken)
	}
}

// JSONSchema is the schema of a field for editors. It is written by hand because a field holds fields.
func (fields) JSONSchema() *jsonschema.Schema {
	const here = "#/$defs/payloadEntry/properties/fields"
	types := make([]any, len(typeNames))
	for i, t := range typeNames {
		types[i] = string(t)
	}
	one := &jsonschema.Schema{Type: "string", Enum: types}
	many := &jsonschema.Schema{Type: "array", Items: one}
	text := &jsonschema.Schema{Type: "string"}
	flag := func(description string) *jsonschema.Schema {
		return &jsonschema.Schema{Type: "boolean", Description: description}
	}
	long := &jsonschema.Schema{Type: "object", Properties: jsonschema.NewProperties(), AdditionalProperties: jsonschema.FalseSchema}
	for _, p := range []struct {
		name   string
		schema *jsonschema.Schema
	}{
		{"type", &jsonschema.Schema{AnyOf: []*jsonschema.Schema{one, many}, Description: "What the value is; object and array are free."}},
		{"enum", &jsonschema.Schema{Type: "array", Items: text, Description: "The texts that there are."}},
		{"fields", &jsonschema.Schema{Ref: here}},
		{"list", &jsonschema.Schema{Ref: here + "/additionalProperties"}},
	} {
		long.Properties.Set(p.name, p.schema)
		long.OneOf = append(long.OneOf, &jsonschema.Schema{Required: []string{p.name}})
	}
	long.Properties.Set("optional", flag("It may be absent."))
	long.Properties.Set("nullable", flag("It may be null."))
	long.Properties.Set("description", text)
	return &jsonschema.Schema{Type: "object", AdditionalProperties: &jsonschema.Schema{AnyOf: []*jsonschema.Schema{one, many, long}}}
}
