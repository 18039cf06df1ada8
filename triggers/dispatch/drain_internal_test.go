package dispatch

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"sluice/triggers"
)

// parks is a store that has one invocation, and notes what is parked.
type parks struct {
	Store
	next   []triggers.Invocation
	parked []string
}

func (p *parks) NextDeliveries(_ context.Context, _ triggers.Claim, but []string, _ triggers.Limit) ([]triggers.Invocation, bool, error) {
	if slices.Contains(but, "a") {
		return nil, false, nil
	}
	return p.next, false, nil
}

func (p *parks) Park(_ context.Context, _ triggers.Claim, subject string, _ triggers.Stuck, _ time.Time) (bool, error) {
	p.parked = append(p.parked, subject)
	p.next = nil
	return true, nil
}

// What is behind an event that failed is parked when that is kept, and not before: a process that died in between would leave it parked behind
// an event of which nobody knows that it failed, and what comes later would overtake it.
func TestNothingIsParkedBehindWhatIsNotKept(t *testing.T) {
	t.Parallel()
	behind := triggers.Invocation{Seq: 2, Event: triggers.Event{Subject: "a"}}
	kept := &parks{next: []triggers.Invocation{behind}}
	o := testDispatcher().o
	o.Store = kept
	n := New(o).drainOf(triggers.Claim{}, time.Now())
	n.inHand[1], n.busy["=a"], n.flying = 1, true, 1
	n.took([]landing{{subject: "=a", result: triggers.Result{Seq: 1, State: triggers.Waiting, Due: time.Now().Add(time.Minute)}}})
	n.hungry = true
	if err := n.fetch(t.Context()); err != nil || len(kept.parked) > 0 || len(n.ready) > 0 {
		t.Errorf("before it is kept: got %v parked and %v to be sent, %v; want neither", kept.parked, n.ready, err)
	}
	if got := n.waiting(); len(got) != 1 || got[0] != "a" {
		t.Errorf("before it is kept: got %v left out of what is read next, want a", got)
	}
	n.letGo(1) // as a settling does
	n.hungry = true
	if err := n.fetch(t.Context()); err != nil || len(kept.parked) != 1 || len(n.ready) > 0 {
		t.Errorf("when it is kept: got %v parked and %v to be sent, %v; want a parked", kept.parked, n.ready, err)
	}
}

// One that failed is due before another of its subject, from before it, that was replayed: whoever parks it behind that one takes that one, and does
// not read both again for ever.
func TestWhatIsWaitedForIsTaken(t *testing.T) {
	t.Parallel()
	kept := &parks{next: []triggers.Invocation{{Seq: 2, Tries: 1, Event: triggers.Event{Subject: "a"}}, {Seq: 1, Event: triggers.Event{Subject: "a"}}}}
	o := testDispatcher().o
	o.Store = kept
	n := New(o).drainOf(triggers.Claim{}, time.Now())
	n.stuck.put("=a", triggers.Stuck{Seq: 1, Due: time.Now().Add(time.Hour)})
	n.stuck.put("=a", triggers.Stuck{Seq: 2, Due: time.Now()})
	if err := n.fetch(t.Context()); err != nil || len(kept.parked) != 1 || len(n.queued["=a"]) != 1 || n.queued["=a"][0].Seq != 1 {
		t.Errorf("got %v parked and %+v to be sent, %v; want a parked once, and its first to be sent", kept.parked, n.queued, err)
	}
}

// looks is a store that has nothing, and counts what it is asked.
type looks struct {
	Store
	read, asked int
}

func (l *looks) NextDeliveries(context.Context, triggers.Claim, []string, triggers.Limit) ([]triggers.Invocation, bool, error) {
	l.read++
	return nil, false, nil
}

func (l *looks) Unchanged(context.Context, triggers.Claim) error {
	l.asked++
	return nil
}

// When the bell rings, a receiver of which something has failed lets those that work go first, for as long and no longer, however often it rings.
func TestWhoFailsStandsAside(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		kept := &looks{}
		o := testDispatcher().o
		o.Store = kept
		n := New(o).drainOf(triggers.Claim{}, time.Now())
		fetch := func(want int) {
			t.Helper()
			if err := n.fetch(t.Context()); err != nil || kept.read != want {
				t.Errorf("got %d readings, %v, want %d", kept.read, err, want)
			}
		}
		fetch(1)
		n.heard()
		fetch(2) // nothing has failed
		n.inHand[1], n.busy["=a"], n.flying = 1, true, 1
		n.took([]landing{{subject: "=a", result: triggers.Result{Seq: 1, State: triggers.Waiting, Due: time.Now().Add(time.Hour)}}})
		n.heard()
		fetch(2)
		<-time.After(goFirst / 2)
		n.heard()
		fetch(2)
		before := time.Now()
		if n.rest(t.Context(), nil); time.Since(before) != goFirst/2 {
			t.Errorf("stood aside for another %v, want %v", time.Since(before), goFirst/2)
		}
		fetch(3)
		fetch(3) // it has not rung since
		<-time.After(lately)
		n.heard()
		fetch(4) // that it waits to be sent again is no reason any more
	})
}

// A bell is a reason to look whether the subscription has changed, for a drain too that has no room for more.
func TestABellIsHeardWithoutRoom(t *testing.T) {
	t.Parallel()
	kept := &looks{}
	o := testDispatcher().o
	o.Store = kept
	n := New(o).drainOf(triggers.Claim{}, time.Now())
	for seq := range int64(mostInHand) {
		n.inHand[seq] = 1
	}
	for range 2 {
		n.heard()
		for range 2 {
			if err := n.fetch(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
	if kept.read != 0 || kept.asked != 2 {
		t.Errorf("got %d readings, and asked %d times, want none, and once for each bell", kept.read, kept.asked)
	}
}
