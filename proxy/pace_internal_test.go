package proxy

import (
	"context"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"sluice/connectors"
	"sluice/internal/fault"
	"sluice/proxy/pace/shadow"
)

// limited gives the rig's route two limits: a wide one that it shares and a narrow one of its own.
func limited(rig *stageRig) {
	rig.route.Rules = []*connectors.Rule{
		{Name: "all", Limit: 60, Window: time.Minute, Spread: true, Scope: "connection"},
		{Name: "people", Limit: 30, Window: time.Minute, Spread: true, Scope: "connection"},
	}
}

// send sends one request of a method in a context's lane through a chain.
func send(t *testing.T, rig *stageRig, chain http.RoundTripper, ctx context.Context, method string) (*Call, error) {
	t.Helper()
	call := rig.call(ctx)
	call.Lane = inside.Lane(call.Route, method, laneIn(ctx))
	r, err := http.NewRequestWithContext(call, method, "https://vendor.example/people", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := chain.RoundTrip(r)
	if err == nil {
		_ = resp.Body.Close()
	}
	return call, err
}

// TestLaneInside: a caller inside the house may choose a lane, and without one what the call is decides; our own sign-ins are critical.
func TestLaneInside(t *testing.T) {
	t.Parallel()
	set, faults := connectors.Load(fstest.MapFS{
		"sluice.yaml":          {Data: []byte("connections: {acme: {connector: acme, base_url: \"https://vendor.example\"}}")},
		"connectors/acme.yaml": {Data: []byte("name: acme\n")},
	}, connectors.Environment{})
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	for name, tt := range map[string]struct {
		ctx    context.Context
		method string
		want   shadow.Lane
	}{
		"a read":                       {t.Context(), "GET", shadow.Bulk},
		"a write":                      {t.Context(), "POST", shadow.Interactive},
		"chosen":                       {InLane(t.Context(), connectors.Critical), "GET", shadow.Critical},
		"chosen, under another reason": {context.WithoutCancel(InLane(t.Context(), connectors.Bulk)), "POST", shadow.Bulk},
		"our own sign-in":              {detached(t.Context()), "POST", shadow.Critical},
	} {
		var got shadow.Lane
		login := signingIn(set.Connections["acme"], roundTrip(func(r *http.Request) (*http.Response, error) {
			got = CallOf(r.Context()).lane()
			return vendorSays(200, ""), nil
		}))
		r, err := http.NewRequestWithContext(tt.ctx, tt.method, "https://vendor.example/people", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := login.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if got != tt.want {
			t.Errorf("%s: lane %v, want %v", name, got, tt.want)
		}
	}
	if got := (&Call{}).lane(); got != shadow.Interactive {
		t.Errorf("a call of which nobody has said anything goes in lane %v, want interactive", got)
	}
}

// TestPaceLetsTheUrgentGoFirst: of those who wait, a termination goes before a write, and a write before reads that came first.
func TestPaceLetsTheUrgentGoFirst(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		rig := newStageRig(t)
		rig.route.Safe = false
		rig.route.Rules = []*connectors.Rule{
			{Name: "all", Limit: 60, Window: time.Minute, Starts: "sliding", Scope: "connection"},
			{Name: "people", Limit: 4, Window: 8 * time.Second, Starts: "sliding", Scope: "connection"},
		}
		var order []string
		chain := Chain(roundTrip(func(r *http.Request) (*http.Response, error) {
			order = append(order, r.Method)
			return vendorSays(200, ""), nil
		}), rig.ups.pace(rig.conn))
		for _, f := range rig.ups.then { // the configuration is in force: its buckets are shown
			f()
		}
		for range 4 { // from now on a place comes free every two seconds
			if _, err := send(t, rig, chain, t.Context(), http.MethodHead); err != nil {
				t.Fatal(err)
			}
			<-time.After(1990 * time.Millisecond)
		}
		order = nil
		done := make(chan *Call, 5)
		for _, method := range []string{http.MethodGet, http.MethodGet, http.MethodPost, http.MethodDelete} {
			ctx := t.Context()
			if method == http.MethodDelete {
				ctx = InLane(ctx, connectors.Critical)
			}
			go func() {
				call, err := send(t, rig, chain, ctx, method)
				if err != nil {
					t.Errorf("%s: %v", method, err)
				}
				done <- call
			}()
			synctest.Wait()
		}
		if got := rig.counted(t, "sluice_budget_waiting", map[string]string{"bucket": "people", "lane": "bulk"}); got != 2 {
			t.Errorf("%v bulk calls wait for people, want 2", got)
		}
		for range 4 {
			<-done
		}
		if want := []string{"DELETE", "POST", "GET", "GET"}; !slices.Equal(order, want) {
			t.Errorf("sent %v, want %v", order, want)
		}
		for lane, want := range map[string]uint64{"critical": 1, "interactive": 1, "bulk": 2} {
			if got := samples(t, rig, "sluice_hold_seconds", lane); got != want {
				t.Errorf("%d holds in lane %s, want %d", got, lane, want)
			}
			if got := samples(t, rig, "sluice_hold_error_seconds", lane); got != want {
				t.Errorf("%d predictions judged in lane %s, want %d", got, lane, want)
			}
		}
		for _, bucket := range []string{"all", "people"} {
			if got := rig.counted(t, "sluice_budget_calls_total", map[string]string{"connection": "tdx", "bucket": bucket}); got != 8 {
				t.Errorf("%v calls counted under %s, want 8", got, bucket)
			}
		}
	})
}

