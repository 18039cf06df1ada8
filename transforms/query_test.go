package transforms_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sluice/transforms"
)

func TestQueryValue(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		source string
		doc    any
		values []any
		want   any
	}{
		{"[.a, $x, $y]", map[string]any{"a": 1}, []any{2, 3}, []any{1, 2, 3}},
		{"[.a, $x, $y]", map[string]any{"a": 1}, []any{2}, []any{1, 2, nil}},
		{"[$x, $y]", nil, nil, []any{nil, nil}},
		{".", nil, nil, nil},
	} {
		q, err := transforms.CompileQuery(c.source, "$x", "$y")
		if err != nil {
			t.Fatalf("%s: %v", c.source, err)
		}
		got, err := q.Value(c.doc, c.values...)
		if diff := cmp.Diff(c.want, got); err != nil || diff != "" {
			t.Errorf("%s with %v: %v (-want +got):\n%s", c.source, c.values, err, diff)
		}
	}
}

func TestQueryFails(t *testing.T) {
	t.Parallel()
	if _, err := transforms.CompileQuery("[$x, $z]", "$x"); err == nil || !strings.Contains(err.Error(), "$z") {
		t.Errorf("an unknown variable: got %v, want an error that names it", err)
	}
	for _, source := range []string{"empty", ".[]", ".secret + 1", ".secret | error"} {
		q, err := transforms.CompileQuery(source)
		if err != nil {
			t.Fatalf("%s: %v", source, err)
		}
		if _, err := q.Value(map[string]any{"secret": "hunter2", "other": 1}); !errors.Is(err, transforms.ErrUnreadable) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: got %v, want ErrUnreadable without the document", source, err)
		}
	}
}

func TestQueryText(t *testing.T) {
	t.Parallel()
	q, err := transforms.CompileQuery("$x // .id", "$x")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		id   any
		want string
		ok   bool
	}{{"a", "a", true}, {7, "7", true}, {7.0, "7", true}, {nil, "", false}, {"", "", false}, {[]any{}, "", false}} {
		if got, ok := q.Text(map[string]any{"id": c.id}); got != c.want || ok != c.ok {
			t.Errorf("id %v: got %q, %v; want %q, %v", c.id, got, ok, c.want, c.ok)
		}
	}
}

func TestQueryKeys(t *testing.T) {
	t.Parallel()
	for source, want := range map[string][]string{
		`. as $m | {mail, "title": .t, (.k): 1, $m}`: {"mail", "title", "m"},
		`{"a\(.b)": 1, c: 2}`:                        {"c"},
		`.x | {a} + ({b} * {c})`:                     {"a", "b", "c"},
		`{a} | del(.a)`:                              nil,
		`{a}.a`:                                      nil,
		`.`:                                          nil,
		`def f: {a}; {b}`:                            {"b"},
	} {
		q, err := transforms.CompileQuery(source)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, q.Keys()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", source, diff)
		}
	}
}
