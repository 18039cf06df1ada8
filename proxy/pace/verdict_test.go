package pace_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"sluice/proxy/pace"
	"sluice/proxy/pace/shadow"
)

// spaced is a bucket that has a place a second.
func spaced(b *bench) *pace.Bucket {
	return b.q.Bucket("all", pace.Rule{Limit: 60, Window: time.Minute, Spread: true})
}

// TestOrderWithinAConsumer: a consumer's calls go in the order in which they came, but for one that the vendor refused before.
func TestOrderWithinAConsumer(t *testing.T) {
	t.Parallel()
	b := newBench(pace.Settings{Bound: 100})
	bucket := spaced(b)
	var got []time.Time
	b.ended = func(w *pace.Waiter) { got = append(got, w.Deadline) }
	c := pace.Caller{Consumer: "iga", Lane: shadow.Bulk, Patience: forever}
	b.join(c, bucket)
	var want []time.Time
	for i, again := range []bool{false, false, true, false, true} {
		c.Again, c.Deadline = again, b.now.Add(time.Duration(100-i)*time.Hour) // the earlier deadline is no reason here
		b.join(c, bucket)
		want = append(want, c.Deadline)
	}
	b.run(time.Minute)
	want = []time.Time{{}, want[2], want[4], want[0], want[1], want[3]}
	if !slices.EqualFunc(got, want, time.Time.Equal) {
		t.Errorf("deadlines in the order of going\n got %v\nwant %v", got, want)
	}
}

// TestEqualTurns: between consumers whose turn is equal the earlier deadline goes first, then who came first.
func TestEqualTurns(t *testing.T) {
	t.Parallel()
	b := newBench(pace.Settings{Bound: 100})
	bucket := spaced(b)
	var got []string
	b.ended = func(w *pace.Waiter) { got = append(got, w.Consumer) }
	b.join(pace.Caller{Consumer: "first", Lane: shadow.Bulk, Patience: forever}, bucket)
	for i, in := range []time.Duration{0, 3 * time.Hour, 2 * time.Hour, 0} {
		c := pace.Caller{Consumer: fmt.Sprint(i), Lane: shadow.Bulk, Patience: forever}
		if in > 0 {
			c.Deadline = b.now.Add(in)
		}
		b.join(c, bucket)
	}
	b.run(time.Minute)
	if want := []string{"first", "2", "1", "0", "3"}; !slices.Equal(got, want) {
		t.Errorf("order of going\n got %v\nwant %v", got, want)
	}
}

// TestPredictionCountsFairTurns: what a newcomer is told counts higher lanes, and of its own lane what goes before it in turn, not
// all who wait; and so it comes true.
func TestPredictionCountsFairTurns(t *testing.T) {
	t.Parallel()
	b := newBench(pace.Settings{Bound: 1000, Floor: pace.DefaultFloor})
	bucket := spaced(b)
	for range 41 { // the first goes at once
		b.join(pace.Caller{Consumer: "greedy", Lane: shadow.Bulk, Patience: forever}, bucket)
	}
	for i := range 5 {
		b.join(pace.Caller{Consumer: fmt.Sprint(i), Lane: shadow.Bulk, Patience: forever}, bucket)
	}
	b.join(pace.Caller{Consumer: "leavers", Lane: shadow.Critical, Patience: forever}, bucket)
	b.run(0)
	again := &pace.Waiter{
		Caller:  pace.Caller{Consumer: "greedy", Lane: shadow.Bulk, Patience: forever, Again: true},
		Tickets: []pace.Ticket{{Bucket: bucket}},
	}
	_ = b.q.Join(b.now, again)
	if want := 7 * time.Second; again.Predicted().Round(time.Millisecond) != want {
		t.Errorf("sent again: predicted %v, want %v: before its consumer's forty others", again.Predicted(), want)
	}
	b.q.Withdraw(b.now, again)
	b.run(0)
	came := b.now
	var waited time.Duration
	b.ended = func(w *pace.Waiter) {
		if w.Consumer == "newcomer" {
			waited = b.now.Sub(came)
		}
	}
	w := b.join(pace.Caller{Consumer: "newcomer", Lane: shadow.Bulk, Patience: forever}, bucket)
	b.run(time.Minute)
	if want := 8 * time.Second; w.Predicted().Round(time.Millisecond) != want || waited.Round(time.Millisecond) != want {
		t.Errorf("predicted %v and waited %v, want %v: one critical call, one of each of six consumers, its own", w.Predicted(), waited, want)
	}
}

