package pace

import (
	"encoding/binary"
	"slices"
	"time"
)

// Waiter is a caller for as long as it asks for a place. It belongs to the Lineup from Join until it is granted, refused or withdrawn.
type Waiter struct {
	Caller
	Tickets []Ticket // the buckets in which it needs a place; where the places go
	Owner   any      // for whoever drives the line-up: whom to tell

	state     state
	refusal   *Refusal
	until     time.Time // patience ends
	predicted time.Duration
	order     uint64 // of arrival, over the whole line-up
	line      *line
	next      *Waiter
	prev      *Waiter
	slot      int // in Lineup.patience
}

// state is where a caller stands; see the package's comment.
type state uint8

const (
	newcomer state = iota
	waiting
	granted
	refused
	gone
)

// Granted tells whether it has its places.
func (w *Waiter) Granted() bool { return w.state == granted }

// Refusal is why it got none; nil unless it was refused.
func (w *Waiter) Refusal() *Refusal { return w.refusal }

// Predicted is the wait that was predicted when it joined.
func (w *Waiter) Predicted() time.Duration { return w.predicted }

// earlier tells who of two callers whose turns are equal goes first: by deadline, then by arrival.
func (w *Waiter) earlier(than *Waiter) bool {
	switch {
	case w.Deadline.Equal(than.Deadline):
		return w.order < than.order
	case w.Deadline.IsZero() || than.Deadline.IsZero():
		return than.Deadline.IsZero()
	}
	return w.Deadline.Before(than.Deadline)
}

// sooner tells who of two callers of one consumer goes first: who is sent again, then who came first.
func (w *Waiter) sooner(than *Waiter) bool {
	if w.Again != than.Again {
		return w.Again
	}
	return w.order < than.order
}

func (w *Waiter) before(than *Waiter) bool { return w.until.Before(than.until) }
func (w *Waiter) seat() *int               { return &w.slot }

// fifo is a list of waiters of which any may leave.
type fifo struct{ first, last *Waiter }

func (f *fifo) push(w *Waiter) {
	w.prev, w.next = f.last, nil
	if f.last == nil {
		f.first = w
	} else {
		f.last.next = w
	}
	f.last = w
}

func (f *fifo) remove(w *Waiter) {
	if w.prev == nil {
		f.first = w.next
	} else {
		w.prev.next = w.next
	}
	if w.next == nil {
		f.last = w.prev
	} else {
		w.next.prev = w.prev
	}
	w.prev, w.next = nil, nil
}

// lineKey tells lines apart.
type lineKey struct {
	consumer string
	lane     Lane
	buckets  string // their numbers, sorted
}

func keyOf(c *Caller, tickets []Ticket) lineKey {
	var room [8]uint32
	numbers := room[:0]
	for i := range tickets {
		numbers = append(numbers, tickets[i].Bucket.number)
	}
	slices.Sort(numbers)
	var text [32]byte
	packed := text[:0]
	for _, n := range numbers {
		packed = binary.LittleEndian.AppendUint32(packed, n)
	}
	return lineKey{consumer: c.Consumer, lane: c.Lane, buckets: string(packed)}
}

// line is who waits of one consumer in one lane for the same buckets.
type line struct {
	key      lineKey
	lane     Lane
	accounts []*account // one at each of its buckets
	again    fifo       // before fresh
	fresh    fifo
	parked   *Bucket // where it waits
	slot     int     // in account.lines of that bucket
	moved    uint64  // the sweep in which it last moved
	lost     int     // turns lost for want of a place elsewhere, since the last grant
	since    time.Time
}

// head is who goes next; nil when nobody is left.
func (l *line) head() *Waiter {
	if l.again.first != nil {
		return l.again.first
	}
	return l.fresh.first
}

func (l *line) list(w *Waiter) *fifo {
	if w.Again {
		return &l.again
	}
	return &l.fresh
}

// account is its consumer's account at one of its buckets.
func (l *line) account(b *Bucket) *account {
	for _, a := range l.accounts {
		if a.ledger.bucket == b {
			return a
		}
	}
	return nil
}

func (l *line) before(than *line) bool { return l.head().sooner(than.head()) }
func (l *line) seat() *int             { return &l.slot }
