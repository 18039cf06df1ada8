package pace_test

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"sluice/proxy/pace"
	"sluice/proxy/pace/shadow"
)

// bench plays callers against a lineup in virtual time; the vendor answers each call at once and refuses none.
type bench struct {
	q       *pace.Lineup
	now     time.Time
	served  map[string]int // by consumer
	byLane  [shadow.Lanes]int
	longest [shadow.Lanes]time.Duration
	ended   func(w *pace.Waiter) // what a caller does next
	joined  map[*pace.Waiter]time.Time
	arrives []arrival
}

// arrival is a caller who comes at a time, and again each time that every has passed.
type arrival struct {
	at     time.Time
	every  time.Duration
	caller pace.Caller
	in     []*pace.Bucket
}

func newBench(s pace.Settings) *bench {
	return &bench{
		q: pace.NewLineup(s), now: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC),
		served: map[string]int{}, joined: map[*pace.Waiter]time.Time{},
	}
}

const forever = 1000 * time.Hour

func (b *bench) join(c pace.Caller, in ...*pace.Bucket) *pace.Waiter {
	w := &pace.Waiter{Caller: c}
	for _, bucket := range in {
		w.Tickets = append(w.Tickets, pace.Ticket{Bucket: bucket})
	}
	b.joined[w] = b.now
	if _ = b.q.Join(b.now, w); w.Granted() || w.Refusal() != nil {
		b.end(w)
	}
	return w
}

// end answers a call that was granted.
func (b *bench) end(w *pace.Waiter) {
	waited := b.now.Sub(b.joined[w])
	delete(b.joined, w)
	if w.Granted() {
		b.served[w.Consumer]++
		b.byLane[w.Lane]++
		b.longest[w.Lane] = max(b.longest[w.Lane], waited)
		for i := range w.Tickets {
			b.q.Answer(b.now, w.Tickets[i], pace.Report{})
		}
	}
	if b.ended != nil {
		b.ended(w)
	}
}

// run lets so much time pass.
func (b *bench) run(span time.Duration) {
	until := b.now.Add(span)
	for {
		for more := true; more; {
			more = false
			for _, w := range b.q.Grant(b.now) {
				b.end(w)
				more = true
			}
		}
		next := until
		if at, ok := b.q.Next(); ok && at.Before(next) {
			next = at
		}
		for i := range b.arrives {
			if b.arrives[i].at.Before(next) {
				next = b.arrives[i].at
			}
		}
		if !next.Before(until) {
			b.now = until
			return
		}
		if next.After(b.now) {
			b.now = next
		}
		for i := range b.arrives {
			for a := &b.arrives[i]; !a.at.After(b.now); a.at = a.at.Add(a.every) {
				b.join(a.caller, a.in...)
			}
		}
	}
}

// flood keeps so many callers of one kind waiting.
func (b *bench) flood(n int, c pace.Caller, in ...*pace.Bucket) {
	before := b.ended
	b.ended = func(w *pace.Waiter) {
		if before != nil {
			before(w)
		}
		if w.Consumer == c.Consumer && w.Lane == c.Lane && len(w.Tickets) == len(in) && w.Tickets[0].Bucket == in[0] {
			b.join(c, in...)
		}
	}
	for range n {
		b.join(c, in...)
	}
}

// maxMin shares capacity among demands: nobody gets more than it asks for, and what one leaves the others share.
func maxMin(capacity float64, demands []float64) []float64 {
	shares := make([]float64, len(demands))
	order := make([]int, len(demands))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int {
		if demands[a] < demands[b] {
			return -1
		}
		return 1
	})
	for i, who := range order {
		shares[who] = min(demands[who], capacity/float64(len(order)-i))
		capacity -= shares[who]
	}
	return shares
}

