package wire

import (
	"bufio"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
)

// maxInterim bounds the 1xx answers before the real one.
const maxInterim = 8

// small is the largest body that is read whole before RoundTrip returns, so that its connection is free at once.
const small = 64 << 10

// receive reads the answer's head, and its body too if that is small and of known length.
func (x *exchange) receive() (*http.Response, error) {
	if _, err := x.link.br.Peek(1); err != nil {
		return nil, err
	}
	x.silent = false
	for range maxInterim {
		head, err := readHead(x.link.br, x.o.MaxHeader)
		if err != nil {
			return nil, err
		}
		resp, m, err := parseHead(head)
		if err != nil {
			return nil, err
		}
		switch {
		case resp.StatusCode == http.StatusSwitchingProtocols:
			return nil, malformed("101 where nobody asked for an upgrade")
		case resp.StatusCode >= 200:
			resp.Request = x.req
			return resp, x.body(resp, &m)
		}
	}
	return nil, malformed("more than %d interim answers", maxInterim)
}

// body gives resp its body and frees the link as soon as it may be.
func (x *exchange) body(resp *http.Response, m *message) error {
	resp.ContentLength = m.length
	reuse := !m.close && (resp.ProtoMinor > 0 || m.keep)
	resp.Body = http.NoBody
	if x.req.Method == http.MethodHead {
		x.end(reuse)
		return nil
	}
	switch {
	case resp.StatusCode == http.StatusNoContent || resp.StatusCode == http.StatusNotModified:
		resp.ContentLength = 0
		x.end(reuse)
	case m.length == 0:
		x.end(reuse)
	case m.length > x.o.MaxResponseBody:
		return errAnswerTooLarge
	case m.length > 0 && m.length <= small:
		return x.whole(resp, int(m.length), reuse)
	default:
		resp.Body = newStream(x, m, reuse && (m.chunked || m.length > 0))
	}
	return nil
}

func (x *exchange) whole(resp *http.Response, n int, reuse bool) error {
	w := newWhole(n)
	if x.link.br.Buffered() < n {
		// One silence bounds all of a body this small.
		if err := x.link.SetReadDeadline(x.by(x.o.BodyIdleTimeout)); err != nil {
			w.Close()
			return err
		}
	}
	if _, err := io.ReadFull(x.link.br, w.Bytes()); err != nil {
		w.Close()
		return cut(err)
	}
	resp.Body = w
	x.end(reuse)
	return nil
}

// cut names an early end of the body as what it is: an answer that is not whole.
func cut(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.Join(malformed("the body ended early"), io.ErrUnexpectedEOF)
	}
	return err
}

var headRoom = sync.Pool{New: func() any { b := make([]byte, 0, 2<<10); return &b }}

// readHead reads up to and including the empty line that ends a head of at most limit bytes.
func readHead(br *bufio.Reader, limit int) (string, error) {
	room := headRoom.Get().(*[]byte)
	defer headRoom.Put(room)
	head := (*room)[:0]
	for {
		line, err := br.ReadSlice('\n')
		if len(head)+len(line) > limit {
			return "", malformed("a head of more than %d bytes", limit)
		}
		head = append(head, line...)
		*room = head
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
		case errors.Is(err, io.EOF):
			return "", malformed("the head ended early")
		case err != nil:
			return "", err
		case len(line) == 2 && line[0] == '\r' && (len(head) == 2 || head[len(head)-3] == '\n'):
			return string(head), nil
		}
	}
}

// parseHead reads a status line and the header lines after it.
func parseHead(head string) (*http.Response, message, error) {
	line, fields, _ := strings.Cut(head, "\r\n")
	proto, status, ok := strings.Cut(line, " ")
	if !ok || (proto != "HTTP/1.1" && proto != "HTTP/1.0") || !printable(status) {
		return nil, message{}, malformed("a bad status line")
	}
	digits, _, _ := strings.Cut(status, " ")
	code := 0
	for i := range len(digits) {
		if digits[i] < '0' || digits[i] > '9' {
			return nil, message{}, malformed("a bad status code")
		}
		code = code*10 + int(digits[i]-'0')
	}
	if len(digits) != 3 || code < 100 {
		return nil, message{}, malformed("a bad status code")
	}
	m, err := parseFields(fields, false)
	if err != nil {
		return nil, m, err
	}
	minor := int(proto[len(proto)-1] - '0')
	if m.chunked && minor == 0 {
		return nil, m, malformed("Transfer-Encoding under HTTP/1.0")
	}
	return &http.Response{
		Status: status, StatusCode: code, Proto: proto, ProtoMajor: 1, ProtoMinor: minor, Header: m.header, Close: m.close,
	}, m, nil
}
