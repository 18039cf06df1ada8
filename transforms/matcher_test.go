package transforms_test

import (
	"testing"

	"sluice/transforms"
)

func TestMatcher(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		args any
		want bool // of a 403 with X-A: some text, and {"error":{"code":"quota"}}
		body bool
	}{
		{"status", object{"status": 403}, true, false},
		{"status as text", object{"status": "403"}, true, false},
		{"class", object{"status": "4XX"}, true, false},
		{"range", object{"status": "400-402"}, false, false},
		{"list", object{"status": []any{500, "400-403"}}, true, false},
		{"header present", object{"header": "x-a"}, true, false},
		{"header absent", object{"header": object{"name": "x-a", "present": false}}, false, false},
		{"another header absent", object{"header": object{"name": "x-b", "present": false}}, true, false},
		{"header contains", object{"header": object{"name": "x-a", "contains": "me te"}}, true, false},
		{"header equals", object{"header": object{"name": "x-a", "equals": "some"}}, false, false},
		{"body", object{"body_contains": []any{"nothing", `"quota"`}}, true, true},
		{"body, other case", object{"body_contains": "QUOTA"}, false, true},
		{"jq", object{"jq": `.error.code == "quota"`}, true, true},
		{"jq, not quite true", object{"jq": `.error.code`}, false, true},
		{"jq that fails", object{"jq": `.error.code.x == 1`}, false, true},
		{"all must hold", object{"status": 403, "body_contains": "quota", "jq": "false"}, false, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			m, err := transforms.CompileMatcher(tt.args)
			if err != nil {
				t.Fatal(err)
			}
			got := m.Match(answerAt(403, headers("X-A", "some text"), `{"error":{"code":"quota"}}`))
			if got != tt.want || m.Body != tt.body {
				t.Errorf("got %v, body %v, want %v, %v", got, m.Body, tt.want, tt.body)
			}
		})
	}
}

// Wants never says no to a message that Match would accept with some body.
func TestMatcherWants(t *testing.T) {
	t.Parallel()
	m, err := transforms.CompileMatcher(object{"status": "4xx", "header": "X-A", "body_contains": "quota"})
	if err != nil {
		t.Fatal(err)
	}
	if !m.Wants(answerAt(403, headers("X-A", "1"), "")) {
		t.Error("a 403 with the header: got false, want true")
	}
	if m.Wants(answerAt(200, headers("X-A", "1"), "quota")) || m.Wants(answerAt(403, headers(), "quota")) {
		t.Error("another status or no header: got true, want false")
	}
}

func TestCompileMatcherFaults(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		args any
		want string
	}{
		{"empty", object{}, "one of status, header, body_contains, jq is missing"},
		{"no mapping", 403, "one of status, header, body_contains, jq is missing\nwant a mapping, not 403"},
		{"no status", object{"status": 42}, `status: want a status such as 403, "4xx" or "400-499", not 42`},
		{"both", object{"header": object{"name": "A", "equals": "x", "contains": "y"}}, "header.equals: contains or equals, not both"},
		{"absent with a value", object{"header": object{"name": "A", "equals": "x", "present": false}}, "header.present: an absent header has no value to compare"},
		{"unknown key within", object{"header": object{"name": "A", "equal": "x"}}, `header.equal: unknown key "equal" (did you mean "equals"?); there are: contains, equals, name, present`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if _, err := transforms.CompileMatcher(tt.args); err == nil || err.Error() != tt.want {
				t.Errorf("got  %v\nwant %s", err, tt.want)
			}
		})
	}
}
