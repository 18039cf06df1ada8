package proxy

import (
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/valyala/fasthttp"

	"sluice/internal/fault"
)

// How long a caller may take to send: a TLS handshake, a first head, and the head of a later request from its first byte on; and then
// each piece of a body.
const (
	headPatience = 10 * time.Second
	bodyPatience = time.Minute
)

// beforeBody tells the engine what to read of a body before the request is looked at: a byte, so that a request that is
// refused by its head alone need not wait for its caller to send more. The rest streams.
func beforeBody(h *fasthttp.RequestHeader) fasthttp.RequestConfig {
	length := h.ContentLength()
	if length == 0 || length < -1 {
		return fasthttp.RequestConfig{}
	}
	return fasthttp.RequestConfig{ReadTimeout: bodyPatience, MaxRequestBodySize: 1}
}

// engineLog keeps the engine's own complaints (a client that sent garbage) at debug level.
type engineLog struct{ log *slog.Logger }

// Printf implements fasthttp.Logger. Of the arguments it keeps the class of an error alone: the engine quotes what it read in its
// errors, and that holds access keys and bearers.
func (l engineLog) Printf(format string, args ...any) {
	var class error
	for _, arg := range args {
		if err, ok := arg.(error); ok {
			class = classOf(err)
		}
	}
	l.log.Debug("http engine", "message", format, "error", class)
}

// The classes of what the engine says of a caller's request or connection.
var (
	errHeadTooLong = errors.New("the head does not fit in the read buffer")
	errSlowCaller  = errors.New("the caller took too long to send")
	errCallerLost  = errors.New("the caller's connection broke")
	errMalformed   = errors.New("malformed")
)

// classOf is what may be told of an error of the engine: never its text, which quotes the request.
func classOf(err error) error {
	if _, ok := errors.AsType[*fasthttp.ErrSmallBuffer](err); ok {
		return errHeadTooLong
	}
	if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
		return errSlowCaller
	}
	if _, ok := errors.AsType[*net.OpError](err); ok || errors.Is(err, net.ErrClosed) {
		return errCallerLost
	}
	for _, known := range []error{io.ErrUnexpectedEOF, io.EOF, errHeadTooLong, errSlowCaller, errCallerLost} {
		if errors.Is(err, known) {
			return known
		}
	}
	return errMalformed
}

// engineError answers what the engine itself refused: a request it could not read.
func (f *Front) engineError(c *fasthttp.RequestCtx, err error) error {
	class := classOf(err)
	why := fault.New("front", http.StatusBadRequest, "bad_request", "this is not a well-formed HTTP/1.1 request")
	switch {
	case errors.Is(class, errHeadTooLong):
		why = fault.New("front", http.StatusRequestHeaderFieldsTooLarge, "header_too_large", "the request's line and headers are longer than limits.header allows")
	case errors.Is(class, errSlowCaller):
		why = fault.New("front", http.StatusRequestTimeout, "request_timeout", "the request took too long to arrive")
	}
	f.log.Debug("request refused by the engine", "code", why.Code, "error", class)
	turnAway(c)
	writeFault(c, nil, nil, why.Because(class))
	return nil
}
