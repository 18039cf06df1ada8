package proxy

import (
	"errors"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"sluice/connectors"
	"sluice/internal/fault"
)

const personURL = "https://vendor.example/people/1"

// cacheRig is a rig whose route has a cache rule, and a vendor that numbers its answers.
type cacheRig struct {
	*stageRig
	mu     sync.Mutex
	calls  int
	answer func(n int, r *http.Request) (*http.Response, error) // nil: 200 and "answer n"
	chain  http.RoundTripper
}

func newCacheRig(t testing.TB) *cacheRig {
	t.Helper()
	c := &cacheRig{stageRig: newStageRig(t)}
	c.route.Cache = &connectors.Cache{TTL: time.Minute}
	c.build()
	return c
}

// build makes the stage anew, as a reload does.
func (c *cacheRig) build() {
	c.ups.kept.begin()
	c.chain = Chain(roundTrip(c.vendor), c.ups.cache(c.set, c.conn))
	c.ups.kept.sweep()
}

func (c *cacheRig) vendor(r *http.Request) (*http.Response, error) {
	c.mu.Lock()
	c.calls++
	n, answer := c.calls, c.answer
	c.mu.Unlock()
	if answer == nil {
		return vendorSays(200, "answer "+strconv.Itoa(n)), nil
	}
	return answer(n, r)
}

func (c *cacheRig) called() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.calls
}

func (c *cacheRig) answers(with func(n int, r *http.Request) (*http.Response, error)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.answer = with
}

// send sends a request and returns the answer with its body read, and the call.
func (c *cacheRig) send(t *testing.T, method, target string, headers ...string) (*http.Response, string, *Call) {
	t.Helper()
	r, call := c.request(t, method, target, nil, headers...)
	resp, err := c.chain.RoundTrip(r)
	if err != nil {
		t.Fatalf("%s %s: %v", method, target, err)
	}
	return resp, readAll(t, resp), call
}

// get sends a GET and compares the body and the outcome.
func (c *cacheRig) get(t *testing.T, target, wantBody, wantOutcome string, headers ...string) *http.Response {
	t.Helper()
	resp, body, call := c.send(t, http.MethodGet, target, headers...)
	if body != wantBody || call.Cached != wantOutcome {
		t.Errorf("GET %s %v: got %q (%s), want %q (%s)", target, headers, body, call.Cached, wantBody, wantOutcome)
	}
	return resp
}

func TestCacheAnswersFromMemory(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCacheRig(t)
		c.answers(func(n int, _ *http.Request) (*http.Response, error) {
			return vendorSays(203, "answer "+strconv.Itoa(n), "Content-Type", "application/json", "X-Two", "a", "X-Two", "b", "Age", "5"), nil
		})
		first := c.get(t, personURL, "answer 1", "miss")
		if got := first.Header.Get("X-Sluice-Cache"); got != "miss" {
			t.Errorf("first: got X-Sluice-Cache %q, want miss", got)
		}
		<-time.After(20 * time.Second)
		resp, body, call := c.send(t, http.MethodGet, personURL)
		if body != "answer 1" || resp.StatusCode != 203 || resp.ContentLength != int64(len(body)) || resp.Status != first.Status {
			t.Errorf("got %d %q %q with length %d, want 203 %q \"answer 1\" with length 8", resp.StatusCode, resp.Status, body, resp.ContentLength, first.Status)
		}
		if call.Answered != "cache" || call.Cached != "hit" {
			t.Errorf("got answered %q, cached %q; want cache, hit", call.Answered, call.Cached)
		}
		want := http.Header{"Content-Type": {"application/json"}, "X-Two": {"a", "b"}, "Age": {"25"}, "X-Sluice-Cache": {"hit"}}
		if !maps.EqualFunc(resp.Header, want, slices.Equal) {
			t.Errorf("got header %v, want %v", resp.Header, want)
		}
		resp.Header.Add("X-Two", "mine")
		resp.Header["Content-Type"][0] = "mine"
		if again := c.get(t, personURL, "answer 1", "hit"); !maps.EqualFunc(again.Header, want, slices.Equal) {
			t.Errorf("after a caller changed his header: got %v, want %v", again.Header, want)
		}
		<-time.After(40 * time.Second)
		c.get(t, personURL, "answer 1", "hit") // to the last moment of its minute
		<-time.After(time.Nanosecond)
		c.get(t, personURL, "answer 2", "miss")
		for outcome, want := range map[string]float64{"hit": 3, "miss": 2} {
			if got := c.counted(t, "sluice_cache_total", map[string]string{"connection": "tdx", "outcome": outcome}); got != want {
				t.Errorf("counted %v %s, want %v", got, outcome, want)
			}
		}
	})
}

