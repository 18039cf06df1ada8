package dispatch

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"sluice/triggers"
)

// shelf is a store of one subscription under a claim, and notes what is kept of it.
type shelf struct {
	Store
	mu       sync.Mutex
	waiting  []triggers.Invocation
	claim    triggers.Claim // as it is claimed next
	told     []string       // kinds of events
	held     []triggers.Claim
	released triggers.Claim
}

func (s *shelf) StuckSubjects(context.Context, triggers.Claim) (map[string][]triggers.Stuck, error) {
	return nil, nil
}

func (s *shelf) NextDeliveries(context.Context, triggers.Claim, []string, triggers.Limit) (next []triggers.Invocation, more bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, i := range s.waiting {
		if !i.Due.After(time.Now()) {
			next = append(next, i)
		}
	}
	return next, false, nil
}

func (s *shelf) Unchanged(context.Context, triggers.Claim) error { return nil }

func (s *shelf) HoldSubscription(_ context.Context, c triggers.Claim) error {
	s.held = append(s.held, c)
	return nil
}

func (s *shelf) Settle(_ context.Context, _ triggers.Claim, results []triggers.Result) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range results {
		at := slices.IndexFunc(s.waiting, func(i triggers.Invocation) bool { return i.Seq == r.Seq })
		if r.State != triggers.Waiting {
			s.waiting = slices.Delete(s.waiting, at, at+1)
			continue
		}
		s.waiting[at].Tries++
		s.waiting[at].Due = r.Due
	}
	return false, nil
}

func (s *shelf) PauseSubscription(_ context.Context, _ triggers.Claim, change func(*triggers.Pause) *triggers.Pause, events ...triggers.Event) error {
	was := s.claim.Subscription.Sluice.Paused
	then := change(was)
	if then == was {
		return nil
	}
	s.claim.Subscription.Sluice.Paused = then
	s.claim.Version++
	for _, e := range events {
		s.told = append(s.told, e.Type)
	}
	return nil
}

func (s *shelf) ReleaseSubscription(_ context.Context, c triggers.Claim) error {
	if s.released = c; c.Version == s.claim.Version {
		s.claim.Health = c.Health
	}
	return nil
}

// refuses is a receiver that does not work but for some subjects, and notes what it is sent.
type refuses struct {
	but string
	got []string
}

func (r *refuses) Send(_ context.Context, d triggers.Delivery) (triggers.Answer, error) {
	r.got = append(r.got, d.Event.Subject)
	if d.Event.Subject == r.but {
		return triggers.Answer{Status: 200}, nil
	}
	return triggers.Answer{Status: 500}, errors.New("status 500")
}

// shelved is a dispatcher of a shelf, to one receiver.
func shelved(s *shelf, r triggers.Sender) *Dispatcher {
	o := testDispatcher().o
	o.Store, o.Sender = s, r
	o.Kind = func(string) triggers.Kind { return triggers.FireAndForget }
	return New(o)
}

// drainOnce drains what a shelf has.
func (s *shelf) drainOnce(t *testing.T, d *Dispatcher) {
	t.Helper()
	if err := d.drainOf(s.claim, time.Now()).run(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
}

// open says that the circuit has been open since a while, and that it is time for a probe.
func (s *shelf) open(since time.Duration) {
	s.claim.Subscription.Sluice.Paused = &triggers.Pause{Since: time.Now().Add(-since), Until: time.Now(), By: byCircuit}
}

func invocation(seq int64, payload string) triggers.Invocation {
	return triggers.Invocation{Seq: seq, Secret: "x", Created: time.Now(), Event: triggers.Event{Subject: fmt.Sprint(seq), Data: []byte(payload)}}
}

// What could not be sent at all says nothing of the receiver: not that it works, and not that it does not.
func TestUnsentIsNotCounted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &triggers.Subscription{Type: triggers.TypeEventBridge}
		d := shelved(&shelf{}, &refuses{})
		p := d.paceOf(triggers.Claim{})
		send := func(i triggers.Invocation) {
			<-time.After(d.o.Circuit.After)
			for _, l := range d.send(t.Context(), s, nil, []departure{{"=" + i.Event.Subject, i}}) {
				p.note(l, d.o.Circuit.MostProbe)
			}
		}
		for seq := range int64(d.o.Circuit.Failures) {
			keyless := invocation(-seq, "{}")
			keyless.Secret = ""
			send(keyless)
		}
		if c := &p.circuit; c.all > 0 || c.sent > 0 || c.open() {
			t.Errorf("for want of a key: got %d failures of %d sent, want none", c.all, c.sent)
		}
		for seq := range int64(d.o.Circuit.Failures) {
			send(invocation(seq, "{}"))
			send(invocation(seq, "[1]"))
		}
		if c := &p.circuit; !c.open() || c.all != d.o.Circuit.Failures || !c.worked.IsZero() {
			t.Errorf("beside payloads that cannot be sent: got %d failures, open %v, and that it worked %v; want it open, and never", c.all, c.open(), c.worked)
		}
	})
}

