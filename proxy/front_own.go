package proxy

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/valyala/fasthttp"

	"sluice/connectors"
	"sluice/internal/fault"
	"sluice/proxy/wire"
)

// ownName is what metrics, log and ring call Sluice's own API. No connection can have this name.
const ownName = "triggers"

// mostOwnBody bounds the body of a request to the API, which is read before anybody is asked.
const mostOwnBody = 1 << 20

// ownPatience is how long an answer of the API may take.
const ownPatience = 30 * time.Second

// ownWay is the API as the end of a chain.
type ownWay struct {
	handler http.Handler
	chain   http.RoundTripper
}

// The API admits its callers itself: they are no consumers of a connection.
var (
	ownConnection = &connectors.Connection{Name: ownName}
	ownConsumer   = &connectors.Consumer{Name: "api"}
	ownView       = &connectors.View{Name: "api", Errors: ownName}
)

// ServeAPI lets a handler answer, from now on, what is about no connection: paths whose first segment is one of connectors.IsOwnPath. It is
// observed as calls of a vendor are. Until then there is no API.
func (f *Front) ServeAPI(handler http.Handler) {
	own := &ownWay{handler: handler}
	own.chain = f.upstreams.observe(ownConnection)(own)
	f.own.Store(own)
}

// ownRequest copies a request to the API out of the engine, its body included.
func (f *Front) ownRequest(c *fasthttp.RequestCtx, call *Call, set *connectors.Set, p place, host string) (http.RoundTripper, *http.Request, error) {
	own := f.own.Load()
	if own == nil {
		turnAway(c)
		return nil, nil, fault.New("front", http.StatusNotFound, "no_api", "there is no API here: this Sluice runs without a database; start it with --data, or name a database")
	}
	header, err := wire.FromRequest(&c.Request.Header)
	if err != nil {
		turnAway(c)
		return nil, nil, ambiguous("its head is not well-formed").Because(err)
	}
	method := methodName(c.Method())
	call.Connection, call.Consumer, call.View = ownConnection, ownConsumer, ownView
	call.Route = &connectors.Route{Name: ownName, Method: method, Template: ownName}
	call.Answered = ownName
	call.deadline = call.Arrived.Add(ownPatience)
	path, err := url.PathUnescape(p.path)
	if err != nil {
		turnAway(c)
		return nil, nil, fault.New("front", http.StatusBadRequest, "bad_target", "the path has a %% without two hexadecimal digits behind it")
	}
	body, err := ownBody(c, min(mostOwnBody, set.Bounds.RequestBody))
	if err != nil {
		turnAway(c)
		return nil, nil, err
	}
	r := (&http.Request{
		Method: method, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: header, Host: host,
		URL: &url.URL{Scheme: schemeOf(c)[:len(schemeOf(c))-len("://")], Host: host, Path: path, RawPath: p.path, RawQuery: p.query},
	}).WithContext(call)
	setRequestBody(r, body)
	return own.chain, r, nil
}

// ownBody reads a body whole.
func ownBody(c *fasthttp.RequestCtx, most int64) ([]byte, error) {
	length := int64(c.Request.Header.ContentLength())
	stream := c.RequestBodyStream()
	tooLong := fault.New("front", http.StatusRequestEntityTooLarge, "request_too_large", "the request's body is longer than %d bytes", most)
	switch {
	case length == 0 || stream == nil:
		return nil, nil
	case length > most:
		return nil, tooLong
	}
	body := &callerBody{from: stream, conn: c.Conn()}
	defer func() { _ = body.Close() }()
	data, err := io.ReadAll(io.LimitReader(body, most+1))
	switch {
	case err != nil || length > 0 && int64(len(data)) < length:
		return nil, badBody(err)
	case int64(len(data)) > most:
		return nil, tooLong
	}
	return data, nil
}

// RoundTrip implements http.RoundTripper.
func (o *ownWay) RoundTrip(r *http.Request) (*http.Response, error) {
	w := &ownAnswer{header: http.Header{}, status: http.StatusOK}
	o.handler.ServeHTTP(w, r)
	return &http.Response{
		StatusCode: w.status, Status: strconv.Itoa(w.status) + " " + http.StatusText(w.status), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: w.header, Body: newBytesBody(w.body.Bytes()), ContentLength: int64(w.body.Len()), Request: r,
	}, nil
}

// ownAnswer is an answer in memory.
type ownAnswer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

// Header implements http.ResponseWriter.
func (w *ownAnswer) Header() http.Header { return w.header }

// WriteHeader implements http.ResponseWriter.
func (w *ownAnswer) WriteHeader(status int) { w.status = status }

// Write implements http.ResponseWriter.
func (w *ownAnswer) Write(p []byte) (int, error) { return w.body.Write(p) }

// own is a fault in the shape of SailPoint's ErrorResponseDto.
func (b faultBody) own() []byte {
	type text struct {
		Locale       string `json:"locale"`
		LocaleOrigin string `json:"localeOrigin"`
		Text         string `json:"text"`
	}
	var id [16]byte
	_, _ = rand.Read(id[:]) // never fails (crypto/rand)
	document, err := json.Marshal(struct {
		DetailCode string `json:"detailCode"`
		TrackingID string `json:"trackingId"`
		Messages   []text `json:"messages"`
		Causes     []text `json:"causes"`
	}{strconv.Itoa(b.Status) + " " + http.StatusText(b.Status), hex.EncodeToString(id[:]), []text{{"en-US", "DEFAULT", b.Message}}, []text{}})
	if err != nil { // texts always marshal
		return nil
	}
	return document
}