func TestCacheLeavesRawAnswersAsTheyAre(t *testing.T) {
	t.Parallel()
	c := newCacheRig(t)
	c.view = &connectors.View{Name: "raw", Raw: true}
	header := []string{"Content-Type", "application/json", "Etag", `W/"x"`, "Date", "Sun, 06 Nov 1994 08:49:37 GMT", "\x00spelling", "ETag"}
	c.answers(func(int, *http.Request) (*http.Response, error) {
		return vendorSays(200, "\x00\xff bytes", header...), nil
	})
	want := vendorSays(200, "", header...).Header
	for _, outcome := range []string{"miss", "hit"} {
		if resp := c.get(t, personURL, "\x00\xff bytes", outcome); !maps.EqualFunc(resp.Header, want, slices.Equal) {
			t.Errorf("%s: got header %q, want %q", outcome, resp.Header, want)
		}
	}
}

func TestCacheForgetsLimitsAndOurOwnWords(t *testing.T) {
	t.Parallel()
	c := newCacheRig(t)
	c.conn.Connector.LimitHeaders = []string{"X-Quota-Left"}
	c.view.Face.RemainingHeader = "X-My-Left"
	moments := []string{
		"X-Quota-Left", "3", "X-My-Left", "3", "X-Ratelimit-Reset", "1", "X-Rate-Limit-Limit", "60", "Ratelimit", `"a";r=1`, "Ratelimit-Policy", `"a";q=9`,
		"Retry-After", "1", "X-Upstream-Ratelimit-Reset", "x", "X-Sluice-Held-Ms", "4", "Zendesk-Ratelimit-Tickets-Index", "total=1",
	}
	c.answers(func(int, *http.Request) (*http.Response, error) {
		return vendorSays(200, "x", append(slices.Clone(moments), "X-Kept", "yes")...), nil
	})
	miss, hit := c.get(t, personURL, "x", "miss"), c.get(t, personURL, "x", "hit")
	for i := 0; i < len(moments); i += 2 {
		if got := miss.Header.Get(moments[i]); got != moments[i+1] {
			t.Errorf("miss: got %s %q, want %q", moments[i], got, moments[i+1])
		}
		if got := hit.Header.Values(moments[i]); len(got) > 0 {
			t.Errorf("hit: got %s %q, want none: it was true of one moment", moments[i], got)
		}
	}
	if got := hit.Header.Get("X-Kept"); got != "yes" {
		t.Errorf("hit: got X-Kept %q, want yes", got)
	}
}

