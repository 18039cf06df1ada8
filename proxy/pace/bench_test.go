package pace_test

import (
	"fmt"
	"testing"
	"time"

	"sluice/proxy/pace"
	"sluice/proxy/pace/shadow"
)

// BenchmarkFree is what a call costs that finds room and nobody waiting: Enter and Leave.
func BenchmarkFree(b *testing.B) {
	for _, n := range []int{1, 2} {
		s := pace.NewScheduler(pace.Settings{Bound: 10, Floor: pace.DefaultFloor})
		tickets := make([]pace.Ticket, n)
		reports := make([]pace.Report, n)
		for i := range tickets {
			tickets[i].Bucket = s.Bucket("bucket", pace.Rule{Limit: 1 << 30, Window: time.Second})
			reports[i] = pace.Report{HasLimit: true, HasRemaining: true, Limit: 1 << 30, Remaining: 1 << 29}
		}
		ctx := b.Context()
		caller := pace.Caller{Consumer: "iga", Lane: shadow.Interactive, Patience: time.Second}
		b.Run(fmt.Sprintf("buckets=%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := s.Enter(ctx, caller, tickets); err != nil {
					b.Fatal(err)
				}
				s.Leave(tickets, reports)
			}
		})
		b.Run(fmt.Sprintf("buckets=%d/enter", n), func(b *testing.B) { // and Unsent, which is less than an answer
			b.ReportAllocs()
			for b.Loop() {
				if _, err := s.Enter(ctx, caller, tickets); err != nil {
					b.Fatal(err)
				}
				s.Unsent(tickets)
			}
		})
	}
}

// BenchmarkWaiting is what a call costs that joins so many who wait, half of them each with a consumer of its own, is granted in its turn
// and answered; and one that joins and leaves again.
func BenchmarkWaiting(b *testing.B) {
	for _, n := range []int{100, 1000, 10_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
			q := pace.NewLineup(pace.Settings{Bound: 1 << 30, Floor: pace.DefaultFloor})
			all := q.Bucket("all", pace.Rule{Limit: 60, Window: time.Minute, Spread: true})
			routes := make([]*pace.Bucket, 20)
			for i := range routes {
				routes[i] = q.Bucket("route", pace.Rule{Limit: 60, Window: time.Minute})
			}
			answer := func(w *pace.Waiter) {
				for i := range w.Tickets {
					q.Answer(now, w.Tickets[i], pace.Report{})
				}
			}
			came := 0
			join := func() *pace.Waiter {
				came++
				consumer := "aggregation"
				if came%2 == 0 {
					consumer = fmt.Sprint("consumer ", came%n)
				}
				w := &pace.Waiter{
					Caller:  pace.Caller{Consumer: consumer, Lane: pace.Lane(1 + came%3%2), Patience: forever},
					Tickets: []pace.Ticket{{Bucket: all}, {Bucket: routes[came%len(routes)]}},
				}
				if _ = q.Join(now, w); w.Granted() {
					answer(w)
				}
				return w
			}
			for q.Waiting() < n {
				join()
			}
			b.ReportAllocs()
			for b.Loop() {
				if w := join(); !w.Granted() {
					q.Withdraw(now, w)
				}
				for granted := len(q.Grant(now)); granted == 0; { // of those who came and went
					at, ok := q.NextGrant()
					if !ok {
						b.Fatalf("nobody may ever go: %d wait", q.Waiting())
					}
					now = at
					for _, w := range q.Grant(now) {
						granted++
						answer(w)
					}
					for q.Waiting() < n { // some of those who come go at once
						join()
					}
				}
			}
			b.ReportMetric(float64(q.Waiting()), "waiting")
		})
	}
}
