package pace

import (
	"time"

	"sluice/proxy/pace/shadow"
)

// Lineup is the queue before the buckets of one connection. It is pure: whoever drives it serialises its methods and passes a time that
// never runs back. What may go because of an event is granted by the next Grant.
type Lineup struct {
	settings  Settings
	buckets   uint32    // how many were made
	stirred   []*Bucket // where something happened that may make a trade due
	lines     map[lineKey]*line
	waiting   int
	arrivals  uint64
	wakes     heap[*Bucket] // those with lines parked, by when the next may go
	patience  heap[*Waiter] // all who wait, by when their patience ends
	stale     []*Bucket     // where something happened
	news      []*Bucket     // where those who wait must be told
	ended     []*Waiter     // granted or refused since the last Grant
	told      []*Waiter     // what the last Grant returned
	sweep     uint64
	elder     *line
	lostTurns int       // before a line becomes the elder
	term      time.Time // ends the elder's
}

// NewLineup returns a queue in which nobody waits.
func NewLineup(s Settings) *Lineup {
	s.Floor = min(max(s.Floor, 0), highestFloor)
	return &Lineup{settings: s, lines: map[lineKey]*line{}, lostTurns: lostTurns}
}

// Bucket makes a bucket for a limit. Names are for those who read State; they need not differ.
func (q *Lineup) Bucket(name string, rule Rule) *Bucket {
	rule.Shared = false // without a ledger nothing would count
	return q.bucket(name, shadow.New(rule))
}

// Restored makes a bucket for a limit of which something was known, ago before now: what a restart left of it.
func (q *Lineup) Restored(now time.Time, name string, rule Rule, saved Saved, ago time.Duration) *Bucket {
	rule.Shared = false
	return q.bucket(name, shadow.Restore(rule, now, saved, ago))
}

func (q *Lineup) bucket(name string, gov *shadow.Governor) *Bucket {
	q.buckets++
	return newBucket(name, q.buckets, gov, q.settings.Floor)
}

// Save returns what is known of a bucket's limit, for Restored.
func (q *Lineup) Save(now time.Time, b *Bucket) Saved { return b.gov.Save(now) }

// Waiting is how many callers wait.
func (q *Lineup) Waiting() int { return q.waiting }

// Take gives a caller its places if there is room everywhere and nobody goes before it. It allocates nothing.
func (q *Lineup) Take(now time.Time, lane Lane, tickets []Ticket) bool {
	for i := range tickets {
		if b := tickets[i].Bucket; b.blocked(lane) || !b.room(now, lane) {
			return false
		}
	}
	for i := range tickets {
		b := tickets[i].Bucket
		q.send(now, &tickets[i], lane)
		if b.slot >= 0 { // lower lanes wait: less is left for them, and more is owed
			b.took(lane)
			q.touch(b)
		}
	}
	return true
}

// send takes the place of a call that goes now.
func (q *Lineup) send(now time.Time, t *Ticket, lane Lane) {
	b := t.Bucket
	b.use.send(now, b)
	t.Sent = b.gov.Send(now, lane)
	if b.leased != nil {
		t.Place, _ = b.leased.ledger.Use(now) // there is one: room has said so
		q.stir(b)
	}
}

// blocked tells whether one who comes stands behind somebody here, or behind the elder.
func (b *Bucket) blocked(lane Lane) bool { return b.blockedBy(lane) || b.keepsFrom(lane) }

// blockedBy tells whether anybody of this lane or a more urgent one is parked here.
func (b *Bucket) blockedBy(lane Lane) bool {
	for other := range lane + 1 {
		if b.parked(other) {
			return true
		}
	}
	return false
}

// Join grants, refuses or lines up a caller. A caller whose wait is predicted to outlast its patience is refused, and so is one that
// finds a queue at its bound; the refusal is returned. Else it is granted now (see Waiter.Granted) or by a later Grant.
func (q *Lineup) Join(now time.Time, w *Waiter) *Refusal {
	if q.Take(now, w.Lane, w.Tickets) {
		w.state = granted
		return nil
	}
	wait, at := q.predict(now, w)
	if wait > w.Patience && q.hurryFor(now, w) {
		q.serveAll(now)
		if q.Take(now, w.Lane, w.Tickets) {
			w.state = granted
			return nil
		}
		wait, at = q.predict(now, w)
	}
	for i := range w.Tickets {
		if b := w.Tickets[i].Bucket; b.passes(w.Lane) >= q.settings.Bound {
			return w.refuse(&Refusal{Wait: wait, Full: true, Bucket: b})
		}
	}
	if wait > w.Patience {
		return w.refuse(&Refusal{Wait: wait, Bucket: at})
	}
	w.predicted = wait
	q.enqueue(now, w)
	return nil
}

func (w *Waiter) refuse(why *Refusal) *Refusal {
	w.state, w.refusal = refused, why
	return why
}

// predict tells the wait of a caller who comes now: the longest over its buckets, and at which.
func (q *Lineup) predict(now time.Time, w *Waiter) (longest time.Duration, at *Bucket) {
	for i := range w.Tickets {
		b := w.Tickets[i].Bucket
		if wait, _ := b.newcomer(now, &w.Caller); at == nil || wait > longest {
			longest, at = wait, b
		}
	}
	return longest, at
}

// hurryFor lets spacing rest where it alone would turn a newcomer away.
func (q *Lineup) hurryFor(now time.Time, w *Waiter) (rests bool) {
	for i := range w.Tickets {
		b := w.Tickets[i].Bucket
		if wait, ahead := b.newcomer(now, &w.Caller); wait > w.Patience && b.hurry(now, w.Lane, ahead, w.Patience) {
			q.touch(b)
			rests = true
		}
	}
	return rests
}

