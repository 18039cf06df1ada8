package storetest

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sluice/aggregation"
	"sluice/triggers"
)

func testFindEvents(t *testing.T, b *bench) {
	ctx := t.Context()
	b.tell("a1", "b1")
	b.pass(time.Minute)
	one := triggers.Event{ID: "mine", Type: "u", Source: "hr", Subject: "a", Time: b.clock().UTC().Truncate(time.Microsecond), Data: []byte(`{"x":1}`)}
	b.subscribe("s", func(s *triggers.Subscription) { s.TriggerID = "u" })
	told, err := b.db.Tell(ctx, one)
	if err != nil || !told.Fresh || told.Number == 0 || len(told.Invocations) != 1 || told.Invocations[0].Subscription != "s" {
		t.Fatalf("tell: got %+v, %v, want it new and numbered, with an invocation of s", told, err)
	}
	if diff := cmp.Diff(one, told.Event); diff != "" {
		t.Errorf("told (- want, + got):\n%s", diff)
	}
	other := one
	other.Subject, other.Data = "z", []byte(`{"x":2}`)
	again, err := b.db.Tell(ctx, other)
	if err != nil || again.Fresh || again.Number != told.Number {
		t.Fatalf("tell again: got %+v, %v, want it to be there as number %d", again, err, told.Number)
	}
	if diff := cmp.Diff(told.Event, again.Event); diff != "" {
		t.Errorf("told again (- what was told, + got):\n%s", diff)
	}
	if _, err := b.db.Tell(ctx, triggers.Event{ID: strings.Repeat("x", 65), Type: "u"}); err == nil {
		t.Error("tell an event whose id is too long: got no error, want one")
	}
	for name, c := range map[string]struct {
		q    triggers.EventQuery
		want string
	}{
		"all":           {triggers.EventQuery{}, "event a1, event b1, mine"},
		"newest":        {triggers.EventQuery{Newest: true, Limit: 2}, "mine, event b1"},
		"by type":       {triggers.EventQuery{Type: "t"}, "event a1, event b1"},
		"by source":     {triggers.EventQuery{Source: "hr"}, "mine"},
		"by subject":    {triggers.EventQuery{Subject: "a"}, "event a1, mine"},
		"since":         {triggers.EventQuery{Since: b.clock().Add(-time.Second)}, "mine"},
		"behind one":    {triggers.EventQuery{Beyond: told.Number - 1}, "mine"},
		"by id":         {triggers.EventQuery{IDs: []string{"event b1", "nobody"}}, "event b1"},
		"all at once":   {triggers.EventQuery{Type: "u", Subject: "b"}, ""},
		"of no trigger": {triggers.EventQuery{Type: "v"}, ""},
	} {
		all, err := b.db.FindEvents(ctx, c.q)
		var ids []string
		for _, e := range all {
			ids = append(ids, e.ID)
		}
		if got := strings.Join(ids, ", "); err != nil || got != c.want {
			t.Errorf("%s: got %s, %v, want %s", name, got, err, c.want)
		}
	}
	if e, err := b.db.Event(ctx, "mine"); err != nil || e.Seq != told.Number {
		t.Errorf("one event: got %+v, %v, want number %d", e, err, told.Number)
	}
	if _, err := b.db.Event(ctx, "nobody"); !errors.Is(err, aggregation.ErrNone) {
		t.Errorf("an event that is not there: got %v, want %v", err, aggregation.ErrNone)
	}
}

// testTellAtOnce: of many that tell the same, one is told that it is new.
func testTellAtOnce(t *testing.T, b *bench) {
	b.subscribe("s")
	fresh := make(chan bool)
	for range 8 {
		go func() {
			told, err := b.db.Tell(t.Context(), triggers.Event{ID: "same", Type: "t", Subject: "a", Time: b.clock(), Data: []byte("{}")})
			if err != nil {
				t.Error(err)
			}
			fresh <- told.Fresh && len(told.Invocations) == 1
		}()
	}
	n := 0
	for range 8 {
		if <-fresh {
			n++
		}
	}
	if made, err := b.db.Invocations(t.Context(), triggers.Query{}); n != 1 || err != nil || len(made) != 1 {
		t.Errorf("got %d who were told that it is new, %d invocations and %v, want one each", n, len(made), err)
	}
}

// testFilteredOut: whoever asks why an event did not come is told, of the last twenty.
func testFilteredOut(t *testing.T, b *bench) {
	ctx := t.Context()
	b.subscribe("picky", func(s *triggers.Subscription) { filter := "$.nothing"; s.Filter = &filter })
	b.subscribe("other", func(s *triggers.Subscription) { s.TriggerID = "u" })
	b.subscribe("all")
	var names []string
	for n := range 23 {
		names = append(names, fmt.Sprintf("a%02d", n))
	}
	b.tell(names...)
	n, last, err := b.db.FilteredOut(ctx, "picky")
	if err != nil || n != 23 || len(last) != 20 || last[0].Event.ID != "event a22" || last[19].Event.ID != "event a03" {
		t.Fatalf("filtered out: got %d, %+v, %v, want 23, and a22 to a03", n, last, err)
	}
	if f := last[0]; f.Reason != "it selects nothing" || f.Subscription != "picky" || f.Event.Type != "t" || f.Event.Subject != "a" || f.Event.Time.IsZero() {
		t.Errorf("the last: got %+v, want its event and the reason", f)
	}
	if n, last, err := b.db.FilteredOut(ctx, "all"); err != nil || n != 0 || len(last) != 0 {
		t.Errorf("where there is no filter: got %d, %+v, %v, want none", n, last, err)
	}
	by, err := b.db.FilteredBy(ctx, last[0].Seq)
	if err != nil || len(by) != 1 || by[0].Subscription != "picky" || by[0].Reason != last[0].Reason {
		t.Errorf("who filtered it out: got %+v, %v, want picky", by, err)
	}
	made, err := b.db.Invocations(ctx, triggers.Query{Event: last[0].Seq})
	if err != nil || len(made) != 1 || made[0].Subscription != "all" {
		t.Errorf("what it made: got %+v, %v, want one of all", made, err)
	}
}

