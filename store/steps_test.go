package store_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"sluice/store"
	"sluice/store/storetest"
	"sluice/triggers"
)

// manyRows are more than one step.
const manyRows = 1_100

// manyOf has many invocations to a subscription s, in a state. Their numbers are 1 and up, and all indexes have them in that order.
func manyOf(t *testing.T, options store.Options, state triggers.State) *store.DB {
	t.Helper()
	db := storetest.Open(t, options)
	subscribe(t, db, triggers.Subscription{ID: "s"})
	var events []triggers.Event
	for i := range manyRows {
		events = append(events, triggers.Event{ID: fmt.Sprint(i), Type: "t", Subject: fmt.Sprintf("%04d", i), Data: []byte("{}")})
	}
	if err := db.Emit(t.Context(), events...); err != nil {
		t.Fatal(err)
	}
	plant(t, db, "UPDATE invocations SET completed = 5, deadline = 5, state = '"+string(state)+"'")
	return db
}

func plant(t *testing.T, db *store.DB, statements ...string) {
	t.Helper()
	for _, statement := range statements {
		if err := db.Exec(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
}

// plantTrigger has statements run before an invocation changes that a condition holds for.
func plantTrigger(t *testing.T, db *store.DB, sqlite bool, when, do string) {
	t.Helper()
	if sqlite {
		plant(t, db, "CREATE TRIGGER planted BEFORE UPDATE OF state ON invocations WHEN "+when+" BEGIN "+do+"; END")
		return
	}
	plant(t, db, "CREATE FUNCTION planted() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "+do+"; RETURN NEW; END $$",
		"CREATE TRIGGER planted BEFORE UPDATE OF state ON invocations FOR EACH ROW WHEN ("+when+") EXECUTE FUNCTION planted()")
}

// plantFault has changes of one invocation fail until it is taken away.
func plantFault(t *testing.T, db *store.DB, sqlite bool) (takeAway func()) {
	t.Helper()
	if sqlite {
		plantTrigger(t, db, true, "NEW.seq = 1050", "SELECT RAISE(ABORT, 'planted')")
		return func() { plant(t, db, "DROP TRIGGER planted") }
	}
	plantTrigger(t, db, false, "NEW.seq = 1050", "RAISE EXCEPTION 'planted'")
	return func() { plant(t, db, "DROP TRIGGER planted ON invocations") }
}

// wantStates holds the states of all invocations against what there should be.
func wantStates(t *testing.T, what string, db *store.DB, want map[triggers.State]int) {
	t.Helper()
	all, err := db.Invocations(t.Context(), triggers.Query{Bare: true, Limit: 2 * manyRows})
	if err != nil {
		t.Fatal(err)
	}
	got := map[triggers.State]int{}
	for _, i := range all {
		got[i.State]++
	}
	for _, state := range []triggers.State{triggers.Waiting, triggers.Asked, triggers.Done, triggers.Dead} {
		if got[state] != want[state] {
			t.Errorf("%s: got %d that are %s, want %d", what, got[state], state, want[state])
		}
	}
}

func TestReplayMany(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, fresh func() store.Options) {
		ctx, db := t.Context(), manyOf(t, fresh(), triggers.Dead)
		bell := db.Bell()
		for _, want := range []int64{manyRows, 0} {
			if n, err := db.Replay(ctx, triggers.Query{States: []triggers.State{triggers.Dead}}); n != want || err != nil {
				t.Errorf("replay: got %d, %v, want %d", n, err, want)
			}
		}
		select {
		case <-bell:
		default:
			t.Error("no bell has rung")
		}
		wantStates(t, "replayed", db, map[triggers.State]int{triggers.Waiting: manyRows})
		plant(t, db, "UPDATE invocations SET state = 'done' WHERE seq IN (7, 1007, 1047)")
		all, err := db.Invocations(ctx, triggers.Query{States: []triggers.State{triggers.Done}})
		if err != nil || len(all) != 3 {
			t.Fatalf("done: got %d, %v, want 3", len(all), err)
		}
		for _, q := range []triggers.Query{
			{States: []triggers.State{triggers.Dead}}, {States: []triggers.State{triggers.Waiting}}, {Beyond: 1047}, {Subscription: "another"}, {Before: all[0].Created},
		} {
			if n, err := db.Replay(ctx, q); n != 0 || err != nil {
				t.Errorf("replay of %+v: got %d, %v, want none", q, n, err)
			}
		}
		if n, err := db.Replay(ctx, triggers.Query{IDs: []string{all[0].ID, all[2].ID, "nobody"}}); n != 2 || err != nil {
			t.Errorf("replay by ids: got %d, %v, want 2", n, err)
		}
		wantStates(t, "replayed by ids", db, map[triggers.State]int{triggers.Waiting: manyRows - 1, triggers.Done: 1})
	})
}

