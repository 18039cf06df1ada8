package connectors

import (
	"time"

	"sluice/internal/strict"
)

// Test proves a connector: what the caller gets for a recorded answer of the vendor.
type Test struct {
	Name    string
	View    string
	Now     time.Time // what the clock says when the answer comes; zero = now
	Request Exchange
	Sent    *Exchange // what the vendor must have got; nil = not checked
	Answer  Exchange
	Expect  Exchange
	Unread  int                                                // how many values transforms must leave as they were because they cannot be read
	Where   func(key, format string, args ...any) strict.Fault // a fault of this test at one of its keys, such as expect.status
}

// Exchange is a request or an answer written down in a Test.
type Exchange struct {
	Method, Path string
	Status       int                 // in Expect, 200 … 599: that of the answer when it is not written
	Headers      map[string][]string // in Expect: an empty list means the header must be absent
	Body         string
	JSON         any // instead of Body; in Expect compared as JSON
	HasBody      bool
}