// TestBadNewsIsToldAtOnce: when the vendor refuses, those who can no longer be served within their patience are told now, each with a
// wait of its own; who has patience stays.
func TestBadNewsIsToldAtOnce(t *testing.T) {
	t.Parallel()
	for name, r := range map[string]pace.Report{
		"refused": {Refused: true, RetryAfter: 40 * time.Second},
		"shrank":  {HasLimit: true, HasRemaining: true, Limit: 2, Remaining: 0, HasReset: true, ResetAfter: 40 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(pace.Settings{Bound: 100})
			bucket, other := spaced(b), b.q.Bucket("other", pace.Rule{Limit: 60, Window: time.Minute, Spread: true})
			out := &pace.Waiter{Caller: pace.Caller{Consumer: "iga", Patience: forever}, Tickets: []pace.Ticket{{Bucket: bucket}}}
			_ = b.q.Join(b.now, out)
			hasty := b.join(pace.Caller{Consumer: "hasty", Lane: shadow.Bulk, Patience: 30 * time.Second}, other, bucket)
			patient := b.join(pace.Caller{Consumer: "patient", Lane: shadow.Bulk, Patience: 2 * time.Minute}, bucket)
			b.run(100 * time.Millisecond)
			if hasty.Refusal() != nil || patient.Refusal() != nil {
				t.Fatalf("refused before the news: %v, %v", hasty.Refusal(), patient.Refusal())
			}
			b.q.Answer(b.now, out.Tickets[0], r)
			b.run(0)
			if why := hasty.Refusal(); why == nil || why.Full || why.Wait < 35*time.Second || why.Bucket != bucket {
				t.Errorf("the hasty was told %+v, want a wait of about 40 s at the bucket of the news", why)
			}
			if patient.Granted() || patient.Refusal() != nil {
				t.Errorf("the patient: granted %t, refused %v; want neither yet", patient.Granted(), patient.Refusal())
			}
			b.run(2 * time.Minute)
			if !patient.Granted() {
				t.Errorf("the patient was not granted but told %v", patient.Refusal())
			}
		})
	}
}

// TestBoundCountsWhoGoesBefore: a queue full of bulk turns bulk away, and nobody more urgent.
func TestBoundCountsWhoGoesBefore(t *testing.T) {
	t.Parallel()
	b := newBench(pace.Settings{Bound: 10})
	bucket := spaced(b)
	for i := range 11 {
		b.join(pace.Caller{Consumer: fmt.Sprint(i), Lane: shadow.Bulk, Patience: forever}, bucket)
	}
	for _, lane := range []pace.Lane{shadow.Bulk, shadow.Interactive, shadow.Critical} {
		w := b.join(pace.Caller{Consumer: "newcomer", Lane: lane, Patience: forever}, bucket)
		if full := w.Refusal() != nil && w.Refusal().Full; full != (lane == shadow.Bulk) {
			t.Errorf("%v: refused as full: %t, want %t", lane, full, lane == shadow.Bulk)
		}
	}
}