// Outlook predicts for a caller who comes now how long it would wait at a bucket, and says how many places it would find.
func (q *Lineup) Outlook(now time.Time, b *Bucket, c Caller) (wait time.Duration, places int) {
	wait, _ = b.newcomer(now, &c)
	return wait, b.places(now, c.Lane)
}

// State tells how a bucket stands.
func (q *Lineup) State(now time.Time, b *Bucket) State { return b.state(now) }

// enqueue puts a caller in its line, and a new line where it has to wait.
func (q *Lineup) enqueue(now time.Time, w *Waiter) {
	q.arrivals++
	q.waiting++
	w.state, w.order, w.until = waiting, q.arrivals, now.Add(w.Patience)
	q.patience.push(w)
	key := keyOf(&w.Caller, w.Tickets)
	l := q.lines[key]
	if l == nil {
		l = &line{key: key, lane: w.Lane, since: now, accounts: make([]*account, len(w.Tickets))}
		for i := range w.Tickets {
			a := w.Tickets[i].Bucket.lanes[w.Lane].open(w.Consumer)
			a.all = append(a.all, l)
			l.accounts[i] = a
		}
		q.lines[key] = l
	}
	w.line = l
	for _, a := range l.accounts {
		a.ledger.bucket.use.advance(now, a.ledger.bucket)
		a.enter()
		q.stir(a.ledger.bucket)
	}
	l.list(w).push(w)
	switch {
	case l.parked != nil:
		l.account(l.parked).mend(l) // it may go before those who were there
	default:
		at := q.obstacle(now, l, nil, l.lane)
		if at == nil {
			at = l.accounts[0].ledger.bucket
		}
		q.park(l, at)
	}
}

// Withdraw ends a caller's wait at its own wish; one who was granted its places meanwhile gives them back.
func (q *Lineup) Withdraw(now time.Time, w *Waiter) {
	switch w.state {
	case waiting:
		q.dequeue(now, w)
	case granted:
		for i := range w.Tickets {
			q.Unsend(now, w.Tickets[i])
		}
	default:
		return
	}
	w.state = gone
}

// dequeue takes a caller out of its line. A line without callers is no more.
func (q *Lineup) dequeue(now time.Time, w *Waiter) {
	l := w.line
	l.list(w).remove(w)
	q.patience.remove(w)
	q.waiting--
	at := l.account(l.parked)
	if l.head() == nil {
		q.unpark(l)
		delete(q.lines, l.key)
		if q.elder == l {
			q.dismiss()
		}
	} else {
		at.mend(l)
	}
	for _, a := range l.accounts {
		a.ledger.bucket.use.advance(now, a.ledger.bucket)
		a.leave()
		q.stir(a.ledger.bucket)
		if l.head() == nil {
			a.forget(l)
		}
	}
}

// park has a line wait at a bucket.
func (q *Lineup) park(l *line, b *Bucket) {
	l.parked = b
	l.account(b).park(l)
	if b.slot < 0 {
		b.wakes = never
		q.wakes.push(b)
	}
	q.touch(b)
}

func (q *Lineup) unpark(l *line) {
	b := l.parked
	l.parked = nil
	l.account(b).unpark(l)
	if !b.anyParked() {
		q.wakes.remove(b)
		b.slot = -1
	}
}

// Answer ends a call under one of its tickets by what its answer said.
func (q *Lineup) Answer(now time.Time, t Ticket, r Report) {
	b := t.Bucket
	before := b.gov.Limit()
	b.gov.Answer(now, t.Sent, r)
	if b.leased != nil {
		q.settle(now, t, r)
	}
	if b.slot < 0 && !b.awaited() {
		return
	}
	q.touch(b)
	if limit := b.gov.Limit(); r.Refused || limit > 0 && (before == 0 || limit < before) {
		q.news = append(q.news, b)
	}
}

// Lost ends a call that was sent and never answered: the vendor may have counted it.
func (q *Lineup) Lost(now time.Time, t Ticket) {
	t.Bucket.gov.Lost(now, t.Sent)
	if t.Bucket.leased != nil {
		q.settle(now, t, Report{})
	}
	q.touch(t.Bucket)
}

// Unsend ends a call that never reached the vendor: its place is free again.
func (q *Lineup) Unsend(now time.Time, t Ticket) {
	t.Bucket.gov.Unsend(now, t.Sent)
	if t.Bucket.leased != nil {
		t.Bucket.leased.ledger.Return(now, t.Place)
		q.stir(t.Bucket)
	}
	q.touch(t.Bucket)
}

// awaited tells whether anybody needs a place here, wherever its line is parked.
func (b *Bucket) awaited() bool {
	return b.lanes[shadow.Critical].waiting+b.lanes[shadow.Interactive].waiting+b.lanes[shadow.Bulk].waiting > 0
}

// touch has the next Grant look at a bucket, if anybody is parked there.
func (q *Lineup) touch(b *Bucket) {
	if b.slot >= 0 && !b.stale {
		b.stale = true
		q.stale = append(q.stale, b)
	}
}

// NextGrant is when the next caller may go by time alone; ok is false when nobody waits or it depends on an answer that is out.
func (q *Lineup) NextGrant() (at time.Time, ok bool) {
	if q.wakes.len() == 0 {
		return never, false
	}
	at = q.wakes.top().wakes
	if q.elder != nil {
		at = earlier(at, q.term)
	}
	return at, !at.Equal(never) && !shadow.Never(at)
}

// Next is when Grant must be called again if nothing happens before; ok is false when nobody waits.
func (q *Lineup) Next() (at time.Time, ok bool) {
	if q.waiting == 0 {
		return never, false
	}
	at = q.patience.top().until
	if grant, ok := q.NextGrant(); ok {
		at = earlier(at, grant)
	}
	return at, true
}
