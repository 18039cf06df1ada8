package send

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"slices"
	"time"

	"github.com/nats-io/nats.go"
)

// natsDialer opens the socket of one connection for the library, and keeps why it could not, because the library says only that no server is there.
type natsDialer struct {
	open   func(network, address string) (*bounded, error)
	socket *bounded
	why    error
}

func (d *natsDialer) Dial(network, address string) (net.Conn, error) {
	d.socket, d.why = d.open(network, address)
	return d.socket, d.why
}

// SkipTLSHandshake tells the library that TLS is the dialer's: only so is what comes in looked at as plain text.
func (d *natsDialer) SkipTLSHandshake() bool { return true }

// socket opens a connection under TLS, if the subscription or the server wants it.
func (s *jetStream) socket(ctx context.Context, network, address string) (*bounded, error) {
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	conn, err := s.guard.dial(ctx, network, address, nil)
	if err != nil {
		return nil, err
	}
	greeted, err := s.greet(ctx, conn)
	if err != nil {
		conn.Close()
		return nil, err
	}
	return newBounded(greeted, (&natsLines{}).follow), nil
}

// greeted is a connection whose first line has been read, and is read again.
type greeted struct {
	net.Conn
	in io.Reader
}

func (g greeted) Read(p []byte) (int, error) { return g.in.Read(p) }

// greet reads the server's first line, which comes before TLS, and begins TLS where that is due.
func (s *jetStream) greet(ctx context.Context, conn net.Conn) (net.Conn, error) {
	stop := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	in := bufio.NewReaderSize(conn, mostLine)
	line, err := in.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		return nil, errOversize
	} else if err != nil {
		return nil, err
	}
	var info nats.ServerInfo
	words, ok := bytes.CutPrefix(line, []byte("INFO "))
	if !ok || json.Unmarshal(words, &info) != nil {
		return nil, errMalformed
	}
	more, _ := in.Peek(in.Buffered())
	head := bytes.NewReader(slices.Concat(line, more))
	secured := s.url.Scheme == "tls"
	switch {
	case secured && !info.TLSRequired && !info.TLSAvailable:
		return nil, nats.ErrSecureConnWanted
	case !secured && !info.TLSRequired:
		return greeted{conn, io.MultiReader(head, conn)}, nil
	case len(more) > 0: // whoever stands between could have said it
		return nil, errMalformed
	}
	within, err := secure(ctx, conn, s.url.Hostname(), s.tls)
	if err != nil {
		return nil, err
	}
	return greeted{within, io.MultiReader(head, within)}, nil
}
