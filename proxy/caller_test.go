package proxy_test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"sluice/proxy"
)

// TestCallerWhoDoesNotReadIsLetGo: neither the vendor's connection nor the place inside is held for somebody who does not read.
func TestCallerWhoDoesNotReadIsLetGo(t *testing.T) {
	t.Parallel()
	over := make(chan error, 1)
	vendor := serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		piece := bytes.Repeat([]byte("x"), 64<<10)
		for {
			if _, err := w.Write(piece); err != nil {
				over <- err
				return
			}
		}
	}))
	h := openWith(t, load(t, atVendor(vendor, "")+"limits: {response_body: 1GiB}\n", nil), 300*time.Millisecond, func(*fasthttp.Server) {})
	conn, _ := dial(t, h)
	if err := conn.(*net.TCPConn).SetReadBuffer(4 << 10); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, "GET /tdx/a HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-over:
		t.Logf("the vendor saw: %v", err)
	case <-time.After(15 * time.Second):
		t.Error("the vendor is still being read for a caller who does not read")
	}
}

// TestSlowCallersAreBounded: a head has one bound from its first byte, a body one from piece to piece.
func TestSlowCallersAreBounded(t *testing.T) {
	t.Parallel()
	const patience = 300 * time.Millisecond
	h := openWith(t, load(t, atVendor(serve(t, http.HandlerFunc(echo)), ""), nil), proxy.WritePatience, func(s *fasthttp.Server) {
		if s.ReadTimeout > 10*time.Second {
			t.Errorf("a head may take %v, want 10 s at the most", s.ReadTimeout)
		}
		s.ReadTimeout = patience
	})
	for name, begun := range map[string]string{"half a line": "GET /tdx", "half a head": "GET /tdx/a HTTP/1.1\r\nHost: x\r\nX-A: "} {
		conn, r := dial(t, h)
		resp, body := tell(t, conn, r, begun)
		if resp.StatusCode != http.StatusRequestTimeout || !resp.Close {
			t.Errorf("%s: answer %d %s, close %v; want 408 and the connection closed", name, resp.StatusCode, body, resp.Close)
		}
	}
	_, silent := dial(t, h)
	if n, err := io.Copy(io.Discard, silent); n != 0 || err != nil {
		t.Errorf("a caller who says nothing: got %d bytes, %v; want the connection closed", n, err)
	}
	for name, framing := range map[string]string{
		"a short body": "Content-Length: 10", "a streamed body": "Content-Length: 100000", "a chunked body": "Transfer-Encoding: chunked",
	} {
		conn, r := dial(t, h)
		if _, err := io.WriteString(conn, "POST /tdx/a HTTP/1.1\r\nHost: x\r\n"+framing+"\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		<-time.After(2 * patience)
		rest := map[string]string{"a short body": strings.Repeat("x", 10), "a streamed body": strings.Repeat("x", 100000), "a chunked body": "1\r\nx\r\n0\r\n\r\n"}[name]
		if resp, body := tell(t, conn, r, rest); resp.StatusCode != http.StatusOK {
			t.Errorf("%s after a pause: answer %d %s, want 200", name, resp.StatusCode, body)
		}
	}
}

// TestTooLongIsAnsweredAtOnce: the answer does not wait for what is not going to be read.
func TestTooLongIsAnsweredAtOnce(t *testing.T) {
	t.Parallel()
	h := open(t, load(t, atVendor(serve(t, http.HandlerFunc(echo)), "")+"limits: {request_body: 1MiB}\n", nil))
	for _, length := range []string{"1048577", "9223372036854775807"} {
		conn, r := dial(t, h)
		begun := time.Now()
		resp, body := tell(t, conn, r, "POST /tdx/a HTTP/1.1\r\nHost: x\r\nContent-Length: "+length+"\r\n\r\nabcde")
		if resp.StatusCode != http.StatusRequestEntityTooLarge || !resp.Close {
			t.Errorf("%s bytes: answer %d %s, close %v; want 413 and the connection closed", length, resp.StatusCode, body, resp.Close)
		}
		if took := time.Since(begun); took > 3*time.Second {
			t.Errorf("%s bytes: the answer took %v, want it at once", length, took)
		}
	}
}

// TestTooLongIsAnsweredWhileSending: a caller who is still sending gets the answer and not a reset.
func TestTooLongIsAnsweredWhileSending(t *testing.T) {
	t.Parallel()
	h := open(t, load(t, atVendor(serve(t, http.HandlerFunc(echo)), "")+"limits: {request_body: 64KiB}\n", nil))
	for range 10 {
		conn, r := dial(t, h)
		resp, body := tell(t, conn, r, fmt.Sprintf("POST /tdx/a HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", 512<<10, strings.Repeat("x", 512<<10)))
		if resp.StatusCode != http.StatusRequestEntityTooLarge {
			t.Errorf("answer %d %s, want 413", resp.StatusCode, body)
		}
	}
}
