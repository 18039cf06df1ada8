package send

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"sluice/triggers"
)

// jetStream publishes to a subject that a stream takes. The stream drops what it has had under the same id, the invocation's.
type jetStream struct {
	guard   guard
	to      *triggers.NATSSubject
	url     *url.URL
	tls     *tls.Config
	timeout time.Duration

	mu   sync.Mutex
	conn *nats.Conn
	js   jetstream.JetStream
}

// natsRules is the rule table of NATS. The first row that fits holds; what is in none is tried again.
var natsRules = []struct {
	is    func(error) bool
	final bool
	says  string
}{
	{sys(nats.ErrMaxPayload), true, "the event is larger than the server takes"},
	{sys(nats.ErrBadSubject, nats.ErrInvalidMsg), true, "the subject is none that can be published to"},
	{isStreamCode(10054), true, "the event is larger than the stream takes"}, // "message size exceeds maximum allowed"
	{isStreamCode(10077), false, "the stream is full"},                       // "maximum messages exceeded" and its kind
	{isStreamCode(10023), false, "the server is out of resources"},
	{sys(nats.ErrNoResponders, jetstream.ErrNoStreamResponse), false, "no stream takes this subject"},
	{sys(nats.ErrAuthorization, nats.ErrAuthExpired, nats.ErrAuthRevoked), false, "the server does not take the user and password"},
	{sys(nats.ErrPermissionViolation), false, "the user may not publish to this subject"},
	{sys(nats.ErrSecureConnRequired, nats.ErrSecureConnWanted), false, "one side wants TLS and the other does not"},
	{sys(jetstream.ErrJetStreamNotEnabled, jetstream.ErrJetStreamNotEnabledForAccount), false, "JetStream is not enabled"},
}

func isStreamCode(code jetstream.ErrorCode) func(error) bool {
	return func(err error) bool {
		e, ok := errors.AsType[*jetstream.APIError](err)
		return ok && e.ErrorCode == code
	}
}

func newNATS(o Options, g guard, to *triggers.NATSSubject) (*jetStream, error) {
	u, err := parse(to.URL, "nats", "tls")
	if err != nil {
		return nil, fmt.Errorf("sluice.destination.nats.url: %w", err)
	}
	if to.Subject == "" {
		return nil, errors.New("sluice.destination.nats.subject is missing")
	}
	s := &jetStream{guard: g, to: to, url: u, timeout: o.Timeout}
	s.tls, err = tlsOf(o.Roots, nil)
	return s, err
}

func (s *jetStream) hosts() []host { return []host{{"sluice.destination.nats.url", s.url.Hostname()}} }

func (s *jetStream) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn != nil {
		s.conn.Close()
	}
}

func (s *jetStream) Send(ctx context.Context, d triggers.Delivery) (triggers.Answer, error) {
	timed, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	js, err := s.connected()
	if err != nil {
		return triggers.Answer{}, s.judge(ctx, err)
	}
	msg := nats.NewMsg(s.to.Subject)
	msg.Data = d.Body
	for _, m := range marks(d) {
		msg.Header.Set(m.name, m.value)
	}
	if _, err := js.PublishMsg(timed, msg, jetstream.WithMsgID(d.Invocation.ID), jetstream.WithRetryAttempts(0)); err != nil {
		return triggers.Answer{}, s.judge(ctx, err)
	}
	return triggers.Answer{Status: http.StatusOK}, nil
}

// natsDialer opens sockets for the library, to the server that the subscription names and to those that it names in turn.
// It keeps why it could not, because the library says only that no server is there.
type natsDialer struct {
	guard guard
	why   error
}

func (d *natsDialer) Dial(network, address string) (conn net.Conn, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), connectTimeout)
	defer cancel()
	conn, d.why = d.guard.dial(ctx, network, address, nil)
	return conn, d.why
}

// connected returns the connection, made anew where it has been lost: the library does not reconnect, because an event that nobody waits for
// any more must not be published later.
func (s *jetStream) connected() (jetstream.JetStream, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn != nil && !s.conn.IsClosed() {
		return s.js, nil
	}
	dialer := &natsDialer{guard: s.guard}
	options := []nats.Option{
		nats.Name("sluice"), nats.SetCustomDialer(dialer), nats.SkipHostLookup(), nats.NoReconnect(),
		nats.Timeout(min(connectTimeout, s.timeout)), nats.PingInterval(20 * time.Second),
		nats.IgnoreDiscoveredServers(), nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}),
	}
	if s.url.Scheme == "tls" {
		options = append(options, nats.Secure(s.tls))
	}
	if s.to.UserName != "" {
		options = append(options, nats.UserInfo(s.to.UserName, text(s.to.Password)))
	}
	conn, err := nats.Connect(s.url.String(), options...)
	if dialer.why != nil {
		return nil, dialer.why
	}
	if err != nil {
		return nil, err
	}
	js, err := jetstream.New(conn)
	if err != nil {
		conn.Close()
		return nil, err
	}
	s.conn, s.js = conn, js
	return js, nil
}

func (s *jetStream) judge(ctx context.Context, err error) error {
	for _, r := range natsRules {
		if !r.is(err) {
			continue
		}
		out := fmt.Errorf("%s, subject %s of NATS: %s", s.url.Hostname(), s.to.Subject, r.says)
		if r.final {
			return triggers.Permanent(out)
		}
		return out
	}
	if errors.Is(err, nats.ErrTimeout) {
		err = context.DeadlineExceeded
	}
	return fmt.Errorf("subject %s of NATS: %w", s.to.Subject, unanswered(ctx, s.url.Hostname(), err))
}
