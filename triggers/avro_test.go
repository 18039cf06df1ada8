package triggers_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/hamba/avro/v2"

	"sluice/internal/strict"
	"sluice/triggers"
)

func TestExamplesFitBothSchemas(t *testing.T) {
	t.Parallel()
	for _, trigger := range triggers.Shipped().All() {
		if err := trigger.CheckInput(trigger.ExampleInput); err != nil {
			t.Errorf("%s: example: %v", trigger.ID, err)
		}
		encodes(t, trigger.Input, trigger.ExampleInput)
		if trigger.Output == nil {
			continue
		}
		if err := trigger.CheckOutput(trigger.ExampleOutput); err != nil {
			t.Errorf("%s: example of an answer: %v", trigger.ID, err)
		}
		encodes(t, trigger.Output, trigger.ExampleOutput)
	}
}

// encodes writes a payload by its Avro schema, reads it back, and wants what the schema names of it.
func encodes(t *testing.T, s *triggers.Schema, payload json.RawMessage) {
	t.Helper()
	schema, err := avro.ParseWithCache(s.Avro(), "", &avro.SchemaCache{})
	if err != nil {
		t.Errorf("%v in\n%s", err, s.Avro())
		return
	}
	var plain any
	if err := json.Unmarshal(payload, &plain); err != nil {
		t.Fatal(err)
	}
	native := toAvro(t, schema, plain)
	data, err := avro.Marshal(schema, native)
	if err != nil {
		t.Errorf("encode: %v\n%s\n%s", err, s.Avro(), payload)
		return
	}
	var back any
	if err := avro.Unmarshal(schema, data, &back); err != nil {
		t.Errorf("decode: %v", err)
		return
	}
	if again, err := avro.Marshal(schema, native); err != nil || !reflect.DeepEqual(data, again) {
		t.Errorf("encoded twice: got %x and %x, %v; want the same", data, again, err)
	}
	if union, ok := back.(map[string]any); ok && schema.Type() == avro.Union {
		back = union[recordOf(schema).FullName()]
	}
	if whole, ok := back.(map[string]any); ok && len(whole) != len(recordOf(schema).Fields()) {
		t.Errorf("read back: got %d members, want %d", len(whole), len(recordOf(schema).Fields()))
	}
}

func recordOf(s avro.Schema) *avro.RecordSchema {
	if union, ok := s.(*avro.UnionSchema); ok {
		s = union.Types()[1]
	}
	return s.(*avro.RecordSchema)
}

// toAvro turns a payload into what an Avro encoder takes, as docs/triggers.md says: JSON as a text where the shape is not known.
func toAvro(t *testing.T, s avro.Schema, v any) any {
	t.Helper()
	switch s := s.(type) {
	case *avro.UnionSchema:
		return unionMember(t, s, v)
	case *avro.RecordSchema:
		given, out := v.(map[string]any), map[string]any{}
		for _, f := range s.Fields() {
			key := f.Name()
			if name, ok := f.Prop("jsonName").(string); ok {
				key = name
			}
			out[f.Name()] = toAvro(t, f.Type(), given[key])
		}
		return out
	case *avro.ArraySchema:
		out := []any{}
		for _, item := range v.([]any) {
			out = append(out, toAvro(t, s.Items(), item))
		}
		return out
	}
	if primitive, ok := s.(*avro.PrimitiveSchema); ok && primitive.Prop("logicalType") == "json" {
		text, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	if s.Type() == avro.Long {
		return int64(v.(float64))
	}
	return v
}

func unionMember(t *testing.T, s *avro.UnionSchema, v any) any {
	t.Helper()
	if v == nil {
		return nil
	}
	want := map[reflect.Kind][]avro.Type{
		reflect.String: {avro.String, avro.Enum}, reflect.Bool: {avro.Boolean}, reflect.Float64: {avro.Double, avro.Long},
		reflect.Map: {avro.Record, avro.String}, reflect.Slice: {avro.Array, avro.String},
	}[reflect.TypeOf(v).Kind()]
	for _, one := range s.Types() {
		primitive, _ := one.(*avro.PrimitiveSchema)
		isJSON := primitive != nil && primitive.Prop("logicalType") == "json"
		for _, kind := range want {
			if one.Type() == kind || isJSON {
				name := string(one.Type())
				if named, ok := one.(avro.NamedSchema); ok {
					name = named.FullName()
				}
				return map[string]any{name: toAvro(t, one, v)}
			}
		}
	}
	t.Fatalf("no member of %s for %v", s, v)
	return nil
}

func TestAvroNames(t *testing.T) {
	t.Parallel()
	const file = `
id: acme-hr:badge-lost
name: Badge Lost
description: Somebody's badge is lost.
input:
  fields:
    when: date-time
    door-no: {type: integer, nullable: true}
    door.no: {enum: [front, back]}
    2nd: {enum: [AI Agent, other], description: What was second.}
    mixed: {type: [string, boolean, number], optional: true}
    free: object
    holder: {nullable: true, fields: {id: string}}
    badges: {list: {fields: {kind: {enum: [A]}}}}
  example: {when: 2026-01-02T03:04:05Z, door-no: 4, door.no: back, 2nd: AI Agent, mixed: 1.5, free: {a: [1]}, holder: null, badges: [{kind: A}]}
`
	doc, _ := strict.Parse("x.yaml", []byte(file))
	trigger, faults := triggers.Read(doc)
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	encodes(t, trigger.Input, trigger.ExampleInput)
	got := trigger.Input.Avro()
	for _, want := range []string{
		`{"type":"record","name":"AcmeHrBadgeLostInput","namespace":"sluice.triggers.acme_hr","doc":"Somebody's badge is lost.","fields":[{"name":"when","type":"string"}`,
		`{"name":"door_no","jsonName":"door-no","type":["null","long"],"default":null}`,
		`{"name":"door_no_","jsonName":"door.no","type":{"type":"enum","name":"AcmeHrBadgeLostInputDoorNo","symbols":["front","back"]}}`,
		`{"name":"_2nd","jsonName":"2nd","doc":"What was second.","type":"string"}`,
		`{"name":"mixed","type":["null","string","boolean","double"],"default":null}`,
		`{"name":"free","type":{"type":"string","logicalType":"json"}}`,
		`"type":["null",{"type":"record","name":"AcmeHrBadgeLostInputHolder","fields":[{"name":"id","type":"string"}]}]`,
		`{"type":"array","items":{"type":"record","name":"AcmeHrBadgeLostInputBadges","fields":[{"name":"kind","type":{"type":"enum","name":"AcmeHrBadgeLostInputBadgesKind","symbols":["A"]}}]}}`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("got\n%s\nwant in it\n%s", got, want)
		}
	}
}
