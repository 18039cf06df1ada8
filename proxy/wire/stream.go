package wire

import (
	"bufio"
	"errors"
	"io"
	"net/http/httputil"
	"sync"
)

// stream is the body of a large answer or one of unknown length, read from the link as the caller reads it. The link goes back
// to its pool when the last byte has been read, or is closed when the caller stops before.
type stream struct {
	mu    sync.Mutex
	x     *exchange
	src   io.Reader
	left  int64 // how much more may come; counts down Content-Length or MaxResponseBody
	exact bool  // left is the Content-Length
	chunk bool
	reuse bool
	done  error // what every further Read returns; nil while the link is held
}

func newStream(x *exchange, m *message, reuse bool) *stream {
	s := &stream{x: x, src: x.link.br, left: m.length, exact: m.length >= 0, chunk: m.chunked, reuse: reuse}
	if !s.exact {
		s.left = x.o.MaxResponseBody
	}
	if s.chunk {
		s.src = httputil.NewChunkedReader(x.link.br)
	}
	return s
}

// Read implements io.Reader. An error other than io.EOF is a *fault.Error, or context.Canceled wrapped.
func (s *stream) Read(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.done != nil || len(p) == 0 {
		return 0, s.done
	}
	n, err := s.read(p)
	if err != nil {
		s.finish(err)
		return n, s.done
	}
	return n, nil
}

func (s *stream) read(p []byte) (int, error) {
	if err := s.x.link.SetReadDeadline(s.x.by(s.x.o.BodyIdleTimeout)); err != nil {
		return 0, err
	}
	if s.exact && int64(len(p)) > s.left {
		p = p[:s.left]
	}
	n, err := s.src.Read(p)
	s.left -= int64(n)
	switch {
	case s.exact && s.left == 0:
		return n, io.EOF
	case !s.exact && s.left < 0:
		return n + int(s.left), errAnswerTooLarge
	case errors.Is(err, io.EOF) && s.chunk:
		return n, trailers(s.x.link.br, s.x.o.MaxHeader)
	case errors.Is(err, io.EOF) && !s.exact:
		return n, io.EOF
	case s.chunk && err != nil && !timedOut(err) && !gone(err):
		return n, errors.Join(malformed("a bad chunk"), err)
	}
	return n, cut(err)
}

// finish lets go of the link; err io.EOF means that the body is whole.
func (s *stream) finish(err error) {
	whole := errors.Is(err, io.EOF) && !errors.Is(err, errProtocol)
	if !whole {
		err = blame(s.x.ctx, reading, err)
	} else {
		err = io.EOF
	}
	s.x.end(whole && s.reuse)
	s.done, s.src, s.x = err, nil, nil
}

// Close implements io.Closer; a second one does nothing. A body not read to its end costs its connection. A Read under way
// holds Close up, for BodyIdleTimeout at most.
func (s *stream) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.x != nil {
		s.x.end(false)
	}
	s.done, s.src, s.x = ErrClosed, nil, nil
	return nil
}

// trailers reads and drops the trailer section of a chunked body; io.EOF is its good end.
func trailers(br *bufio.Reader, limit int) error {
	for {
		line, err := br.ReadSlice('\n')
		if limit -= len(line); limit < 0 || errors.Is(err, bufio.ErrBufferFull) {
			return malformed("a trailer section that is too long")
		}
		if err != nil {
			return cut(err)
		}
		if len(line) == 2 && line[0] == '\r' {
			return io.EOF
		}
	}
}
