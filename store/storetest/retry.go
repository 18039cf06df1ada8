package storetest

import (
	"errors"
	"testing"
	"time"

	"sluice/aggregation"
	"sluice/triggers"
)

func testPause(t *testing.T, b *bench) {
	run := b.start(people)
	claim := b.claim(run.ID, "a")
	pause := func(want bool) {
		t.Helper()
		again, err := b.db.Pause(t.Context(), claim, "the vendor is down", func(tries int) (time.Duration, bool) { return time.Duration(tries) * time.Second, tries <= 2 })
		if again != want || err != nil {
			t.Errorf("pause: got %v and %v, want %v", again, err, want)
		}
	}
	next := func(after time.Duration) {
		t.Helper()
		b.pass(after - time.Microsecond)
		if _, err := b.db.Claim(t.Context(), aggregation.Want{Run: run.ID, Owner: "b", Lease: time.Minute}); !errors.Is(err, aggregation.ErrNone) {
			t.Errorf("claim before the pause is over: got %v, want %v", err, aggregation.ErrNone)
		}
		b.pass(time.Microsecond)
		claim = b.claim(run.ID)
	}
	pause(true)
	next(time.Second)
	if err := b.db.Work(claim).Keep(t.Context(), aggregation.Batch{Again: true}, aggregation.Checkpoint{}); err != nil { // no progress
		t.Fatal(err)
	}
	if claim.Tries != 1 || claim.Reason != "the vendor is down" {
		t.Errorf("claim after a pause: got %+v, want a try and its reason", claim.Partition)
	}
	pause(true)
	next(2 * time.Second)
	if err := b.db.Work(claim).Settle(t.Context(), nil); err != nil { // progress
		t.Fatal(err)
	}
	pause(true)
	next(time.Second)
	pause(true)
	next(2 * time.Second)
	// What is only read again is none.
	half := aggregation.Batch{Again: true, Rows: []aggregation.Row{{ID: "a", JSON: []byte("{}")}}}
	if err := b.db.Work(claim).Keep(t.Context(), half, aggregation.Checkpoint{}); err != nil {
		t.Fatal(err)
	}
	pause(false)
	if err := b.db.Heartbeat(t.Context(), claim); err != nil {
		t.Errorf("the claim after the last try: got %v, want it held", err)
	}
	half.Again = false
	whole := aggregation.Checkpoint{Page: aggregation.Position{Pages: 1, Rows: 1}}
	if err := b.db.Work(claim).Keep(t.Context(), half, whole); err != nil {
		t.Fatal(err)
	}
	pause(true)
}

func testTakeOver(t *testing.T, b *bench) {
	run := b.start(people)
	old := b.claim(run.ID, "a", "b")
	if err := b.db.TakeOver(t.Context()); err != nil {
		t.Fatal(err)
	}
	if again := b.claim(run.ID); again.Name != "a" || again.Generation <= old.Generation {
		t.Errorf("claim: got %+v, want a of a later generation", again.Partition)
	}
	if err := b.db.Heartbeat(t.Context(), old); !errors.Is(err, aggregation.ErrFenced) {
		t.Errorf("heartbeat of the old owner: got %v, want %v", err, aggregation.ErrFenced)
	}
	b.subscribe("s")
	had := b.claimDeliveries("s")
	if err := b.db.TakeOver(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := b.db.ClaimSubscription(t.Context(), "s", "b", time.Minute); err != nil {
		t.Errorf("claim of a subscription: got %v, want it at once", err)
	}
	if err := b.db.HoldSubscription(t.Context(), had); !errors.Is(err, triggers.ErrLost) {
		t.Errorf("hold of the old owner: got %v, want %v", err, triggers.ErrLost)
	}
}

func testRetry(t *testing.T, b *bench) {
	run := b.start(people)
	claim := b.claim(run.ID, "all")
	w := b.db.Work(claim)
	err := errors.Join(
		w.Settle(t.Context(), []aggregation.Settled{{Record: record("a", 1)}, {Record: aggregation.Record{ID: "b", RowHash: "r"}, Row: []byte("2")}}),
		w.Fail(t.Context(), aggregation.Failure{ID: "b", Reason: "404"}))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.db.RetryRun(t.Context(), run.ID); !errors.Is(err, aggregation.ErrState) {
		t.Errorf("retry a run that is running: got %v, want %v", err, aggregation.ErrState)
	}
	if err := errors.Join(b.db.Finish(t.Context(), claim), b.db.Commit(t.Context(), run.ID, 0, factsOf(nil), aggregation.Closing{}), b.db.Forget(t.Context(), run.ID)); err != nil {
		t.Fatal(err)
	}
	again, err := b.db.RetryRun(t.Context(), run.ID)
	if err != nil || again.RetryOf != run.ID || again.Whole() {
		t.Fatalf("retry: got %+v and %v, want a run of that run's failures", again, err)
	}
	if got := collect(t, b.db.Pending(t.Context(), again.ID, "", "")); len(got) != 1 || got[0].ID != "b" || string(got[0].Row) != "2" || got[0].RowHash != "r" {
		t.Errorf("pending: got %+v, want b with its row", got)
	}
	if err := b.db.Work(b.claim(again.ID)).Detail(t.Context(), record("b", 2)); err != nil {
		t.Fatal(err)
	}
	b.move(again.ID, aggregation.Cancelled)
	other := b.staged(people)
	if err := b.db.Commit(t.Context(), other.ID, 1, factsOf(nil), aggregation.Closing{}); err != nil {
		t.Fatal(err)
	}
	if _, err := b.db.RetryRun(t.Context(), other.ID); !errors.Is(err, aggregation.ErrNone) {
		t.Errorf("retry where nothing failed: got %v, want %v", err, aggregation.ErrNone)
	}
}
