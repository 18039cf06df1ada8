package transforms_test

import (
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sluice/transforms"
)

// jwt returns an unsigned-looking token that expires at exp, as TeamDynamix issues them.
func jwt(exp string) string {
	part := base64.RawURLEncoding.EncodeToString
	return part([]byte(`{"alg":"HS256","typ":"JWT"}`)) + "." + part([]byte(`{"iss":"TD","exp":`+exp+`}`)) + ".c2ln"
}

func answerAt(status int, h http.Header, body string) *transforms.Message {
	u, err := url.Parse("https://sluice.example/td/api/users?limit=2&after=a%2Fb")
	if err != nil {
		panic(err)
	}
	return &transforms.Message{
		Method: "GET", URL: u, Status: status, Header: h, Body: []byte(body), Now: noon,
		VendorBase: "https://x.teamdynamix.com/TDWebApi", CallerBase: "https://sluice.example/td",
	}
}

func compile(t testing.TB, item any) transforms.Func {
	t.Helper()
	f, err := transforms.Compile(item)
	if err != nil {
		t.Fatalf("Compile(%v): %v", item, err)
	}
	return f
}

const jsonType = "application/json"

// Each row: one transform, what comes, what goes. A want without a body means: unchanged.
func TestCatalogue(t *testing.T) {
	t.Parallel()
	token := jwt("1786104090") // noon and 90 s
	tests := []struct {
		name       string
		item       any
		status     int
		header     http.Header
		body       string
		wantStatus int // 0: unchanged
		wantHeader http.Header
		wantBody   string
		unread     bool
	}{
		{name: "wrap_text: TeamDynamix", item: "wrap_text", status: 200, header: headers("Content-Type", "text/plain; charset=utf-8", "Content-Length", "99"), body: "\xef\xbb\xbf" + token + "\r\n",
			wantHeader: headers("Content-Type", jsonType, "Content-Length", "138"), wantBody: `{"access_token":"` + token + `","expires_in":90,"token_type":"Bearer"}`},
		{name: "wrap_text: JSON text", item: object{"wrap_text": object{"field": "token", "add": object{"n": 1}}}, status: 200, header: headers(), body: ` "` + token + `" `,
			wantHeader: headers("Content-Type", jsonType), wantBody: `{"expires_in":90,"n":1,"token":"` + token + `"}`},
		{name: "wrap_text: no JWT, fallback", item: object{"wrap_text": object{"expires_in": object{"field": "ttl", "fallback": "24h"}}}, status: 200, header: headers(), body: "0d5f3a5e-1c7b",
			wantHeader: headers("Content-Type", jsonType), wantBody: `{"access_token":"0d5f3a5e-1c7b","token_type":"Bearer","ttl":86400}`},
		{name: "wrap_text: a page", item: "wrap_text", status: 200, header: headers(), body: "<html>hello</html>"},
		{name: "wrap_text: a sentence", item: "wrap_text", status: 200, header: headers(), body: "Invalid username or password."},
		{name: "wrap_text: JSON already", item: "wrap_text", status: 200, header: headers("Content-Type", jsonType), body: `{"a":1}`},
		{name: "wrap_text: a refusal", item: "wrap_text", status: 401, header: headers(), body: "Unauthorized"},

		{name: "header_time", item: object{"header_time": object{"header": "X-RateLimit-Reset", "from": "imf", "to": "unix", "keep": "X-Upstream-RateLimit-Reset"}}, status: 200,
			header:     headers("X-RateLimit-Reset", "Fri, 07 Aug 2026 12:00:30 GMT"),
			wantHeader: headers("X-RateLimit-Reset", "1786104030", "X-Upstream-RateLimit-Reset", "Fri, 07 Aug 2026 12:00:30 GMT")},
		{name: "header_time: to another header", item: object{"header_time": object{"header": "X-Reset", "to": "delta", "name": "X-Wait"}}, status: 200,
			header:     headers("X-Reset", "Fri, 07 Aug 2026 12:00:30 GMT", "Date", "Fri, 07 Aug 2026 11:59:55 GMT"),
			wantHeader: headers("X-Reset", "Fri, 07 Aug 2026 12:00:30 GMT", "X-Wait", "35", "Date", "Fri, 07 Aug 2026 11:59:55 GMT")},
		{name: "header_time: several, one unreadable", item: object{"header_time": object{"headers": []any{"A", "B", "C"}, "from": "unix", "to": "imf"}}, status: 200,
			header: headers("A", "soon", "B", "1786104030"), wantHeader: headers("A", "soon", "B", "Fri, 07 Aug 2026 12:00:30 GMT"), unread: true},
		{name: "header_time: absent", item: object{"header_time": object{"header": "A", "to": "imf"}}, status: 200, header: headers()},

		{name: "rename_header", item: object{"rename_header": object{"names": object{"x-a": "X-B", "x-none": "X-C"}}}, status: 200, header: headers("X-A", "1", "X-A", "2", "X-B", "old"), wantHeader: headers("X-B", "1", "X-B", "2")},
		{name: "set", item: object{"set": object{"headers": object{"X-A": "1", "X-B": object{"jq": ".id"}}, "body": object{".m.region": object{"header": "X-R"}, ".list": object{"value": []any{1}}, ".n": 2}}}, status: 200,
			header: headers("X-R", "eu"), body: `{"id":12345678901234567890,"h":"<a&b>"}`,
			wantHeader: headers("X-R", "eu", "X-A", "1", "X-B", "12345678901234567890", "Content-Type", jsonType), wantBody: `{"h":"<a&b>","id":12345678901234567890,"list":[1],"m":{"region":"eu"},"n":2}`},
		{name: "set if_absent", item: object{"set": object{"headers": object{"X-A": "new", "X-B": "new"}, "body": object{".a": 1, ".b": 1, ".c": 1}, "if_absent": true}}, status: 200,
			header: headers("X-A", "old"), body: `{"a":false,"b":null}`, wantHeader: headers("X-A", "old", "X-B", "new", "Content-Type", jsonType), wantBody: `{"a":false,"b":1,"c":1}`},
		{name: "set: body is no JSON", item: object{"set": object{"body": object{".a": 1}}}, status: 200, header: headers(), body: "x", unread: true},
		{name: "set: a value that would split the header", item: object{"set": object{"headers": object{"X-A": object{"jq": ".a"}}}}, status: 200, header: headers(), body: `{"a":"x\r\nX-Evil: 1"}`, unread: true},
		{name: "remove", item: object{"remove": object{"headers": []any{"x-powered-by", "x-amz-*"}, "body": []any{".users[].secret", ".none"}}}, status: 200,
			header: headers("X-Powered-By", "php", "X-Amz-Id", "1", "X-Am", "2", "Etag", `"v1"`), body: `{"users":[{"id":1,"secret":"s"},{"id":2}]}`,
			wantHeader: headers("X-Am", "2", "Content-Type", jsonType), wantBody: `{"users":[{"id":1},{"id":2}]}`},

		{name: "retry_after: date", item: "retry_after", status: 429, header: headers("Retry-After", "Fri, 07 Aug 2026 12:00:30 GMT"), wantHeader: headers("Retry-After", "30")},
		{name: "retry_after: longest of several, clipped", item: object{"retry_after": object{"from": []any{object{"header": "X-Reset", "format": "delta"}, object{"json": ".retry_ms", "format": "delta_ms"}}, "max": "180s"}}, status: 429,
			header: headers("X-Reset", "5"), body: `{"retry_ms":999500}`, wantHeader: headers("X-Reset", "5", "Retry-After", "180")},
		{name: "retry_after: fallback, kept", item: object{"retry_after": object{"fallback": 60, "keep": "X-Was"}}, status: 503, header: headers("Retry-After", "soon"), wantHeader: headers("Retry-After", "60", "X-Was", "soon"), unread: true},
		{name: "retry_after: unreadable stays", item: "retry_after", status: 429, header: headers("Retry-After", "soon"), unread: true},
		{name: "retry_after: nothing said", item: "retry_after", status: 429, header: headers()},
		{name: "retry_after: not on 200", item: object{"retry_after": object{"fallback": 60}}, status: 200, header: headers()},

		{name: "jq", item: object{"jq": "{users: [.data[] | {id}], s: $status, h: $headers[\"x-a\"]}"}, status: 200, header: headers("X-A", "1"), body: `{"data":[{"id":9007199254740993,"x":1}]}`,
			wantHeader: headers("X-A", "1", "Content-Type", jsonType), wantBody: `{"h":"1","s":200,"users":[{"id":9007199254740993}]}`},
		{name: "jq: fails", item: object{"jq": ".a.b"}, status: 200, header: headers(), body: `{"a":1}`, unread: true},
		{name: "jq: several results", item: object{"jq": ".[]"}, status: 200, header: headers(), body: `[1,2]`, unread: true},
		{name: "jq: none", item: object{"jq": "empty"}, status: 200, header: headers(), body: `[1,2]`, unread: true},
		{name: "jq: no time at all", item: object{"jq": object{"filter": ".", "timeout": 0}}, status: 0},
		{name: "jq: too large a body", item: object{"jq": object{"filter": ".", "max_input": 4}}, status: 200, header: headers(), body: `[1,2]`, unread: true},
		{name: "jq: too large a result", item: object{"jq": object{"filter": "[range(100)]", "max_output": 50}}, status: 200, header: headers(), body: `1`, unread: true},
		{name: "jq: halt is no exit", item: object{"jq": "halt_error"}, status: 200, header: headers(), body: `1`, unread: true},
		{name: "jq: two documents", item: object{"jq": "."}, status: 200, header: headers(), body: `1 2`, unread: true},
		{name: "jq: still gzip", item: object{"jq": "."}, status: 200, header: headers("Content-Encoding", "gzip"), body: `1`, unread: true},

		{name: "xml_to_json", item: object{"xml_to_json": object{"lists": []any{".users.user"}}}, status: 200, header: headers("Content-Type", "text/xml"),
			body:       `<?xml version="1.0"?><users xmlns:x="u"><user id="1"><x:name>Ann &amp; Bo</x:name></user></users>`,
			wantHeader: headers("Content-Type", jsonType), wantBody: `{"users":{"-x":"u","user":[{"-id":"1","name":"Ann & Bo"}]}}`},
		{name: "xml_to_json: ISO-8859-1", item: "xml_to_json", status: 200, header: headers(), body: "<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><a>M\xfcller</a>", wantHeader: headers("Content-Type", jsonType), wantBody: `{"a":"Müller"}`},
		{name: "xml_to_json: external entity", item: "xml_to_json", status: 200, header: headers(), body: `<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>`, unread: true},
		{name: "xml_to_json: unknown entity", item: "xml_to_json", status: 200, header: headers(), body: `<a>&x;</a>`, unread: true},
		{name: "xml_to_json: too deep", item: object{"xml_to_json": object{"max_depth": 2}}, status: 200, header: headers(), body: `<a><b><c/></b></a>`, unread: true},
		{name: "xml_to_json: too many", item: object{"xml_to_json": object{"max_elements": 2}}, status: 200, header: headers(), body: `<a><b/><b/></a>`, unread: true},
		{name: "xml_to_json: two roots", item: "xml_to_json", status: 200, header: headers(), body: `<a/><b/>`, unread: true},
		{name: "xml_to_json: cut off", item: "xml_to_json", status: 200, header: headers(), body: `<a><b>`, unread: true},

		{name: "status: Google's 403", item: object{"status": object{"when": object{"status": 403, "body_contains": []any{"userRateLimitExceeded", "quotaExceeded"}}, "retry_after": "60s"}}, status: 403, header: headers(), body: `{"reason":"quotaExceeded"}`,
			wantStatus: 429, wantHeader: headers("X-Upstream-Status", "403", "Retry-After", "60")},
		{name: "status: another 403", item: object{"status": object{"when": object{"status": 403, "body_contains": "quotaExceeded"}}}, status: 403, header: headers(), body: `{"reason":"forbidden"}`},
		{name: "status: Slack's 200", item: object{"status": object{"when": object{"status": "2xx", "jq": `.ok == false and .error == "ratelimited"`}}}, status: 200, header: headers("Retry-After", "5"), body: `{"ok":false,"error":"ratelimited"}`,
			wantStatus: 429, wantHeader: headers("X-Upstream-Status", "200", "Retry-After", "5")},

		{name: "link_to_body", item: "link_to_body", status: 200, header: headers("Link", `<https://x.teamdynamix.com/TDWebApi/api/users?after=c%2Fd>; rel="next", <https://x.teamdynamix.com/TDWebApi/api/users>; rel="self"`), body: `{"users":[]}`,
			wantHeader: headers("Link", `<https://x.teamdynamix.com/TDWebApi/api/users?after=c%2Fd>; rel="next", <https://x.teamdynamix.com/TDWebApi/api/users>; rel="self"`, "Content-Type", jsonType),
			wantBody:   `{"next":"https://sluice.example/td/api/users?after=c%2Fd","users":[]}`},
		{name: "link_to_body: a list is wrapped", item: object{"link_to_body": object{"field": ".paging.next", "wrap": "items"}}, status: 200, header: headers("Link", `</TDWebApi/api/users?page=2>; rel="NEXT last"`), body: `[1]`,
			wantHeader: headers("Link", `</TDWebApi/api/users?page=2>; rel="NEXT last"`, "Content-Type", jsonType), wantBody: `{"items":[1],"paging":{"next":"https://sluice.example/td/api/users?page=2"}}`},
		{name: "link_to_body: the last page has the same shape", item: object{"link_to_body": object{"wrap": "items"}}, status: 200, header: headers(), body: `[1]`, wantHeader: headers("Content-Type", jsonType), wantBody: `{"items":[1]}`},
		{name: "link_to_body: another host", item: "link_to_body", status: 200, header: headers("Link", `<https://evil.example/TDWebApi/api/users>; rel=next`), body: `{}`, unread: true},
		{name: "link_to_body: beside the base", item: "link_to_body", status: 200, header: headers("Link", `<https://x.teamdynamix.com/TDWebApiEvil/api>; rel=next`), body: `{}`, unread: true},
		{name: "body_to_link: URL", item: object{"body_to_link": ".next"}, status: 200, header: headers(), body: `{"next":"?page=2"}`, wantHeader: headers("Link", `<https://sluice.example/td/api/users?page=2>; rel="next"`)},
		{name: "body_to_link: last page", item: object{"body_to_link": ".next"}, status: 200, header: headers(), body: `{"next":null}`},
		{name: "body_to_link: cursor", item: object{"body_to_link": object{"cursor": object{"from": ".meta.next_cursor", "param": "after"}}}, status: 200, header: headers(), body: `{"meta":{"next_cursor":"c=+/"}}`,
			wantHeader: headers("Link", `<https://sluice.example/td/api/users?limit=2&after=c%3D%2B%2F>; rel="next"`)},
		{name: "body_to_link: empty cursor", item: object{"body_to_link": object{"cursor": object{"from": ".meta.next_cursor", "param": "after"}}}, status: 200, header: headers(), body: `{"meta":{"next_cursor":""}}`},
		{name: "rewrite_links", item: object{"rewrite_links": object{"headers": []any{"Link", "Location"}, "body": []any{".next", ".none"}}}, status: 200,
			header: headers("Link", `<http://x.teamdynamix.com:80/TDWebApi/a?x=1>; rel="next", <b>; rel="prev"`, "Location", "/TDWebApi/c"), body: `{"next":"https://X.teamdynamix.com/TDWebApi/d"}`,
			wantHeader: headers("Link", `<https://sluice.example/td/a?x=1>; rel="next", <https://sluice.example/td/api/b>; rel="prev"`, "Location", "https://sluice.example/td/c", "Content-Type", jsonType),
			wantBody:   `{"next":"https://sluice.example/td/d"}`},

		{name: "error: JSON", item: "error", status: 404, header: headers("Content-Type", jsonType), body: `{"error":{"code":"nf","message":"no such user","details":[1]}}`,
			wantHeader: headers("Content-Type", jsonType), wantBody: `{"code":"nf","detail":[1],"message":"no such user","status":404}`},
		{name: "error: own paths", item: object{"error": object{"code": ".ID", "message": []any{".x", ".Reason"}, "under": "error"}}, status: 400, header: headers(), body: `{"ID":-1,"Reason":"bad"}`,
			wantHeader: headers("Content-Type", jsonType), wantBody: `{"error":{"code":"-1","message":"bad","status":400}}`},
		{name: "error: SOAP", item: "error", status: 500, header: headers("Content-Type", "text/xml"), body: `<s:Envelope><s:Body><s:Fault><faultcode>s:Client</faultcode><faultstring>too many</faultstring></s:Fault></s:Body></s:Envelope>`,
			wantHeader: headers("Content-Type", jsonType), wantBody: `{"code":"s:Client","message":"too many","status":500}`},
		{name: "error: text", item: "error", status: 403, header: headers(), body: "Rate Limit Exceeded\n", wantHeader: headers("Content-Type", jsonType), wantBody: `{"code":"http_403","message":"Rate Limit Exceeded","status":403}`},
		{name: "error: page", item: "error", status: 502, header: headers("Content-Type", "text/html"), body: "<html><p>oops", wantHeader: headers("Content-Type", jsonType), wantBody: `{"code":"http_502","message":"Bad Gateway","status":502}`},
		{name: "error: nothing", item: "error", status: 503, header: headers(), wantHeader: headers("Content-Type", jsonType), wantBody: `{"code":"http_503","message":"Service Unavailable","status":503}`},
		{name: "error: broken JSON stays", item: "error", status: 500, header: headers(), body: `{"a":`, unread: true},
		{name: "error: not on success", item: "error", status: 200, header: headers(), body: `{"error":"x"}`},

		{name: "when: does not hold", item: object{"jq": object{"filter": "1", "when": object{"header": object{"name": "X-A", "equals": "b"}}}}, status: 200, header: headers("X-A", "a"), body: `2`},
		{name: "when: holds", item: object{"jq": object{"filter": "1", "when": object{"header": "X-A", "status": []any{404, "200-299"}}}}, status: 200, header: headers("X-A", "a"), body: `2`,
			wantHeader: headers("X-A", "a", "Content-Type", jsonType), wantBody: `1`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if tt.status == 0 {
				if _, err := transforms.Compile(tt.item); err == nil {
					t.Error("Compile = nil, want an error")
				}
				return
			}
			wantHeader, wantStatus, wantBody := tt.wantHeader, tt.wantStatus, tt.wantBody
			if wantHeader == nil {
				wantHeader = tt.header.Clone()
			}
			if wantStatus == 0 {
				wantStatus = tt.status
			}
			if wantBody == "" {
				wantBody = tt.body
			}
			m := answerAt(tt.status, tt.header, tt.body)
			unread, err := transforms.Run([]transforms.Func{compile(t, tt.item)}, m, func() ([]byte, error) { return []byte(tt.body), nil })
			if err != nil {
				t.Fatalf("Run: %v", err)
			}
			if got := len(unread) > 0; got != tt.unread {
				t.Errorf("unreadable: got %v, want %v", unread, tt.unread)
			}
			if m.Status != wantStatus || string(m.Body) != wantBody {
				t.Errorf("got  %d %s\nwant %d %s", m.Status, m.Body, wantStatus, wantBody)
			}
			if diff := cmp.Diff(wantHeader, m.Header); diff != "" {
				t.Errorf("header: got + want -\n%s", diff)
			}
		})
	}
}

