//go:build unix

package wire

import (
	"crypto/tls"
	"net"
	"syscall"
)

// prober looks at an idle connection without reading from it: anything to read, the end included, means that the vendor has
// said something nobody asked for (it closed, or sent a 408 for its own idle limit), which must not become the next call's
// answer. Telling so before a byte is sent also makes a POST on a dead connection safe to send on another.
type prober struct {
	raw   syscall.RawConn // nil = cannot tell
	peek  func(fd uintptr)
	quiet bool
}

func newProber(conn net.Conn) *prober {
	p := &prober{}
	if t, ok := conn.(*tls.Conn); ok {
		conn = t.NetConn()
	}
	if c, ok := conn.(syscall.Conn); ok {
		p.raw, _ = c.SyscallConn()
	}
	var one [1]byte
	p.peek = func(fd uintptr) { // made once: it would cost memory on every call
		_, _, err := syscall.Recvfrom(int(fd), one[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		p.quiet = err == syscall.EAGAIN || err == syscall.EINTR
	}
	return p
}

// alive reports whether the connection, idle, is still open and quiet.
func (p *prober) alive() bool {
	if p.raw == nil {
		return true
	}
	// Control, as Read would fail on a deadline left over from the call before.
	return p.raw.Control(p.peek) == nil && p.quiet
}
