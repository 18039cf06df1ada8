package wire_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"github.com/jarcoal/httpmock"

	"sluice/proxy/wire"
)

func TestEgress(t *testing.T) {
	t.Parallel()
	type key struct{}
	one, two := netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("127.0.0.2")
	both(t, func(t *testing.T, engine string) {
		w := connect(t, serve(t, func(p *peer) {
			host, _, _ := net.SplitHostPort(p.RemoteAddr().String())
			answers(ok(host))(p)
		}), engine, func(o *wire.Options) {
			o.Egress = []netip.Addr{one, two}
			o.EgressOf = func(ctx context.Context) netip.Addr { a, _ := ctx.Value(key{}).(netip.Addr); return a }
		})
		for _, want := range []netip.Addr{two, one, two, two} {
			req := ask(t, "GET", "/", nil)
			resp, err := w.RoundTrip(req.WithContext(context.WithValue(req.Context(), key{}, want)))
			if err != nil {
				t.Fatal(err)
			}
			if got := drain(t, resp); got != want.String() {
				t.Errorf("paced for %s, came from %s", want, got)
			}
		}
		seen := map[string]int{}
		for range 4 {
			resp, err := w.RoundTrip(ask(t, "GET", "/", nil))
			if err != nil {
				t.Fatal(err)
			}
			seen[drain(t, resp)]++
		}
		if seen["127.0.0.1"] != 2 || seen["127.0.0.2"] != 2 {
			t.Errorf("in turn: %v, want two each", seen)
		}
		req := ask(t, "GET", "/", nil)
		if _, err := w.RoundTrip(req.WithContext(context.WithValue(req.Context(), key{}, netip.MustParseAddr("127.0.0.3")))); err == nil {
			t.Error("an address outside the pool was used")
		}
	})
}

func TestProxy(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, engine string) {
		// One proxy for both forms: it tunnels CONNECT and answers the absolute form itself.
		proxy := serve(t, func(p *peer) {
			head, err := p.head()
			if err != nil {
				return
			}
			p.record(head, "")
			address, tunnel := strings.CutPrefix(strings.SplitN(head, " HTTP/1.1", 2)[0], "CONNECT ")
			if !tunnel {
				io.WriteString(p, ok("relayed"))
				return
			}
			vendor, err := net.Dial("tcp", address)
			if err != nil {
				return
			}
			defer vendor.Close()
			io.WriteString(p, "HTTP/1.1 200 Connection established\r\n\r\n")
			go func() { _, _ = io.Copy(vendor, p.br) }()
			_, _ = io.Copy(p, vendor)
		})
		through := "http://user:secret@" + proxy.listener.Addr().String()
		base, cert, _ := secure(t, nil)
		_, port, _ := net.SplitHostPort(base.Host)
		tests := []struct {
			name  string
			base  *url.URL
			allow []netip.Prefix
			line  string
			body  string // none: destination_refused
		}{
			{"tunnel", base, loopback, "CONNECT " + base.Host + " HTTP/1.1", "HTTP/1.1 /a nobody"},
			{"relay", &url.URL{Scheme: "http", Host: "vendor.example"}, nil, "GET http://vendor.example/a HTTP/1.1", "relayed"},
			{"private literal", &url.URL{Scheme: "https", Host: "127.0.0.1:" + port}, nil, "", ""},
		}
		for _, tt := range tests {
			w, err := wire.New(wire.Options{Engine: engine, Base: tt.base, Proxy: through, AllowNetworks: tt.allow, CAFile: cert})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(w.Close)
			resp, err := w.RoundTrip(ask(t, "GET", "/a", nil))
			if tt.body == "" {
				wantFault(t, err, 502, "destination_refused")
				continue
			}
			if err != nil {
				t.Fatalf("%s: %v", tt.name, err)
			}
			if got := drain(t, resp); got != tt.body {
				t.Errorf("%s: body = %q, want %q", tt.name, got, tt.body)
			}
			head, _ := proxy.last(t)
			r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(head)))
			if err != nil {
				t.Fatal(err)
			}
			if !strings.HasPrefix(head, tt.line+"\r\n") || r.Header.Get("Proxy-Authorization") != "Basic dXNlcjpzZWNyZXQ=" {
				t.Errorf("%s: the proxy read %q, want %s with the credential", tt.name, head, tt.line)
			}
		}
	})
}

func TestTransportOption(t *testing.T) {
	t.Parallel()
	mock := httpmock.NewMockTransport()
	mock.RegisterResponder("GET", "https://vendor.example/api/users", httpmock.NewStringResponder(200, "[]"))
	w, err := wire.New(wire.Options{
		Engine: wire.NetHTTP, Base: &url.URL{Scheme: "https", Host: "vendor.example", Path: "/api"}, Transport: mock,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	resp, err := w.RoundTrip(ask(t, "GET", "/users", nil))
	if err != nil {
		t.Fatal(err)
	}
	if got := drain(t, resp); got != "[]" {
		t.Errorf("body = %q, want []", got)
	}
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	good := &url.URL{Scheme: "https", Host: "vendor.example"}
	tests := []struct {
		want    string
		options wire.Options
	}{
		{`engine "curl"`, wire.Options{Engine: "curl", Base: good}},
		{"base: want a URL", wire.Options{}},
		{"scheme must be http or https", wire.Options{Base: &url.URL{Scheme: "ftp", Host: "a"}}},
		{"credentials belong under auth", wire.Options{Base: &url.URL{Scheme: "https", Host: "a", User: url.UserPassword("u", "hunter2")}}},
		{"no query", wire.Options{Base: &url.URL{Scheme: "https", Host: "a", RawQuery: "x"}}},
		{"cert_file and key_file", wire.Options{Base: good, CertFile: "x"}},
		{"ca_file", wire.Options{Base: good, CAFile: "testdata/none.pem"}},
		{"min_tls", wire.Options{Base: good, MinTLS: 0x0301}},
		{"proxy", wire.Options{Base: good, Proxy: "socks5://u:hunter2@a"}},
		{"egress 1", wire.Options{Base: good, Egress: []netip.Addr{{}}}},
		{"transport", wire.Options{Base: good, Transport: http.DefaultTransport}},
	}
	for _, tt := range tests {
		_, err := wire.New(tt.options)
		if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("New(%+v) = %v, want %q in it and no password", tt.options, err, tt.want)
		}
	}
}
