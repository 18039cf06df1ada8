package triggers

import "time"

// Tally is what an operator wants to know of a subscription's invocations.
type Tally struct {
	Waiting     int64 `json:"waiting"`     // to be sent, or sent again
	Asked       int64 `json:"asked"`       // sent, and the receiver's answer is to come
	Dead        int64 `json:"dead"`        // nobody sends them any more, unless they are replayed
	FilteredOut int64 `json:"filteredOut"` // events that its filter did not let through, since it was made

	Oldest time.Time `json:"oldest,omitzero"` // when the oldest came that waits, or was replayed; zero: none waits
	Paused bool      `json:"-"`               // shown with the subscription
}

// FilteredOut is an event that a subscription's filter did not let through.
type FilteredOut struct {
	Subscription string
	Seq          int64 // of the event in the outbox
	Event        Event // without its data
	Reason       string
}
