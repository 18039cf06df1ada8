package store

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"sluice/aggregation"
	"sluice/triggers"
)

// head is an invocation that is sent again at a time, before which nothing goes of its subject that is behind it.
type head struct {
	seq     int64
	subject string
	due     int64
}

// keeps tells whether an invocation keeps others of its subject behind it.
func keeps(c triggers.Claim, subject string) bool {
	return subject != "" && c.Subscription.Sluice.Ordering != triggers.OrderingNone
}

// Park lets the invocations of a subject behind one wait as long as that does: all of them, or of very many a thousand, and some thousand more until a
// time. Where that one does not wait any more, because it was completed or its record is gone, they are due, and it says so.
func (db *DB) Park(ctx context.Context, c triggers.Claim, subject string, behind triggers.Stuck, until time.Time) (waits bool, err error) {
	h, crowded := head{seq: behind.Seq, subject: subject}, false
	err = db.write(ctx, "park deliveries", func(t tx) error {
		crowded = false
		h.due, waits, err = db.stillWaits(ctx, t, c, h.seq)
		switch {
		case err != nil:
		case waits:
			crowded, err = park(ctx, t, c, h)
		default:
			_, err = unpark(ctx, t, c.Subscription.ID, h, true)
		}
		return err
	})
	if err == nil && crowded {
		err = db.parkBySteps(ctx, c, h, until)
	}
	return waits, err
}

// stillWaits makes a claim's lease longer, and tells until when an invocation waits, which nobody changes before the transaction is over. ErrLost:
// the claim is not good any more, and it may be that nobody waits for anybody by now.
func (db *DB) stillWaits(ctx context.Context, t tx, c triggers.Claim, seq int64) (due int64, waits bool, err error) {
	_, changed, err := db.holdSubscription(ctx, t, c)
	if err == nil && changed {
		err = triggers.ErrLost
	}
	if err == nil {
		err = t.one(ctx, "SELECT due FROM invocations WHERE seq = ? AND state = 'waiting' FOR UPDATE", []any{seq}, &due)
		if errors.Is(err, aggregation.ErrNone) {
			return 0, false, nil
		}
	}
	return due, err == nil, err
}

// mostParkings is how many steps of parking are made before whoever delivers looks after others.
const mostParkings = 10

// parkBySteps parks what is behind a head for as long as that waits, where it is very much.
func (db *DB) parkBySteps(ctx context.Context, c triggers.Claim, h head, until time.Time) error {
	last, left := h.seq, mostParkings
	_, err := db.bySteps(ctx, steps{
		what: "park deliveries",
		find: func(t tx) (found []any, err error) {
			if left--; left < 0 || left < mostParkings-1 && time.Now().After(until) {
				return nil, nil
			}
			found, err = numbers(ctx, t, behindHead, c.Subscription.ID, h.subject, last, h.due, int64(mostChanged))
			if len(found) > 0 {
				last, _ = found[len(found)-1].(int64)
			}
			return found, err
		},
		change: func(t tx, found []any) (int64, error) {
			due, waits, err := db.stillWaits(ctx, t, c, h.seq)
			if err != nil || !waits || due != h.due {
				left = 0
				return 0, err
			}
			return t.exec(ctx, "UPDATE invocations SET due = ? WHERE COALESCE(state, '') = 'waiting' AND due < ? AND seq IN ("+marks(len(found))+")",
				append([]any{h.due, h.due}, found...)...)
		},
	})
	return err
}

// behindHead finds what of a subject is behind a number, and due before a time.
const behindHead = "SELECT seq FROM invocations WHERE subscription = ? AND subject = ? AND state = 'waiting' AND seq > ? AND due < ? ORDER BY seq LIMIT ?"

// park lets what is behind some heads wait for them. Of a head behind which there is very much nothing is parked, and crowded tells that there is one:
// whoever reads that is to park it by steps. Heads of one subject, as a replay makes them, are parked one after the other: what is behind both waits
// for the later one.
func park(ctx context.Context, t tx, c triggers.Claim, heads ...head) (crowded bool, err error) {
	subjects := map[string]bool{}
	var first, left []head
	for _, h := range heads {
		switch {
		case !keeps(c, h.subject):
		case subjects[h.subject]:
			left = append(left, h)
		default:
			first, subjects[h.subject] = append(first, h), true
		}
	}
	if len(first) == 0 {
		return false, nil
	}
	crowded, err = parkSubjects(ctx, t, c, first)
	if err != nil {
		return crowded, err
	}
	more, err := park(ctx, t, c, left...)
	return crowded || more, err
}

// parkSubjects is park for heads of as many subjects.
func parkSubjects(ctx context.Context, t tx, c triggers.Claim, heads []head) (crowded bool, err error) {
	var args []any
	for _, h := range heads {
		args = append(args, c.Subscription.ID, h.subject, h.seq, h.due)
	}
	var behind int64
	err = t.one(ctx, countBehind(len(heads)), append(slices.Clip(args), mostChanged+1), &behind)
	switch {
	case err != nil, behind == 0:
		return false, err
	case behind <= mostChanged:
		_, err := t.exec(ctx, parked(len(heads)), args...)
		return false, err
	case len(heads) == 1:
		return true, nil
	}
	for some := range slices.Chunk(heads, (len(heads)+1)/2) {
		more, err := parkSubjects(ctx, t, c, some)
		if crowded = crowded || more; err != nil {
			return crowded, err
		}
	}
	return crowded, nil
}

