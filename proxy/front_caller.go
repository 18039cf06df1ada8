package proxy

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/valyala/fasthttp"
)

// WritePatience is how long a caller may take to accept one piece of an answer. A caller who reads slowly lives; one who does not
// read at all would otherwise hold a vendor's connection and a place among limits.in_flight for ever.
const WritePatience = 30 * time.Second

// Callers returns the listener of consumers: its connections bound how long each piece of an answer may wait for the caller to
// read it, and stay for a moment to let the answer to a refused request arrive. It goes below TLS.
func Callers(l net.Listener, patience time.Duration) net.Listener { return &callers{l, patience} }

type callers struct {
	net.Listener
	patience time.Duration
}

// Accept implements net.Listener.
func (l *callers) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &callerConn{Conn: conn, patience: l.patience}, nil
}

// callerConn is a caller's connection.
type callerConn struct {
	net.Conn
	patience time.Duration
	renewed  time.Time // when a write last got its deadline; only one goroutine writes
	lingers  atomic.Bool
}

// piece is how much a caller has to accept within the patience.
const piece = 64 << 10

// Write implements net.Conn.
func (c *callerConn) Write(p []byte) (n int, err error) {
	for {
		if now := time.Now(); now.Sub(c.renewed) > c.patience/8 { // a deadline costs; a few of them do
			if err := c.SetWriteDeadline(now.Add(c.patience)); err != nil {
				return n, err
			}
			c.renewed = now
		}
		m, err := c.Conn.Write(p[n:min(n+piece, len(p))])
		if n += m; err != nil || n == len(p) {
			return n, err
		}
	}
}

// ReadFrom implements io.ReaderFrom, so that a long body goes out in larger pieces than the engine's buffer holds.
func (c *callerConn) ReadFrom(r io.Reader) (int64, error) { return io.Copy(struct{ io.Writer }{c}, r) }

// SyscallConn implements syscall.Conn.
func (c *callerConn) SyscallConn() (syscall.RawConn, error) {
	if sys, ok := c.Conn.(syscall.Conn); ok {
		return sys.SyscallConn()
	}
	return nil, errors.ErrUnsupported
}

// What is read of a request that was refused, for the sake of an answer that arrives: a kernel that closes over unread bytes
// resets the connection, and the caller sees that instead of the answer. Most clients send all of a body before they look for an
// answer, and on a fast network a few megabytes are here before the answer is there: it is the time that bounds what this costs.
const (
	lingerBytes = 16 << 20
	lingerTime  = time.Second
)

// Close implements net.Conn.
func (c *callerConn) Close() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok && c.lingers.Swap(false) && half.CloseWrite() == nil &&
		c.SetReadDeadline(time.Now().Add(lingerTime)) == nil {
		_, _ = io.CopyN(io.Discard, c.Conn, lingerBytes)
	}
	return c.Conn.Close()
}

// turnAway closes the caller's connection after the answer, whatever else the caller has sent or is still sending.
func turnAway(c *fasthttp.RequestCtx) {
	c.Response.Header.SetConnectionClose()
	conn := c.Conn()
	if t, ok := conn.(*tls.Conn); ok {
		conn = t.NetConn()
	}
	if caller, ok := conn.(*callerConn); ok {
		caller.lingers.Store(true)
	}
}
