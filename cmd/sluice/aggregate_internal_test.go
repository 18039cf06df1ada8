package main

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"sluice/aggregation"
	"sluice/mocks/teamdynamix"
	"sluice/triggers"
)

// The first run makes everybody an event, the second none, and a change exactly its own.
func TestAggregateTellsWhatChanged(t *testing.T) {
	t.Parallel()
	onBoth(t, 60, "workers_per_node: 2", func(b *aggregateBench) {
		h := b.house(true)
		run := b.read(h)
		if want := (aggregation.Counts{Scanned: 60, Added: 60}); run.Counts != want {
			b.Errorf("counts of the first run: got %+v, want %+v", run.Counts, want)
		}
		if all, twice := b.called(); all != 61 || len(twice) > 0 {
			b.Errorf("calls: got %d, %v twice, want a list and 60 people", all, twice)
		}
		b.sameAsVendor(h)
		events, last := b.events(h, 0)
		for kind, want := range map[string]int{
			triggers.IdentityCreated: 60, triggers.AccountCreated: 60, triggers.AccountAggregationCompleted: 1, triggers.AggregationAccountsCollected: 1,
		} {
			if n := len(events[kind]); n != want || len(events) != 4 {
				b.Errorf("%s: got %d events, and %d types; want %d of 4 types", kind, n, len(events), want)
			}
		}

		b.read(h)
		if events, last = b.events(h, last); len(events) != 2 {
			b.Errorf("events of the second run: got %d types, want collected and completed only", len(events))
		}

		ids := slices.Collect(func(yield func(string) bool) {
			for id := range b.snapshot(h) {
				if !yield(id) {
					return
				}
			}
		})
		slices.Sort(ids)
		b.ask("PATCH", "/api/people/"+ids[0], []map[string]string{{"op": "replace", "path": "/Title", "value": "Astronaut"}}, nil)
		var born struct{ UID string }
		b.ask("POST", "/api/people", map[string]any{"FirstName": "New", "LastName": "Comer", "UserName": "newcomer", "PrimaryEmail": "n@example.edu",
			"AlertEmail": "n@example.edu", "Company": "U", "TypeID": 2}, &born)
		b.without(ids[1])
		run = b.read(h)
		if c := run.Counts; c.Added != 1 || c.Changed != 1 || c.Removed != 1 || c.Before != 60 {
			b.Errorf("counts: got %+v, want one new, one changed, one gone of 60", c)
		}
		events, _ = b.events(h, last)
		for kind, id := range map[string]string{
			triggers.IdentityCreated: born.UID, triggers.IdentityAttributesChanged: ids[0], triggers.IdentityDeleted: ids[1],
			triggers.AccountCreated: born.UID, triggers.AccountAttributesChanged: ids[0], triggers.AccountUpdated: ids[0], triggers.AccountDeleted: ids[1],
		} {
			if got := events[kind]; len(got) != 1 || got[0].Subject != id {
				b.Errorf("%s: got %+v, want one of %s", kind, got, id)
			}
		}
		if changed := events[triggers.IdentityAttributesChanged]; len(changed) == 1 && !strings.Contains(string(changed[0].Data), `"newValue":"Astronaut"`) {
			b.Errorf("what changed: got %s, want the new title", changed[0].Data)
		}
	})
}

// without makes the vendor have a person no more.
func (b *aggregateBench) without(id string) {
	b.setFault(func(w http.ResponseWriter, r *http.Request) bool {
		switch {
		case strings.HasSuffix(r.URL.Path, "/people/"+id):
			http.Error(w, "{}", http.StatusNotFound)
		case strings.HasSuffix(r.URL.Path, "/people/userlist"):
			answerWithout(b, w, r, id)
		default:
			return false
		}
		return true
	})
}

