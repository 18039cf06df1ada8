package main

import (
	"container/heap"
	"math/rand/v2"
	"slices"
	"time"

	"sluice/mocks/limiter"
	"sluice/proxy/pace"
	"sluice/proxy/pace/shadow"
)

// queue is the callers of one limit, in virtual time: who wants how much, and what counts at the vendor.
type queue struct {
	limiter limiter.Limiter
	rule    shadow.Rule
	parties []party
	windows int // how long it takes at most
	seed    uint64
}

// party is the calls of one consumer in one lane.
type party struct {
	consumer  string
	lane      shadow.Lane
	workers   int           // who call again as soon as they are answered
	wanted    int           // calls of all workers, after which the queue ends; 0 = no end
	perWindow float64       // calls that come as they please, by another process than the workers
	patience  time.Duration // longest wait for a place
}

// traffic is what came of a queue.
type traffic struct {
	parties []demand
	refused int           // by the vendor
	behind  int           // grants to others while a critical call waited
	grants  []shadow.Lane // in their order
	took    time.Duration // from the beginning to the end of the last wanted call, or to the end of all windows
}

// demand is what came of a party.
type demand struct {
	came, turnedAway, answered int
	waits                      []time.Duration // of each granted call, from when it came
}

// answered is the calls of all parties that the vendor served.
func (t *traffic) answered() (all int) {
	for i := range t.parties {
		all += t.parties[i].answered
	}
	return all
}

// waits are those of all parties of a lane.
func (t *traffic) waits(parties []party, lane shadow.Lane) (all []time.Duration) {
	for i, p := range parties {
		if p.lane == lane {
			all = append(all, t.parties[i].waits...)
		}
	}
	return all
}

// efficiency is the share of what the limit permits in the time that it took.
func (t *traffic) efficiency(rule shadow.Rule) float64 {
	return float64(t.answered()) / (float64(rule.Limit) * float64(t.took) / float64(rule.Window))
}

// errand is one call, from when it comes until it is answered.
type errand struct {
	party  int
	worker bool
	came   time.Time
	again  bool // the vendor has refused it
}

// rush is a queue under way.
type rush struct {
	queue
	now      time.Time
	events   timeline
	seq      int
	random   *rand.Rand
	lineup   *pace.Lineup
	bucket   *pace.Bucket
	critical []*pace.Waiter // who wait
	wake     time.Time
	over     bool
	out      traffic
}

func newRush(q queue) *rush {
	r := &rush{queue: q, now: begin, random: rand.New(rand.NewPCG(q.seed, 13))}
	r.lineup = pace.NewLineup(pace.Settings{Bound: 10_000, Floor: q.rule.BulkFloor})
	r.bucket = r.lineup.Bucket("people", q.rule)
	r.out.parties = make([]demand, len(q.parties))
	for i, p := range q.parties {
		for range p.workers {
			r.in(0, func() { r.come(&errand{party: i, worker: true}) })
		}
		if p.perWindow > 0 {
			r.in(r.pause(p), func() { r.arrive(i) })
		}
	}
	return r
}

// run plays the queue to its end.
func (q queue) run() traffic {
	r := newRush(q)
	for end := begin.Add(time.Duration(q.windows) * q.rule.Window); len(r.events) > 0 && !r.over; {
		e := heap.Pop(&r.events).(event)
		if e.at.After(end) {
			r.now = end
			break
		}
		r.now = e.at
		e.do()
		r.pump()
	}
	r.out.took = r.now.Sub(begin)
	return r.out
}

// in plans what happens in d.
func (r *rush) in(d time.Duration, do func()) {
	r.seq++
	heap.Push(&r.events, event{r.now.Add(d), r.seq, do})
}

// pause is until the next call of those that come as they please.
func (r *rush) pause(p party) time.Duration {
	return time.Duration(r.random.ExpFloat64() / p.perWindow * float64(r.rule.Window))
}

