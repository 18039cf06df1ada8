package wire

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"syscall"
	"time"

	"github.com/valyala/fasthttp"
)

// fast is the HTTP/1.1 engine.
type fast struct {
	o     Options
	host  string
	relay string // what goes before the target when a proxy takes requests in absolute form
	proxy string // Proxy-Authorization for that proxy
	pools map[netip.Addr]*pool
}

func newFast(o Options, d *dialer) *fast {
	f := &fast{o: o, host: o.Base.Host, pools: make(map[netip.Addr]*pool)}
	if d.relays() {
		f.relay = "http://" + o.Base.Host
		f.proxy = proxyAuth(d.proxy)
	}
	for _, from := range sources(o) {
		f.pools[from] = &pool{
			dial:    func(ctx context.Context) (net.Conn, error) { return d.dial(ctx, from) },
			max:     o.MaxConns,
			wait:    o.ConnectTimeout,
			keepFor: o.IdleTimeout,
		}
	}
	return f
}

// sources are the local addresses that need a pool each; the zero address is the system's choice.
func sources(o Options) []netip.Addr {
	if len(o.Egress) == 0 {
		return []netip.Addr{{}}
	}
	return o.Egress
}

func (f *fast) closeIdle() {
	for _, p := range f.pools {
		p.closeIdle()
	}
}

func (f *fast) call(req *http.Request, target []byte, from netip.Addr) (*http.Response, error) {
	p := f.pools[from]
	for try := 0; ; try++ {
		resp, err := f.attempt(p, req, target, try > 0)
		if errors.Is(err, errStale) && try == 0 && repeatable(req) {
			continue
		}
		return resp, err
	}
}

// repeatable reports whether sending req twice cannot do anything twice: a safe method (RFC 9110 section 9.2.1), no body.
func repeatable(req *http.Request) bool {
	if !bodyless(req) {
		return false
	}
	switch req.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions:
		return true
	}
	return false
}

func bodyless(req *http.Request) bool { return req.Body == nil || req.Body == http.NoBody }

func (f *fast) attempt(p *pool, req *http.Request, target []byte, fresh bool) (*http.Response, error) {
	ctx := req.Context()
	l, err := p.take(ctx, fresh)
	if err != nil {
		return nil, blame(ctx, dialing, err)
	}
	x := exchange{fast: f, pool: p, link: l, req: req, ctx: ctx, stop: watch(ctx, l.kill)}
	x.hard, _ = ctx.Deadline()
	at, err := x.send(target)
	if err == nil {
		at = waiting
		var resp *http.Response
		if resp, err = x.receive(); err == nil {
			return resp, nil
		}
	}
	if !x.silent && at == waiting {
		at = reading
	}
	if x.end(false); l.calls > 0 && x.silent && gone(err) && ctx.Err() == nil {
		err = errors.Join(errStale, err)
	}
	return nil, blame(ctx, at, err)
}

// watch runs kill once ctx is cancelled, unless stop comes first. A context that has an AfterFunc of its own is asked directly: its
// deadline is kept here anyway (exchange.hard), so that it need start no timer for one.
func watch(ctx context.Context, kill func()) (stop func() bool) {
	if own, ok := ctx.(interface {
		AfterFunc(f func()) (stop func() bool)
	}); ok {
		return own.AfterFunc(kill)
	}
	if ctx.Done() == nil {
		return func() bool { return true }
	}
	return context.AfterFunc(ctx, kill)
}

// gone reports whether err says that the peer closed the connection.
func gone(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// exchange is one request and its answer over one link.
type exchange struct {
	*fast
	pool   *pool
	link   *link
	req    *http.Request
	ctx    context.Context
	hard   time.Time   // the call's own deadline; zero = none
	stop   func() bool // ends the watch on ctx; false = too late, the link is dead
	silent bool        // no byte of the answer has come
}

// end gives the link back, for another call if whole.
func (x *exchange) end(whole bool) {
	if x.stop() && whole && x.link.br.Buffered() == 0 {
		x.link.calls++
		x.pool.put(x.link)
		return
	}
	x.pool.drop(x.link)
}

// by is now + d, or the call's own deadline if that is sooner.
func (x *exchange) by(d time.Duration) time.Time {
	t := time.Now().Add(d)
	if !x.hard.IsZero() && x.hard.Before(t) {
		return x.hard
	}
	return t
}

// send writes the request. On error the phase tells whether a byte of it may have left.
func (x *exchange) send(target []byte) (phase, error) {
	l := x.link
	if err := l.SetDeadline(x.by(x.o.FirstByteTimeout)); err != nil {
		return dialing, err
	}
	x.silent = true
	defer l.bw.Reset(l.Conn) // forgets an error and what it left behind
	if err := x.writeHead(target); err != nil {
		return sending, err
	}
	if bodyless(x.req) {
		held := l.bw.Buffered()
		err := l.bw.Flush()
		if err != nil && l.bw.Buffered() == held && held < l.bw.Size() {
			return dialing, err // the first write took nothing
		}
		return sending, err
	}
	err := x.sendBody()
	if err != nil && gone(err) && !errors.Is(err, errRequestBody) && x.answered() {
		return sending, nil // it answered before it had read all, and closed
	}
	return sending, err
}

// answered looks whether an answer's first byte is there or comes at once.
func (x *exchange) answered() bool {
	x.link.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
	_, err := x.link.br.Peek(1)
	x.link.SetReadDeadline(x.by(x.o.FirstByteTimeout))
	return err == nil
}

func (x *exchange) writeHead(target []byte) error {
	h := fasthttp.AcquireRequest()
	defer fasthttp.ReleaseRequest(h)
	ToRequest(x.req.Header, &h.Header)
	h.Header.SetMethod(x.req.Method)
	if x.relay != "" {
		target = append([]byte(x.relay), target...)
		if x.proxy != "" {
			h.Header.Add("Proxy-Authorization", x.proxy)
		}
	}
	h.Header.SetRequestURIBytes(target)
	h.Header.Add("Host", x.host)
	switch {
	case !bodyless(x.req) && x.req.ContentLength > 0:
		h.Header.Add("Content-Length", strconv.FormatInt(x.req.ContentLength, 10))
	case !bodyless(x.req):
		h.Header.Add("Transfer-Encoding", "chunked")
	case x.req.Method == http.MethodPost || x.req.Method == http.MethodPut || x.req.Method == http.MethodPatch:
		h.Header.Add("Content-Length", "0") // RFC 9110 section 8.6: expected where the method means a body
	}
	return h.Header.Write(x.link.bw)
}
