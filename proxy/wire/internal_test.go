package wire

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestTarget(t *testing.T) {
	t.Parallel()
	tests := []struct {
		prefix string
		url    url.URL
		want   string // "" = refused
	}{
		{"", url.URL{}, "/"},
		{"/api", url.URL{}, "/api"},
		{"/api", url.URL{Path: "/users/é x"}, "/api/users/%C3%A9%20x"},
		{"/api", url.URL{Path: "/a/b", RawPath: "/a%2fb"}, "/api/a%2fb"},
		{"/api", url.URL{RawPath: "/a/../b"}, "/api/a/../b"},
		{"/api", url.URL{RawPath: "/a%2Fb/.."}, "/api/a%2Fb/.."},
		{"/api", url.URL{RawPath: "/..."}, "/api/..."},
		{"/api", url.URL{RawPath: "/..a/%2e/b%20c"}, "/api/..a/%2e/b%20c"},
		{"", url.URL{RawPath: "/../x"}, "/../x"},
		{"", url.URL{RawPath: "/x", ForceQuery: true}, "/x?"},
		{"", url.URL{RawPath: "/x", RawQuery: "a=%2f|&b"}, "/x?a=%2f|&b"},
		{"/api", url.URL{RawPath: "/../x"}, ""},
		{"/api", url.URL{RawPath: "/a/../../x"}, ""},
		{"/api", url.URL{RawPath: "/%2e%2E/x"}, ""},
		{"/api", url.URL{RawPath: "/.%252e/x"}, ""},
		{"/api", url.URL{RawPath: `/..\x`}, ""},
		{"/api", url.URL{RawPath: "/a%2f..%2f..%2fx"}, ""},
		{"/api", url.URL{RawPath: "/a%5c..%5c..%5cx"}, ""},
		{"/api", url.URL{RawPath: "/..;v=1/x"}, ""},
		{"/api", url.URL{RawPath: "/a%2Fb/../.."}, ""},
		{"/api", url.URL{RawPath: "/a//../../x"}, ""},
		{"/api", url.URL{RawPath: "/%%32e./x"}, ""},
		{"/api", url.URL{RawPath: "/..%20/x"}, ""},
		{"/api", url.URL{RawPath: "/.%0a./x"}, ""},
		{"/api", url.URL{RawPath: "/%u002e%u002e/x"}, ""},
		{"/api", url.URL{RawPath: "/a/%25U002E./x"}, ""},
		{"/api", url.URL{RawPath: "/%c0%ae%c0%ae/x"}, ""},
		{"/api", url.URL{RawPath: "/.%25c0%25ae/x"}, ""},
		{"/api", url.URL{RawPath: "/%c0%2e./x"}, ""},
		{"/api", url.URL{RawPath: "/\xc0\xae./x"}, ""},
		{"/api", url.URL{RawPath: "/..%c1%9cx"}, ""},
		{"/api", url.URL{RawPath: "/%e0%80%ae./x"}, ""},
		{"/api", url.URL{RawPath: "/%f0%80%80%ae./x"}, ""},
		{"/api", url.URL{RawPath: "/%f8%80%80%80%ae./x"}, ""},
		{"/api", url.URL{RawPath: "/%fc%80%80%80%80%ae./x"}, ""},
		{"/api", url.URL{RawPath: "/.%00./x"}, ""},
		{"/api", url.URL{RawPath: "/..%2500x"}, ""},
		{"/api", url.URL{RawPath: "/%e0%a4%a8/%f0%9f%98%80/%c3%a9"}, "/api/%e0%a4%a8/%f0%9f%98%80/%c3%a9"},
		{"/api", url.URL{RawPath: "/voil%e0/%f8re/50%25%20off/100%/%u/%user1"}, "/api/voil%e0/%f8re/50%25%20off/100%/%u/%user1"},
		{"/api", url.URL{RawPath: "/x", RawQuery: "a=%00%u002e%c0%ae"}, "/api/x?a=%00%u002e%c0%ae"},
		{"", url.URL{RawPath: "/%u002e%u002e/%c0%ae/.%00."}, "/%u002e%u002e/%c0%ae/.%00."},
		{"", url.URL{RawPath: "/a b"}, ""},
		{"", url.URL{RawPath: "/a\r\nX: 1"}, ""},
		{"", url.URL{RawPath: "/a#b"}, ""},
		{"", url.URL{RawPath: "/a?b"}, ""},
		{"", url.URL{RawPath: "a"}, ""},
		{"", url.URL{RawPath: "/a", RawQuery: "x y"}, ""},
		{"", url.URL{RawPath: "/a", RawQuery: "x\nHost: b"}, ""},
	}
	for _, tt := range tests {
		got, err := appendTarget(nil, tt.prefix, &tt.url)
		if (err == nil) != (tt.want != "") {
			t.Errorf("appendTarget(%q, %#v) = %v, want refused = %t", tt.prefix, tt.url, err, tt.want == "")
		} else if err == nil && string(got) != tt.want {
			t.Errorf("appendTarget(%q, %#v) = %q, want %q", tt.prefix, tt.url, got, tt.want)
		}
	}
}

