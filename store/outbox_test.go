package store_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"sluice/aggregation"
	"sluice/store"
	"sluice/store/storetest"
	"sluice/triggers"
)

// some are events of many subjects.
func some(n int) (events []triggers.Event) {
	for i := range n {
		events = append(events, triggers.Event{ID: fmt.Sprint("event ", i), Type: "t", Subject: fmt.Sprint(i), Data: []byte(`{"n":1}`)})
	}
	return events
}

// An outbox that grows in one transaction is not read for each hundred events that come to it.
func TestEmitReadsNoOutbox(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t, storetest.Postgres(t))
	rows, err := db.EmitScanning(t.Context(), some(3_000)...)
	if err != nil || rows > 0 {
		t.Errorf("got %d rows of the outbox read, %v, want none", rows, err)
	}
}

// Events that are told in one go with some that were told before have their own numbers, and invocations of their own.
func TestEmitKeepsNumbers(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, fresh func() store.Options) {
		db := storetest.Open(t, fresh())
		subscribe(t, db, triggers.Subscription{ID: "s"})
		all := some(6)
		if err := db.Emit(t.Context(), all[1], all[3]); err != nil {
			t.Fatal(err)
		}
		if err := db.Emit(t.Context(), all[0], all[1], all[2], all[2], all[3], all[4], all[0], all[5]); err != nil {
			t.Fatal(err)
		}
		want := []string{"1", "3", "0", "2", "4", "5"}
		events, err := db.Events(t.Context(), 0, 100)
		if err != nil || len(events) != len(want) {
			t.Fatalf("events: got %d, %v, want %d", len(events), err, len(want))
		}
		made, err := db.Invocations(t.Context(), triggers.Query{})
		if err != nil || len(made) != len(want) {
			t.Fatalf("invocations: got %d, %v, want %d", len(made), err, len(want))
		}
		for i, subject := range want {
			if events[i].Subject != subject || made[i].Event.Subject != subject || made[i].Event.ID != "event "+subject {
				t.Errorf("event %d: got that of %s, and an invocation of %s for %s, want all of %s", i, events[i].Subject, made[i].Event.Subject, made[i].Event.ID, subject)
			}
		}
	})
}

// PostgreSQL keeps no plan of a query that names rows, which would be from when there were few.
func TestListsArePlannedAnew(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t, storetest.Postgres(t))
	subscribe(t, db, triggers.Subscription{ID: "s"})
	if err := db.Emit(t.Context(), some(3)...); err != nil {
		t.Fatal(err)
	}
	c, err := db.ClaimSubscription(t.Context(), "s", "a", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	next, _, err := db.NextDeliveries(t.Context(), c, nil, triggers.Limit{Rows: 3, Bytes: 1 << 20})
	if err != nil || len(next) != 3 {
		t.Fatal(next, err)
	}
	var failed []triggers.Result
	for _, i := range next {
		failed = append(failed, triggers.Result{Seq: i.Seq, State: triggers.Waiting, Due: time.Now().Add(time.Hour), Attempt: triggers.Attempt{Number: 1}})
	}
	if _, err := db.Settle(t.Context(), c, failed); err != nil {
		t.Fatal(err)
	}
	for like, want := range map[string]int64{"%accounts%IN ($%": 0, "%VALUES (CAST%": 0, "%counters%": 1} {
		if n, err := db.Planned(t.Context(), like); err != nil || n < want || want == 0 && n > 0 {
			t.Errorf("plans like %s: got %d, %v, want %d", like, n, err, want)
		}
	}
}

// many do something at once while another process holds the outbox for as long as meanwhile takes.
func many(t *testing.T, holder *store.DB, do func(n int) error, meanwhile func(), told ...triggers.Event) {
	t.Helper()
	var done sync.WaitGroup
	err := holder.WhileTelling(t.Context(), func() {
		for n := range 8 {
			done.Go(func() {
				if err := do(n); err != nil {
					t.Errorf("number %d: got %v, want none", n, err)
				}
			})
		}
		waited, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer cancel()
		<-waited.Done() // until they stand in line
		meanwhile()
	}, told...)
	if err != nil {
		t.Errorf("hold the outbox: got %v, want none", err)
	}
	done.Wait()
}

