package proxy_test

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
)

func TestOwnAPIIsOutsideOfConnections(t *testing.T) {
	t.Parallel()
	vendor := serve(t, http.HandlerFunc(echo))
	h := open(t, load(t, atVendor(vendor, ""), nil))
	resp, text := ask(t, http.MethodGet, h.url+"/beta/triggers", "")
	var fault map[string]any
	if err := json.Unmarshal([]byte(text), &fault); err != nil {
		t.Fatal(err)
	}
	if got := slices.Sorted(maps.Keys(fault)); resp.StatusCode != http.StatusNotFound || !slices.Equal(got, []string{"causes", "detailCode", "messages", "trackingId"}) {
		t.Errorf("before there is an API: got %d %s", resp.StatusCode, text)
	}
	h.front.ServeAPI(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "none") {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusCreated)
		_, _ = fmt.Fprintf(w, "%s %s %d %s", r.Method, r.URL, len(body), r.Header.Get("Authorization"))
	}))
	host := strings.TrimPrefix(h.url, "http://")
	for _, c := range []struct {
		method, target, body string
		status               int
		want                 string
	}{
		{"GET", "/beta/triggers?filters=id%20eq", "", 201, "GET http://" + host + "/beta/triggers?filters=id%20eq 0 Bearer x.y.z"},
		{"POST", "/trigger-subscriptions/v1", "{}", 201, "POST http://" + host + "/trigger-subscriptions/v1 2 Bearer x.y.z"},
		{"PATCH", "/v2026/trigger-subscriptions/a%2Fb", strings.Repeat("x", 100_000), 201, "/a%2Fb 100000 "},
		{"DELETE", "/v2024/none", "{}", 204, ""},
		{"POST", "/oauth/token", strings.Repeat("x", 1<<20+1), 413, "longer than 1048576 bytes"},
		{"GET", "/@raw/beta/triggers", "", 404, `"error":"unknown_connection"`},
		{"GET", "/tdx/beta", "", 200, "GET /TDWebApi/beta"},
	} {
		resp, text := ask(t, c.method, h.url+c.target, c.body, "Authorization", "Bearer x.y.z")
		if resp.StatusCode != c.status || !strings.Contains(text, c.want) {
			t.Errorf("%s %s: got %d %s, want %d %s", c.method, c.target, resp.StatusCode, text, c.status, c.want)
		}
	}
	if log := h.log.String(); !strings.Contains(log, "connection=triggers") || strings.Contains(log, "x.y.z") {
		t.Errorf("the log lacks the requests, or holds a token:\n%s", log)
	}
}