func TestCacheKeepsOnlyWhatItMay(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		status  int
		headers []string
		shared  bool
		refused bool
		kept    bool
	}{
		"200": {status: 200, kept: true}, "203": {status: 203, kept: true}, "204": {status: 204, kept: true},
		"301": {status: 301, kept: true}, "308": {status: 308, kept: true},
		"201": {status: 201}, "202": {status: 202}, "206": {status: 206}, "302": {status: 302}, "304": {status: 304}, "400": {status: 400},
		"401": {status: 401}, "403": {status: 403}, "404": {status: 404}, "410": {status: 410}, "429": {status: 429}, "500": {status: 500}, "503": {status: 503},
		"a cookie":                  {status: 200, headers: []string{"Set-Cookie", "a=b"}},
		"no-store":                  {status: 200, headers: []string{"Cache-Control", "no-cache, No-Store"}},
		"no-store on a second line": {status: 200, headers: []string{"Cache-Control", "max-age=5", "Cache-Control", "no-store"}},
		"no-store in quotes is not": {status: 200, headers: []string{"Cache-Control", `x="no-store, y"`}, kept: true},
		"no-cache is a habit":       {status: 200, headers: []string{"Cache-Control", "no-cache", "Pragma", "no-cache", "Expires", "-1"}, kept: true},
		"private, own":              {status: 200, headers: []string{"Cache-Control", "private"}, kept: true},
		"private, shared":           {status: 200, headers: []string{"Cache-Control", "private"}, shared: true},
		"private field, shared":     {status: 200, headers: []string{"Cache-Control", `private="X-A"`}, shared: true},
		"public, shared":            {status: 200, headers: []string{"Cache-Control", "public"}, shared: true, kept: true},
		"Vary *":                    {status: 200, headers: []string{"Vary", "Accept, *"}},
		"Vary by a header":          {status: 200, headers: []string{"Vary", "Accept, X-Zone"}, kept: true},
		"a part":                    {status: 200, headers: []string{"Content-Range", "bytes 0-1/2"}},
		"200 that means too many":   {status: 200, refused: true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCacheRig(t)
			c.route.Cache.Shared = tc.shared
			c.answers(func(n int, r *http.Request) (*http.Response, error) {
				CallOf(r.Context()).Refused = tc.refused
				return vendorSays(tc.status, strconv.Itoa(n), tc.headers...), nil
			})
			c.get(t, personURL, "1", "miss")
			if tc.kept {
				c.get(t, personURL, "1", "hit")
			} else {
				c.get(t, personURL, "2", "miss")
			}
		})
	}
}

func TestCacheObeysTheRequest(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		headers []string
		outcome string // of a request 20 s after the answer was kept
		next    string // of a plain one after that: does it find a newer answer?
	}{
		"nothing":                     {nil, "hit", "answer 1"},
		"no-cache":                    {[]string{"Cache-Control", "no-cache"}, "miss", "answer 2"},
		"Pragma":                      {[]string{"Pragma", "no-cache"}, "miss", "answer 2"},
		"Pragma beside Cache-Control": {[]string{"Pragma", "no-cache", "Cache-Control", "max-age=60"}, "hit", "answer 1"},
		"no-store":                    {[]string{"Cache-Control", "no-store"}, "", "answer 1"},
		"max-age=0":                   {[]string{"Cache-Control", "max-age=0"}, "miss", "answer 2"},
		"max-age=19":                  {[]string{"Cache-Control", "max-age=19"}, "miss", "answer 2"},
		"max-age=20":                  {[]string{"Cache-Control", "max-age=20"}, "hit", "answer 1"},
		"max-age nobody can read":     {[]string{"Cache-Control", "max-age=soon"}, "miss", "answer 2"},
		"min-fresh=40":                {[]string{"Cache-Control", "min-fresh=40"}, "hit", "answer 1"},
		"min-fresh=41":                {[]string{"Cache-Control", "min-fresh=41"}, "miss", "answer 2"},
		"only-if-cached":              {[]string{"Cache-Control", "only-if-cached"}, "hit", "answer 1"},
		"a range":                     {[]string{"Range", "bytes=0-1"}, "", "answer 1"},
		"a condition":                 {[]string{"If-None-Match", `"x"`}, "", "answer 1"},
		"another":                     {[]string{"If-Modified-Since", "Sun, 06 Nov 1994 08:49:37 GMT"}, "", "answer 1"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := newCacheRig(t)
				c.get(t, personURL, "answer 1", "miss")
				<-time.After(20 * time.Second)
				want := "answer 1"
				if tc.outcome != "hit" {
					want = "answer 2"
				}
				c.get(t, personURL, want, tc.outcome, tc.headers...)
				c.get(t, personURL, tc.next, "hit")
				if got := c.counted(t, "sluice_cache_total", map[string]string{"outcome": "bypass"}); (got == 1) != (tc.outcome == "") {
					t.Errorf("counted %v bypass, want it counted: %v", got, tc.outcome == "")
				}
			})
		})
	}
}

