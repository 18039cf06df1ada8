package send

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync/atomic"

	"github.com/Azure/go-amqp"
)

// link is a connection with its one way to the node.
type link struct {
	socket *bounded
	conn   *amqp.Conn
	sender *amqp.Sender
	gone   atomic.Bool
}

// close says goodbye, if the peer hears it soon.
func (l *link) close() {
	l.socket.hurry()
	l.conn.Close()
}

// errCredentials is a user or a password that the peer does not take.
var errCredentials = errors.New("it does not take the user and password")

// connected returns the link, made anew where it has been lost.
func (n *node) connected(ctx context.Context) (*link, error) {
	select {
	case <-n.turn:
		defer func() { n.turn <- struct{}{} }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if n.kept != nil && !n.kept.gone.Load() {
		return n.kept, nil
	}
	port := n.url.Port()
	if port == "" {
		port = map[string]string{"amqp": "5672", "amqps": "5671"}[n.url.Scheme]
	}
	opened, err := n.guard.dial(ctx, "tcp", net.JoinHostPort(n.url.Hostname(), port), n.tls)
	if err != nil {
		return nil, err
	}
	socket := newBounded(opened, (&amqpFrames{}).follow)
	sasl := amqp.SASLTypeAnonymous()
	if n.to.UserName != "" {
		sasl = amqp.SASLTypePlain(n.to.UserName, text(n.to.Password))
	}
	conn, err := amqp.NewConn(ctx, socket, &amqp.ConnOptions{HostName: n.url.Hostname(), SASLType: sasl, MaxFrameSize: mostFrame, WriteTimeout: n.timeout})
	if err != nil {
		socket.Close()
		if strings.HasPrefix(err.Error(), "SASL PLAIN auth failed") { // the library has no type for it
			return nil, errCredentials
		}
		return nil, socket.cause(err)
	}
	l := &link{socket: socket, conn: conn}
	if err := l.attach(ctx, n.to.Address); err != nil {
		l.close()
		return nil, socket.cause(err)
	}
	n.kept = l
	return l, nil
}

func (l *link) attach(ctx context.Context, address string) error {
	session, err := l.conn.NewSession(ctx, nil)
	if err != nil {
		return err
	}
	l.sender, err = session.NewSender(ctx, address, nil)
	return err
}

// forget closes a link whose connection, session or link has ended, so that the next send makes another.
func (l *link) forget(err error) {
	if !is[*amqp.ConnError](err) && !is[*amqp.SessionError](err) && !is[*amqp.LinkError](err) {
		return
	}
	l.gone.Store(true) // without the turn, which another may hold who connects
	l.close()
}
