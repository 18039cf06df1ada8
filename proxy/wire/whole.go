package wire

import (
	"errors"
	"io"
	"sync"
)

// ErrClosed comes from a read of a body after its Close.
var ErrClosed = errors.New("the body has been closed")

// wholes holds the memory of small bodies between answers. Whole itself is not pooled: a late second Close must never meet
// somebody else's body.
var wholes = sync.Pool{New: func() any { b := make([]byte, 0, 4<<10); return &b }}

// Whole is a small answer's body in memory. Its memory is pooled: after Close every read fails with ErrClosed and what Bytes
// returned belongs to another call. Close may come more than once and at the same time as a Read.
type Whole struct {
	mu   sync.Mutex
	room *[]byte // nil once closed
	read int
}

func newWhole(n int) *Whole {
	room := wholes.Get().(*[]byte)
	if cap(*room) < n {
		*room = make([]byte, n)
	}
	*room = (*room)[:n]
	return &Whole{room: room}
}

// Len is the number of bytes not read yet; 0 after Close.
func (w *Whole) Len() int { return len(w.Bytes()) }

// Bytes are those not read yet, without a copy and without reading them; nil after Close. They are valid until Close.
func (w *Whole) Bytes() []byte {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.room == nil {
		return nil
	}
	return (*w.room)[w.read:]
}

// Read implements io.Reader.
func (w *Whole) Read(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.room == nil {
		return 0, ErrClosed
	}
	n := copy(p, (*w.room)[w.read:])
	if w.read += n; n == 0 && len(p) > 0 {
		return 0, io.EOF
	}
	return n, nil
}

// WriteTo implements io.WriterTo: one Write of all that is left. A Close waits for it.
func (w *Whole) WriteTo(to io.Writer) (int64, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.room == nil {
		return 0, ErrClosed
	}
	rest := (*w.room)[w.read:]
	if len(rest) == 0 {
		return 0, nil
	}
	n, err := to.Write(rest)
	w.read += n
	if err == nil && n < len(rest) {
		err = io.ErrShortWrite
	}
	return int64(n), err
}

// Close gives the memory back, once.
func (w *Whole) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.room != nil {
		wholes.Put(w.room)
		w.room = nil
	}
	return nil
}
