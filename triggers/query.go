package triggers

import "time"

// Query asks for invocations. Zero fields ask for nothing in particular.
type Query struct {
	IDs          []string
	Subscription string
	Trigger      string
	States       []State
	Event        int64     // the number of its event in the outbox
	Real         bool      // no tests
	Undecided    bool      // of a replay: with what is dead because its filter failed
	After        time.Time // created at or after
	Before       time.Time // created before
	Beyond       int64     // with a higher Seq
	Limit        int       // 0 = 250
	Newest       bool      // first; otherwise the oldest
	Bare         bool      // without payload, content and output, which are long
}

// EventQuery asks for events of the outbox. Zero fields ask for nothing in particular.
type EventQuery struct {
	IDs     []string
	Type    string
	Source  string
	Subject string
	Since   time.Time // found at or after
	Beyond  int64     // with a higher number
	Limit   int       // 0 = 250
	Newest  bool      // first; otherwise the oldest
}
