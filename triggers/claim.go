package triggers

import (
	"errors"
	"time"
)

// Claim is a node's right to deliver to one subscription, under a lease that each write makes longer.
type Claim struct {
	Subscription Subscription // with its secrets, as it was when it was claimed
	Version      int64        // of the subscription
	Generation   int64
	Lease        time.Duration
	Health       Health
}

// Health is how a subscription's receiver does. It goes with the claim from node to node, and begins anew when the subscription is changed by another
// than its circuit. Times are by the clock of whoever keeps it.
type Health struct {
	Failed int       `json:"failed,omitempty"` // attempts in a row, but those of what is older than the last that worked
	Only   string    `json:"only,omitempty"`   // of which they are, where all are of one subject
	Since  time.Time `json:"since,omitzero"`   // when the first of them failed
	All    int       `json:"all,omitempty"`    // attempts in a row that failed, those too
	First  time.Time `json:"first,omitzero"`   // when the first of all failed
	Worked time.Time `json:"worked,omitzero"`  // when one worked last, whatever the subscription was then
	Last   string    `json:"last,omitempty"`   // why the last of them did
	Probes int       `json:"probes,omitempty"` // while its circuit was open, of something new: how many failed in a row
	Next   time.Time `json:"next,omitzero"`    // before which nothing is sent: the receiver has asked for quiet, or its rate does
}

// Due is a subscription that has something to deliver.
type Due struct {
	Subscription string
	Owner        string // who has it; "" where its lease is over
}

// Limit is how much is read at once, and one at the least.
type Limit struct {
	Rows  int
	Bytes int64
}

// Stuck is an invocation that is to be sent again, and that keeps those behind it of its subject.
type Stuck struct {
	Seq int64
	Due time.Time
}

// What a caller of a store may want to tell apart.
var (
	ErrLost    = errors.New("another delivers to the subscription by now, or it has changed")
	ErrSecret  = errors.New("the secret is another one")
	ErrUnclean = errors.New("the output holds the invocation's secret where it cannot be taken out")
	ErrOver    = errors.New("the invocation is completed already, or its time is over")
	ErrKey     = errors.New("no key opens the subscription's secrets: put back the one that sealed them, or delete the subscription and make it anew")
)