func (r *rush) arrive(party int) {
	r.come(&errand{party: party})
	r.in(r.pause(r.parties[party]), func() { r.arrive(party) })
}

func (r *rush) come(e *errand) {
	e.came = r.now
	r.out.parties[e.party].came++
	r.join(e)
}

// join asks for a place. A worker who is turned away comes back when it was told to.
func (r *rush) join(e *errand) {
	p := r.parties[e.party]
	w := &pace.Waiter{
		Caller:  pace.Caller{Consumer: p.consumer, Lane: p.lane, Patience: p.patience - r.now.Sub(e.came), Again: e.again},
		Tickets: []pace.Ticket{{Bucket: r.bucket}}, Owner: e,
	}
	refusal := r.lineup.Join(r.now, w)
	switch {
	case refusal != nil:
		r.turnedAway(w)
	case w.Granted(): // critical calls that it let go before are sent by the next pump
		r.send(w, slices.ContainsFunc(r.critical, func(c *pace.Waiter) bool { return !c.Granted() }))
	case p.lane == shadow.Critical:
		r.critical = append(r.critical, w)
	}
}

func (r *rush) turnedAway(w *pace.Waiter) {
	e := w.Owner.(*errand)
	r.out.parties[e.party].turnedAway++
	if e.worker {
		r.in(max(w.Refusal().Wait, time.Second), func() { r.come(&errand{party: e.party, worker: true}) })
	}
}

// pump sends what may go, in the order in which it was granted, and sets the alarm for the next.
func (r *rush) pump() {
	for _, w := range r.lineup.Grant(r.now) {
		if w.Lane == shadow.Critical {
			r.critical = slices.DeleteFunc(r.critical, func(c *pace.Waiter) bool { return c == w })
		}
		if w.Granted() {
			r.send(w, len(r.critical) > 0)
		} else {
			r.turnedAway(w)
		}
	}
	at, ok := r.lineup.Next()
	if !ok || !r.wake.IsZero() && !at.Before(r.wake) {
		return
	}
	r.wake = at
	r.in(max(0, at.Sub(r.now)), func() {
		if r.wake.Equal(at) {
			r.wake = time.Time{}
		}
	})
}

// send takes a granted call to the vendor and its answer back. passed says that a critical call still waits.
func (r *rush) send(w *pace.Waiter, passed bool) {
	e := w.Owner.(*errand)
	if passed && w.Lane != shadow.Critical {
		r.out.behind++
	}
	r.out.grants = append(r.out.grants, w.Lane)
	if !e.again {
		r.out.parties[e.party].waits = append(r.out.parties[e.party].waits, r.now.Sub(e.came))
	}
	r.in(roundTrip/2, func() {
		verdict := r.limiter.Take(r.now)
		said := headersOf(r.now, verdict)
		r.in(roundTrip/2, func() { r.answer(w, said) })
	})
}

// answer ends a call, or sends it again if the vendor refused it.
func (r *rush) answer(w *pace.Waiter, said shadow.Report) {
	r.lineup.Answer(r.now, w.Tickets[0], said)
	e := w.Owner.(*errand)
	p, d := r.parties[e.party], &r.out.parties[e.party]
	if said.Refused {
		r.out.refused++
		e.again = true
		r.join(e)
		return
	}
	d.answered++
	switch {
	case p.wanted > 0 && d.answered == p.wanted:
		r.over = true
	case e.worker:
		r.come(&errand{party: e.party, worker: true})
	}
}

// headersOf is what TeamDynamix says of a verdict: dates in whole seconds.
func headersOf(at time.Time, v limiter.Verdict) shadow.Report {
	return shadow.Report{
		Refused: !v.Permitted, HasLimit: true, Limit: float64(v.Limit), HasRemaining: true, Remaining: float64(v.Remaining),
		HasReset: true, ResetAfter: max(0, v.Reset.Truncate(time.Second).Sub(at.Truncate(time.Second))),
	}
}
