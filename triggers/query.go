package triggers

import "time"

// Query asks for invocations. Zero fields ask for nothing in particular.
type Query struct {
	IDs          []string
	Subscription string
	Trigger      string
	States       []State
	After        time.Time // created at or after
	Before       time.Time // created before
	Beyond       int64     // with a higher Seq
	Limit        int       // 0 = 250
	Newest       bool      // first; otherwise the oldest
}
