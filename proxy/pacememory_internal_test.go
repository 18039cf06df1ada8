package proxy

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"sluice/internal/fault"
	"sluice/proxy/pace"
	"sluice/proxy/pace/shadow"
)

// restarted stops a house and starts another one that knows what the first one wrote.
func restarted(t *testing.T, p *paceRig, sluice, connector string) *paceRig {
	t.Helper()
	data, err := p.ups.Remember()
	if err != nil || data == nil {
		t.Fatalf("Remember: got %d bytes, %v; want what is known", len(data), err)
	}
	memory, err := ReadPaceMemory(data)
	if err != nil {
		t.Fatalf("ReadPaceMemory: %v of\n%s", err, data)
	}
	return recallingPaceRig(t, memory, sluice, connector, p.answer)
}

const threeAMinute = "limits: {scope: connection, rules: [{name: all, match: \"* /{rest...}\", limit: 3, window: 60s, starts: sliding}]}\n"

// starting is threeAMinute with windows that start otherwise.
func starting(starts string) string { return strings.Replace(threeAMinute, "sliding", starts, 1) }

// TestRestartRemembersASpentWindow: a vendor that tells nothing of its limit is not called again by a new process before the window that the
// old one spent is over; a rule that says something else starts afresh.
func TestRestartRemembersASpentWindow(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		before, after string
		waits         bool
	}{
		"less patience":      {threeAMinute, threeAMinute, true},
		"another limit":      {threeAMinute, strings.Replace(threeAMinute, "limit: 3", "limit: 4", 1), false},
		"another connection": {threeAMinute, strings.Replace(threeAMinute, "limits: {", "limits: {headers: x, ", 1), false},
		"windows on a grid":  {starting("fixed"), starting("fixed"), true},
		"a clock's windows":  {starting("clock"), starting("clock"), true},
		"nobody knows":       {starting("unknown"), starting("unknown"), true},
		"from first call":    {starting("first_call"), starting("first_call"), true},
		"a bucket":           {starting("bucket"), starting("bucket"), false}, // which refills meanwhile
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p := recallingPaceRig(t, NewPaceMemory(), "limits: {max_hold: 1h}", tt.before, ok) // so patient that nothing is spaced
				for range 3 {
					p.must("GET", "/a")
				}
				<-time.After(5 * time.Second)
				next := restarted(t, p, "", tt.after)
				_, err := next.send("GET", "/a")
				why := fault.Of(err)
				if waits := err != nil && why.Status == http.StatusTooManyRequests; waits != tt.waits {
					t.Fatalf("the first call after the restart: got %v, want a refusal by ourselves: %t", err, tt.waits)
				}
				if tt.waits && (why.RetryAfter < 54*time.Second || why.RetryAfter > 56*time.Second) {
					t.Errorf("it was told to come back after %v, want the 55 s that are left of the window", why.RetryAfter)
				}
			})
		})
	}
}

// TestRestartRemembersPolicies: the limits that a route's answers have named are paced from the first call on.
func TestRestartRemembersPolicies(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const connector = "limits: {headers: hubspot}\n"
		p := recallingPaceRig(t, NewPaceMemory(), "", connector, func(*http.Request) *http.Response {
			return vendorSays(200, "", "X-HubSpot-RateLimit-Max", "100", "X-HubSpot-RateLimit-Remaining", "99", "X-HubSpot-RateLimit-Interval-Milliseconds", "10000",
				"X-HubSpot-RateLimit-Daily", "5000", "X-HubSpot-RateLimit-Daily-Remaining", "0")
		})
		p.must("GET", "/a")
		p.must("GET", "/a")
		next := restarted(t, p, "", connector)
		if _, err := next.send("GET", "/a"); err == nil {
			t.Error("a call went, though the day was spent before the restart")
		}
		if diff := cmp.Diff([]string{"GET other", "GET other daily"}, next.buckets()); diff != "" {
			t.Errorf("buckets of the new process (-want +got):\n%s", diff)
		}
	})
}

// TestRestartForgetsCredentials: nothing in the memory is made of a caller's credential, nor of calls under way.
func TestRestartForgetsCredentials(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := recallingPaceRig(t, NewPaceMemory(), "", `limits: {rules: [
  {name: own, match: "* /{rest...}", limit: 3, window: 60s, scope: credential},
  {name: running, match: "* /{rest...}", concurrent: 3, scope: connection},
  {name: all, match: "* /{rest...}", limit: 9, window: 60s, scope: connection}]}
`, ok)
		p.must("GET", "/a", "Authorization", "Bearer planted-credential")
		data, err := p.ups.Remember()
		if err != nil {
			t.Fatal(err)
		}
		if text := string(data); strings.Contains(text, "own") && strings.Contains(text, `"bucket":"own"`) || strings.Contains(text, `"bucket":"running"`) || strings.Contains(text, "planted") {
			t.Errorf("got %s, want neither the credential's bucket nor calls under way", text)
		}
		if !strings.Contains(string(data), `"bucket":"all"`) {
			t.Errorf("got %s, want the bucket of the connection", data)
		}
		if again, err := p.ups.Remember(); again != nil || err != nil {
			t.Errorf("with no call since: got %d bytes, %v; want nothing to write", len(again), err)
		}
		p.must("GET", "/a")
		if again, err := p.ups.Remember(); again == nil || err != nil {
			t.Errorf("after a call: got %d bytes, %v; want it written", len(again), err)
		}
	})
	if data, err := NewUpstreams(Options{}).Remember(); data != nil || err != nil {
		t.Errorf("without a memory: got %d bytes, %v; want nothing", len(data), err)
	}
}

