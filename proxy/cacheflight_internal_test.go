package proxy

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"sluice/internal/fault"
)

// outcome is how one of several concurrent requests ended.
type outcome struct {
	body, cached string
	err          error
}

// sendTogether sends n equal GETs, the first of them first, each with a context of its own.
func (c *cacheRig) sendTogether(t *testing.T, n int, headers ...string) (results func() []outcome, hangUp []context.CancelFunc) {
	t.Helper()
	all := make([]outcome, n)
	hangUp = make([]context.CancelFunc, n)
	var wait sync.WaitGroup
	for i := range n {
		var ctx context.Context
		ctx, hangUp[i] = context.WithCancel(t.Context())
		call := c.call(ctx)
		r, err := http.NewRequestWithContext(call, http.MethodGet, personURL, nil)
		if err != nil {
			t.Fatal(err)
		}
		for k := 0; k+1 < len(headers); k += 2 {
			r.Header.Set(headers[k], headers[k+1])
		}
		wait.Go(func() {
			resp, err := c.chain.RoundTrip(r)
			if err != nil {
				all[i].err = err
				return
			}
			all[i] = outcome{body: readAll(t, resp), cached: call.Cached}
		})
		synctest.Wait()
	}
	return func() []outcome { wait.Wait(); return all }, hangUp
}

func TestCacheConcurrentMissesMakeOneCall(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCacheRig(t)
		c.answers(func(n int, _ *http.Request) (*http.Response, error) {
			<-time.After(time.Second)
			return vendorSays(200, "answer "+strconv.Itoa(n), "X-A", "1"), nil
		})
		results, _ := c.sendTogether(t, 20)
		for i, got := range results() {
			want := outcome{body: "answer 1", cached: "hit"}
			if i == 0 {
				want.cached = "miss"
			}
			if got != want {
				t.Errorf("caller %d: got %+v, want %+v", i, got, want)
			}
		}
		if c.called() != 1 {
			t.Errorf("got %d calls, want 1", c.called())
		}
	})
}

func TestCacheCallerWhoWantsItNewDoesNotWaitForAnOlderRead(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCacheRig(t)
		c.answers(func(n int, _ *http.Request) (*http.Response, error) {
			<-time.After(time.Second)
			return vendorSays(200, "answer "+strconv.Itoa(n)), nil
		})
		first, _ := c.sendTogether(t, 1)
		second, _ := c.sendTogether(t, 1, "Cache-Control", "no-cache")
		if got, want := second()[0], (outcome{body: "answer 2", cached: "miss"}); got != want {
			t.Errorf("no-cache: got %+v, want %+v", got, want)
		}
		if got, want := first()[0], (outcome{body: "answer 1", cached: "miss"}); got != want {
			t.Errorf("first: got %+v, want %+v", got, want)
		}
	})
}

func TestCacheAnotherLeadsWhenTheLeaderHangsUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCacheRig(t)
		c.answers(func(n int, r *http.Request) (*http.Response, error) {
			select {
			case <-time.After(10 * time.Second):
				return vendorSays(200, "answer "+strconv.Itoa(n)), nil
			case <-r.Context().Done():
				return nil, fmt.Errorf("call the vendor: %w", r.Context().Err())
			}
		})
		results, hangUp := c.sendTogether(t, 5)
		hangUp[3]() // who waits
		synctest.Wait()
		hangUp[0]() // who leads; none of those who are left hangs up, whichever of them leads next
		synctest.Wait()
		if c.called() != 2 {
			t.Errorf("after the leader hung up: got %d calls, want 2", c.called())
		}
		for i, got := range results() {
			if i == 0 || i == 3 {
				if !isHangUp(got.err) {
					t.Errorf("caller %d hung up: got %+v, want its hang-up", i, got)
				}
				continue
			}
			if got.err != nil || got.body != "answer 2" {
				t.Errorf("caller %d: got %+v, want \"answer 2\"", i, got)
			}
		}
		if c.called() != 2 {
			t.Errorf("got %d calls, want 2", c.called())
		}
	})
}

