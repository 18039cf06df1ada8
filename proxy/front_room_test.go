package proxy_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"sluice/connectors"
	"sluice/internal/fault"
)

// echoRoom says what it was asked, and refuses what has "no" in it.
type echoRoom struct{}

func (echoRoom) Answer(r *http.Request, conn *connectors.Connection) (*http.Response, error) {
	if strings.Contains(r.URL.Path, "no") {
		return nil, fault.New("room", http.StatusTeapot, "no", "not here")
	}
	text := fmt.Sprintf("%s %s %s://%s%s?%s key=%q", conn.Name, r.Method, r.URL.Scheme, r.URL.Host, r.URL.EscapedPath(), r.URL.RawQuery, r.Header.Get("X-Sluice-Key"))
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"text/plain"}}, ContentLength: int64(len(text)),
		Body: io.NopCloser(strings.NewReader(text))}, nil
}

func TestRoomIsForWhomTheConnectionIs(t *testing.T) {
	t.Parallel()
	vendor := serve(t, http.HandlerFunc(echo))
	key, hash := connectors.NewKey()
	narrow, narrowHash := connectors.NewKey()
	poster, posterHash := connectors.NewKey()
	h := open(t, load(t, atVendor(vendor, fmt.Sprintf(`  other:
    connector: teamdynamix
    base_url: %s/TDWebApi
    allow_networks: [127.0.0.0/8]
consumers:
  iga: {keys: [%q], view: raw}
  narrow: {keys: [%q], connections: [other]}
  poster: {keys: [%q], methods: [POST]}
`, vendor, hash, narrowHash, posterHash)), nil))
	h.front.Open(echoRoom{})
	host := strings.TrimPrefix(h.url, "http://")
	for _, c := range []struct {
		method, target, key string
		status              int
		want                string
	}{
		{"GET", "/scim/tdx/Users?filter=a%20b", key, 200, "tdx GET http://" + host + `/scim/tdx/Users?filter=a%20b key=""`},
		{"GET", "/aggregations/tdx/people/accounts/a%2Fb", key, 200, "tdx GET http://" + host + `/aggregations/tdx/people/accounts/a%2Fb? key=""`},
		{"GET", "/@raw/scim/tdx/Users", key, 200, "tdx GET http://" + host + `/@raw/scim/tdx/Users? key=""`},
		{"GET", "/scim/other", narrow, 200, "other GET"},
		{"HEAD", "/scim/tdx", key, 200, ""},
		{"POST", "/scim/tdx/Users", key, 200, "tdx POST"},
		{"GET", "/scim/tdx/no", key, 418, `"detail":"not here"`},
		{"GET", "/aggregations/tdx/no", key, 418, `"message":"not here"`},
		{"GET", "/scim/tdx/Users", "", 401, `"error":"key_required"`},
		{"GET", "/scim/tdx/Users", "slk_wrong", 401, `"status":"401"`},
		{"GET", "/scim/tdx/Users", narrow, 403, `"error":"connection_refused"`},
		{"GET", "/aggregations/tdx/people/accounts", narrow, 403, `"error":"connection_refused"`},
		{"GET", "/scim/tdx/Users", poster, 403, `"error":"method_refused"`},
		{"GET", "/scim/nobody/Users", key, 404, `"schemas":["urn:ietf:params:scim:api:messages:2.0:Error"]`},
		{"GET", "/aggregations/nobody/people/accounts", key, 404, `"error":"unknown_connection"`},
		{"GET", "/scim", key, 404, `"error":"unknown_connection"`},
		{"GET", "/aggregations/", key, 404, `"error":"unknown_connection"`},
		{"GET", "/tdx/api/people", key, 200, "GET /TDWebApi/api/people"},
	} {
		var headers []string
		if c.key != "" {
			headers = []string{"X-Sluice-Key", c.key}
		}
		body := ""
		if c.method == http.MethodPost {
			body = strings.Repeat("x", 100_000)
		}
		resp, text := ask(t, c.method, h.url+c.target, body, headers...)
		if resp.StatusCode != c.status || !strings.Contains(text, c.want) {
			t.Errorf("%s %s: got %d %s, want %d %s", c.method, c.target, resp.StatusCode, text, c.status, c.want)
		}
	}
	if log := h.log.String(); !strings.Contains(log, "route=scim") || !strings.Contains(log, "answered=aggregations") {
		t.Errorf("the log lacks the requests of the rooms:\n%s", log)
	}
}

func TestRoomIsEmptyWithoutADatabase(t *testing.T) {
	t.Parallel()
	vendor := serve(t, http.HandlerFunc(echo))
	h := open(t, load(t, atVendor(vendor, ""), nil))
	resp, text := ask(t, http.MethodGet, h.url+"/aggregations/tdx/people/accounts", "")
	if resp.StatusCode != http.StatusNotFound || !strings.Contains(text, "start it with --data") {
		t.Errorf("got %d %s, want 404 that names --data", resp.StatusCode, text)
	}
}
