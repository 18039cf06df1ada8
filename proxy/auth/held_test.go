package auth_test

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"sluice/connectors"
	"sluice/internal/fault"
	"sluice/proxy/auth"
)

// vendor answers sign-ins.
type vendor struct {
	asked  atomic.Int32
	answer func(asked int, r *http.Request) (*http.Response, error)
}

// RoundTrip implements http.RoundTripper.
func (v *vendor) RoundTrip(r *http.Request) (*http.Response, error) {
	return v.answer(int(v.asked.Add(1)), r)
}

// lives answers with tokens that live for life, after a pause.
func lives(life, pause time.Duration) func(int, *http.Request) (*http.Response, error) {
	return func(_ int, r *http.Request) (*http.Response, error) {
		<-time.After(pause) // in a bubble: the vendor takes this long
		return answer(http.StatusOK, jwtUntil(time.Now().Add(life), time.Now().String())), nil
	}
}

// holding is a login scheme over v and what it signs in with.
func holding(t *testing.T, v http.RoundTripper) (auth.Renewer, *auth.Held) {
	t.Helper()
	held := auth.NewHeld(30*time.Second, nil)
	t.Cleanup(held.Close)
	s, err := auth.New(connection(t, connectors.Auth{Login: &connectors.Login{
		Method: "POST", Path: "/auth", JSON: map[string]any{"key": "${credential:key}"}, Token: spec(t, "text"), Apply: asBearer,
	}}, map[string]string{"key": "k-1"}), auth.Ways{Vendor: v, Held: held})
	if err != nil {
		t.Fatal(err)
	}
	return s.(auth.Renewer), held
}

func mustApply(t *testing.T, s auth.Scheme) *http.Request {
	t.Helper()
	r, err := apply(t, s)
	if err != nil {
		t.Fatalf("Apply: %v", err)
	}
	return r
}

func (v *vendor) wasAsked(t *testing.T, when string, want int) {
	t.Helper()
	if got := int(v.asked.Load()); got != want {
		t.Errorf("%s: %d sign-ins, want %d", when, got, want)
	}
}

func TestManyCallersCostOneSignIn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v := &vendor{answer: lives(time.Hour, time.Second)}
		s, _ := holding(t, v)
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() {
				if _, err := apply(t, s); err != nil {
					t.Errorf("Apply: %v", err)
				}
			})
		}
		wg.Wait()
		v.wasAsked(t, "after 50 callers at once", 1)
	})
}

func TestALeaderWhoHangsUpFailsNobodyElse(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v := &vendor{answer: lives(time.Hour, 2*time.Second)}
		s, _ := holding(t, v)
		leader, hangUp := context.WithCancel(t.Context())
		gone := make(chan error, 1)
		go func() { gone <- s.Apply(leader, request(t)) }()
		synctest.Wait()
		followed := make(chan error, 1)
		go func() { followed <- s.Apply(t.Context(), request(t)) }()
		synctest.Wait()
		hangUp()
		if err := <-gone; !errors.Is(err, context.Canceled) {
			t.Errorf("the leader got %v, want context.Canceled", err)
		}
		if err := <-followed; err != nil {
			t.Errorf("the follower got %v, want a token", err)
		}
		v.wasAsked(t, "in all", 1)
	})
}

func TestACallThatMayNotWaitSaysSo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v := &vendor{answer: lives(time.Hour, 10*time.Second)}
		s, _ := holding(t, v)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		f := fault.Of(s.Apply(ctx, request(t)))
		if f.Status != http.StatusGatewayTimeout || f.Code != "sign_in_failed" {
			t.Errorf("Apply = %d %s, want 504 sign_in_failed", f.Status, f.Code)
		}
		<-time.After(10 * time.Second) // until the sign-in has ended
		mustApply(t, s)
		v.wasAsked(t, "in all: the sign-in went on for the next caller", 1)
	})
}

