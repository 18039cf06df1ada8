package send

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
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
	turn    chan struct{} // holds one value: who has taken it may look at kept, and connect
	kept    *publisher
}

// publisher is a connection, and JetStream over it.
type publisher struct {
	jetstream.JetStream
	conn   *nats.Conn
	socket *bounded
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

// mostSubject is well below what a server takes as one line of its protocol, 4 KiB with all else.
const mostSubject = 256

// natsSubject is what one publishes to, as https://docs.nats.io/nats-concepts/subjects has it.
var natsSubject = regexp.MustCompile(`^[^\s\pC\pZ.*>]+(\.[^\s\pC\pZ.*>]+)*$`)

// serversOwn are the subjects by which a server is managed.
var serversOwn = regexp.MustCompile(`^\$(JS|SYS)(\.|$)`)

func newNATS(o Options, g guard, to *triggers.NATSSubject) (*jetStream, error) {
	u, err := parse(to.URL, "nats", "tls")
	if err != nil {
		return nil, fmt.Errorf("sluice.destination.nats.url: %w", err)
	}
	if to.Subject == "" {
		return nil, errors.New("sluice.destination.nats.subject is missing")
	}
	if !natsSubject.MatchString(to.Subject) || serversOwn.MatchString(to.Subject) || len(to.Subject) > mostSubject {
		return nil, fmt.Errorf("sluice.destination.nats.subject: write words with dots between them, %d bytes at the most, without blanks, * and >, and neither $JS "+
			"nor $SYS at the beginning, which are the server's own", mostSubject)
	}
	s := &jetStream{guard: g, to: to, url: u, timeout: o.Timeout, turn: make(chan struct{}, 1)}
	s.turn <- struct{}{}
	s.tls, err = tlsOf(o.Roots, nil)
	return s, err
}

func (s *jetStream) hosts() []host { return []host{{"sluice.destination.nats.url", s.url.Hostname()}} }

// close is called when no send is under way, so nobody has the turn.
func (s *jetStream) close() {
	if s.kept != nil {
		s.kept.socket.hurry()
		s.kept.conn.Close()
	}
}

func (s *jetStream) Send(ctx context.Context, d triggers.Delivery) (triggers.Answer, error) {
	timed, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	p, err := s.connected(timed)
	if err != nil {
		return triggers.Answer{}, s.judge(ctx, err)
	}
	msg := nats.NewMsg(s.to.Subject)
	msg.Data = d.Body
	for _, m := range marks(d) {
		msg.Header.Set(m.name, m.value)
	}
	receipt, err := p.PublishMsg(timed, msg, jetstream.WithMsgID(d.Invocation.ID), jetstream.WithRetryAttempts(0))
	if err != nil {
		return triggers.Answer{}, s.judge(ctx, p.socket.cause(err))
	}
	p.socket.renew()
	answer := triggers.Answer{Status: http.StatusOK}
	if receipt.Duplicate { // as after a replay, within the stream's window for duplicates
		answer.Body = []byte("the stream has it already, under this id")
	}
	return answer, nil
}

// connected returns the connection, made anew where it has been lost: the library does not reconnect, because an event that nobody waits for
// any more must not be published later.
func (s *jetStream) connected(ctx context.Context) (*publisher, error) {
	select {
	case <-s.turn:
		defer func() { s.turn <- struct{}{} }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if s.kept != nil && !s.kept.conn.IsClosed() {
		return s.kept, nil
	}
	until, _ := ctx.Deadline()
	dialer := &natsDialer{open: func(network, address string) (*bounded, error) { return s.socket(ctx, network, address) }}
	options := []nats.Option{
		nats.Name("sluice"), nats.SetCustomDialer(dialer), nats.SkipHostLookup(), nats.NoReconnect(),
		nats.Timeout(min(connectTimeout, max(time.Until(until), time.Millisecond))), nats.FlusherTimeout(s.timeout), nats.PingInterval(20 * time.Second),
		nats.IgnoreDiscoveredServers(), nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}),
	}
	if s.url.Scheme == "tls" {
		options = append(options, nats.Secure(s.tls))
	}
	if s.to.UserName != "" {
		options = append(options, nats.UserInfo(s.to.UserName, text(s.to.Password)))
	}
	conn, err := nats.Connect(s.url.String(), options...)
	switch {
	case dialer.why != nil:
		return nil, dialer.why
	case err != nil && dialer.socket != nil:
		return nil, dialer.socket.cause(err)
	case err != nil:
		return nil, err
	}
	js, err := jetstream.New(conn)
	if err != nil {
		conn.Close()
		return nil, err
	}
	s.kept = &publisher{JetStream: js, conn: conn, socket: dialer.socket}
	return s.kept, nil
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