func TestCacheAnswersThatAreNotForOthers(t *testing.T) {
	t.Parallel()
	cases := map[string]func(n int) (*http.Response, error){
		"a cookie": func(n int) (*http.Response, error) {
			return vendorSays(200, strconv.Itoa(n), "Set-Cookie", "sid="+strconv.Itoa(n)), nil
		},
		"no-store": func(n int) (*http.Response, error) {
			return vendorSays(200, strconv.Itoa(n), "Cache-Control", "no-store"), nil
		},
		"404": func(n int) (*http.Response, error) { return vendorSays(404, strconv.Itoa(n)), nil },
		"too long": func(n int) (*http.Response, error) {
			return vendorSays(200, strconv.Itoa(n)+strings.Repeat(" ", 5000)), nil
		},
		"an error": func(n int) (*http.Response, error) {
			if n == 1 {
				return nil, fault.New("pace", 429, "rate_limited", "x") // this caller's patience was short; the others' need not be
			}
			return vendorSays(200, strconv.Itoa(n)), nil
		},
	}
	for name, answer := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := newCacheRig(t)
				c.conn.Bounds.BufferBody = 4000
				c.answers(func(n int, _ *http.Request) (*http.Response, error) {
					<-time.After(time.Second)
					return answer(n)
				})
				start := time.Now()
				results, _ := c.sendTogether(t, 4)
				seen := map[string]bool{}
				for i, got := range results() {
					if name == "an error" && i == 0 {
						if fault.Of(got.err).Code != "rate_limited" {
							t.Errorf("leader: got %+v, want its own fault", got)
						}
						continue
					}
					body := strings.TrimSpace(got.body)
					if got.err != nil || seen[body] || got.cached != "miss" {
						t.Errorf("caller %d: got %q (%s, %v), want an answer of its own", i, body, got.cached, got.err)
					}
					seen[body] = true
				}
				if took := time.Since(start); c.called() != 4 || took != 2*time.Second {
					t.Errorf("got %d calls in %s, want 4 in 2s: the leader's, then all others at once", c.called(), took)
				}
			})
		})
	}
}

func TestCacheWaitersWithAnotherVariantFetchTheirOwn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCacheRig(t)
		c.answers(func(_ int, r *http.Request) (*http.Response, error) {
			<-time.After(time.Second)
			return vendorSays(200, r.Header.Get("X-Zone"), "Vary", "X-Zone"), nil
		})
		north, _ := c.sendTogether(t, 2, "X-Zone", "north")
		south, _ := c.sendTogether(t, 2, "X-Zone", "south")
		for zone, results := range map[string][]outcome{"north": north(), "south": south()} {
			for i, got := range results {
				if got.err != nil || got.body != zone {
					t.Errorf("caller %d from %s: got %+v, want its own zone's answer", i, zone, got)
				}
			}
		}
	})
}

func TestCacheWaiterWhoseTimeEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCacheRig(t)
		c.answers(func(int, *http.Request) (*http.Response, error) {
			<-time.After(90 * time.Second)
			return vendorSays(200, "late"), nil
		})
		c.conn.Timeouts.Total = 2 * time.Minute
		first, _ := c.sendTogether(t, 1)
		c.conn.Timeouts.Total = time.Minute
		second, _ := c.sendTogether(t, 1)
		if f := fault.Of(second()[0].err); f == nil || f.Status != 504 || f.Code != "out_of_time" || f.Stage != "cache" {
			t.Errorf("got %v, want 504 out_of_time by cache", second()[0].err)
		}
		if got := first()[0]; got.err != nil || got.body != "late" {
			t.Errorf("leader: got %+v, want \"late\"", got)
		}
	})
}

func TestCacheLeaderPanicFreesTheOthers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCacheRig(t)
		c.answers(func(n int, _ *http.Request) (*http.Response, error) {
			<-time.After(time.Second)
			if n == 1 {
				panic("a stage below broke")
			}
			return vendorSays(200, "answer "+strconv.Itoa(n)), nil
		})
		r, _ := c.request(t, http.MethodGet, personURL, nil)
		go func() {
			defer func() { _ = recover() }()
			if resp, err := c.chain.RoundTrip(r); err == nil {
				_ = resp.Body.Close()
			}
		}()
		synctest.Wait()
		results, _ := c.sendTogether(t, 3)
		for i, got := range results() {
			if got.err != nil || got.body != "answer 2" {
				t.Errorf("caller %d: got %+v, want \"answer 2\"", i, got)
			}
		}
	})
}

func TestCacheStaleWhileRevalidate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCacheRig(t)
		c.route.Cache.Stale = 30 * time.Second
		c.get(t, personURL, "answer 1", "miss")
		c.answers(func(n int, r *http.Request) (*http.Response, error) {
			call := CallOf(r.Context())
			if d, ok := call.Deadline(); !ok || time.Until(d) != c.conn.Timeouts.Total {
				t.Errorf("refresh: got deadline in %s, want its own in %s", time.Until(d), c.conn.Timeouts.Total)
			}
			if call.Route != c.route || call.Consumer != c.consumer || call.View != c.view || call.Connection != c.conn || call.Caller == (Address{}) {
				t.Errorf("refresh: got call %+v, want the facts of the request that set it off", call)
			}
			if got := r.Header.Get("Authorization"); got != "" {
				t.Errorf("refresh: got Authorization %q, want none as in the request", got)
			}
			select {
			case <-time.After(5 * time.Second):
			case <-r.Context().Done():
				return nil, r.Context().Err()
			}
			return vendorSays(200, "answer "+strconv.Itoa(n)), nil
		})
		<-time.After(time.Minute + time.Second)
		start := time.Now()
		ctx, hangUp := context.WithCancel(t.Context())
		call := c.call(ctx)
		r, err := http.NewRequestWithContext(call, http.MethodGet, personURL, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := c.chain.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		if body := readAll(t, resp); body != "answer 1" || call.Cached != "stale" || resp.Header.Get("X-Sluice-Cache") != "stale" || resp.Header.Get("Age") != "61" {
			t.Errorf("got %q, %s, header %v; want \"answer 1\", stale, Age 61", body, call.Cached, resp.Header)
		}
		r.Header.Set("Authorization", "changed after the answer") // the request is its caller's again
		hangUp()
		for range 5 {
			c.get(t, personURL, "answer 1", "stale")
		}
		if took := time.Since(start); took != 0 {
			t.Errorf("stale answers took %s, want none", took)
		}
		<-time.After(6 * time.Second)
		c.get(t, personURL, "answer 2", "hit")
		if c.called() != 2 {
			t.Errorf("got %d calls, want 2: one refresh for six stale answers", c.called())
		}
	})
}

