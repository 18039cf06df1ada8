package proxy

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"sluice/connectors"
	"sluice/internal/fault"
	"sluice/proxy/wire"
	"sluice/transforms"
)

// turn is what the vendor does with one attempt.
type turn func(c *Call, r *http.Request) (*http.Response, error)

func replies(status int, headers ...string) turn {
	return func(*Call, *http.Request) (*http.Response, error) { return vendorSays(status, "{}", headers...), nil }
}

func breaks(code string, status int) turn {
	return func(*Call, *http.Request) (*http.Response, error) { return nil, fault.New("wire", status, code, "x") }
}

// refuses is an answer that pace has read as "too many".
func refuses(status int, headers ...string) turn {
	return func(c *Call, _ *http.Request) (*http.Response, error) {
		c.Refused = true
		return vendorSays(status, "slow down", headers...), nil
	}
}

// inTurn plays turns, the last one for ever, and counts them.
func inTurn(sent *int, turns ...turn) roundTrip {
	return func(r *http.Request) (*http.Response, error) {
		now := turns[min(*sent, len(turns)-1)]
		*sent++
		if r.Body != nil {
			_, _ = io.Copy(io.Discard, r.Body)
			_ = r.Body.Close()
		}
		return now(CallOf(r.Context()), r)
	}
}

