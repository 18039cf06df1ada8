package pace

import (
	"slices"
	"time"

	"sluice/proxy/pace/shadow"
)

// How often a line loses its turn for want of a place elsewhere before it becomes the elder, and how long it is one at most.
const (
	lostTurns = 8
	elderTerm = 10 * time.Second
)

// Grant gives places to those whose turn has come and refuses those whose patience has ended or will not last, by what is known now. It
// returns both; the slice is good until the call after the next.
func (q *Lineup) Grant(now time.Time) []*Waiter {
	for q.wakes.len() > 0 && !q.wakes.top().wakes.After(now) {
		b := q.wakes.top()
		b.wakes = never
		q.wakes.fix(b)
		q.touch(b)
	}
	if q.elder != nil && !q.term.After(now) {
		q.dismiss()
	}
	q.serveAll(now)
	for _, b := range q.news {
		q.tell(now, b)
	}
	q.news = q.news[:0]
	q.expire(now)
	q.serveAll(now)
	clear(q.told)
	q.told, q.ended = q.ended, q.told[:0]
	return q.told
}

// serveAll serves every bucket where something happened, until nobody can go anywhere. Where several buckets have room at the same moment,
// critical lines go first, and then those that need more than one: a line that needs one alone looks at its own bucket only, and
// would take the place of one that stands before it elsewhere.
func (q *Lineup) serveAll(now time.Time) {
	q.sweep++
	if len(q.stale) > 1 {
		q.serveFirst(now, func(l *line) bool { return l.lane == shadow.Critical })
		q.serveFirst(now, func(l *line) bool { return len(l.accounts) > 1 })
	}
	for len(q.stale) > 0 {
		b := q.stale[len(q.stale)-1]
		q.stale = q.stale[:len(q.stale)-1]
		b.stale = false
		q.serve(now, b, func(*line) bool { return true })
		if b.slot >= 0 {
			b.wakes = b.wake(now)
			q.wakes.fix(b)
		}
	}
}

// serveFirst serves the lines that are meant, as long as one of them stands first where something happened.
func (q *Lineup) serveFirst(now time.Time, meant func(*line) bool) {
	for served := true; served; {
		served = false
		for i := 0; i < len(q.stale); i++ { // a line that moves makes another bucket stale
			served = q.serve(now, q.stale[i], meant) || served
		}
	}
}

// serve lets go who may of those parked at a bucket, while lines that are meant come first. It reports whether one went or moved on.
func (q *Lineup) serve(now time.Time, b *Bucket, meant func(*line) bool) (served bool) {
	for {
		l, terms := b.next(now)
		if l == nil || !meant(l) || !b.room(now, terms) {
			return served
		}
		served = true
		if at := q.obstacle(now, l, b, terms); at != nil {
			q.move(now, l, at, terms)
			continue
		}
		q.grant(now, l)
	}
}

// obstacle is the bucket other than at where a line cannot go: it has no place there, or somebody parked there goes before it. Nil when
// it can go. A line that has moved in this sweep already yields to higher lanes alone, so that yielding comes to an end.
func (q *Lineup) obstacle(now time.Time, l *line, at *Bucket, terms Lane) *Bucket {
	for _, a := range l.accounts {
		if b := a.ledger.bucket; b != at && !b.room(now, terms) {
			return b
		}
	}
	for _, a := range l.accounts {
		if b := a.ledger.bucket; b != at && b.slot >= 0 && q.yields(now, l, a, terms) {
			return b
		}
	}
	return nil
}

// yields tells whether somebody parked at a's bucket goes there before l.
func (q *Lineup) yields(now time.Time, l *line, a *account, terms Lane) bool {
	b := a.ledger.bucket
	if b.elder != l && b.keepsFrom(l.lane) {
		return true
	}
	first, theirs := b.next(now)
	switch {
	case first == nil || !b.room(now, theirs):
		return false
	case terms != l.lane || q.elder == l: // its turn by the floor, by age or as the elder
		return false
	case theirs == first.lane && first.lane < l.lane:
		return true
	case l.moved == q.sweep:
		return false
	case theirs != first.lane: // they are due
		return l.lane != shadow.Critical
	case first.lane > l.lane:
		return false
	}
	turn := max(a.turn, a.ledger.turn)
	if a.lines.len() > 0 {
		turn = a.turn
	}
	other := b.lanes[first.lane].turns.top()
	switch {
	case other == a:
		return first.before(l)
	case other.turn != turn:
		return other.turn < turn
	}
	return first.head().earlier(l.head())
}

