package triggers

// jsonSchemaOf writes a payload's JSON Schema in the form that SailPoint serves: one text, a definition for each record, more members than it
// names allowed, and beside what is required a list "optional", which is no word of JSON Schema.
func jsonSchemaOf(root *field) string {
	var definitions object
	define(root, &definitions)
	return encoded(object{{"definitions", definitions}, {"$ref", reference(root)}})
}

func reference(f *field) string { return "#/definitions/record:" + f.record }

// define adds a record's definition, and those of the records within it after it.
func define(f *field, definitions *object) {
	at := len(*definitions)
	*definitions = append(*definitions, member{"record:" + f.record, nil})
	required, optional, properties := []string{}, []string{}, object{}
	for _, m := range f.members {
		if m.optional {
			optional = append(optional, m.key)
		} else {
			required = append(required, m.key)
		}
		properties = append(properties, member{m.key, property(m, definitions)})
	}
	kind := any("object")
	if f.nullable && at == 0 { // nothing around a payload could say that it may be null
		kind = []string{"null", "object"}
	}
	definition := object{{"type", kind}}
	if len(optional) > 0 {
		definition = append(definition, member{"optional", optional})
	}
	if len(required) > 0 {
		definition = append(definition, member{"required", required})
	}
	definition = append(definition, member{"additionalProperties", true}, member{"properties", properties})
	(*definitions)[at].value = definition
}

// property is the schema of a field where it stands.
func property(f *field, definitions *object) object {
	alternatives := alternativesOf(f, definitions)
	if f.nullable {
		alternatives = append([]object{{{"type", "null"}}}, alternatives...)
	}
	schema := alternatives[0]
	if len(alternatives) > 1 {
		schema = object{{"oneOf", alternatives}}
	}
	if f.description != "" {
		schema = append(schema, member{"description", f.description})
	}
	return schema
}

func alternativesOf(f *field, definitions *object) []object {
	switch {
	case f.isRecord:
		define(f, definitions)
		return []object{{{"$ref", reference(f)}}}
	case f.list != nil:
		return []object{{{"type", "array"}, {"items", property(f.list, definitions)}}}
	case f.enum != nil:
		return []object{{{"type", "string"}, {"enum", f.enum}}}
	}
	var all []object
	for _, t := range f.types {
		if t == typeDateTime {
			all = append(all, object{{"type", "string"}, {"format", "date-time"}})
		} else {
			all = append(all, object{{"type", string(t)}})
		}
	}
	return all
}