// TestNoPlaceIsHeldWhileWaiting: who waits for one limit leaves the places of the other to those who need it alone.
func TestNoPlaceIsHeldWhileWaiting(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := pace.NewScheduler(pace.Settings{Bound: 10})
		wide, narrow := s.Bucket("wide", pace.Rule{Limit: 2, Window: window}), s.Bucket("narrow", pace.Rule{Limit: 1, Window: window})
		enter := func(patience time.Duration, in ...*pace.Bucket) ([]pace.Ticket, error) {
			var tickets []pace.Ticket
			for _, b := range in {
				tickets = append(tickets, pace.Ticket{Bucket: b})
			}
			_, err := s.Enter(t.Context(), pace.Caller{Consumer: "iga", Patience: patience}, tickets)
			return tickets, err
		}
		for _, in := range []*pace.Bucket{narrow, wide} { // first answers, so that nobody waits for them
			tickets, err := enter(0, in)
			if err != nil {
				t.Fatal(err)
			}
			s.Leave(tickets, []pace.Report{{}})
		}
		start := time.Now()
		both := make(chan time.Duration, 1)
		go func() {
			if _, err := enter(2*window, wide, narrow); err != nil {
				t.Errorf("who needs both: %v", err)
			}
			both <- time.Since(start)
		}()
		synctest.Wait()
		if state := s.State(wide); state.Name != "wide" || state.Waiting[shadow.Critical] != 1 || state.Places[shadow.Critical] != 1 {
			t.Errorf("the wide limit while somebody waits for the narrow one: %+v, want one who waits and one place left", state)
		}
		if _, err := enter(0, wide); err != nil {
			t.Errorf("who needs the wide limit alone: %v, want the place that is there", err)
		}
		if got := <-both; got != window {
			t.Errorf("who needs both waited %v, want %v", got, window)
		}
	})
}

// TestLeavingInTheMomentOfTheGrant: who was granted while it was leaving gives the place back to the next.
func TestLeavingInTheMomentOfTheGrant(t *testing.T) {
	t.Parallel()
	b := newBench(pace.Settings{Bound: 10})
	bucket := b.q.Bucket("all", pace.Rule{Limit: 1, Window: window})
	b.join(pace.Caller{Consumer: "iga", Patience: forever}, bucket)
	leaver := &pace.Waiter{Caller: pace.Caller{Consumer: "leaver", Patience: forever}, Tickets: []pace.Ticket{{Bucket: bucket}}}
	stays := &pace.Waiter{Caller: pace.Caller{Consumer: "stays", Patience: forever}, Tickets: []pace.Ticket{{Bucket: bucket}}}
	_ = b.q.Join(b.now, leaver)
	_ = b.q.Join(b.now, stays)
	b.q.Grant(b.now)
	b.now = b.now.Add(window)
	if got := b.q.Grant(b.now); len(got) != 1 || got[0] != leaver {
		t.Fatalf("%d were granted after a window, want the first who waits", len(got))
	}
	b.q.Withdraw(b.now, leaver)
	b.q.Withdraw(b.now, leaver) // twice gives back once
	if got := b.q.Grant(b.now); len(got) != 1 || got[0] != stays {
		t.Errorf("%d were granted when the place was given back, want the one who stays", len(got))
	}
	if got := bucket.Name(); got != "all" {
		t.Errorf("the bucket's name is %q, want all", got)
	}
}

// TestCancelledCallersTakeNothing: hundreds who leave at any moment leave the scheduler as if they had never come.
func TestCancelledCallersTakeNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGate(pace.Rule{Limit: 5, Window: time.Second}, 1000)
		done := make(chan int, 300)
		for i := range 300 {
			go func() {
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i%40)*100*time.Millisecond)
				defer cancel()
				tickets, err := g.enter(ctx, forever)
				switch {
				case err == nil:
					g.leave(tickets, pace.Report{})
					done <- 1
				case errors.Is(err, context.DeadlineExceeded):
					done <- 0
				default:
					t.Errorf("Enter: %v", err)
					done <- 0
				}
			}()
		}
		went := 0
		for range 300 {
			went += <-done
		}
		if went < 15 || went > 25 { // 4 s at 5 a second
			t.Errorf("%d went, want about 20", went)
		}
		<-time.After(2 * time.Second)
		if s := g.scheduler.State(g.bucket); s.AllWaiting() != 0 || s.Places[shadow.Bulk] != 5 {
			t.Errorf("afterwards %d wait and %d places are free, want 0 and 5", s.AllWaiting(), s.Places[shadow.Bulk])
		}
	})
}