// testFailedFilter: an event of which nobody knows whether it passes is dead from the beginning, keeps nothing behind it, and is sent when an operator
// says so of that one.
func testFailedFilter(t *testing.T, b *bench) {
	ctx := t.Context()
	first, claim := b.undecided("$.fails", "too many steps")
	if next := b.next(claim, 2); len(next) != 1 || next[0].ID == first {
		t.Errorf("got %+v due, want what is behind", next)
	}
	if n, _, err := b.db.FilteredOut(ctx, "s"); err != nil || n != 0 {
		t.Errorf("got %d filtered out, %v, want none", n, err)
	}
	if n, err := b.db.Replay(ctx, triggers.Query{Subscription: "s", Real: true}); err != nil || n != 0 {
		t.Errorf("replay all: got %d, %v, want none", n, err)
	}
	if orphans, n, err := b.db.LeftOut(ctx, triggers.Query{Subscription: "s", Real: true}); err != nil || orphans != 0 || n != 1 {
		t.Errorf("left out: got %d and %d, %v, want the one that nobody knows of", orphans, n, err)
	}
	if n, err := b.db.Replay(ctx, triggers.Query{IDs: []string{first}}); err != nil || n != 1 {
		t.Errorf("replay: got %d, %v, want 1", n, err)
	}
	if next := b.next(claim, 3); len(next) != 2 || next[0].ID != first {
		t.Errorf("got %+v due, want what is sent again first", next)
	}
}

// testUnreadFilter: it is the same where a filter cannot be read, but for all.
func testUnreadFilter(t *testing.T, b *bench) {
	_, claim := b.undecided("$.of(a newer Sluice)", "it cannot be read: no test knows it")
	if len(b.next(claim, 2)) != 0 {
		t.Error("got some due, want none")
	}
	if n, err := b.db.Replay(t.Context(), triggers.Query{Subscription: "s", Real: true, Undecided: true}); err != nil || n != 2 || len(b.next(claim, 3)) != 2 {
		t.Errorf("replay of what is undecided: got %d, %v, want both", n, err)
	}
}

// undecided emits two events of a subject to a subscription whose filter fails, and returns the invocation of the first.
func (b *bench) undecided(filter, why string) (first string, claim triggers.Claim) {
	b.Helper()
	b.subscribe("s", func(s *triggers.Subscription) { s.Filter = &filter })
	b.tell("a1", "a2")
	made, err := b.db.Invocations(b.Context(), triggers.Query{Subscription: "s"})
	if err != nil || len(made) != 2 {
		b.Fatalf("got %+v, %v, want two", made, err)
	}
	if one := made[0]; one.State != triggers.Dead || one.Attempts != 0 || one.Completed.IsZero() || one.Reason != triggers.Undecided+why {
		b.Errorf("got %+v, want it dead because of %s", one, why)
	}
	return made[0].ID, b.claimDeliveries("s")
}

// testTallies: how many stand where.
func testTallies(t *testing.T, b *bench) {
	ctx := t.Context()
	b.subscribe("picky", func(s *triggers.Subscription) { filter := "$.nothing"; s.Filter = &filter })
	b.subscribe("all")
	b.subscribe("idle", func(s *triggers.Subscription) { s.TriggerID = "u" })
	b.tell("a1", "b1", "c1", "d1", "e1")
	c := b.claimDeliveries("all")
	_, waiting := b.waiting(c)
	b.settle(c, triggers.Result{Seq: waiting[0].Seq, State: triggers.Dead, Reason: "status 404"}, triggers.Result{Seq: waiting[1].Seq, State: triggers.Done},
		triggers.Result{Seq: waiting[2].Seq, State: triggers.Asked, Deadline: b.clock().Add(time.Hour)})
	tallies, err := b.db.Tallies(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]triggers.Tally{"picky": {FilteredOut: 5}, "all": {Waiting: 2, Asked: 1, Dead: 1, Oldest: b.clock()}, "idle": {}}, tallies); diff != "" {
		t.Errorf("tallies (- want, + got):\n%s", diff)
	}
	if _, _, err := b.db.Invoke(ctx, "t", []byte(`{}`), nil, []string{"all"}); err != nil {
		t.Fatal(err)
	}
	if events, err := b.db.Invocations(ctx, triggers.Query{Subscription: "all", Real: true}); err != nil || len(events) != 5 {
		t.Errorf("without tests: got %d, %v, want 5", len(events), err)
	}
}
