package proxy

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"runtime/debug"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"sluice/internal/fault"
	"sluice/proxy/wire"
)

// Front is the door for consumers. It finds the connection that a request is for, admits its consumer, copies the request out of the
// engine's memory, hands it to the connection's chain and streams the answer back. Only front*.go know Fiber, and nothing of
// Fiber's memory leaves them.
type Front struct {
	upstreams *Upstreams
	log       *slog.Logger
	base      context.Context // ends when the house stops at once
	idPrefix  string
	lastID    atomic.Uint64
	inFlight  atomic.Int64
	hangups   *hangups
	room      atomic.Pointer[Room]   // nil: nobody is in
	own       atomic.Pointer[ownWay] // nil: there is no API
}

// NewFront returns a door to upstreams. Calls end when ctx does.
func NewFront(ctx context.Context, upstreams *Upstreams) *Front {
	var seed [5]byte
	_, _ = rand.Read(seed[:]) // never fails (crypto/rand)
	return &Front{
		upstreams: upstreams, log: upstreams.opts.Log, base: ctx,
		idPrefix: hex.EncodeToString(seed[:]) + "-", hangups: newHangups(ctx),
	}
}

// methods are all that a vendor's API may want.
var methods = []string{
	"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT",
	"PROPFIND", "PROPPATCH", "MKCOL", "COPY", "MOVE", "LOCK", "UNLOCK", "REPORT", "SEARCH", "PURGE", "LINK", "UNLINK", "QUERY", "MERGE",
}

// maxHead bounds a request's line and headers when the configuration does not say.
const maxHead = 8 << 10

// App returns the Fiber application that serves the listener of this name under the bounds of the configuration in force when it is made.
// retire makes every answer from then on the last of its connection, so that callers move on before the application is shut down:
// one that is just sending on a kept connection is then not cut off.
func (f *Front) App(listener string) (app *fiber.App, retire func()) {
	set := f.upstreams.Set()
	head := int(set.Serving.Header)
	if head <= 0 {
		head = maxHead
	}
	app = fiber.New(fiber.Config{
		DisableStartupMessage: true, DisableDefaultDate: true, DisableDefaultContentType: true, DisableHeaderNormalizing: true,
		DisablePreParseMultipartForm: true, StreamRequestBody: true, ReduceMemoryUsage: true,
		BodyLimit:      int(max(set.Bounds.RequestBody, 1)),
		ReadBufferSize: head, IdleTimeout: set.Serving.Idle, ReadTimeout: headPatience, Concurrency: 1 << 20,
		RequestMethods: methods,
		ErrorHandler:   func(c *fiber.Ctx, err error) error { return f.engineError(c.Context(), err) },
	})
	server := app.Server()
	server.NoDefaultServerHeader = true
	server.NoDefaultDate = true
	server.CloseOnShutdown = true
	server.ErrorHandler = func(c *fasthttp.RequestCtx, err error) { _ = f.engineError(c, err) }
	server.Logger = engineLog{f.log}
	server.HeaderReceived = beforeBody
	routed := server.Handler
	var retired atomic.Bool
	server.Handler = func(c *fasthttp.RequestCtx) {
		if known(c.Method()) {
			routed(c)
		} else {
			f.serve(c, listener) // the router would answer for itself
		}
		if retired.Load() {
			c.Response.Header.SetConnectionClose()
		}
	}
	app.Use(func(c *fiber.Ctx) error {
		f.serve(c.Context(), listener)
		return nil
	})
	return app, func() { retired.Store(true) }
}

