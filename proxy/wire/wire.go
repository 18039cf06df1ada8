// Package wire is the last stage of a connection's chain: an http.RoundTripper that really calls the vendor.
//
// The proxy's Upstreams builds one Wire per connection and closes it when a reload replaces it. A call's URL names only a path
// and query relative to Options.Base, and Base is the only destination: URL.Scheme and URL.Host are ignored, redirects are
// handed back unfollowed. The path goes out byte for byte as the caller wrote it (URL.RawPath, URL.RawQuery) or not at all.
//
// Two engines do the work. "fasthttp" speaks HTTP/1.1 with fasthttp's request writer over a pool of our own, whose waits and
// dials obey the call's context, and reads answers with a reader of our own that is stricter than fasthttp's: an answer that two
// readers could frame differently is refused and its connection closed. "nethttp" is net/http's Transport: HTTP/2, and anything
// the first cannot do. Both share one dialer, which refuses private addresses at the moment of dialling, binds an address of the
// egress pool, passes an HTTP proxy, and makes the TLS session.
//
// Decisions that callers may lean on:
//   - Framing is in http.Request.ContentLength and http.Response.ContentLength (-1 = not known), never in the header.
//   - Hop-by-hop headers and Expect end here; trailers of either side are read and dropped; Upgrade is refused with 501.
//   - CONNECT and TRACE are refused with 501: an answer to TRACE would show the caller what the auth stage has put on the request.
//   - Interim 1xx answers are skipped; a 101 that nobody asked for is vendor_protocol.
//   - Nothing is added: no User-Agent, no Accept-Encoding; a compressed body stays as it is.
//   - A kept connection is looked at before each use; one that the vendor closed or spoke on unasked is replaced. If it breaks
//     between that look and the answer, a GET, HEAD or OPTIONS without a body is sent once more on a fresh one. Nothing else
//     is ever sent twice; NotSent tells a stage above when it may.
//   - Every failure is a *fault.Error of stage "wire", save that of a caller who hung up: that is context.Canceled, wrapped.
//
// It never follows a redirect, reads a configuration, holds a credential or logs.
package wire

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"sync/atomic"

	"sluice/internal/fault"
)

// Wire calls one connection's vendor. It is safe for concurrent use.
type Wire struct {
	options Options
	prefix  string // Base's escaped path without the last slash
	engine  engine
	turn    atomic.Uint32 // whose turn it is in the egress pool
}

// engine sends one request whose target is already built, from one local address.
type engine interface {
	call(req *http.Request, target []byte, from netip.Addr) (*http.Response, error)
	closeIdle()
}

// New checks o, reads its certificate files and returns a Wire that has not dialled yet. The error names the option at fault.
func New(o Options) (*Wire, error) {
	o, err := o.complete()
	if err != nil {
		return nil, fmt.Errorf("wire: %w", err)
	}
	d, err := newDialer(o)
	if err != nil {
		return nil, fmt.Errorf("wire: %w", err)
	}
	w := &Wire{options: o, prefix: prefixOf(o.Base)}
	if o.Engine == NetHTTP {
		w.engine = newStd(o, d)
	} else {
		w.engine = newFast(o, d)
	}
	return w, nil
}

// RoundTrip sends req to Base and returns the vendor's answer, whatever its status. req is not changed and its body is closed.
// The answer's body must be closed; a small one is a *Whole, already in memory with its connection back in the pool.
func (w *Wire) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := w.roundTrip(req)
	if err != nil && req.Body != nil {
		req.Body.Close()
	}
	return resp, err
}

func (w *Wire) roundTrip(req *http.Request) (*http.Response, error) {
	ctx := req.Context()
	if err := ended(ctx); err != nil {
		return nil, blame(ctx, dialing, errors.Join(errLate, err))
	}
	if err := w.check(req); err != nil {
		return nil, err
	}
	from, err := w.egress(req)
	if err != nil {
		return nil, err
	}
	var room [256]byte
	target, err := appendTarget(room[:0], w.prefix, req.URL)
	if err != nil {
		return nil, err
	}
	return w.engine.call(req, target, from)
}

// check refuses what cannot be sent before anything is dialled.
func (w *Wire) check(req *http.Request) error {
	if why := methodRefused(req.Method); why != nil {
		return why.Because(unsent{errors.New("method refused")})
	}
	if len(req.Header["Upgrade"]) > 0 {
		return fault.New(stage, http.StatusNotImplemented, "upgrade_refused",
			"protocol upgrades are not passed on; call again without the Upgrade header").Because(unsent{errors.New("upgrade refused")})
	}
	if req.ContentLength > w.options.MaxRequestBody {
		return blame(req.Context(), dialing, errRequestTooLarge)
	}
	return nil
}

// methodRefused is the fault of a method that does not go out, or nil. An answer to TRACE is the request as the vendor got it (RFC 9110
// section 9.3.8), and TRACK is what old IIS calls the same: the caller would read the credential that the auth stage put on. Case
// does not save a method, as not every vendor minds it.
func methodRefused(method string) *fault.Error {
	if !token(method) {
		return fault.New(stage, http.StatusBadRequest, "method_refused", "this method is not a word that HTTP allows")
	}
	for _, barred := range [...]string{http.MethodTrace, "TRACK", http.MethodConnect} {
		if strings.EqualFold(method, barred) {
			return fault.New(stage, http.StatusNotImplemented, "method_refused", "%s is never passed on; use another method", barred)
		}
	}
	return nil
}

// egress is the local address for req: the one it was paced for, else the next in the pool, else the system's choice.
func (w *Wire) egress(req *http.Request) (netip.Addr, error) {
	pool := w.options.Egress
	if len(pool) == 0 {
		return netip.Addr{}, nil
	}
	if w.options.EgressOf != nil {
		if a := w.options.EgressOf(req.Context()); a.IsValid() {
			for _, e := range pool {
				if e == a {
					return a, nil
				}
			}
			return a, fmt.Errorf("egress address %s is not in the connection's pool", a)
		}
	}
	return pool[int(w.turn.Add(1)-1)%len(pool)], nil
}

// Close closes idle connections. Calls in flight finish, and later ones still work but keep no connection.
func (w *Wire) Close() { w.engine.closeIdle() }