func TestATokenInUseIsRenewedBeforeItEnds(t *testing.T) {
	t.Parallel()
	for name, life := range map[string]time.Duration{"a day": 24 * time.Hour, "five minutes": 5 * time.Minute} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				v := &vendor{answer: lives(life, time.Second)}
				s, _ := holding(t, v)
				old := mustApply(t, s).Header.Get("Authorization")
				lead := min(time.Minute, life/10)
				<-time.After(life - lead - time.Second)
				mustApply(t, s)
				v.wasAsked(t, "just before the renewal is due", 1)

				<-time.After(lead/4 + 500*time.Millisecond) // half into the latest renewal
				start := time.Now()
				mustApply(t, s)
				if waited := time.Since(start); waited != 0 {
					t.Errorf("a call during the renewal waited %s, want none", waited)
				}
				<-time.After(2 * time.Second)
				if got := mustApply(t, s).Header.Get("Authorization"); got == old {
					t.Error("the token is still the old one, want the renewed one")
				}
				v.wasAsked(t, "after the renewal", 2)
			})
		})
	}
}

func TestATokenThatNobodyUsesIsLeftToEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v := &vendor{answer: lives(time.Hour, 0)}
		s, _ := holding(t, v)
		mustApply(t, s)
		<-time.After(10 * time.Hour)
		v.wasAsked(t, "after ten idle hours: the first token was used, the second not", 2)
		mustApply(t, s)
		v.wasAsked(t, "after a call", 3)
	})
}

func TestTheOldTokenServesWhileRenewalFails(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		good := lives(time.Hour, 0)
		v := &vendor{answer: func(asked int, r *http.Request) (*http.Response, error) {
			if age := time.Since(start); age > 0 && age < time.Hour-25*time.Second {
				return answer(http.StatusServiceUnavailable, "down"), nil
			}
			return good(asked, r)
		}}
		s, _ := holding(t, v)
		old := mustApply(t, s).Header.Get("Authorization")
		<-time.After(time.Hour - 44*time.Second) // the renewal is due by now, and has failed
		if v.asked.Load() < 2 {
			t.Error("nobody has tried to renew the token yet")
		}
		if got := mustApply(t, s).Header.Get("Authorization"); got != old {
			t.Error("the token changed, want the old one while it lives")
		}
		<-time.After(25 * time.Second) // 19 s before the end
		if got := mustApply(t, s).Header.Get("Authorization"); got == old {
			t.Error("the token is still the old one, want that of a later try")
		}
	})
}

func TestARefusedCredentialIsNotTriedAgainAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v := &vendor{answer: func(int, *http.Request) (*http.Response, error) { return answer(http.StatusUnauthorized, "no"), nil }}
		s, _ := holding(t, v)
		for i, pause := range []time.Duration{10 * time.Second, 20 * time.Second, 40 * time.Second, 80 * time.Second, 160 * time.Second, 5 * time.Minute, 5 * time.Minute} {
			_, err := apply(t, s)
			f := fault.Of(err)
			if f.Status != http.StatusBadGateway || f.Code != "sign_in_refused" || f.RetryAfter != pause {
				t.Fatalf("refusal %d: %d %s after %s, want 502 sign_in_refused after %s", i+1, f.Status, f.Code, f.RetryAfter, pause)
			}
			if want := "the vendor refused to sign in; check the credentials key of connection tdx"; f.Message != want {
				t.Errorf("message = %q, want %q", f.Message, want)
			}
			<-time.After(pause - time.Second)
			if _, err := apply(t, s); fault.Of(err).RetryAfter != time.Second {
				t.Errorf("refusal %d: a second before the end RetryAfter = %s, want 1s", i+1, fault.Of(err).RetryAfter)
			}
			v.wasAsked(t, "within the pause", i+1)
			<-time.After(time.Second)
		}
	})
}

func TestASuccessEndsTheRowOfRefusals(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v := &vendor{answer: func(asked int, r *http.Request) (*http.Response, error) {
			if asked == 3 {
				return lives(time.Minute, 0)(asked, r)
			}
			return answer(http.StatusUnauthorized, "no"), nil
		}}
		s, held := holding(t, v)
		for _, pause := range []time.Duration{10 * time.Second, 20 * time.Second, 0, 10 * time.Second} {
			_, err := apply(t, s)
			switch {
			case pause == 0 && err == nil:
				held.Close() // no renewal in the background
				<-time.After(time.Minute)
			case pause == 0 || fault.Of(err).RetryAfter != pause:
				t.Fatalf("Apply = %v, want a pause of %s", err, pause)
			}
			<-time.After(pause)
		}
		v.wasAsked(t, "in all", 4)
	})
}