// serve answers one request.
func (f *Front) serve(c *fasthttp.RequestCtx, listener string) {
	call := newCall(f.base, time.Time{})
	call.Arrived = time.Now()
	call.ID = f.requestID(c)
	defer func() {
		if p := recover(); p != nil {
			f.log.Error("panic while answering a request", "id", call.ID, "panic", p, "stack", string(debug.Stack()))
			f.leave(call)
			writeFault(c, call, nil, fault.Of(fmt.Errorf("panic: %v", p)))
			call.end(context.Canceled)
		}
	}()
	inside := f.inFlight.Add(1)
	call.inside.Store(true)
	gen := f.upstreams.live.Load()
	if limit := gen.set.Serving.InFlight; limit > 0 && inside > int64(limit) {
		f.refuse(c, call, nil, fault.New("front", http.StatusServiceUnavailable, "overloaded",
			"Sluice has %d requests inside already; try again soon", limit).After(time.Second))
		return
	}
	way, r, err := f.request(c, gen, listener, call)
	if err != nil {
		f.refuse(c, call, nil, err)
		return
	}
	resp, err := way.RoundTrip(r) //nolint:bodyclose // answer hands the body to the engine, which closes it
	if err != nil {
		f.refuse(c, call, r, err)
		return
	}
	f.answer(c, call, r, resp)
}

// request finds the way that a request takes, admits its consumer and copies the request out of the engine.
func (f *Front) request(c *fasthttp.RequestCtx, gen *generation, listener string, call *Call) (http.RoundTripper, *http.Request, error) {
	if err := wellFormed(&c.Request.Header); err != nil {
		turnAway(c)
		return nil, nil, err
	}
	if err := spoken(&c.Request.Header); err != nil {
		turnAway(c)
		return nil, nil, err
	}
	host := string(c.Request.Header.Host())
	place, err := locate(gen, listener, host, string(c.Request.Header.RequestURI()))
	call.answers = place.room
	if place.own {
		call.answers = ownName
	}
	if err != nil {
		if fault.Of(err).Status == http.StatusBadRequest {
			turnAway(c)
		}
		return nil, nil, err
	}
	call.Remote = remoteOf(c)
	if place.own {
		return f.ownRequest(c, call, gen.set, place, host)
	}
	up := place.upstream
	call.Connection = up.connection
	header, err := wire.FromRequest(&c.Request.Header)
	if err != nil { // wellFormed is no laxer; what slips through it must not go on as the engine read it
		turnAway(c)
		return nil, nil, ambiguous("its head is not well-formed").Because(err)
	}
	method := methodName(c.Method())
	asks := asking{
		proxyAuthorization: string(c.Request.Header.Peek(fasthttp.HeaderProxyAuthorization)),
		header:             header, view: place.view, method: method, remote: call.Remote,
	}
	if err := admit(gen.set, up.connection, asks, call); err != nil {
		return nil, nil, err
	}
	call.Caller = Address{Scheme: schemeOf(c), Host: host, Prefix: place.prefix}
	if place.room != "" {
		return f.roomRequest(c, call, method, place, header)
	}
	call.Route = up.connection.Route(method, place.path)
	call.Lane = call.Consumer.Lane(call.Route, method, call.Lane)
	total := up.connection.Timeouts.Total
	if call.Route.Total > 0 {
		total = call.Route.Total
	}
	if total > 0 {
		call.deadline = call.Arrived.Add(total)
	}
	conn := c.Conn()
	call.waits = func() { f.hangups.watch(call, conn) }
	r, err := newRequest(c, call, method, place, header)
	return up.chain, r, err
}

func remoteOf(c *fasthttp.RequestCtx) netip.Addr {
	if tcp, ok := c.RemoteAddr().(interface{ AddrPort() netip.AddrPort }); ok {
		return tcp.AddrPort().Addr().Unmap()
	}
	return netip.Addr{}
}

// methodName returns the method as a string of our own.
func methodName(raw []byte) string {
	for _, m := range methods {
		if string(raw) == m {
			return m
		}
	}
	return string(raw)
}

func known(method []byte) bool {
	return slices.ContainsFunc(methods, func(m string) bool { return string(method) == m })
}

func schemeOf(c *fasthttp.RequestCtx) string {
	if c.IsTLS() {
		return "https://"
	}
	return "http://"
}

