package transforms_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"strings"
	"testing"

	"sluice/transforms"
)

// apply runs one transform over an answer with that body and returns the message; an error must say that something could
// not be read, and then nothing may have changed.
func apply(t *testing.T, f transforms.Func, contentType, body string) *transforms.Message {
	t.Helper()
	m := answerAt(200, headers("Content-Type", contentType), body)
	if err := f.Apply(m); err != nil {
		if !errors.Is(err, transforms.ErrUnreadable) {
			t.Fatalf("%v wraps no ErrUnreadable", err)
		}
		if string(m.Body) != body || m.Header.Get("Content-Type") != contentType {
			t.Fatalf("unreadable, and yet changed: %q became %q", body, m.Body)
		}
	}
	return m
}

// The token that goes in comes out, letter for letter, or nothing changes.
func FuzzWrapText(f *testing.F) {
	f.Add("\xef\xbb\xbfeyJhbGciOiJIUzI1NiJ9.eyJleHAiOjE3ODYxMDQwOTB9.c2ln\r\n")
	f.Add(`"0d5f3a5e-1c7b"`)
	f.Add(`{"a":1}`)
	f.Add("<html>")
	wrap := compile(f, "wrap_text")
	f.Fuzz(func(t *testing.T, body string) {
		m := apply(t, wrap, "text/plain", body)
		if string(m.Body) == body {
			return
		}
		var doc struct {
			Token   string `json:"access_token"`
			Type    string `json:"token_type"`
			Expires int    `json:"expires_in"`
		}
		if err := json.Unmarshal(m.Body, &doc); err != nil || doc.Type != "Bearer" || doc.Expires < 0 {
			t.Fatalf("%q became %q: %v", body, m.Body, err)
		}
		bare := strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(body), "\xef\xbb\xbf"))
		var quoted string
		if json.Unmarshal([]byte(bare), &quoted) == nil {
			bare = strings.TrimSpace(quoted)
		}
		if doc.Token != bare || strings.ContainsAny(doc.Token, " \r\n<{") {
			t.Errorf("token %q of body %q", doc.Token, body)
		}
	})
}

// All that comes out is JSON, no deeper than allowed, and every text in it was in the document.
func FuzzXMLToJSON(f *testing.F) {
	f.Add(`<?xml version="1.0"?><users><user id="1"><name>Ann &amp; Bo</name></user><user/></users>`)
	f.Add(`<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>`)
	f.Add("<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><a>M\xfcller</a>")
	f.Add(`<a><b><c><d><e/></d></c></b></a>`)
	convert := compile(f, object{"xml_to_json": object{"max_depth": 4}})
	f.Fuzz(func(t *testing.T, body string) {
		m := apply(t, convert, "text/xml", body)
		if m.Header.Get("Content-Type") != jsonType {
			return
		}
		var doc map[string]any
		if err := json.Unmarshal(m.Body, &doc); err != nil || len(doc) != 1 {
			t.Fatalf("%q became %q: %v", body, m.Body, err)
		}
		if d := depth(doc); d > 2*4+2 {
			t.Errorf("%q is %d deep", m.Body, d)
		}
		if bytes.Contains([]byte(body), []byte("<!DOCTYPE")) && xml.Unmarshal([]byte(body), new(any)) == nil && !strings.Contains(body, "<!--") && !strings.Contains(body, "CDATA") {
			t.Errorf("a DOCTYPE came through: %q", body)
		}
	})
}

func depth(v any) int {
	deepest := 0
	switch v := v.(type) {
	case map[string]any:
		for _, one := range v {
			deepest = max(deepest, depth(one))
		}
	case []any:
		for _, one := range v {
			deepest = max(deepest, depth(one))
		}
	default:
		return 0
	}
	return deepest + 1
}

// Whatever the body: identity keeps the document, and output never exceeds its bound.
func FuzzJQ(f *testing.F) {
	f.Add(`{"a":[1,2.50,12345678901234567890,"<&>\u2028"]}`)
	f.Add(`[`)
	f.Add(`"x" 1`)
	same := compile(f, object{"jq": "."})
	bounded := compile(f, object{"jq": object{"filter": "[., .]", "max_output": 64}})
	f.Fuzz(func(t *testing.T, body string) {
		m := apply(t, same, "x/y", body)
		if m.Header.Get("Content-Type") == jsonType {
			var before, after any
			if err := json.Unmarshal([]byte(body), &before); err == nil {
				if err := json.Unmarshal(m.Body, &after); err != nil {
					t.Fatalf("%q became %q: %v", body, m.Body, err)
				}
				x, _ := json.Marshal(before)
				y, _ := json.Marshal(after)
				if !bytes.Equal(x, y) {
					t.Errorf("%s became %s", x, y)
				}
			}
		}
		if m := apply(t, bounded, "x/y", body); m.Header.Get("Content-Type") == jsonType && len(m.Body) > 64 {
			t.Errorf("%d bytes came out, the most is 64", len(m.Body))
		}
	})
}

// Any YAML data as arguments compiles or is refused with ArgErrors; nothing panics, nothing else comes back.
func FuzzCompile(f *testing.F) {
	for name := range transforms.Builders {
		f.Add(name, `{"when":{"status":[403,"4xx"]},"header":"X","to":"unix","filter":"."}`)
		f.Add(name, `["a",1,null]`)
		f.Add(name, `{"headers":{"X":{"jq":".a"}},"body":{".a":1},"from":[{"json":".a"}],"cursor":{"from":".","param":"p"}}`)
	}
	f.Fuzz(func(t *testing.T, name, args string) {
		var data any
		if json.Unmarshal([]byte(args), &data) != nil {
			return
		}
		fn, err := transforms.Compile(object{name: data})
		if err != nil {
			if all, ok := errors.AsType[transforms.ArgErrors](err); !ok || len(all) == 0 {
				t.Fatalf("%T %v is no ArgErrors", err, err)
			}
			return
		}
		if fn.Apply == nil || fn.Name != name {
			t.Fatalf("compiled %q without Apply or name: %+v", name, fn)
		}
	})
}
