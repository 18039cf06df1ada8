package proxy

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/valyala/fasthttp"

	"sluice/connectors"
	"sluice/internal/fault"
)

// place is what a request's address says: whose upstream, which vendor path, byte for byte, and which view if the path asks for one.
type place struct {
	upstream *upstream
	prefix   string // what stands before the vendor path on our side: /tdx, /@raw/tdx, or nothing
	path     string // the vendor path relative to the connection's base URL, as it was sent
	query    string
	hasQuery bool
	view     string
	room     string // where Sluice itself answers about the upstream's connection; "" = the vendor does
	own      bool   // it is Sluice's own API, which is about no connection
}

// locate finds the connection of a request: the one that owns the listener, the one that owns the host name, or the one that the
// path's first segment names. A segment @view may stand before it.
func locate(gen *generation, listener, host, target string) (place, error) {
	p := place{path: originForm(target)}
	if !strings.HasPrefix(p.path, "/") {
		return p, fault.New("front", http.StatusBadRequest, "bad_target", "the request target must be a path: /{connection}/{vendor path}")
	}
	p.path, p.query, p.hasQuery = strings.Cut(p.path, "?")
	if p.upstream = gen.byListener[listener]; p.upstream != nil {
		return p, nil
	}
	if len(gen.byHost) > 0 {
		if p.upstream = gen.byHost[hostName(host)]; p.upstream != nil {
			return p, nil
		}
	}
	rest := p.path
	if strings.HasPrefix(rest, "/@") {
		p.view, rest = firstSegment(rest)
		p.view = p.view[1:]
	}
	name, path := firstSegment(rest)
	if p.view == "" && connectors.IsOwnPath(name) {
		p.own = true
		return p, nil
	}
	if connectors.IsRoom(name) {
		err := p.roomAt(gen, name, path)
		return p, err
	}
	up := gen.byName[name]
	if up == nil || up.connection.Listener != "" {
		return p, unknownConnection(name)
	}
	p.upstream = up
	p.prefix = p.path[:len(p.path)-len(path)]
	if p.path = path; path == "" {
		p.path = "/"
	}
	return p, nil
}

// firstSegment splits "/a/b/c" into "a" and "/b/c".
func firstSegment(path string) (segment, rest string) {
	path = strings.TrimPrefix(path, "/")
	if i := strings.IndexByte(path, '/'); i >= 0 {
		return path[:i], path[i:]
	}
	return path, ""
}

// originForm drops scheme and authority of an absolute-form target (RFC 9112 section 3.2.2).
func originForm(target string) string {
	if target == "" || target[0] == '/' {
		return target
	}
	for _, scheme := range []string{"http://", "https://"} {
		if len(target) > len(scheme) && strings.EqualFold(target[:len(scheme)], scheme) {
			rest := target[len(scheme):]
			if i := strings.IndexAny(rest, "/?"); i >= 0 && rest[i] == '/' {
				return rest[i:]
			}
			return "/"
		}
	}
	return target
}

// hostName is a Host header's name in lower case, without port.
func hostName(host string) string {
	if i := strings.LastIndexByte(host, ':'); i >= 0 && !strings.HasSuffix(host, "]") {
		host = host[:i]
	}
	return strings.ToLower(strings.TrimSuffix(host, "."))
}

// smallBody is the length up to which a request's body is read before it is sent, so that it can be sent again.
const smallBody = 64 << 10

// newRequest copies a request out of the engine. A short body is in memory; a longer one, or one of unknown length, streams.
func newRequest(c *fasthttp.RequestCtx, call *Call, method string, p place, header http.Header) (*http.Request, error) {
	base := call.Connection.Base
	path := p.path
	if strings.IndexByte(path, '%') >= 0 {
		if plain, err := url.PathUnescape(path); err == nil {
			path = plain
		}
	}
	length := c.Request.Header.ContentLength()
	r := (&http.Request{
		Method: method, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		URL: &url.URL{
			Scheme: base.Scheme, Host: base.Host, Path: path, RawPath: p.path,
			RawQuery: p.query, ForceQuery: p.hasQuery && p.query == "",
		},
		Header: header, Host: base.Host,
	}).WithContext(call)
	stream := c.RequestBodyStream()
	switch {
	case length == 0 || stream == nil && length < 0:
	case length > 0 && int64(length) > call.Connection.Bounds.RequestBody:
		turnAway(c)
		return nil, fault.New("front", http.StatusRequestEntityTooLarge, "request_too_large",
			"the request's body is longer than limits.request_body allows (%d bytes)", call.Connection.Bounds.RequestBody)
	case length > 0 && length <= smallBody:
		data := make([]byte, length)
		if err := readFull(stream, data); err != nil {
			turnAway(c)
			return nil, badBody(err)
		}
		setRequestBody(r, data)
	default:
		r.Body = &callerBody{from: stream, conn: c.Conn()}
		r.ContentLength = int64(length) // -1: chunked
	}
	return r, nil
}