// behindHeads are invocations behind heads v. COALESCE keeps SQLite from looking for the heads of each that waits, where it is to look for what waits
// behind each head.
const behindHeads = "subscription = COALESCE(v.column1, '') AND subject = COALESCE(v.column2, '') AND state = 'waiting' AND seq > v.column3 AND due < v.column4"

// parked is the query that parks what is behind n heads of as many subjects: the subscription of each, its subject, its number, and when it is due.
func parked(n int) string {
	return "UPDATE invocations SET due = v.column4 FROM " + values(n, text, text, bigint, bigint) + " WHERE " + behindHeads
}

// countBehind is the query that counts what parked parks, up to a number.
func countBehind(n int) string {
	return "SELECT count(*) FROM (SELECT 1 FROM " + values(n, text, text, bigint, bigint) + " CROSS JOIN invocations WHERE " + behindHeads + " LIMIT ?) AS c"
}

// unpark makes what was parked behind one that is over due as what was never sent is, so that numbers alone decide between it and what comes later.
// What is behind another that failed, as one may be that was replayed, stays parked behind that. Where it is very much, and not to be freed as a whole,
// the error is a crowd.
func unpark(ctx context.Context, t tx, subscription string, over head, whole bool) (freed int64, err error) {
	args := []any{subscription, over.subject, atOnce, subscription, over.subject, int64(math.MaxInt64)}
	if !whole {
		var behind int64
		err := t.one(ctx, "SELECT count(*) FROM (SELECT 1 FROM invocations WHERE "+isParked+" LIMIT ?) AS c", append(slices.Clip(args), mostChanged+1), &behind)
		switch {
		case err != nil, behind == 0:
			return 0, err
		case behind > mostChanged:
			return 0, crowd{subscription, over}
		}
	}
	return t.exec(ctx, "UPDATE invocations SET due = ? WHERE "+isParked, append([]any{atOnce}, args...)...)
}

// isParked is true of what is parked of a subject, up to the first that failed. The sum keeps both databases from reading all that is parked of any
// subject, by the index of what is due.
const isParked = `subscription = ? AND subject = ? AND state = 'waiting' AND tries = 0 AND due + 0 > ? AND seq < COALESCE(
	(SELECT MIN(h.seq) FROM invocations h WHERE h.subscription = ? AND h.subject = ? AND h.state = 'waiting' AND h.tries > 0), ?)`

// crowd is an error: very much is parked behind one that is to be over, and is freed before that.
type crowd struct {
	subscription string
	head         head
}

func (c crowd) Error() string {
	return fmt.Sprintf("more than %d deliveries wait behind one", mostChanged)
}

// mostCrowds is how often what is behind one is freed before that is over. Whoever delivers may park it again meanwhile.
const mostCrowds = 3

// thinned is write for changes after which one may be over that others wait for. Where very many do they are freed by steps, and before: as long as
// that one waits, and has been tried, it keeps them whenever they are due, so that a process may die on the way.
func (db *DB) thinned(ctx context.Context, what string, change func(t tx, whole bool) error) error {
	for n := 0; ; n++ {
		err := db.write(ctx, what, func(t tx) error { return change(t, n == mostCrowds) })
		var c crowd
		if !errors.As(err, &c) {
			return err
		}
		if err := db.thin(ctx, c); err != nil {
			return err
		}
	}
}

// thin frees by steps what is parked behind one that still waits.
func (db *DB) thin(ctx context.Context, c crowd) error {
	last := c.head.seq
	_, err := db.bySteps(ctx, steps{
		what: "free deliveries",
		find: func(t tx) (found []any, err error) {
			found, err = numbers(ctx, t, parkedBehind, c.subscription, c.head.subject, atOnce, last, c.subscription, c.head.subject, c.head.seq, int64(math.MaxInt64),
				int64(mostChanged))
			if len(found) > 0 {
				last, _ = found[len(found)-1].(int64)
			}
			return found, err
		},
		change: func(t tx, found []any) (int64, error) {
			return t.exec(ctx, "UPDATE invocations SET due = ? WHERE COALESCE(state, '') = 'waiting' AND tries = 0 AND seq IN ("+marks(len(found))+") AND EXISTS ("+
				"SELECT 1 FROM invocations h WHERE h.seq = ? AND h.state = 'waiting' AND h.tries > 0)", slices.Concat([]any{atOnce}, found, []any{c.head.seq})...)
		},
	})
	return err
}

// parkedBehind finds what of a subject is parked behind one that was tried, and before the next such.
const parkedBehind = `SELECT seq FROM invocations WHERE subscription = ? AND subject = ? AND state = 'waiting' AND tries = 0 AND due + 0 > ? AND seq > ? AND seq < COALESCE(
	(SELECT MIN(h.seq) FROM invocations h WHERE h.subscription = ? AND h.subject = ? AND h.state = 'waiting' AND h.tries > 0 AND h.seq > ?), ?) ORDER BY seq LIMIT ?`
