package send

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/Azure/go-amqp"

	"sluice/triggers"
)

// node sends events to a node of AMQP 1.0, over one connection and one link.
type node struct {
	guard   guard
	to      *triggers.AMQPNode
	url     *url.URL
	tls     *tls.Config // nil = plain
	timeout time.Duration
	turn    chan struct{} // holds one value: who has taken it may look at kept, and connect
	kept    *link
}

// conditions is the rule table of AMQP, by the peer's error condition. Those that are in no row are tried again.
var conditions = map[amqp.ErrCond]struct {
	final bool
	after time.Duration // how long the peer's documents say to leave it alone
	says  string
}{
	amqp.ErrCondMessageSizeExceeded:   {final: true, says: "the event is larger than the node takes"},
	amqp.ErrCondDecodeError:           {final: true, says: "it cannot read the event"},
	amqp.ErrCondNotFound:              {says: "there is no such node"},
	amqp.ErrCondUnauthorizedAccess:    {says: "the user may not send to the node, or is not known"},
	amqp.ErrCondResourceLimitExceeded: {says: "the node is full or its quota is spent"},
	amqp.ErrCondResourceLocked:        {says: "somebody else holds the node"},
	"com.microsoft:server-busy":       {after: 10 * time.Second, says: "it gets too much at once"},
	"com.microsoft:timeout":           {says: "it did not keep the event in time"},
	"com.microsoft:entity-disabled":   {says: "the node is disabled"},
}

func newAMQP(o Options, g guard, to *triggers.AMQPNode) (*node, error) {
	u, err := parse(to.URL, "amqps", "amqp")
	if err != nil {
		return nil, fmt.Errorf("sluice.destination.amqp.url: %w", err)
	}
	if to.Address == "" {
		return nil, errors.New("sluice.destination.amqp.address is missing")
	}
	if strings.ContainsFunc(to.Address, unicode.IsControl) || !utf8.ValidString(to.Address) {
		return nil, errors.New("sluice.destination.amqp.address: it has characters that are none of a text")
	}
	n := &node{guard: g, to: to, url: u, timeout: o.Timeout, turn: make(chan struct{}, 1)}
	n.turn <- struct{}{}
	if u.Scheme == "amqps" {
		n.tls, err = tlsOf(o.Roots, nil)
	}
	return n, err
}

func (n *node) hosts() []host { return []host{{"sluice.destination.amqp.url", n.url.Hostname()}} }

// close is called when no send is under way, so nobody has the turn.
func (n *node) close() {
	if n.kept != nil {
		n.kept.close()
	}
}

func (n *node) Send(ctx context.Context, d triggers.Delivery) (triggers.Answer, error) {
	timed, cancel := context.WithTimeout(ctx, n.timeout)
	defer cancel()
	l, err := n.connected(timed)
	if err != nil {
		return triggers.Answer{}, n.judge(timed, ctx, err)
	}
	receipt, err := l.sender.SendWithReceipt(timed, message(d), nil)
	if err != nil {
		l.forget(err)
		return triggers.Answer{}, n.judge(timed, ctx, l.socket.cause(err))
	}
	state, err := receipt.Wait(timed)
	if err != nil {
		l.forget(err)
		return triggers.Answer{}, n.judge(timed, ctx, l.socket.cause(err))
	}
	switch s := state.(type) {
	case *amqp.StateAccepted:
		l.socket.renew()
		return triggers.Answer{Status: http.StatusOK}, nil
	case *amqp.StateRejected:
		if s.Error != nil {
			return triggers.Answer{}, n.judge(timed, ctx, s.Error)
		}
	}
	return triggers.Answer{}, fmt.Errorf("%s of %s did not take the event, and did not say why", n.to.Address, n.url.Hostname())
}

func message(d triggers.Delivery) *amqp.Message {
	msg := amqp.NewMessage(d.Body)
	json, subject, group := "application/json", d.Subscription.TriggerID, group(d)
	msg.Header = &amqp.MessageHeader{Durable: true}
	msg.Properties = &amqp.MessageProperties{MessageID: d.Invocation.ID, ContentType: &json, Subject: &subject, GroupID: &group}
	msg.ApplicationProperties = map[string]any{}
	for _, m := range marks(d) {
		msg.ApplicationProperties[m.name] = m.value
	}
	return msg
}

func (n *node) judge(timed, ctx context.Context, err error) error {
	if errors.Is(err, errCredentials) {
		return fmt.Errorf("%s of %s: %w", n.to.Address, n.url.Hostname(), err)
	}
	said, ok := errors.AsType[*amqp.Error](err)
	if ok && said.Condition == amqp.ErrCondTransferLimitExceeded && timed.Err() != nil { // the library's word for no credit until time ran out
		ok, err = false, timed.Err()
	}
	if !ok {
		if errors.Is(timed.Err(), context.DeadlineExceeded) && ctx.Err() == nil {
			err = context.DeadlineExceeded
		}
		return fmt.Errorf("%s of AMQP: %w", n.to.Address, unanswered(ctx, n.url.Hostname(), err))
	}
	rule, ok := conditions[said.Condition]
	if !ok {
		rule.says = "it answered with a condition that no rule knows"
		if codes.MatchString(string(said.Condition)) {
			rule.says = "it answered " + string(said.Condition)
		}
	}
	out := fmt.Errorf("%s of %s: %s", n.to.Address, n.url.Hostname(), rule.says)
	switch {
	case rule.final:
		return triggers.Permanent(out)
	case rule.after > 0:
		return triggers.RetryAfter(rule.after, out)
	}
	return out
}
