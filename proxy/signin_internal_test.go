package proxy

import (
	"bytes"
	"compress/gzip"
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

	"sluice/connectors"
	"sluice/internal/fault"
	"sluice/transforms"
)

// signInRig is the signin stage of a passthrough connection before a vendor that a test scripts.
type signInRig struct {
	*stageRig
	chain http.RoundTripper

	mu     sync.Mutex
	asked  int
	answer func(asked int, r *http.Request) (*http.Response, error)
}

func newSignInRig(t testing.TB, token any, cacheFor time.Duration) *signInRig {
	t.Helper()
	s := &signInRig{stageRig: newStageRig(t)}
	spec, err := transforms.CompileTokenSpec(token)
	if err != nil {
		t.Fatal(err)
	}
	s.route = &connectors.Route{Name: "POST /auth", Method: "POST", Template: "/auth", SignIn: &connectors.SignIn{Token: spec, CacheFor: cacheFor}}
	s.conn.Connector.LimitHeaders = []string{"X-RateLimit-Remaining"}
	s.chain = s.ups.signIn(s.conn)(roundTrip(func(r *http.Request) (*http.Response, error) {
		s.mu.Lock()
		s.asked++
		asked := s.asked
		s.mu.Unlock()
		return s.answer(asked, r)
	}))
	return s
}

// tokens answers with JWTs that live for life.
func tokens(life time.Duration, header ...string) func(int, *http.Request) (*http.Response, error) {
	return func(asked int, _ *http.Request) (*http.Response, error) {
		return vendorSays(200, jwtEnding(time.Now().Add(life), asked), append([]string{"Content-Type", "text/plain"}, header...)...), nil
	}
}

// signIn signs in and returns the answer, its body and the call.
func (s *signInRig) signIn(t *testing.T, body string, headers ...string) (*http.Response, string, *Call) {
	t.Helper()
	r, call := s.request(t, http.MethodPost, "https://vendor.example/auth", strings.NewReader(body), headers...)
	resp, err := s.chain.RoundTrip(r)
	if err != nil {
		t.Fatalf("sign in: %v", err)
	}
	return resp, readAll(t, resp), call
}

func (s *signInRig) wasAsked(t *testing.T, when string, want int) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.asked != want {
		t.Errorf("%s: the vendor was asked %d times, want %d", when, s.asked, want)
	}
}

func TestASignInIsAnsweredFromMemoryWhileTheTokenLives(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSignInRig(t, "text", 0)
		s.answer = tokens(24*time.Hour, "Date", "Sat, 01 Jan 2000 00:00:00 GMT", "X-RateLimit-Remaining", "59", "Set-Cookie", "lb=1", "Set-Cookie", "x=2", "X-Kept", "yes")
		first, token, call := s.signIn(t, `{"k":1}`)
		if call.Answered != "" || first.Header.Get("X-RateLimit-Remaining") != "59" {
			t.Errorf("the first answer is by %q with remaining %q, want the vendor's whole", call.Answered, first.Header.Get("X-RateLimit-Remaining"))
		}
		<-time.After(24*time.Hour - time.Minute - time.Second)
		second, again, call := s.signIn(t, `{"k":1}`)
		if call.Answered != "signin" || again != token || second.StatusCode != 200 || second.ContentLength != int64(len(token)) {
			t.Errorf("the second answer: by %q, %d, %d bytes, same token %t; want by signin, 200, %d bytes, true", call.Answered, second.StatusCode, second.ContentLength, again == token, len(token))
		}
		want := http.Header{"Content-Type": {"text/plain"}, "Date": {"Sat, 01 Jan 2000 23:58:59 GMT"}, "Set-Cookie": {"lb=1", "x=2"}, "X-Kept": {"yes"}}
		if fmt.Sprint(second.Header) != fmt.Sprint(want) {
			t.Errorf("its header = %v, want %v", second.Header, want)
		}
		s.wasAsked(t, "while the token lives", 1)
		<-time.After(2 * time.Second)
		s.signIn(t, `{"k":1}`)
		s.wasAsked(t, "in the token's last minute", 2)
		if got := s.counted(t, "sluice_sign_ins_total", map[string]string{"outcome": "memory"}); got != 1 {
			t.Errorf("sign_ins_total{outcome=memory} = %v, want 1", got)
		}
		if got := s.counted(t, "sluice_sign_ins_total", map[string]string{"outcome": "vendor"}); got != 2 {
			t.Errorf("sign_ins_total{outcome=vendor} = %v, want 2", got)
		}
	})
}

