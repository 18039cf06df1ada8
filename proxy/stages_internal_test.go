package proxy

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"sluice/connectors"
	"sluice/internal/strict"
	"sluice/proxy/pace"
	"sluice/proxy/pace/lease"
)

// conforming builds every stage so that it has something to do. A new stage joins this table.
var conforming = map[string]func(t *testing.T, s *stageRig) Stage{
	"observe": func(_ *testing.T, s *stageRig) Stage { return s.ups.observe(s.conn) },
	"written": func(_ *testing.T, s *stageRig) Stage {
		s.conn.Connector.Resources = []*connectors.Resource{{Name: "people", Writes: []connectors.WriteRoute{{}}}}
		s.ups.opts.Written = func(string, []connectors.Write) {}
		return s.ups.written(s.conn)
	},
	"cache": func(_ *testing.T, s *stageRig) Stage {
		s.route.Cache = &connectors.Cache{TTL: time.Minute}
		return s.ups.cache(s.set, s.conn)
	},
	"transform": func(_ *testing.T, s *stageRig) Stage { return s.ups.transform(s.conn) },
	"signin": func(_ *testing.T, s *stageRig) Stage {
		return s.ups.signIn(s.conn)
	},
	"retry":   func(_ *testing.T, s *stageRig) Stage { return s.ups.retry(s.conn) },
	"breaker": func(_ *testing.T, s *stageRig) Stage { return s.ups.breaker(s.conn) },
	"pace": func(_ *testing.T, s *stageRig) Stage {
		s.route.Rules = []*connectors.Rule{{Name: "r", Limit: 1000, Window: time.Minute, Scope: "address"}}
		return s.ups.pace(s.conn)
	},
	"pace with leases": func(t *testing.T, s *stageRig) Stage {
		s.ups.node = pace.NewNode(Leases{Store: lease.NewMemory(time.Now), TTL: time.Second, Share: 1})
		t.Cleanup(s.ups.Close)
		s.route.Rules = []*connectors.Rule{{Name: "r", Limit: 1000, Window: time.Minute, Scope: "connection"}}
		return s.ups.pace(s.conn)
	},
	"auth": func(t *testing.T, s *stageRig) Stage {
		s.conn.Managed = true
		s.conn.Secrets = map[string]strict.Secret{"key": strict.NewSecret("${env:KEY}", "planted-secret")}
		s.conn.Connector.Auth.Bearer = &connectors.Bearer{Token: "${credential:key}"}
		stage, err := s.ups.auth(s.conn, roundTrip(func(*http.Request) (*http.Response, error) { return nil, io.ErrUnexpectedEOF }))
		if err != nil {
			t.Fatal(err)
		}
		return stage
	},
}

func eachStage(t *testing.T, check func(t *testing.T, s *stageRig, stage Stage)) {
	t.Helper()
	for name, build := range conforming {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := newStageRig(t)
				check(t, s, build(t, s))
			})
		})
	}
}

func TestStagesLeaveTheRequestAlone(t *testing.T) {
	t.Parallel()
	eachStage(t, func(t *testing.T, s *stageRig, stage Stage) {
		r, _ := s.request(t, "GET", "/people/1?a=b", nil, "Authorization", "Bearer caller", "X-Multi", "1", "X-Multi", "2")
		header, url, method := r.Header.Clone(), *r.URL, r.Method
		resp, err := stage(roundTrip(func(*http.Request) (*http.Response, error) { return vendorSays(200, "fine"), nil })).RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadAll(resp.Body); err != nil {
			t.Error(err)
		}
		if err := resp.Body.Close(); err != nil {
			t.Error(err)
		}
		if diff := cmp.Diff(header, r.Header); diff != "" {
			t.Errorf("the request's header was changed (-before +after):\n%s", diff)
		}
		if r.Method != method || *r.URL != url {
			t.Errorf("the request became %s %s, want %s %s", r.Method, r.URL, method, &url)
		}
	})
}

func TestStagesPassErrorsOn(t *testing.T) {
	t.Parallel()
	eachStage(t, func(t *testing.T, s *stageRig, stage Stage) {
		r, _ := s.request(t, "DELETE", "/people/1", nil)
		s.route.Safe = false
		resp, err := stage(roundTrip(func(*http.Request) (*http.Response, error) { return nil, io.ErrClosedPipe })).RoundTrip(r)
		if !errors.Is(err, io.ErrClosedPipe) {
			t.Errorf("error %v, want one that wraps %v", err, io.ErrClosedPipe)
		}
		if resp != nil {
			t.Errorf("an answer came with the error")
		}
	})
}

func TestStagesCloseWhatTheyTake(t *testing.T) {
	t.Parallel()
	eachStage(t, func(t *testing.T, s *stageRig, stage Stage) {
		var bodies []*watchedBody
		next := roundTrip(func(*http.Request) (*http.Response, error) {
			resp := vendorSays(503, "")
			body := &watchedBody{Reader: strings.NewReader("busy")}
			bodies = append(bodies, body)
			resp.Body, resp.ContentLength = body, 4
			return resp, nil
		})
		r, _ := s.request(t, "GET", "/people/1", nil)
		resp, err := stage(next).RoundTrip(r)
		if err == nil {
			if err := resp.Body.Close(); err != nil {
				t.Error(err)
			}
		}
		for i, b := range bodies {
			b.mu.Lock()
			if b.closed == 0 {
				t.Errorf("answer %d of %d was left open", i+1, len(bodies))
			}
			b.mu.Unlock()
		}
	})
}

func TestStagesObeyCancel(t *testing.T) {
	t.Parallel()
	eachStage(t, func(t *testing.T, s *stageRig, stage Stage) {
		r, call := s.request(t, "GET", "/people/1", nil)
		next := roundTrip(func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		})
		ended := make(chan error, 1)
		go func() {
			_, err := stage(next).RoundTrip(r)
			ended <- err
		}()
		synctest.Wait()
		start := time.Now()
		call.end(context.Canceled)
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("error %v, want %v", err, context.Canceled)
		}
		if took := time.Since(start); took != 0 {
			t.Errorf("it took %v to notice", took)
		}
	})
}

func TestStagesKeepNothingBetweenRequests(t *testing.T) {
	t.Parallel()
	eachStage(t, func(t *testing.T, s *stageRig, stage Stage) {
		chain := stage(roundTrip(func(r *http.Request) (*http.Response, error) {
			<-time.After(time.Millisecond) // virtual: lets the calls overlap
			return vendorSays(200, "answer to "+r.Header.Get("Marker"), "Marker", r.Header.Get("Marker")), nil
		}))
		var all sync.WaitGroup
		for i := range 50 {
			all.Go(func() {
				marker := strconv.Itoa(i)
				r, _ := s.request(t, "GET", "/people/"+marker, nil, "Marker", marker, "Authorization", "Bearer "+marker)
				resp, err := chain.RoundTrip(r)
				if err != nil {
					t.Errorf("request %s: %v", marker, err)
					return
				}
				body, err := io.ReadAll(resp.Body)
				if err := errors.Join(err, resp.Body.Close()); err != nil {
					t.Error(err)
				}
				if got, want := string(body), "answer to "+marker; got != want || resp.Header.Get("Marker") != marker {
					t.Errorf("request %s got %q with marker %q", marker, got, resp.Header.Get("Marker"))
				}
			})
		}
		all.Wait()
	})
}