// A probe of what cannot be sent goes on to the next one, and ends where there is none.
func TestProbeOfWhatIsUnsent(t *testing.T) {
	t.Parallel()
	for _, last := range []string{"{}", "[1]"} {
		synctest.Test(t, func(t *testing.T) {
			keyless := invocation(2, "{}")
			keyless.Secret = ""
			s, r := &shelf{waiting: []triggers.Invocation{invocation(1, "[1]"), keyless, invocation(3, last)}}, &refuses{}
			s.claim.Subscription.Type = triggers.TypeEventBridge
			s.open(time.Minute)
			was, began := *s.claim.Subscription.Sluice.Paused, time.Now()
			s.drainOnce(t, shelved(s, r))
			now, left := s.claim.Subscription.Sluice.Paused, 1 // the one without a key waits
			if last == "{}" {
				left++
				if len(r.got) != 1 || now == nil || !now.Until.After(time.Now()) || now.Reason != "status 500" {
					t.Errorf("got %v sent, and the pause %+v, want one, and it to go on because that failed", r.got, now)
				}
			} else if len(r.got) != 0 || now == nil || *now != was {
				t.Errorf("got %v sent, and the pause %+v, want nothing, and it as it was", r.got, now)
			}
			if len(s.waiting) != left || len(s.told) > 0 || time.Since(began) > 10*time.Second {
				t.Errorf("got %d left, the events %v, after %v, want %d and none, at once", len(s.waiting), s.told, time.Since(began), left)
			}
		})
	}
}

// How long it is until the next probe goes by how many of something new have failed, and not by how long probes of what is stuck have gone on.
func TestUntilProbe(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, r, seq := &shelf{}, &refuses{but: "good"}, int64(0)
		d := shelved(s, r)
		since := time.Now()
		s.open(0)
		probe := func(tries int, subject string) {
			t.Helper()
			if wait := time.Until(s.claim.Subscription.Sluice.Paused.Until); wait > 0 {
				<-time.After(wait)
			}
			seq++
			i := invocation(seq, "{}")
			i.Tries, i.Event.Subject = tries, subject
			s.waiting = []triggers.Invocation{i}
			s.drainOnce(t, d)
		}
		fails := func(tries int, want time.Duration) {
			t.Helper()
			before := seq
			probe(tries, "bad")
			if p := s.claim.Subscription.Sluice.Paused; p == nil || !p.Since.Equal(since) || time.Until(p.Until) > want || time.Until(p.Until) < want-time.Second {
				t.Errorf("probe %d, of what was tried %d times before: got the pause %+v, want it for another %v", before, tries, p, want)
			}
		}
		for range 100 {
			fails(1, time.Minute)
		}
		fails(0, 2*time.Minute)
		fails(1, time.Minute)
		for _, want := range []time.Duration{4 * time.Minute, 8 * time.Minute, 15 * time.Minute, 15 * time.Minute} {
			fails(0, want)
		}
		fails(1, time.Minute)
		fails(0, 15*time.Minute)
		probe(0, "good")
		if p := s.claim.Subscription.Sluice.Paused; p != nil || s.claim.Health.Probes != 0 || fmt.Sprint(s.told) != "["+triggers.SubscriptionResumed+"]" {
			t.Errorf("when one has worked: got the pause %+v, the health %+v and the events %v, want it resumed", p, s.claim.Health, s.told)
		}
		since = time.Now()
		s.open(0)
		fails(0, 2*time.Minute)
	})
}

// What a clock has said that was set back is not believed: a circuit would not open before that time has come again.
func TestHealthOfTheFuture(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := testDispatcher()
		now := time.Now()
		ahead := now.Add(24 * time.Hour)
		p := d.paceOf(triggers.Claim{Health: triggers.Health{Failed: 3, All: 3, Since: ahead, First: ahead, Worked: ahead}})
		if c := &p.circuit; !c.since.Equal(now) || !c.first.Equal(now) || !c.worked.Equal(now) {
			t.Errorf("got it failing since %v, and %v, and working at %v, want no more than %v", c.since, c.first, c.worked, now)
		}
		for n := range d.o.Circuit.Failures {
			<-time.After(time.Minute)
			p.note(landing{subject: fmt.Sprint("=", n), failed: true, again: true, created: now.Add(time.Second), at: time.Now()}, time.Minute)
		}
		if !p.circuit.open() {
			t.Errorf("after %d failures: got it closed, want it open", p.circuit.failed)
		}
		before := now.Add(-time.Hour)
		c := d.paceOf(triggers.Claim{Health: triggers.Health{Since: before, First: before, Worked: before}}).circuit
		if !c.worked.Equal(before) || time.Since(c.since) < time.Hour {
			t.Errorf("of the past: got it failing since %v, and working at %v, want %v", c.since, c.worked, before)
		}
	})
}

