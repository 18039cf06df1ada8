package proxy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"time"

	"sluice/connectors"
	"sluice/internal/fault"
	"sluice/proxy/wire"
	"sluice/transforms"
)

// retry sends a call again when that is safe, would help, and fits in the time that its caller gives.
//
// Safe is: whatever never reached the vendor; whatever the vendor refused to do (429, what its connector says means "too many", 503
// with a Retry-After); and else only a route that may be sent twice. It would help after 502, 503, 504 and a connection that broke or
// timed out. A 500 is not among them: it is the vendor's answer to this very request, and a second one would be the same. Nor are
// faults of TLS, of the vendor's HTTP, of sign-in or of our own stages, which do not pass by themselves.
func (u *Upstreams) retry(conn *connectors.Connection) Stage {
	return func(next http.RoundTripper) http.RoundTripper {
		return &retrier{next: next, conn: conn, metrics: u.opts.Metrics}
	}
}

type retrier struct {
	next    http.RoundTripper
	conn    *connectors.Connection
	metrics *Metrics
}

// RoundTrip implements http.RoundTripper.
func (t *retrier) RoundTrip(r *http.Request) (*http.Response, error) {
	call := CallOf(r.Context())
	sent, waited := r, time.Duration(0)
	for attempt := 1; ; attempt++ {
		call.Attempts = attempt
		call.again = call.Refused // of the try before, which pace lets go first
		call.Refused = false
		resp, err := t.next.RoundTrip(sent)
		if attempt >= t.conn.Retry.Attempts {
			return resp, err
		}
		why := reason(call, r, resp, err)
		if why == "" {
			return resp, err
		}
		pause, fits := t.pause(call, resp, attempt, waited)
		if !fits {
			call.Note("retry", "%s, but another try does not fit in the caller's time", why)
			return resp, err
		}
		again, ok := replay(r)
		if !ok {
			call.Note("retry", "%s, but the request's body cannot be read again", why)
			return resp, err
		}
		drain(resp)
		call.Note("retry", "%s: once more in %s", why, pause.Round(time.Millisecond))
		if err := rest(r.Context(), pause); err != nil {
			dropBody(again)
			return nil, outOfTime("retry", "another try", err)
		}
		t.metrics.Retried(t.conn.Name, why)
		sent, waited = again, waited+pause
	}
}

// reason says why a call may be sent again; "" when it may not or need not. The words are metric labels.
func reason(call *Call, r *http.Request, resp *http.Response, err error) string {
	if err != nil {
		return reasonOf(err, call, r)
	}
	switch status := resp.StatusCode; {
	case call.Refused || status == http.StatusTooManyRequests:
		return "refused"
	case status < http.StatusBadGateway || status > http.StatusGatewayTimeout:
		return ""
	case status == http.StatusServiceUnavailable && says(retryAfter(resp)):
		return "refused"
	case !repeatable(call.Route, r.Method):
		return ""
	case status == http.StatusBadGateway:
		return "502"
	case status == http.StatusServiceUnavailable:
		return "503"
	}
	return "504"
}

// reasonOf is reason for a call without an answer.
func reasonOf(err error, call *Call, r *http.Request) string {
	if call.Err() != nil || isHangUp(err) {
		return ""
	}
	why := "vendor_unreachable"
	if f, ok := errors.AsType[*fault.Error](err); ok {
		why = f.Code
	}
	switch why {
	case "vendor_unreachable", "vendor_timeout", "connections_busy":
	default:
		return ""
	}
	switch {
	case wire.NotSent(err):
		return "not_sent"
	case repeatable(call.Route, r.Method):
		return why
	}
	return ""
}

// repeatable says whether a call may be sent twice. Of a route for all methods its connector could not say so of one.
func repeatable(route *connectors.Route, method string) bool {
	if route.Safe || route.Method != "*" {
		return route.Safe
	}
	return method == http.MethodGet || method == http.MethodHead || method == http.MethodOptions
}

// pause is how long to wait before the next try, and whether that fits in the caller's patience and deadline. What the vendor asks for is
// obeyed in full; else the pause is drawn from the whole of an interval that doubles each time ("full jitter"), so that
// callers who failed together do not come back together.
func (t *retrier) pause(call *Call, resp *http.Response, attempt int, waited time.Duration) (pause time.Duration, fits bool) {
	asked := asked(call, resp)
	if !call.Refused { // else the bucket has heard of it: pace holds the next try as long as it must, before its consumer's other calls
		pause = max(asked, backoff(t.conn.Retry, attempt))
	}
	wait := max(pause, asked)
	patience := t.conn.Bounds.MaxHold
	if call.Consumer.MaxHold > 0 {
		patience = call.Consumer.MaxHold
	}
	if call.Held+waited+wait > patience {
		return pause, false
	}
	deadline, ok := call.Deadline()
	return pause, !ok || time.Now().Add(wait).Before(deadline)
}

// backoff draws the pause after an attempt.
func backoff(rule connectors.Retry, attempt int) time.Duration {
	longest := rule.Base
	for ; attempt > 1 && longest < rule.Max; attempt-- {
		longest *= 2
	}
	return rand.N(max(min(longest, rule.Max), 1))
}

// asked is the pause that an answer asks for; 0 when it asks for none that can be read.
func asked(call *Call, resp *http.Response) time.Duration {
	if resp == nil {
		return 0
	}
	longest, _ := retryAfter(resp)
	if call.Refused {
		for i := range call.Limits { // the vendor may say it in a header of its own
			longest = max(longest, call.Limits[i].RetryAfter)
		}
	}
	return longest
}

// retryAfter reads the Retry-After of an answer. A date counts from the answer's own, so that a wrong clock cancels.
func retryAfter(resp *http.Response) (wait time.Duration, said bool) {
	value := resp.Header.Get("Retry-After")
	if value == "" {
		return 0, false
	}
	now := time.Now()
	if date, err := transforms.ParseTime(resp.Header.Get("Date"), transforms.HTTPDate, now); err == nil {
		now = date
	}
	wait, err := transforms.ParseWait(value, transforms.RetryAfter, now)
	return wait, err == nil
}

func says(_ time.Duration, said bool) bool { return said }

// replay returns r as it can be sent again.
func replay(r *http.Request) (*http.Request, bool) {
	if r.Body == nil || r.Body == http.NoBody {
		return r, true
	}
	if r.GetBody == nil {
		return nil, false
	}
	body, err := r.GetBody()
	if err != nil {
		return nil, false
	}
	again := *r
	again.Body = body
	return &again, true
}

// drainAtMost is how much of an unwanted answer is read so that its connection can be used again; a longer one is cheaper to cut off.
const drainAtMost = 64 << 10

func drain(resp *http.Response) {
	if resp == nil {
		return
	}
	_, _ = io.CopyN(io.Discard, resp.Body, drainAtMost)
	_ = resp.Body.Close()
}

// outOfTime is the error of a call that ended while it waited for something.
func outOfTime(stage, something string, err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return fault.New(stage, http.StatusGatewayTimeout, "out_of_time", "the time for this request ended while it waited for %s", something).Because(err)
	}
	return fmt.Errorf("wait for %s: %w", something, err)
}

// rest waits for d or until ctx ends, whose error it then returns.
func rest(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