// TestTenConsumersShareFairly: ten consumers of unequal demand under one limit get their max-min shares within 5 %, whether they ask
// through one route or through twenty, and whatever else binds their routes.
func TestTenConsumersShareFairly(t *testing.T) {
	t.Parallel()
	const perMinute = 600
	demands := []float64{6, 12, 24, 36, 48, 60, 120, 240, 480, 960} // calls per minute; the fair share of the greedy is 82.8
	want := maxMin(perMinute, demands)
	for name, routes := range map[string]func(q *pace.Lineup, consumer int) [][]*pace.Bucket{
		"one route each": func(*pace.Lineup, int) [][]*pace.Bucket { return [][]*pace.Bucket{nil} },
		"the greediest has twenty": func(q *pace.Lineup, consumer int) [][]*pace.Bucket {
			if consumer < 9 {
				return [][]*pace.Bucket{nil}
			}
			all := make([][]*pace.Bucket, 20)
			for i := range all {
				all[i] = []*pace.Bucket{q.Bucket(fmt.Sprint("route ", i), pace.Rule{Limit: 60, Window: time.Minute})}
			}
			return all
		},
		"each has one of its own, as wide as the shared": func(q *pace.Lineup, _ int) [][]*pace.Bucket {
			return [][]*pace.Bucket{{q.Bucket("own", pace.Rule{Limit: perMinute, Window: time.Minute})}}
		},
		"one has one of its own, narrow but no bar": func(q *pace.Lineup, consumer int) [][]*pace.Bucket {
			if consumer != 8 {
				return [][]*pace.Bucket{nil}
			}
			return [][]*pace.Bucket{{q.Bucket("own", pace.Rule{Limit: 100, Window: time.Minute})}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(pace.Settings{Bound: 1 << 30, Floor: pace.DefaultFloor})
			shared := b.q.Bucket("all", pace.Rule{Limit: perMinute, Window: time.Minute, Spread: true})
			for i, demand := range demands {
				ways := routes(b.q, i)
				for j, way := range ways {
					every := time.Duration(float64(time.Minute) / demand * float64(len(ways)))
					b.arrives = append(b.arrives, arrival{
						at: b.now.Add(every * time.Duration(j+1) / time.Duration(len(ways)+1)), every: every, in: append([]*pace.Bucket{shared}, way...),
						caller: pace.Caller{Consumer: fmt.Sprint(i), Lane: shadow.Bulk, Patience: 20 * time.Second},
					})
				}
			}
			b.run(5 * time.Minute) // until queues stand
			clear(b.served)
			const minutes = 30
			b.run(minutes * time.Minute)
			for i := range demands {
				if got := float64(b.served[fmt.Sprint(i)]) / minutes; math.Abs(got/want[i]-1) > 0.05 {
					t.Errorf("consumer %d asks for %.0f a minute and got %.1f, want %.1f within 5 %%", i, demands[i], got, want[i])
				}
			}
		})
	}
}

// TestReturningConsumerHasNoCredit: who was away while others were served takes its turns from now on, and no more than its share.
func TestReturningConsumerHasNoCredit(t *testing.T) {
	t.Parallel()
	b := newBench(pace.Settings{Bound: 1 << 30})
	bucket := b.q.Bucket("all", pace.Rule{Limit: 60, Window: time.Minute, Spread: true})
	b.join(pace.Caller{Consumer: "away", Lane: shadow.Bulk, Patience: forever}, bucket)
	b.flood(50, pace.Caller{Consumer: "stays", Lane: shadow.Bulk, Patience: forever}, bucket)
	b.run(time.Hour)
	clear(b.served)
	b.flood(50, pace.Caller{Consumer: "away", Lane: shadow.Bulk, Patience: forever}, bucket)
	b.run(10 * time.Minute)
	if away, stays := b.served["away"], b.served["stays"]; away-stays > 1 || stays-away > 1 {
		t.Errorf("in ten minutes who was away got %d and who stayed %d, want as many", away, stays)
	}
}

// TestOneAtATimeIsNoAdvantage: who asks anew only when it has been answered gets no more than who has its queue full.
func TestOneAtATimeIsNoAdvantage(t *testing.T) {
	t.Parallel()
	b := newBench(pace.Settings{Bound: 1 << 30})
	bucket := b.q.Bucket("all", pace.Rule{Limit: 60, Window: time.Minute, Spread: true})
	b.flood(40, pace.Caller{Consumer: "many", Lane: shadow.Bulk, Patience: forever}, bucket)
	b.flood(1, pace.Caller{Consumer: "one", Lane: shadow.Bulk, Patience: forever}, bucket)
	b.run(30 * time.Minute)
	if one, many := b.served["one"], b.served["many"]; one > many || one < many*9/10 {
		t.Errorf("one at a time got %d, a full queue %d, want about as many and no more", one, many)
	}
}

