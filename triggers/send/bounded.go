package send

import (
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// How much a broker may say. The libraries of its protocol take in whatever it announces, and keep what they have no use for.
const (
	mostUnanswered = 256 << 10   // since it last took an event
	lastWords      = time.Second // for what is still to be written when a connection is closed
)

var (
	errOversize = errors.New("it sent more at once than its protocol needs here")
	errBabble   = errors.New("it sent on and on, and took no event")
)

// bounded is a socket to a broker that is not trusted. It looks at what comes in before the library does, and refuses what is too large, too much, or
// made to trip the library.
type bounded struct {
	net.Conn
	follow func([]byte) error // looks at what comes next; called by one reader at a time
	left   atomic.Int64       // bytes that may still come
	why    atomic.Pointer[error]

	mu     sync.Mutex
	ending bool
}

func newBounded(conn net.Conn, follow func([]byte) error) *bounded {
	b := &bounded{Conn: conn, follow: follow}
	b.renew()
	return b
}

// renew is called when the broker has taken an event.
func (b *bounded) renew() { b.left.Store(mostUnanswered) }

func (b *bounded) Read(p []byte) (int, error) {
	if why := b.why.Load(); why != nil {
		return 0, *why
	}
	n, err := b.Conn.Read(p)
	refused := b.follow(p[:n])
	if refused == nil && b.left.Add(-int64(n)) < 0 {
		refused = errBabble
	}
	if refused != nil {
		b.why.Store(&refused)
		b.Close()
		return 0, refused
	}
	return n, err
}

// cause is why the broker was refused, if it was: the libraries do not always say. Else it is err.
func (b *bounded) cause(err error) error {
	if why := b.why.Load(); why != nil {
		return *why
	}
	return err
}

// hurry leaves little time for what is still to be written, so that a broker which does not read holds up nobody who closes.
func (b *bounded) hurry() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.ending = true
	b.Conn.SetWriteDeadline(time.Now().Add(lastWords))
}

// SetWriteDeadline is the library's, but for one that is in a hurry.
func (b *bounded) SetWriteDeadline(t time.Time) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ending {
		t = time.Now().Add(lastWords)
	}
	return b.Conn.SetWriteDeadline(t)
}