func TestWhoSharesASignIn(t *testing.T) {
	t.Parallel()
	type shown struct {
		method, target, body string
		header               []string
	}
	base := shown{method: "POST", target: "/auth?a=1", body: "secret", header: []string{"Content-Type", "application/json", "Authorization", "Basic YTpi"}}
	with := func(change func(*shown)) shown {
		s := base
		s.header = append([]string(nil), base.header...)
		change(&s)
		return s
	}
	tests := map[string]struct {
		other shown
		same  bool
	}{
		"the same words":        {base, true},
		"another body":          {with(func(s *shown) { s.body = "Secret" }), false},
		"another method":        {with(func(s *shown) { s.method = "PUT" }), false},
		"another query":         {with(func(s *shown) { s.target = "/auth?a=2" }), false},
		"another spelling":      {with(func(s *shown) { s.target = "/%61uth?a=1" }), false},
		"another content type":  {with(func(s *shown) { s.header[1] = "text/json" }), false},
		"another Authorization": {with(func(s *shown) { s.header[3] = "Basic YTpj" }), false},
		"a key of its own":      {with(func(s *shown) { s.header = append(s.header, "X-Api-Key", "1") }), false},
		"a cookie":              {with(func(s *shown) { s.header = append(s.header, "Cookie", "a=b") }), false},
		"another format wanted": {with(func(s *shown) { s.header = append(s.header, "Accept", "application/json") }), false},
		"another request id": {with(func(s *shown) {
			s.header = append(s.header, "X-Request-Id", "7", "User-Agent", "u", "Traceparent", "00-1")
		}), true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := newSignInRig(t, "text", 0)
				s.answer = tokens(time.Hour)
				for _, one := range []shown{base, test.other} {
					r, _ := s.request(t, one.method, "https://vendor.example"+one.target, strings.NewReader(one.body), one.header...)
					resp, err := s.chain.RoundTrip(r)
					if err != nil {
						t.Fatal(err)
					}
					readAll(t, resp)
				}
				s.wasAsked(t, "after both", map[bool]int{true: 1, false: 2}[test.same])
			})
		})
	}
}