// TestPaceMemoryIsBounded: the buckets that were used last stay, and what nobody has used for a month goes.
func TestPaceMemoryIsBounded(t *testing.T) {
	t.Parallel()
	m := NewPaceMemory()
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	for i := range rememberedBuckets + 50 {
		b := savedBucket{Connection: "acme", Bucket: count(i), Used: now.Add(-time.Duration(i) * time.Second)}
		m.buckets[b.id()] = b
	}
	old := savedBucket{Connection: "acme", Bucket: "old", Used: now.Add(-rememberedFor - time.Second)}
	m.buckets[old.id()] = old
	for i := range rememberedRoutes + 50 {
		m.routes[routeID{"acme", count(i), ""}] = nil
	}
	m.forget(now)
	if len(m.buckets) != rememberedBuckets || len(m.routes) != rememberedRoutes {
		t.Errorf("got %d buckets and %d routes, want %d and %d", len(m.buckets), len(m.routes), rememberedBuckets, rememberedRoutes)
	}
	if _, there := m.buckets[bucketID{"acme", count(rememberedBuckets), "", ""}]; there {
		t.Error("a bucket that was used longer ago than two thousand others is there still")
	}
	var many []shadow.SavedPlaces
	for i := range 2048 {
		many = append(many, shadow.SavedPlaces{In: time.Duration(i) * time.Second, Calls: 2})
	}
	few := coarse(many)
	calls := 0
	for _, p := range few {
		calls += p.Calls
	}
	if len(few) > rememberedGrains || calls != 4096 || few[0].In != 31*time.Second || few[len(few)-1].In != 2047*time.Second {
		t.Errorf("got %d groups of %d calls from %v to %v, want them all, each free with the last of its group", len(few), calls, few[0].In, few[len(few)-1].In)
	}
}

func TestReadPaceMemoryRefuses(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"nothing":             "",
		"half a file":         `{"version":1,"buckets":[{"connection":"acme","buc`,
		"no document":         `[]`,
		"a later version":     `{"version":2,"buckets":[]}`,
		"no version":          `{"buckets":[]}`,
		"a limit below zero":  `{"version":1,"buckets":[{"bucket":"a","state":{"limit":-1}}]}`,
		"a window of years":   `{"version":1,"buckets":[{"bucket":"a","state":{"window":99999999999999999}}]}`,
		"places in the past":  `{"version":1,"buckets":[{"bucket":"a","state":{"own":[{"in":-5,"calls":1}]}}]}`,
		"too many calls":      `{"version":1,"buckets":[{"bucket":"a","state":{"strangers":[{"in":5,"calls":99999999999}]}}]}`,
		"a level like no one": `{"version":1,"buckets":[{"bucket":"a","state":{"level":-1e300}}]}`,
		"too many places":     `{"version":1,"buckets":[{"bucket":"a","state":{"own":[` + strings.Repeat(`{"in":1,"calls":1},`, 99) + `{"in":1,"calls":1}]}}]}`,
		"too many policies":   `{"version":1,"routes":[{"route":"a","policies":[{},{},{},{},{},{},{},{},{}]}]}`,
	} {
		if m, err := ReadPaceMemory([]byte(text)); !errors.Is(err, ErrPaceMemory) || m != nil {
			t.Errorf("%s: got %v, %v; want a refusal", name, m, err)
		}
	}
}

// FuzzReadPaceMemory: whatever a file says, it is refused or makes buckets that name a time for the next call, and is read again as it is
// written.
func FuzzReadPaceMemory(f *testing.F) {
	f.Add([]byte(`{"version":1,"buckets":[{"connection":"acme","bucket":"a","settings":"00","saved":"2026-11-22T12:00:00Z","used":"2026-11-22T12:00:00Z",` +
		`"state":{"limit":60,"window":60000000000,"own":[{"in":1000000000,"calls":60}],"shut":5000000000,"burst":9,"level":-1,"others":3,"free":9,"usual_trip":5,"shortest_trip":4}}],` +
		`"routes":[{"connection":"acme","route":"GET other","settings":"00","policies":[{"name":"daily"},{"window":60000000000}]}]}`))
	f.Add([]byte(`{"version":1,"buckets":[{"state":{"limit":1,"reset":3600000000000,"fixed":6}}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := ReadPaceMemory(data)
		if err != nil {
			return
		}
		now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
		q := pace.NewLineup(pace.Settings{Bound: 10})
		for _, b := range m.buckets {
			for _, rule := range []pace.Rule{{}, {Limit: 60, Window: time.Minute}} {
				s := q.State(now, q.Restored(now, b.Bucket, rule, b.State, max(0, now.Sub(b.Saved))))
				for lane, wait := range s.Wait {
					if wait < 0 {
						t.Errorf("lane %d: a wait of %v is predicted", lane, wait)
					}
				}
			}
		}
		fresh := NewPaceMemory()
		fresh.buckets, fresh.routes = m.buckets, m.routes
		again, err := fresh.encode()
		if err != nil {
			t.Fatalf("what was read cannot be written again: %v", err)
		}
		if _, err := ReadPaceMemory(again); err != nil {
			t.Errorf("what was read is refused when it is written again: %v", err)
		}
	})
}