// move parks a line elsewhere. One that loses its turn for want of a place too often becomes the elder; a critical one does at once.
func (q *Lineup) move(now time.Time, l *line, to *Bucket, terms Lane) {
	q.unpark(l)
	q.park(l, to)
	l.moved = q.sweep
	next := to.free(now, terms)
	if !next.After(now) || q.elder == l {
		return
	}
	l.lost++
	term := now.Add(elderTerm)
	switch {
	case l.lane != shadow.Critical && l.lost < q.lostTurns:
		return
	case next.After(term) && !shadow.Never(next): // keeping a place so long would waste too many
		return
	case q.elder != nil && (l.lane != shadow.Critical || q.elder.lane == shadow.Critical):
		return
	case q.elder != nil:
		q.dismiss()
	}
	q.elder, q.term = l, term
	for _, a := range l.accounts {
		a.ledger.bucket.elder = l
	}
}

// dismiss ends the elder's term.
func (q *Lineup) dismiss() {
	l := q.elder
	q.elder, l.lost = nil, 0
	for _, a := range l.accounts {
		a.ledger.bucket.elder = nil
		q.touch(a.ledger.bucket)
	}
}

// grant gives the head of a line its places.
func (q *Lineup) grant(now time.Time, l *line) {
	w := l.head()
	for i := range w.Tickets {
		t := &w.Tickets[i]
		t.Bucket.took(l.lane)
		q.send(now, t, l.lane)
	}
	if q.elder == l {
		q.dismiss()
	}
	l.lost, l.since = 0, now
	q.dequeue(now, w)
	for _, a := range l.accounts {
		a.charge(now)
		q.touch(a.ledger.bucket)
	}
	w.state = granted
	q.ended = append(q.ended, w)
}

// turnAway refuses a caller who waits.
func (q *Lineup) turnAway(now time.Time, w *Waiter, why *Refusal) {
	q.dequeue(now, w)
	w.state, w.refusal = refused, why
	q.ended = append(q.ended, w)
}

// expire turns away those whose patience has ended: the prediction was too kind. Where spacing alone keeps them, it rests.
func (q *Lineup) expire(now time.Time) {
	for q.patience.len() > 0 && !q.patience.top().until.After(now) {
		w := q.patience.top()
		for i := range w.Tickets {
			if b := w.Tickets[i].Bucket; b.hurry(now, w.Lane, 0, 0) {
				q.touch(b)
			}
		}
		q.serveAll(now)
		if w.state != waiting {
			continue
		}
		wait, at := q.predict(now, w)
		q.turnAway(now, w, &Refusal{Wait: wait, Bucket: at})
	}
}

// tell walks all who wait for a bucket in the order in which they will go, and turns away whom its bad news leaves waiting longer than
// their patience. They stand in no one's way any more: who comes after them is judged without them.
func (q *Lineup) tell(now time.Time, b *Bucket) {
	var stay [shadow.Lanes]int
	for lane := range b.lanes {
		for _, w := range b.lanes[lane].inOrder() {
			left := w.until.Sub(now)
			counts := b.callers() // those of lower lanes are yet to be judged
			copy(counts[:lane], stay[:lane])
			ahead := b.ahead(Lane(lane), stay[lane], counts)
			wait := b.wait(now, Lane(lane), ahead)
			if wait > left && b.hurry(now, Lane(lane), ahead, left) {
				q.touch(b)
				wait = b.wait(now, Lane(lane), ahead)
			}
			if wait > left {
				q.turnAway(now, w, &Refusal{Wait: wait, Bucket: b})
				continue
			}
			stay[lane]++
		}
	}
}

// inOrder lists a lane's callers by fair turns: each consumer's first, then each one's second, and so on.
func (g *ledger) inOrder() []*Waiter {
	type place struct {
		round int
		w     *Waiter
	}
	places := make([]place, 0, g.waiting)
	var own []*Waiter
	for _, a := range g.accounts {
		own = own[:0]
		for _, l := range a.all {
			for _, f := range []fifo{l.again, l.fresh} {
				for w := f.first; w != nil; w = w.next {
					own = append(own, w)
				}
			}
		}
		slices.SortFunc(own, func(x, y *Waiter) int { return order(x.sooner(y)) })
		for round, w := range own {
			places = append(places, place{round, w})
		}
	}
	slices.SortFunc(places, func(x, y place) int {
		if x.round != y.round {
			return x.round - y.round
		}
		return order(x.w.earlier(y.w))
	})
	all := make([]*Waiter, len(places))
	for i := range places {
		all[i] = places[i].w
	}
	return all
}

// order is -1 for what goes first; no two waiters are equal.
func order(first bool) int {
	if first {
		return -1
	}
	return 1
}
