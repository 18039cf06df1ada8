package proxy

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

func TestRedactText(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ text, want string }{
		{`{"access_token":"abc","token_type":"Bearer"}`, `{"access_token": "[redacted]","token_type":"Bearer"}`},
		{`{"BEID":"x","WebServicesKey":"y","n":1}`, `{"BEID": "[redacted]","WebServicesKey": "[redacted]","n":1}`},
		{"token eyJhbGciOiJI.eyJleHAiOjE1.c2lnbmVk here", "token [redacted] here"},
		{"cut off eyJhbGciOiJI.eyJle", "cut off [redacted]"},
		{"plain words, 5 = 2 + 3, a=b", "plain words, 5 = 2 + 3, a=b"},
		{`{"password":"no end`, `{"password": "[redacted]"`},
		{`{"password":"an \" escape","a":1}`, `{"password": "[redacted]","a":1}`},
		{`{"tokens":["a","]",{"b":"}"}],"a":1}`, `{"tokens": "[redacted]","a":1}`},
		{`{"pin_token":123,"a":null,"token":null,"has_password":true}`, `{"pin_token": "[redacted]","a":null,"token":null,"has_password":true}`},
		{`an odd " before "secret": "x"`, `an odd " before "secret": "[redacted]"`},
		{`{"body":"{\"password\":\"x\",\"a\":\"b\"}"}`, `{"body":"{\"password\": \"[redacted]\",\"a\":\"b\"}"}`},
		{"username=iga&password=p%20w&x=1", "username=iga&password=[redacted]&x=1"},
		{`see <https://v.example/?token=abc&page=2>; rel="next"`, `see <https://v.example/?token=[redacted]&page=2>; rel="next"`},
		{`dial https://iga:pw@v.example/a: refused`, `dial https://[redacted]@v.example/a: refused`},
		{`<s:Login user="a" password="a b"><Password>x</Password><n>1</n></s:Login>`, `<s:Login user="a" password=[redacted]><Password>[redacted]</Password><n>1</n></s:Login>`},
		{`Bearer error="invalid_token", authorization_uri="https://v.example"`, `Bearer error="invalid_token", authorization_uri="https://v.example"`},
	} {
		if got := redactText(tt.text); got != tt.want {
			t.Errorf("redactText(%q)\n got %q\nwant %q", tt.text, got, tt.want)
		}
		if again := redactText(redactText(tt.text)); again != tt.want {
			t.Errorf("redactText twice of %q: got %q, want %q", tt.text, again, tt.want)
		}
	}
}

func TestRedactTarget(t *testing.T) {
	t.Parallel()
	for target, want := range map[string]string{
		"/a?x=1&access_token=abc&y=2": "/a?x=1&access_token=[redacted]&y=2",
		"/a?api%5Fkey=abc":            "/a?api%5Fkey=[redacted]",
		"/a%2Fb?q":                    "/a%2Fb?q",
		"/a?password=\"x y?z&b=1":     "/a?password=[redacted]&b=1",
		"/a;jsessionid=abc/b;v=1?c=2": "/a;jsessionid=[redacted]/b;v=1?c=2",
		"https://v.example/cb?access_token=a&code=b#id_token=c":  "https://v.example/cb?access_token=[redacted]&code=[redacted]#id_token=[redacted]",
		"https://v.example/cb#access_token=a/b&state=s":          "https://v.example/cb#access_token=[redacted]&state=s",
		"https://v.example/#/cb?code=a&b=c":                      "https://v.example/#/cb?code=[redacted]&b=c",
		"https://iga:pw@v.example/cb":                            "https://[redacted]@v.example/cb",
		"/login?return=https%3A%2F%2Fv.example%3Fcode%3Dabc&a=b": "/login?return=https%3A%2F%2Fv.example%3Fcode%3D[redacted]&a=b",
		"/login?return=https://v.example?code=abc&a=b":           "/login?return=https://v.example?code=[redacted]&a=b",
		"/t/eyJhbGciOiJI.eyJleHAiOjE1.c2lnbmVk/x":                "/t/[redacted]/x",
	} {
		if got := redactTarget(target); got != want {
			t.Errorf("redactTarget(%q)\n got %q\nwant %q", target, got, want)
		}
	}
}

