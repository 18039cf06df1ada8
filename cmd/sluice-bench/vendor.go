package main

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"
)

// vendor answers every GET with 2 KB of JSON and the headers of a TeamDynamix answer, as cheaply as it can. It counts, so that no
// proxy is paid for requests that it did not pass on.
type vendor struct {
	addr   string
	server *fasthttp.Server
	calls  atomic.Int64
}

// limit is what the vendor claims to permit per window: so much that pacing never holds a call.
const limit = 50_000_000

func startVendor(ctx context.Context) (*vendor, error) {
	ln, err := (&net.ListenConfig{}).Listen(ctx, "tcp4", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	v := &vendor{addr: ln.Addr().String()}
	body := []byte(`{"UID":"5f0c3b1e-0000-4000-8000-000000000001","FullName":"Ada Example","About":"` + strings.Repeat("x", 1950) + `"}`)
	v.server = &fasthttp.Server{
		Handler: func(c *fasthttp.RequestCtx) {
			n := v.calls.Add(1)
			h := &c.Response.Header
			h.Set("X-RateLimit-Limit", strconv.Itoa(limit))
			h.Set("X-RateLimit-Remaining", strconv.FormatInt(limit-n, 10))
			h.Set("X-RateLimit-Reset", c.Time().Add(time.Minute).UTC().Format("Mon, 02 Jan 2006 15:04:05 GMT"))
			h.SetContentType("application/json; charset=utf-8")
			c.SetBody(body)
		},
		NoDefaultServerHeader: true,
	}
	go func() { _ = v.server.Serve(ln) }()
	return v, nil
}

func (v *vendor) close() { _ = v.server.Shutdown() }

// path is what the load asks for: a person.
const path = "/api/people/5f0c3b1e-0000-4000-8000-000000000001"

// checkAnswer makes sure that an answer is the vendor's, in full.
func checkAnswer(status int, body []byte) error {
	if status != 200 || len(body) < 2000 {
		return fmt.Errorf("answer %d with %d bytes: %.200s", status, len(body), body)
	}
	return nil
}
