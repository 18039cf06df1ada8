package main

import (
	"errors"
	"net/http"
	"time"

	"sluice/connectors"
	"sluice/internal/fault"
	"sluice/proxy"
)

// bulk is the aggregator's way to a vendor: the chain that all traffic shares, in the lane that yields to the others. A place
// that is further away than a caller may be held is waited for here, so that a partition keeps its worker and nothing is read twice.
type bulk struct {
	next   http.RoundTripper
	id     string // of all its calls
	called func(held time.Duration)
}

// bulkClient returns a client that reaches a connection's vendor, and tells of each call how long it was held.
func bulkClient(upstreams *proxy.Upstreams) func(connection, id string, called func(time.Duration)) (*http.Client, error) {
	return func(connection, id string, called func(time.Duration)) (*http.Client, error) {
		client, err := upstreams.Client(connection)
		if err != nil {
			return nil, err
		}
		client.Transport = &bulk{next: client.Transport, id: id, called: called}
		return client, nil
	}
}

// RoundTrip implements http.RoundTripper.
func (b *bulk) RoundTrip(r *http.Request) (*http.Response, error) {
	var held time.Duration
	ctx := proxy.WithID(proxy.InLane(r.Context(), connectors.Bulk), b.id)
	for {
		try := r.Clone(ctx)
		if r.GetBody != nil {
			body, err := r.GetBody()
			if err != nil {
				return nil, err
			}
			try.Body = body
		}
		resp, err := b.next.RoundTrip(try)
		wait, full := turnedAway(err)
		if !full {
			held += heldOf(resp)
			if !refusedHere(err) {
				b.called(held)
			}
			return resp, err
		}
		if err := sleep(r.Context(), wait); err != nil {
			return nil, err
		}
		held += wait
	}
}

// heldOf is how long pace held the call of an answer, which may be nil.
func heldOf(resp *http.Response) time.Duration {
	if resp == nil || resp.Request == nil {
		return 0
	}
	call := proxy.CallOf(resp.Request.Context())
	if call == nil {
		return 0
	}
	return call.Held
}

// refusedHere tells whether a call was refused on this side and never went: by an open breaker, or by pace for good.
func refusedHere(err error) bool {
	refused, ok := errors.AsType[*fault.Error](err)
	return ok && (refused.Stage == "breaker" || refused.Stage == "pace")
}

// turnedAway tells whether pace refused a call before it was sent, and when it may be sent.
func turnedAway(err error) (wait time.Duration, yes bool) {
	refused, ok := errors.AsType[*fault.Error](err)
	if !ok || refused.Stage != "pace" || refused.RetryAfter <= 0 {
		return 0, false
	}
	return refused.RetryAfter, true
}