// What was sent again and is over at once, and what is made meanwhile and over, is not taken by the same replay.
func TestReplayTakesNothingTwice(t *testing.T) {
	t.Parallel()
	const news = `INSERT INTO invocations (seq, id, subscription, trigger_id, subject, event, test, state, attempts, tries, due, created, completed, deadline, reason, fault)
		VALUES (NEW.seq + 100000, NEW.id || 'x', 's', 't', '', 0, 0, 'done', 0, 0, 0, 0, 5, 0, '', '')`
	storetest.Each(t, func(t *testing.T, fresh func() store.Options) {
		options := fresh()
		db := manyOf(t, options, triggers.Done)
		if options.URL == "" {
			plantTrigger(t, db, true, "NEW.state = 'waiting'", news)
			plant(t, db, `CREATE TRIGGER quick AFTER UPDATE OF state ON invocations WHEN NEW.state = 'waiting' BEGIN
				UPDATE invocations SET state = 'done', attempts = attempts + 1 WHERE seq = NEW.seq; END`)
		} else {
			plantTrigger(t, db, false, "NEW.state = 'waiting'", "NEW.state := 'done'; NEW.attempts := NEW.attempts + 1; "+news)
		}
		if n, err := db.Replay(t.Context(), triggers.Query{Subscription: "s"}); n != manyRows || err != nil {
			t.Errorf("replay: got %d, %v, want %d", n, err, manyRows)
		}
		wantStates(t, "delivered at once", db, map[triggers.State]int{triggers.Done: 2 * manyRows})
		all, err := db.Invocations(t.Context(), triggers.Query{Limit: 2 * manyRows})
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range all {
			if i.Seq <= manyRows && i.Attempts != 1 || i.Seq > manyRows && i.Attempts != 0 {
				t.Fatalf("invocation %d: got %d attempts, want one of each that was there and none of what came", i.Seq, i.Attempts)
			}
		}
	})
}

// A replay that fails in the midst says how far it came, and goes on from there when it is done again.
func TestReplayFailsInTheMidst(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, fresh func() store.Options) {
		options, dead := fresh(), triggers.Query{States: []triggers.State{triggers.Dead}}
		db := manyOf(t, options, triggers.Dead)
		takeAway := plantFault(t, db, options.URL == "")
		n, err := db.Replay(t.Context(), dead)
		if n != 1000 || err == nil || !strings.Contains(err.Error(), "1000 invocations are sent again, the rest is not") || !strings.Contains(err.Error(), "planted") {
			t.Errorf("a replay that fails: got %d, %v, want 1000 and an error that says so", n, err)
		}
		if n, err := db.Replay(t.Context(), dead); n != 0 || err == nil || strings.Contains(err.Error(), "sent again") {
			t.Errorf("one that fails at once: got %d, %v, want none and an error", n, err)
		}
		takeAway()
		if n, err := db.Replay(t.Context(), dead); n != manyRows-1000 || err != nil {
			t.Errorf("again: got %d, %v, want the rest", n, err)
		}
	})
}

func TestDeleteMany(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, fresh func() store.Options) {
		db := manyOf(t, fresh(), triggers.Waiting)
		plant(t, db, "UPDATE invocations SET state = 'asked' WHERE seq > 50", "UPDATE invocations SET state = 'done' WHERE seq IN (5, 1070)")
		if err := db.DeleteSubscription(t.Context(), "s"); err != nil {
			t.Fatal(err)
		}
		wantStates(t, "deleted", db, map[triggers.State]int{triggers.Dead: manyRows - 2, triggers.Done: 2})
	})
}

