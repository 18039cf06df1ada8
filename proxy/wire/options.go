package wire

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"
)

// The engines of Options.Engine.
const (
	FastHTTP = "fasthttp" // HTTP/1.1, the cheap one; the default
	NetHTTP  = "nethttp"  // net/http's Transport, HTTP/2 where the vendor speaks it
)

// Options say where a connection's vendor is and how to reach it. Only Base is required; a zero value means the default that
// its line names.
type Options struct {
	Engine string   // FastHTTP (default) or NetHTTP
	Base   *url.URL // scheme http or https, host, optional port and path prefix: the only destination

	AllowNetworks []netip.Prefix                   // networks beyond the public ones that may be dialled; default none
	Egress        []netip.Addr                     // local source addresses, used in turn; default the system's choice
	EgressOf      func(context.Context) netip.Addr // the address of Egress that a call was paced for; invalid or nil = any

	CAFile     string // PEM roots in place of the system's
	CertFile   string // PEM client certificate; read again when the file changes
	KeyFile    string // its key
	ServerName string // name in the vendor's certificate; default Base's host
	MinTLS     uint16 // lowest TLS version, a tls.Version constant; default and least TLS 1.2

	// Proxy is "" (none), "environment" (HTTPS_PROXY and its kin) or an http:// URL, user and password included. What the
	// proxy resolves is out of our sight: through one, the address rule sees only a Base host that is itself an address.
	// A proxy named by URL may be at any address; one from the environment obeys AllowNetworks.
	Proxy string

	ConnectTimeout   time.Duration // name, TCP, proxy and TLS together, and the wait for a free connection; default 10 s
	FirstByteTimeout time.Duration // from the request's last byte to the answer's head; default 60 s
	BodyIdleTimeout  time.Duration // longest silence within a body, either way; default 30 s
	IdleTimeout      time.Duration // how long a connection is kept unused; default 55 s, under the usual 60 s of vendors

	MaxConns        int   // connections per egress address; default 256
	MaxRequestBody  int64 // bytes; default 32 MiB
	MaxResponseBody int64 // bytes; default 256 MiB
	MaxHeader       int   // bytes of an answer's head; default 64 KiB

	Transport http.RoundTripper // with NetHTTP, stands in for its Transport and dialer (a recorder, httpmock)
}

// complete checks o and fills in its defaults. The result shares no slice with o.
func (o Options) complete() (Options, error) {
	var errs []error
	wrong := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if o.Engine = cmp.Or(o.Engine, FastHTTP); o.Engine != FastHTTP && o.Engine != NetHTTP {
		wrong("engine %q: want %s or %s", o.Engine, FastHTTP, NetHTTP)
	}
	if err := checkBase(o.Base); err != nil {
		errs = append(errs, err)
	}
	if o.Transport != nil && o.Engine != NetHTTP {
		wrong("transport: only the %s engine can be given one", NetHTTP)
	}
	if (o.CertFile == "") != (o.KeyFile == "") {
		wrong("cert_file and key_file: one is no use without the other")
	}
	if o.MinTLS = cmp.Or(o.MinTLS, tls.VersionTLS12); o.MinTLS < tls.VersionTLS12 {
		wrong("min_tls %s: TLS 1.2 is the least", tls.VersionName(o.MinTLS))
	}
	o.AllowNetworks = append([]netip.Prefix(nil), o.AllowNetworks...)
	o.Egress = append([]netip.Addr(nil), o.Egress...)
	for i, e := range o.Egress {
		if o.Egress[i] = e.Unmap(); !e.IsValid() || e.IsUnspecified() || e.IsMulticast() {
			wrong("egress %d: %v is no source address", i+1, e)
		}
	}
	o.ConnectTimeout = cmp.Or(max(o.ConnectTimeout, 0), 10*time.Second)
	o.FirstByteTimeout = cmp.Or(max(o.FirstByteTimeout, 0), 60*time.Second)
	o.BodyIdleTimeout = cmp.Or(max(o.BodyIdleTimeout, 0), 30*time.Second)
	o.IdleTimeout = cmp.Or(max(o.IdleTimeout, 0), 55*time.Second)
	o.MaxConns = cmp.Or(max(o.MaxConns, 0), 256)
	o.MaxRequestBody = cmp.Or(max(o.MaxRequestBody, 0), 32<<20)
	o.MaxResponseBody = cmp.Or(max(o.MaxResponseBody, 0), 256<<20)
	o.MaxHeader = cmp.Or(max(o.MaxHeader, 0), 64<<10)
	return o, errors.Join(errs...)
}

func checkBase(base *url.URL) error {
	switch {
	case base == nil || base.Hostname() == "":
		return errors.New("base: want a URL with a host")
	case base.Scheme != "http" && base.Scheme != "https":
		return fmt.Errorf("base %s: the scheme must be http or https", base.Redacted())
	case base.User != nil:
		return fmt.Errorf("base %s: credentials belong under auth, not in the URL", base.Redacted())
	case base.RawQuery != "" || base.ForceQuery || base.Fragment != "":
		return fmt.Errorf("base %s: it may have a path, but no query and no fragment", base.Redacted())
	}
	if why := unfit(prefixOf(base)); why != "" {
		return fmt.Errorf("base %s: its path cannot be sent: %s", base.Redacted(), why)
	}
	if climbs(prefixOf(base)) || !printable(base.Host) || strings.ContainsAny(base.Host, " /\\@") {
		return fmt.Errorf("base %s: its host or path is not in plain form", base.Redacted())
	}
	return nil
}

// prefixOf is what every target of base begins with: "" or a path with a slash before it and none after.
func prefixOf(base *url.URL) string {
	path := strings.TrimRight(base.EscapedPath(), "/")
	if path != "" && path[0] != '/' { // as url.URL.JoinPath leaves it
		path = "/" + path
	}
	return path
}
