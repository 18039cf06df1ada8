package triggers_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"sluice/internal/strict"
	"sluice/triggers"
)

// shipped is what docs/triggers.md promises: SailPoint's triggers whose ids are known or inferred, and ours.
var shipped = []string{
	"idn:access-request-dynamic-approver", "idn:access-request-post-approval", "idn:access-request-pre-approval", "idn:account-aggregation-completed",
	"idn:account-attributes-changed", "idn:account-correlated", "idn:account-created", "idn:account-deleted", "idn:account-uncorrelated",
	"idn:account-updated", "idn:aggregation-accounts-collected", "idn:campaign-activated", "idn:campaign-ended", "idn:campaign-generated",
	"idn:certification-signed-off", "idn:identity-attributes-changed", "idn:identity-created", "idn:identity-deleted", "idn:machine-identity-created",
	"idn:machine-identity-deleted", "idn:machine-identity-updated", "idn:post-provisioning", "idn:saved-search-complete", "idn:source-created",
	"idn:source-deleted", "idn:source-updated", "idn:va-cluster-status-change", "sluice:aggregation-held", "sluice:subscription-paused", "sluice:subscription-resumed", "sp:form-submitted",
}

func TestCatalogueIsWhole(t *testing.T) {
	t.Parallel()
	var ids []string
	for _, trigger := range triggers.Shipped().All() {
		ids = append(ids, trigger.ID)
		if trigger.Name == "" || trigger.Description == "" || triggers.Shipped().Trigger(trigger.ID) != trigger {
			t.Errorf("%s: got name %q and description %q, want both, and to find it by its id", trigger.ID, trigger.Name, trigger.Description)
		}
		answered := trigger.ID == "idn:access-request-pre-approval" || trigger.ID == "idn:access-request-dynamic-approver"
		if (trigger.Kind == triggers.RequestResponse) != answered || (trigger.Output != nil) != answered || (trigger.ExampleOutput != nil) != answered {
			t.Errorf("%s: got %s with output %v, want an output only where somebody waits for it", trigger.ID, trigger.Kind, trigger.Output)
		}
	}
	if !slices.Equal(ids, shipped) {
		t.Errorf("ids: got %q, want %q", ids, shipped)
	}
	if got := triggers.Shipped().Trigger("idn:access-requested"); got != nil {
		t.Errorf("a trigger that there is not: got %v, want nil", got)
	}
}

// What is nested deeper than clients of other languages read is refused, and brackets in a text are no levels.
func TestNested(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int{`1`: 0, `[]`: 1, `{"a":[{}]}`: 3, `["[[["]`: 1, `["\"[[", [1], [2]]`: 2, `["\\", [[]]]`: 3} {
		if got := triggers.Nested([]byte(text)); got != want {
			t.Errorf("%s: got %d levels, want %d", text, got, want)
		}
	}
	dynamic := triggers.Shipped().Trigger("idn:access-request-dynamic-approver")
	for levels, taken := range map[int]bool{499: true, 500: false} {
		output := `{"id":"1","name":"a","type":"IDENTITY","more":` + strings.Repeat("[", levels) + strings.Repeat("]", levels) + `}`
		if err := dynamic.CheckOutput([]byte(output)); taken != (err == nil) || !taken && !strings.Contains(err.Error(), "500 levels are the most") {
			t.Errorf("%d levels and one: got %v, want it taken: %t", levels, err, taken)
		}
	}
}

