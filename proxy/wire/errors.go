package wire

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"

	"sluice/internal/addresses"
	"sluice/internal/fault"
)

const stage = "wire"

// phase is how far a call had come when it failed; it decides the words and whether resending is safe.
type phase int

const (
	dialing phase = iota // no byte of the request left us
	sending              // some may have left
	waiting              // the request is out, the answer's head is not in
	reading              // the head is in, the body is not
)

// unsent marks a failure before any byte of the request could reach the vendor.
type unsent struct{ error }

func (u unsent) Unwrap() error { return u.error }

// NotSent reports whether err is a failure of RoundTrip before any byte of the request could reach the vendor, so that sending
// the request again is safe for every method. It is false where the vendor may have acted: a connection that broke after the
// request was written, a timeout while waiting. A request with a body still needs a body that can be read again.
func NotSent(err error) bool {
	_, ok := errors.AsType[unsent](err)
	return ok
}

// errStale is a kept connection found closed by the vendor before a byte of the answer came.
var errStale = errors.New("the vendor closed the kept connection before answering")

// errTooLarge and its neighbours are causes that blame tells apart; each becomes one fault.
var (
	errAnswerTooLarge  = errors.New("the answer is larger than max_response_body")
	errRequestTooLarge = errors.New("the request body is larger than max_request_body")
	errRequestBody     = errors.New("the request body broke off or is not as long as announced")
	errProtocol        = errors.New("the vendor's answer is not valid HTTP")
	errBusy            = errors.New("every connection to the vendor is in use")
	errLate            = errors.New("the call's time was over before the vendor's turn came")
	errHandshake       = errors.New("TLS handshake")
	errIdle            = errors.New("no byte of the body came in time")
)

// malformed says what is wrong with a vendor's message; blame turns it into vendor_protocol.
func malformed(format string, args ...any) error {
	return fmt.Errorf("%w: %s", errProtocol, fmt.Sprintf(format, args...))
}

// refuse is the caller's fault: the target must not go out. Nothing was sent.
func refuse(why string) error {
	return fault.New(stage, http.StatusBadRequest, "destination_refused",
		"this path is refused: %s; send a path inside the connection's base path", why).Because(unsent{errors.New(why)})
}

// blame turns any failure of a call into the error that RoundTrip returns: the context's own error when the caller hung up,
// else a *fault.Error of stage "wire" whose message names no address of ours or the vendor's.
func blame(ctx context.Context, at phase, err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(ctx.Err(), context.Canceled) || errors.Is(err, context.Canceled) {
		return fmt.Errorf("call the vendor: %w", mark(at, errors.Join(context.Canceled, cause(ctx))))
	}
	if f, ok := errors.AsType[*fault.Error](err); ok {
		return f
	}
	return verdict(ctx, at, err).Because(mark(at, late(ctx, err)))
}

// cause is why ctx was cancelled, when whoever cancelled it said more than "cancelled".
func cause(ctx context.Context) error {
	if c := context.Cause(ctx); c != nil && !errors.Is(c, context.Canceled) {
		return c
	}
	return nil
}

// mark wraps err as unsent while nothing has left.
func mark(at phase, err error) error {
	if at == dialing {
		return unsent{err}
	}
	return err
}

// late joins context.DeadlineExceeded to what the context's deadline did to the socket: a context may carry a deadline without a
// timer of its own, and the stages above ask errors.Is.
func late(ctx context.Context, err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	d, ok := ctx.Deadline()
	if errors.Is(ctx.Err(), context.DeadlineExceeded) || ok && timedOut(err) && !time.Now().Before(d) {
		return errors.Join(context.DeadlineExceeded, err)
	}
	return err
}

// verdict finds the fault of a failure. What is no fault of the vendor's comes first: a deadline may have ended in our own queue, and
// the breaker counts a vendor_timeout.
func verdict(ctx context.Context, at phase, err error) *fault.Error {
	says := func(status int, code, message string) *fault.Error {
		return fault.New(stage, status, code, "%s", message)
	}
	switch {
	case errors.Is(err, addresses.ErrRefused):
		return says(http.StatusBadGateway, "destination_refused",
			"the vendor's name leads to an address that this connection may not reach; list its network under allow_networks if it is meant")
	case errors.Is(err, errRequestTooLarge):
		return says(http.StatusRequestEntityTooLarge, "request_too_large", "the request body is larger than this connection permits")
	case errors.Is(err, errRequestBody):
		return says(http.StatusBadRequest, "request_incomplete", "the request body broke off or is not as long as announced; send it again whole")
	case errors.Is(err, errAnswerTooLarge):
		return says(http.StatusBadGateway, "answer_too_large", "the vendor's answer is larger than this connection permits; ask for smaller pages")
	case errors.Is(err, errBusy):
		return says(http.StatusServiceUnavailable, "connections_busy", "every connection to the vendor is in use; try again shortly").After(time.Second)
	case errors.Is(err, errLate):
		return says(http.StatusGatewayTimeout, "out_of_time", "the time for this request ended before it could be sent; nothing was sent")
	case timedOut(err) || errors.Is(ctx.Err(), context.DeadlineExceeded):
		return says(http.StatusGatewayTimeout, "vendor_timeout", slow[at])
	case isTLS(err):
		return says(http.StatusBadGateway, "vendor_tls", "no trusted TLS session with the vendor; the log says which certificate or version is at fault")
	case errors.Is(err, errProtocol) && errors.Is(err, io.ErrUnexpectedEOF):
		return says(http.StatusBadGateway, "vendor_protocol", "the vendor's answer broke off before its end; whether it acted is unknown")
	case errors.Is(err, errProtocol):
		return says(http.StatusBadGateway, "vendor_protocol", "the vendor's answer is not valid HTTP and was thrown away")
	}
	return says(http.StatusBadGateway, "vendor_unreachable", broken[at])
}

var slow = [...]string{
	dialing: "the vendor took no connection in time",
	sending: "the vendor did not take the request in time",
	waiting: "the vendor did not begin to answer in time",
	reading: "the vendor's answer stopped before its end",
}

var broken = [...]string{
	dialing: "the vendor cannot be reached; nothing was sent",
	sending: "the connection to the vendor broke while sending; whether it acted is unknown",
	waiting: "the vendor closed the connection without an answer; whether it acted is unknown",
	reading: "the connection to the vendor broke before the answer's end",
}

func timedOut(err error) bool {
	if errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, errIdle) {
		return true
	}
	n, ok := errors.AsType[net.Error](err)
	return ok && n.Timeout()
}

// isTLS also knows what reaches us outside a handshake: with TLS 1.3 a refused client certificate shows in the first read.
func isTLS(err error) bool {
	if errors.Is(err, errHandshake) {
		return true
	}
	if _, ok := errors.AsType[tls.AlertError](err); ok {
		return true
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return true
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return true
	}
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return true
	}
	o, ok := errors.AsType[*net.OpError](err)
	return ok && (o.Op == "remote error" || o.Op == "local error") // how crypto/tls wraps an alert
}
