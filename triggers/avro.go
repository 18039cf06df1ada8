package triggers

import (
	"regexp"
	"slices"
	"strings"
)

// An Avro schema is stricter than a payload, so four things are decided here.
//
// An enum is an Avro enum where all of its texts are names as Avro wants them, else a string. A date-time is a string: SailPoint's times have
// any number of digits, which a timestamp would cut. What may be absent or null is a union with null, whose default null is. What may hold an
// object or a list of unknown make is a string with JSON in it (logicalType json, which readers may ignore): a map of strings could hold
// neither numbers nor lists, and a record that holds itself is a burden on every reader.
//
// Members that the schema does not name, which JSON Schema allows, are not in an Avro record.

var avroWord = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// avroOf writes the Avro schema of a payload.
func avroOf(root *field, t *Trigger) string {
	prefix, _, _ := strings.Cut(t.ID, ":")
	record := avroRecord(root)
	named := object{record[0], record[1], {"namespace", "sluice.triggers." + strings.ReplaceAll(prefix, "-", "_")}}
	if t.Description != "" {
		named = append(named, member{"doc", t.Description})
	}
	named = append(named, record[2:]...)
	if root.nullable {
		return encoded([]any{"null", named})
	}
	return encoded(named)
}

func avroRecord(f *field) object {
	list, taken := []object{}, map[string]bool{}
	for _, m := range f.members {
		one := object{{"name", avroName(m.key, taken)}}
		if one[0].value != m.key {
			one = append(one, member{"jsonName", m.key})
		}
		if m.description != "" {
			one = append(one, member{"doc", m.description})
		}
		one = append(one, member{"type", avroType(m, m.optional || m.nullable)})
		if m.optional || m.nullable {
			one = append(one, member{"default", nil})
		}
		list = append(list, one)
	}
	return object{{"type", "record"}, {"name", f.record}, {"fields", list}}
}

// avroName makes a name that Avro takes out of a payload's.
func avroName(key string, taken map[string]bool) string {
	name := strings.Map(func(r rune) rune {
		if avroWord.MatchString("_" + string(r)) {
			return r
		}
		return '_'
	}, key)
	if !avroWord.MatchString(name) {
		name = "_" + name
	}
	for taken[name] {
		name += "_"
	}
	taken[name] = true
	return name
}

// avroType is the type of a field, in a union with null where it may be absent or null.
func avroType(f *field, orNull bool) any {
	alternatives := avroAlternatives(f)
	if orNull {
		alternatives = append([]any{"null"}, alternatives...)
	}
	if len(alternatives) == 1 {
		return alternatives[0]
	}
	return alternatives
}

func avroAlternatives(f *field) []any {
	switch {
	case f.isRecord:
		return []any{avroRecord(f)}
	case f.list != nil:
		return []any{object{{"type", "array"}, {"items", avroType(f.list, f.list.nullable)}}}
	case f.enum != nil:
		if slices.ContainsFunc(f.enum, func(word string) bool { return !avroWord.MatchString(word) }) {
			return []any{"string"}
		}
		return []any{object{{"type", "enum"}, {"name", f.record}, {"symbols", f.enum}}}
	case slices.Contains(f.types, typeObject), slices.Contains(f.types, typeArray):
		return []any{object{{"type", "string"}, {"logicalType", "json"}}}
	}
	var all []any
	for _, t := range f.types {
		all = append(all, map[typeName]string{
			typeString: "string", typeDateTime: "string", typeBoolean: "boolean", typeInteger: "long", typeNumber: "double",
		}[t])
	}
	return all
}
