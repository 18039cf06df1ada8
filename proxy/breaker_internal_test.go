package proxy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"sluice/internal/fault"
)

// scripted is a vendor behind a breaker that a test tells what to do next.
type scripted struct {
	mu    sync.Mutex
	next  func(*Call) (*http.Response, error)
	calls int
}

func (s *scripted) RoundTrip(r *http.Request) (*http.Response, error) {
	s.mu.Lock()
	next := s.next
	s.calls++
	s.mu.Unlock()
	return next(CallOf(r.Context()))
}

func (s *scripted) will(next func(*Call) (*http.Response, error)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.next = next
}

func (s *scripted) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls
}

func answering(status int) func(*Call) (*http.Response, error) {
	return func(*Call) (*http.Response, error) { return vendorSays(status, "{}"), nil }
}

func failing(err error) func(*Call) (*http.Response, error) {
	return func(*Call) (*http.Response, error) { return nil, err }
}

// try sends one GET and returns its status, or the fault's.
func try(t *testing.T, rig *stageRig, chain http.RoundTripper) (status int, err error) {
	t.Helper()
	r, _ := rig.request(t, http.MethodGet, "https://vendor.example/people/1", nil)
	resp, err := chain.RoundTrip(r)
	if err != nil {
		return fault.Of(err).Status, err
	}
	_ = resp.Body.Close()
	return resp.StatusCode, nil
}

// isOpen says whether err is the breaker's refusal.
func isOpen(err error) bool {
	f, ok := errors.AsType[*fault.Error](err)
	return ok && f.Code == "circuit_open"
}

func TestBreakerCountsOnlyTheVendorsFailures(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		next func(*Call) (*http.Response, error)
		open bool
	}{
		"200":                            {answering(200), false},
		"301":                            {answering(301), false},
		"400":                            {answering(400), false},
		"401":                            {answering(401), false},
		"404":                            {answering(404), false},
		"429":                            {answering(429), false},
		"500":                            {answering(500), true},
		"502":                            {answering(502), true},
		"503":                            {answering(503), true},
		"504":                            {answering(504), true},
		"503 that pace read as too many": {func(c *Call) (*http.Response, error) { c.Refused = true; return vendorSays(503, ""), nil }, false},
		"unreachable":                    {failing(fault.New("wire", 502, "vendor_unreachable", "x")), true},
		"timeout":                        {failing(fault.New("wire", 504, "vendor_timeout", "x").Because(context.DeadlineExceeded)), true},
		"tls":                            {failing(fault.New("wire", 502, "vendor_tls", "x")), true},
		"no HTTP":                        {failing(fault.New("wire", 502, "vendor_protocol", "x")), true},
		"wrapped timeout":                {failing(fmt.Errorf("send: %w", fault.New("wire", 504, "vendor_timeout", "x"))), true},
		"sign-in failed":                 {failing(fault.New("auth", 502, "sign_in_failed", "x")), true},
		"sign-in refused":                {failing(fault.New("auth", 502, "sign_in_refused", "x")), false},
		"answer too large":               {failing(fault.New("wire", 502, "answer_too_large", "x")), false},
		"request too large":              {failing(fault.New("wire", 413, "request_too_large", "x")), false},
		"path refused":                   {failing(fault.New("wire", 400, "destination_refused", "x")), false},
		"our connections":                {failing(fault.New("wire", 503, "connections_busy", "x")), false},
		"our connections, in vain":       {failing(fault.New("wire", 503, "connections_busy", "x").Because(context.DeadlineExceeded)), false},
		"too late to be sent":            {failing(fault.New("wire", 504, "out_of_time", "x").Because(context.DeadlineExceeded)), false},
		"held too long":                  {failing(fault.New("pace", 429, "rate_limited", "x")), false},
		"queue full":                     {failing(fault.New("pace", 503, "queue_full", "x")), false},
		"hung up":                        {failing(fmt.Errorf("call the vendor: %w", errHungUp)), false},
		"raw error":                      {failing(io.ErrUnexpectedEOF), true},
		"deadline in a queue":            {func(c *Call) (*http.Response, error) { <-c.Done(); return nil, c.Err() }, false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				rig := newStageRig(t)
				rig.conn.Breaker.Window = time.Hour
				vendor := &scripted{next: tc.next}
				chain := Chain(vendor, rig.ups.breaker(rig.conn))
				for i := range 3 {
					if _, err := try(t, rig, chain); isOpen(err) {
						t.Fatalf("after %d calls: open already", i)
					}
				}
				vendor.will(answering(200))
				if _, err := try(t, rig, chain); isOpen(err) != tc.open {
					t.Errorf("after 3 of these: got open=%v, want %v", isOpen(err), tc.open)
				}
			})
		})
	}
}

