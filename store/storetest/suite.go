package storetest

import (
	"encoding/json"
	"fmt"
	"iter"
	"sync"
	"testing"
	"time"

	"sluice/aggregation"
	"sluice/store"
	"sluice/triggers"
)

// Test runs the suite over one kind of database. open returns one that begins empty and reads its time from clock.
//
//nolint:tparallel // whoever calls it has called t.Parallel
func Test(t *testing.T, open func(t *testing.T, clock func() time.Time) *store.DB) {
	t.Helper()
	for _, tests := range []map[string]func(*testing.T, *bench){ofRuns(), ofDeliveries()} {
		for name, test := range tests {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				b := &bench{T: t, now: time.Date(2026, 11, 22, 12, 0, 17, 0, time.UTC)}
				b.db = open(t, b.clock)
				test(t, b)
			})
		}
	}
}

// ofRuns are the tests of aggregations.
func ofRuns() map[string]func(*testing.T, *bench) {
	return map[string]func(*testing.T, *bench){
		"a scope has one run at a time":                       testOneRun,
		"a run goes from state to state":                      testStates,
		"a run that another has overtaken does not go on":     testOvertaken,
		"what changes a run's state is told with it":          testStateEvents,
		"runs are listed, the latest first":                   testRuns,
		"two that claim get two partitions":                   testClaims,
		"a partition whose owner is silent is another's":      testTakeover,
		"a partition that is given back keeps its checkpoint": testRelease,
		"partitions can be added twice":                       testAddTwice,
		"nobody writes to a run that is not running":          testStopped,
		"a row is completed by its detail":                    testStage,
		"staged records come in the order of bytes":           testOrder,
		"failures are kept, and taken back":                   testFailures,
		"text that no database keeps is refused":              testText,
		"what was staged is forgotten when the run is over":   testForget,
		"what nobody needs is dropped":                        testTidy,
		"a run that is over for long is not resumed":          testResumeWithin,
		"a commit makes facts the snapshot":                   testCommit,
		"who was written to is read again":                    testTouch,
		"another spelling of ids is no other account":         testRespell,
		"a snapshot is respelled a page at a time":            testRespellMany,
		"a commit keeps the marks of writes under way":        testTouchUnderWay,
		"a commit of another revision is refused":             testRevision,
		"a commit before the last partition is refused":       testUnfinished,
		"facts that end in an error leave nothing":            testBrokenFacts,
		"a commit may read what it commits":                   testReadingCommit,
		"commits of many scopes do not wait in a circle":      testManyCommits,
		"a snapshot is read by offset":                        testReader,
		"a snapshot is read by key and by id":                 testReaderByKey,
		"a snapshot that is not there yet is empty":           testReaderBefore,
		"whoever reads by offset follows a commit":            testReaderFollows,
		"rows are kept with their checkpoint":                 testKeep,
		"what is settled waits for its call":                  testPending,
		"the last partition brings the commit, once":          testLast,
		"a partition pauses, and then it was enough":          testPause,
		"who has the database for itself takes all over":      testTakeOver,
		"a retry reads what failed and nothing else":          testRetry,
	}
}

// ofDeliveries are the tests of events and their ways to who subscribes.
func ofDeliveries() map[string]func(*testing.T, *bench) {
	return map[string]func(*testing.T, *bench){
		"an event is told once":                              testEventOnce,
		"who remembers the last event misses none":           testEventOrder,
		"an event goes to who subscribes":                    testRouting,
		"what follows a failed event waits behind it":        testOrderOfSubjects,
		"what is of no subject waits for nobody":             testNoSubject,
		"a paused subscription keeps its events":             testPausedSubscription,
		"a pause and its event are kept together":            testPauseOfClaim,
		"how a receiver does is kept meanwhile":              testHealthWhileHeld,
		"what was replayed frees nothing behind another":     testReplayBeforeStuck,
		"many are settled at once":                           testSettleMany,
		"behind one there are very many":                     testCrowd,
		"one is given up behind which there are very many":   testCrowdAbandoned,
		"two of a subject are settled at once":               testSettleTwoOfSubject,
		"without an order nobody waits any more":             testUnordered,
		"deliveries are read by their bytes":                 testNextWithin,
		"what is new does not overtake what was parked":      testUnpark,
		"failed events and new ones have each their half":    testNextOfBoth,
		"the oldest that waits is known":                     testOldest,
		"an invocation is completed once":                    testCompletion,
		"what completes an invocation holds no secret":       testCompletionHoldsNoSecret,
		"a quick receiver is not too late":                   testQuickCompletion,
		"an invocation is sent again under its id":           testReplay,
		"what is named is sent before its time":              testReplayWaiting,
		"the first of two that failed is sent first":         testReplayTwoStuck,
		"without an order who is sent again hurries nobody":  testReplayUnordered,
		"what is given up keeps nobody":                      testAbandon,
		"what is parked says behind what":                    testBehind,
		"events are found, and told once":                    testFindEvents,
		"many tell the same at once":                         testTellAtOnce,
		"what a filter left out is counted, with the reason": testFilteredOut,
		"an event whose filter fails is dead":                testFailedFilter,
		"an event whose filter cannot be read is dead":       testUnreadFilter,
		"what waits and what is dead is counted":             testTallies,
		"a test makes nothing where nothing is delivered":    testUndelivered,
		"invocations are read without what is long":          testBare,
		"what nobody can be sent again is counted":           testOrphans,
		"a completion is refused while another writes":       testRefusedCompletion,
		"of too many that are over the oldest go":            testRetireMany,
		"old events go when nobody needs them":               testRetireEvents,
		"JSON with an escaped NUL is kept as it came":        testEscapedNUL,
		"a client of the API is kept, and shut out":          testClients,
	}
}

