package proxy

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"sluice/connectors"
	"sluice/internal/fault"
)

// Outcome is what the stages made of a tried request.
type Outcome struct {
	Route    string        `json:"route"`
	Answered string        `json:"answered"` // who answered: wire, cache, breaker, pace …
	Cached   string        `json:"cached,omitempty"`
	Attempts int           `json:"attempts,omitempty"`
	Held     time.Duration `json:"held"` // nanoseconds, as all durations of a trace
	Unread   int           `json:"unread,omitempty"`
}

// Try sends one request through a connection's chain, as the front would for a consumer with this view (nil: raw), and notes what
// happens to it. Only the path and query of r's URL count; they are relative to the connection's base URL. The trace is there
// whatever happens, unless the connection is unknown; it is whole once the answer's body has been read and closed. An error is a
// *fault.Error where a caller would have been told of it.
func (u *Upstreams) Try(ctx context.Context, connection string, view *connectors.View, r *http.Request) (*http.Response, *Trace, error) {
	up, ok := u.live.Load().byName[connection]
	if !ok {
		return nil, nil, unknownConnection(connection)
	}
	if view == nil {
		view = inside.View
	}
	call := newCall(ctx, time.Time{})
	call.Arrived = time.Now()
	call.Connection, call.View = up.connection, view
	call.Consumer = &connectors.Consumer{Name: inside.Name, View: view, ChooseLane: inside.ChooseLane}
	call.Route = up.connection.Route(r.Method, rawPath(r))
	call.Lane = call.Consumer.Lane(call.Route, r.Method, laneIn(ctx))
	call.Caller = Address{Scheme: "http://", Host: "sluice", Prefix: "/" + connection}
	total := up.connection.Timeouts.Total
	if call.Route.Total > 0 {
		total = call.Route.Total
	}
	if total > 0 {
		call.deadline = call.Arrived.Add(total)
	}
	call.trace = NewTrace(up.connection)
	call.trace.call = call
	resp, err := up.chain.RoundTrip(r.WithContext(call))
	if err != nil {
		call.end(context.Canceled)
		return nil, call.trace, err
	}
	resp.Body = &endBody{ReadCloser: resp.Body, end: func() { call.end(context.Canceled) }}
	return resp, call.trace, nil
}

// Outcome returns what the stages made of the request. Only a trace of Try has one.
func (t *Trace) Outcome() Outcome {
	c := t.call
	if c == nil {
		return Outcome{}
	}
	return Outcome{Route: c.Route.Name, Answered: c.Answered, Cached: c.Cached, Attempts: c.Attempts, Held: c.Held, Unread: c.Unread}
}

// Shown returns an answer of Try as it may be shown: secrets blanked, and of a sign-in the whole body unless it is the JSON that we make.
func (t *Trace) Shown(resp *http.Response, body []byte) (header http.Header, text string) {
	header = t.blankHeader(resp.Header)
	if t.call != nil && t.call.Route.SignIn != nil && resp.StatusCode/100 == 2 && !isOurToken(body) {
		return header, redacted
	}
	return header, redactBody(t.blankSecrets(string(body)))
}

// isOurToken tells the token JSON of a view, whose only secret is access_token, from a vendor's own, whose names nobody knows.
func isOurToken(body []byte) bool {
	var fields map[string]json.RawMessage
	if json.Unmarshal(body, &fields) != nil {
		return false
	}
	for _, ours := range []string{"access_token", "token_type", "expires_in"} {
		delete(fields, ours)
	}
	return len(fields) == 0
}

// Why returns an error of Try as it may be shown to an operator: code, message and cause, with secrets blanked.
func (t *Trace) Why(err error) string {
	why := fault.Of(err)
	text := fmt.Sprintf("%d %s: %s", why.Status, why.Code, why.Message)
	if why.Err != nil {
		text += " (" + why.Err.Error() + ")"
	}
	return t.blank(text)
}

// Target is a request's path and query as they may be shown.
func (t *Trace) Target(r *http.Request) string { return t.blank(redactTarget(target(r))) }
