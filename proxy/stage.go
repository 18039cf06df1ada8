// Package proxy is the request road: an IGA connector calls a Sluice URL, and Sluice calls the vendor.
//
// Front is the door (the only place that knows Fiber): it finds the connection, admits the consumer, and hands the request to that
// connection's chain. The chain is made of stages, each one concern, each an http.RoundTripper around the next:
//
//	observe → written → cache → transform → signin → retry → breaker → pace → auth → wire
//
// Upstreams keeps one chain per connection and is what the front, the aggregator and `sluice try` share, so that all traffic to a
// vendor spends one budget. Stages are built once per configuration and hold nothing of any one request; what must outlive a
// reload (pace, breakers, tokens, connections) is kept by connection and settings. A request's own facts are in its Call.
//
// This package never follows a redirect, never sends anything but to a connection's base URL, and never writes a credential
// anywhere but on the wire.
package proxy

import "net/http"

// Stage is one concern on the way to a vendor. It returns next itself when it has nothing to do, so that it is not in the chain.
//
// A stage obeys http.RoundTripper's contract (the request is not changed but for its body; it may be cloned), closes the body
// of every answer that it does not pass on, and returns a *fault.Error where the caller could act on the reason.
type Stage func(next http.RoundTripper) http.RoundTripper

// Chain builds the way to wire. The stage named first sees the request first; a nil stage is absent.
func Chain(wire http.RoundTripper, stages ...Stage) http.RoundTripper {
	for i := len(stages) - 1; i >= 0; i-- {
		if stages[i] != nil {
			wire = stages[i](wire)
		}
	}
	return wire
}

// roundTrip is a RoundTripper that is only a function.
type roundTrip func(*http.Request) (*http.Response, error)

// RoundTrip implements http.RoundTripper.
func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