func TestHowLongASignInIsRemembered(t *testing.T) {
	t.Parallel()
	oauth := map[string]any{"json": ".access_token", "expires": map[string]any{"json": ".expires_in", "format": "delta"}}
	tests := map[string]struct {
		spec     any
		cacheFor time.Duration
		answer   func() *http.Response
		want     time.Duration // 0 = not at all
	}{
		"a day, less a minute":       {"text", 0, func() *http.Response { return vendorSays(200, jwtEnding(time.Now().Add(24*time.Hour), 1)) }, 24*time.Hour - time.Minute},
		"five minutes, less a tenth": {"text", 0, func() *http.Response { return vendorSays(200, jwtEnding(time.Now().Add(5*time.Minute), 1)) }, 270 * time.Second},
		"as long as the route says":  {"text", time.Hour, func() *http.Response { return vendorSays(200, jwtEnding(time.Now().Add(24*time.Hour), 1)) }, time.Hour},
		"the vendor's clock is behind": {"text", 0, func() *http.Response {
			return vendorSays(200, jwtEnding(time.Now().Add(-time.Hour), 1), "Date", "Fri, 31 Dec 1999 22:00:00 GMT")
		}, 59 * time.Minute},
		"silent, the route says": {"text", time.Hour, func() *http.Response { return vendorSays(200, "opaque-token") }, time.Hour},
		"silent":                 {"text", 0, func() *http.Response { return vendorSays(200, "opaque-token") }, 0},
		"assumed":                {map[string]any{"text": true, "fallback": "10h"}, 0, func() *http.Response { return vendorSays(200, "opaque-token") }, 59 * time.Minute},
		"expires_in":             {oauth, 0, func() *http.Response { return vendorSays(200, `{"access_token":"t-0123456","expires_in": 3600}`) }, 59 * time.Minute},
		"a distance under another name": {map[string]any{"json": ".t", "expires": map[string]any{"json": ".ttl", "format": "delta"}}, 0,
			func() *http.Response { return vendorSays(200, `{"t":"t-0123456","ttl":3600}`) }, 6*time.Minute - 36*time.Second},
		"an instant": {map[string]any{"json": ".t", "expires": map[string]any{"json": ".until", "format": "unix"}}, 0, func() *http.Response {
			return vendorSays(200, fmt.Sprintf(`{"t":"t-0123456","until":%d}`, time.Now().Unix()+3600))
		}, 59 * time.Minute},
		"expires_in in two places": {oauth, 0, func() *http.Response {
			return vendorSays(200, `{"access_token":"t-0123456","expires_in":3600,"other":{"expires_in":3600}}`)
		}, 6*time.Minute - 36*time.Second},
		"packed": {"text", 0, func() *http.Response {
			return vendorSays(200, packed(t, jwtEnding(time.Now().Add(time.Hour), 1)), "Content-Encoding", "gzip")
		}, 59 * time.Minute},
		"packed unknown": {"text", 0, func() *http.Response {
			return vendorSays(200, jwtEnding(time.Now().Add(time.Hour), 1), "Content-Encoding", "br")
		}, 0},
		"ended":       {"text", time.Hour, func() *http.Response { return vendorSays(200, jwtEnding(time.Now().Add(-time.Hour), 1)) }, 0},
		"no token":    {"text", time.Hour, func() *http.Response { return vendorSays(200, "<html>") }, 0},
		"refused":     {"text", time.Hour, func() *http.Response { return vendorSays(401, jwtEnding(time.Now().Add(time.Hour), 1)) }, 0},
		"vendor ails": {"text", time.Hour, func() *http.Response { return vendorSays(503, "") }, 0},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := newSignInRig(t, test.spec, test.cacheFor)
				s.answer = func(int, *http.Request) (*http.Response, error) { return test.answer(), nil }
				s.signIn(t, "k")
				if test.want == 0 {
					s.signIn(t, "k")
					s.wasAsked(t, "at once again", 2)
					return
				}
				<-time.After(test.want - time.Millisecond)
				s.signIn(t, "k")
				s.wasAsked(t, "just before the end of memory", 1)
				<-time.After(2 * time.Millisecond)
				s.signIn(t, "k")
				s.wasAsked(t, "just after it", 2)
			})
		})
	}
}

func packed(t *testing.T, text string) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := io.WriteString(w, text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestARefusalInA200IsNotRemembered(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSignInRig(t, "text", 0)
		s.answer = func(asked int, r *http.Request) (*http.Response, error) {
			CallOf(r.Context()).Refused = true // as pace would say of a vendor whose connector calls this a refusal
			return tokens(time.Hour)(asked, r)
		}
		s.signIn(t, "k")
		s.signIn(t, "k")
		s.wasAsked(t, "after two", 2)
	})
}

func TestExpiresInCountsDownInMemory(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSignInRig(t, map[string]any{"json": ".access_token", "expires": map[string]any{"json": ".expires_in", "format": "delta"}}, 0)
		s.answer = func(int, *http.Request) (*http.Response, error) {
			return vendorSays(200, `{"access_token":"t-0123456","expires_in" : "3600","scope":"a"}`), nil
		}
		s.signIn(t, "k")
		<-time.After(30*time.Minute + 500*time.Millisecond)
		resp, got, _ := s.signIn(t, "k")
		if want := `{"access_token":"t-0123456","expires_in" : "1799","scope":"a"}`; got != want || resp.ContentLength != int64(len(want)) {
			t.Errorf("half an hour later: %s (%d bytes), want %s", got, resp.ContentLength, want)
		}
		s.wasAsked(t, "in all", 1)
	})
}