func TestRenewalFollowsTheConfigurationInForce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		before, after := &vendor{answer: lives(time.Hour, 0)}, &vendor{answer: lives(time.Hour, 0)}
		_, held := holding(t, before)
		for _, v := range []*vendor{before, after} {
			s, err := auth.New(connection(t, connectors.Auth{Login: &connectors.Login{
				Method: "POST", Path: "/auth", Token: spec(t, "text"), Apply: asBearer,
			}}, nil), auth.Ways{Vendor: v, Held: held})
			if err != nil {
				t.Fatal(err)
			}
			mustApply(t, s)
		}
		<-time.After(time.Hour)
		before.wasAsked(t, "by the configuration that was", 1)
		after.wasAsked(t, "by the one in force", 1)
	})
}

func TestHowSignInsFail(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		answer     *http.Response
		err        error
		status     int
		code       string
		retryAfter time.Duration
		again      int // sign-ins after a second call at once
	}{
		"wrong credential":    {answer: answer(401, ""), status: 502, code: "sign_in_refused", retryAfter: 10 * time.Second, again: 1},
		"forbidden":           {answer: answer(403, ""), status: 502, code: "sign_in_refused", retryAfter: 10 * time.Second, again: 1},
		"bad request":         {answer: answer(400, ""), status: 502, code: "sign_in_failed", retryAfter: 10 * time.Second, again: 1},
		"redirect":            {answer: answer(302, ""), status: 502, code: "sign_in_failed", retryAfter: 10 * time.Second, again: 1},
		"no token in it":      {answer: answer(200, "<html>"), status: 502, code: "sign_in_failed", retryAfter: 10 * time.Second, again: 1},
		"ended already":       {answer: answer(200, jwtUntil(time.Date(1999, 12, 31, 0, 0, 0, 0, time.UTC), "x")), status: 502, code: "sign_in_failed", again: 2},
		"too many":            {answer: answer(429, "", "Retry-After", "7"), status: 429, code: "sign_in_limited", retryAfter: 7 * time.Second, again: 1},
		"vendor ails":         {answer: answer(500, ""), status: 502, code: "sign_in_failed", again: 2},
		"vendor out of reach": {err: fault.New("wire", 502, "vendor_unreachable", "gone"), status: 502, code: "sign_in_failed", again: 2},
		"vendor is slow":      {err: fault.New("wire", 504, "vendor_timeout", "slow"), status: 504, code: "sign_in_failed", again: 2},
		"out of time":         {err: context.DeadlineExceeded, status: 504, code: "sign_in_failed", again: 2},
		"no connection free":  {err: fault.New("wire", 503, "connections_busy", "busy").After(time.Second), status: 503, code: "connections_busy", retryAfter: time.Second, again: 2},
		"queue is full":       {err: fault.New("pace", 503, "queue_full", "full").After(time.Second), status: 503, code: "queue_full", retryAfter: time.Second, again: 2},
		"unknown":             {err: errors.New("boom"), status: 502, code: "sign_in_failed", again: 2},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				v := &vendor{answer: func(int, *http.Request) (*http.Response, error) { return copied(test.answer), test.err }}
				s, _ := holding(t, v)
				_, err := apply(t, s)
				f := fault.Of(err)
				if f.Status != test.status || f.Code != test.code || f.RetryAfter != test.retryAfter {
					t.Errorf("Apply = %d %s after %s, want %d %s after %s", f.Status, f.Code, f.RetryAfter, test.status, test.code, test.retryAfter)
				}
				_, _ = apply(t, s)
				v.wasAsked(t, "after a second call", test.again)
			})
		})
	}
}