func TestBreakerOpensByShare(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		statuses string // one digit each: the status's hundreds
		open     bool
	}{
		"half of ten":                     {"2525252525", true},
		"four of ten":                     {"2252252525", false},
		"half, but nine are too few":      {"252525255", false},
		"neither towards enough calls":    {"44525525525", false},
		"nor towards a smaller share":     {"425425425425425", true},
		"nor do they break a row":         {"5445445", true},
		"a success does":                  {"5525525", false},
		"three in a row before any share": {"2222222555", true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rig := newStageRig(t)
			vendor := &scripted{}
			chain := Chain(vendor, rig.ups.breaker(rig.conn))
			for _, digit := range tc.statuses {
				vendor.will(answering(int(digit-'0') * 100))
				_, _ = try(t, rig, chain)
			}
			vendor.will(answering(200))
			if _, err := try(t, rig, chain); isOpen(err) != tc.open {
				t.Errorf("after %s: got open=%v, want %v", tc.statuses, isOpen(err), tc.open)
			}
		})
	}
}

func TestBreakerCountsStartAnewEachWindow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		rig := newStageRig(t)
		vendor := &scripted{next: answering(500)}
		chain := Chain(vendor, rig.ups.breaker(rig.conn))
		for i := range 4 {
			if i == 2 {
				<-time.After(rig.conn.Breaker.Window + time.Second)
			}
			if _, err := try(t, rig, chain); isOpen(err) {
				t.Fatalf("call %d: open after two failures in a window, want three", i)
			}
		}
		_, _ = try(t, rig, chain)
		if _, err := try(t, rig, chain); !isOpen(err) {
			t.Error("three failures in one window: got closed, want open")
		}
	})
}

func TestBreakerOpenAnswersAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		rig := newStageRig(t)
		vendor := &scripted{next: answering(500)}
		chain := Chain(vendor, rig.ups.breaker(rig.conn))
		for range 3 {
			_, _ = try(t, rig, chain)
		}
		<-time.After(12 * time.Second)
		body := &watchedBody{Reader: strings.NewReader("{}")}
		r, call := rig.request(t, http.MethodPost, "https://vendor.example/people", body)
		_, err := chain.RoundTrip(r)
		f := fault.Of(err)
		if f.Status != 503 || f.Code != "circuit_open" || f.Stage != "breaker" || call.Answered != "breaker" {
			t.Errorf("got %d %s by %s, answered %q; want 503 circuit_open by breaker, answered \"breaker\"", f.Status, f.Code, f.Stage, call.Answered)
		}
		if f.RetryAfter != 18*time.Second {
			t.Errorf("12 s after it opened for 30 s: got RetryAfter %s, want 18s", f.RetryAfter)
		}
		for _, want := range []string{"connection tdx", "route group people"} {
			if !strings.Contains(f.Message, want) {
				t.Errorf("got message %q, want it to name the %s", f.Message, want)
			}
		}
		if _, closed := body.state(); closed != 1 {
			t.Errorf("request body: closed %d times, want 1", closed)
		}
		if got := vendor.count(); got != 3 {
			t.Errorf("vendor called %d times, want 3", got)
		}
		<-time.After(17500 * time.Millisecond)
		if _, err := try(t, rig, chain); fault.Of(err).RetryAfter != time.Second {
			t.Errorf("0.5 s before it is half open: got RetryAfter %s, want 1s at least", fault.Of(err).RetryAfter)
		}
	})
}