func TestSignInsAtOnceMakeOneCall(t *testing.T) {
	t.Parallel()
	for _, code := range []int{200, 401, 429, 503} {
		t.Run(fmt.Sprint(code), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := newSignInRig(t, "text", 0)
				s.answer = func(asked int, r *http.Request) (*http.Response, error) {
					CallOf(r.Context()).Held, CallOf(r.Context()).Refused = time.Second, code == 429
					<-time.After(time.Second)
					return vendorSays(code, jwtEnding(time.Now().Add(time.Hour), asked)), nil
				}
				var all sync.WaitGroup
				var mu sync.Mutex
				by := map[string]int{}
				for range 20 {
					all.Go(func() {
						resp, _, call := s.signIn(t, "k")
						mu.Lock()
						defer mu.Unlock()
						by[call.Answered]++
						if resp.StatusCode != code || call.Refused != (code == 429) || (call.Held > 0) != (call.Answered == "") {
							t.Errorf("status %d, refused %t, held %s by %q; want %d, the vendor's word, and the leader's alone", resp.StatusCode, call.Refused, call.Held, call.Answered, code)
						}
					})
				}
				all.Wait()
				s.wasAsked(t, "by 20 at once", 1)
				if by[""] != 1 || by["signin"] != 19 {
					t.Errorf("answered by %v, want one by the vendor and 19 by signin", by)
				}
			})
		})
	}
}

func TestASignInOutlivesItsFirstCaller(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSignInRig(t, "text", 0)
		s.answer = func(asked int, r *http.Request) (*http.Response, error) {
			select {
			case <-r.Context().Done():
				return nil, r.Context().Err()
			case <-time.After(10 * time.Second):
				return tokens(time.Hour)(asked, r)
			}
		}
		send := func(ctx context.Context) chan error {
			ended := make(chan error, 1)
			call := s.call(ctx)
			r, err := http.NewRequestWithContext(call, http.MethodPost, "https://vendor.example/auth", strings.NewReader("k"))
			if err != nil {
				t.Fatal(err)
			}
			go func() {
				resp, err := s.chain.RoundTrip(r)
				if err == nil {
					err = resp.Body.Close()
				}
				ended <- err
			}()
			synctest.Wait()
			return ended
		}
		leader, hangUp := context.WithCancel(t.Context())
		first := send(leader)
		short, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		hasty := send(short)
		patient := send(t.Context())
		hangUp()
		if err := <-first; !errors.Is(err, context.Canceled) {
			t.Errorf("who hung up got %v, want context.Canceled", err)
		}
		if err := <-hasty; !errors.Is(err, context.DeadlineExceeded) || fault.Of(err).Status != http.StatusGatewayTimeout {
			t.Errorf("who had a second got %v, want a fault of status 504", err)
		}
		if err := <-patient; err != nil {
			t.Errorf("who waited got %v, want an answer", err)
		}
		s.wasAsked(t, "in all", 1)
	})
}

func TestALongOrTornSignInIsNotHeld(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSignInRig(t, "text", 0)
		long := strings.Repeat("x", maxSignInBody+1)
		s.answer = func(asked int, r *http.Request) (*http.Response, error) {
			data, err := io.ReadAll(r.Body)
			if err != nil || string(data) != long {
				t.Errorf("the vendor got %d bytes (%v), want all %d", len(data), err, len(long))
			}
			return tokens(time.Hour)(asked, r)
		}
		s.signIn(t, long)
		s.signIn(t, long)
		s.wasAsked(t, "with a body too long to hold", 2)

		body := &watchedBody{Reader: failingReader{err: io.ErrUnexpectedEOF}}
		r, _ := s.request(t, http.MethodPost, "https://vendor.example/auth", body)
		_, err := s.chain.RoundTrip(r)
		if f := fault.Of(err); f.Status != http.StatusBadRequest {
			t.Errorf("a torn body: %v, want a fault of status 400", err)
		}
		if _, closed := body.state(); closed == 0 {
			t.Error("the torn body was left open")
		}
		s.wasAsked(t, "with a torn body", 2)

		s.answer = func(int, *http.Request) (*http.Response, error) {
			return vendorSays(200, strings.Repeat("x", maxSignInAnswer+1)), nil
		}
		r, _ = s.request(t, http.MethodPost, "https://vendor.example/auth", nil)
		if _, err := s.chain.RoundTrip(r); fault.Of(err).Code != "answer_too_large" {
			t.Errorf("an endless answer: %v, want answer_too_large", err)
		}
	})
}

