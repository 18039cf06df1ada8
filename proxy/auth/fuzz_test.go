package auth_test

import (
	"strings"
	"testing"

	"golang.org/x/net/http/httpguts"

	"sluice/connectors"
	"sluice/proxy/auth"
)

// A template that compiles says what is written in it, with the credentials in their places and nothing read twice.
func FuzzTemplate(f *testing.F) {
	for _, seed := range []string{"", "plain", "${credential:a}", "x-${credential:a}-${credential:b}", "${", "$${credential:a}}", "${credential:}", "${token}", "a\nb", "${credential:a"} {
		f.Add(seed, "value", "${credential:a}")
	}
	f.Fuzz(func(t *testing.T, template, a, b string) {
		a, b = "plant-"+a, "plant-"+b // no message of ours holds that
		s, err := auth.New(connection(t, connectors.Auth{Header: &connectors.Header{Set: map[string]string{"X-Key": template}}},
			map[string]string{"a": a, "b": b}), auth.Ways{})
		want := strings.NewReplacer("${credential:a}", a, "${credential:b}", b).Replace(template)
		if err != nil {
			left := strings.NewReplacer("${credential:a}", "", "${credential:b}", "").Replace(template)
			if !strings.Contains(left, "${") && !strings.Contains(template, "$${") && httpguts.ValidHeaderFieldValue(want) {
				t.Errorf("New(%q) = %v, want a scheme", template, err)
			}
			for _, secret := range []string{a, b} {
				if !strings.Contains(template, secret) && strings.Contains(err.Error(), secret) {
					t.Errorf("New(%q) = %v, which holds a credential", template, err)
				}
			}
			return
		}
		if got := mustApply(t, s).Header["X-Key"]; len(got) != 1 || got[0] != want {
			t.Errorf("%q with %q and %q = %q, want %q", template, a, b, got, want)
		}
	})
}