func TestJQEndsInTime(t *testing.T) {
	t.Parallel()
	f := compile(t, object{"jq": object{"filter": "last(repeat(1))", "timeout": "50ms"}})
	if err := f.Apply(answerAt(200, headers(), `1`)); !errors.Is(err, transforms.ErrUnreadable) || !strings.Contains(err.Error(), "longer than 50ms") {
		t.Errorf("Apply = %v, want ErrUnreadable, longer than 50ms", err)
	}
}

// A transform after another sees what that one left, and the body is fetched only when one that wants the message needs it.
func TestRun(t *testing.T) {
	t.Parallel()
	fs := []transforms.Func{
		compile(t, object{"status": object{"when": object{"status": 403, "header": object{"name": "Retry-After"}}}}),
		compile(t, object{"retry_after": object{"from": object{"json": ".wait"}, "when": object{"status": 429}}}),
		compile(t, "error"),
	}
	for _, tt := range []struct {
		name   string
		status int
		h      http.Header
		loads  int
		wait   string
	}{
		{"200 streams", 200, headers(), 0, ""},
		{"403 turned 429", 403, headers("Retry-After", "x"), 1, "7"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			loads := 0
			m := answerAt(tt.status, tt.h, "")
			_, err := transforms.Run(fs, m, func() ([]byte, error) { loads++; return []byte(`{"wait":7}`), nil })
			if err != nil || loads != tt.loads || m.Header.Get("Retry-After") != tt.wait {
				t.Errorf("Run = %v, %d loads, Retry-After %q, want %d loads, %q", err, loads, m.Header.Get("Retry-After"), tt.loads, tt.wait)
			}
		})
	}
	broken := errors.New("connection reset")
	if _, err := transforms.Run(fs, answerAt(500, headers(), ""), func() ([]byte, error) { return nil, broken }); !errors.Is(err, broken) {
		t.Errorf("Run = %v, want %v", err, broken)
	}
}

