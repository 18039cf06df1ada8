package events

import (
	"encoding/json"
	"net/http"

	"sluice/triggers"
	"sluice/web/collection"
)

// trigger is what is shown of a trigger.
type trigger struct {
	ID            string          `json:"id"`
	Name          string          `json:"name"`
	Kind          triggers.Kind   `json:"type"`
	Description   string          `json:"description"`
	InputSchema   string          `json:"inputSchema"` // a JSON Schema as a text
	ExampleInput  json.RawMessage `json:"exampleInput"`
	OutputSchema  *string         `json:"outputSchema"` // null unless an answer is waited for
	ExampleOutput json.RawMessage `json:"exampleOutput"`
}

var triggerFields = []collection.Field[*triggers.Trigger]{
	{Name: "id", Ops: []string{"eq", "ge", "le"}, Sorts: true, Value: func(t *triggers.Trigger) string { return t.ID }},
	{Name: "name", Sorts: true, Value: func(t *triggers.Trigger) string { return t.Name }},
}

func (a *API) listTriggers(v *visit) error {
	return page(v, triggerFields, func() ([]*triggers.Trigger, error) { return a.Catalogue().All(), nil }, func(t *triggers.Trigger) any {
		shown := trigger{ID: t.ID, Name: t.Name, Kind: t.Kind, Description: t.Description, InputSchema: t.Input.JSONSchema(), ExampleInput: t.ExampleInput}
		if t.Output != nil {
			schema := t.Output.JSONSchema()
			shown.OutputSchema, shown.ExampleOutput = &schema, t.ExampleOutput
		}
		return shown
	})
}

// getSchema is ours: a trigger's schemas as documents, in JSON Schema or Avro.
func (a *API) getSchema(v *visit) error {
	t := a.Catalogue().Trigger(v.id)
	if t == nil {
		return notFound()
	}
	schema, member := t.Input, v.URL.Query().Get("of")
	switch {
	case member == "output" && t.Output == nil:
		return bad("nobody waits for an answer to %s, so it has no schema of one", t.ID)
	case member == "output":
		schema = t.Output
	case member != "" && member != "input":
		return bad("of must be input or output")
	}
	switch v.URL.Query().Get("format") {
	case "", "json-schema":
		v.send(http.StatusOK, json.RawMessage(schema.JSONSchema()))
	case "avro":
		avro := schema.Avro()
		if avro == "" {
			return bad("%s has no Avro schema, because its file has a JSON Schema of its own", t.ID)
		}
		v.send(http.StatusOK, json.RawMessage(avro))
	default:
		return bad("format must be json-schema or avro")
	}
	return nil
}

// subscriptionFields are what SailPoint documents; name is what its SP-Config resolves subscriptions by.
var subscriptionFields = []collection.Field[triggers.Subscription]{
	{Name: "id", Ops: []string{"eq"}, Value: func(s triggers.Subscription) string { return s.ID }},
	{Name: "name", Ops: []string{"eq"}, Sorts: true, Value: func(s triggers.Subscription) string { return s.Name }},
	{Name: "triggerId", Ops: []string{"eq"}, Sorts: true, Value: func(s triggers.Subscription) string { return s.TriggerID }},
	{Name: "type", Ops: []string{"eq", "le"}, Value: func(s triggers.Subscription) string { return s.Type }},
	{Name: "triggerName", Sorts: true, Value: func(s triggers.Subscription) string { return s.TriggerName }},
}

func (a *API) listSubscriptions(v *visit) error {
	return page(v, subscriptionFields, func() ([]triggers.Subscription, error) { return a.Subscriptions.Subscriptions(v.Context()) }, masked)
}

// getSubscription is ours: SailPoint documents no such path.
func (a *API) getSubscription(v *visit) error {
	all, err := a.Subscriptions.Subscriptions(v.Context())
	if err != nil {
		return err
	}
	for _, s := range all {
		if s.ID == v.id {
			v.send(http.StatusOK, masked(s))
			return nil
		}
	}
	return notFound()
}

// masked is a subscription as it may be shown. It is the caller's own copy.
func masked(s triggers.Subscription) any {
	s.TakeSecrets()
	return s
}
