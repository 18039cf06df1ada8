package storetest

import (
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sluice/aggregation"
	"sluice/store"
)

func testClaims(t *testing.T, b *bench) {
	const all = 40
	run := b.start(people)
	for i := range all {
		if err := b.db.AddPartitions(t.Context(), run.ID, aggregation.Partition{Name: fmt.Sprint("p", i)}); err != nil {
			t.Fatal(err)
		}
	}
	var group sync.WaitGroup
	var mu sync.Mutex
	owners := make(map[string]string)
	for i := range 6 {
		owner := fmt.Sprint("worker ", i)
		group.Go(func() {
			for {
				claim, err := b.db.Claim(t.Context(), aggregation.Want{Run: run.ID, Owner: owner, Lease: time.Minute})
				if errors.Is(err, aggregation.ErrNone) {
					return
				}
				if err != nil {
					t.Errorf("claim of %s: %v", owner, err)
					return
				}
				mu.Lock()
				if owners[claim.Name] != "" {
					t.Errorf("partition %s has two owners: %s and %s", claim.Name, owners[claim.Name], owner)
				}
				owners[claim.Name] = owner
				mu.Unlock()
			}
		})
	}
	group.Wait()
	if len(owners) != all {
		t.Errorf("partitions that six workers claimed: got %d, want %d", len(owners), all)
	}
}

func testTakeover(t *testing.T, b *bench) {
	run := b.start(people)
	old := b.claim(run.ID, "one")
	if err := b.db.Stage(t.Context(), old, store.Progress{Checkpoint: json.RawMessage(`{"page":3}`), Done: 4, Total: 12}, record("a", 1)); err != nil {
		t.Fatal(err)
	}
	b.pass(time.Minute - time.Microsecond)
	want := aggregation.Want{Run: run.ID, Owner: "b", Lease: time.Minute}
	if _, err := b.db.Claim(t.Context(), want); !errors.Is(err, aggregation.ErrNone) {
		t.Errorf("claim before the lease is over: got %v, want %v", err, aggregation.ErrNone)
	}
	if err := b.db.Heartbeat(t.Context(), old); err != nil {
		t.Errorf("heartbeat: got %v, want none", err)
	}
	b.pass(time.Minute - time.Microsecond)
	if _, err := b.db.Claim(t.Context(), want); !errors.Is(err, aggregation.ErrNone) {
		t.Errorf("claim before the longer lease is over: got %v, want %v", err, aggregation.ErrNone)
	}
	b.pass(time.Microsecond)
	taken, err := b.db.Claim(t.Context(), want)
	if err != nil {
		t.Fatalf("claim when the lease is over: %v", err)
	}
	if diff := cmp.Diff(aggregation.Claim{Run: run.ID, Lease: time.Minute, Partition: aggregation.Partition{
		Name: "one", State: "taken", Spec: json.RawMessage(`{"of":"one"}`), Checkpoint: json.RawMessage(`{"page":3}`), Done: 4, Total: 12,
		Owner: "b", LeaseUntil: b.clock().Add(time.Minute), Generation: 2,
	}}, taken); diff != "" {
		t.Errorf("the claim (- want, + got):\n%s", diff)
	}
	for name, write := range map[string]func() error{
		"stage":     func() error { return b.db.Stage(t.Context(), old, store.Progress{}, record("late", 1)) },
		"heartbeat": func() error { return b.db.Heartbeat(t.Context(), old) },
		"release":   func() error { return b.db.Release(t.Context(), old) },
		"finish":    func() error { return b.db.Finish(t.Context(), old) },
	} {
		if err := write(); !errors.Is(err, aggregation.ErrFenced) {
			t.Errorf("%s by the old owner: got %v, want %v", name, err, aggregation.ErrFenced)
		}
	}
	if got := collect(t, b.db.Staged(t.Context(), run.ID)); len(got) != 1 {
		t.Errorf("records: got %d, want the 1 of before", len(got))
	}
	if err := b.db.Finish(t.Context(), taken); err != nil {
		t.Errorf("finish by the new owner: got %v, want none", err)
	}
	if err := b.db.Stage(t.Context(), taken, store.Progress{}, record("late", 1)); !errors.Is(err, aggregation.ErrFenced) {
		t.Errorf("stage after the end: got %v, want %v", err, aggregation.ErrFenced)
	}
}