// A process that holds the outbox and says nothing, as one that is stopped does, keeps others from telling for as long as the server lets it, and no
// longer; what it had begun to tell is not told.
func TestASilentProcessIsGivenUp(t *testing.T) {
	t.Parallel()
	options := storetest.Postgres(t)
	db := storetest.Open(t, options)
	stopped := storetest.Open(t, saying(t, options, silence, "200"))
	err := stopped.WhileTelling(t.Context(), func() {
		if err := db.Emit(t.Context(), triggers.Event{ID: "other", Type: "t", Data: []byte("{}")}); err != nil { // waits until the server has had enough
			t.Errorf("tell beside it: got %v, want none", err)
		}
	}, triggers.Event{ID: "lost", Type: "t", Data: []byte("{}")})
	if !errors.Is(err, aggregation.ErrAway) {
		t.Errorf("go on after that: got %v, want %v", err, aggregation.ErrAway)
	}
	if told, err := db.Events(t.Context(), 0, 9); err != nil || len(told) != 1 || told[0].ID != "other" {
		t.Errorf("told: got %+v, %v, want the other's event", told, err)
	}
}

// Who waits for the outbox while another holds it, and has no time left, says nothing of the database.
func TestNoTimeLeftToTellIsNoTrouble(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t, storetest.Postgres(t))
	err := db.WhileTelling(t.Context(), func() {
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		_, err := db.Tell(ctx, triggers.Event{ID: "e", Type: "t", Data: []byte("{}")})
		if since, untold := db.Untold(); err == nil || ctx.Err() == nil || untold != nil {
			t.Errorf("tell meanwhile: got %v, and the database keeps no events since %v: %v", err, since, untold)
		}
	})
	if err != nil {
		t.Errorf("hold the outbox: got %v, want none", err)
	}
}

// Whoever settles waits for no commit: that it cannot until its time is over says that nothing is kept.
func TestNoTimeLeftToSettleIsTrouble(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t, storetest.Postgres(t))
	subscribe(t, db, triggers.Subscription{ID: "s"})
	c, err := db.ClaimSubscription(t.Context(), "s", "a", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	err = db.WhileSubscribed(t.Context(), "s", func() {
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		_, err := db.Settle(ctx, c, nil)
		if _, untold := db.Untold(); err == nil || untold == nil {
			t.Errorf("settle meanwhile: got %v, and of the database %v, want both to be errors", err, untold)
		}
	})
	if err != nil {
		t.Errorf("hold the subscription: got %v, want none", err)
	}
	if _, err := db.Settle(t.Context(), c, nil); err != nil {
		t.Errorf("settle: got %v, want none", err)
	}
	if _, err := db.Untold(); err != nil {
		t.Errorf("afterwards: got %v, want it well", err)
	}
}

// When a silent process is given up is said by us, unless the URL says it: as a parameter, or in options as PostgreSQL reads them.
func TestTheURLSaysWhenASilentProcessIsGivenUp(t *testing.T) {
	t.Parallel()
	options := storetest.Postgres(t)
	for _, c := range []struct{ name, value, setting, want string }{
		{"", "", silence, "15s"}, {"", "", "tcp_user_timeout", "15000"}, {"", "", "tcp_keepalives_idle", "5"}, {"", "", "tcp_keepalives_count", "2"},
		{silence, "70000", silence, "70s"}, {"tcp_keepalives_count", "9", "tcp_keepalives_count", "9"},
		{"options", "-c tcp_keepalives_count=9", "tcp_keepalives_count", "9"}, {"options", "-c tcp_keepalives_count=9", silence, "15s"},
		{"options", "-c " + silence + "=70000", silence, "70s"}, {"options", "--idle-in-transaction-session-timeout=70000", silence, "70s"},
		{"options", "-c TCP_Keepalives_Idle=9", "tcp_keepalives_idle", "9"},
	} {
		db := storetest.Open(t, saying(t, options, c.name, c.value))
		if got, err := db.Setting(t.Context(), c.setting); got != c.want || err != nil {
			t.Errorf("%s=%s: got %q, %v for %s, want %q", c.name, c.value, got, err, c.setting, c.want)
		}
		db.Close()
	}
}

// silence is for how long the server lets a transaction be silent.
const silence = "idle_in_transaction_session_timeout"

// saying are options whose URL says something more.
func saying(t *testing.T, options store.Options, name, value string) store.Options {
	t.Helper()
	at, err := url.Parse(options.URL)
	if err != nil {
		t.Fatal(err)
	}
	said := at.Query()
	if name != "" {
		said.Set(name, value)
	}
	at.RawQuery = strings.ReplaceAll(said.Encode(), "+", "%20")
	options.URL = at.String()
	return options
}