// slow is a receiver that works, and takes its time.
type slow time.Duration

func (s slow) Send(context.Context, triggers.Delivery) (triggers.Answer, error) {
	<-time.After(time.Duration(s))
	return triggers.Answer{Status: 200}, nil
}

// How the receiver does is kept while a drain is busy, whose settlings make the lease longer: whoever goes on where it is killed knows it. Nothing is
// written for want of news, but to make the lease longer.
func TestHealthIsKeptMeanwhile(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		many        int
		receiver    slow
		bus         bool
		payload     string
		rate        float64
		least, most int // heartbeats
	}{
		"a busy one":          {600, slow(100 * time.Millisecond), false, "{}", 0, 11, 12},
		"a slow one":          {1, slow(13 * time.Second), false, "{}", 0, 2, 2},
		"of which is no news": {60, 0, true, "[1]", 1, 0, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := &shelf{}
			s.claim.Subscription.Sluice = triggers.Extension{Concurrency: 1, RatePerSecond: c.rate}
			if s.claim.Subscription.Type = triggers.TypeHTTP; c.bus {
				s.claim.Subscription.Type = triggers.TypeEventBridge
			}
			for n := range c.many {
				s.waiting = append(s.waiting, invocation(int64(n), c.payload))
			}
			d := shelved(s, c.receiver)
			before := time.Now()
			s.drainOnce(t, d)
			if len(s.waiting) > 0 || len(s.held) < c.least || len(s.held) > c.most {
				t.Errorf("%s: got %d left, and %d heartbeats, want none, and %d to %d", name, len(s.waiting), len(s.held), c.least, c.most)
			}
			for _, h := range s.held {
				if gone := h.Health.Worked.Sub(before); c.many > 1 && (gone < 4*time.Second || gone > 6*time.Second) {
					t.Errorf("%s: got it working %v after what was kept before, want about 5 s", name, gone)
				}
				before = h.Health.Worked
			}
		})
	}
}

// A probe of what had failed before another worked counts for nothing when it fails again, and closes no circuit all the same.
func TestAnUncountedProbeResumesNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		now := time.Now()
		old := invocation(1, "{}")
		old.Tries, old.Created = 3, now.Add(-3*time.Hour)
		s, r := &shelf{waiting: []triggers.Invocation{old}}, &refuses{}
		s.claim.Health = triggers.Health{All: 20, First: now.Add(-time.Hour), Worked: now.Add(-2 * time.Hour)}
		s.open(0)
		s.drainOnce(t, shelved(s, r))
		if p := s.claim.Subscription.Sluice.Paused; p == nil || len(s.told) > 0 || len(r.got) != 1 || s.claim.Health.Failed != 0 || s.claim.Health.All != 21 {
			t.Errorf("got the pause %+v, the events %v and the health %+v of %v, want it open, after 21 failures of which none counts", p, s.told, s.claim.Health, r.got)
		}
	})
}

// A circuit's own pause is a change of the subscription, which is not to begin its receiver's health anew. An operator's is left alone.
func TestHealthOutlivesTheCircuitsPause(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		now := time.Now()
		s, r := &shelf{waiting: []triggers.Invocation{invocation(1, "{}")}}, &refuses{}
		d := shelved(s, r)
		s.claim.Version = 7
		s.claim.Health = triggers.Health{Failed: 9, Since: now.Add(-time.Minute), All: 9, First: now.Add(-time.Minute)}
		s.drainOnce(t, d)
		if p := s.claim.Subscription.Sluice.Paused; p == nil || s.claim.Version != 8 || s.released.Version != 8 || s.claim.Health.All != 10 {
			t.Errorf("got the pause %+v, and of version %d the health %+v; want it open, and ten failures of version 8", p, s.released.Version, s.claim.Health)
		}
		mine := s.claim
		mine.Subscription.Sluice.Paused = nil
		s.claim.Subscription.Sluice.Paused = &triggers.Pause{Since: now, By: "ann"}
		s.waiting = []triggers.Invocation{invocation(2, "{}")}
		if err := d.drainOf(mine, now).run(t.Context(), nil); err != nil || s.claim.Subscription.Sluice.Paused.By != "ann" || s.released.Version != 8 {
			t.Errorf("an operator's: got %v, %+v, and health of version %d; want it left alone, and version 8", err, s.claim.Subscription.Sluice.Paused, s.released.Version)
		}
	})
}
