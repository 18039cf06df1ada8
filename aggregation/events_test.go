package aggregation_test

import (
	"strings"
	"testing"
	"time"

	"sluice/aggregation"
	"sluice/triggers"
)

func TestEventsOfChanges(t *testing.T) {
	t.Parallel()
	o := aggregation.Origin{
		Tenant: "t", Scope: aggregation.Scope{Connection: "td-prod", Resource: "people"}, Kind: "user", Revision: 4,
		Time: time.Date(2026, 1, 1, 1, 0, 0, 123456789, time.FixedZone("", 3600)),
	}
	before := record(t, aggregation.Account{ID: "u1", Name: "Ann <x>", Active: true, Attributes: map[string]any{"dep": strings.Repeat("long", 200)}}).Account
	after := record(t, aggregation.Account{ID: "u1", Name: "Ann <x>", Attributes: map[string]any{"dep": "IT"}, Entitlements: map[string][]string{"groups": {"1"}}}).Account
	source := `"source":{"type":"SOURCE","id":"td-prod","name":"td-prod","resource":"people"}}`
	long := `"` + strings.Repeat("long", 200) + `"`
	tests := []struct {
		change     aggregation.Change
		kind, data string
	}{
		{aggregation.Change{Kind: aggregation.Created, ID: "u1", After: after}, triggers.IdentityCreated,
			`{"identity":{"type":"IDENTITY","id":"u1","name":"Ann <x>"},"attributes":{"active":false,"dep":"IT","groups":["1"],"name":"Ann <x>"},` + source},
		{aggregation.Change{Kind: aggregation.Deleted, ID: "u1", Before: before}, triggers.IdentityDeleted,
			`{"identity":{"type":"IDENTITY","id":"u1","name":"Ann <x>"},"attributes":{"active":true,"dep":` + long + `,"name":"Ann <x>"},` + source},
		{aggregation.Change{Kind: aggregation.Changed, ID: "u1", Before: before, After: after, Attributes: []aggregation.Attribute{
			{Name: "active", Old: raw("true"), New: raw("false")}, {Name: "dep", Old: raw(long), New: raw(`"IT"`)},
		}}, triggers.IdentityAttributesChanged,
			`{"identity":{"type":"IDENTITY","id":"u1","name":"Ann <x>"},"changes":[{"attribute":"active","oldValue":true,"newValue":false},` +
				`{"attribute":"dep","oldValue":` + long + `,"newValue":"IT"}],` + source},
	}
	ids := map[string]bool{}
	for _, tt := range tests {
		e, ok, err := o.OfChange(tt.change)
		if err != nil || !ok {
			t.Fatalf("%s: got %v, %v", tt.kind, ok, err)
		}
		if e.Type != tt.kind || string(e.Data) != tt.data {
			t.Errorf("event: got %s %s, want %s %s", e.Type, e.Data, tt.kind, tt.data)
		}
		if e.Tenant != "t" || e.Source != "td-prod" || e.Subject != "u1" || !e.Time.Equal(time.Date(2026, 1, 1, 0, 0, 0, 123456000, time.UTC)) || e.Time.Location() != time.UTC {
			t.Errorf("event %s: got %+v", tt.kind, e)
		}
		again, _, _ := o.OfChange(tt.change)
		next := o
		next.Revision++
		other, _, _ := next.OfChange(tt.change)
		if again.ID != e.ID || other.ID == e.ID || len(e.ID) != 36 || e.ID[14] != '8' {
			t.Errorf("id of %s: got %s, again %s, of the next run %s", tt.kind, e.ID, again.ID, other.ID)
		}
		ids[e.ID] = true
	}
	if len(ids) != len(tests) {
		t.Errorf("ids: got %d, want %d different ones", len(ids), len(tests))
	}
	o.Kind = "group"
	if _, ok, err := o.OfChange(tests[0].change); ok || err != nil {
		t.Errorf("event of a group: got %v, %v, want none", ok, err)
	}
	o.Kind = "user"
	for _, c := range []aggregation.Change{{Kind: aggregation.Created, ID: "x", After: raw("{")}, {ID: "x", After: after}} {
		if _, ok, err := o.OfChange(c); ok || err == nil {
			t.Errorf("event of %+v: got %v, %v, want an error", c, ok, err)
		}
	}
	// Parts must not run into one another.
	left, right := o, o
	left.Connection, left.Resource = "a", "bc"
	right.Connection, right.Resource = "ab", "c"
	l, _, _ := left.OfChange(tests[0].change)
	r, _, _ := right.OfChange(tests[0].change)
	if l.ID == r.ID {
		t.Errorf("ids of two scopes: got %s for both", l.ID)
	}
}

func TestEventsOfRuns(t *testing.T) {
	t.Parallel()
	o := aggregation.Origin{Scope: aggregation.Scope{Connection: "td", Resource: "people"}, Kind: "user", Revision: 1}
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	out := aggregation.Outcome{
		Status: "Success", Started: at, Ended: at.Add(time.Minute), Warnings: []string{"3 accounts were not read"},
		Counts: aggregation.Counts{Before: 10, Scanned: 12, Added: 3, Changed: 2, Removed: 1, Unchanged: 7},
	}
	done, err1 := o.Completed(out)
	held, err2 := o.Held(out, "too much")
	collected, err3 := o.Collected(out)
	if err1 != nil || err2 != nil || err3 != nil {
		t.Fatal(err1, err2, err3)
	}
	want := `{"source":{"type":"SOURCE","id":"td","name":"td","resource":"people"},"status":"Success","started":"2026-01-01T00:00:00Z",` +
		`"completed":"2026-01-01T00:01:00Z","errors":[],"warnings":["3 accounts were not read"],` +
		`"stats":{"scanned":12,"unchanged":7,"changed":2,"added":3,"removed":1,"failed":0}`
	if got := string(done.Data); got != want+"}" || done.Type != triggers.AccountAggregationCompleted || done.Subject != "people" {
		t.Errorf("completed: got %s %s, want %s", done.Type, got, want)
	}
	if got := string(held.Data); got != want+`,"reason":"too much"}` || held.Type != triggers.AggregationHeld {
		t.Errorf("held: got %s %s, want %s", held.Type, got, want)
	}
	if collected.Type != triggers.AggregationAccountsCollected || collected.ID == done.ID || held.ID == done.ID {
		t.Errorf("collected: got %+v", collected)
	}
}