// unsent is the wire's own error for a vendor that takes no connection.
func unsent(t *testing.T) error {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	base := &url.URL{Scheme: "http", Host: l.Addr().String()}
	_ = l.Close()
	w, err := wire.New(wire.Options{Engine: "nethttp", Base: base, AllowNetworks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, base.String()+"/", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := w.RoundTrip(r)
	if err == nil {
		_ = resp.Body.Close()
		t.Fatal("a closed port answered")
	}
	if !wire.NotSent(err) {
		t.Fatalf("a closed port: got %v, want an error that says nothing was sent", err)
	}
	return err
}

func TestRetryWhatIsSafeAndWouldHelp(t *testing.T) {
	t.Parallel()
	notSent := unsent(t)
	dialFails := func(*Call, *http.Request) (*http.Response, error) { return nil, notSent }
	text := func() io.Reader { return strings.NewReader("body") }                   // net/http gives it a GetBody
	stream := func() io.Reader { return io.MultiReader(strings.NewReader("body")) } // and this one none
	cases := map[string]struct {
		method string
		unsafe bool
		star   bool
		body   func() io.Reader
		turns  []turn
		sent   int
		status int
		reason string
	}{
		"200":                                    {sent: 1, status: 200, turns: []turn{replies(200)}},
		"502 then 200":                           {sent: 2, status: 200, turns: []turn{replies(502), replies(200)}, reason: "502"},
		"503 then 200":                           {sent: 2, status: 200, turns: []turn{replies(503), replies(200)}, reason: "503"},
		"504 then 200":                           {sent: 2, status: 200, turns: []turn{replies(504), replies(200)}, reason: "504"},
		"at most so many attempts":               {sent: 3, status: 502, turns: []turn{replies(502)}, reason: "502"},
		"500 is an answer":                       {sent: 1, status: 500, turns: []turn{replies(500), replies(200)}},
		"501 too":                                {sent: 1, status: 501, turns: []turn{replies(501), replies(200)}},
		"505 too":                                {sent: 1, status: 505, turns: []turn{replies(505), replies(200)}},
		"404 too":                                {sent: 1, status: 404, turns: []turn{replies(404), replies(200)}},
		"unreachable then 200":                   {sent: 2, status: 200, turns: []turn{breaks("vendor_unreachable", 502), replies(200)}, reason: "vendor_unreachable"},
		"timeout then 200":                       {sent: 2, status: 200, turns: []turn{breaks("vendor_timeout", 504), replies(200)}, reason: "vendor_timeout"},
		"TLS trouble stays":                      {sent: 1, status: 502, turns: []turn{breaks("vendor_tls", 502), replies(200)}},
		"bad HTTP stays":                         {sent: 1, status: 502, turns: []turn{breaks("vendor_protocol", 502), replies(200)}},
		"a refused path stays":                   {sent: 1, status: 400, turns: []turn{breaks("destination_refused", 400), replies(200)}},
		"an open breaker is left alone":          {sent: 1, status: 503, turns: []turn{breaks("circuit_open", 503), replies(200)}},
		"pace has the last word":                 {sent: 1, status: 429, turns: []turn{breaks("rate_limited", 429), replies(200)}},
		"PUT with a body that can be read again": {method: "PUT", body: text, sent: 2, status: 200, turns: []turn{replies(503), replies(200)}, reason: "503"},
		"PUT with one that cannot":               {method: "PUT", body: stream, sent: 1, status: 503, turns: []turn{replies(503), replies(200)}},
		"POST after 503":                         {method: "POST", unsafe: true, body: text, sent: 1, status: 503, turns: []turn{replies(503), replies(200)}},
		"POST that the connector calls safe":     {method: "POST", body: text, sent: 2, status: 200, turns: []turn{replies(503), replies(200)}, reason: "503"},
		"POST on a broken connection":            {method: "POST", unsafe: true, body: text, sent: 1, status: 502, turns: []turn{breaks("vendor_unreachable", 502), replies(200)}},
		"POST that never left":                   {method: "POST", unsafe: true, body: text, sent: 2, status: 200, turns: []turn{dialFails, replies(200)}, reason: "not_sent"},
		"POST that never left, from a stream":    {method: "POST", unsafe: true, body: stream, sent: 1, status: 502, turns: []turn{dialFails, replies(200)}},
		"POST refused by 429":                    {method: "POST", unsafe: true, body: text, sent: 2, status: 200, turns: []turn{replies(429), replies(200)}, reason: "refused"},
		"POST refused by 403":                    {method: "POST", unsafe: true, body: text, sent: 2, status: 200, turns: []turn{refuses(403), replies(200)}, reason: "refused"},
		"POST refused by 503":                    {method: "POST", unsafe: true, body: text, sent: 2, status: 200, turns: []turn{replies(503, "Retry-After", "2"), replies(200)}, reason: "refused"},
		"POST, 503 with a wait nobody can read":  {method: "POST", unsafe: true, body: text, sent: 1, status: 503, turns: []turn{replies(503, "Retry-After", "soon"), replies(200)}},
		"POST refused, from a stream":            {method: "POST", unsafe: true, body: stream, sent: 1, status: 429, turns: []turn{refuses(429), replies(200)}},
		"GET on a route for all methods":         {star: true, sent: 2, status: 200, turns: []turn{replies(503), replies(200)}, reason: "503"},
		"DELETE on a route for all methods":      {method: "DELETE", star: true, sent: 1, status: 503, turns: []turn{replies(503), replies(200)}},
		"GET that the connector calls unsafe":    {unsafe: true, sent: 1, status: 503, turns: []turn{replies(503), replies(200)}},
		"one failure after another":              {sent: 3, status: 200, turns: []turn{breaks("vendor_unreachable", 502), replies(504), replies(200)}, reason: "504"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				rig := newStageRig(t)
				method := "GET"
				if tc.method != "" {
					method = tc.method
				}
				rig.route.Method, rig.route.Safe = method, !tc.unsafe
				if tc.star {
					rig.route.Method, rig.route.Safe = "*", false
				}
				var body io.Reader
				if tc.body != nil {
					body = tc.body()
				}
				sent := 0
				chain := Chain(inTurn(&sent, tc.turns...), rig.ups.retry(rig.conn))
				r, call := rig.request(t, method, "https://vendor.example/people", body)
				resp, err := chain.RoundTrip(r)
				status := 0
				if err != nil {
					status = fault.Of(err).Status
				} else {
					status = resp.StatusCode
					_ = resp.Body.Close()
				}
				if sent != tc.sent || status != tc.status || call.Attempts != tc.sent {
					t.Errorf("got %d sent, status %d, %d attempts; want %d sent, status %d (err %v)", sent, status, call.Attempts, tc.sent, tc.status, err)
				}
				all := rig.counted(t, "sluice_retries_total", nil)
				if int(all) != tc.sent-1 {
					t.Errorf("got %v retries counted, want %d", all, tc.sent-1)
				}
				if tc.reason != "" && rig.counted(t, "sluice_retries_total", map[string]string{"connection": "tdx", "reason": tc.reason}) == 0 {
					t.Errorf("no retry counted for reason %q", tc.reason)
				}
			})
		})
	}
}

