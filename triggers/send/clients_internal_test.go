package send

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"sluice/triggers"
)

// idler is a sender that waits to be let go of.
type idler struct {
	closed atomic.Int32
	let    chan struct{}
}

func (i *idler) Send(context.Context, triggers.Delivery) (triggers.Answer, error) {
	<-i.let
	return triggers.Answer{Status: 200}, nil
}
func (i *idler) hosts() []host { return nil }
func (i *idler) close()        { i.closed.Add(1) }

// count is how many clients are kept.
func (s *Senders) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.kept)
}

func subscription(url string) *triggers.Subscription {
	return &triggers.Subscription{ID: "s", Type: triggers.TypeHTTP, HTTP: &triggers.HTTPConfig{URL: url}}
}

// plant puts made in the place of the client of sub.
func plant(t *testing.T, s *Senders, sub *triggers.Subscription, made *idler) {
	t.Helper()
	c, err := s.take(sub)
	if err != nil {
		t.Fatal(err)
	}
	c.sender = made
	s.give(c)
}

func TestClientsAreKeptByVersion(t *testing.T) {
	t.Parallel()
	s := New(Options{})
	first := subscription("http://a")
	old := &idler{let: make(chan struct{})}
	plant(t, s, first, old)
	done := make(chan error)
	go func() { _, err := s.Send(t.Context(), triggers.Delivery{Subscription: first}); done <- err }()
	old.let <- struct{}{} // so it is under way, or over; the next line is true of both

	again := subscription("http://a")
	again.Sluice.Paused, again.Sluice.Modified = &triggers.Pause{Reason: "told"}, time.Unix(1, 0)
	c, _ := s.take(again)
	if c.sender != sender(old) {
		t.Error("the same settings made another client")
	}
	s.give(c)
	if err := <-done; err != nil {
		t.Fatal(err)
	}

	c, _ = s.take(again) // somebody sends while the subscription changes
	changed := subscription("http://b")
	newer, _ := s.take(changed)
	if newer == c || old.closed.Load() != 0 {
		t.Errorf("got the same client = %t, closed %d times; want another, and the old one open while it sends", newer == c, old.closed.Load())
	}
	s.give(c)
	if old.closed.Load() != 1 {
		t.Errorf("the old client was closed %d times, want once", old.closed.Load())
	}
	s.give(newer)
	s.Close()
	if _, err := s.take(changed); err == nil || s.count() != 0 {
		t.Errorf("got %v and %d clients after Close, want a refusal and none", err, s.count())
	}
}

func TestUnusedClientsAreClosed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := New(Options{Idle: time.Minute})
		defer s.Close()
		sub := subscription("http://a")
		made := &idler{}
		plant(t, s, sub, made)
		<-time.After(50 * time.Second)
		c, _ := s.take(sub)
		<-time.After(5 * time.Minute)
		if made.closed.Load() != 0 {
			t.Error("a client was closed while it sent")
		}
		s.give(c)
		<-time.After(59 * time.Second)
		synctest.Wait()
		if made.closed.Load() != 0 || s.count() != 1 {
			t.Error("a client was closed before it had been unused for long")
		}
		<-time.After(2 * time.Second)
		synctest.Wait()
		if made.closed.Load() != 1 || s.count() != 0 {
			t.Errorf("closed %d times, %d kept; want the unused client gone", made.closed.Load(), s.count())
		}
	})
}
