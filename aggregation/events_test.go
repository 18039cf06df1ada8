package aggregation_test

import (
	"encoding/json"
	"iter"
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
	source := `"source":{"type":"SOURCE","id":"td-prod","name":"td-prod","resource":"people"}`
	v2 := `,"source":{"id":"td-prod","name":"td-prod","alias":"td-prod","owner":{"id":"","name":""},"governanceGroup":{"id":"","name":""},"resource":"people"},` +
		`"account":{"id":"u1","name":"Ann <x>","nativeIdentity":"u1","uuid":null,"correlated":true,"isMachine":false,"origin":"td-prod","attributes":`
	identity := `},"identity":{"id":"u1","name":"Ann <x>","alias":"","email":""}`
	long := `"` + strings.Repeat("long", 200) + `"`
	is, was := `{"active":false,"dep":"IT","groups":["1"],"name":"Ann <x>"}`, `{"active":true,"dep":`+long+`,"name":"Ann <x>"}`
	who := `"identity":{"type":"IDENTITY","id":"u1","name":"Ann <x>"}`
	changes := `"changes":[{"attribute":"active","oldValue":true,"newValue":false},{"attribute":"dep","oldValue":` + long + `,"newValue":"IT"},` +
		`{"attribute":"groups","oldValue":null,"newValue":["1"]}]`
	changed := aggregation.Change{Kind: aggregation.Changed, ID: "u1", Before: before, After: after, Attributes: []aggregation.Attribute{
		{Name: "active", Old: raw("true"), New: raw("false")}, {Name: "dep", Old: raw(long), New: raw(`"IT"`)}, {Name: "groups", Old: raw("null"), New: raw(`["1"]`)},
	}}
	created := aggregation.Change{Kind: aggregation.Created, ID: "u1", After: after}
	deleted := aggregation.Change{Kind: aggregation.Deleted, ID: "u1", Before: before}
	tests := []struct {
		change     aggregation.Change
		at         int
		kind, data string
	}{
		{created, 0, triggers.IdentityCreated, `{` + who + `,"attributes":` + is + `,` + source + `}`},
		{created, 1, triggers.AccountCreated, `{"event":{"type":"ACCOUNT_CREATED_V2","cause":"AGGREGATION"}` + v2 + is + identity + `}`},
		{deleted, 0, triggers.AccountDeleted, `{"event":{"type":"ACCOUNT_DELETED_V2","cause":"AGGREGATION"}` + v2 + was + identity + `}`},
		{deleted, 1, triggers.IdentityDeleted, `{` + who + `,"attributes":` + was + `,` + source + `}`},
		{changed, 0, triggers.IdentityAttributesChanged, `{` + who + `,` + changes + `,` + source + `}`},
		{changed, 1, triggers.AccountAttributesChanged, `{` + who + `,` + source + `,"account":{"id":"u1","uuid":null,"name":"Ann <x>","nativeIdentity":"u1","type":"ACCOUNT"},` + changes + `}`},
		{changed, 2, triggers.AccountUpdated, `{"event":{"type":"ACCOUNT_UPDATED_V2","cause":"AGGREGATION"}` + v2 + is + identity +
			`,"accountChangeTypes":["ATTRIBUTES_CHANGED","ENTITLEMENTS_ADDED"],"singleValueAttributeChanges":[{"name":"active","oldValue":true,"newValue":false},` +
			`{"name":"dep","oldValue":` + long + `,"newValue":"IT"}],"multiValueAttributeChanges":[],` +
			`"entitlementChanges":[{"attributeName":"groups","added":[{"id":"1","name":null,"value":"1"}],"removed":[]}]}`},
	}
	lengths := map[aggregation.ChangeKind]int{aggregation.Created: 2, aggregation.Deleted: 2, aggregation.Changed: 3}
	ids := map[string]bool{}
	for _, tt := range tests {
		events, err := o.OfChange(tt.change)
		if err != nil || len(events) != lengths[tt.change.Kind] {
			t.Fatalf("%s: got %d events, %v, want %d", tt.kind, len(events), err, lengths[tt.change.Kind])
		}
		e := events[tt.at]
		fits(t, e)
		if e.Type != tt.kind || string(e.Data) != tt.data {
			t.Errorf("event: got %s %s, want %s %s", e.Type, e.Data, tt.kind, tt.data)
		}
		if e.Tenant != "t" || e.Source != "td-prod" || e.Subject != "u1" || !e.Time.Equal(time.Date(2026, 1, 1, 0, 0, 0, 123456000, time.UTC)) || e.Time.Location() != time.UTC {
			t.Errorf("event %s: got %+v", tt.kind, e)
		}
		again, _ := o.OfChange(tt.change)
		next := o
		next.Revision++
		other, _ := next.OfChange(tt.change)
		if again[tt.at].ID != e.ID || other[tt.at].ID == e.ID || len(e.ID) != 36 || e.ID[14] != '8' {
			t.Errorf("id of %s: got %s, again %s, of the next run %s", tt.kind, e.ID, again[tt.at].ID, other[tt.at].ID)
		}
		ids[e.ID] = true
	}
	if len(ids) != len(tests) {
		t.Errorf("ids: got %d, want %d different ones", len(ids), len(tests))
	}
	o.Kind = "group"
	if events, err := o.OfChange(created); len(events) > 0 || err != nil {
		t.Errorf("events of a group: got %v, %v, want none", events, err)
	}
	o.Kind = "user"
	for _, c := range []aggregation.Change{{Kind: aggregation.Created, ID: "x", After: raw("{")}, {ID: "x", After: after}} {
		if events, err := o.OfChange(c); len(events) > 0 || err == nil {
			t.Errorf("events of %+v: got %v, %v, want an error", c, events, err)
		}
	}
	// Parts must not run into one another.
	left, right := o, o
	left.Connection, left.Resource = "a", "bc"
	right.Connection, right.Resource = "ab", "c"
	l, _ := left.OfChange(created)
	r, _ := right.OfChange(created)
	if l[0].ID == r[0].ID {
		t.Errorf("ids of two scopes: got %s for both", l[0].ID)
	}
}

