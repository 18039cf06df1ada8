package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"sluice/aggregation"
	"sluice/triggers"
)

// Settle keeps what became of some deliveries, each of another invocation. Where deliveries of a subject go one after the other, those behind
// one that is sent again wait as long, and are due when that is over. What was completed, abandoned or deleted meanwhile stays so, and
// its attempt counts. Those that keep very many behind them, which are freed before, come last, each by itself. It tells whether the subscription has
// changed, so that it is to be claimed anew.
func (db *DB) Settle(ctx context.Context, c triggers.Claim, results []triggers.Result) (changed bool, err error) {
	what := fmt.Sprintf("settle %d deliveries", len(results))
	var crowded []triggers.Result
	for {
		err = db.write(ctx, what, func(t tx) error { changed, err = db.settle(ctx, t, c, results, false); return err })
		var over crowd
		if !errors.As(err, &over) {
			break
		}
		is := func(r triggers.Result) bool { return r.Seq == over.head.seq }
		crowded = append(crowded, results[slices.IndexFunc(results, is)])
		results = slices.DeleteFunc(slices.Clone(results), is)
	}
	// Whoever tells events may wait for a commit; this waits for nobody else in PostgreSQL, so that it counts against that where its time is over.
	db.untold.note(context.WithoutCancel(ctx), time.Now(), err)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), thinWithin)
	defer cancel()
	for n := 0; n < len(crowded) && err == nil; n++ {
		err = db.thinned(ctx, what, func(t tx, whole bool) error { changed, err = db.settle(ctx, t, c, crowded[n:n+1], whole); return err })
	}
	return changed, err
}

// thinWithin is how long it may take to free what is behind what is settled. It is of many small transactions, so that no time for one of them will do.
const thinWithin = 5 * time.Minute

// settle keeps results in a transaction; whole frees whatever is behind them at once.
func (db *DB) settle(ctx context.Context, t tx, c triggers.Claim, results []triggers.Result, whole bool) (changed bool, err error) {
	s := settling{t: t, claim: c, whole: whole}
	if s.now, s.changed, err = db.holdSubscription(ctx, t, c); err != nil {
		return false, err
	}
	if err := s.all(ctx, results); err != nil {
		return s.changed, err
	}
	return s.changed, insert(ctx, t, "INSERT INTO attempts (invocation, n, time, took, status, answer, outcome, reason)", " ON CONFLICT DO NOTHING", results,
		func(r triggers.Result) []any {
			a := r.Attempt
			return []any{r.Seq, int64(a.Number), micros(a.Time), a.Took.Microseconds(), int64(a.Status), clean(string(a.Answer)), a.Outcome, clean(a.Reason)}
		})
}

// settling keeps results of a claim in a transaction.
type settling struct {
	t     tx
	claim triggers.Claim
	now   time.Time
	whole bool // whatever is behind one is freed at once

	changed bool // the subscription has since the claim: whoever claims it next parks what is still to wait
}

// all keeps many at once of what is frequent: what is done by its first attempt, and what is sent again.
func (s settling) all(ctx context.Context, results []triggers.Result) error {
	var done, failed, others []triggers.Result
	for _, r := range results {
		switch {
		case r.State == triggers.Done && r.Output == nil && r.Attempt.Number <= 1:
			done = append(done, r)
		case r.State == triggers.Waiting:
			failed = append(failed, r)
		default:
			others = append(others, r)
		}
	}
	var heads []head
	for some := range slices.Chunk(failed, mostRows) {
		stuck, err := s.again(ctx, some)
		if err != nil {
			return err
		}
		heads = append(heads, stuck...)
	}
	if !s.changed {
		if _, err := park(ctx, s.t, s.claim, heads...); err != nil {
			return err
		}
	}
	for _, r := range others {
		if err := s.one(ctx, r); err != nil {
			return err
		}
	}
	for some := range slices.Chunk(done, mostRows) {
		if err := s.done(ctx, some); err != nil {
			return err
		}
	}
	return nil
}