func TestCacheOnlyIfCachedWithoutAnAnswer(t *testing.T) {
	t.Parallel()
	c := newCacheRig(t)
	r, call := c.request(t, http.MethodGet, personURL, nil, "Cache-Control", "only-if-cached")
	resp, err := c.chain.RoundTrip(r)
	if err == nil {
		_ = resp.Body.Close()
	}
	if f := fault.Of(err); f == nil || f.Status != 504 || f.Code != "not_cached" || call.Answered != "cache" || c.called() != 0 {
		t.Errorf("got %v, answered %q, %d calls; want 504 not_cached, cache, 0", err, call.Answered, c.called())
	}
}

func TestCacheLeavesOtherMethodsAlone(t *testing.T) {
	t.Parallel()
	c := newCacheRig(t)
	c.get(t, personURL, "answer 1", "miss")
	for i, method := range []string{http.MethodHead, http.MethodOptions} {
		resp, body, call := c.send(t, method, personURL)
		if want := "answer " + strconv.Itoa(i+2); body != want || call.Cached != "" || resp.Header.Get("X-Sluice-Cache") != "" {
			t.Errorf("%s: got %q, cached %q; want the vendor's %q", method, body, call.Cached, want)
		}
	}
	c.get(t, personURL, "answer 1", "hit")
	r, _ := c.request(t, http.MethodGet, personURL, strings.NewReader(`{"q":1}`))
	resp, err := c.chain.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	if got := readAll(t, resp); got != "answer 4" {
		t.Errorf("GET with a body: got %q, want the vendor's \"answer 4\"", got)
	}
	c.route.Cache = nil
	if _, body, call := c.send(t, http.MethodGet, personURL); body != "answer 5" || call.Cached != "" {
		t.Errorf("no rule: got %q, cached %q; want the vendor's \"answer 5\"", body, call.Cached)
	}
}

func TestCachePassesLongAnswersOn(t *testing.T) {
	t.Parallel()
	for name, length := range map[string]int64{"length known": 2001, "length unknown": -1} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCacheRig(t)
			c.conn.Bounds.BufferBody = 2000
			var body *watchedBody
			c.answers(func(n int, _ *http.Request) (*http.Response, error) {
				body = &watchedBody{Reader: strings.NewReader(strings.Repeat(strconv.Itoa(n), 2001))}
				resp := vendorSays(200, "")
				resp.Body, resp.ContentLength = body, length
				return resp, nil
			})
			r, _ := c.request(t, http.MethodGet, personURL, nil)
			resp, err := c.chain.RoundTrip(r)
			if err != nil {
				t.Fatal(err)
			}
			if read, _ := body.state(); length > 0 && read > 0 {
				t.Errorf("got %d bytes read of a body that is known to be too long, want it to stream", read)
			}
			if got := readAll(t, resp); got != strings.Repeat("1", 2001) || resp.ContentLength != length {
				t.Errorf("got %d bytes with length %d, want all 2001 with length %d", len(got), resp.ContentLength, length)
			}
			if _, closed := body.state(); closed != 1 {
				t.Errorf("vendor's body closed %d times, want once", closed)
			}
			c.get(t, personURL, strings.Repeat("2", 2001), "miss")
			c.conn.Bounds.BufferBody = 2001
			c.get(t, personURL, strings.Repeat("3", 2001), "miss")
			c.get(t, personURL, strings.Repeat("3", 2001), "hit")
		})
	}
}

