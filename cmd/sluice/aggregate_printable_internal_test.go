package main

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"sluice/aggregation"
	"sluice/triggers"
)

// An id with an escape character, a line break or a sign that turns the direction of text forges nothing on a terminal.
func TestAggregatePrintsNothingUnseen(t *testing.T) {
	t.Parallel()
	const id = "a\x1b[31m\n- b\u202e\u009b"
	const shown = `"a\x1b[31m\n- b\u202e\u009b"`
	value := json.RawMessage("\"x\u009b\"")
	attributes := []aggregation.Attribute{{Name: "t\x1b", Old: value, New: value}}
	var diff strings.Builder
	if err := writeChanges(&diff, func(yield func(aggregation.Change, error) bool) {
		yield(aggregation.Change{Kind: aggregation.Changed, ID: id, Attributes: attributes}, nil)
	}); err != nil {
		t.Fatal(err)
	}
	run := aggregation.Run{ID: 1, Scope: tdxPeople}
	data, err := json.Marshal(map[string]any{"changes": []map[string]any{{"attribute": "t\x1b", "oldValue": value, "newValue": value}}})
	if err != nil {
		t.Fatal(err)
	}
	event := triggers.Event{Type: triggers.IdentityAttributesChanged, Subject: id, Source: tdxPeople.Connection, Data: data}
	event.ID = aggregation.Origin{Scope: tdxPeople, Revision: 1}.ID(event.Type, id)
	did, err := didLine(run, event)
	if err != nil {
		t.Fatal(err)
	}
	check := aggregation.Check{Plan: "detail"}
	for name, tt := range map[string]struct{ got, want string }{
		"diff":       {diff.String(), "~ " + shown + `  t\x1b: "x\u009b" → "x\u009b"` + "\n"},
		"did":        {did, "~ " + shown + `  t\x1b: "x\u009b" → "x\u009b"` + "\n"},
		"gone":       {findingLine(check, aggregation.Finding{ID: id, Verdict: aggregation.Vanished}, time.Now()), "- " + shown + "  gone"},
		"unreadable": {findingLine(check, aggregation.Finding{ID: id, Verdict: aggregation.Unreadable, Reason: "\x1b]"}, time.Now()), "? " + shown + `  could not be read: \x1b]`},
		"plain":      {shownID("Zoë 7") + shownText("a → b"), "Zoë 7a → b"},
		"quoted":     {shownID(`"a"`), `"\"a\""`},
	} {
		if tt.got != tt.want {
			t.Errorf("%s: got %q, want %q", name, tt.got, tt.want)
		}
	}
	differs := findingLine(check, aggregation.Finding{ID: id, Verdict: aggregation.Differs, Attributes: attributes}, time.Now())
	if slices.ContainsFunc([]rune(differs), func(r rune) bool { return r != '\n' && unseen(r) }) || strings.Count(differs, "\n") != 1 {
		t.Errorf("differs: got %q, want one line for the account, one for the attribute, and nothing unseen", differs)
	}
}
