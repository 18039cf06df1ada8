package proxy

import (
	"errors"
	"fmt"
	"net/http"

	"sluice/connectors"
	"sluice/internal/fault"
)

// breaker leaves a failing vendor alone: each route group of a connection has a circuit, which opens on consecutive failures or on a
// share of failures, answers 503 at once while it is open, and then lets a few probes through.
//
//	closed     every call goes; the counts start anew each window
//	open       no call goes, until conn.Breaker.Open has passed
//	half-open  at most conn.Breaker.Probes calls are out; so many that succeed in a row close it, one failure opens it
//
// A call fails when the vendor answers 5xx, not in time, or cannot be reached; what was decided on this side of the wire, by the
// caller or by us, says nothing of the vendor and is not counted. Neither is a 4xx, save that it closes a half-open circuit: a
// vendor that finds fault with a request is up again.
func (u *Upstreams) breaker(conn *connectors.Connection) Stage {
	if conn.Breaker.Off {
		return nil
	}
	settings := fmt.Sprint(conn.Base, conn.Breaker) // another host is another vendor to have failed
	circuits, _ := keep(&u.kept, keptKey("breaker", conn.Name, settings), func() (*circuits, error) {
		return &circuits{
			connection: conn.Name, rule: conn.Breaker, log: u.opts.Log, metrics: u.opts.Metrics, byGroup: map[string]*circuit{},
		}, nil
	})
	return func(next http.RoundTripper) http.RoundTripper { return &breaking{next: next, circuits: circuits} }
}

type breaking struct {
	next     http.RoundTripper
	circuits *circuits
}

// RoundTrip implements http.RoundTripper.
func (b *breaking) RoundTrip(r *http.Request) (*http.Response, error) {
	call := CallOf(r.Context())
	circuit := b.circuits.of(call.Route.Group)
	done, err := circuit.two.Allow()
	if err != nil {
		dropBody(r)
		return nil, circuit.refuse(call)
	}
	outcome := errUncounted // what a panic leaves: a probe's place must come back whatever happens
	defer func() { done(outcome) }()
	resp, err := b.next.RoundTrip(r)
	if err != nil {
		outcome = outcomeOf(call, err)
		return nil, err
	}
	switch {
	case call.Refused || resp.StatusCode == http.StatusTooManyRequests:
	case resp.StatusCode >= http.StatusInternalServerError:
		outcome = errFailed
	case resp.StatusCode >= http.StatusBadRequest:
		outcome = errAlive
	default:
		outcome = nil
	}
	return resp, nil
}

// What gobreaker is told of a call; nil is a success.
var (
	errFailed    = errors.New("the vendor failed")
	errAlive     = errors.New("the vendor is up and found fault with the request")
	errUncounted = errors.New("the call says nothing of the vendor")
)

// outcomeOf tells the vendor's failures from everybody else's. A deadline that passed before
// the wire had the call comes without a fault.
func outcomeOf(call *Call, err error) error {
	if isHangUp(err) {
		return errUncounted
	}
	f, ok := errors.AsType[*fault.Error](err)
	if !ok {
		if call.Err() != nil {
			return errUncounted
		}
		return errFailed
	}
	switch f.Code {
	case "vendor_unreachable", "vendor_timeout", "vendor_tls", "vendor_protocol", "sign_in_failed":
		return errFailed
	}
	return errUncounted
}

// dropBody closes the body of a request that a stage answers itself, as http.RoundTripper demands.
func dropBody(r *http.Request) {
	if r.Body != nil {
		_ = r.Body.Close()
	}
}