func TestA401ToATokenInMemoryGivesItUpOnceAMinute(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSignInRig(t, "text", 0)
		s.answer = tokens(24 * time.Hour)
		use := func(code int, authorization string) {
			t.Helper()
			old, route := s.answer, s.route
			defer func() { s.answer, s.route = old, route }()
			s.answer = func(int, *http.Request) (*http.Response, error) { s.asked--; return vendorSays(code, ""), nil }
			s.route = &connectors.Route{Name: "GET /people/{uid}"}
			r, _ := s.request(t, http.MethodGet, "https://vendor.example/people/1", nil, "Authorization", authorization)
			resp, err := s.chain.RoundTrip(r)
			if err != nil {
				t.Fatal(err)
			}
			readAll(t, resp)
		}
		_, token, _ := s.signIn(t, "k")
		use(200, "Bearer "+token)
		use(403, "Bearer "+token)
		use(401, "Bearer somebody-elses")
		use(401, "Basic "+token)
		s.signIn(t, "k")
		s.wasAsked(t, "after answers that say nothing of this token", 1)
		use(401, "bearer "+token)
		_, second, _ := s.signIn(t, "k")
		s.wasAsked(t, "after a 401 to this token", 2)
		use(401, "Bearer "+token) // a straggler
		use(401, "Bearer "+second)
		s.signIn(t, "k")
		s.wasAsked(t, "after another 401 within the minute: it is a missing permission", 2)
		<-time.After(time.Minute + time.Second)
		use(401, "Bearer "+token)
		s.signIn(t, "k")
		s.wasAsked(t, "a minute later, after a 401 to the first token", 2)
		use(401, "Bearer "+second)
		s.signIn(t, "k")
		s.wasAsked(t, "and to the second", 3)
	})
}

func TestTheMemoryOfSignInsIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSignInRig(t, "text", 0)
		s.answer = tokens(time.Hour)
		for i := range maxTokenAnswers + 10 {
			s.signIn(t, fmt.Sprint(i))
		}
		m := s.chain.(*signer).memory
		if got := m.answers.ItemCount(); got != maxTokenAnswers {
			t.Errorf("%d answers in memory, want %d", got, maxTokenAnswers)
		}
		<-time.After(2 * time.Hour)
		s.signIn(t, "new")
		if answers, tokens := m.answers.ItemCount(), m.tokens.ItemCount(); answers != 1 || tokens != 1 {
			t.Errorf("%d answers and %d tokens after all have ended, want 1 and 1", answers, tokens)
		}
	})
}

func TestTheMemoryOfSignInsOutlivesAReload(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v := &tokenVendor{life: time.Hour}
		u := NewUpstreams(Options{Wire: func(*connectors.Connection) (http.RoundTripper, error) { return v, nil }})
		for range 3 {
			if err := u.Apply(probed(t, probeLogin, "text", "passthrough", "")); err != nil {
				t.Fatal(err)
			}
			client, err := u.Client("tdx")
			if err != nil {
				t.Fatal(err)
			}
			resp, err := client.Post("https://vendor.example/auth", "application/json", strings.NewReader("{}"))
			if err != nil {
				t.Fatal(err)
			}
			readAll(t, resp)
		}
		if signIns, _ := v.counts(); signIns != 1 {
			t.Errorf("%d sign-ins over three configurations, want 1", signIns)
		}
	})
}

func BenchmarkSignInStageOnOtherRoutes(b *testing.B) {
	s := newSignInRig(b, "text", 0)
	resp := &http.Response{StatusCode: 200, Header: http.Header{}, Body: http.NoBody}
	s.answer = func(int, *http.Request) (*http.Response, error) { return resp, nil }
	s.route = &connectors.Route{Name: "GET /people/{uid}"}
	r, _ := s.request(b, http.MethodGet, "https://vendor.example/people/1", nil, "Authorization", "Bearer x")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.chain.RoundTrip(r); err != nil {
			b.Fatal(err)
		}
	}
}
