package wire

import (
	"errors"
	"io"
	"sync/atomic"
	"time"
)

// stdBody watches over a body of net/http's: how long it is silent, how much comes, and what its errors mean.
type stdBody struct {
	io.ReadCloser
	call   *stdCall
	left   int64
	silent atomic.Bool // the idle timer has cancelled the call
	closed atomic.Bool
}

// Read implements io.Reader. An error other than io.EOF is a *fault.Error, ErrClosed, or context.Canceled wrapped.
func (b *stdBody) Read(p []byte) (int, error) {
	if b.closed.Load() {
		return 0, ErrClosed
	}
	timer := time.AfterFunc(b.call.idle, func() {
		b.silent.Store(true)
		b.call.cancel()
	})
	n, err := b.ReadCloser.Read(p)
	timer.Stop()
	if b.left -= int64(n); b.left < 0 {
		return n + int(b.left), blame(b.call.ctx, reading, errAnswerTooLarge)
	}
	switch {
	case err == nil || errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF):
		return n, err
	case b.silent.Load():
		return n, blame(b.call.ctx, reading, errIdle)
	case b.closed.Load():
		return n, ErrClosed
	}
	return n, b.call.blame(reading, cut(err))
}

// Close implements io.Closer; a second one does nothing.
func (b *stdBody) Close() error {
	if b.closed.Swap(true) {
		return nil
	}
	b.call.cancel()
	return b.ReadCloser.Close()
}
