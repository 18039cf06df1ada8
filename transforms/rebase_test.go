package transforms_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"sluice/transforms"
)

// follow runs rewrite_links over a Location and returns what it became.
func follow(t testing.TB, f transforms.Func, callerBase, vendorBase, at, link string) (string, error) {
	t.Helper()
	u, err := url.Parse(at)
	if err != nil {
		t.Fatalf("the test's own URL: %v", err)
	}
	m := &transforms.Message{URL: u, Status: 302, Header: http.Header{"Location": {link}}, Now: noon, VendorBase: vendorBase, CallerBase: callerBase}
	err = f.Apply(m)
	return m.Header.Get("Location"), err
}

func TestRewriteLinksBases(t *testing.T) {
	t.Parallel()
	const caller, vendor = "https://sluice.example/td/", "https://v.example/base/"
	f := compile(t, "rewrite_links")
	tests := []struct{ name, caller, at, link, want string }{
		{"absolute", caller, "https://sluice.example/td/a/b", "https://v.example/base/c?x=1#f", "https://sluice.example/td/c?x=1#f"},
		{"the base itself", caller, "https://sluice.example/td/a/b", "https://v.example/base", "https://sluice.example/td"},
		{"escapes stay", caller, "https://sluice.example/td/a/b", "https://v.example/base/c%2Fd%20e", "https://sluice.example/td/c%2Fd%20e"},
		{"query only", caller, "https://sluice.example/td/a/b?p=1", "?p=2", "https://sluice.example/td/a/b?p=2"},
		{"beside", caller, "https://sluice.example/td/a/b", "c", "https://sluice.example/td/a/c"},
		{"up, but within", caller, "https://sluice.example/td/a/b", "../c", "https://sluice.example/td/c"},
		{"from the host's root", caller, "https://sluice.example/td/a/b", "/base/c", "https://sluice.example/td/c"},
		{"without a scheme", caller, "https://sluice.example/td/a/b", "//v.example/base/c", "https://sluice.example/td/c"},
		{"the caller's own", caller, "https://sluice.example/td/a/b", "https://sluice.example/td/c", "https://sluice.example/td/c"},
		{"the chain's URL", caller, "https://v.example/a/b", "c", "https://sluice.example/td/a/c"},
		{"no caller's base", "", "https://v.example/a/b", "c?x=1", "/a/c?x=1"},
		{"no caller's base, the base itself", "", "https://v.example/a", "https://v.example/base", "/"},
		{"left: another host", caller, "https://sluice.example/td/a", "https://w.example/base/c", ""},
		{"left: another port", caller, "https://sluice.example/td/a", "https://v.example:8443/base/c", ""},
		{"left: a user", caller, "https://sluice.example/td/a", "https://u@v.example/base/c", ""},
		{"left: up and out", caller, "https://sluice.example/td/a/b", "../../../c", ""},
		{"left: dots in an absolute one", caller, "https://sluice.example/td/a/b", "https://v.example/base/../c", ""},
		{"left: escaped dots", caller, "https://sluice.example/td/a/b", "https://v.example/base/%2e%2E%2Fc", ""},
		{"left: the caller's own, with dots", caller, "https://sluice.example/td/a/b", "https://sluice.example/td/../c", ""},
		{"left: backslashes", caller, "https://sluice.example/td/a/b", "https://sluice.example/td/..%5Cc", ""},
		{"left: a longer name", caller, "https://sluice.example/td/a", "https://v.example/based/c", ""},
		{"left: another scheme", caller, "https://sluice.example/td/a", "javascript:alert(1)", ""},
		{"no URL", caller, "https://sluice.example/td/a", "https://v.example/base/%zz", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := follow(t, f, tt.caller, vendor, tt.at, tt.link)
			if tt.want == "" {
				if err == nil || got != tt.link {
					t.Errorf("%q became %q, %v, want it as it was and an error", tt.link, got, err)
				}
				return
			}
			if err != nil || got != tt.want {
				t.Errorf("%q became %q, %v, want %q", tt.link, got, err, tt.want)
			}
		})
	}
}

// A rewritten link never leaves the caller's base, whatever the vendor sends.
func FuzzRebase(f *testing.F) {
	for _, link := range []string{"https://v.example/base/c", "../../x", "//w.example/base", "?a", "https://sluice.example/td/../x", "https://v.example/base/%2e%2e/x", "/base//x", "\\x", "https://v.example/base?#"} {
		f.Add(link)
	}
	rewrite := compile(f, "rewrite_links")
	f.Fuzz(func(t *testing.T, link string) {
		if link == "" {
			return
		}
		got, err := follow(t, rewrite, "https://sluice.example/td", "https://v.example/base", "https://sluice.example/td/a/b", link)
		if err != nil {
			if got != link {
				t.Fatalf("unreadable, and yet %q became %q", link, got)
			}
			return
		}
		u, err := url.Parse(got)
		if err != nil || u.Host != "sluice.example" || u.Scheme != "https" || u.User != nil {
			t.Fatalf("%q became %q: %v", link, got, err)
		}
		clean := u.JoinPath().EscapedPath()
		if clean != "/td" && !strings.HasPrefix(clean, "/td/") {
			t.Fatalf("%q became %q, which is %q and leaves the base", link, got, clean)
		}
	})
}