// FuzzTarget: what goes out is the prefix and the caller's very bytes, one token, and stays below the prefix once every
// escape is undone and the dots are resolved; or nothing goes out.
func FuzzTarget(f *testing.F) {
	f.Add("/a%2Fb//c", "x=1")
	f.Add("/..%5c..%252f", "")
	f.Add("/a/..;/b", "?")
	f.Add("/%u002e%25u002e/.%00./%c0%ae", "")
	f.Fuzz(func(t *testing.T, path, query string) {
		got, err := appendTarget(nil, "/api", &url.URL{RawPath: path, RawQuery: query})
		if err != nil || path == "" {
			return
		}
		want := "/api" + path
		if query != "" {
			want += "?" + query
		}
		if string(got) != want {
			t.Errorf("target = %q, want %q", got, want)
		}
		if bytes.ContainsAny(got, " \t\r\n\x00") {
			t.Errorf("target %q holds a byte that ends it", got)
		}
		if climbed := resolve(path); climbed {
			t.Errorf("target %q leaves /api", got)
		}
	})
}

// resolve walks a path as the laxest vendor does: unescape in every form until it is stable, drop NULs, backslash is slash,
// parameters are cut off.
func resolve(path string) (climbed bool) {
	for before := ""; path != before; {
		before = path
		for _, form := range lax {
			path = form.ReplaceAllStringFunc(path, unescapeLax)
		}
		path = longer.Replace(path)
	}
	depth := 0
	for name := range strings.SplitSeq(strings.ReplaceAll(path, `\`, "/"), "/") {
		name, _, _ = strings.Cut(name, ";")
		switch name {
		case "", ".":
		case "..":
			depth--
		default:
			depth++
		}
		if depth < 0 {
			return true
		}
	}
	return false
}

// lax are the escapes that some server or other reads: %2e, and %u002e of IIS.
var lax = []*regexp.Regexp{regexp.MustCompile(`%[0-9a-fA-F]{2}`), regexp.MustCompile(`%[uU]00[0-7][0-9a-fA-F]`)}

// longer is what old decoders make of UTF-8 in more bytes than it needs, and of a NUL.
var longer = strings.NewReplacer("\xc0\xae", ".", "\xc0\xaf", "/", "\xc1\x9c", `\`, "\xe0\x80\xae", ".", "\xe0\x80\xaf", "/", "\x00", "")

func unescapeLax(s string) string {
	n, err := strconv.ParseUint(s[len(s)-2:], 16, 8)
	if err != nil {
		panic(err) // lax matches hexadecimal digits alone
	}
	return string([]byte{byte(n)})
}

// FuzzParseHead: a head is either refused, or says one length in one way, and every value it yields stood in it.
func FuzzParseHead(f *testing.F) {
	f.Add("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nx-a: 1\r\n\r\n")
	f.Add("HTTP/1.0 404 \r\nSet-Cookie: a\r\nSet-Cookie: b\r\n\r\n")
	f.Add("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close, x\r\nX: 1\r\n\r\n")
	f.Fuzz(func(t *testing.T, head string) {
		resp, m, err := parseHead(head)
		if err != nil {
			return
		}
		if m.chunked && m.length >= 0 {
			t.Errorf("%q: chunked and of length %d", head, m.length)
		}
		if resp.StatusCode < 100 || resp.StatusCode > 999 {
			t.Errorf("%q: status %d", head, resp.StatusCode)
		}
		for name, values := range resp.Header {
			if name != Spelling && (!token(name) || hopByHop(name) || name == "Content-Length") {
				t.Errorf("%q: header %q came through", head, name)
			}
			for _, v := range values {
				if !strings.Contains(head, v) || strings.ContainsAny(v, "\r\n") {
					t.Errorf("%q: value %q of %s", head, v, name)
				}
			}
		}
	})
}

func TestKeyPairFollowsItsFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	k := &keyPair{certFile: filepath.Join(dir, "c.pem"), keyFile: filepath.Join(dir, "k.pem")}
	if _, err := k.current(); err == nil {
		t.Error("current() = nil without files, want an error")
	}
	first := issue(t, k, time.Unix(1000, 0))
	got, err := k.current()
	if err != nil || !bytes.Equal(got.Certificate[0], first) {
		t.Fatalf("current() = another certificate, %v, want the first", err)
	}
	second := issue(t, k, time.Unix(2000, 0))
	if got, err = k.current(); err != nil || !bytes.Equal(got.Certificate[0], second) {
		t.Errorf("current() = another certificate, %v, want the second", err)
	}
	if err := os.WriteFile(k.keyFile, []byte("half writ"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err = k.current(); err != nil || !bytes.Equal(got.Certificate[0], second) {
		t.Errorf("current() with a broken key = %v, want the second certificate still", err)
	}
}

// issue writes a new self-signed pair into k's files, modified at the given time, and returns the certificate.
func issue(t *testing.T, k *keyPair, at time.Time) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(at.Unix())}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for file, block := range map[string]*pem.Block{k.certFile: {Type: "CERTIFICATE", Bytes: cert}, k.keyFile: {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(file, at, at); err != nil {
			t.Fatal(err)
		}
	}
	return cert
}