func TestCacheDoesNotKeepABrokenAnswer(t *testing.T) {
	t.Parallel()
	c := newCacheRig(t)
	broken := fault.New("wire", 502, "vendor_unreachable", "the connection to the vendor broke before the answer's end")
	body := &watchedBody{Reader: io.MultiReader(strings.NewReader("half an ans"), failingReader{broken})}
	c.answers(func(n int, _ *http.Request) (*http.Response, error) {
		resp := vendorSays(200, "answer "+strconv.Itoa(n))
		if n == 1 {
			resp.Body = body
		}
		return resp, nil
	})
	r, _ := c.request(t, http.MethodGet, personURL, nil)
	resp, err := c.chain.RoundTrip(r)
	if err == nil {
		_ = resp.Body.Close()
	}
	if !errors.Is(err, broken) {
		t.Errorf("got %v, want the wire's fault", err)
	}
	if _, closed := body.state(); closed != 1 {
		t.Errorf("broken body closed %d times, want once", closed)
	}
	c.get(t, personURL, "answer 2", "miss")
}

type failingReader struct{ err error }

func (f failingReader) Read([]byte) (int, error) { return 0, f.err }

func TestCacheVariesAsTheVendorSays(t *testing.T) {
	t.Parallel()
	c := newCacheRig(t)
	c.answers(func(n int, r *http.Request) (*http.Response, error) {
		return vendorSays(200, r.Header.Get("X-Zone")+" "+strconv.Itoa(n), "Vary", "X-Zone, accept"), nil
	})
	c.get(t, personURL, "north 1", "miss", "X-Zone", "north")
	c.get(t, personURL, "south 2", "miss", "X-Zone", "south")
	c.get(t, personURL, " 3", "miss")
	c.get(t, personURL, "north 1", "hit", "X-Zone", "north")
	c.get(t, personURL, "south 2", "hit", "X-Zone", "south")
	c.get(t, personURL, " 3", "hit")
	c.send(t, http.MethodDelete, personURL)
	c.get(t, personURL, "south 5", "miss", "X-Zone", "south")
	c.get(t, personURL, "north 6", "miss", "X-Zone", "north")
}

func TestCacheLetsGoOfWhatTheVendorNoLongerSays(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		status  int
		outcome string
	}{"gone": {404, "miss"}, "forbidden": {403, "miss"}, "the vendor fails": {500, "hit"}, "too many": {429, "hit"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCacheRig(t)
			c.get(t, personURL, "answer 1", "miss")
			c.answers(func(n int, _ *http.Request) (*http.Response, error) { return vendorSays(tc.status, "no"), nil })
			c.get(t, personURL, "no", "miss", "Cache-Control", "no-cache")
			want := "no"
			if tc.outcome == "hit" {
				want = "answer 1"
			}
			c.get(t, personURL, want, tc.outcome)
		})
	}
}

func TestCacheIsOfOneConfiguration(t *testing.T) {
	t.Parallel()
	c := newCacheRig(t)
	c.get(t, personURL, "answer 1", "miss")
	c.build()
	c.get(t, personURL, "answer 1", "hit")
	c.set = &connectors.Set{Revision: "r2"}
	c.build()
	c.get(t, personURL, "answer 2", "miss")
	c.set = &connectors.Set{Revision: "r1"}
	c.build()
	c.get(t, personURL, "answer 3", "miss")
}

func BenchmarkCacheHit(b *testing.B) {
	c := newCacheRig(b)
	c.answers(func(int, *http.Request) (*http.Response, error) {
		return vendorSays(200, strings.Repeat("x", 2048), "Content-Type", "application/json", "Date", "x", "Server", "x", "Vary", "Accept-Encoding",
			"Cache-Control", "no-cache", "X-Powered-By", "x", "X-Request-Id", "x"), nil
	})
	r, _ := c.request(b, http.MethodGet, personURL, nil, "Authorization", "Bearer "+strings.Repeat("t", 500), "Accept", "application/json",
		"User-Agent", "connector/1", "Accept-Encoding", "gzip", "X-Request-Id", "1")
	b.ReportAllocs()
	for b.Loop() {
		resp, err := c.chain.RoundTrip(r)
		if err != nil {
			b.Fatal(err)
		}
		_ = resp.Body.Close()
	}
}