// done keeps those that were delivered at once, behind which nothing is parked.
func (s settling) done(ctx context.Context, results []triggers.Result) error {
	seqs := make([]any, len(results))
	for i, r := range results {
		seqs[i] = r.Seq
	}
	list := "seq IN (" + marks(len(seqs)) + ")"
	// COALESCE keeps PostgreSQL from reading all that waits by its index, which it takes for few where much has come since it counted.
	n, err := s.t.exec(ctx, "UPDATE invocations SET state = 'done', attempts = attempts + 1, tries = tries + 1, completed = ?, reason = '' WHERE COALESCE(state, '') = 'waiting' AND "+
		list, append([]any{micros(s.now)}, seqs...)...)
	if err == nil && int(n) < len(seqs) { // some were completed meanwhile, and have had their attempt all the same
		_, err = s.t.exec(ctx, "UPDATE invocations SET attempts = 1 WHERE attempts = 0 AND "+list, seqs...)
	}
	return err
}

// again keeps those that are sent again, and returns those that others wait for.
func (s settling) again(ctx context.Context, results []triggers.Result) (heads []head, err error) {
	var args []any
	due := map[int64]int64{}
	for _, r := range results {
		args, due[r.Seq] = append(args, r.Seq, micros(r.Due), clean(r.Reason), int64(r.Attempt.Number)), micros(r.Due)
	}
	kept := map[int64]bool{}
	err = s.t.each(ctx, again(len(results)), args, func(scan scan) error {
		var h head
		err := scan(&h.seq, &h.subject)
		h.due, kept[h.seq] = due[h.seq], true
		heads = append(heads, h)
		return err
	})
	for _, r := range results {
		if err == nil && !kept[r.Seq] {
			err = s.late(ctx, r)
		}
	}
	return heads, err
}

// again is the query that has n invocations sent again: their numbers, when, why, and after which attempt, so that what was kept though nobody
// heard of it is not counted twice.
func again(n int) string {
	return `UPDATE invocations SET attempts = attempts + 1, tries = tries + 1, due = v.column2, completed = 0, deadline = 0, reason = v.column3, output = NULL
		FROM ` + values(n, bigint, bigint, text, bigint) + ` WHERE seq = v.column1 AND attempts < v.column4 AND COALESCE(state, '') = 'waiting' RETURNING seq, subject`
}

// one keeps a result of any kind.
func (s settling) one(ctx context.Context, r triggers.Result) error {
	completed := int64(0)
	if r.State == triggers.Done || r.State == triggers.Dead {
		completed = micros(s.now)
	}
	var subject string
	err := s.t.one(ctx, `UPDATE invocations SET state = ?, attempts = attempts + 1, tries = tries + 1, due = ?, completed = ?, deadline = ?, reason = ?, output = ?
		WHERE seq = ? AND state = 'waiting' RETURNING subject`,
		[]any{string(r.State), micros(r.Due), completed, micros(r.Deadline), clean(r.Reason), textOrNull(r.Output), r.Seq}, &subject)
	if errors.Is(err, aggregation.ErrNone) {
		return s.late(ctx, r)
	}
	if err == nil {
		err = s.free(ctx, r, subject)
	}
	return err
}

// late notes the attempt of one that was completed or deleted meanwhile by another, or is kept already.
func (s settling) late(ctx context.Context, r triggers.Result) error {
	n := int64(r.Attempt.Number)
	var subject string
	err := s.t.one(ctx, "UPDATE invocations SET attempts = CASE WHEN attempts < ? THEN ? ELSE attempts END WHERE seq = ? RETURNING subject", []any{n, n, r.Seq}, &subject)
	switch {
	case errors.Is(err, aggregation.ErrNone):
		return nil
	case err != nil:
		return err
	}
	return s.free(ctx, r, subject)
}

// free lets those go that were parked behind one that is over.
func (s settling) free(ctx context.Context, r triggers.Result, subject string) error {
	if r.Attempt.Number <= 1 || !keeps(s.claim, subject) { // nothing is parked behind it
		return nil
	}
	_, err := unpark(ctx, s.t, s.claim.Subscription.ID, head{seq: r.Seq, subject: subject}, s.whole)
	return err
}
