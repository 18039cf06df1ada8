// Package lease lets several nodes call a vendor within one limit. The limit is so many places in a window; a node leases places from a
// Store that all nodes share, sends a call with each, and says when each comes free again. The queue of proxy/pace keeps a Ledger per
// bucket and trades through a Store; Memory is the store of one process, and a database is to be another.
//
// It never talks to a vendor, never sends a trade by itself, and knows no clock: whoever calls it passes the time. No time passes between
// machines either, durations do, because the clocks of nodes differ.
//
// # A place
//
//	free ──grant──▶ in hand ──Use──▶ out ──Settle──▶ spent ──a window──▶ free
//	  ▲                │ given back, or  │
//	  └────────────────┴─ TTL is over ───┘ Return: in hand again
//
// A trade says where its node stands: how many places it has in hand or out, and when each spent one comes free. The store keeps the last
// word of each node in place of the one before. So nothing is counted twice or lost when a trade is repeated, when its answer
// gets lost (the places of a grant that nobody heard are missing from the node's next word, and free), or when the store has
// forgotten everything.
//
// # A node that falls silent
//
// A node sends with a place only until TTL after it sent the trade that last succeeded. The store reckons from the trade's arrival, which
// is later. So what a node held when it fell silent is free again for sure once TTL, Transit and Window have passed.
//
// # A store that falls silent
//
//	leasing ──a trade fails──▶ failing ──three TTL, Transit and Window──▶ alone
//	   ▲                          │ a trade succeeds                       │
//	   └──────────────────────────┴────────────────────────────────────────┘
//
// A failing node spends what it has in hand and then sends nothing. By the time it is alone, every place that any node leased before has
// come free, and each node may use its Share of the limit by its own count. Shares are configured so that those of all nodes make one
// whole at most. A store that has heard nobody for long is cautious (see Pulse): until a window after it is back nobody gets more
// than a share, because a node that has not been heard yet may have used its own. So a store that is back must hear all nodes that live
// within two TTL: they beat every TTL/2, trade when it is due, and give a trade up after TTL/4.
//
// A node that is cut off by itself, while others trade on, also takes its share in the end, and that share has not been set apart: the
// store cannot tell it from a node that has died, whose places the others are to have. That can cost refusals at the vendor. So can a node
// that dies with calls of its share that it has not told, if another takes its place: for a window those are two nodes.
package lease

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Store is where nodes trade. All methods are safe for concurrent use by many processes.
//
// A store keeps one Pulse, and one Book for each bucket that is in use; both are plain data that encode as JSON. A database does each
// method in one transaction that no other overlaps (SQLite: BEGIN IMMEDIATE; PostgreSQL: SELECT … FOR UPDATE of the bucket's row, made
// first if it is missing), by one clock for all nodes, the database's own, read after the row is locked:
//
//	Trade:  read the pulse and the bucket's book (none: the zero Book); pulse.Hear(clock); grant, err := book.Trade(pulse, trade); write
//	        both, commit, and only then answer. A refused trade (err) need not be written.
//	Beat:   read the pulse, pulse.Hear(clock), write it, commit, answer its Epoch.
//
// The pulse is one row for all buckets. So that they do not queue for it, a trade may read it without locking and leave it unwritten,
// unless it is Old: then it is locked, after the bucket's row, read once more and written. A database that is new gets NewPulse. A Book
// that is Idle may be deleted.
//
// An error says nothing of whether the trade was done. leasetest.Test holds an implementation against this contract.
type Store interface {
	// Trade exchanges the node's word on one bucket for places. ErrStale: the store has heard a later word of this node, and has ignored
	// this one.
	Trade(ctx context.Context, trade Trade) (Grant, error)
	// Beat says that the node is alive and names the store's life. Every node beats every TTL/2, or there would be a gap after each quiet
	// hour. When the epoch is another than before, the store has forgotten everything: the node then trades for all its buckets.
	Beat(ctx context.Context, node string) (epoch string, err error)
}

// ErrStale is the answer to a trade that was overtaken by a later one of its node, or that arrived twice.
var ErrStale = errors.New("lease: the store has a later word of this node; trade again")

// Terms are what all nodes agree on for a bucket. While a new configuration is rolled out they may differ; each trade is then judged by
// its own.
type Terms struct {
	Limit   int           // places
	Window  time.Duration // how long a call takes up its place
	TTL     time.Duration // how long a node may use places without being heard; a second at least
	Transit time.Duration // how long after its sending a call may still reach the vendor
	Share   float64       // of the limit, for a node alone; 1/nodes at most
}

// Check says what is wrong with the terms.
func (t Terms) Check() error {
	switch {
	case t.Limit < 1:
		return fmt.Errorf("lease: limit is %d, must be 1 or more", t.Limit)
	case t.Window <= 0:
		return fmt.Errorf("lease: window is %v, must be more than 0", t.Window)
	case t.TTL < time.Second:
		return fmt.Errorf("lease: ttl is %v, must be 1s or more", t.TTL)
	case t.Transit < 0:
		return fmt.Errorf("lease: transit is %v, must not be negative", t.Transit)
	case !(t.Share >= 0 && t.Share <= 1):
		return fmt.Errorf("lease: share is %v, must be from 0 to 1", t.Share)
	}
	return nil
}

// lapse is how long after a node was heard the places that it held then are free for sure.
func (t Terms) lapse() time.Duration { return t.TTL + t.Transit + t.Window }

// share is the places of a node alone. It is cut, not rounded: shares of all nodes together must not be more than the limit.
func (t Terms) share() int { return int(t.Share*float64(t.Limit) + 1e-9) }

// Trade is a node's word on one bucket.
type Trade struct {
	Bucket    string
	Node      string  // one life of a node: a process that starts anew has another name
	Seq       uint64  // grows with each trade of the node for this bucket
	Terms     Terms   //
	Holds     int     // places in hand and out: what the node could still send with, and calls without an answer
	Spent     []Spent // places of answered calls
	Strangers []Spent // places that others than Sluice have taken, as this node sees it
	Wants     int     // more places
}

// Spent is places that come free together.
type Spent struct {
	Calls  int
	FreeIn time.Duration // from the sending of the trade
}

// Check says what is wrong with the trade.
func (t Trade) Check() error {
	switch {
	case t.Bucket == "" || t.Node == "":
		return errors.New("lease: a trade needs the names of its bucket and its node")
	case t.Holds < 0 || t.Wants < 0:
		return fmt.Errorf("lease: trade holds %d and wants %d, must not be negative", t.Holds, t.Wants)
	}
	for _, list := range [][]Spent{t.Spent, t.Strangers} {
		for _, s := range list {
			if s.Calls < 0 {
				return fmt.Errorf("lease: trade has spent %d calls, must not be negative", s.Calls)
			}
		}
	}
	return t.Terms.Check()
}

// Grant is the store's answer. With it all places that the node said it holds are its own for another TTL, from the sending of the trade.
type Grant struct {
	Places int           // more places in hand
	Next   time.Duration // when more may be there, as far as the store knows; 0 = it does not
	Epoch  string        // the life of the store
}
