package proxy_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// dial opens a connection to a house, for requests that no client of the library would write.
func dial(t *testing.T, h *house) (net.Conn, *bufio.Reader) {
	t.Helper()
	conn, err := net.DialTimeout("tcp4", strings.TrimPrefix(h.url, "http://"), 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	return conn, bufio.NewReader(conn)
}

// tell writes a request to conn as it stands and reads the answer.
func tell(t *testing.T, conn io.Writer, r *bufio.Reader, request string) (*http.Response, string) {
	t.Helper()
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(r, nil)
	if err != nil {
		t.Fatalf("no answer: %v", err)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("answer %d broke off: %v", resp.StatusCode, err)
	}
	_ = resp.Body.Close()
	return resp, string(body)
}

// TestMalformedRequestsKeepTheirSecrets: the engine quotes what it could not read; none of that may be logged or answered.
func TestMalformedRequestsKeepTheirSecrets(t *testing.T) {
	t.Parallel()
	const planted = "slk_planted-91c4"
	h := open(t, load(t, atVendor(serve(t, http.HandlerFunc(echo)), ""), nil))
	own := "Host: x\r\nX-Sluice-Key: " + planted + "\r\nAuthorization: Bearer " + planted + "\r\n"
	for name, tt := range map[string]struct {
		request string
		status  int
	}{
		"bad head":        {"GET /tdx/a HTTP/1.1\r\n" + own + "no colon\r\n\r\n", 400},
		"bad name":        {"GET /tdx/a HTTP/1.1\r\n" + own + "X : a\r\n\r\n", 400},
		"bad length":      {"POST /tdx/a HTTP/1.1\r\n" + own + "Content-Length: x\r\n\r\n", 400},
		"secret length":   {"POST /tdx/a HTTP/1.1\r\nHost: x\r\nContent-Length: " + planted + "\r\n\r\n", 400},
		"two lengths":     {"POST /tdx/a HTTP/1.1\r\n" + own + "Content-Length: 1\r\nContent-Length: 2\r\n\r\n", 400},
		"no host":         {"GET /tdx/a HTTP/1.1\r\nX-Sluice-Key: " + planted + "\r\n\r\n", 400},
		"bad line":        {"GET /tdx/" + planted + "\r\n" + own + "\r\n", 400},
		"bad version":     {"GET /tdx/a JUNK/" + planted + "\r\n" + own + "\r\n", 400},
		"head too long":   {"GET /tdx/a HTTP/1.1\r\n" + own + "X-A: " + strings.Repeat("a", 20<<10) + "\r\n\r\n", 431},
		"bad chunk":       {"POST /tdx/a HTTP/1.1\r\nHost: x\r\n" + "Transfer-Encoding: chunked\r\n\r\n" + planted + "\r\n", 400},
		"bad chunk's end": {"POST /tdx/a HTTP/1.1\r\nHost: x\r\n" + "Transfer-Encoding: chunked\r\n\r\n2\r\n" + planted + "\r\n0\r\n\r\n", 400},
	} {
		conn, r := dial(t, h)
		resp, body := tell(t, conn, r, tt.request)
		if resp.StatusCode != tt.status || strings.Contains(fmt.Sprint(resp.Header, body), planted) {
			t.Errorf("%s: answer %d %v %s, want %d without the planted key", name, resp.StatusCode, resp.Header, body, tt.status)
		}
	}
	said := h.log.String()
	if at := strings.Index(said, planted); at >= 0 {
		t.Errorf("the log holds the planted key: …%q", said[max(0, at-200):at])
	}
	if !strings.Contains(said, "header_too_large") || !strings.Contains(said, "bad_request") {
		t.Errorf("the log says nothing of what was refused, so nothing was proved:\n%s", said)
	}
}

// TestUnspokenRequests: a method or version that Sluice does not speak is answered in Sluice's shape and goes nowhere.
func TestUnspokenRequests(t *testing.T) {
	t.Parallel()
	h := open(t, load(t, atVendor(serve(t, http.HandlerFunc(echo)), ""), nil))
	for line, want := range map[string]struct {
		status int
		code   string
	}{
		"FOO /tdx/a HTTP/1.1": {501, "unknown_method"},
		"get /tdx/a HTTP/1.1": {501, "unknown_method"},
		"GET /tdx/a HTTP/2.0": {505, "unknown_version"},
		"GET /tdx/a HTTP/1.9": {505, "unknown_version"},
		"GET /tdx/a HTTP/0.9": {505, "unknown_version"},
		"GET /tdx/a HTTP/1.0": {200, ""},
	} {
		conn, r := dial(t, h)
		resp, body := tell(t, conn, r, line+"\r\nHost: x\r\n\r\n")
		if resp.StatusCode != want.status || !strings.Contains(body, want.code) {
			t.Errorf("%s: answer %d %s, want %d %s", line, resp.StatusCode, body, want.status, want.code)
		}
		if resp.Header.Get("X-Sluice-Stage") == "" || resp.Header.Get("X-Sluice-Request-Id") == "" {
			t.Errorf("%s: got headers %v, want Sluice's", line, resp.Header)
		}
	}
}

// TestOldCallersGetNoChunks: HTTP/1.0 knows none; a body of unknown length ends with the connection.
func TestOldCallersGetNoChunks(t *testing.T) {
	t.Parallel()
	want := strings.Repeat("0123456789", 20<<10)
	h := open(t, load(t, atVendor(serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for part := range 10 {
			_, _ = io.WriteString(w, want[part*len(want)/10:(part+1)*len(want)/10])
			w.(http.Flusher).Flush()
		}
	})), ""), nil))
	for _, connection := range []string{"", "Connection: keep-alive\r\n"} {
		conn, r := dial(t, h)
		resp, body := tell(t, conn, r, "GET /tdx/a HTTP/1.0\r\nHost: x\r\n"+connection+"\r\n")
		if resp.StatusCode != 200 || len(resp.TransferEncoding) > 0 || !resp.Close || body != want {
			t.Errorf("%q: got %d, coding %v, close %v, %d bytes; want 200 without a coding, then closed, and %d bytes",
				connection, resp.StatusCode, resp.TransferEncoding, resp.Close, len(body), len(want))
		}
	}
}
