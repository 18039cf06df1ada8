package pace

import (
	"slices"
	"time"

	"sluice/proxy/pace/lease"
)

// trader takes the words of one bucket to the store. The Scheduler's lock guards it.
type trader struct {
	timer *time.Timer
	armed time.Time // when the timer rings; zero = it does not
	busy  bool      // a trade is under way
}

// Shared makes a bucket for a limit that this node shares with others, under a key by which all of them know it. Without a node it is a
// bucket like others.
func (s *Scheduler) Shared(name string, rule Rule, key string) *Bucket {
	if s.node == nil {
		return s.Bucket(name, rule)
	}
	ledger := s.node.ledger(key, rule)
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.queue.Leased(name, rule, ledger)
	s.shared = append(s.shared, b)
	s.node.join(s)
	return b
}

// Release says that hardly any more callers will come to a bucket: those who waited for it under an older configuration, and their calls.
// It is served as before, and nothing is kept for it.
func (s *Scheduler) Release(b *Bucket) {
	if b.leased == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.release(b)
	s.settle(time.Now())
}

func (s *Scheduler) release(b *Bucket) {
	b.leased.released = true
	b.leased.ledger.Retire()
	s.queue.stir(b)
}

// Close releases all buckets. Callers who are under way finish; once the last of them has, nothing of the scheduler runs any more.
func (s *Scheduler) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, b := range s.shared {
		s.release(b)
	}
	s.settle(time.Now())
}

// arm sets a bucket's timer to when its next trade is due. One that rings too early finds that out.
func (s *Scheduler) arm(now time.Time, b *Bucket) {
	t := &b.leased.trader
	if t.busy {
		return
	}
	due := s.queue.Due(now, b)
	if lease.Never(due) || !t.armed.IsZero() && !due.Before(t.armed) {
		return
	}
	t.armed = due
	if pause := max(due.Sub(now), 0); t.timer == nil {
		t.timer = time.AfterFunc(pause, func() { s.trade(b) })
	} else {
		t.timer.Reset(pause)
	}
}

// trade does a bucket's trade if it is due. It runs on a goroutine of its own and holds no lock while the store is asked.
func (s *Scheduler) trade(b *Bucket) {
	trade, ok := s.word(b)
	if !ok {
		return
	}
	defer s.node.running.Done()
	grant, err := s.node.trade(trade)
	s.heard(b, trade, grant, err)
	if err == nil {
		s.node.hear(grant.Epoch)
	}
}

// word is what a bucket has to say to the store now, if anything.
func (s *Scheduler) word(b *Bucket) (trade lease.Trade, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now, t := time.Now(), &b.leased.trader
	t.armed = time.Time{}
	if t.busy {
		return trade, false
	}
	if s.queue.Due(now, b).After(now) {
		s.arm(now, b)
		return trade, false
	}
	if !s.node.begin() {
		return trade, false
	}
	t.busy = true
	trade = s.queue.Trade(now, b)
	s.settle(now)
	return trade, true
}

// heard takes in what came of a trade.
func (s *Scheduler) heard(b *Bucket, trade lease.Trade, grant lease.Grant, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	b.leased.trader.busy = false
	if err != nil {
		s.queue.Failed(now, b, trade)
	} else {
		s.queue.Granted(now, b, trade, grant)
	}
	s.settle(now)
}

// restate has each bucket say anew where it stands.
func (s *Scheduler) restate() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, b := range s.shared {
		s.queue.Restate(b)
	}
	s.settle(time.Now())
}

// tidy forgets the buckets that are released and idle.
func (s *Scheduler) tidy() {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	s.shared = slices.DeleteFunc(s.shared, func(b *Bucket) bool {
		return b.leased.released && !b.awaited() && b.leased.ledger.Idle(now)
	})
	if len(s.shared) == 0 {
		s.node.leave(s)
	}
}

// lastWords is what the buckets say before the process goes: they give back all that is in hand.
func (s *Scheduler) lastWords() (words []lease.Trade) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	for _, b := range s.shared {
		if t := &b.leased.trader; t.timer != nil {
			t.timer.Stop()
			t.armed = time.Time{}
		}
		ledger := b.leased.ledger
		ledger.Retire()
		if !ledger.Idle(now) {
			words = append(words, ledger.Trade(now, 0))
		}
	}
	return words
}
