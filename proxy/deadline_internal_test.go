package proxy

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"sluice/connectors"
)

// TestDeadlineInside: a call from within the house ends with its route's time or its connection's; a bulk one with its caller's alone.
func TestDeadlineInside(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		up := &upstream{connection: &connectors.Connection{Timeouts: connectors.Timeouts{Total: time.Minute}}}
		long := &connectors.Route{Total: 3 * time.Minute}
		soon, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		for name, c := range map[string]struct {
			ctx   context.Context
			route *connectors.Route
			want  time.Duration // from now; 0: never
		}{
			"of the connection":   {t.Context(), &connectors.Route{}, time.Minute},
			"of no route":         {t.Context(), nil, time.Minute},
			"of the route":        {t.Context(), long, 3 * time.Minute},
			"of the caller":       {soon, long, time.Second},
			"critical":            {InLane(t.Context(), connectors.Critical), long, 3 * time.Minute},
			"bulk":                {InLane(t.Context(), connectors.Bulk), long, 0},
			"of the caller, bulk": {InLane(soon, connectors.Bulk), long, time.Second},
		} {
			got := time.Duration(0)
			if end := up.deadline(c.ctx, c.route); !end.IsZero() {
				got = time.Until(end)
			}
			if got != c.want {
				t.Errorf("%s: got %v, want %v", name, got, c.want)
			}
		}
	})
}