// fits holds an event's payload against the schema that its trigger advertises.
func fits(t *testing.T, e triggers.Event) {
	t.Helper()
	trigger := triggers.Shipped().Trigger(e.Type)
	if trigger == nil {
		t.Errorf("%s: got no such trigger in the catalogue, want one", e.Type)
		return
	}
	if err := trigger.CheckInput(e.Data); err != nil {
		t.Errorf("%s: %v in %s", e.Type, err, e.Data)
	}
}

// Whatever an attribute was and is, the events of it fit their schemas, and a receiver that knows no numbers gets them as texts.
func TestEventsOfOddValues(t *testing.T) {
	t.Parallel()
	o := aggregation.Origin{Scope: aggregation.Scope{Connection: "td", Resource: "people"}, Kind: "user"}
	odd := []any{nil, "", "text", json.Number("7"), json.Number("-1.5e3"), true, []any{}, []any{"a", nil, json.Number("2"), false}, []any{nil}, []any{"b", "a", "a"}}
	for _, was := range odd {
		for _, is := range odd {
			before := record(t, aggregation.Account{ID: "u", Attributes: map[string]any{"x": was, "same": 1, "held": was}})
			after := record(t, aggregation.Account{ID: "u", Attributes: map[string]any{"x": is, "same": 1}, Entitlements: map[string][]string{"held": {"a", "7"}}})
			for change, err := range aggregation.Diff(only(before), only(after), true) {
				if err != nil {
					t.Fatal(err)
				}
				events, err := o.OfChange(change)
				if err != nil {
					t.Fatalf("from %v to %v: %v", was, is, err)
				}
				for _, e := range events {
					fits(t, e)
				}
			}
		}
	}
}