// bench is a database and the time by which it goes.
type bench struct {
	*testing.T
	db *store.DB

	mu  sync.Mutex
	now time.Time
}

func (b *bench) clock() time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.now
}

func (b *bench) pass(d time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.now = b.now.Add(d)
}

// people is the scope of most tests.
var people = aggregation.Scope{Connection: "acme", Resource: "people"}

func (b *bench) start(scope aggregation.Scope) aggregation.Run {
	b.Helper()
	run, err := b.db.StartRun(b.Context(), scope, "detail")
	if err != nil {
		b.Fatalf("start a run of %v: %v", scope, err)
	}
	return run
}

// claim adds partitions, and claims the first.
func (b *bench) claim(run aggregation.RunID, names ...string) aggregation.Claim {
	b.Helper()
	for _, name := range names {
		if err := b.db.AddPartitions(b.Context(), run, aggregation.Partition{Name: name, Spec: json.RawMessage(`{"of":"` + name + `"}`), Total: 9}); err != nil {
			b.Fatalf("add partition %s: %v", name, err)
		}
	}
	claim, err := b.db.Claim(b.Context(), aggregation.Want{Run: run, Owner: "a", Lease: time.Minute})
	if err != nil {
		b.Fatalf("claim: %v", err)
	}
	return claim
}

func (b *bench) stage(claim aggregation.Claim, records ...aggregation.Record) {
	b.Helper()
	if err := b.db.Stage(b.Context(), claim, store.Progress{}, records...); err != nil {
		b.Fatalf("stage: %v", err)
	}
}

// staged is a run whose only partition is done, with these accounts read.
func (b *bench) staged(scope aggregation.Scope, records ...aggregation.Record) aggregation.Run {
	b.Helper()
	run := b.start(scope)
	claim := b.claim(run.ID, "all")
	b.stage(claim, records...)
	if err := b.db.Finish(b.Context(), claim); err != nil {
		b.Fatalf("finish: %v", err)
	}
	return run
}

// record is an account as it was read at a second of the day.
func record(id string, second int) aggregation.Record {
	return aggregation.Record{
		ID: id, Account: json.RawMessage(fmt.Sprintf(`{"id":%q,"second":%d}`, id, second)), RowHash: fmt.Sprint("row ", second),
		ReadAt: time.Date(2026, 11, 22, 0, 0, second, 1000, time.UTC),
	}
}

// fact is what makes r the snapshot's, with an event.
func fact(r aggregation.Record) aggregation.Fact {
	return aggregation.Fact{Change: aggregation.Change{Kind: aggregation.Created, ID: r.ID, After: r.Account}, Events: []triggers.Event{event("of " + r.ID + r.RowHash)}}
}

// factsOf is the facts of records, and of those that are gone.
func factsOf(records []aggregation.Record, gone ...string) iter.Seq2[aggregation.Fact, error] {
	return func(yield func(aggregation.Fact, error) bool) {
		for _, r := range records {
			if !yield(fact(r), nil) {
				return
			}
		}
		for _, id := range gone {
			if !yield(aggregation.Fact{Change: aggregation.Change{Kind: aggregation.Deleted, ID: id, Before: json.RawMessage(`{}`)}}, nil) {
				return
			}
		}
	}
}

func event(id string) triggers.Event {
	return triggers.Event{
		ID: id, Type: triggers.IdentityCreated, Source: "acme", Subject: "s of " + id,
		Time: time.Date(2026, 11, 22, 1, 2, 3, 4000, time.UTC), Data: json.RawMessage(`{"b":1, "a":"ä"}`),
	}
}

// collect is all of an iterator.
func collect[T any](t *testing.T, all iter.Seq2[T, error]) (out []T) {
	t.Helper()
	for value, err := range all {
		if err != nil {
			t.Fatalf("walk: %v", err)
		}
		out = append(out, value)
	}
	return out
}

func (b *bench) events() []store.Numbered {
	b.Helper()
	all, err := b.db.Events(b.Context(), 0, 100000)
	if err != nil {
		b.Fatalf("events: %v", err)
	}
	return all
}