func TestRetryCountsAttemptsWhereItNeverRepeats(t *testing.T) {
	t.Parallel()
	for _, attempts := range []int{0, 1} {
		rig := newStageRig(t)
		rig.conn.Retry.Attempts = attempts
		sent := 0
		chain := Chain(inTurn(&sent, replies(503), replies(200)), rig.ups.retry(rig.conn))
		r, call := rig.request(t, http.MethodGet, "https://vendor.example/", nil)
		resp, err := chain.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != 503 || sent != 1 || call.Attempts != 1 {
			t.Errorf("attempts: %d: got status %d, %d sent, call.Attempts %d; want 503, 1, 1", attempts, resp.StatusCode, sent, call.Attempts)
		}
	}
}

func TestRetrySendsTheSameBodyEachTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		rig := newStageRig(t)
		rig.route.Method = http.MethodPut
		want := strings.Repeat("ä person,", 4096)
		var got []string
		chain := Chain(roundTrip(func(r *http.Request) (*http.Response, error) {
			data, err := io.ReadAll(io.LimitReader(r.Body, int64(len(want)/(3-len(got))))) // the first attempts break off midway
			_ = r.Body.Close()
			got = append(got, string(data))
			if err != nil || len(got) < 3 {
				return nil, fault.New("wire", 502, "vendor_unreachable", "x")
			}
			return vendorSays(200, ""), nil
		}), rig.ups.retry(rig.conn))
		r, _ := rig.request(t, http.MethodPut, "https://vendor.example/people/1", bytes.NewReader([]byte(want)))
		resp, err := chain.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if len(got) != 3 || got[2] != want || !strings.HasPrefix(want, got[0]) || !strings.HasPrefix(want, got[1]) {
			t.Errorf("got %d bodies of %d bytes, want the third to be all %d bytes and the others its beginning", len(got), len(got[len(got)-1]), len(want))
		}
	})
}

func TestRetryGivesTheAnswerBackWhenTheBodyIsGone(t *testing.T) {
	t.Parallel()
	rig := newStageRig(t)
	body := &watchedBody{Reader: strings.NewReader("the vendor's words")}
	chain := Chain(roundTrip(func(*http.Request) (*http.Response, error) {
		resp := vendorSays(503, "")
		resp.Body = body
		return resp, nil
	}), rig.ups.retry(rig.conn))
	r, _ := rig.request(t, http.MethodPut, "https://vendor.example/people/1", strings.NewReader("{}"))
	r.GetBody = func() (io.ReadCloser, error) { return nil, errors.New("gone") }
	resp, err := chain.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	if got := readAll(t, resp); got != "the vendor's words" {
		t.Errorf("got body %q, want it untouched", got)
	}
}

func TestRetryWaitsAsLongAsTheVendorAsks(t *testing.T) {
	t.Parallel()
	date := func(t time.Time) string { return t.UTC().Format(http.TimeFormat) }
	cases := map[string]struct {
		headers func(now time.Time) []string
		least   time.Duration
		most    time.Duration
	}{
		"seconds": {func(time.Time) []string { return []string{"Retry-After", "7"} }, 7 * time.Second, 7 * time.Second},
		"nothing": {func(time.Time) []string { return nil }, 0, 200 * time.Millisecond},
		"zero":    {func(time.Time) []string { return []string{"Retry-After", "0"} }, 0, 200 * time.Millisecond},
		"a date":  {func(now time.Time) []string { return []string{"Retry-After", date(now.Add(9 * time.Second))} }, 9 * time.Second, 9 * time.Second},
		"a date of a late clock": {func(now time.Time) []string {
			return []string{"Date", date(now.Add(-time.Hour)), "Retry-After", date(now.Add(4*time.Second - time.Hour))}
		}, 4 * time.Second, 4 * time.Second},
		"a date gone by": {func(now time.Time) []string { return []string{"Retry-After", date(now.Add(-time.Hour))} }, 0, 200 * time.Millisecond},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				rig, sent, start := newStageRig(t), 0, time.Now()
				chain := Chain(inTurn(&sent, replies(503, tc.headers(start)...), replies(200)), rig.ups.retry(rig.conn))
				r, _ := rig.request(t, http.MethodGet, "https://vendor.example/", nil)
				resp, err := chain.RoundTrip(r)
				if err != nil {
					t.Fatal(err)
				}
				_ = resp.Body.Close()
				if took := time.Since(start); resp.StatusCode != 200 || took < tc.least || took > tc.most {
					t.Errorf("got %d after %s, want 200 after %s to %s", resp.StatusCode, took, tc.least, tc.most)
				}
			})
		})
	}
}

