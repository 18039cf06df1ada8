package store

import (
	"context"
	"fmt"
	"slices"

	"sluice/triggers"
)

// Replay sends invocations again that a query asks for, dead ones and done ones, and of those that it names by their ids those too that were tried
// and wait for their next time; each keeps its id and the record of its attempts. It returns how many those are. It is a transaction for each
// thousand, in the order of their numbers, and takes each once, though one that was sent again may be over before the last is reached; what is made
// meanwhile is not taken, nor what was made dead because its filter failed, unless by its id or asked for. An error comes with how many are sent
// again all the same.
func (db *DB) Replay(ctx context.Context, q triggers.Query) (replayed int64, err error) {
	const what = "replay invocations"
	over := overOf(q)
	if len(over) == 0 {
		return 0, nil
	}
	named := len(q.IDs) > 0 && len(q.States) == 0
	q.States = nil
	asked, args := conditions(q)
	if len(q.IDs) == 0 && !q.Undecided { // nobody has said of these that their receiver may see them
		asked, args = asked+" AND i.reason NOT LIKE ?", append(args, isUndecided)
	}
	state := "COALESCE(i.state, '') IN (" + marks(len(over)) + ")" // COALESCE: as in Settle
	if named {
		state = "(" + state + " OR COALESCE(i.state, '') = 'waiting' AND i.tries > 0)"
	}
	asked, args = asked+" AND "+state, append(args, over...)
	var first, last int64
	if err := db.read(what, func(t tx) error {
		return t.one(ctx, "SELECT COALESCE(MAX(seq), 0) FROM invocations", nil, &last)
	}); err != nil {
		return 0, err
	}
	replayed, err = db.bySteps(ctx, steps{
		what: what,
		find: func(t tx) ([]any, error) {
			found, err := numbers(ctx, t, "SELECT i.seq FROM invocations i WHERE "+asked+" AND i.seq > ? AND i.seq <= ? ORDER BY i.seq LIMIT ?",
				append(slices.Clip(args), first, last, int64(mostChanged))...)
			if len(found) > 0 {
				first, _ = found[len(found)-1].(int64)
			}
			return found, err
		},
		change: func(t tx, found []any) (int64, error) {
			now, err := db.now(ctx, t)
			if err != nil {
				return 0, err
			}
			if named {
				if err := hurry(ctx, t, found); err != nil {
					return 0, err
				}
			}
			n, err := t.exec(ctx, `UPDATE invocations AS i SET state = 'waiting', tries = 0, due = ?, created = ?, completed = 0, deadline = 0, reason = 'replayed',
				output = NULL, fault = '' WHERE `+asked+" AND EXISTS (SELECT 1 FROM subscriptions s WHERE s.id = i.subscription) AND i.seq IN ("+marks(len(found))+")",
				slices.Concat([]any{atOnce, micros(now)}, args, found)...)
			if err == nil && n > 0 {
				err = db.engine.notify(ctx, t)
			}
			return n, err
		},
		done: db.wake.tell,
	})
	if err != nil && replayed > 0 {
		err = fmt.Errorf("%d invocations are sent again, the rest is not: %w", replayed, err)
	}
	return replayed, err
}

// overOf are the states that a query asks for and in which an invocation can be sent again.
func overOf(q triggers.Query) (over []any) {
	for _, state := range []triggers.State{triggers.Dead, triggers.Done} {
		if len(q.States) == 0 || slices.Contains(q.States, state) {
			over = append(over, string(state))
		}
	}
	return over
}

// hurry makes what is behind some due at once, of those that were tried and wait: once they are sent they keep nobody by their times, and numbers
// alone are to decide between what was parked, what has failed behind them and what comes later.
func hurry(ctx context.Context, t tx, some []any) error {
	type tried struct {
		subscription, subject string
		seq                   int64
	}
	var all []tried
	err := t.each(ctx, `SELECT subscription, subject, seq FROM invocations WHERE COALESCE(state, '') = 'waiting' AND tries > 0 AND subject <> '' AND
		seq IN (`+marks(len(some))+`) ORDER BY seq FOR UPDATE`, some, func(scan scan) error {
		var one tried
		err := scan(&one.subscription, &one.subject, &one.seq)
		all = append(all, one)
		return err
	})
	if err != nil || len(all) == 0 {
		return err
	}
	subscribed, err := subscriptions(ctx, t)
	if err != nil {
		return err
	}
	ordered := map[string]bool{}
	for _, s := range subscribed {
		ordered[s.ID] = s.Sluice.Ordering != triggers.OrderingNone
	}
	for _, one := range all {
		if !ordered[one.subscription] {
			continue
		}
		if _, err := t.exec(ctx, "UPDATE invocations SET due = ? WHERE subscription = ? AND subject = ? AND state = 'waiting' AND seq > ? AND due > ?",
			atOnce, one.subscription, one.subject, one.seq, atOnce); err != nil {
			return err
		}
	}
	return nil
}

// LeftOut counts what Replay has left out of a query that names no ids: what belongs to subscriptions that are gone, and what is dead because its
// filter failed.
func (db *DB) LeftOut(ctx context.Context, q triggers.Query) (orphans, undecided int64, err error) {
	where, args := conditions(q)
	const subscribed = "EXISTS (SELECT 1 FROM subscriptions s WHERE s.id = i.subscription)"
	err = db.read("count invocations", func(t tx) error {
		err := t.one(ctx, "SELECT count(*) FROM invocations i WHERE "+where+" AND i.state IN ('dead', 'done') AND NOT "+subscribed, args, &orphans)
		if err != nil {
			return err
		}
		return t.one(ctx, "SELECT count(*) FROM invocations i WHERE "+where+" AND i.state = 'dead' AND i.reason LIKE ? AND "+subscribed,
			append(slices.Clip(args), isUndecided), &undecided)
	})
	return orphans, undecided, err
}

// isUndecided is like the reasons of what is dead because its filter failed.
const isUndecided = triggers.Undecided + "%"
