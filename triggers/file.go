package triggers

import (
	"encoding/json"
	"errors"
	"strings"

	"sluice/internal/strict"
)

// triggerFile is a trigger as its file describes it. Its tags are the rules that both the decoder and the schema for editors obey.
type triggerFile struct {
	ID          string        `yaml:"id" jsonschema:"required,pattern=^[a-z][a-z0-9-]*:[a-z][a-z0-9-]*$,maxLength=100,example=acme:badge-lost" jsonschema_description:"Whose it is, a colon, and what happened; lower-case letters, digits and hyphens. idn: sp: and sluice: are taken."`
	Name        string        `yaml:"name" jsonschema:"required,minLength=1" jsonschema_description:"What people call it."`
	Description string        `yaml:"description" jsonschema_description:"When it fires."`
	Kind        string        `yaml:"kind" jsonschema:"enum=FIRE_AND_FORGET,enum=REQUEST_RESPONSE,default=FIRE_AND_FORGET" jsonschema_description:"Whether somebody waits for a subscriber's answer."`
	Input       payloadEntry  `yaml:"input" jsonschema:"required" jsonschema_description:"The payload of its events."`
	Output      *payloadEntry `yaml:"output" jsonschema_description:"What a subscriber answers, where somebody waits for it."`
}

// payloadEntry is a payload: its schema, and an example of it.
type payloadEntry struct {
	schemaEntry `yaml:",inline"`
	Nullable    bool    `yaml:"nullable" jsonschema_description:"It may be null as a whole, for which an empty object stands as well."`
	Example     literal `yaml:"example" jsonschema:"required" jsonschema_description:"A payload as it may be; it must fit the schema."`
}

// schemaEntry says what a payload is made of, in the compact form or as a JSON Schema of the user's own.
type schemaEntry struct {
	strict.Union `yaml:"-"`
	Fields       fields  `yaml:"fields" jsonschema_description:"What stands in it, by name: a type, or a mapping with type, enum, fields or list, and optional, nullable, description."`
	JSONSchema   literal `yaml:"json_schema" jsonschema_description:"A JSON Schema instead of fields. No Avro schema is made of it."`
}

// FileSchema returns the JSON Schema of a trigger's file, for editors.
func FileSchema() ([]byte, error) {
	return strict.Schema(triggerFile{}, "https://sluice.invalid/schema/trigger.json", "triggers/NAME.yaml: a kind of event of your own")
}

// Read makes a trigger of its file, or returns all faults of it and nil. That the id is nobody else's is the caller's business.
func Read(doc *strict.Document) (*Trigger, strict.Faults) {
	t, faults := describe(doc)
	if len(faults) > 0 {
		return nil, faults
	}
	faults = prove(doc, "input", t.Input, t.ExampleInput)
	if t.Output != nil {
		faults = append(faults, prove(doc, "output", t.Output, t.ExampleOutput)...)
	}
	if len(faults) > 0 {
		return nil, faults
	}
	return t, nil
}

// describe is Read without a look at schemas of the user's own and at examples.
func describe(doc *strict.Document) (*Trigger, strict.Faults) {
	var written triggerFile
	faults := strict.Decode(doc, &written)
	if len(faults) > 0 {
		return nil, faults
	}
	t := &Trigger{
		ID: written.ID, Name: written.Name, Description: strings.TrimSpace(written.Description), Kind: Kind(written.Kind), File: doc.File(),
		ExampleInput: json.RawMessage(written.Input.Example),
	}
	t.Input = written.Input.schema(t, "input")
	switch {
	case t.Kind == FireAndForget && written.Output != nil:
		return nil, strict.Faults{doc.Faultf("output", "must not be there, as nobody waits for an answer; or let kind be REQUEST_RESPONSE")}
	case t.Kind == RequestResponse && written.Output == nil:
		return nil, strict.Faults{doc.Faultf("output", "is required where kind is REQUEST_RESPONSE")}
	case written.Output != nil:
		t.Output, t.ExampleOutput = written.Output.schema(t, "output"), json.RawMessage(written.Output.Example)
	}
	return t, nil
}

// schema makes the schema of a payload.
func (p *payloadEntry) schema(t *Trigger, key string) *Schema {
	if p.JSONSchema != nil {
		return newSchema(string(p.JSONSchema), "", p.Nullable)
	}
	root := &field{members: p.Fields, isRecord: true, nullable: p.Nullable}
	root.name(recordName(t.ID, key), map[string]bool{})
	return newSchema(jsonSchemaOf(root), avroOf(root, t), p.Nullable)
}

// prove looks whether a schema is one, and holds its example against it.
func prove(doc *strict.Document, key string, s *Schema, example json.RawMessage) strict.Faults {
	if _, err := s.compiled(); err != nil {
		return faultsOf(doc, key+".json_schema", "is no JSON Schema: ", err)
	}
	return faultsOf(doc, key+".example", "does not fit the schema: ", s.Check(example))
}

// faultsOf places what is wrong with a value below its key.
func faultsOf(doc *strict.Document, key, what string, err error) (faults strict.Faults) {
	misfits, ok := errors.AsType[Misfits](err)
	if err != nil && !ok {
		return strict.Faults{doc.Faultf(key, "%s%v", what, err)}
	}
	for _, m := range misfits {
		faults = append(faults, doc.Faultf(m.below(key), "%s%s", what, m.Problem))
	}
	return faults
}

// recordName makes AcmeBadgeLostInput out of acme:badge-lost and input. SailPoint's own records are called without their prefix.
func recordName(id, key string) string {
	for _, prefix := range ReservedPrefixes {
		id = strings.TrimPrefix(id, prefix)
	}
	return pascal(id) + pascal(key)
}

// pascal joins the words of a text, each with a capital: BadgeLost out of badge-lost.
func pascal(text string) string {
	var b strings.Builder
	for _, word := range strings.FieldsFunc(text, func(r rune) bool { return r > 'z' || r < '0' || r > '9' && r < 'A' || r > 'Z' && r < 'a' }) {
		b.WriteString(strings.ToUpper(word[:1]) + word[1:])
	}
	return b.String()
}