func TestCompileFaults(t *testing.T) {
	t.Parallel()
	all := "body_to_link, error, header_time, jq, link_to_body, remove, rename_header, retry_after, rewrite_links, set, status, wrap_text, xml_to_json"
	tests := []struct {
		name string
		item any
		want string
	}{
		{"unknown", "wrap_txt", `wrap_txt: unknown transform "wrap_txt" (did you mean "wrap_text"?); there are: ` + all},
		{"two keys", object{"jq": ".", "error": nil}, "a transform is one key, its name, but here are 2"},
		{"no name", 5, "a transform is a name or a mapping with one key, not 5"},
		{"unknown key", object{"header_time": object{"heder": "X", "to": "unix", "header": "X"}}, `header_time.heder: unknown key "heder" (did you mean "header"?); there are: from, header, headers, keep, name, to, when`},
		{"all faults at once", object{"header_time": object{"headers": []any{"A", 5}, "from": "imff"}},
			"header_time.headers[1]: want a text, not 5\n" +
				`header_time.from: unknown time format "imff" (did you mean "imf"?); there are: auto, imf, rfc850, asctime, http_date, unix, unix_ms, delta, delta_ms, iso8601, iso8601_utc, iso_minute, go_duration, js_date, retry_after` + "\n" +
				"header_time: to is missing"},
		{"jq syntax", object{"jq": ".a\n| .b ]"}, `jq.filter: jq: line 2, column 6: unexpected token "]"`},
		{"jq environment", object{"jq": "env.HOME"}, "jq.filter: jq: env and $ENV are not to be had here; let the connector's settings carry the value"},
		{"jq input", object{"jq": "input"}, "jq.filter: jq: input(s)/0 is not allowed"},
		{"status without when", object{"status": object{"to": 429}}, "status: when is missing: without it every answer would get the status"},
		{"matcher", object{"status": object{"when": object{"status": []any{403, "9xx"}}}}, `status.when.status[1]: want a status such as 403, "4xx" or "400-499", not a text`},
		{"path as a key", object{"set": object{"body": object{".a[": 1}}}, `set.body[".a["]: jq: line 1, column 5: unexpected token ")"`},
		{"header value", object{"set": object{"headers": object{"X-A": "a\r\nb"}}}, "set.headers.X-A: want a text or a number without line breaks, not a text"},
		{"scalar for a mapping", object{"set": 5}, "set: one of headers, body is missing\nset: want a mapping, not 5"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := transforms.Compile(tt.item)
			if err == nil || err.Error() != tt.want {
				t.Fatalf("got  %v\nwant %s", err, tt.want)
			}
			if all, ok := errors.AsType[transforms.ArgErrors](err); !ok || len(all) == 0 {
				t.Errorf("%T is no ArgErrors", err)
			}
			if _, ok := errors.AsType[*transforms.ArgError](err); !ok {
				t.Errorf("%T holds no *ArgError", err)
			}
		})
	}
}
