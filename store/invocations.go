package store

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/google/uuid"

	"sluice/aggregation"
	"sluice/internal/redact"
	"sluice/triggers"
)

// conditions are a query's WHERE.
func conditions(q triggers.Query) (where string, args []any) {
	where = "true"
	add := func(text string, values ...any) {
		where += " AND " + text
		args = append(args, values...)
	}
	in := func(column string, values []any) {
		if len(values) > 0 {
			add(column+" IN ("+marks(len(values))+")", values...)
		}
	}
	ids, states := make([]any, len(q.IDs)), make([]any, len(q.States))
	for i, id := range q.IDs {
		ids[i] = id
	}
	for i, state := range q.States {
		states[i] = string(state)
	}
	in("i.id", ids)
	in("i.state", states)
	if q.Subscription != "" {
		add("i.subscription = ?", q.Subscription)
	}
	if q.Trigger != "" {
		add("i.trigger_id = ?", q.Trigger)
	}
	if q.Event > 0 {
		add("i.event = ? AND i.event > 0", q.Event) // the second, as its index has it
	}
	if q.Real {
		add("i.test = 0")
	}
	if !q.After.IsZero() {
		add("i.created >= ?", micros(q.After))
	}
	if !q.Before.IsZero() {
		add("i.created < ?", micros(q.Before))
	}
	if q.Beyond > 0 {
		add("i.seq > ?", q.Beyond)
	}
	return where, args
}

// Invocations are those that a query asks for.
func (db *DB) Invocations(ctx context.Context, q triggers.Query) (all []triggers.Invocation, err error) {
	where, args := conditions(q)
	tail, most := page("i.seq", q.Newest, q.Limit)
	columns := wholeInvocation
	if q.Bare {
		columns = bareInvocation
	}
	err = db.read("read invocations", func(t tx) error {
		all, err = invocationsWithin(ctx, t, math.MaxInt64, columns+where+tail, append(args, most)...)
		return err
	})
	return all, err
}

// Invocation is one invocation; ErrNone when there is none.
func (db *DB) Invocation(ctx context.Context, id string) (triggers.Invocation, error) {
	all, err := db.Invocations(ctx, triggers.Query{IDs: []string{id}, Limit: 1})
	switch {
	case err != nil:
		return triggers.Invocation{}, err
	case len(all) == 0:
		return triggers.Invocation{}, fmt.Errorf("invocation %s: %w", id, aggregation.ErrNone)
	}
	return all[0], nil
}

// Attempts are those at an invocation, the first first.
func (db *DB) Attempts(ctx context.Context, invocation int64) (all []triggers.Attempt, err error) {
	err = db.read("read attempts", func(t tx) error {
		return t.each(ctx, "SELECT n, time, took, status, answer, outcome, reason FROM attempts WHERE invocation = ? ORDER BY n", []any{invocation}, func(scan scan) error {
			var a triggers.Attempt
			var n, at, took, status int64
			var answer string
			err := scan(&n, &at, &took, &status, &answer, &a.Outcome, &a.Reason)
			a.Number, a.Time, a.Took, a.Status, a.Answer = int(n), fromMicros(at), time.Duration(took)*time.Microsecond, int(status), []byte(answer)
			all = append(all, a)
			return err
		})
	})
	return all, err
}

// Invoke makes a test invocation for each subscription of a trigger, enabled or not, that is delivered to and whose filter the payload passes.
// only names some subscriptions; none: all. It returns what was made, and whether anybody subscribes, delivered to or not.
func (db *DB) Invoke(ctx context.Context, trigger string, input, content json.RawMessage, only []string) (made []triggers.Invocation, subscribed bool, err error) {
	err = db.tell(ctx, "test trigger "+trigger, func(t tx) error {
		made = nil
		all, err := subscriptions(ctx, t)
		if err != nil {
			return err
		}
		all = slices.DeleteFunc(all, func(s triggers.Subscription) bool {
			return s.TriggerID != trigger || len(only) > 0 && !slices.Contains(only, s.ID)
		})
		subscribed = len(all) > 0
		if all, err = db.passing(ctx, t, all, input); err != nil {
			return err
		}
		var news []newInvocation
		for _, s := range all {
			n := newInvocation{id: uuid.NewString(), subscription: s.ID, test: true, content: textOrNull(content)}
			n.event = triggers.Event{Type: trigger, Subject: "test/" + rand.Text(), Data: input} // nothing waits for a test
			news = append(news, n)
			made = append(made, triggers.Invocation{ID: n.id, Subscription: s.ID, Trigger: trigger, Test: true, State: triggers.Waiting, Content: content})
		}
		db.giveSecrets(made)
		return db.keepInvocations(ctx, t, news)
	})
	if err != nil {
		return nil, false, err
	}
	db.wake.tell()
	return made, subscribed, nil
}

