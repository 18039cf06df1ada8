package auth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"sluice/internal/fault"
)

// answered is a sign-in that the vendor answered, and not with a token. It holds nothing of the answer but what cannot be secret: an
// error body may well repeat what was sent.
type answered struct {
	status     int
	code       string        // error code of RFC 6749, 5.2, when it is one of them
	retryAfter time.Duration // 0 = not said
	cause      string        // our own words
}

// Error implements error.
func (a *answered) Error() string {
	said := "the vendor answered " + strconv.Itoa(a.status)
	if a.code != "" {
		said += " " + a.code
	}
	if a.cause != "" {
		said += ": " + a.cause
	}
	return said
}

// refusal reports whether the vendor said no to the credential itself.
func (a *answered) refusal() bool {
	switch a.code {
	case "invalid_client", "invalid_grant", "unauthorized_client":
		return true
	}
	return a.status == http.StatusUnauthorized || a.status == http.StatusForbidden
}

// failure turns what went wrong in a sign-in into the fault that callers get: sign_in_refused (502: the credential is wrong),
// sign_in_limited (429: the vendor wants fewer sign-ins), sign_in_failed (502 or 504: all else). What the vendor has no part in, a
// full queue on the way or no connection of ours to be had, is passed on: the breaker counts a sign_in_failed.
func (k *kit) failure(err error) error {
	if a, ok := errors.AsType[*answered](err); ok {
		return k.said(a)
	}
	if f, ok := errors.AsType[*fault.Error](err); ok && (f.Stage != "wire" || f.Code == "connections_busy" || f.Code == "out_of_time") {
		return f
	} else if ok {
		status := http.StatusBadGateway
		if f.Status == http.StatusGatewayTimeout {
			status = f.Status
		}
		return fault.New(stage, status, "sign_in_failed", "signing in for connection %s: %s", k.conn.Name, f.Message).Because(err)
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return fault.New(stage, http.StatusGatewayTimeout, "sign_in_failed",
			"signing in for connection %s: the vendor did not answer in time", k.conn.Name).Because(err)
	}
	return fault.New(stage, http.StatusBadGateway, "sign_in_failed",
		"signing in for connection %s did not work; the log says why", k.conn.Name).Because(err)
}

func (k *kit) said(a *answered) error {
	switch {
	case a.refusal():
		return fault.New(stage, http.StatusBadGateway, "sign_in_refused",
			"the vendor refused to sign in; check the %s of connection %s", k.credentials(), k.conn.Name).Because(a)
	case a.status == http.StatusTooManyRequests:
		return fault.New(stage, http.StatusTooManyRequests, "sign_in_limited",
			"the vendor permits no more sign-ins for now; connection %s waits", k.conn.Name).After(max(a.retryAfter, time.Second)).Because(a)
	case a.status >= 500:
		return fault.New(stage, http.StatusBadGateway, "sign_in_failed",
			"signing in for connection %s: the vendor answered %d", k.conn.Name, a.status).Because(a)
	}
	return fault.New(stage, http.StatusBadGateway, "sign_in_failed",
		"signing in for connection %s: the vendor answered %d and no token; check the connector's auth and the %s", k.conn.Name, a.status, k.credentials()).Because(a)
}

// credentials names what an admin should look at.
func (k *kit) credentials() string {
	names := slices.Sorted(slices.Values(k.conn.Connector.Credentials))
	if len(names) == 0 {
		return "credentials"
	}
	return fmt.Sprintf("credentials %s", strings.Join(names, ", "))
}

func isRefused(err error) bool {
	f, ok := errors.AsType[*fault.Error](err)
	return ok && f.Code == "sign_in_refused"
}

// The first and the longest pause after a sign-in that the vendor answered with no: many vendors lock an account after a few.
const (
	firstPause   = 10 * time.Second
	longestPause = 5 * time.Minute
)

// pause keeps err for as long as signing in again makes no sense. A vendor that cannot be reached, or fails, is asked again with the
// next call: that is for the breaker to judge. The caller holds h.mu.
func (h *Held) pause(err error) {
	f, ok := errors.AsType[*fault.Error](err)
	if !ok {
		return
	}
	a, ok := errors.AsType[*answered](f)
	switch {
	case !ok || a.status >= 500:
		return
	case a.status == http.StatusTooManyRequests:
		h.kept.Set(keyPause, f, f.RetryAfter)
		return
	}
	pause := min(firstPause<<min(h.failures, 5), longestPause)
	h.failures++
	f.RetryAfter = pause
	h.kept.Set(keyPause, f, pause)
}