// SailPoint serves this text for this trigger; whoever parses it there parses ours.
func TestJSONSchemaIsAsServed(t *testing.T) {
	t.Parallel()
	const want = `{"definitions":{"record:AccessRequestDynamicApproverOutput":{"type":["null","object"],"required":["id","name","type"],` +
		`"additionalProperties":true,"properties":{"id":{"type":"string"},"name":{"type":"string"},"type":{"type":"string"}}}},` +
		`"$ref":"#/definitions/record:AccessRequestDynamicApproverOutput"}`
	dynamic := triggers.Shipped().Trigger("idn:access-request-dynamic-approver")
	if got := dynamic.Output.JSONSchema(); got != want {
		t.Errorf("output: got\n%s\nwant\n%s", got, want)
	}
	input := dynamic.Input.JSONSchema()
	for _, part := range []string{
		`{"definitions":{"record:AccessRequestDynamicApproverInput":{"type":"object","required":["accessRequestId","requestedFor","requestedItems","requestedBy"],"additionalProperties":true,`,
		`"requestedFor":{"$ref":"#/definitions/record:AccessRequestDynamicApproverInputRequestedFor"}`,
		`"requestedItems":{"type":"array","items":{"$ref":"#/definitions/record:AccessRequestDynamicApproverInputRequestedItems"}}`,
		`"optional":["description","comment"],"required":["id","name","type","operation"]`,
		`"description":{"oneOf":[{"type":"null"},{"type":"string"}]}`,
		`"operation":{"type":"string","enum":["Add","Remove"]}`,
	} {
		if !strings.Contains(input, part) {
			t.Errorf("input: got\n%s\nwant in it\n%s", input, part)
		}
	}
	if created := triggers.Shipped().Trigger("idn:source-created").Input.JSONSchema(); !strings.Contains(created, `"created":{"type":"string","format":"date-time"}`) {
		t.Errorf("a time: got\n%s\nwant a string with a format", created)
	}
}

func TestCheckNamesWhatDoesNotFit(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ id, old, changed, want string }{
		{"idn:identity-created", `"attributes"`, `"attribute"`, "lacks attributes"},
		{"idn:identity-created", `"IDENTITY"`, `"GROUP"`, `identity.type: must be "IDENTITY"`},
		{"idn:identity-created", `"type":"IDENTITY",`, ``, "identity: lacks type"},
		{"idn:identity-attributes-changed", `"Storage"`, `7`, "changes[0].oldValue: is number, must be null or string or boolean or array or object"},
		{"idn:source-created", `"2026-01-20T11:05:09.331Z"`, `"yesterday"`, "created: must be a date-time"},
		{"idn:source-created", `"name":"Ben Ortiz"`, `"name":null`, "actor.name: is null, must be string"},
		// Of an object that may be null, what is wrong within it.
		{"idn:saved-search-complete", `"noun":"accounts"`, `"noun":4`, "searchResults.Account.noun: is number, must be string"},
		{"idn:saved-search-complete", `"count":"4","noun":"accounts",`, ``, "searchResults.Account: lacks count, noun"},
		{"idn:identity-created", `{`, `[`, "is not JSON"},
	} {
		trigger := triggers.Shipped().Trigger(tt.id)
		payload := strings.Replace(string(trigger.ExampleInput), tt.old, tt.changed, 1)
		if payload == string(trigger.ExampleInput) {
			t.Errorf("%s: got no change by %s, want one", tt.id, tt.old)
		}
		if err := trigger.CheckInput(json.RawMessage(payload)); err == nil || err.Error() != tt.want {
			t.Errorf("%s with %s: got %v, want %s", tt.id, tt.changed, err, tt.want)
		}
	}
}

func TestCheckWantsUTF8(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{"{\"x\": \"\xff\"}": "is not UTF-8", "\xff": "is not UTF-8"} {
		if err := triggers.Shipped().Trigger(triggers.IdentityCreated).CheckInput(json.RawMessage(text)); err == nil || err.Error() != want {
			t.Errorf("%q: got %v, want %s", text, err, want)
		}
	}
}

