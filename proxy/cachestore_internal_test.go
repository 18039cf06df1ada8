package proxy

import (
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestCacheWritesPurgeTheirPath(t *testing.T) {
	t.Parallel()
	const other = "https://vendor.example/people/2"
	cases := map[string]struct {
		method, target string
		status         int
		err            error
		purged         bool
	}{
		"PUT":                    {method: "PUT", target: personURL, status: 200, purged: true},
		"PATCH":                  {method: "PATCH", target: personURL, status: 204, purged: true},
		"DELETE":                 {method: "DELETE", target: personURL, status: 202, purged: true},
		"POST":                   {method: "POST", target: personURL, status: 201, purged: true},
		"a method nobody knows":  {method: "MERGE", target: personURL, status: 200, purged: true},
		"redirected":             {method: "PUT", target: personURL, status: 303, purged: true},
		"who knows what it did":  {method: "PUT", target: personURL, status: 500, purged: true},
		"or here":                {method: "PUT", target: personURL, err: errHungUp, purged: true},
		"with a query":           {method: "PUT", target: personURL + "?notify=false", status: 200, purged: true},
		"with a slash":           {method: "PUT", target: personURL + "/", status: 200, purged: true},
		"in other letters":       {method: "PUT", target: "https://vendor.example/PEOPLE/1", status: 200, purged: true},
		"encoded":                {method: "PUT", target: "https://vendor.example/p%65ople/1", status: 200, purged: true},
		"the vendor did nothing": {method: "PUT", target: personURL, status: 409},
		"another path":           {method: "PUT", target: "https://vendor.example/people/12", status: 200},
		"the path above":         {method: "POST", target: "https://vendor.example/people", status: 201},
		"no write":               {method: "HEAD", target: personURL, status: 200},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCacheRig(t)
			c.get(t, personURL, "answer 1", "miss")
			c.get(t, personURL+"?fields=all", "answer 2", "miss")
			c.get(t, other, "answer 3", "miss")
			c.answers(func(int, *http.Request) (*http.Response, error) {
				if tc.err != nil {
					return nil, tc.err
				}
				return vendorSays(tc.status, ""), nil
			})
			r, _ := c.request(t, tc.method, tc.target, nil)
			if resp, err := c.chain.RoundTrip(r); err == nil {
				_ = resp.Body.Close()
			}
			c.answers(nil)
			if tc.purged {
				c.get(t, personURL, "answer 5", "miss")
				c.get(t, personURL+"?fields=all", "answer 6", "miss")
			} else {
				c.get(t, personURL, "answer 1", "hit")
				c.get(t, personURL+"?fields=all", "answer 2", "hit")
			}
			c.get(t, other, "answer 3", "hit")
		})
	}
}

// TestCacheReadUnderWayDuringAWrite: what a read began before a write may be older than the write, so who comes after the write must
// neither wait for that read nor find it kept.
func TestCacheReadUnderWayDuringAWrite(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCacheRig(t)
		c.answers(func(_ int, r *http.Request) (*http.Response, error) {
			if r.Method == http.MethodGet {
				<-time.After(10 * time.Second)
				return vendorSays(200, "old"), nil
			}
			return vendorSays(200, ""), nil
		})
		early, _ := c.sendTogether(t, 2)
		c.send(t, http.MethodPut, personURL)
		c.answers(func(int, *http.Request) (*http.Response, error) {
			<-time.After(15 * time.Second)
			return vendorSays(200, "new"), nil
		})
		late, _ := c.sendTogether(t, 1)
		for i, got := range early() {
			if got.err != nil || got.body != "old" {
				t.Errorf("caller %d from before the write: got %+v, want \"old\"", i, got)
			}
		}
		later, _ := c.sendTogether(t, 1) // the old read has landed, the new one is still out
		for i, got := range append(late(), later()...) {
			if got.err != nil || got.body != "new" {
				t.Errorf("caller %d from after the write: got %+v, want \"new\"", i, got)
			}
		}
		c.get(t, personURL, "new", "hit")
		if c.called() != 3 {
			t.Errorf("got %d calls, want 3: a read, the write, a read", c.called())
		}
	})
}

func TestCachePurgeBeforeAnyReadCostsNothing(t *testing.T) {
	t.Parallel()
	c := newCacheRig(t)
	for range 3 {
		c.send(t, http.MethodPost, "https://vendor.example/people")
	}
	c.get(t, personURL, "answer 4", "miss")
	c.get(t, personURL, "answer 4", "hit")
}

