package strict

import (
	"encoding"
	"encoding/json"
	"fmt"
	"path"
	"reflect"
	"strings"
	"time"

	"github.com/invopop/jsonschema"
)

// Schema returns the JSON Schema (draft 2020-12, indented, with a newline at its end) of the struct that v is or points
// to: what Decode would accept, as far as a schema can say it. Definitions bear the names of the Go types. A type that
// reads itself may have a method JSONSchema() *jsonschema.Schema of github.com/invopop/jsonschema; without one, a type
// that reads itself from text is a string and any other may be anything. The only error is that of marshalling.
func Schema(v any, id, title string) ([]byte, error) {
	t := reflect.TypeOf(v)
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	g := generator{defs: jsonschema.Definitions{}, names: map[reflect.Type]string{}}
	root := g.structure(t)
	root.Version, root.ID, root.Title = jsonschema.Version, jsonschema.ID(id), title
	root.Definitions = g.defs
	text, err := json.MarshalIndent(root, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("schema of %s: %w", t, err)
	}
	return append(text, '\n'), nil
}

type generator struct {
	defs  jsonschema.Definitions
	names map[reflect.Type]string
}

// of returns the schema of a type; structs become definitions, so that a type may hold itself.
func (g *generator) of(t reflect.Type) *jsonschema.Schema {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if own, ok := reflect.New(t).Interface().(interface{ JSONSchema() *jsonschema.Schema }); ok {
		copied := *own.JSONSchema() // the tags of a field are written into it
		return &copied
	}
	if isMany(t) {
		return &jsonschema.Schema{AnyOf: []*jsonschema.Schema{g.of(t.Elem()), {Type: "array", Items: g.of(t.Elem())}}}
	}
	if readsItself(t) {
		return textual(t)
	}
	switch t.Kind() {
	case reflect.Struct:
		if t.Name() == "" {
			return g.structure(t)
		}
		return &jsonschema.Schema{Ref: "#/$defs/" + g.define(t)}
	case reflect.Map:
		return &jsonschema.Schema{Type: "object", AdditionalProperties: g.of(t.Elem())}
	case reflect.Slice:
		return &jsonschema.Schema{Type: "array", Items: g.of(t.Elem())}
	case reflect.String:
		return &jsonschema.Schema{Type: "string"}
	case reflect.Bool:
		return &jsonschema.Schema{Type: "boolean"}
	case reflect.Float32, reflect.Float64:
		return &jsonschema.Schema{Type: "number"}
	case reflect.Interface:
		return &jsonschema.Schema{}
	}
	return &jsonschema.Schema{Type: "integer"}
}

// JSONSchema returns the schema of a reference.
func (Secret) JSONSchema() *jsonschema.Schema {
	return &jsonschema.Schema{
		Type: "string", Pattern: reference.String(),
		Description: "A reference to a secret, such as ${env:NAME} or ${file:/run/secrets/name}.",
	}
}

// textual returns the schema of a type that reads itself.
func textual(t reflect.Type) *jsonschema.Schema {
	if t != reflect.TypeFor[time.Duration]() && !reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]()) {
		return &jsonschema.Schema{}
	}
	s := &jsonschema.Schema{Type: "string"}
	switch t {
	case reflect.TypeFor[time.Duration]():
		s.Pattern = `^([0-9]+d)?([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))*$`
		s.MinLength = nonNegative(1)
	case reflect.TypeFor[Size]():
		s.Pattern = `^[0-9]+(\.[0-9]+)? ?([KMGT]i?B|kB|B)$`
	}
	if right := example(t); right != "" {
		s.Examples = []any{right}
	}
	return s
}

// define puts the schema of a struct among the definitions and returns its name. Types of one name out of two packages
// bear the package too.
func (g *generator) define(t reflect.Type) string {
	if name, ok := g.names[t]; ok {
		return name
	}
	name := strings.NewReplacer("[", "_", "]", "", "/", "_", ",", "_", "*", "").Replace(t.Name())
	if _, taken := g.defs[name]; taken {
		name = path.Base(t.PkgPath()) + "." + name
	}
	g.names[t] = name
	g.defs[name] = nil // takes the name before the fields ask for theirs
	g.defs[name] = g.structure(t)
	return name
}

