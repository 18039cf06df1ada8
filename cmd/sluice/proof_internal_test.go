package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// checked writes a lone connector file and checks it.
func checked(t *testing.T, text string, args ...string) (code int, out string, file string) {
	t.Helper()
	file = filepath.Join(t.TempDir(), "acme.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var stdout, stderr bytes.Buffer
	code = run(t.Context(), append([]string{"check", file}, args...), nil, strings.NewReader(""), &stdout, &stderr)
	if stderr.Len() > 0 {
		t.Errorf("got on stderr %s, want nothing", &stderr)
	}
	return code, stdout.String(), file
}

// acme is a connector with something of each kind to prove; its tests hold.
const acme = `name: acme
base_url: https://acme.invalid/base
limits: {headers: {style: x, reset: {format: imf}}}
request:
  - set: {headers: {X-Client: sluice}}
response:
  - remove: {headers: [X-Internal]}
tests:
  - name: all kinds
    now: 2018-03-28T16:07:15Z
    request: {method: POST, path: "/a%2Fb?x=1&x=2", headers: {X-Own: [one, two]}, json: {n: 1}}
    sent: {method: POST, path: "/a%2Fb?x=1&x=2", headers: {X-Client: sluice, X-Own: [one, two], Authorization: []}, json: {n: 1.0}}
    answer:
      status: 201
      headers: {X-Internal: secret, X-RateLimit-Limit: "60", X-RateLimit-Remaining: "59", X-RateLimit-Reset: "Wed, 28 Mar 2018 16:08:14 GMT"}
      json: {list: [1, {deep: true}], big: 1234567890123456789, text: "ä", none: null}
    expect:
      status: 201
      headers: {X-Internal: [], X-RateLimit-Reset: "1522253294"}
      json: {list: [1, {deep: true}], big: 1234567890123456789, text: "ä", none: null}
  - name: a body as it is
    view: raw
    request: {path: /plain}
    answer: {headers: {Content-Type: text/plain}, body: "as it is\n"}
    expect: {body: "as it is\n"}
`

func TestCheckRunsTests(t *testing.T) {
	t.Parallel()
	code, out, file := checked(t, acme)
	// Those of the connectors that ship run too, because the configuration has them.
	if code != exitOK || !strings.HasPrefix(out, file+": ok, ") || !strings.HasSuffix(out, " tests passed\n") {
		t.Errorf("got exit code %d and\n%swant 0 and a summary", code, out)
	}
}

// TestCheckFindsEachFailure breaks one expectation at a time, so that every comparison is seen to bite, and at its place.
func TestCheckFindsEachFailure(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ old, new, want string }{
		"status":         {"expect:\n      status: 201", "expect:\n      status: 200", `18:15: tests[0].expect.status: test "all kinds": got 201, want 200`},
		"header":         {`X-RateLimit-Reset: "1522253294"`, `X-RateLimit-Reset: "1522253295"`, `19:52: tests[0].expect.headers.X-RateLimit-Reset: test "all kinds": got "1522253294", want "1522253295"`},
		"header there":   {"headers: {X-Internal: [], ", "headers: {X-RateLimit-Limit: [], ", `got "60", want the header absent`},
		"header absent":  {"headers: {X-Internal: [], ", "headers: {X-Internal: secret, ", `got no such header, want "secret"`},
		"number":         {"json: {list: [1, {deep: true}], big: 1234567890123456789, text: \"ä\", none: null}\n  - name", "json: {list: [1, {deep: true}], big: 1234567890123456788, text: \"ä\", none: null}\n  - name", `tests[0].expect.json: test "all kinds": at .big got 1234567890123456789, want 1234567890123456788`},
		"body":           {`expect: {body: "as it is\n"}`, `expect: {body: "as it is"}`, `25:20: tests[1].expect.body: test "a body as it is": got "as it is\n", want "as it is"`},
		"not json":       {`expect: {body: "as it is\n"}`, `expect: {json: {}}`, `got a body that is not JSON: "as it is\n"`},
		"sent path":      {`sent: {method: POST, path: "/a%2Fb?x=1&x=2"`, `sent: {method: POST, path: "/a/b?x=1&x=2"`, `tests[0].sent.path: test "all kinds": got "/a%2Fb?x=1&x=2", want "/a/b?x=1&x=2"`},
		"sent method":    {"sent: {method: POST", "sent: {method: PUT", `tests[0].sent.method: test "all kinds": got POST, want PUT`},
		"sent header":    {"X-Client: sluice, X-Own", "X-Client: other, X-Own", `tests[0].sent.headers.X-Client: test "all kinds": got "sluice", want "other"`},
		"sent values":    {"X-Own: [one, two], Auth", "X-Own: [two, one], Auth", `got ["one" "two"], want ["two" "one"]`},
		"sent body":      {"json: {n: 1.0}", "json: {n: 2}", `tests[0].sent.json: test "all kinds": at .n got 1, want 2`},
		"deep":           {"{deep: true}], big: 1234567890123456789, text: \"ä\", none: null}\n  - name", "{deep: false}], big: 1234567890123456789, text: \"ä\", none: null}\n  - name", "at .list[1].deep got true, want false"},
		"path no escape": {"request: {path: /plain}", `request: {path: "/%zz"}`, `23:21: tests[1].request.path: test "a body as it is": cannot be sent: invalid URL escape "%zz"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			broken := strings.Replace(acme, c.old, c.new, 1)
			if broken == acme {
				t.Fatalf("the connector has no %q to break", c.old)
			}
			code, out, file := checked(t, broken)
			want := c.want
			if len(want) > 0 && want[0] >= '0' && want[0] <= '9' {
				want = file + ":" + want
			}
			if code != exitUnwell || !strings.Contains(out, want+"\n") || !strings.Contains(out, "acme.yaml: 1 fault, ") {
				t.Errorf("got exit code %d and\n%swant %d and %s", code, out, exitUnwell, want)
			}
		})
	}
}

// TestCheckFindsATransformThatDidNothing: a value that is left as it was, because it cannot be read, passes only where the test says so.
func TestCheckFindsATransformThatDidNothing(t *testing.T) {
	t.Parallel()
	const failing = `name: acme
base_url: https://acme.invalid
response:
  - jq: .data[0].name.first
tests:
  - name: unreadable
    request: {path: /users}
    answer: {json: {data: {}}}
    expect: {json: {data: {}}}
`
	code, out, file := checked(t, failing)
	want := file + ":6:5: tests[0].unread: test \"unreadable\": got 1 of the values left as they were, want 0: left as it was: jq: "
	if code != exitUnwell || !strings.Contains(out, want) {
		t.Errorf("a transform that failed: got exit code %d and\n%swant %d and %s…", code, out, exitUnwell, want)
	}
	if code, out, _ := checked(t, failing+"    unread: 1\n"); code != exitOK {
		t.Errorf("said so: got exit code %d and\n%swant 0", code, out)
	}
	code, out, file = checked(t, acme+"    unread: 2\n")
	want = file + ":26:13: tests[1].unread: test \"a body as it is\": got 0 of the values left as they were, want 2: every value could be read\n"
	if code != exitUnwell || !strings.Contains(out, want) {
		t.Errorf("none left: got exit code %d and\n%swant %d and %s", code, out, exitUnwell, want)
	}
}

func TestCheckJSON(t *testing.T) {
	t.Parallel()
	code, out, file := checked(t, strings.Replace(acme, "expect:\n      status: 201", "expect:\n      status: 200", 1), "-o", "json")
	var got struct {
		OK     bool
		Faults []map[string]any
		Tests  struct{ Passed, Failed int }
	}
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatalf("got %q: %v", out, err)
	}
	if code != exitUnwell || got.OK || len(got.Faults) != 1 || got.Tests.Failed != 1 || got.Tests.Passed < 1 {
		t.Fatalf("got exit code %d, %+v; want 1, one fault of one test", code, got)
	}
	want := map[string]any{"file": file, "line": 18.0, "column": 15.0, "key": "tests[0].expect.status", "message": `test "all kinds": got 201, want 200`}
	for key := range want {
		if got.Faults[0][key] != want[key] {
			t.Errorf("%s: got %v, want %v", key, got.Faults[0][key], want[key])
		}
	}
	if code, out, _ := checked(t, acme, "-o", "json"); code != exitOK || !strings.Contains(out, `"ok": true`) || !strings.Contains(out, `"faults": []`) {
		t.Errorf("without faults: got exit code %d and %s, want 0, true and an empty list", code, out)
	}
}

func TestCheckPaths(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		args []string
		vars []string
		code int
		want string
	}{
		"built in":            {nil, nil, exitOK, "the built-in configuration: ok, "},
		"the repository's":    {[]string{"../../configs"}, nil, exitOK, "../../configs: ok, "},
		"by variable":         {nil, []string{configVariable + "=../../configs/sluice.yaml"}, exitOK, "../../configs/sluice.yaml: ok, "},
		"nothing there":       {[]string{"nowhere"}, nil, exitUnwell, "nowhere: does not exist; name a folder"},
		"a stray variable":    {nil, []string{"SLUICE_LOGING_LEVEL=debug"}, exitUnwell, "environment SLUICE_LOGING_LEVEL: "},
		"faults and no tests": {nil, []string{"SLUICE_LOGGING_LEVEL=loud"}, exitUnwell, "1 fault, no tests were run"},
	} {
		var stdout, stderr bytes.Buffer
		code := run(t.Context(), append([]string{"check"}, c.args...), c.vars, nil, &stdout, &stderr)
		if code != c.code || !strings.Contains(stdout.String(), c.want) {
			t.Errorf("%s: got exit code %d and\n%s%swant %d and %q", name, code, &stdout, &stderr, c.code, c.want)
		}
	}
}

func TestDifference(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ got, want, where string }{
		{`1`, `1.0`, "same"}, {`1e2`, `100`, "same"}, {`{"a":1,"b":[]}`, `{"b":[],"a":1}`, "same"}, {`null`, `null`, "same"},
		{`9007199254740993`, `9007199254740992`, ""}, {`1e999999999`, `1e999999998`, ""}, {`"1"`, `1`, ""}, {`null`, `false`, ""},
		{`[1,2]`, `[1]`, ""}, {`[1,{"a":2}]`, `[1,{"a":3}]`, "[1].a"}, {`{"a":1}`, `{}`, ".a"}, {`{}`, `{"a":null}`, ".a"}, {`{"a":[]}`, `{"a":{}}`, ".a"},
	} {
		got, err := decodeJSON([]byte(c.got))
		if err != nil {
			t.Fatal(err)
		}
		want, err := decodeJSON([]byte(c.want))
		if err != nil {
			t.Fatal(err)
		}
		where, _, _, same := difference("", got, want)
		if same != (c.where == "same") || !same && where != c.where {
			t.Errorf("difference(%s, %s): got %q, same %v; want %q", c.got, c.want, where, same, c.where)
		}
	}
}

// FuzzDifference: a document is the same as itself written anew, and a comparison does not depend on its direction.
func FuzzDifference(f *testing.F) {
	for _, pair := range [][2]string{{`{"a":[1,2.0,null]}`, `{"a":[1,2]}`}, {`1e400`, `10e399`}, {`"x"`, `{}`}, {`[[],{}]`, `[{},[]]`}} {
		f.Add(pair[0], pair[1])
	}
	f.Fuzz(func(t *testing.T, one, two string) {
		a, err := decodeJSON([]byte(one))
		if err != nil {
			return
		}
		again, err := json.Marshal(a)
		if err != nil {
			t.Fatalf("write %q anew: %v", one, err)
		}
		copied, err := decodeJSON(again)
		if err != nil {
			t.Fatalf("read %q again: %v", again, err)
		}
		if where, got, want, same := difference("", copied, a); !same {
			t.Errorf("%q and itself: got %s and %s at %q, want no difference", one, got, want, where)
		}
		b, err := decodeJSON([]byte(two))
		if err != nil {
			return
		}
		_, _, _, forth := difference("", a, b)
		_, _, _, back := difference("", b, a)
		if forth != back {
			t.Errorf("%q and %q: got same %v one way and %v the other", one, two, forth, back)
		}
	})
}
