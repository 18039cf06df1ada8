package dispatch

import (
	"context"
	"iter"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"sluice/triggers"
)

// fetch reads what is due while there is room for it. Where all that is in hand waits for a few subjects, it is what is due of others. The claim
// is looked at with that, and without it too when the bell has rung.
func (n *drain) fetch(ctx context.Context) error {
	if n.aside() > 0 {
		return nil
	}
	rung, room := !n.rung.IsZero(), len(n.inHand) <= window/2 && n.bytes <= mostBytes/2
	n.rung = time.Time{}
	switch {
	case n.probe && len(n.inHand) > 0, room && !n.hungry, !room && !n.starved():
		if rung {
			return n.d.o.Store.Unchanged(ctx, n.claim)
		}
		return nil
	}
	but, limit := n.waiting(), triggers.Limit{Rows: window + len(n.inHand), Bytes: mostBytes + n.bytes}
	if !room {
		but, limit, n.looked = n.crowded(but), triggers.Limit{Rows: window, Bytes: mostBytes}, time.Now()
	}
	next, more, err := n.d.o.Store.NextDeliveries(ctx, n.claim, but, limit)
	if err != nil {
		return err
	}
	if room {
		n.hungry = more
	}
	return n.take(ctx, next)
}

// heard notes that the bell has rung.
func (n *drain) heard() {
	if n.hungry = true; n.rung.IsZero() {
		n.rung = time.Now()
	}
}

// aside is how long a receiver of which something has failed lately stands aside when the bell has rung, so that those that work, for which it mostly
// rings too, have the database and the processors first.
func (n *drain) aside() time.Duration {
	if n.rung.IsZero() || n.failed.IsZero() || time.Since(n.failed) > lately {
		return 0
	}
	return goFirst - time.Since(n.rung)
}

// waiting are the subjects of which all that is due waits for something in hand, so that it need not be read again and again.
func (n *drain) waiting() (subjects []string) {
	for key := range n.behind {
		if !n.stuck.any(key, math.MaxInt64, n.isInHand) {
			delete(n.behind, key)
			continue
		}
		subjects = append(subjects, strings.TrimPrefix(key, "="))
	}
	slices.Sort(subjects)
	return subjects
}

func (n *drain) isInHand(seq int64) bool {
	_, have := n.inHand[seq]
	return have
}

// starved tells whether places are free although much is in hand, and whether it is time to look for others.
func (n *drain) starved() bool {
	return n.flying < n.slots && len(n.ready) == 0 && len(n.inHand) < mostInHand && n.bytes < 2*mostBytes && time.Since(n.looked) >= lookAgain
}

// crowded adds the subjects of which something is in hand that is not sent yet, or under way.
func (n *drain) crowded(subjects []string) []string {
	for _, of := range []iter.Seq[string]{maps.Keys(n.queued), maps.Keys(n.busy)} {
		for key := range of {
			if subject, ordered := strings.CutPrefix(key, "="); ordered {
				subjects = append(subjects, subject)
			}
		}
	}
	slices.Sort(subjects)
	return slices.Compact(subjects)
}

// parkFor is how long one fetch may be at parking: it may be very much, and others wait.
const parkFor = 500 * time.Millisecond

// take queues what was fetched, or parks it behind what it follows.
func (n *drain) take(ctx context.Context, next []triggers.Invocation) error {
	parked := map[string]int64{} // by subject, from which number on
	until := time.Now().Add(parkFor)
	for _, i := range next {
		if n.isInHand(i.Seq) {
			continue
		}
		subject := n.subject(i)
		if from, is := parked[subject]; is && i.Seq > from { // what is before it may be what it waits for
			continue
		}
		if n.stuck.any(subject, i.Seq, n.isInHand) {
			// It is behind one that failed and is in hand: settling that says when this is due.
			n.behind[subject] = true
			continue
		}
		if head, stuck := n.stuck.last(subject, i.Seq); stuck { // it came later than that one, and gets its time
			if n.hungry = true; time.Now().After(until) {
				continue
			}
			if err := n.park(ctx, i, head, until); err != nil {
				return err
			}
			parked[subject] = i.Seq
			continue
		}
		n.inHand[i.Seq] = i.Size()
		n.bytes += i.Size()
		if n.queued[subject] = append(n.queued[subject], i); len(n.queued[subject]) == 1 && !n.busy[subject] {
			n.ready = append(n.ready, subject)
		}
	}
	return nil
}

// park parks what came later than one that failed.
func (n *drain) park(ctx context.Context, i triggers.Invocation, head triggers.Stuck, until time.Time) error {
	waits, err := n.d.o.Store.Park(ctx, n.claim, i.Event.Subject, head, until)
	if err == nil && !waits { // it was completed meanwhile
		n.stuck.remove(n.subject(i), head.Seq)
	}
	return err
}

// subject is within what invocations go one after the other; each is its own where their order does not matter.
func (n *drain) subject(i triggers.Invocation) string {
	if !n.ordered(i.Event.Subject) {
		return "#" + strconv.FormatInt(i.Seq, 10)
	}
	return keyOf(i.Event.Subject)
}

// ordered tells whether events of a subject go one after the other.
func (n *drain) ordered(subject string) bool {
	return subject != "" && n.claim.Subscription.Sluice.Ordering != triggers.OrderingNone
}

func keyOf(subject string) string { return "=" + subject }

// drop lets what is queued of a subject go; it is fetched again when it is due.
func (n *drain) drop(subject string) {
	for _, i := range n.queued[subject] {
		n.letGo(i.Seq)
	}
	delete(n.queued, subject)
	n.ready = slices.DeleteFunc(n.ready, func(s string) bool { return s == subject })
}