// A process that dies, or cannot go on, between a subscription's end and that of what waits for it leaves nothing that is sent or stays.
func TestDeleteInTheMidst(t *testing.T) {
	t.Parallel()
	for name, half := range map[string]func(t *testing.T, db *store.DB, sqlite bool) (dead int){
		"before any": func(t *testing.T, db *store.DB, _ bool) int {
			if err := db.DeleteAlone(t.Context(), "s"); err != nil {
				t.Fatal(err)
			}
			return 0
		},
		"after some": func(t *testing.T, db *store.DB, sqlite bool) int {
			defer plantFault(t, db, sqlite)()
			if err := db.DeleteSubscription(t.Context(), "s"); err != nil {
				t.Errorf("delete: got %v, want none, as it is gone", err)
			}
			return 1000
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			storetest.Each(t, func(t *testing.T, fresh func() store.Options) {
				ctx, options := t.Context(), fresh()
				db := manyOf(t, options, triggers.Waiting)
				c, err := db.ClaimSubscription(ctx, "s", "a", time.Minute)
				if err != nil {
					t.Fatal(err)
				}
				inHand, _, err := db.NextDeliveries(ctx, c, nil, triggers.Limit{Rows: 1, Bytes: 1})
				if err != nil || len(inHand) != 1 {
					t.Fatalf("in hand: got %d, %v, want one", len(inHand), err)
				}
				dead := half(t, db, options.URL == "")
				wantStates(t, "in the midst", db, map[triggers.State]int{triggers.Dead: dead, triggers.Waiting: manyRows - dead})
				_, _, next := db.NextDeliveries(ctx, c, nil, triggers.Limit{Rows: 1, Bytes: 1})
				_, again := db.ClaimSubscription(ctx, "s", "a", time.Minute)
				_, settled := db.Settle(ctx, c, []triggers.Result{{Seq: inHand[0].Seq, State: triggers.Done}})
				for what, err := range map[string]error{"fetch": next, "claim": again, "settle": settled, "hold": db.HoldSubscription(ctx, c)} {
					if !errors.Is(err, triggers.ErrLost) {
						t.Errorf("%s: got %v, want %v", what, err, triggers.ErrLost)
					}
				}
				if due, err := db.Due(ctx); len(due) != 0 || err != nil {
					t.Errorf("due: got %+v, %v, want none", due, err)
				}
				if n, err := db.Replay(ctx, triggers.Query{}); n != 0 || err != nil {
					t.Errorf("replay: got %d, %v, want none", n, err)
				}
				for _, want := range []int64{int64(manyRows - dead), 0} {
					if n, err := db.Expire(ctx); n != want || err != nil {
						t.Errorf("expire: got %d, %v, want %d", n, err, want)
					}
				}
				wantStates(t, "expired", db, map[triggers.State]int{triggers.Dead: manyRows})
			})
		})
	}
}

func TestExpireMany(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, fresh func() store.Options) {
		db := manyOf(t, fresh(), triggers.Asked)
		plant(t, db, "UPDATE invocations SET deadline = 9000000000000000000 WHERE seq IN (5, 1070)")
		for _, want := range []int64{manyRows - 2, 0} {
			if n, err := db.Expire(t.Context()); n != want || err != nil {
				t.Errorf("expire: got %d, %v, want %d", n, err, want)
			}
		}
		wantStates(t, "expired", db, map[triggers.State]int{triggers.Dead: manyRows - 2, triggers.Asked: 2})
	})
}

// What waits for a subscription that is gone is made dead while another tells of events.
func TestBuryWhileTelling(t *testing.T) {
	t.Parallel()
	options := storetest.Postgres(t)
	db, other := manyOf(t, options, triggers.Waiting), storetest.Open(t, options)
	if err := db.DeleteAlone(t.Context(), "s"); err != nil {
		t.Fatal(err)
	}
	err := other.WhileTelling(t.Context(), func() {
		if n, err := db.Expire(t.Context()); n != manyRows || err != nil {
			t.Errorf("expire: got %d, %v, want %d", n, err, manyRows)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
}
