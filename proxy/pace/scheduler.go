package pace

import (
	"context"
	"sync"
	"time"
)

// Scheduler is a Lineup by the clock, for callers who wait in goroutines of their own. It is safe for concurrent use.
type Scheduler struct {
	mu    sync.Mutex
	queue *Lineup
	timer *time.Timer
	armed time.Time // when the timer rings; zero = it does not

	node   *Node     // nil: nothing is shared
	shared []*Bucket // those whose places are leased
}

// Turn tells how a caller came to its places.
type Turn struct {
	Waited    bool
	Predicted time.Duration // the wait that was predicted, when it waited
}

// NewScheduler returns a scheduler in which nobody waits.
func NewScheduler(s Settings) *Scheduler { return &Scheduler{queue: NewLineup(s), node: s.Node} }

// Bucket makes a bucket for a limit.
func (s *Scheduler) Bucket(name string, rule Rule) *Bucket {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.queue.Bucket(name, rule)
}

// Restored makes a bucket for a limit of which something was known, so long ago.
func (s *Scheduler) Restored(name string, rule Rule, saved Saved, ago time.Duration) *Bucket {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.queue.Restored(time.Now(), name, rule, saved, ago)
}

// Save returns what is known of a bucket's limit now, for Restored.
func (s *Scheduler) Save(b *Bucket) Saved {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.queue.Save(time.Now(), b)
}

// Enter waits for a place under every ticket, at most as long as the caller's patience and ctx allow, and takes them all at once. A wait
// that is predicted to outlast patience is refused at once with a *Refusal, and so is one of which this turns out later. A ctx that
// ends returns its error and takes nothing. Every Enter without an error is followed by exactly one Leave, Lost or Unsent of the
// same tickets.
func (s *Scheduler) Enter(ctx context.Context, c Caller, tickets []Ticket) (Turn, error) {
	s.mu.Lock()
	now := time.Now()
	if s.queue.Take(now, c.Lane, tickets) {
		if s.queue.Waiting() > 0 || len(s.queue.stirred) > 0 {
			s.settle(now)
		}
		s.mu.Unlock()
		return Turn{}, nil
	}
	// The waiter has tickets of its own: if it kept the caller's, those of callers who never wait would be on the heap too.
	w := &Waiter{Caller: c, Tickets: append([]Ticket(nil), tickets...)}
	ended := make(chan struct{})
	w.Owner = ended
	refusal := s.queue.Join(now, w)
	atOnce := w.Granted()
	s.settle(now)
	s.mu.Unlock()
	if refusal != nil {
		return Turn{}, refusal
	}
	if atOnce {
		copy(tickets, w.Tickets)
		return Turn{}, nil
	}
	turn := Turn{Waited: true, Predicted: w.Predicted()}
	select {
	case <-ended:
	case <-ctx.Done():
		s.withdraw(w)
		return turn, ctx.Err()
	}
	if refusal := w.Refusal(); refusal != nil {
		return turn, refusal
	}
	copy(tickets, w.Tickets)
	return turn, nil
}

// withdraw ends a caller's wait; what it was granted in the same moment it gives back.
func (s *Scheduler) withdraw(w *Waiter) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	s.queue.Withdraw(now, w)
	s.settle(now)
}

// Leave ends a call by its answer; reports has what it said for each ticket.
func (s *Scheduler) Leave(tickets []Ticket, reports []Report) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	for i := range tickets {
		s.queue.Answer(now, tickets[i], reports[i])
	}
	s.settle(now)
}

// Lost ends a call that was sent but not answered: the vendor may have counted it.
func (s *Scheduler) Lost(tickets []Ticket) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	for i := range tickets {
		s.queue.Lost(now, tickets[i])
	}
	s.settle(now)
}

// Unsent ends a call that never reached the vendor: its places are free again.
func (s *Scheduler) Unsent(tickets []Ticket) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	for i := range tickets {
		s.queue.Unsend(now, tickets[i])
	}
	s.settle(now)
}

// settle tells those whose wait has ended, sets the timer to when the next may, and those of trades that may be due. The caller holds s.mu.
func (s *Scheduler) settle(now time.Time) {
	if s.queue.Waiting() > 0 || len(s.queue.ended) > 0 {
		for _, w := range s.queue.Grant(now) {
			close(w.Owner.(chan struct{}))
		}
	}
	for _, b := range s.queue.stirred {
		b.leased.stirred = false
		s.arm(now, b)
	}
	clear(s.queue.stirred)
	s.queue.stirred = s.queue.stirred[:0]
	next, ok := s.queue.Next()
	switch {
	case !ok:
		if !s.armed.IsZero() {
			s.timer.Stop()
			s.armed = time.Time{}
		}
	case next.Equal(s.armed):
	default:
		s.armed = next
		if pause := max(next.Sub(now), 0); s.timer == nil {
			s.timer = time.AfterFunc(pause, s.ring)
		} else {
			s.timer.Reset(pause)
		}
	}
}

func (s *Scheduler) ring() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.armed = time.Time{}
	s.settle(time.Now())
}

// Outlook predicts for a caller who comes now how long it would wait at a bucket, and says how many places it would find.
func (s *Scheduler) Outlook(b *Bucket, c Caller) (wait time.Duration, places int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.queue.Outlook(time.Now(), b, c)
}

// State tells how a bucket stands.
func (s *Scheduler) State(b *Bucket) State {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.queue.State(time.Now(), b)
}
