package main

import (
	"encoding/json"
	"testing"

	"sluice/connectors"
	"sluice/store/storetest"
	"sluice/triggers"
	"sluice/triggers/filter"
)

// A number that a float cannot hold is the same to the check of a filter, to what explains it, and to delivery.
func TestFiltersReadNumbersAlike(t *testing.T) {
	t.Parallel()
	const text, payload = "$[?(@.id == 12345678901234567891)]", `{"id":12345678901234567891}`
	db := storetest.Open(t, forTriggers(&connectors.Set{}, storetest.SQLite(t)))
	expression := text
	s := triggers.Subscription{ID: "s", Name: "s", TriggerID: "t", Type: triggers.TypeHTTP, HTTP: &triggers.HTTPConfig{}, Enabled: true, Filter: &expression}
	if err := db.CreateSubscription(t.Context(), s, func([]triggers.Subscription) error { return nil }); err != nil {
		t.Fatal(err)
	}
	for id, data := range map[string]string{"same": payload, "near": `{"id":12345678901234567890}`} {
		if err := db.Emit(t.Context(), triggers.Event{ID: id, Type: "t", Data: json.RawMessage(data)}); err != nil {
			t.Fatal(err)
		}
	}
	all, err := db.Invocations(t.Context(), triggers.Query{})
	if err != nil || len(all) != 1 || all[0].Event.ID != "same" {
		t.Errorf("delivery: got %+v, %v, want the event whose number is the same", all, err)
	}
	compiled, err := filter.Compile(text)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := whyFiltered(&s, json.RawMessage(payload)), compiled.Explain(map[string]any{"id": json.Number("12345678901234567891")}); got != want {
		t.Errorf("explanation: got %s, want %s", got, want)
	}
}