// Who is silent in a transaction because the work is elsewhere is not given up: whoever migrates, or moves.
func TestWhoWorksElsewhereIsNotGivenUp(t *testing.T) {
	t.Parallel()
	const ms, longer = "100", 400 * time.Millisecond
	db := storetest.Open(t, saying(t, storetest.Postgres(t), silence, ms)) // it migrates for longer
	to := storetest.Open(t, saying(t, storetest.Postgres(t), silence, ms))
	waited := false
	if err := store.Move(t.Context(), db, to, func(store.MoveStep) {
		if !waited {
			waited = true
			<-time.After(longer)
		}
	}); err != nil || !waited {
		t.Errorf("move: got %v, waited %v, want none", err, waited)
	}
}

// Who works for longer than a transaction may be silent speaks meanwhile: whoever looks for what a commit is to write, and who has slow filters.
func TestWhoWorksSpeaks(t *testing.T) {
	t.Parallel()
	const longer = 2500 * time.Millisecond
	options := saying(t, storetest.Postgres(t), silence, "1500")
	options.Compile = func(string) (store.Predicate, error) {
		return func(any) (bool, func() string, error) {
			<-time.After(longer / 5)
			return false, func() string { <-time.After(longer / 5); return "slow" }, nil
		}, nil
	}
	db := storetest.Open(t, options)
	run := staged(t, db, 3)
	slow := func(yield func(aggregation.Fact, error) bool) {
		<-time.After(longer)
		facts(t, db, run.ID, "created ")(yield)
	}
	if err := db.Commit(t.Context(), run.ID, 0, slow, aggregation.Closing{}); err != nil {
		t.Errorf("commit: got %v, want none", err)
	}
	picky := "$"
	subscribe(t, db, triggers.Subscription{ID: "s", Filter: &picky})
	if err := db.Emit(t.Context(), some(5)...); err != nil {
		t.Errorf("filters: got %v, want none", err)
	}
	if n, err := db.Count(t.Context(), "filtered"); n != 5 || err != nil {
		t.Errorf("filtered: got %d, %v, want 5 with the reason", n, err)
	}
}

// Changes that panic undo the commit, and panic where it was called.
func TestFactsPanic(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, fresh func() store.Options) {
		db := storetest.Open(t, fresh())
		run := staged(t, db, 3)
		panics := func(yield func(aggregation.Fact, error) bool) {
			for fact, err := range facts(t, db, run.ID, "created ") {
				yield(fact, err)
				panic("planted")
			}
		}
		func() {
			defer func() {
				if got := recover(); got != "planted" {
					t.Errorf("got %v, want the panic of the changes", got)
				}
			}()
			_ = db.Commit(t.Context(), run.ID, 0, panics, aggregation.Closing{})
		}()
		if n, err := db.Count(t.Context(), "events"); n != 0 || err != nil {
			t.Errorf("got %d events, %v, want none", n, err)
		}
		if err := db.Commit(t.Context(), run.ID, 0, facts(t, db, run.ID, "created "), aggregation.Closing{}); err != nil {
			t.Errorf("again: got %v, want none", err)
		}
	})
}

// Who waits for the outbox keeps nobody from claiming, holding and changing a subscription.
func TestWaitingToTellKeepsNobody(t *testing.T) {
	t.Parallel()
	options := storetest.Postgres(t)
	db, other := storetest.Open(t, options), storetest.Open(t, options)
	subscribe(t, db, triggers.Subscription{ID: "s"})
	emit := func(n int) error {
		return db.Emit(t.Context(), triggers.Event{ID: fmt.Sprint(n), Type: "t", Data: []byte("{}")})
	}
	many(t, other, emit, func() {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		_, err := db.ChangeSubscription(ctx, "s", func(*triggers.Subscription, []triggers.Subscription) error { return nil })
		if err != nil {
			t.Errorf("change: got %v, want none", err)
		}
		c, err := db.ClaimSubscription(ctx, "s", "a", time.Minute)
		if err == nil {
			err = db.HoldSubscription(ctx, c)
		}
		if err != nil {
			t.Errorf("claim and hold: got %v, want none", err)
		}
		late, stop := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer stop()
		if err := db.Emit(late, triggers.Event{ID: "late", Type: "t", Data: []byte("{}")}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("tell, when there is no more time: got %v, want %v", err, context.DeadlineExceeded)
		}
	})
}

