package dispatch_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"sluice/triggers"
	"sluice/triggers/dispatch"
)

func TestMetrics(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		tallies := map[string]triggers.Tally{}
		var broken error
		asked := 0
		m := dispatch.NewMetrics(func(context.Context) (map[string]triggers.Tally, error) { asked++; return tallies, broken }, slog.New(slog.DiscardHandler))
		http := &triggers.Subscription{ID: "one", Type: triggers.TypeHTTP}
		bus := &triggers.Subscription{ID: "two", Type: triggers.TypeEventBridge}
		for _, s := range []dispatch.Sent{
			{Subscription: http, Outcome: "retried", Took: time.Second, Since: time.Second},
			{Subscription: http, Outcome: "delivered", Took: 2 * time.Millisecond, Since: 4 * time.Second},
			{Subscription: bus, Outcome: "delivered", Took: 2 * time.Millisecond, Since: 20 * time.Millisecond},
		} {
			m.Seen(s)
		}
		tallies["one"] = triggers.Tally{Waiting: 3, Oldest: time.Now().Add(-time.Minute), Dead: 2, Paused: true}
		tallies["two"] = triggers.Tally{}
		want := `# HELP sluice_deliveries_total Attempts to deliver an event, by outcome: delivered, asked = taken and to be completed later, retried = failed and tried again later, dead = given up.
# TYPE sluice_deliveries_total counter
sluice_deliveries_total{outcome="delivered",subscription="one"} 1
sluice_deliveries_total{outcome="delivered",subscription="two"} 1
sluice_deliveries_total{outcome="retried",subscription="one"} 1
# HELP sluice_deliveries_waiting Events on their way to a subscription, in the database: the same on every node.
# TYPE sluice_deliveries_waiting gauge
sluice_deliveries_waiting{subscription="one"} 3
sluice_deliveries_waiting{subscription="two"} 0
# HELP sluice_deliveries_oldest_seconds Age of the oldest event on its way to a subscription; 0 = there is none.
# TYPE sluice_deliveries_oldest_seconds gauge
sluice_deliveries_oldest_seconds{subscription="one"} 60
sluice_deliveries_oldest_seconds{subscription="two"} 0
# HELP sluice_deliveries_dead Events that a subscription did not get, and that can be replayed.
# TYPE sluice_deliveries_dead gauge
sluice_deliveries_dead{subscription="one"} 2
sluice_deliveries_dead{subscription="two"} 0
# HELP sluice_subscription_paused 1 = nothing is delivered to an enabled subscription, because its circuit is open or an operator has paused it.
# TYPE sluice_subscription_paused gauge
sluice_subscription_paused{subscription="one"} 1
sluice_subscription_paused{subscription="two"} 0
`
		names := []string{"sluice_deliveries_total", "sluice_deliveries_waiting", "sluice_deliveries_oldest_seconds", "sluice_deliveries_dead", "sluice_subscription_paused"}
		if err := testutil.CollectAndCompare(m, strings.NewReader(want), names...); err != nil {
			t.Error(err)
		}
		if n := testutil.CollectAndCount(m, "sluice_delivery_latency_seconds"); n != 2 || asked != 1 {
			t.Errorf("got %d latencies after %d looks, want one for each of two kinds of receivers, and one look for several scrapes", n, asked)
		}

		// The first subscription is deleted; later the database is away.
		delete(tallies, "one")
		<-time.After(time.Minute)
		if n := testutil.CollectAndCount(m, "sluice_deliveries_total"); n != 1 {
			t.Errorf("a subscription that is no more: got %d counters, want the other's", n)
		}
		broken = errors.New("away")
		<-time.After(time.Minute)
		if n, gauges := testutil.CollectAndCount(m, "sluice_deliveries_total"), testutil.CollectAndCount(m, "sluice_deliveries_waiting"); n != 1 || gauges != 0 {
			t.Errorf("without a database: got %d counters and %d gauges, want what is counted here alone", n, gauges)
		}
	})
}