func only(r aggregation.Record) iter.Seq2[aggregation.Record, error] {
	return func(yield func(aggregation.Record, error) bool) { yield(r, nil) }
}

func TestEventsOfLists(t *testing.T) {
	t.Parallel()
	o := aggregation.Origin{Scope: aggregation.Scope{Connection: "td", Resource: "people"}, Kind: "user"}
	account := record(t, aggregation.Account{ID: "u", Entitlements: map[string][]string{"groups": {"2"}}}).Account
	for _, tt := range []struct{ name, was, is, updated, changed string }{
		{"grades", `[1,2]`, `[2,3,3]`, `["ATTRIBUTES_CHANGED"],"singleValueAttributeChanges":[],"multiValueAttributeChanges":[{"name":"grades","addedValues":[3],"removedValues":[1]}],"entitlementChanges":[]`,
			`"oldValue":["1","2"],"newValue":["2","3","3"]`},
		{"grade", `1`, `-2.50`, `["ATTRIBUTES_CHANGED"],"singleValueAttributeChanges":[{"name":"grade","oldValue":1,"newValue":-2.50}],"multiValueAttributeChanges":[],"entitlementChanges":[]`,
			`"oldValue":"1","newValue":"-2.50"`},
		{"mail", `"a"`, `["a","b"]`, `["ATTRIBUTES_CHANGED"],"singleValueAttributeChanges":[],"multiValueAttributeChanges":[{"name":"mail","addedValues":["b"],"removedValues":[]}],"entitlementChanges":[]`,
			`"oldValue":"a","newValue":["a","b"]`},
		{"groups", `["1","2"]`, `["2"]`, `["ENTITLEMENTS_REMOVED"],"singleValueAttributeChanges":[],"multiValueAttributeChanges":[],` +
			`"entitlementChanges":[{"attributeName":"groups","added":[],"removed":[{"id":"1","name":null,"value":"1"}]}]`, `"oldValue":["1","2"],"newValue":["2"]`},
	} {
		events, err := o.OfChange(aggregation.Change{Kind: aggregation.Changed, ID: "u", Before: account, After: account,
			Attributes: []aggregation.Attribute{{Name: tt.name, Old: raw(tt.was), New: raw(tt.is)}}})
		if err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		for i, want := range []string{tt.changed, tt.changed, `"accountChangeTypes":` + tt.updated + `}`} {
			if fits(t, events[i]); !strings.Contains(string(events[i].Data), want) {
				t.Errorf("%s of %s: got %s, want in it %s", events[i].Type, tt.name, events[i].Data, want)
			}
		}
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
	stopped := out
	stopped.Status = "Held"
	held, err2 := o.Held(stopped, "too much")
	fits(t, held)
	collected, err3 := o.Collected(out)
	for _, e := range []triggers.Event{done, collected} {
		fits(t, e)
	}
	if err1 != nil || err2 != nil || err3 != nil {
		t.Fatal(err1, err2, err3)
	}
	want := `{"source":{"type":"SOURCE","id":"td","name":"td","resource":"people"},"status":"Success","started":"2026-01-01T00:00:00Z",` +
		`"completed":"2026-01-01T00:01:00Z","errors":[],"warnings":["3 accounts were not read"],` +
		`"stats":{"scanned":12,"unchanged":7,"changed":2,"added":3,"removed":1,"failed":0}`
	if got := string(done.Data); got != want+"}" || done.Type != triggers.AccountAggregationCompleted || done.Subject != "people" {
		t.Errorf("completed: got %s %s, want %s", done.Type, got, want)
	}
	if got := string(held.Data); got != strings.Replace(want, "Success", "Held", 1)+`,"reason":"too much"}` || held.Type != triggers.AggregationHeld {
		t.Errorf("held: got %s %s, want %s", held.Type, got, want)
	}
	if collected.Type != triggers.AggregationAccountsCollected || collected.ID == done.ID || held.ID == done.ID {
		t.Errorf("collected: got %+v", collected)
	}
}
