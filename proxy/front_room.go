package proxy

import (
	"net/http"
	"net/url"

	"github.com/valyala/fasthttp"

	"sluice/connectors"
	"sluice/internal/fault"
)

// Room answers requests about a connection itself, without its vendor: those whose path begins with a name that connectors.IsRoom knows and
// goes on with the connection's. The front has admitted the consumer as for a call of the vendor. The request's URL is the one that the
// consumer used, scheme and host included, its path as it was sent in EscapedPath; it has no body. Errors are shown as a stage's are.
type Room interface {
	Answer(r *http.Request, conn *connectors.Connection) (*http.Response, error)
}

// Open lets a room answer from now on; until then there is nobody in.
func (f *Front) Open(room Room) { f.room.Store(&room) }

// roomAt finds the connection that a path of a room is about: in /scim/tdx/Users it is tdx.
func (p *place) roomAt(gen *generation, room, rest string) error {
	p.room = room
	name, _ := firstSegment(rest)
	p.upstream = gen.byName[name]
	if p.upstream == nil {
		return unknownConnection(name)
	}
	return nil
}

// roomRequest makes what a room answers of a request, and the way to it, which is observed as a vendor's is.
func (f *Front) roomRequest(c *fasthttp.RequestCtx, call *Call, method string, p place, header http.Header) (http.RoundTripper, *http.Request, error) {
	room := f.room.Load()
	if room == nil {
		return nil, nil, fault.New("front", http.StatusNotFound, "no_room", "nothing is kept here: this Sluice runs without a database; start it with --data, or name a database")
	}
	call.Route = &connectors.Route{Name: p.room, Method: method, Template: p.room}
	call.Answered = p.room
	if total := call.Connection.Timeouts.Total; total > 0 {
		call.deadline = call.Arrived.Add(total)
	}
	if c.Request.Header.ContentLength() != 0 {
		turnAway(c) // nobody will read it
	}
	path, err := url.PathUnescape(p.path)
	if err != nil {
		return nil, nil, fault.New("front", http.StatusBadRequest, "bad_target", "the path has a %% without two hexadecimal digits behind it")
	}
	r := (&http.Request{
		Method: method, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: header, Host: call.Caller.Host,
		URL: &url.URL{Scheme: call.Caller.Scheme[:len(call.Caller.Scheme)-len("://")], Host: call.Caller.Host, Path: path, RawPath: p.path, RawQuery: p.query},
	}).WithContext(call)
	return f.upstreams.observe(call.Connection)(roomWay{*room}), r, nil
}

// roomWay is a room as the end of a chain.
type roomWay struct{ room Room }

// RoundTrip implements http.RoundTripper.
func (w roomWay) RoundTrip(r *http.Request) (*http.Response, error) {
	return w.room.Answer(r, CallOf(r.Context()).Connection)
}
