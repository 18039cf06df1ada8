package main

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"sluice/mocks/teamdynamix"
	"sluice/proxy"
)

// TestLimits: a call that waits is seen from outside, in which lane, for how long and why.
func TestLimits(t *testing.T) {
	t.Parallel()
	r, answers := held(t, "3s", "20s")
	base := "http://" + r.app.AdminAddress()
	code, out, errs := command(t, nil, "limits", "tdx", "--url", base, "-o", "json")
	var told limitsAnswer
	if err := json.Unmarshal([]byte(out), &told); code != exitOK || err != nil || len(told.Connections) != 1 {
		t.Fatalf("got exit code %d, %q, %q, %v; want the limits of one connection", code, out, errs, err)
	}
	b := told.Connections[0].Buckets[0]
	bulk := b.Lanes[2]
	if b.Bucket != "GET /api/accounts" || b.Kind != "first_call" || !b.Configured || b.Limit != 1 || b.WindowMs != 3000 || b.Left == nil || *b.Left != 0 ||
		b.Address != "" || b.Credential != "" {
		t.Errorf("where somebody waits: got %+v, want the spent limit of accounts first", b)
	}
	if bulk.Lane != "bulk" || bulk.Waiting != 1 || bulk.WaitMs <= 0 || bulk.Why == "" {
		t.Errorf("bulk: got %+v, want one who waits, a prediction and why", bulk)
	}
	code, out, _ = command(t, nil, "limits", "--url", base)
	lines := strings.Split(out, "\n")
	if code != exitOK || len(lines) < 4 || !strings.HasPrefix(lines[0], "CONNECTION  BUCKET") || !strings.Contains(lines[1], "first_call  1 in 3s") ||
		!strings.Contains(lines[1], "0/0/1") || !strings.Contains(out, "\ntdx, GET /api/accounts: ") {
		t.Errorf("as text: got exit code %d and\n%s", code, out)
	}
	page := r.ask("GET", r.adminURL("/admin/limits"), "", "Accept", "text/html")
	for _, want := range []string{"<code>GET /api/accounts</code>", "1 in 3s", `<div class="why">`, "0 / 0 / 1"} {
		if !strings.Contains(page.body, want) {
			t.Errorf("the page: got no %q in\n%s", want, page.body)
		}
	}
	if got := <-answers; got.status != 200 {
		t.Errorf("the held request: got %d %q, want 200", got.status, got.body)
	}
}

// TestLimitsOfNobody: no such connection, nobody there, and somebody else's door are told apart, and all are exit code 1.
func TestLimitsOfNobody(t *testing.T) {
	t.Parallel()
	r := startRig(t, plainConfig)
	base := "http://" + r.app.AdminAddress()
	if code, out, errs := command(t, nil, "limits", "--url", base); code != exitOK || out != "tdx: no call has met a limit yet\n" {
		t.Errorf("before the first call: got exit code %d, %q, %q", code, out, errs)
	}
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") }))
	t.Cleanup(other.Close)
	for name, c := range map[string]struct{ url, want string }{
		"no such connection": {base, `there is no connection "tdy"; there are tdx`},
		"nobody there":       {"http://" + freeAddress(t), "no answer"},
		"somebody else":      {other.URL, "gave no limits"},
		"an older Sluice":    {base + "/healthz", "answered 404"},
	} {
		if code, out, errs := command(t, nil, "limits", "tdy", "--url", c.url); code != exitUnwell || out != "" || !strings.Contains(errs, c.want) {
			t.Errorf("%s: got exit code %d, %q, %q; want 1 and %q", name, code, out, errs, c.want)
		}
	}
}

// TestLimitsAreBounded: a connection with more buckets than fit says how many are not shown, and shows where calls go first.
func TestLimitsAreBounded(t *testing.T) {
	t.Parallel()
	config := strings.Replace(plainConfig, "allow_networks: [127.0.0.0/8]}", "allow_networks: [127.0.0.0/8], limits: {\"GET /api/accounts\": {scope: credential}}}", 1)
	r := newRig(t, config, teamdynamix.Options{}).start()
	for i := range mostBuckets + 5 {
		r.ask("GET", r.url("main", "/tdx/api/accounts"), "", "Authorization", "Bearer "+strings.Repeat("x", i+1))
	}
	all, err := r.app.limits("")
	if err != nil || len(all) != 1 || len(all[0].Buckets) != mostBuckets || all[0].More != 5 {
		t.Fatalf("got %d buckets, %d more, %v; want %d and 5", len(all[0].Buckets), all[0].More, err, mostBuckets)
	}
	digits := map[string]bool{}
	for _, b := range all[0].Buckets {
		digits[b.Credential] = true
	}
	if len(digits) != mostBuckets {
		t.Errorf("got %d different credentials, want %d", len(digits), mostBuckets)
	}
	again, _ := r.app.limits("tdx")
	for i := range again[0].Buckets {
		if got, want := again[0].Buckets[i].Credential, all[0].Buckets[i].Credential; got != want {
			t.Fatalf("bucket %d: got %s, then %s; want one order", i, want, got)
		}
	}
	_, out, _ := command(t, nil, "limits", "--url", "http://"+r.app.AdminAddress())
	if !strings.Contains(out, "tdx: and 5 more buckets") {
		t.Errorf("got no word of the other buckets in %.300q …", out)
	}
}

func TestSpeak(t *testing.T) {
	t.Parallel()
	none, three := 0, 3
	lanes := []proxy.LaneState{{Lane: "critical"}, {Lane: "interactive", Why: "full"}, {Lane: "bulk", Waiting: 2, WaitMs: 61_400, Why: "full"}}
	for name, c := range map[string]struct {
		b    proxy.BucketState
		want spoken
	}{
		"configured": {proxy.BucketState{Kind: "first_call", Configured: true, Limit: 60, WindowMs: 60_000, Left: &three, ResetMs: 1500, Others: 2.5, TripMs: 12.3, Lanes: lanes},
			spoken{"first_call", "60 in 1m", "3", "in 1.5s", "2.5", "12.3 ms", "0/0/2", "0s/0s/1m1s"}},
		"found": {proxy.BucketState{Kind: "sliding", Limit: 60, WindowMs: 60_000, Left: &none, ShutMs: 5000, ResetMs: 9000, Lanes: lanes[:1]},
			spoken{"sliding (found)", "60 in 1m", "0", "shut for 5s", "-", "-", "0", "0s"}},
		"under way": {proxy.BucketState{Kind: "concurrent", Configured: true, Concurrent: true, Limit: 2}, spoken{"concurrent", "2 at once", "-", "-", "-", "-", "", ""}},
		"unknown":   {proxy.BucketState{Kind: "unknown", Limit: 7}, spoken{"unknown", "7", "-", "-", "-", "-", "", ""}},
	} {
		if got := speak(&c.b); got != c.want {
			t.Errorf("%s: got %+v, want %+v", name, got, c.want)
		}
	}
	if got := reasons(&proxy.BucketState{Lanes: lanes}); len(got) != 1 || got[0] != "interactive, bulk: full" {
		t.Errorf("reasons: got %q, want the two lanes told together", got)
	}
}