func TestRetryGivesTheAnswerAsItIsWhenTheWaitDoesNotFit(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		turn   turn
		change func(*stageRig)
		held   time.Duration
		sent   int
	}{
		"fits":                        {turn: replies(503, "Retry-After", "20"), sent: 2},
		"longer than patience":        {turn: replies(503, "Retry-After", "26"), sent: 1},
		"with the hold, too":          {turn: replies(503, "Retry-After", "20"), held: 6 * time.Second, sent: 1},
		"the consumer's own patience": {turn: replies(503, "Retry-After", "20"), change: func(r *stageRig) { r.consumer.MaxHold = 10 * time.Second }, sent: 1},
		"or more of it":               {turn: replies(503, "Retry-After", "50"), change: func(r *stageRig) { r.consumer.MaxHold = 55 * time.Second }, sent: 2},
		"past the deadline":           {turn: replies(503, "Retry-After", "20"), change: func(r *stageRig) { r.conn.Timeouts.Total = 20 * time.Second }, sent: 1},
		"a refusal with a long wait":  {turn: refuses(429, "Retry-After", "40"), sent: 1},
		"a refusal with a short one":  {turn: refuses(429, "Retry-After", "4"), sent: 2},
		"a wait in the vendor's words": {turn: func(c *Call, _ *http.Request) (*http.Response, error) {
			c.Refused = true
			c.Limits = []transforms.Limits{{}, {RetryAfter: 40 * time.Second}}
			return vendorSays(429, "slow down"), nil
		}, sent: 1},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				rig, sent := newStageRig(t), 0
				if tc.change != nil {
					tc.change(rig)
				}
				body := &watchedBody{Reader: strings.NewReader("slow down")}
				first := func(c *Call, r *http.Request) (*http.Response, error) {
					resp, err := tc.turn(c, r)
					resp.Body = body
					return resp, err
				}
				chain := Chain(inTurn(&sent, first, replies(200)), rig.ups.retry(rig.conn))
				r, call := rig.request(t, http.MethodGet, "https://vendor.example/", nil)
				call.Held = tc.held
				start := time.Now()
				resp, err := chain.RoundTrip(r)
				if err != nil {
					t.Fatal(err)
				}
				defer resp.Body.Close()
				if sent != tc.sent {
					t.Errorf("got %d sent, want %d", sent, tc.sent)
				}
				if tc.sent > 1 {
					return
				}
				if took := time.Since(start); took != 0 {
					t.Errorf("given back after %s, want at once", took)
				}
				if read, closed := body.state(); read != 0 || closed != 0 {
					t.Errorf("the answer given back has %d bytes read and was closed %d times, want it untouched", read, closed)
				}
				if got := readAll(t, resp); got != "slow down" {
					t.Errorf("got body %q, want %q", got, "slow down")
				}
			})
		})
	}
}

func TestRetryPausesAddUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		rig, sent, start := newStageRig(t), 0, time.Now()
		chain := Chain(inTurn(&sent, replies(503, "Retry-After", "15")), rig.ups.retry(rig.conn))
		r, _ := rig.request(t, http.MethodGet, "https://vendor.example/", nil)
		resp, err := chain.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if took := time.Since(start); sent != 2 || took != 15*time.Second {
			t.Errorf("got %d sent in %s, want 2 in 15s: a second pause would exceed the patience of 25s", sent, took)
		}
	})
}

func TestRetryLeavesTheWaitAfterARefusalToPace(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		rig, sent, start := newStageRig(t), 0, time.Now()
		var at []time.Duration
		turn := func(status int, headers ...string) turn {
			return func(*Call, *http.Request) (*http.Response, error) {
				at = append(at, time.Since(start))
				return vendorSays(status, "", headers...), nil
			}
		}
		rig.route.Rules = []*connectors.Rule{{Name: "people", Limit: 60, Window: time.Minute, Scope: "connection"}}
		vendor := inTurn(&sent, turn(429), turn(200))
		chain := Chain(vendor, rig.ups.retry(rig.conn), rig.ups.pace(rig.conn))
		r, call := rig.request(t, http.MethodPost, "https://vendor.example/people", strings.NewReader("{}"))
		resp, err := chain.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != 200 || call.Refused {
			t.Errorf("got %d, refused %v; want 200, false", resp.StatusCode, call.Refused)
		}
		// A 429 without a word on when: the gate stays shut for 5 s (TeamDynamix asks for as much).
		if want := []time.Duration{0, 5 * time.Second}; !slices.Equal(at, want) {
			t.Errorf("sent after %v, want %v", at, want)
		}
		if call.Held != 5*time.Second {
			t.Errorf("got call.Held %s, want 5s: the wait is pace's", call.Held)
		}
	})
}