func (g *generator) structure(t reflect.Type) *jsonschema.Schema {
	s := &jsonschema.Schema{Type: "object", Properties: jsonschema.NewProperties(), AdditionalProperties: jsonschema.FalseSchema}
	unions := map[reflect.Type]*jsonschema.Schema{}
	for _, f := range fieldsOf(t) {
		s.Properties.Set(f.name, g.property(f))
		if f.rules.required {
			s.Required = append(s.Required, f.name)
		}
		if f.union == nil {
			continue
		}
		if unions[f.union] == nil {
			unions[f.union] = &jsonschema.Schema{}
			s.AllOf = append(s.AllOf, unions[f.union])
		}
		unions[f.union].OneOf = append(unions[f.union].OneOf, &jsonschema.Schema{Required: []string{f.name}})
	}
	return s
}

// property returns the schema of a field: that of its type, and what its tags say.
func (g *generator) property(f field) *jsonschema.Schema {
	s, leaf := g.of(f.typ), leafOf(f.typ)
	for _, single := range singles(s) {
		constrain(single, f.rules)
	}
	s.MinItems, s.MaxItems = nonNegative(f.rules.minItems), nonNegative(f.rules.maxItems)
	if s.Type == "object" {
		s.MinProperties, s.MaxProperties, s.MinItems, s.MaxItems = s.MinItems, s.MaxItems, nil, nil
	}
	if f.rules.description != "" {
		s.Description = f.rules.description
	}
	if text := bounds(f.rules); text != "" && readsItself(leaf) {
		s.Description = strings.TrimSpace(s.Description + " " + text)
	}
	s.Title, s.Deprecated = f.rules.title, f.rules.deprecated
	for _, text := range f.rules.examples {
		s.Examples = append(s.Examples, typed(text, leaf))
	}
	var defaults []any
	for _, text := range f.rules.defaults {
		defaults = append(defaults, typed(text, leaf))
	}
	if s.Type == "array" && defaults != nil || len(defaults) > 1 {
		s.Default = defaults
	} else if defaults != nil {
		s.Default = defaults[0]
	}
	return s
}

// bounds says the bounds of a type that is a string to a schema: it cannot check them.
func bounds(r rules) string {
	switch {
	case r.minimum != "" && r.maximum != "":
		return "From " + r.minimum + " to " + r.maximum + "."
	case r.minimum != "":
		return "At least " + r.minimum + "."
	case r.maximum != "":
		return "At most " + r.maximum + "."
	}
	return ""
}

// singles returns the schemas of the single values within s, of which the rules of a field speak.
func singles(s *jsonschema.Schema) []*jsonschema.Schema {
	switch {
	case s.Items != nil:
		return singles(s.Items)
	case s.Type == "object" && s.AdditionalProperties != nil:
		return singles(s.AdditionalProperties)
	case len(s.AnyOf) > 0:
		var all []*jsonschema.Schema
		for _, one := range s.AnyOf {
			all = append(all, singles(one)...)
		}
		return all
	}
	return []*jsonschema.Schema{s}
}

// constrain puts the rules for single values into s.
func constrain(s *jsonschema.Schema, r rules) {
	for _, word := range r.enum {
		if s.Type == "string" {
			s.Enum = append(s.Enum, word)
		} else {
			s.Enum = append(s.Enum, json.Number(word))
		}
	}
	if s.Type == "integer" || s.Type == "number" {
		s.Minimum, s.Maximum = json.Number(r.minimum), json.Number(r.maximum)
	}
	if s.Type != "string" {
		return
	}
	if r.pattern != nil {
		s.Pattern = r.pattern.String()
	}
	if r.minLength >= 0 {
		s.MinLength = nonNegative(r.minLength)
	}
	s.MaxLength = nonNegative(r.maxLength)
}

func nonNegative(n int) *uint64 {
	if n < 0 {
		return nil
	}
	u := uint64(n)
	return &u
}

// typed returns the text of a default or an example as JSON has it.
func typed(text string, leaf reflect.Type) any {
	v := reflect.New(leaf).Elem()
	switch {
	case readsItself(leaf):
	case v.Kind() == reflect.Bool:
		return text == "true"
	case v.CanInt(), v.CanUint(), v.CanFloat():
		return json.Number(text)
	}
	return text
}
