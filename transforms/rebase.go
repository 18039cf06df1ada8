package transforms

import (
	"fmt"
	"net/url"
	"strings"
)

// rebase returns the vendor's link as the caller must follow it: resolved against the vendor's URL of this message, and
// with VendorBase replaced by CallerBase; without a CallerBase it is a path below VendorBase. A link that leaves
// VendorBase is unreadable: following it would go round us, and rewriting it would send it to the wrong place. http and
// https count as one, since a vendor behind a TLS terminator often writes http.
func rebase(m *Message, link string) (string, error) {
	vendor, err := url.Parse(m.VendorBase)
	if err != nil || vendor.Host == "" {
		return "", fmt.Errorf("%w: no base URL to rewrite a link with", ErrUnreadable)
	}
	base := strings.TrimRight(m.CallerBase, "/")
	if leadsBelow(link, base) {
		return link, nil
	}
	target, err := vendorURL(m, vendor).Parse(strings.TrimSpace(link))
	if err != nil {
		return "", fmt.Errorf("%w: a link that is no URL", ErrUnreadable)
	}
	rest, ok := below(target.EscapedPath(), vendor.EscapedPath())
	if !ok || !sameHost(target, vendor) || climbs(rest) {
		return "", fmt.Errorf("%w: a link that leaves the vendor's base URL", ErrUnreadable)
	}
	if base+rest == "" {
		rest = "/"
	}
	out := base + rest
	if target.RawQuery != "" {
		out += "?" + target.RawQuery
	}
	if target.Fragment != "" {
		out += "#" + target.EscapedFragment()
	}
	return out, nil
}

// leadsBelow says whether link is the caller's already.
func leadsBelow(link, base string) bool {
	rest, ok := strings.CutPrefix(link, base)
	if base == "" || !ok {
		return false
	}
	if _, err := url.Parse(link); err != nil {
		return false
	}
	path, _, _ := strings.Cut(rest, "#")
	path, _, _ = strings.Cut(path, "?")
	return (rest == "" || strings.IndexByte("/?#", rest[0]) >= 0) && !climbs(path)
}

// A table of what some servers take for a dot or a slash.
var pathEscapes = strings.NewReplacer("%2e", ".", "%2E", ".", "%2f", "/", "%2F", "/", "%5c", "/", "%5C", "/", `\`, "/")

// climbs says whether a path has a dot segment, escaped or not: whoever resolves it later may end outside the base.
func climbs(path string) bool {
	for segment := range strings.SplitSeq(pathEscapes.Replace(path), "/") {
		if segment == "." || segment == ".." {
			return true
		}
	}
	return false
}

// path returns the escaped path of m's URL below either base.
func (m *Message) path() (string, bool) {
	if m.URL == nil {
		return "", false
	}
	caller, err := url.Parse(m.CallerBase)
	if err != nil || !strings.EqualFold(m.URL.Host, caller.Host) {
		return m.URL.EscapedPath(), true
	}
	return below(m.URL.EscapedPath(), caller.EscapedPath())
}

// vendorURL is m.URL as the vendor saw it: what a relative link counts from.
func vendorURL(m *Message, vendor *url.URL) *url.URL {
	rest, ok := m.path()
	if !ok {
		return vendor
	}
	u := *vendor
	u.RawPath = strings.TrimRight(vendor.EscapedPath(), "/") + rest
	path, err := url.PathUnescape(u.RawPath)
	if err != nil {
		return vendor
	}
	u.Path, u.RawQuery = path, m.URL.RawQuery
	return &u
}

// below returns what of path follows base, at the border of a segment: "" or "/...".
func below(path, base string) (string, bool) {
	base = strings.TrimRight(base, "/")
	rest, ok := strings.CutPrefix(path, base)
	return rest, ok && (rest == "" || rest[0] == '/')
}

func sameHost(a, b *url.URL) bool {
	web := func(u *url.URL) bool { return u.Scheme == "http" || u.Scheme == "https" }
	return web(a) && web(b) && a.User == nil && strings.EqualFold(a.Hostname(), b.Hostname()) && portOf(a) == portOf(b)
}

// portOf is u's port, "" for the default one of either web scheme.
func portOf(u *url.URL) string {
	if p := u.Port(); p != "80" && p != "443" {
		return p
	}
	return ""
}
