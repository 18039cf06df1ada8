package teamdynamix_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"sluice/mocks/teamdynamix"
)

func TestErrorRate(t *testing.T) {
	t.Parallel()
	run := func() (string, teamdynamix.Stats) {
		v := teamdynamix.New(unlimited(teamdynamix.Options{People: 5}))
		c := admin(t, v)
		v.Set(func(o *teamdynamix.Options) { o.ErrorRate = 0.25 })
		var fates strings.Builder
		for range 400 {
			fates.WriteByte("05"[min(1, c.do("GET", "/api/applications", nil).StatusCode/500)])
		}
		return fates.String(), v.Stats()
	}
	fates, stats := run()
	if stats.Failed < 60 || stats.Failed > 140 || stats.Statuses[500] != stats.Failed || strings.Count(fates, "5") != stats.Failed {
		t.Errorf("failures of 400 at a rate of 0.25: got %d, want about 100, all of them 500", stats.Failed)
	}
	if again, _ := run(); again != fates {
		t.Errorf("failures with the same seed: got %s, want %s", again, fates)
	}
}

// TestFailedCallDoesNothingButCounts is the bargain of a 500: its place in the window is gone, its write not made.
func TestFailedCallDoesNothingButCounts(t *testing.T) {
	t.Parallel()
	v := teamdynamix.New(teamdynamix.Options{People: 5})
	c := admin(t, v)
	v.Set(func(o *teamdynamix.Options) { o.ErrorRate = 1 })
	resp := c.do("POST", "/api/groups", `{"Name":"Lost"}`)
	got := resp.Header["X-RateLimit-Remaining"] //nolint:staticcheck // as the vendor spells it
	if resp.StatusCode != 500 || len(got) != 1 || got[0] != "44" {
		t.Errorf("failed call: got %d with remaining %v, want 500 with 44", resp.StatusCode, got)
	}
	v.Set(func(o *teamdynamix.Options) { o.ErrorRate = 0 })
	if got := load[[]group](c, "POST", "/api/groups/search", `{"NameLike":"Lost"}`); len(got) != 0 {
		t.Errorf("groups after the failed call: got %+v, want none", got)
	}
}

func TestLatency(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v := teamdynamix.New(teamdynamix.Options{Latency: 200 * time.Millisecond, Jitter: 100 * time.Millisecond, SlowBody: time.Minute})
		c := &client{T: t, vendor: v, base: teamdynamix.Production, address: "10.0.0.1"}
		start := time.Now()
		c.do("GET", "/api/applications", nil)
		if took := time.Since(start) - time.Minute; took < 200*time.Millisecond || took > 300*time.Millisecond {
			t.Errorf("time before and after the pause in the body: got %s, want 200 to 300 ms", took)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		start = time.Now()
		v.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(ctx, "GET", "/TDWebApi/api/applications", nil))
		if took := time.Since(start); took != 50*time.Millisecond {
			t.Errorf("time for a caller who hangs up after 50 ms: got %s, want 50 ms", took)
		}
	})
}

// TestDrop needs a connection to cut: the client must see a broken body, and the write must be there all the same.
func TestDrop(t *testing.T) {
	t.Parallel()
	v := teamdynamix.New(teamdynamix.Options{People: 5})
	c := admin(t, v)
	server := httptest.NewServer(v)
	defer server.Close()
	v.Set(func(o *teamdynamix.Options) { o.DropRate = 1 })
	for _, tt := range []struct{ path, body string }{
		{"/api/groups", `{"Name":"Made"}`},
		{"/api/auth", `{"username":"iga","password":"iga-password"}`},
		{"/api/people/search", `{}`},
	} {
		r, err := http.NewRequestWithContext(t.Context(), "POST", server.URL+teamdynamix.Production+tt.path, strings.NewReader(tt.body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+c.token)
		r.Header.Set("Content-Type", "application/json")
		resp, err := server.Client().Do(r)
		if err != nil {
			t.Fatalf("%s: got %v before the header, want the cut in the body", tt.path, err)
		}
		b, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if !errors.Is(err, io.ErrUnexpectedEOF) || len(b) == 0 {
			t.Errorf("%s: got %d bytes and error %v, want some and an unexpected end", tt.path, len(b), err)
		}
	}
	v.Set(func(o *teamdynamix.Options) { o.DropRate = 0 })
	if got := load[[]group](c, "POST", "/api/groups/search", `{"NameLike":"Made"}`); len(got) != 1 {
		t.Errorf("groups after the cut answer: got %+v, want the one that was made", got)
	}
	if got := v.Stats(); got.Dropped != 3 || got.Addresses["127.0.0.1"] != 3 || got.Addresses["10.0.0.1"] != 2 {
		t.Errorf("stats: got %d dropped, calls by address %v; want 3 dropped, 3 from loopback, 2 from 10.0.0.1", got.Dropped, got.Addresses)
	}
}

// TestManyAtOnce is for the race detector: readers, writers and hands on every knob.
func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	v := teamdynamix.New(unlimited(teamdynamix.Options{People: 60, Groups: 4}))
	c := admin(t, v)
	ann, bob, _ := cast(c)
	work := []func(){
		func() { c.do("POST", "/api/people/search", `{"AppName":"TDPeople"}`) },
		func() { c.do("GET", "/api/people/"+ann.UID, nil) },
		func() { c.do("GET", "/api/groups/1001/members", nil) },
		func() { c.do("POST", "/api/groups/1001/members", []string{ann.UID, bob.UID}) },
		func() { c.do("DELETE", "/api/groups/1001/members", []string{ann.UID}) },
		func() {
			c.do("PATCH", "/api/people/"+bob.UID, `[{"op":"add","path":"/Applications","value":["TDNews"]}]`)
		},
		func() { c.do("PUT", "/api/people/"+ann.UID+"/groups/1002?isPrimary=true", nil) },
		func() {
			v.Set(func(o *teamdynamix.Options) {
				o.Logins = append(o.Logins, teamdynamix.Login{Username: "x"})
				o.Rates["GET /api/people/{uid}"] = teamdynamix.Rate{}
			})
		},
		func() { _ = v.Stats().Statuses[200]; _ = v.Options().Rates["x"] },
	}
	var wg sync.WaitGroup
	for _, job := range work {
		wg.Go(func() {
			for range 20 {
				job()
			}
		})
	}
	wg.Wait()
	checkMemberships(c)
	if got := v.Stats(); got.Statuses[200] != got.Calls || len(got.Statuses) != 1 {
		t.Errorf("statuses: got %v of %d calls, want 200 alone", got.Statuses, got.Calls)
	}
}