// Who makes or deletes a subscription waits for the outbox first, so that whoever has that can have all else.
func TestSubscriptionsAfterTheOutbox(t *testing.T) {
	t.Parallel()
	options := storetest.Postgres(t)
	db, other := storetest.Open(t, options), storetest.Open(t, options)
	subscribe(t, db, triggers.Subscription{ID: "s"})
	change := func(n int) error {
		if n == 0 {
			return db.DeleteSubscription(t.Context(), "s")
		}
		s := triggers.Subscription{ID: fmt.Sprint(n), Name: fmt.Sprint(n), TriggerID: "t", Type: triggers.TypeHTTP}
		return db.CreateSubscription(t.Context(), s, func([]triggers.Subscription) error { return nil })
	}
	many(t, other, change, func() {})
}

// What is told while a subscription is deleted is dead with it.
func TestDeleteWhileTelling(t *testing.T) {
	t.Parallel()
	options := storetest.Postgres(t)
	db, other := storetest.Open(t, options), storetest.Open(t, options)
	subscribe(t, db, triggers.Subscription{ID: "0"})
	for n := range 7 {
		subscribe(t, db, triggers.Subscription{ID: fmt.Sprint(n + 1)})
	}
	many(t, other, func(n int) error { return db.DeleteSubscription(t.Context(), fmt.Sprint(n)) }, func() {}, some(3)...)
	all, err := db.Invocations(t.Context(), triggers.Query{})
	if err != nil || len(all) != 3*8 {
		t.Fatalf("invocations: got %d, %v, want 24", len(all), err)
	}
	for _, i := range all {
		if i.State != triggers.Dead || i.Completed.IsZero() {
			t.Errorf("invocation of %s: got %s, want it dead", i.Subscription, i.State)
		}
	}
}

// What waits for a subscription that is not there any more is ended, and nothing else is.
func TestExpireOfDeleted(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, fresh func() store.Options) {
		db := storetest.Open(t, fresh())
		for _, id := range []string{"a", "b", "c", "d"} {
			subscribe(t, db, triggers.Subscription{ID: id})
		}
		if err := db.Emit(t.Context(), some(3)...); err != nil {
			t.Fatal(err)
		}
		for _, plant := range []string{
			"UPDATE invocations SET state = 'asked', deadline = 9000000000000000000 WHERE subscription IN ('a', 'd')",
			"DELETE FROM subscriptions WHERE id IN ('b', 'd')",
		} {
			if err := db.Exec(t.Context(), plant); err != nil {
				t.Fatal(err)
			}
		}
		for _, want := range []int64{6, 0} {
			if n, err := db.Expire(t.Context()); n != want || err != nil {
				t.Errorf("expire: got %d, %v, want %d", n, err, want)
			}
		}
		all, err := db.Invocations(t.Context(), triggers.Query{})
		if err != nil {
			t.Fatal(err)
		}
		states := map[string]triggers.State{"a": triggers.Asked, "b": triggers.Dead, "c": triggers.Waiting, "d": triggers.Dead}
		for _, i := range all {
			if i.State != states[i.Subscription] {
				t.Errorf("invocation of %s: got %s, want %s", i.Subscription, i.State, states[i.Subscription])
			}
		}
	})
}

// A transaction that the database ends, because two wait for each other, is done again from its beginning, and counts nothing twice.
func TestDeadlockIsTriedAgain(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t, storetest.Postgres(t))
	for _, id := range []string{"a", "b", "c"} {
		subscribe(t, db, triggers.Subscription{ID: id})
	}
	for _, plant := range []string{
		"CREATE SEQUENCE tries", // which no rollback takes back
		`CREATE FUNCTION deadlock() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
			IF nextval('tries') < 3 THEN RAISE EXCEPTION 'deadlock detected' USING ERRCODE = '40P01'; END IF;
			RETURN NEW; END $$`,
		"CREATE TRIGGER deadlock BEFORE INSERT ON invocations FOR EACH ROW EXECUTE FUNCTION deadlock()",
	} {
		if err := db.Exec(t.Context(), plant); err != nil {
			t.Fatal(err)
		}
	}
	made, _, err := db.Invoke(t.Context(), "t", []byte("{}"), nil, nil)
	if err != nil || len(made) != 3 {
		t.Fatalf("test: got %d, %v, want 3", len(made), err)
	}
	all, err := db.Invocations(t.Context(), triggers.Query{})
	if err != nil || len(all) != 3 {
		t.Errorf("invocations: got %d, %v, want 3", len(all), err)
	}
	if err := db.Exec(t.Context(), "ALTER SEQUENCE tries INCREMENT -1 MAXVALUE 2 RESTART 2"); err != nil {
		t.Fatal(err)
	}
	if _, _, err := db.Invoke(t.Context(), "t", []byte("{}"), nil, nil); err == nil {
		t.Error("a deadlock that comes again and again: got none, want it in the end")
	}
}