// sameAsVendor holds the snapshot against each person's own document.
func (b *aggregateBench) sameAsVendor(h *aggregateHouse) {
	b.Helper()
	for id, a := range b.snapshot(h) {
		var p struct {
			FullName string
			IsActive bool
			Title    string
			GroupIDs []int
		}
		b.ask("GET", "/api/people/"+url.PathEscape(id), nil, &p)
		if a.Name != p.FullName || a.Active != p.IsActive || a.Attributes["Title"] != p.Title || len(a.Entitlements["groups"]) != len(p.GroupIDs) {
			b.Errorf("account %s: got %+v, want what the vendor has: %+v", id, a, p)
		}
	}
}

// An empty list, which a vendor gives to who lacks rights, is a failed run and no deletion.
func TestAggregateBelievesNoEmptyList(t *testing.T) {
	t.Parallel()
	onBoth(t, 30, "workers_per_node: 1", func(b *aggregateBench) {
		h := b.house(true)
		b.read(h)
		_, last := b.events(h, 0)
		b.setFault(func(w http.ResponseWriter, r *http.Request) bool {
			if !strings.HasSuffix(r.URL.Path, "/people/userlist") {
				return false
			}
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write([]byte("[]"))
			return true
		})
		run := b.over(h, b.start(h).ID, aggregation.Failed)
		if !strings.Contains(run.Note, "the credential may lack rights") {
			b.Errorf("note: got %q, want why", run.Note)
		}
		events, _ := b.events(h, last)
		if done := events[triggers.AccountAggregationCompleted]; len(events) != 1 || len(done) != 1 || !strings.Contains(string(done[0].Data), `"Failed"`) {
			b.Errorf("events: got %v, want one that it failed", events)
		}
		if n := len(b.snapshot(h)); n != 30 {
			b.Errorf("snapshot: got %d accounts, want the 30 of before", n)
		}
		b.setFault(nil)
		if err := h.db.MoveRun(b.Context(), run.ID, aggregation.Running, ""); err != nil {
			b.Fatal(err)
		}
		b.over(h, run.ID, aggregation.Completed)
		if events, _ := b.events(h, last); len(events[triggers.AccountAggregationCompleted]) != 2 {
			b.Errorf("events after it was resumed: got %d that it ended, want a bad end and a good one", len(events[triggers.AccountAggregationCompleted]))
		}
	})
}

// Too many gone at once are held until an operator approves it.
func TestAggregateHolds(t *testing.T) {
	t.Parallel()
	onBoth(t, 100, "workers_per_node: 2", func(b *aggregateBench) {
		h := b.house(true)
		b.read(h)
		_, last := b.events(h, 0)
		b.vendor.Set(func(o *teamdynamix.Options) { o.People = 60 })
		b.vendor.Reset()
		run := b.over(h, b.start(h).ID, aggregation.Held)
		events, last := b.events(h, last)
		if len(events) != 1 || len(events[triggers.AggregationHeld]) != 1 || !strings.Contains(run.Note, "40 of 100 accounts are gone at once") {
			b.Errorf("held: got events %v and %q, want one event and why", events, run.Note)
		}
		if n := len(b.snapshot(h)); n != 100 {
			b.Errorf("snapshot while it is held: got %d accounts, want 100", n)
		}
		// Cancelled and resumed, it is held anew, and that is told anew.
		if err := h.runner.Cancel(b.Context(), run.ID); err != nil {
			b.Fatal(err)
		}
		_, last = b.events(h, last)
		if err := h.db.MoveRun(b.Context(), run.ID, aggregation.Running, "resumed"); err != nil {
			b.Fatal(err)
		}
		b.over(h, run.ID, aggregation.Held)
		if events, last = b.events(h, last); len(events[triggers.AggregationHeld]) != 1 {
			b.Errorf("held again: got events %v, want one that tells it", events)
		}
		if err := h.db.MoveRun(b.Context(), run.ID, aggregation.Running, "approved"); err != nil {
			b.Fatal(err)
		}
		b.over(h, run.ID, aggregation.Completed)
		if events, _ = b.events(h, last); len(events[triggers.IdentityDeleted]) != 40 || len(b.snapshot(h)) != 60 {
			b.Errorf("after approval: got %d deleted and %d accounts, want 40 and 60", len(events[triggers.IdentityDeleted]), len(b.snapshot(h)))
		}
	})
}
