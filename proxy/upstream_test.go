package proxy_test

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
)

// TestTraceStaysHere: a vendor that answers TRACE as RFC 9110 section 9.3.8 has it would show the caller the credential of a managed
// connection.
func TestTraceStaysHere(t *testing.T) {
	t.Parallel()
	const planted = "planted-4711"
	var asked atomic.Int32
	vendor := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		w.Header().Set("Content-Type", "message/http")
		_ = r.Write(w)
	}))
	const connector = "name: echoing\ntitle: Echoing\ncredentials: [key]\nauth: {header: {set: {X-Key: \"${credential:key}\"}}}\n"
	config := "connections:\n  e:\n    connector: echoing\n    base_url: " + vendor +
		"\n    allow_networks: [127.0.0.0/8]\n    auth: managed\n    credentials: {key: '${env:KEY}'}\n"
	h := open(t, load(t, config, map[string]string{"echoing": connector}, "KEY="+planted))
	if resp, body := ask(t, "GET", h.url+"/e/x", ""); resp.StatusCode != 200 || !strings.Contains(body, planted) {
		t.Fatalf("GET = %d %q, want the vendor's echo with the credential: the test would prove nothing", resp.StatusCode, body)
	}
	before := asked.Load()
	for _, method := range []string{"TRACE", "CONNECT"} {
		resp, body := ask(t, method, h.url+"/e/x", "")
		if resp.StatusCode != 501 || !strings.Contains(body, "method_refused") || strings.Contains(body, planted) {
			t.Errorf("%s = %d %q, want 501 method_refused without the credential", method, resp.StatusCode, body)
		}
	}
	if got := asked.Load(); got != before {
		t.Errorf("the vendor was asked %d times more, want none", got-before)
	}
}
