// Package pace decides who goes next when a vendor's limiters have room for fewer calls than wait. Lineup is the decision and nothing
// else: it holds no lock, starts no timer and never asks for the time, so that a test or a bench can play a day in a second. Scheduler
// is a Lineup for callers who really wait; the proxy's pace stage keeps one per connection. Nothing here knows HTTP, and nothing here
// guesses what a vendor permits: that is the word of the shadow.Governor behind each Bucket.
//
// # A caller's states
//
//	newcomer  it asks for a place in ALL of its buckets at once
//	waiting   it stands in a line and holds no place anywhere
//	granted   it has a place in each of its buckets, taken in one step; each is given back once, by Answer, Lost or Unsend
//	refused   it was told that its patience would not last, or that too many wait already; it holds nothing
//	gone      it left by itself; it holds nothing
//
// newcomer → granted when there is room and nobody goes before it; newcomer → refused when the predicted wait outlasts its patience or a
// queue is at its bound; else newcomer → waiting. waiting → granted in its turn; waiting → refused when bad news (the vendor refused, a
// limit shrank) or the end of its patience says so; waiting → gone and granted → gone by Withdraw, which gives back what was granted.
//
// # Lines
//
// A line is the callers of one consumer in one lane with the same buckets, first come, first served. It is parked at one of its buckets:
// one that had no place for it, or where somebody goes before it. So an event at a bucket looks only at the lines parked there,
// and joining, leaving and being granted cost O(log n) of those who wait. When the bucket has a place and another of the line's has
// none, the line moves there.
//
// # Whose turn it is
//
// Lanes first: critical, then interactive, then bulk. But while bulk waits and no critical call does, a share of the places goes to bulk
// (Settings.Floor), and so does the next place once bulk has waited a whole window for one. Inside a lane consumers take turns,
// by start-time fair queueing with a ledger per bucket: who has twenty routes under one limit gets no more of it than who has one, and
// who comes back after a pause has no turns saved up. Where turns are equal the earlier deadline goes first, then who came first.
//
// A line that needs two scarce buckets at once could lose its turn at each for want of the other for ever. One that lost it lostTurns
// times, or a critical one that lost it once, becomes the elder: for at most elderTerm, its buckets keep the next place for it. There is
// one elder at a time.
//
// # Limits that several processes share
//
// A bucket may have a lease.Ledger beside its governor. Then the ledger counts, and the governor says only when the vendor has shut, when
// a call goes alone, and how calls are spaced. A call goes when the governor lets it and the ledger has a place in hand. The Lineup says
// when a trade is due and takes in what came of it; it never sees the store. A Node is this process among those that share: it
// has the store, beats, and does the trades of its Schedulers, each in a goroutine of its own that holds no lock while it waits for
// the store:
//
//	quiet     nothing is due, no timer runs
//	armed     a timer runs until the next trade is due
//	trading   the trade is under way; one at a time for each bucket
//	retired   as before, but nothing is kept in hand for calls to come: quiet for good once nobody waits and nothing is out
//	closed    the node has said its last word to the store; what was in hand is given back, and no trade follows
package pace

import (
	"time"

	"sluice/proxy/pace/lease"
	"sluice/proxy/pace/shadow"
)

// What is the governor's and passes through here.
type (
	// Rule is a limit as configured.
	Rule = shadow.Rule
	// Report is what an answer said of a limit.
	Report = shadow.Report
	// Lane is how urgent a call is.
	Lane = shadow.Lane
	// Sent is a call that is out.
	Sent = shadow.Sent
	// Saved is what is known of a limit, for a restart.
	Saved = shadow.Saved
)

// DefaultFloor is the share of places that bulk calls get at least while they wait and no critical call does.
const DefaultFloor = 0.10

// highestFloor leaves interactive calls something.
const highestFloor = 0.9

// Settings bound the queue.
type Settings struct {
	Bound int     // callers who may wait at a bucket before one who comes; those whom it would pass do not count
	Floor float64 // the least share of places for bulk while it waits; 0 = none but by waiting a whole window
	Node  *Node   // what a Scheduler leases the places of shared limits through; nil: it shares none
}

// Caller is who wants a place, and how badly.
type Caller struct {
	Consumer string
	Lane     Lane
	Patience time.Duration // longest wait
	Deadline time.Time     // when the answer is of no more use; zero = never. Of two equal turns the earlier goes first
	Again    bool          // the vendor refused this call before: it goes to the front of its line
}

// Ticket names a bucket in which a caller needs a place, and keeps the place that it got. No two tickets of a caller name the same.
type Ticket struct {
	Bucket *Bucket
	Sent   Sent
	Place  lease.Place // of a bucket whose places are leased
}

// Refusal says why a caller gets no place: it would have waited Wait, longer than its patience, or the queue is full.
type Refusal struct {
	Wait   time.Duration // predicted wait for a place
	Full   bool          // the queue is at its bound
	Bucket *Bucket       // which kept it
}

// Error implements error.
func (r *Refusal) Error() string {
	if r.Full {
		return "the queue for this limit is full"
	}
	return "no place within the caller's patience; the next is free in " + r.Wait.Round(time.Millisecond).String()
}

// State is a bucket at one moment, for metrics and pages. Arrays are by lane.
type State struct {
	Name    string
	Limit   int                         // calls per window; 0 = none known
	Places  [shadow.Lanes]int           // calls that may go at once
	Waiting [shadow.Lanes]int           // callers in the queue
	Wait    [shadow.Lanes]time.Duration // predicted for a consumer who comes now and has nobody waiting yet
	Why     [shadow.Lanes]string        // why one who comes now waits; "" when it would not
	Model   shadow.State                // what is known of the vendor's limiter
	// Permitted is how many calls the limit has permitted since the bucket was made: its calls per window, for as long as calls waited and
	// for one window after each call.
	Permitted float64
	Used      time.Time // the latest call; zero = none yet
}

// AllWaiting is how many callers wait, whatever their lane.
func (s *State) AllWaiting() int {
	all := 0
	for _, n := range s.Waiting {
		all += n
	}
	return all
}