// passing are those of some subscriptions that are delivered to and whose filter a payload passes.
func (db *DB) passing(ctx context.Context, t tx, some []triggers.Subscription, data json.RawMessage) (pass []triggers.Subscription, err error) {
	payload, speaker := decoded{data: data}, speakerIn(t)
	for _, s := range some {
		if !s.Delivers() {
			continue
		}
		passes, err := db.router.predicate(s)
		if err != nil {
			return nil, err
		}
		if ok, _, _ := payload.passes(passes); ok { // one whose filter fails gets no test
			pass = append(pass, s)
		}
		if err := speaker.speak(ctx); err != nil {
			return nil, err
		}
	}
	return pass, nil
}

// Complete takes the answer of a receiver to an invocation that waits for one, or that is being sent: a quick receiver completes before what it
// answered is kept, and even before it answers. check looks at the output before it is kept. ErrNone: there is no such invocation; ErrSecret: it
// has another secret; ErrOver: it is completed, or waits no more; ErrUnclean: the output holds the secret and cannot be kept without
// it. Whoever is refused has only read: nobody need be known to ask, and SQLite has one writer.
func (db *DB) Complete(ctx context.Context, id, secret string, output json.RawMessage, fault string, check func(triggers.Invocation) error) error {
	err := db.read("complete invocation "+id, func(t tx) error {
		one, err := db.awaited(ctx, t, id, secret)
		if err != nil {
			return err
		}
		return check(one)
	})
	if err != nil {
		return err
	}
	err = db.thinned(ctx, "complete invocation "+id, func(t tx, whole bool) error {
		one, err := db.awaited(ctx, t, id, secret) // as it is by now
		if err != nil {
			return err
		}
		return db.keepAnswer(ctx, t, one, answer{output, fault}, whole)
	})
	if err == nil {
		db.wake.tell()
	}
	return err
}

// awaited is an invocation that can be completed.
func (db *DB) awaited(ctx context.Context, t tx, id, secret string) (one triggers.Invocation, err error) {
	all, err := invocationsWithin(ctx, t, math.MaxInt64, bareInvocation+"i.id = ?", id)
	switch {
	case err != nil:
		return one, err
	case len(all) == 0:
		return one, aggregation.ErrNone
	case !db.isSecret(secret, id):
		return one, triggers.ErrSecret
	}
	now, err := db.now(ctx, t)
	if err != nil {
		return one, err
	}
	one = all[0]
	if one.State != triggers.Asked && one.State != triggers.Waiting || one.State == triggers.Asked && !now.Before(one.Deadline) {
		return one, triggers.ErrOver
	}
	return one, nil
}

// answer is what an invocation is completed with.
type answer struct {
	output json.RawMessage
	fault  string
}

// keepAnswer completes an invocation; whole frees whatever is behind it at once.
func (db *DB) keepAnswer(ctx context.Context, t tx, one triggers.Invocation, a answer, whole bool) error {
	now, err := db.now(ctx, t)
	if err != nil {
		return err
	}
	secrets, reason := redact.Secrets(db.secretsOf(one.ID)), ""
	output := json.RawMessage(secrets.Blank(a.output, false))
	if !bytes.Equal(output, a.output) {
		reason = triggers.SecretHidden
		if !json.Valid(output) { // it stood behind half of an escape
			return triggers.ErrUnclean
		}
	}
	n, err := t.exec(ctx, "UPDATE invocations SET state = 'done', completed = ?, output = ?, fault = ?, reason = ? WHERE id = ? AND state IN ('asked', 'waiting')",
		micros(now), textOrNull(output), clean(string(secrets.Blank([]byte(a.fault), false))), reason, one.ID)
	switch {
	case err != nil:
		return err
	case n == 0:
		return triggers.ErrOver
	}
	if n, err = unpark(ctx, t, one.Subscription, head{seq: one.Seq, subject: one.Event.Subject}, whole); err == nil && n > 0 { // it had failed, and others waited for it
		err = db.engine.notify(ctx, t)
	}
	return err
}