// samples is how many values a histogram has for a lane.
func samples(t *testing.T, rig *stageRig, name, lane string) (n uint64) {
	t.Helper()
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(rig.ups.opts.Metrics)
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == name && labelOf(m, "lane") == lane {
				n += m.GetHistogram().GetSampleCount()
			}
		}
	}
	return n
}

func labelOf(m *dto.Metric, name string) string {
	for _, l := range m.GetLabel() {
		if l.GetName() == name {
			return l.GetValue()
		}
	}
	return ""
}

// TestPaceGivesPlacesBack: a panic below, a call that was not sent and a caller who left keep no place under any limit.
func TestPaceGivesPlacesBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		rig := newStageRig(t)
		rig.route.Rules = []*connectors.Rule{
			{Name: "all", Limit: 2, Window: time.Minute, Scope: "connection"}, {Name: "people", Limit: 1, Window: time.Minute, Scope: "connection"},
		}
		broken := true
		chain := Chain(roundTrip(func(*http.Request) (*http.Response, error) {
			if broken {
				panic("a stage below broke")
			}
			return vendorSays(200, ""), nil
		}), rig.ups.pace(rig.conn))
		func() {
			defer func() {
				if recover() == nil {
					t.Error("the panic was swallowed")
				}
			}()
			_, _ = send(t, rig, chain, t.Context(), http.MethodGet)
		}()
		broken = false
		if _, err := send(t, rig, chain, t.Context(), http.MethodGet); fault.Of(err).Status != http.StatusTooManyRequests {
			t.Errorf("a minute has one place, which the torn call may have spent: got %v, want 429", err)
		}
		<-time.After(time.Minute)
		if _, err := send(t, rig, chain, t.Context(), http.MethodGet); err != nil {
			t.Errorf("a window after the panic: %v, want the place", err)
		}
	})
}

// TestPaceSaysHowLongItHeld: a caller who waited in vain learns how long, as one does who got its place.
func TestPaceSaysHowLongItHeld(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		rig := newStageRig(t)
		limited(rig)
		rig.consumer.MaxHold = 4 * time.Second
		answers := make(chan *http.Response)
		chain := Chain(roundTrip(func(*http.Request) (*http.Response, error) { return <-answers, nil }), rig.ups.pace(rig.conn))
		first := make(chan error, 1)
		go func() {
			_, err := send(t, rig, chain, t.Context(), http.MethodGet)
			first <- err
		}()
		synctest.Wait()
		second := make(chan error, 1)
		var call *Call
		go func() {
			var err error
			call, err = send(t, rig, chain, t.Context(), http.MethodGet)
			second <- err
		}()
		<-time.After(1500 * time.Millisecond)
		answers <- vendorSays(429, "") // says nothing of when: the limits are shut for 5 s
		if err := <-first; err != nil {
			t.Fatal(err)
		}
		err := <-second
		if why := fault.Of(err); why.Status != http.StatusTooManyRequests || why.RetryAfter < 5*time.Second {
			t.Errorf("who cannot be served in time was told %v after %v, want 429 and 5 s", err, why.RetryAfter)
		}
		if call.HeldMillis() != "1500" {
			t.Errorf("X-Sluice-Held-Ms is %s, want 1500", call.HeldMillis())
		}
		if got := rig.counted(t, "sluice_budget_refused_total", map[string]string{"bucket": "people"}); got != 1 {
			t.Errorf("%v refusals counted, want 1", got)
		}
	})
}

// TestPaceChoosesTheAddress: calls go by the source address where they wait least, and of equal ones by that with the most places.
func TestPaceChoosesTheAddress(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		rig := newStageRig(t)
		rig.conn.Wire.Egress = []netip.Addr{netip.MustParseAddr("192.0.2.10"), netip.MustParseAddr("192.0.2.11")}
		rig.route.Rules = []*connectors.Rule{{Name: "people", Limit: 2, Window: time.Minute, Scope: "address"}}
		used := map[string]int{}
		chain := Chain(roundTrip(func(r *http.Request) (*http.Response, error) {
			used[egressOf(r.Context()).String()]++
			return vendorSays(200, ""), nil
		}), rig.ups.pace(rig.conn))
		for range 4 {
			if call, err := send(t, rig, chain, t.Context(), http.MethodGet); err != nil || call.Held > 0 {
				t.Fatalf("held %v, %v; want none of four calls to wait at two addresses of two places", call.Held, err)
			}
		}
		if used["192.0.2.10"] != 2 || used["192.0.2.11"] != 2 {
			t.Errorf("used %v, want each address twice", used)
		}
	})
}

// TestPaceLetsARefusedCallGoFirst: a call that the vendor refused is sent again before its consumer's calls that waited behind it.
func TestPaceLetsARefusedCallGoFirst(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		rig := newStageRig(t)
		limited(rig)
		var order []string
		chain := Chain(roundTrip(func(r *http.Request) (*http.Response, error) {
			order = append(order, r.Method)
			if len(order) == 1 {
				<-time.After(time.Second)
				return vendorSays(429, ""), nil
			}
			return vendorSays(200, ""), nil
		}), rig.ups.retry(rig.conn), rig.ups.pace(rig.conn))
		var callers sync.WaitGroup
		for _, method := range []string{http.MethodHead, http.MethodGet} {
			callers.Go(func() {
				if _, err := send(t, rig, chain, t.Context(), method); err != nil {
					t.Errorf("%s: %v", method, err)
				}
			})
			synctest.Wait()
		}
		callers.Wait()
		if want := []string{"HEAD", "HEAD", "GET"}; !slices.Equal(order, want) {
			t.Errorf("sent %v, want %v", order, want)
		}
	})
}