func TestRetryReadsOnAndClosesWhatItThrowsAway(t *testing.T) {
	t.Parallel()
	for name, size := range map[string]int64{"short": 1000, "endless": 1 << 40} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				rig, sent := newStageRig(t), 0
				body := &watchedBody{Reader: io.LimitReader(zeros{}, size)}
				chain := Chain(inTurn(&sent, func(*Call, *http.Request) (*http.Response, error) {
					resp := vendorSays(502, "")
					resp.Body, resp.ContentLength = body, -1
					return resp, nil
				}, replies(200)), rig.ups.retry(rig.conn))
				r, _ := rig.request(t, http.MethodGet, "https://vendor.example/", nil)
				resp, err := chain.RoundTrip(r)
				if err != nil {
					t.Fatal(err)
				}
				_ = resp.Body.Close()
				if read, closed := body.state(); read != min(size, drainAtMost) || closed != 1 {
					t.Errorf("got %d bytes read, closed %d times; want %d and once", read, closed, min(size, drainAtMost))
				}
			})
		})
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func TestRetryEndsWithItsCaller(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		rig, sent := newStageRig(t), 0
		chain := Chain(inTurn(&sent, replies(503, "Retry-After", "20"), replies(200)), rig.ups.retry(rig.conn))
		ctx, hangUp := context.WithCancelCause(t.Context())
		r, err := http.NewRequestWithContext(rig.call(ctx), http.MethodGet, "https://vendor.example/", nil)
		if err != nil {
			t.Fatal(err)
		}
		time.AfterFunc(3*time.Second, func() { hangUp(errHungUp) })
		start := time.Now()
		resp, err := chain.RoundTrip(r)
		if err == nil {
			_ = resp.Body.Close()
		}
		if took := time.Since(start); !isHangUp(err) || took != 3*time.Second || sent != 1 {
			t.Errorf("got %v after %s and %d sent; want a hang-up after 3s and 1", err, took, sent)
		}
	})
}

func TestRetryDoesNotRepeatForACallThatHasEnded(t *testing.T) {
	t.Parallel()
	rig, sent := newStageRig(t), 0
	ctx, cancel := context.WithCancel(t.Context())
	chain := Chain(inTurn(&sent, func(*Call, *http.Request) (*http.Response, error) {
		cancel()
		return nil, fault.New("wire", 502, "vendor_unreachable", "x")
	}), rig.ups.retry(rig.conn))
	r, err := http.NewRequestWithContext(rig.call(ctx), http.MethodGet, "https://vendor.example/", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := chain.RoundTrip(r)
	if err == nil {
		_ = resp.Body.Close()
	}
	if sent != 1 || fault.Of(err).Code != "vendor_unreachable" {
		t.Errorf("got %d sent and %v, want 1 and the wire's own fault", sent, err)
	}
}

func TestBackoffIsDrawnFromAnIntervalThatDoubles(t *testing.T) {
	t.Parallel()
	rule := connectors.Retry{Base: 100 * time.Millisecond, Max: time.Second}
	for attempt, ceiling := range map[int]time.Duration{
		1: 100 * time.Millisecond, 2: 200 * time.Millisecond, 3: 400 * time.Millisecond, 4: 800 * time.Millisecond, 5: time.Second, 60: time.Second,
	} {
		least, most := ceiling, time.Duration(0)
		for range 2000 {
			d := backoff(rule, attempt)
			least, most = min(least, d), max(most, d)
		}
		// 2,000 draws all miss an outer tenth of the interval once in 10^91 runs.
		if least < 0 || most >= ceiling || least > ceiling/10 || most < ceiling*9/10 {
			t.Errorf("attempt %d: drawn from %s to %s, want the whole of 0 to %s", attempt, least, most, ceiling)
		}
	}
	if got := backoff(connectors.Retry{}, 1); got != 0 {
		t.Errorf("no settings: got a pause of %s, want none", got)
	}
}

func BenchmarkRetry(b *testing.B) {
	rig := newStageRig(b)
	resp := vendorSays(200, "")
	chain := Chain(roundTrip(func(*http.Request) (*http.Response, error) { return resp, nil }), rig.ups.retry(rig.conn))
	r, _ := rig.request(b, http.MethodGet, "https://vendor.example/people/1", nil)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := chain.RoundTrip(r); err != nil {
			b.Fatal(err)
		}
	}
}
