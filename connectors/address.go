package connectors

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"
)

// errInsecure is completed by what to do about it.
var errInsecure = errors.New("is http://, so whoever listens on the way reads tokens and people")

// parseBase reads a base URL. What comes back is absolute and has no trailing slash. No error repeats a userinfo.
func parseBase(text string, allowInsecure bool) (*url.URL, error) {
	const like = "write it as https://host/path"
	u, err := url.Parse(text)
	if err != nil {
		return nil, errors.New("is no URL: " + like)
	}
	switch {
	case u.User != nil:
		return nil, errors.New("must not hold a user name or password: those are credentials of the connection")
	case u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.Hostname() == "":
		return nil, fmt.Errorf("is %q, which is not absolute: %s", text, like)
	case u.RawQuery != "" || u.ForceQuery:
		return nil, fmt.Errorf("must not have a query: remove %q", "?"+u.RawQuery)
	case u.Fragment != "" || strings.Contains(text, "#"):
		return nil, fmt.Errorf("must not have a fragment: remove %q", "#"+u.Fragment)
	case u.Scheme == "http" && !allowInsecure && !isLoopback(u.Hostname()):
		return nil, errInsecure
	}
	if port := u.Port(); port != "" && !isPort(port) || strings.HasSuffix(u.Host, ":") {
		return nil, fmt.Errorf("has port %q, must be from 1 to 65535", port)
	}
	for part := range strings.SplitSeq(u.Path, "/") {
		if part == "." || part == ".." {
			return nil, fmt.Errorf("must not have %s in its path: %s", part, like)
		}
	}
	u.Path, u.RawPath = strings.TrimRight(u.Path, "/"), strings.TrimRight(u.RawPath, "/")
	return u, nil
}

func isPort(text string) bool {
	n, err := strconv.ParseUint(text, 10, 16)
	return err == nil && n > 0
}

// isLoopback tells whether a host can only be this machine. A name other than localhost cannot be known to be.
func isLoopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Unmap().IsLoopback()
}

// parseAddress checks host:port of a listener. loopback tells whether only this machine can reach it.
func parseAddress(text string) (loopback bool, err error) {
	host, port, err := net.SplitHostPort(text)
	if err != nil {
		return false, fmt.Errorf("is %q, must be host:port such as 127.0.0.1:8080 or :8080", text)
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || strconv.FormatUint(n, 10) != port {
		return false, fmt.Errorf("is %q, whose port must be a number from 0 to 65535", text)
	}
	if host != "" && !isHost(host) {
		return false, fmt.Errorf("is %q, whose host must be an address of this machine or localhost", text)
	}
	return isLoopback(host), nil
}

// label is one part of a host name (RFC 1123).
var label = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)

// isHost tells whether text is an IP address or a host name.
func isHost(text string) bool {
	if _, err := netip.ParseAddr(text); err == nil {
		return true
	}
	for part := range strings.SplitSeq(strings.ToLower(text), ".") {
		if !label.MatchString(part) {
			return false
		}
	}
	return len(text) <= 253
}