// TestTheRingShowsNoSecret: in no header, whatever a client or a vendor calls it, and in no URL that a header holds.
func TestTheRingShowsNoSecret(t *testing.T) {
	t.Parallel()
	header := http.Header{
		"X-Auth": {"planted"}, "X-Pass": {"planted"}, "X-Pwd": {"planted"}, "Db_auth": {"planted"}, "X-Api-Key": {"planted"},
		"Referer":          {"https://v.example/a?token=planted&page=2"},
		"Location":         {"https://v.example/cb?access_token=planted&code=planted#id_token=planted"},
		"Content-Location": {"/a?sig=planted", "/b#session=planted"},
		"Link":             {`<https://v.example/?code=planted&page=3>; rel="next"`},
		"X-Author":         {"ann"}, "Www-Authenticate": {`Bearer realm="v"`},
	}
	ring := NewRing(1)
	ring.add(RoundTrip{Path: "/a?pwd=planted", Error: "Get https://u:planted@v.example/?key=planted: refused", RequestHeader: header, ResponseHeader: header})
	text, err := json.Marshal(ring.Last())
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(text), "planted") {
		t.Errorf("a planted secret shows: %s", text)
	}
	for _, want := range []string{`"X-Author":["ann"]`, `realm=\"v\"`, "page=2", "page=3", "v.example", "refused"} {
		if !strings.Contains(strings.NewReplacer(`\u003c`, "<", `\u003e`, ">", `\u0026`, "&").Replace(string(text)), want) {
			t.Errorf("got %s, want %s left in it", text, want)
		}
	}
}

// TestATraceShowsNoPassword sends bodies with a password over a traced call: what the vendor got, and the same body as an answer.
func TestATraceShowsNoPassword(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("planted", 2000)
	padding := strings.Repeat("x", traceBody-30)
	for name, tt := range map[string]struct{ path, body, want string }{
		"a sign-in's form":               {"/auth", "user=iga&x=planted", redacted},
		"a form":                         {"/people", "user=iga&password=planted&a=b", "user=iga&password=[redacted]&a=b"},
		"a form, badly escaped":          {"/people", "password=\"x planted&a=b", "password=[redacted]&a=b"},
		"JSON cut in a secret":           {"/people", `{"a":"b","password":"` + long + `","c":"d"}`, `{"a":"b","password": "[redacted]"`},
		"a secret at the cut":            {"/people", `{"a":"` + padding + `","password":"planted-and-more-than-a-few-letters"}`, (`{"a":"` + padding + `","password": "[redacted]"}`)[:traceBody]},
		"the connection's at the cut":    {"/people", strings.Repeat("y", traceBody-5) + "planted-key", strings.Repeat("y", traceBody-5) + "[reda"},
		"the connection's at the end":    {"/people", strings.Repeat("y", traceBody+traceMore-7) + "planted-key", strings.Repeat("y", traceBody)},
		"blanked before what is cut":     {"/people", `{"password":"` + long[:5000] + `","b":"` + strings.Repeat("y", 3166) + "planted-key", ""},
		"no secret":                      {"/people", `{"a":"b"}`, `{"a":"b"}`},
		"nothing":                        {"/people", "", ""},
		"text that is longer than shown": {"/people", strings.Repeat("z", 20000), strings.Repeat("z", traceBody)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn := probed(t, probeLogin, "text", "managed", "planted-key").Connections["tdx"]
			chain := tap(roundTrip(func(r *http.Request) (*http.Response, error) {
				body, err := io.ReadAll(r.Body)
				return vendorSays(200, string(body)), err
			}))
			r, call := onConn(t, conn, "POST", tt.path, bytes.NewReader([]byte(tt.body)))
			call.trace = NewTrace(conn)
			resp, err := chain.RoundTrip(r)
			if err != nil {
				t.Fatal(err)
			}
			if got := readAll(t, resp); got != tt.body {
				t.Errorf("the caller got %d bytes, want the vendor's %d", len(got), len(tt.body))
			}
			x := call.trace.Exchanges()[0]
			if x.Body != tt.want {
				t.Errorf("as sent: got %q, want %q", x.Body, tt.want)
			}
			if x.Content != tt.want {
				t.Errorf("as answered: got %q, want %q", x.Content, tt.want)
			}
			if strings.Contains(x.Body+x.Content, "plant") {
				t.Error("a part of a planted secret shows")
			}
		})
	}
}

// FuzzRedact: a secret under a secret's name does not show, whatever stands around it and wherever the text is cut.
func FuzzRedact(f *testing.F) {
	for _, seed := range []string{"", `{"a":"b"}`, "a=b&c=", `\"x\":`, `"`, "<a b='c'>", "%3D%", "a/b?c#d", "eyJ", "'\"=", `{"a":"\\`} {
		f.Add(seed, "z", 7)
	}
	f.Fuzz(func(t *testing.T, before, after string, cut int) {
		const secret = "PLANTED7"
		if strings.Contains(before+after, "PLANTED") {
			return
		}
		around, err := json.Marshal(map[string]string{"a": before, "password": secret + after})
		if err != nil {
			t.Fatal(err)
		}
		if cut >= 0 && cut < len(around) {
			around = around[:cut]
		}
		set := url.Values{"A": {before}, "password": {secret + after}}.Encode()
		for _, shown := range []string{redactText(string(around)), redactBody(set), redactText(set), redactTarget("/p?" + set), redactTarget("/p#" + set)} {
			if strings.Contains(shown, "PLANTED") {
				t.Errorf("the secret shows in %q", shown)
			}
		}
	})
}