// opened returns a chain whose circuit has just become half open.
func opened(t *testing.T, rig *stageRig, vendor *scripted) http.RoundTripper {
	t.Helper()
	chain := Chain(vendor, rig.ups.breaker(rig.conn))
	vendor.will(answering(500))
	for range 3 {
		_, _ = try(t, rig, chain)
	}
	if _, err := try(t, rig, chain); !isOpen(err) {
		t.Fatalf("after three failures: got %v, want circuit_open", err)
	}
	<-time.After(rig.conn.Breaker.Open + time.Nanosecond)
	return chain
}

func TestBreakerHalfOpen(t *testing.T) {
	t.Parallel()
	panicking := func(*Call) (*http.Response, error) { panic("a stage below broke") }
	cases := map[string]struct {
		probes []func(*Call) (*http.Response, error)
		state  string
	}{
		"two successes close it":       {[]func(*Call) (*http.Response, error){answering(200), answering(204)}, "closed"},
		"one does not":                 {[]func(*Call) (*http.Response, error){answering(200)}, "half-open"},
		"a 404 shows that it is up":    {[]func(*Call) (*http.Response, error){answering(404), answering(401)}, "closed"},
		"a failure opens it":           {[]func(*Call) (*http.Response, error){answering(200), answering(502)}, "open"},
		"a 429 gives its place back":   {[]func(*Call) (*http.Response, error){answering(429), answering(429), answering(429)}, "half-open"},
		"so does a caller who hung up": {[]func(*Call) (*http.Response, error){failing(errHungUp), failing(errHungUp), failing(errHungUp)}, "half-open"},
		"and a panic":                  {[]func(*Call) (*http.Response, error){panicking, panicking, panicking}, "half-open"},
	}
	states := map[string]float64{"closed": 0, "half-open": 1, "open": 2}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				rig, vendor := newStageRig(t), &scripted{}
				chain := opened(t, rig, vendor)
				for i, probe := range tc.probes {
					vendor.will(probe)
					func() {
						defer func() { _ = recover() }()
						if _, err := try(t, rig, chain); isOpen(err) {
							t.Errorf("probe %d: got circuit_open, want it let through", i)
						}
					}()
				}
				got := rig.counted(t, "sluice_breaker_state", map[string]string{"connection": "tdx", "group": "people"})
				if got != states[tc.state] {
					t.Errorf("got state %v, want %v (%s)", got, states[tc.state], tc.state)
				}
			})
		})
	}
}

func TestBreakerBoundsProbes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		rig, vendor := newStageRig(t), &scripted{}
		chain := opened(t, rig, vendor)
		before := vendor.count()
		release := make(chan struct{})
		vendor.will(func(*Call) (*http.Response, error) { <-release; return vendorSays(200, ""), nil })
		var refused []error
		var mu sync.Mutex
		var all sync.WaitGroup
		for range 10 {
			all.Go(func() {
				if _, err := try(t, rig, chain); err != nil {
					mu.Lock()
					refused = append(refused, err)
					mu.Unlock()
				}
			})
		}
		synctest.Wait()
		if got := vendor.count() - before; got != 2 {
			t.Errorf("half open: %d calls at the vendor, want the 2 probes", got)
		}
		close(release)
		all.Wait()
		if len(refused) != 8 {
			t.Errorf("got %d refused, want 8", len(refused))
		}
		for _, err := range refused {
			if f := fault.Of(err); f.Code != "circuit_open" || f.RetryAfter != time.Second {
				t.Errorf("got %s after %s, want circuit_open after 1s", f.Code, f.RetryAfter)
			}
		}
		if _, err := try(t, rig, chain); err != nil {
			t.Errorf("after two good probes: got %v, want closed", err)
		}
	})
}