// requestID takes over the caller's X-Request-Id when it is short and plain, else it makes one that is new to this process.
func (f *Front) requestID(c *fasthttp.RequestCtx) string {
	given := c.Request.Header.Peek("X-Request-Id")
	if len(given) > 0 && len(given) <= 64 && plain(given) {
		return string(given)
	}
	return f.idPrefix + strconv.FormatUint(f.lastID.Add(1), 36)
}

func plain(text []byte) bool {
	for _, b := range text {
		if b <= ' ' || b >= 0x7f || b == '"' || b == '\\' {
			return false
		}
	}
	return true
}

// leave gives the place of a call inside back, once, whoever is first to end it.
func (f *Front) leave(call *Call) {
	if call.inside.CompareAndSwap(true, false) {
		f.inFlight.Add(-1)
	}
}

// refuse answers with a fault.
func (f *Front) refuse(c *fasthttp.RequestCtx, call *Call, r *http.Request, err error) {
	f.leave(call)
	if isHangUp(err) {
		c.Response.Header.SetConnectionClose()
	}
	why := fault.Of(err)
	if r == nil { // no chain has counted and logged it
		f.log.Info("request refused", "id", call.ID, "status", why.Status, "code", why.Code, "error", err)
	}
	writeFault(c, call, r, why)
	call.end(context.Canceled)
}

// answer hands an answer to the engine, which reads its body after this returns and closes it in the end.
func (f *Front) answer(c *fasthttp.RequestCtx, call *Call, r *http.Request, resp *http.Response) {
	wire.ToResponse(resp.Header, &c.Response.Header)
	if !call.View.Raw {
		c.Response.Header.Set("X-Sluice-Stage", call.Answered)
		c.Response.Header.Set("X-Sluice-Held-Ms", call.HeldMillis())
		c.Response.Header.Set("X-Sluice-Request-Id", call.ID)
	}
	c.Response.SetStatusCode(resp.StatusCode)
	body := &answerBody{ReadCloser: resp.Body, front: f, call: call}
	if r.Method == http.MethodHead || resp.StatusCode == http.StatusNoContent || resp.StatusCode == http.StatusNotModified {
		withoutBody(c, r, resp)
		_ = body.Close()
		return
	}
	if resp.ContentLength < 0 && !c.Request.Header.IsHTTP11() {
		untilClose(c, body)
		return
	}
	c.Response.SetBodyStream(body, int(resp.ContentLength))
}

// untilClose sends a body of unknown length to an HTTP/1.0 caller, who knows no chunks: what comes until the connection closes is the
// body. The engine would write chunks, so the connection is taken from it.
func untilClose(c *fasthttp.RequestCtx, body io.ReadCloser) {
	c.Response.Header.SetConnectionClose()
	head := bytes.Clone(c.Response.Header.Header())
	c.HijackSetNoResponse(true)
	c.Hijack(func(conn net.Conn) {
		defer func() { _ = body.Close() }()
		if _, err := conn.Write(head); err == nil {
			_, _ = io.Copy(conn, body) // a body that breaks off is not told from one that ends: that is HTTP/1.0
		}
	})
}

// answerBody ends the call when the engine has sent the answer.
type answerBody struct {
	io.ReadCloser
	front *Front
	call  *Call
}

// WriteTo implements io.WriterTo, so that a body in memory goes out without a copy.
func (b *answerBody) WriteTo(w io.Writer) (int64, error) { return io.Copy(w, b.ReadCloser) }

// Close implements io.Closer. The engine calls it once.
func (b *answerBody) Close() error {
	err := b.ReadCloser.Close()
	b.front.leave(b.call)
	b.call.end(context.Canceled)
	return err
}

// withoutBody sends the head of an answer that has no body, with the length that a body would have had if the vendor said so.
func withoutBody(c *fasthttp.RequestCtx, r *http.Request, resp *http.Response) {
	c.Response.SkipBody = true
	if r.Method == http.MethodHead && resp.ContentLength >= 0 {
		c.Response.Header.SetContentLength(int(resp.ContentLength))
	}
}
