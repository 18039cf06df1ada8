package transforms

import (
	"strconv"
	"time"
)

// buildStatus: status gives an answer another status, where a vendor says "too many" by 400, 403 or 200.
//
//	when: {status: 403, body_contains: userRateLimitExceeded}     required
//	to: 429                                                       the default
//	retry_after: 60s                                              written when the answer has none
//
// The vendor's own status stays readable in X-Upstream-Status.
func buildStatus(a *fields) Func {
	if !a.conditional {
		a.fault("", "when is missing: without it every answer would get the status")
	}
	to := a.whole("to", 429, 200, 599)
	wait := a.span("retry_after", 0)
	return Func{
		Wants: func(m *Message) bool { return !m.Request },
		Apply: func(m *Message) error {
			if m.Request || m.Status == to {
				return nil
			}
			setHeader(m.Header, "X-Upstream-Status", strconv.Itoa(m.Status))
			m.Status = to
			if wait > 0 && len(m.Header["Retry-After"]) == 0 {
				setHeader(m.Header, "Retry-After", strconv.FormatInt(ceil(wait, time.Second), 10))
			}
			return nil
		},
	}
}