func (a *answers) weigh() (bytes int64, slots, paths, keys int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for e := a.oldest.Front(); e != nil; e = e.Next() {
		s, _ := e.Value.(*slot)
		bytes += s.size
	}
	for _, slots := range a.byPath {
		keys += len(slots)
	}
	if bytes != a.bytes || keys != a.oldest.Len() || a.byKey.ItemCount() != keys {
		return -1, -1, -1, -1
	}
	return bytes, a.oldest.Len(), len(a.byPath), keys
}

func TestAnswersStayWithinTheirBytes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const limit = 200_000
		a := newAnswers(limit)
		random := rand.New(rand.NewPCG(1, 2))
		full := false
		for i := range 5000 {
			path := "/people/" + strconv.Itoa(random.IntN(300))
			key := path + "?" + strconv.Itoa(random.IntN(3))
			h := http.Header{"X-Zone": {strconv.Itoa(random.IntN(3))}}
			var vary []string
			switch random.IntN(20) {
			case 0:
				a.purge(path)
			case 1:
				a.drop(key, h)
			case 2:
				<-time.After(time.Duration(random.IntN(40)) * time.Second)
			case 3:
				vary = []string{"X-Zone"}
				fallthrough
			default:
				got := &answer{body: make([]byte, random.IntN(8000)), header: http.Header{"A": {"b"}}, at: time.Now()}
				a.put(key, path, a.mark(path), vary, h, got, time.Minute)
				if kept := a.get(key, h); kept != got {
					t.Fatalf("step %d: got %p for what was just put, want %p", i, kept, got)
				}
			}
			bytes, slots, paths, _ := a.weigh()
			if bytes < 0 || bytes > limit || paths > slots {
				t.Fatalf("step %d: got %d bytes in %d slots on %d paths (-1: the books do not agree), want at most %d", i, bytes, slots, paths, limit)
			}
			full = full || bytes > limit*9/10
		}
		if !full {
			t.Error("the bound was never reached; the test tests nothing")
		}
		a.Close()
		if bytes, slots, paths, keys := a.weigh(); bytes+int64(slots+paths+keys) != 0 {
			t.Errorf("after Close: got %d bytes, %d slots, %d paths, %d keys; want none", bytes, slots, paths, keys)
		}
		a.put("k", "/p", a.mark("/p"), nil, nil, &answer{}, time.Minute)
		if got := a.get("k", nil); got != nil {
			t.Error("after Close: an answer was kept")
		}
	})
}

func TestAnswersLetGoOfTheOldestFirst(t *testing.T) {
	t.Parallel()
	a := newAnswers(10 * (slotBytes + 1000 + 100))
	for i := range 30 {
		name := strconv.Itoa(i)
		a.put(name, "/"+name, a.mark("/"+name), nil, nil, &answer{body: make([]byte, 1000)}, time.Minute)
	}
	kept := ""
	for i := range 30 {
		if a.get(strconv.Itoa(i), nil) != nil {
			kept += " " + strconv.Itoa(i)
		}
	}
	if want := " 20 21 22 23 24 25 26 27 28 29"; kept != want {
		t.Errorf("got%s kept, want%s", kept, want)
	}
	a.put("huge", "/huge", a.mark("/huge"), nil, nil, &answer{body: make([]byte, 20_000)}, time.Minute)
	if a.get("huge", nil) != nil || a.get("29", nil) == nil {
		t.Error("an answer larger than all the room: got it kept or others thrown out for it, want it left out")
	}
}

func TestAnswersSweepTheExpired(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := newAnswers(1 << 20)
		for i := range 50 {
			name := strconv.Itoa(i)
			a.put(name, "/"+name, a.mark("/"+name), nil, nil, &answer{body: make([]byte, 100)}, 30*time.Second)
		}
		<-time.After(2 * time.Minute)
		a.put("new", "/new", a.mark("/new"), nil, nil, &answer{}, time.Minute)
		if _, slots, paths, _ := a.weigh(); slots != 1 || paths != 1 {
			t.Errorf("got %d slots on %d paths, want the new one alone", slots, paths)
		}
	})
}

func TestPurgePath(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]string{
		"/People/1": "/people/1", "/people/1/": "/people/1", "/p%45ople/1": "/people/1", "/a%2Fb": "/a/b", "/%zz": "/%zz", "/": "", "": "",
	} {
		if got := purgePath(raw); got != want {
			t.Errorf("%s: got %q, want %q", raw, got, want)
		}
		if got := purgePath(strings.ToUpper(purgePath(raw))); got != want {
			t.Errorf("%s, twice: got %q, want %q", raw, got, want)
		}
	}
}
