package shadow

import "time"

// Kind is how a vendor's limiter counts.
type Kind uint8

// The kinds.
const (
	Unknown   Kind = iota // to be found out
	FirstCall             // a window that its first call opens (TeamDynamix)
	Fixed                 // windows on a grid whose phase is not known
	Clock                 // windows on a grid of the vendor's clock: the full hour, the full minute (DocuSign)
	Sliding               // at most so many calls in any span of the window
	Refill                // a bucket that refills evenly and holds Burst at most
)

var kindNames = [...]string{"unknown", "first_call", "fixed", "clock", "sliding", "bucket"}

// String is the kind's name, as configuration and pages spell it.
func (k Kind) String() string { return kindNames[k] }

// ParseKind reads a kind's name.
func ParseKind(name string) (Kind, bool) {
	for kind, known := range kindNames {
		if name == known {
			return Kind(kind), true
		}
	}
	return Unknown, false
}

// Rule is a limit as configured: at most Limit calls in Window. The zero Rule is a limit that must be learned.
type Rule struct {
	Limit      int           // calls per Window; 0 = to be learned
	Window     time.Duration // 0 = to be learned
	Kind       Kind
	Burst      int           // how many a bucket holds; 0 = Limit
	Spread     bool          // space calls evenly over the window
	Patience   time.Duration // how long callers wait at most; 0 = as long as it takes
	Concurrent int           // at most so many calls under way at once (NetSuite); then Limit and Window are not there
	Penalty    time.Duration // after a refusal the vendor answers nothing for so long (Airtable: 30 s); 0 = none
	Shared     bool          // places are leased from a pool that several nodes share: it counts, and not this model
	BulkFloor  float64       // share of the places that other lanes may never hold back from bulk
}

// Report is what an answer said of a limit, in the terms of the vendor's own clock. Limit and Remaining are in units; a call is one unit
// unless Cost says more or less.
type Report struct {
	Refused      bool          // the vendor refused this call: it did nothing
	HasLimit     bool          // Limit was in the answer
	HasRemaining bool          // Remaining was in the answer
	Limit        float64       // units per window
	Remaining    float64       // units left in the present one; Canvas writes fractions
	Cost         float64       // units that this call has cost; 0 = not said
	HasReset     bool          // ResetAfter was in the answer
	ResetAfter   time.Duration // from the answer's Date to the reset
	Window       time.Duration // length of the window, when the answer names it; 0 = not said
	RetryAfter   time.Duration // 0 = not said
}
