package proxy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"sluice/internal/fault"
)

// endBody is a body whose first Close runs end.
type endBody struct {
	io.ReadCloser
	once sync.Once
	end  func()
}

// WriteTo implements io.WriterTo, so that a body in memory goes on without a copy.
func (b *endBody) WriteTo(w io.Writer) (int64, error) { return io.Copy(w, b.ReadCloser) }

// Close implements io.Closer.
func (b *endBody) Close() error {
	err := b.ReadCloser.Close()
	b.once.Do(b.end)
	return err
}

// errHungUp is why a call ends when its caller closed the connection.
var errHungUp = fmt.Errorf("the caller hung up: %w", context.Canceled)

// isHangUp tells a caller who left from every other failure.
func isHangUp(err error) bool { return errors.Is(err, context.Canceled) }

// errTooLong is returned for a body that does not fit in the memory that one call may take.
var errTooLong = errors.New("the body is longer than limits.buffer_body")

// readAtMost reads a body whole if it fits in limit bytes. If it does not, it returns errTooLong and a body that still gives all of
// it, so that it can stream on untouched.
func readAtMost(body io.ReadCloser, limit int64) ([]byte, io.ReadCloser, error) {
	data, err := io.ReadAll(io.LimitReader(body, limit+1))
	if err != nil {
		return nil, body, err
	}
	if int64(len(data)) > limit {
		return nil, &joinedBody{Reader: io.MultiReader(newBytesBody(data), body), Closer: body}, errTooLong
	}
	return data, body, nil
}

type joinedBody struct {
	io.Reader
	io.Closer
}

// bytesBody is a body in memory.
type bytesBody struct {
	data []byte
	off  int
}

func newBytesBody(data []byte) *bytesBody { return &bytesBody{data: data} }

// Read implements io.Reader.
func (b *bytesBody) Read(p []byte) (int, error) {
	if b.off == len(b.data) {
		return 0, io.EOF
	}
	n := copy(p, b.data[b.off:])
	b.off += n
	return n, nil
}

// WriteTo implements io.WriterTo.
func (b *bytesBody) WriteTo(w io.Writer) (int64, error) {
	n, err := w.Write(b.data[b.off:])
	b.off += n
	return int64(n), err
}

// Close implements io.Closer.
func (b *bytesBody) Close() error { return nil }

// setBody replaces an answer's body by data, and what the header says of it.
func setBody(resp *http.Response, data []byte) {
	resp.Body = newBytesBody(data)
	resp.ContentLength = int64(len(data))
	resp.TransferEncoding = nil
	resp.Header.Del("Content-Length")
	resp.Header.Del("Etag") // it named the bytes that are no longer sent
}

// badBody says that a caller's body could not be read.
func badBody(err error) *fault.Error {
	return fault.New("front", http.StatusBadRequest, "bad_body", "the request's body could not be read to its end").Because(classOf(err))
}

// setRequestBody gives a request a body in memory that can be sent again.
func setRequestBody(r *http.Request, data []byte) {
	r.ContentLength = int64(len(data))
	r.Body = newBytesBody(data)
	r.GetBody = func() (io.ReadCloser, error) { return newBytesBody(data), nil }
}

// readFull reads exactly len(data) bytes.
func readFull(from io.Reader, data []byte) error {
	_, err := io.ReadFull(from, data)
	return err
}

// callerBody streams a caller's body out of the engine. The engine takes its memory back when the answer has been written, which may be
// before a wire has read all of it: Close waits for a Read under way and lets none follow.
type callerBody struct {
	mu     sync.Mutex
	from   io.Reader
	conn   net.Conn // what it comes from; nil in tests
	closed bool
}

// Read implements io.Reader. Its errors do not hold the engine's text, which quotes the body.
func (b *callerBody) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return 0, http.ErrBodyReadAfterClose
	}
	if b.conn != nil {
		_ = b.conn.SetReadDeadline(time.Now().Add(bodyPatience)) // a closed connection fails in Read
	}
	n, err := b.from.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = classOf(err)
	}
	return n, err
}

// Close implements io.Closer.
func (b *callerBody) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	return nil
}