func TestCacheStaleHasAnEnd(t *testing.T) {
	t.Parallel()
	for after, want := range map[time.Duration]outcome{
		60 * time.Second:                 {body: "answer 1", cached: "hit"},
		60*time.Second + time.Nanosecond: {body: "answer 1", cached: "stale"},
		90 * time.Second:                 {body: "answer 1", cached: "stale"},
		90*time.Second + time.Nanosecond: {body: "answer 2", cached: "miss"},
	} {
		t.Run(after.String(), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := newCacheRig(t)
				c.route.Cache.Stale = 30 * time.Second
				c.get(t, personURL, "answer 1", "miss")
				<-time.After(after)
				c.get(t, personURL, want.body, want.cached)
				synctest.Wait()
			})
		})
	}
}

func TestCacheCallerWhoWantsFreshGetsNoStale(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCacheRig(t)
		c.route.Cache.Stale = time.Hour
		c.get(t, personURL, "answer 1", "miss")
		<-time.After(2 * time.Minute)
		c.get(t, personURL, "answer 2", "miss", "Cache-Control", "max-age=100")
		<-time.After(2 * time.Minute)
		c.get(t, personURL, "answer 3", "miss", "Cache-Control", "min-fresh=1")
	})
}

func TestCacheRefreshThatFails(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCacheRig(t)
		c.route.Cache.Stale = time.Hour
		c.get(t, personURL, "answer 1", "miss")
		<-time.After(2 * time.Minute)
		fails := []func() (*http.Response, error){
			func() (*http.Response, error) { return nil, fault.New("wire", 502, "vendor_unreachable", "it is down") },
			func() (*http.Response, error) { return vendorSays(500, "oops"), nil },
			func() (*http.Response, error) { panic("a transform broke") },
		}
		for i, fail := range fails {
			before := c.called()
			c.answers(func(int, *http.Request) (*http.Response, error) { return fail() })
			for range 10 {
				c.get(t, personURL, "answer 1", "stale")
				synctest.Wait()
			}
			if got := c.called() - before; got != 1 {
				t.Errorf("failure %d: got %d refreshes at once, want 1 and then a pause", i, got)
			}
			<-time.After(refreshPause)
		}
		for _, want := range []string{"it is down", "panic while refreshing", "a transform broke"} {
			if got := c.log.String(); !strings.Contains(got, want) {
				t.Errorf("got log %s\nwant it to say %q", got, want)
			}
		}
		c.answers(nil)
		c.get(t, personURL, "answer 1", "stale")
		synctest.Wait()
		c.get(t, personURL, "answer "+strconv.Itoa(c.called()), "hit")
	})
}

func TestCacheRefreshThatFindsNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCacheRig(t)
		c.route.Cache.Stale = time.Hour
		c.get(t, personURL, "answer 1", "miss")
		<-time.After(2 * time.Minute)
		c.answers(func(int, *http.Request) (*http.Response, error) { return vendorSays(404, "gone"), nil })
		c.get(t, personURL, "answer 1", "stale")
		synctest.Wait()
		c.get(t, personURL, "gone", "miss")
	})
}

func TestCacheReloadEndsRefreshes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCacheRig(t)
		c.route.Cache.Stale = time.Hour
		c.get(t, personURL, "answer 1", "miss")
		<-time.After(2 * time.Minute)
		ended := make(chan error, 1)
		c.answers(func(_ int, r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			ended <- r.Context().Err()
			return nil, r.Context().Err()
		})
		c.get(t, personURL, "answer 1", "stale")
		synctest.Wait()
		c.conn.Name = "tdx2"
		start := time.Now()
		c.build()
		if err := <-ended; !isHangUp(err) || time.Since(start) != 0 {
			t.Errorf("got %v after %s, want the refresh cancelled at once", err, time.Since(start))
		}
	})
}
