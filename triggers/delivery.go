package triggers

import (
	"context"
	"encoding/json"
	"errors"
	"time"
)

// Delivery is one attempt at an invocation: what is sent, and to whom.
type Delivery struct {
	Subscription *Subscription // with its secrets
	Invocation   Invocation
	Kind         Kind            // of the trigger
	Body         json.RawMessage // the event's data, with _metadata where the receiver gets it
	Event        Event
}

// Answer is what a receiver said. It may come beside an error, for the record. Whether a body is the output that was asked for, and whether a
// 202 promises one, is for whoever asked to say: a sender calls every 2xx an answer.
type Answer struct {
	Status int    // of HTTP, or as near as a broker comes to it; 0 where there is none
	Body   []byte // its first MiB, without the secrets of the subscription and the invocation
	Hidden bool   // a secret was taken out of Body
	Cut    bool   // there was more, or it broke off where no output was wanted
}

// Sender sends deliveries. It may be called twice for one delivery, at once for many, and never by itself tries again. An error of Permanent or
// RetryAfter says more than that it did not work. Neither its text nor the answer ever holds a secret, though the receiver was sent some.
type Sender interface {
	Send(ctx context.Context, d Delivery) (Answer, error)
}

// Batcher is a Sender that takes several deliveries of one subscription at once, at most Most of them. There is an outcome for each, at its
// place. Where one fails, those after it may have been taken; so a subject whose events go in order has one of them in a batch.
type Batcher interface {
	Sender
	Most() int
	SendAll(ctx context.Context, all []Delivery) []error
}

// verdict is an error that says when to try again.
type verdict struct {
	err       error
	permanent bool
	after     time.Duration
}

func (v *verdict) Error() string { return v.err.Error() }
func (v *verdict) Unwrap() error { return v.err }

// Permanent says that no later attempt will heal an error.
func Permanent(err error) error { return &verdict{err: err, permanent: true} }

// RetryAfter says that the receiver has said when to try again.
func RetryAfter(d time.Duration, err error) error { return &verdict{err: err, after: d} }

// IsPermanent tells whether no later attempt will heal an error.
func IsPermanent(err error) bool {
	v, ok := errors.AsType[*verdict](err)
	return ok && v.permanent
}

// AfterOf is how long the receiver wants to be left alone; 0 where it did not say.
func AfterOf(err error) time.Duration {
	if v, ok := errors.AsType[*verdict](err); ok {
		return v.after
	}
	return 0
}