func TestA401IsWeighed(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		life time.Duration // 0: the token does not say
		age  time.Duration
		date time.Duration // of the vendor's clock, from the sign-in on; 0 = not said
		want bool
	}{
		"a young token":                      {life: time.Hour, age: time.Minute, want: false},
		"29 s before its end":                {life: time.Hour, age: time.Hour - 29*time.Second, want: true},
		"31 s before its end":                {life: time.Hour, age: time.Hour - 31*time.Second, want: false},
		"ended by the vendor's clock":        {life: time.Hour, age: time.Minute, date: time.Hour, want: true},
		"silent and a minute old":            {age: time.Minute, want: true},
		"silent and fetched some moment ago": {age: 59 * time.Second, want: false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				v := &vendor{answer: func(asked int, r *http.Request) (*http.Response, error) {
					if test.life == 0 {
						return answer(http.StatusOK, "opaque-token"), nil
					}
					return answer(http.StatusOK, jwtUntil(start.Add(test.life), "x")), nil
				}}
				s, held := holding(t, v)
				sent := mustApply(t, s)
				held.Close() // no renewal in the background: the age is what is tested
				<-time.After(test.age)
				var date time.Time
				if test.date > 0 {
					date = start.Add(test.date)
				}
				if got := s.Refused(sent, date); got != test.want {
					t.Errorf("Refused = %t, want %t", got, test.want)
				}
				v.wasAsked(t, "after the 401", 1)
			})
		})
	}
}

func TestA401OfATokenThatIsNoLongerInUse(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v := &vendor{answer: lives(time.Hour, 0)}
		s, _ := holding(t, v)
		sent := mustApply(t, s)
		<-time.After(time.Hour - 10*time.Second) // renewed meanwhile
		if !s.Refused(sent, time.Time{}) {
			t.Error("Refused = false, want true: the token in use is another")
		}
		mustApply(t, s)
		v.wasAsked(t, "the renewed token stays", 2)
	})
}

func TestARunOf401sRenewsARevokedToken(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v := &vendor{answer: lives(24*time.Hour, 0)}
		s, _ := holding(t, v)
		sent := mustApply(t, s)
		<-time.After(time.Hour)
		for range 20 { // missing permissions, between answers that are fine
			s.Refused(sent, time.Time{})
			s.Accepted()
			<-time.After(time.Minute)
		}
		v.wasAsked(t, "after 401s between other answers", 1)
		for range 4 {
			s.Refused(sent, time.Time{})
			<-time.After(5 * time.Minute)
		}
		v.wasAsked(t, "after a few 401s", 1)
		s.Accepted()
		for range 20 {
			s.Refused(sent, time.Time{})
			<-time.After(2 * time.Second)
		}
		v.wasAsked(t, "after many 401s within a minute", 1)
		s.Accepted()
		for range 5 {
			if s.Refused(sent, time.Time{}) {
				t.Error("Refused = true, want false: its age explains nothing")
			}
			<-time.After(15 * time.Second)
			synctest.Wait()
		}
		v.wasAsked(t, "after nothing but 401s for more than a minute", 2)
		for range 20 {
			sent = mustApply(t, s)
			s.Refused(sent, time.Time{})
			<-time.After(15 * time.Second)
			synctest.Wait()
		}
		v.wasAsked(t, "five minutes of 401s later", 2)
	})
}

func TestTheVendorsClockDoesNotShortenATokensLife(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v := &vendor{answer: func(int, *http.Request) (*http.Response, error) {
			theirs := time.Now().Add(-2 * time.Hour) // two hours behind ours
			return answer(http.StatusOK, jwtUntil(theirs.Add(time.Hour), "x"), "Date", theirs.UTC().Format(http.TimeFormat)), nil
		}}
		s, _ := holding(t, v)
		mustApply(t, s)
		<-time.After(30 * time.Minute)
		mustApply(t, s)
		v.wasAsked(t, "in half the token's life", 1)
	})
}

func request(t *testing.T) *http.Request {
	t.Helper()
	r, err := http.NewRequest(http.MethodGet, "https://vendor.example/people", nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}