func testRelease(t *testing.T, b *bench) {
	run := b.start(people)
	first := b.claim(run.ID, "a", "b")
	if err := b.db.Stage(t.Context(), first, store.Progress{Checkpoint: json.RawMessage(`7`), Done: 7}); err != nil {
		t.Fatal(err)
	}
	if err := b.db.Release(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	named, err := b.db.Claim(t.Context(), aggregation.Want{Run: run.ID, Name: "b", Owner: "b", Lease: time.Minute})
	if err != nil || named.Name != "b" {
		t.Errorf("claim b by name: got %q and %v, want b and none", named.Name, err)
	}
	if _, err := b.db.Claim(t.Context(), aggregation.Want{Run: run.ID, Name: "b", Owner: "c", Lease: time.Minute}); !errors.Is(err, aggregation.ErrNone) {
		t.Errorf("claim b while it is taken: got %v, want %v", err, aggregation.ErrNone)
	}
	again, err := b.db.Claim(t.Context(), aggregation.Want{Run: run.ID, Owner: "b", Lease: time.Minute})
	if err != nil || again.Name != "a" || string(again.Checkpoint) != "7" || again.Done != 7 || again.Total != 9 || again.Generation != 2 {
		t.Errorf("claim what was given back: got %+v and %v, want a at 7 of 9, generation 2", again.Partition, err)
	}
}

func testAddTwice(t *testing.T, b *bench) {
	run := b.start(people)
	claim := b.claim(run.ID, "a", "b")
	if err := b.db.Finish(t.Context(), claim); err != nil {
		t.Fatal(err)
	}
	if err := b.db.AddPartitions(t.Context(), run.ID, aggregation.Partition{Name: "a"}, aggregation.Partition{Name: "b"}, aggregation.Partition{Name: "c"}); err != nil {
		t.Fatal(err)
	}
	all, err := b.db.Partitions(t.Context(), run.ID)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, p := range all {
		got = append(got, p.Name+" "+p.State+" "+string(p.Spec))
	}
	if diff := cmp.Diff([]string{`a done {"of":"a"}`, `b open {"of":"b"}`, "c open "}, got); diff != "" {
		t.Errorf("partitions (- want, + got):\n%s", diff)
	}
}

func testStopped(t *testing.T, b *bench) {
	run := b.start(people)
	claim := b.claim(run.ID, "a", "b")
	b.move(run.ID, aggregation.Cancelled)
	for name, write := range map[string]func() error{
		"add":       func() error { return b.db.AddPartitions(t.Context(), run.ID, aggregation.Partition{Name: "c"}) },
		"stage":     func() error { return b.db.Stage(t.Context(), claim, store.Progress{}, record("a", 1)) },
		"heartbeat": func() error { return b.db.Heartbeat(t.Context(), claim) },
		"finish":    func() error { return b.db.Finish(t.Context(), claim) },
		"commit":    func() error { return b.db.Commit(t.Context(), run.ID, 0, factsOf(nil), aggregation.Closing{}) },
		"claim": func() error {
			_, err := b.db.Claim(t.Context(), aggregation.Want{Run: run.ID, Owner: "a", Lease: time.Minute})
			return err
		},
	} {
		if err := write(); !errors.Is(err, aggregation.ErrState) {
			t.Errorf("%s when the run is cancelled: got %v, want %v", name, err, aggregation.ErrState)
		}
	}
	b.move(run.ID, aggregation.Running)
	if err := b.db.Stage(t.Context(), claim, store.Progress{}, record("a", 1)); !errors.Is(err, aggregation.ErrFenced) {
		t.Errorf("stage by the owner of before: got %v, want %v", err, aggregation.ErrFenced)
	}
	again, err := b.db.Claim(t.Context(), aggregation.Want{Run: run.ID, Owner: "a", Lease: time.Minute})
	if err != nil {
		t.Fatalf("claim when the run goes on: %v", err)
	}
	b.stage(again, record("a", 1))
}