// TestCriticalNeverWaitsBehindOthers: under a flood of all other lanes each critical call takes the very next place.
func TestCriticalNeverWaitsBehindOthers(t *testing.T) {
	t.Parallel()
	b := newBench(pace.Settings{Bound: 1 << 30, Floor: pace.DefaultFloor})
	bucket := b.q.Bucket("all", pace.Rule{Limit: 60, Window: time.Minute, Spread: true})
	b.flood(1000, pace.Caller{Consumer: "aggregation", Lane: shadow.Bulk, Patience: forever}, bucket)
	b.flood(1000, pace.Caller{Consumer: "provisioning", Lane: shadow.Interactive, Patience: forever}, bucket)
	b.arrives = []arrival{{
		at: b.now.Add(333 * time.Millisecond), every: 7 * time.Second, in: []*pace.Bucket{bucket},
		caller: pace.Caller{Consumer: "leavers", Lane: shadow.Critical, Patience: forever},
	}}
	b.run(time.Hour)
	if got := b.byLane[shadow.Critical]; got < 3600/7-1 {
		t.Errorf("%d critical calls went, want every one of an hour", got)
	}
	if got := b.longest[shadow.Critical]; got > time.Second {
		t.Errorf("a critical call waited %v, want at most the second until the next place", got)
	}
}

// TestBulkHasItsFloor: a flood of interactive calls leaves bulk its floor, at one limit and at two at once; without a floor, a place a
// window.
func TestBulkHasItsFloor(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		floor, want float64
		both        bool
	}{{0.10, 0.10, false}, {0.25, 0.25, false}, {0.10, 0.10, true}, {0, 1. / 61, false}} {
		t.Run(fmt.Sprint(tt.floor, tt.both), func(t *testing.T) {
			t.Parallel()
			b := newBench(pace.Settings{Bound: 1 << 30, Floor: tt.floor})
			rule := pace.Rule{Limit: 60, Window: time.Minute, Spread: true}
			in := []*pace.Bucket{b.q.Bucket("all", rule)}
			if tt.both {
				in = append(in, b.q.Bucket("people", rule))
			}
			b.flood(100, pace.Caller{Consumer: "provisioning", Lane: shadow.Interactive, Patience: forever}, in...)
			b.flood(100, pace.Caller{Consumer: "aggregation", Lane: shadow.Bulk, Patience: forever}, in...)
			b.run(3 * time.Hour)
			bulk, interactive := float64(b.byLane[shadow.Bulk]), float64(b.byLane[shadow.Interactive])
			if got := bulk / (bulk + interactive); got < tt.want*0.99 || got > tt.want*1.05 {
				t.Errorf("bulk got %.2f %% of %.0f places, want %.2f %%", got*100, bulk+interactive, tt.want*100)
			}
		})
	}
}

// TestTwoScarceBuckets: a caller who needs places at two limits, each flooded by others and free at other moments, does not starve.
func TestTwoScarceBuckets(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		lane  pace.Lane
		floor float64
		least int // of 3600 in an hour
	}{{shadow.Critical, 0.1, 3500}, {shadow.Interactive, 0.1, 1700}, {shadow.Bulk, 0.1, 100}, {shadow.Bulk, 0, 20}} {
		t.Run(fmt.Sprint(tt.lane, tt.floor), func(t *testing.T) {
			t.Parallel()
			b := newBench(pace.Settings{Bound: 1 << 30, Floor: tt.floor})
			rule := pace.Rule{Limit: 60, Window: time.Minute, Spread: true}
			left, right := b.q.Bucket("left", rule), b.q.Bucket("right", rule)
			b.flood(20, pace.Caller{Consumer: "left", Lane: shadow.Interactive, Patience: forever}, left)
			b.run(500 * time.Millisecond)
			b.flood(20, pace.Caller{Consumer: "right", Lane: shadow.Interactive, Patience: forever}, right)
			b.flood(1, pace.Caller{Consumer: "both", Lane: tt.lane, Patience: forever}, left, right)
			b.run(time.Hour)
			if got := b.served["both"]; got < tt.least {
				t.Errorf("in an hour who needs both limits went %d times, want %d at least", got, tt.least)
			}
			if got := b.served["both"] + b.served["left"]; got < 3400 {
				t.Errorf("%d calls went in an hour, want 3400 of 3600 at least: what is kept for one is lost to others", got)
			}
		})
	}
}