func TestCheckOutput(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ id, answer, want string }{
		{"idn:access-request-dynamic-approver", `null`, ""},
		{"idn:access-request-dynamic-approver", `{}`, ""},
		{"idn:access-request-dynamic-approver", `{"id":"","name":"","type":""}`, ""},
		{"idn:access-request-dynamic-approver", `{"id":"1"}`, "lacks name, type"},
		{"idn:access-request-dynamic-approver", `[]`, "is array, must be null or object"},
		{"idn:access-request-pre-approval", `{"approved":true,"comment":"","approver":"ben","besides":1}`, ""},
		{"idn:access-request-pre-approval", `{}`, "lacks approved, comment, approver"},
		{"idn:access-request-pre-approval", `{"approved":"yes","comment":"","approver":"ben"}`, "approved: is string, must be boolean"},
		{"idn:identity-created", `{}`, "must not be there: nobody waits for an answer to idn:identity-created"},
	} {
		got := ""
		if err := triggers.Shipped().Trigger(tt.id).CheckOutput(json.RawMessage(tt.answer)); err != nil {
			got = err.Error()
		}
		if got != tt.want {
			t.Errorf("%s answered %s: got %q, want %q", tt.id, tt.answer, got, tt.want)
		}
	}
}

func TestWithLeavesTheOther(t *testing.T) {
	t.Parallel()
	more := triggers.Shipped().With(&triggers.Trigger{ID: "acme:one"})
	if more.Trigger("acme:one") == nil || triggers.Shipped().Trigger("acme:one") != nil || len(more.All()) != len(shipped)+1 {
		t.Errorf("With: got %d triggers, and %v in the first; want %d and none", len(more.All()), triggers.Shipped().Trigger("acme:one"), len(shipped)+1)
	}
}

// Every shipped file is what it says, and no fault of reading panics.
func FuzzRead(f *testing.F) {
	f.Add("id: a:b\nname: n\ninput: {fields: {x: string, y-1: {list: {fields: {z: [string, object]}}, nullable: true}}, example: {x: a, y-1: null}}\n")
	f.Add("id: a:b\nname: n\nkind: REQUEST_RESPONSE\ninput: {json_schema: {type: object}, example: {}}\noutput: {nullable: true, fields: {}, example: }\n")
	f.Add("id: a:b\nname: n\ninput: {fields: {a: {enum: [a, b]}, A: {enum: ['']}, '': number}, example: {a: b, A: '', '': 1.5}}\n")
	f.Fuzz(func(t *testing.T, text string) {
		doc, unreadable := strict.Parse("x.yaml", []byte(text))
		trigger, faults := triggers.Read(doc)
		if trigger == nil {
			if len(faults) == 0 {
				t.Errorf("got neither a trigger nor a fault of %q", text)
			}
			return
		}
		if len(faults)+len(unreadable) > 0 {
			return
		}
		if err := trigger.CheckInput(trigger.ExampleInput); err != nil {
			t.Errorf("the example of %q: got %v, want it to fit", text, err)
		}
		if !json.Valid([]byte(trigger.Input.JSONSchema())) {
			t.Errorf("schema of %q: got %s, want JSON", text, trigger.Input.JSONSchema())
		}
		if trigger.Input.Avro() != "" {
			encodes(t, trigger.Input, trigger.ExampleInput)
		}
	})
}

// members are those of a JSON object, in the order of the text.
func members(t *testing.T, text string) (names []string) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader([]byte(text)))
	if _, err := d.Token(); err != nil {
		t.Fatal(err)
	}
	for d.More() {
		name, err := d.Token()
		var value json.RawMessage
		if err = errors.Join(err, d.Decode(&value)); err != nil {
			t.Fatal(err)
		}
		names = append(names, name.(string))
	}
	return names
}

func TestExamplesKeepTheirOrder(t *testing.T) {
	t.Parallel()
	got := members(t, string(triggers.Shipped().Trigger("idn:source-created").ExampleInput))
	if want := []string{"id", "name", "type", "created", "connector", "actor"}; !slices.Equal(got, want) {
		t.Errorf("members: got %q, want %q", got, want)
	}
}
