package strict

import (
	"fmt"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Union marks a struct of which exactly one key must be set; the key that is set says what the value is. Embed it:
//
//	type Auth struct {
//		strict.Union `yaml:"-"`
//		Basic  *Basic  `yaml:"basic"`
//		OAuth2 *OAuth2 `yaml:"oauth2"`
//	}
//
// Every field of such a struct must be a pointer, a slice or a map. A union may itself be embedded with `yaml:",inline"`;
// its keys then stand among those of the struct around it.
type Union struct{}

// field is one key that a struct takes.
type field struct {
	name  string
	index []int // for reflect.Value.FieldByIndex
	typ   reflect.Type
	union reflect.Type // the union that the key belongs to; nil for none
	rules rules
}

// rules are what the jsonschema tag of a field says. The vocabulary is that of github.com/invopop/jsonschema; Decode
// obeys the rules and Schema prints them. A comma inside a value is written \\, .
type rules struct {
	required             bool
	defaults             []string // the text of the default; several for a list
	enum                 []string
	minimum, maximum     string // as the type writes it: 1, 0.5, 25s, 8MiB
	minLength, maxLength int    // in characters; -1 = no bound
	minItems, maxItems   int    // -1 = no bound
	pattern              *regexp.Regexp
	title, description   string
	examples             []string
	deprecated           bool
}

// fieldsOf returns the keys of a struct type in the order of its fields. A type that breaks the rules of this package is
// a mistake of its author, not of a file: it panics, and any test that decodes the type finds it.
func fieldsOf(t reflect.Type) []field {
	var union reflect.Type
	if isUnion(t) {
		union = t
	}
	var fields []field
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		switch {
		case name == "-" || f.Type == reflect.TypeFor[Union](), !f.IsExported() && !f.Anonymous:
			continue
		case options == "inline":
			fields = append(fields, inlined(t, f)...)
			continue
		case f.Anonymous:
			panic(fmt.Sprintf(`strict: %s embeds %s: tag it yaml:",inline" or yaml:"-"`, t, f.Type))
		case name == "":
			name = strings.ToLower(f.Name)
		}
		if union != nil && f.Type.Kind() != reflect.Pointer && f.Type.Kind() != reflect.Slice && f.Type.Kind() != reflect.Map {
			panic(fmt.Sprintf("strict: %s is a union: %s must be a pointer, a slice or a map", t, f.Name))
		}
		fields = append(fields, field{name: name, index: f.Index, typ: f.Type, union: union, rules: rulesOf(t, f)})
	}
	return fields
}

func inlined(t reflect.Type, f reflect.StructField) []field {
	if f.Type.Kind() != reflect.Struct {
		panic(fmt.Sprintf("strict: %s inlines %s: only a struct can be inlined", t, f.Type))
	}
	fields := fieldsOf(f.Type)
	for i := range fields {
		fields[i].index = append([]int{f.Index[0]}, fields[i].index...)
	}
	return fields
}

func isUnion(t reflect.Type) bool {
	f, ok := t.FieldByName("Union")
	return ok && f.Type == reflect.TypeFor[Union]() && len(f.Index) == 1
}

// rulesOf reads the tags of one field. A word it does not know panics: a rule that nobody enforces must not stand there.
func rulesOf(t reflect.Type, f reflect.StructField) rules {
	r := rules{minLength: -1, maxLength: -1, minItems: -1, maxItems: -1, description: f.Tag.Get("jsonschema_description")}
	for _, word := range splitTag(f.Tag.Get("jsonschema")) {
		name, value, _ := strings.Cut(word, "=")
		if err := r.set(name, value); err != nil {
			panic(fmt.Sprintf("strict: %s.%s: jsonschema tag: %v", t, f.Name, err))
		}
	}
	if word := r.idle(f.Type); word != "" {
		panic(fmt.Sprintf("strict: %s.%s: jsonschema tag: %s means nothing for %s", t, f.Name, word, f.Type))
	}
	return r
}

// idle returns a rule that has no meaning for a field of type t; empty when there is none.
func (r rules) idle(t reflect.Type) string {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	leaf := leafOf(t)
	zero := reflect.Zero(leaf)
	ordered := zero.CanInt() || zero.CanUint() || zero.CanFloat() || leaf == reflect.TypeFor[time.Time]()
	switch {
	case (r.minItems >= 0 || r.maxItems >= 0) && !isList(t) && !isMap(t):
		return "minItems or maxItems"
	case (r.minimum != "" || r.maximum != "") && !ordered:
		return "minimum or maximum"
	case (r.pattern != nil || r.minLength >= 0 || r.maxLength >= 0) && leaf.Kind() != reflect.String:
		return "pattern, minLength or maxLength"
	case r.enum != nil && (!isScalar(leaf) || leaf.Kind() == reflect.Interface || leaf == reflect.TypeFor[Secret]()):
		return "enum"
	case len(r.defaults) > 1 && !isList(t), r.defaults != nil && (isMap(t) || leaf == reflect.TypeFor[Secret]()):
		return "default"
	}
	return ""
}

func (r *rules) set(name, value string) (err error) {
	switch name {
	case "required":
		r.required = true
	case "deprecated":
		r.deprecated = true
	case "default":
		r.defaults = append(r.defaults, value)
	case "enum":
		r.enum = append(r.enum, value)
	case "example":
		r.examples = append(r.examples, value)
	case "title":
		r.title = value
	case "description":
		r.description = value
	case "minimum":
		r.minimum = value
	case "maximum":
		r.maximum = value
	case "pattern":
		r.pattern, err = regexp.Compile(value)
	case "minLength":
		r.minLength, err = strconv.Atoi(value)
	case "maxLength":
		r.maxLength, err = strconv.Atoi(value)
	case "minItems":
		r.minItems, err = strconv.Atoi(value)
	case "maxItems":
		r.maxItems, err = strconv.Atoi(value)
	default:
		return fmt.Errorf("unknown word %q", name)
	}
	return err
}

// splitTag splits at the commas that no backslash precedes; nil for an empty tag.
func splitTag(tag string) []string {
	if tag == "" {
		return nil
	}
	var words []string
	for i, part := range strings.Split(tag, ",") {
		if last := len(words) - 1; i > 0 && strings.HasSuffix(words[last], `\`) {
			words[last] = strings.TrimSuffix(words[last], `\`) + "," + part
			continue
		}
		words = append(words, part)
	}
	return words
}
