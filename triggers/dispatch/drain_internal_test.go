package dispatch

import (
	"context"
	"testing"
	"time"

	"sluice/triggers"
)

// parks is a store that has one invocation, and notes what is parked.
type parks struct {
	Store
	next   []triggers.Invocation
	parked []string
}

func (p *parks) NextDeliveries(context.Context, triggers.Claim, []string, int) ([]triggers.Invocation, error) {
	return p.next, nil
}

func (p *parks) Park(_ context.Context, _ triggers.Claim, subject string, _ triggers.Stuck) (bool, error) {
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
	n := &drain{
		d: New(o), queued: map[string][]triggers.Invocation{}, inHand: map[int64]bool{1: true}, busy: map[string]bool{"=a": true},
		stuck: map[string]triggers.Stuck{}, flying: 1, circuit: &circuit{},
	}
	n.took([]landing{{subject: "=a", result: triggers.Result{Seq: 1, State: triggers.Waiting, Due: time.Now().Add(time.Minute)}}})
	n.hungry = true
	if err := n.fetch(t.Context()); err != nil || len(kept.parked) > 0 || len(n.ready) > 0 {
		t.Errorf("before it is kept: got %v parked and %v to be sent, %v; want neither", kept.parked, n.ready, err)
	}
	delete(n.inHand, 1) // as a settling does
	n.hungry = true
	if err := n.fetch(t.Context()); err != nil || len(kept.parked) != 1 || len(n.ready) > 0 {
		t.Errorf("when it is kept: got %v parked and %v to be sent, %v; want a parked", kept.parked, n.ready, err)
	}
}
