package aggregation_test

import (
	"io"
	"strings"
	"testing"

	"sluice/aggregation"
	"sluice/connectors"
	"sluice/transforms"
)

func TestNewRequest(t *testing.T) {
	t.Parallel()
	v := aggregation.Variables{Key: "a/b c%", Row: map[string]any{"n": 7}, Over: map[string]any{"Name": "x&y"}, Page: map[string]any{"offset": 20}}
	for name, tt := range map[string]struct {
		request           connectors.Request
		method, url, body string
	}{
		"plain": {connectors.Request{Method: "GET", Path: "/api/people"}, "GET", "http://vendor.invalid/api/people", ""},
		"key":   {connectors.Request{Method: "GET", Path: "/api/people/{key}"}, "GET", "http://vendor.invalid/api/people/a%2Fb%20c%25", ""},
		"query": {
			connectors.Request{Method: "GET", Path: "list", Query: map[string]*transforms.Query{
				"empty": rq(`""`), "absent": rq("null"), "n": rq("$row.n"), "yes": rq("true"), "o": rq("$page.offset"), "name": rq("$over.Name"),
			}},
			"GET", "http://vendor.invalid/list?empty=&n=7&name=x%26y&o=20&yes=true", "",
		},
		"body": {connectors.Request{Method: "POST", Path: "/s", Body: rq("{b: $key, a: $over.Name}")}, "POST", "http://vendor.invalid/s", `{"a":"x&y","b":"a/b c%"}`},
	} {
		r, err := aggregation.NewRequest(t.Context(), &tt.request, v)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		body, _ := io.ReadAll(r.Body)
		if r.Method != tt.method || r.URL.String() != tt.url || string(body) != tt.body || (tt.body != "") != (r.Header.Get("Content-Type") == "application/json") {
			t.Errorf("%s: got %s %s %q %v, want %s %s %q", name, r.Method, r.URL, body, r.Header, tt.method, tt.url, tt.body)
		}
		if tt.body != "" && r.GetBody == nil {
			t.Errorf("%s: the body cannot be read again", name)
		}
	}
}

func TestNewRequestRefuses(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		request connectors.Request
		key     string
		want    string
	}{
		"no key":       {connectors.Request{Method: "GET", Path: "/p/{key}"}, "", "the key cannot stand in a path"},
		"dots":         {connectors.Request{Method: "GET", Path: "/p/{key}"}, "..", "the key cannot stand in a path"},
		"query object": {connectors.Request{Method: "GET", Path: "/p", Query: map[string]*transforms.Query{"x": rq(`{secret: 1}`)}}, "", "query.x: {secret: 1} gives neither"},
		"query fails":  {connectors.Request{Method: "GET", Path: "/p", Query: map[string]*transforms.Query{"x": rq(`$row.a.b`)}}, "", "query.x: "},
		"body fails":   {connectors.Request{Method: "POST", Path: "/p", Body: rq(`$row.a.b`)}, "", "body: "},
		"body nan":     {connectors.Request{Method: "POST", Path: "/p", Body: rq(`nan`)}, "", "body: a value that JSON cannot hold"},
		"huge body":    {connectors.Request{Method: "POST", Path: "/p", Body: rq(`"12345678" * 600000`)}, "", "body: larger than 4 MiB"},
		"method":       {connectors.Request{Method: "G T", Path: "/p"}, "", "not a request"},
		"path":         {connectors.Request{Method: "GET", Path: "/%zz"}, "", "the path is none"},
	} {
		_, err := aggregation.NewRequest(t.Context(), &tt.request, aggregation.Variables{Key: tt.key, Row: map[string]any{"a": "planted"}})
		if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "planted") {
			t.Errorf("%s: got %v, want %q", name, err, tt.want)
		}
	}
}