func TestBreakerGroupsFailAlone(t *testing.T) {
	t.Parallel()
	rig, vendor := newStageRig(t), &scripted{next: answering(500)}
	chain := Chain(vendor, rig.ups.breaker(rig.conn))
	for range 3 {
		_, _ = try(t, rig, chain)
	}
	other := *rig.route
	other.Group = ""
	people := rig.route
	rig.route = &other
	for range 3 {
		if _, err := try(t, rig, chain); isOpen(err) {
			t.Fatal("another group: got circuit_open, want its own circuit")
		}
	}
	_, err := try(t, rig, chain)
	if !isOpen(err) || strings.Contains(fault.Of(err).Message, "group") {
		t.Errorf("got %v, want circuit_open that names the connection as a whole", err)
	}
	rig.route = people
	if _, err := try(t, rig, chain); !isOpen(err) {
		t.Errorf("people: got %v, want circuit_open", err)
	}
}

func TestBreakerStateOutlivesAReloadWithTheSameSettings(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		change func(*stageRig)
		open   bool
	}{
		"nothing changed":     {func(*stageRig) {}, true},
		"other settings":      {func(r *stageRig) { r.conn.Breaker.Failures = 4 }, false},
		"another base URL":    {func(r *stageRig) { r.conn.Base = r.conn.Base.JoinPath("v2") }, false},
		"another name":        {func(r *stageRig) { r.conn.Name = "tdx2" }, false},
		"retry set otherwise": {func(r *stageRig) { r.conn.Retry.Attempts = 9 }, true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rig, vendor := newStageRig(t), &scripted{next: answering(500)}
			chain := Chain(vendor, rig.ups.breaker(rig.conn))
			for range 3 {
				_, _ = try(t, rig, chain)
			}
			reloaded := *rig.conn
			rig.conn = &reloaded
			tc.change(rig)
			rig.ups.kept.begin()
			chain = Chain(vendor, rig.ups.breaker(rig.conn))
			rig.ups.kept.sweep()
			if got := rig.counted(t, "sluice_breaker_state", nil); (got == 2) != tc.open {
				t.Errorf("after the reload: got states that add up to %v, want 2 (open) only if it is", got)
			}
			if _, err := try(t, rig, chain); isOpen(err) != tc.open {
				t.Errorf("after the reload: got open=%v, want %v", isOpen(err), tc.open)
			}
		})
	}
}

func TestBreakerTellsLogAndMetrics(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		rig, vendor := newStageRig(t), &scripted{}
		chain := opened(t, rig, vendor)
		vendor.will(answering(200))
		for range 2 {
			if _, err := try(t, rig, chain); err != nil {
				t.Fatalf("probe: %v", err)
			}
		}
		for _, want := range []string{
			"level=WARN msg=\"circuit breaker\" connection=tdx group=people from=closed to=open",
			"level=INFO msg=\"circuit breaker\" connection=tdx group=people from=open to=half-open",
			"level=INFO msg=\"circuit breaker\" connection=tdx group=people from=half-open to=closed",
		} {
			if got := rig.log.String(); strings.Count(got, want) != 1 {
				t.Errorf("got log\n%s\nwant once: %s", got, want)
			}
		}
	})
}

func TestBreakerOffIsNoStage(t *testing.T) {
	t.Parallel()
	rig := newStageRig(t)
	rig.conn.Breaker.Off = true
	if got := rig.ups.breaker(rig.conn); got != nil {
		t.Error("breaker off: got a stage, want none")
	}
}

func BenchmarkBreaker(b *testing.B) {
	rig := newStageRig(b)
	resp := vendorSays(200, "")
	chain := Chain(roundTrip(func(*http.Request) (*http.Response, error) { return resp, nil }), rig.ups.breaker(rig.conn))
	r, _ := rig.request(b, http.MethodGet, "https://vendor.example/people/1", nil)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := chain.RoundTrip(r); err != nil {
			b.Fatal(err)
		}
	}
}
