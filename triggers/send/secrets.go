package send

import (
	"bytes"
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"sluice/internal/redact"
	"sluice/triggers"
)

// secrets are the values of one subscription that no text may hold. Texts of this package are made so that they hold none; this is the belt
// for what a receiver, a broker or a library says, because a receiver may well send back what it was sent.
type secrets struct {
	mu    sync.Mutex
	known []string
	old   []token // that were renewed lately
}

// token is one for which there is another now.
type token struct {
	value string
	since time.Time
}

// How long a token is known that was renewed, and how many of them: a receiver may send one back in answer to a delivery that came with a later one. Those
// that a delivery went out with are taken out of its answer however old they are, by its sender.
const (
	oldFor  = time.Minute
	mostOld = 32
)

// leastHeader is how long the value of a header is at least that is taken for a secret. A shorter one is rather the name of a tenant, or true, and
// blanked wherever it stands it would spoil what a receiver answers.
const leastHeader = 8

// add makes value a secret.
func (s *secrets) add(value string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.known = append(s.known, value)
}

// swap replaces a secret that was renewed, and forgets it a while later, so that a token for each hour does not fill the memory.
func (s *secrets) swap(old, value string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.old = slices.DeleteFunc(s.old, func(t token) bool { return time.Since(t.since) > oldFor })
	if old != "" {
		s.old = append(s.old, token{old, time.Now()})
		s.old = s.old[max(0, len(s.old)-mostOld):]
	}
	for i, k := range s.known {
		if k == old {
			s.known[i] = value
			return
		}
	}
	s.known = append(s.known, value)
}

// values are the secrets of one moment.
type values []string

// with are those that are known now, and some more that a delivery brings along.
func (s *secrets) with(more ...string) values {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := slices.Concat(s.known, more)
	for _, t := range s.old {
		all = append(all, t.value)
	}
	return all
}

// hide is hide of what is known now.
func (s *secrets) hide(err error) error { return s.with().hide(err) }

// clean takes the secrets out of what came of a delivery.
func (v values) clean(answer triggers.Answer, err error) (triggers.Answer, error) {
	if body := redact.Secrets(v).Blank(answer.Body, answer.Cut); !bytes.Equal(body, answer.Body) {
		answer.Body, answer.Hidden = body, true
	}
	return answer, v.hide(err)
}

// hide returns err with its secrets blanked. Its cause is dropped then, because it would say them again.
func (v values) hide(err error) error {
	if err == nil {
		return nil
	}
	text := err.Error()
	clean := string(redact.Secrets(v).Blank([]byte(text), false))
	if clean == text {
		return err
	}
	switch out := errors.New(clean); {
	case triggers.IsPermanent(err):
		return triggers.Permanent(out)
	case triggers.AfterOf(err) > 0:
		return triggers.RetryAfter(triggers.AfterOf(err), out)
	default:
		return out
	}
}

// secretsOf collects what sub holds in secret, in each form that travels.
func secretsOf(sub *triggers.Subscription) *secrets {
	s := &secrets{}
	secret := func(value *string) {
		if value != nil {
			s.add(*value)
		}
	}
	if h := sub.HTTP; h != nil && h.Basic != nil {
		secret(h.Basic.Password)
		s.add(base64.StdEncoding.EncodeToString([]byte(h.Basic.UserName + ":" + text(h.Basic.Password))))
	}
	if h := sub.HTTP; h != nil && h.Bearer != nil {
		secret(h.Bearer.Token)
	}
	more := sub.Sluice
	for _, sign := range more.Signing {
		s.add(strings.TrimPrefix(text(sign.Secret), "whsec_"))
	}
	for _, h := range more.Headers {
		if len(text(h.Value)) >= leastHeader {
			secret(h.Value)
		}
	}
	if more.OAuth2 != nil {
		secret(more.OAuth2.ClientSecret)
		s.add(base64.StdEncoding.EncodeToString([]byte(more.OAuth2.ClientID + ":" + text(more.OAuth2.ClientSecret))))
	}
	if more.Certificate != nil {
		secret(more.Certificate.Key)
	}
	if to := more.Destination; to != nil {
		brokerSecrets(to, secret)
	}
	return s
}

func brokerSecrets(to *triggers.Destination, secret func(*string)) {
	switch {
	case to.Kafka != nil:
		secret(to.Kafka.Password)
	case to.NATS != nil:
		secret(to.NATS.Password)
	case to.AMQP != nil:
		secret(to.AMQP.Password)
	case to.SQS != nil:
		secret(to.SQS.SecretAccessKey)
	case to.SNS != nil:
		secret(to.SNS.SecretAccessKey)
	}
}

// text is the string behind p, "" where there is none.
func text(p *string) string {
	if p == nil {
		return ""
	}
	return *p
}
