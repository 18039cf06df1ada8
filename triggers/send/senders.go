// Package send takes deliveries to their receivers: HTTP, EventBridge, Kafka, NATS, AMQP, SQS and SNS. Each sender is a file with one table of
// rules: which answers are tried again, which are final, and which say when. None tries again by itself, because only the record of attempts knows
// what has been tried. Where a receiver stands is decided by whoever made the subscription, so every socket is opened behind the guard.
package send

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"sluice/triggers"
)

// Options are a deployment's.
type Options struct {
	Allow       []netip.Prefix // allow_networks: private networks that receivers may stand in
	Roots       *x509.CertPool // who signs receivers' certificates; nil = the system's
	Timeout     time.Duration  // for a whole answer; 0 = 10 s, which is what SailPoint gives
	Idle        time.Duration  // after which an unused client is closed; 0 = 5 min
	EventBridge EventBridgeOptions
}

// Senders is the triggers.Sender of every subscription. It picks by the subscription's type and destination, and keeps one client for each
// subscription until the subscription changes or nothing was sent for a while.
type Senders struct {
	options Options
	guard   guard

	mu     sync.Mutex
	kept   map[string]*client // by the subscription's id
	closed bool
}

var _ triggers.Batcher = (*Senders)(nil)

// sender is what a file of this package implements. close is called once, when no send is under way.
type sender interface {
	triggers.Sender
	// hosts are those that the sender would dial, by the member that names them.
	hosts() []host
	close()
}

// New returns Senders, which hold nothing yet.
func New(o Options) *Senders {
	if o.Timeout == 0 {
		o.Timeout = 10 * time.Second
	}
	if o.Idle == 0 {
		o.Idle = 5 * time.Minute
	}
	return &Senders{options: o, guard: guard{allow: o.Allow}, kept: map[string]*client{}}
}

// Send delivers d. An error says that it was not delivered, or that nobody knows.
func (s *Senders) Send(ctx context.Context, d triggers.Delivery) (triggers.Answer, error) {
	c, err := s.take(d.Subscription)
	if err != nil {
		return triggers.Answer{}, err
	}
	defer s.give(c)
	answer, err := c.sender.Send(ctx, d)
	return c.secrets.with(d.Invocation.Secret).clean(answer, err) // what was renewed meanwhile is among them
}

// Most is how many deliveries SendAll takes: what the clouds take in one call. Brokers could take more and gain little by it.
func (s *Senders) Most() int { return mostInBatch }

const mostInBatch = 10

// Batcher is s where SendAll makes one call out of several deliveries to sub, and nil where it would send them side by side.
func (s *Senders) Batcher(sub *triggers.Subscription) triggers.Batcher {
	to := sub.Sluice.Destination
	if sub.Type == triggers.TypeEventBridge || to != nil && (to.Kafka != nil || to.SQS != nil || to.SNS != nil) {
		return s
	}
	return nil
}

// SendAll delivers all, which go to one subscription. Their order holds only as long as each succeeds, so deliveries of one subject that
// must stay in order do not belong in one batch.
func (s *Senders) SendAll(ctx context.Context, all []triggers.Delivery) []error {
	errs := make([]error, len(all))
	if len(all) == 0 {
		return errs
	}
	c, err := s.take(all[0].Subscription)
	if err != nil {
		for i := range errs {
			errs[i] = err
		}
		return errs
	}
	defer s.give(c)
	if b, ok := c.sender.(triggers.Batcher); ok {
		for from := 0; from < len(all); from += b.Most() {
			copy(errs[from:], b.SendAll(ctx, all[from:min(from+b.Most(), len(all))]))
		}
	} else {
		var under sync.WaitGroup
		for i, d := range all {
			under.Go(func() { _, errs[i] = c.sender.Send(ctx, d) })
		}
		under.Wait()
	}
	for i := range errs {
		errs[i] = c.secrets.with(all[i].Invocation.Secret).hide(errs[i])
	}
	return errs
}

// host is a name or address that a member of a subscription leads to.
type host struct{ member, name string }

// Check says what is wrong with a subscription before it is kept: what cannot be used, and an address where no receiver may be. It dials nothing and
// looks no name up, so that it may be called in a transaction. The text is for whoever makes the subscription, and quotes none of its secrets.
func (s *Senders) Check(sub *triggers.Subscription) error {
	hidden := secretsOf(sub)
	if sub.HTTP != nil && sub.Receiver() != "http" { // it is not used now, and shown all the same
		made, err := newHTTP(s.options, s.guard, sub, hidden)
		if err := s.settled(made, err); err != nil {
			return hidden.hide(err)
		}
	}
	if !sub.Delivers() {
		return nil
	}
	made, err := s.build(sub, hidden)
	return hidden.hide(s.settled(made, err))
}

// settled closes a sender that was made to be looked at, and says what is wrong with it.
func (s *Senders) settled(made sender, err error) error {
	if err != nil {
		return err
	}
	defer made.close()
	for _, h := range made.hosts() {
		if err := s.guard.permit(h.name); err != nil {
			return fmt.Errorf("%s: %w", h.member, err)
		}
	}
	return nil
}

// build makes the sender of sub. It dials nothing.
func (s *Senders) build(sub *triggers.Subscription, hidden *secrets) (sender, error) {
	to := sub.Sluice.Destination
	switch {
	case sub.Type == triggers.TypeEventBridge && sub.EventBridge != nil:
		return newEventBridge(s.options, s.guard, sub)
	case sub.Type != triggers.TypeHTTP:
		return nil, triggers.Permanent(fmt.Errorf("nothing is delivered to a subscription of type %s", sub.Type))
	case to == nil && sub.HTTP != nil:
		return newHTTP(s.options, s.guard, sub, hidden)
	case to == nil:
		return nil, errors.New("httpConfig is missing, so nobody knows where events go")
	case to.Kafka != nil:
		return newKafka(s.options, s.guard, to.Kafka)
	case to.NATS != nil:
		return newNATS(s.options, s.guard, to.NATS)
	case to.AMQP != nil:
		return newAMQP(s.options, s.guard, to.AMQP)
	case to.SQS != nil:
		return newSQS(s.options, s.guard, to.SQS)
	case to.SNS != nil:
		return newSNS(s.options, s.guard, to.SNS)
	}
	return nil, errors.New("sluice.destination names none of kafka, nats, amqp, sqs and sns")
}
