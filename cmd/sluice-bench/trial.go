package main

import (
	"container/heap"
	"math/rand/v2"
	"time"

	"sluice/mocks/limiter"
	"sluice/proxy/pace/shadow"
)

// trial is one governor before one limiter, in virtual time: who calls, how far away the vendor is, and what it says.
type trial struct {
	limiter    limiter.Limiter
	rule       shadow.Rule
	limit      int // calls per window that the vendor permits
	window     time.Duration
	windows    int           // how long it takes, in windows
	trip       time.Duration // round trip
	jitter     float64       // share of it by which a trip may be longer
	skew       time.Duration // of the vendor's clock
	headers    float64       // share of answers that say what is left
	competitor float64       // share of the limit that somebody else wants
	arrivals   []time.Duration
	workers    int // who call again as soon as they are answered; 0 with arrivals
	seed       uint64
}

// outcome is what came of a trial.
type outcome struct {
	answered, refused    int
	theirAsked, theirGot int
	waited               time.Duration // of all arrivals, from arrival to being sent
	sent                 int
}

// perThousand is how many were refused for every 1,000 that were answered.
func (o outcome) perThousand() float64 {
	return 1000 * float64(o.refused) / float64(max(1, o.answered))
}

// happening is one thing at one time of a trial.
type happening struct {
	at   time.Time
	kind int
	sent shadow.Sent
	said shadow.Report
	seq  int
}

const (
	arrives  = iota // a call of ours is wanted
	reaches         // a call of ours is counted by the vendor
	answers         // its answer is back
	intrudes        // a call of somebody else's
	wakes
)

type agenda []happening

func (a agenda) Len() int { return len(a) }
func (a agenda) Less(i, j int) bool {
	return a[i].at.Before(a[j].at) || a[i].at.Equal(a[j].at) && a[i].seq < a[j].seq
}
func (a agenda) Swap(i, j int) { a[i], a[j] = a[j], a[i] }
func (a *agenda) Push(x any)   { *a = append(*a, x.(happening)) }
func (a *agenda) Pop() any {
	last := (*a)[len(*a)-1]
	*a = (*a)[:len(*a)-1]
	return last
}

// play is a trial under way.
type play struct {
	*trial
	governor *shadow.Governor
	agenda   agenda
	waiting  []time.Time // when each caller in the queue came
	wake     time.Time
	seq      int
	random   *rand.Rand
	out      outcome
}

// begin is off every grid.
var begin = time.Date(2026, 11, 22, 12, 0, 17, 337_000_000, time.UTC)

// run plays the trial to its end.
func (t *trial) run() outcome {
	p := &play{trial: t, governor: shadow.New(t.rule), random: rand.New(rand.NewPCG(t.seed, 7))}
	end := begin.Add(time.Duration(t.windows) * t.window)
	for range t.workers {
		p.plan(happening{at: begin, kind: arrives})
	}
	for _, after := range t.arrivals {
		p.plan(happening{at: begin.Add(after), kind: arrives})
	}
	if t.competitor > 0 {
		p.plan(happening{at: begin.Add(p.next()), kind: intrudes})
	}
	for len(p.agenda) > 0 {
		h := heap.Pop(&p.agenda).(happening)
		if h.at.After(end) {
			break
		}
		if h.kind == wakes && !h.at.Equal(p.wake) { // an earlier one has taken its place
			continue
		}
		p.happen(h)
		if h.kind != reaches && h.kind != intrudes { // of those we know nothing
			p.pump(h.at)
		}
	}
	return p.out
}

func (p *play) plan(h happening) {
	p.seq++
	h.seq = p.seq
	heap.Push(&p.agenda, h)
}

// next is how long the other one waits until its next call: its calls come as they please.
func (p *play) next() time.Duration {
	return time.Duration(p.random.ExpFloat64() / (p.competitor * float64(p.limit)) * float64(p.window))
}

func (p *play) happen(h happening) {
	switch h.kind {
	case arrives:
		p.waiting = append(p.waiting, h.at)
	case reaches:
		h.kind, h.said = answers, p.answer(h.at)
		h.at = h.at.Add(p.leg())
		p.plan(h)
	case answers:
		p.governor.Answer(h.at, h.sent, h.said)
		switch {
		case h.said.Refused:
			p.out.refused++
			p.waiting = append([]time.Time{h.at}, p.waiting...)
		default:
			p.out.answered++
			if p.workers > 0 {
				p.waiting = append(p.waiting, h.at)
			}
		}
	case intrudes:
		p.out.theirAsked++
		if p.limiter.Take(h.at).Permitted {
			p.out.theirGot++
		}
		p.plan(happening{at: h.at.Add(p.next()), kind: intrudes})
	case wakes:
		p.wake = time.Time{}
	}
}

// leg is one way to the vendor or back.
func (p *play) leg() time.Duration {
	half := float64(p.trip) / 2
	return time.Duration(half * (1 + p.jitter*p.random.Float64()))
}

// answer is what the vendor says, as TeamDynamix would: dates in whole seconds by its own clock.
func (p *play) answer(at time.Time) shadow.Report {
	v := p.limiter.Take(at)
	r := shadow.Report{Refused: !v.Permitted}
	if p.headers < 1 && p.random.Float64() >= p.headers {
		return r
	}
	date := at.Add(p.skew).Truncate(time.Second)
	r.HasLimit, r.HasRemaining, r.HasReset = true, true, true
	r.Limit, r.Remaining = float64(v.Limit), float64(v.Remaining)
	r.ResetAfter = max(0, v.Reset.Add(p.skew).Truncate(time.Second).Sub(date))
	return r
}

// pump sends what may go and sets the alarm for the next.
func (p *play) pump(now time.Time) {
	for len(p.waiting) > 0 {
		next := p.governor.Next(now, shadow.Bulk)
		if next.After(now) {
			if !shadow.Never(next) && (p.wake.IsZero() || next.Before(p.wake)) {
				p.wake = next
				p.plan(happening{at: next, kind: wakes})
			}
			return
		}
		p.out.waited += now.Sub(p.waiting[0])
		p.out.sent++
		p.waiting = p.waiting[1:]
		p.plan(happening{at: now.Add(p.leg()), kind: reaches, sent: p.governor.Send(now, shadow.Bulk)})
	}
}
