package proxy

import (
	"errors"
	"net/http"
	"slices"

	"sluice/connectors"
	"sluice/internal/fault"
)

// written tells the house which accounts a call has changed or may have changed, so that the next reading looks at them early. A call that
// the vendor refused (4xx), or that never left this process, has changed nothing; one whose answer broke off may have.
func (u *Upstreams) written(conn *connectors.Connection) Stage {
	tell := u.opts.Written
	writes := false
	for _, r := range conn.Connector.Resources {
		writes = writes || len(r.Writes) > 0
	}
	if tell == nil || !writes {
		return nil
	}
	return func(next http.RoundTripper) http.RoundTripper {
		return roundTrip(func(r *http.Request) (*http.Response, error) {
			resp, err := next.RoundTrip(r)
			if r.Method == http.MethodGet || r.Method == http.MethodHead {
				return resp, err
			}
			if acted(resp, err) {
				if changed := conn.Connector.Writes(r.Method, rawPath(r)); len(changed) > 0 {
					tell(conn.Name, changed)
				}
			}
			return resp, err
		})
	}
}

// acted tells whether the vendor has done what a call asked for, or may have.
func acted(resp *http.Response, err error) bool {
	if err == nil {
		return resp.StatusCode < 400 || resp.StatusCode >= 500
	}
	why, ok := errors.AsType[*fault.Error](err)
	return !ok || !slices.Contains(ourOwn, why.Stage)
}

// ourOwn are the stages that answer instead of sending.
var ourOwn = []string{"front", "cache", "transform", "breaker", "pace", "auth"}
