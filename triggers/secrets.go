package triggers

import (
	"encoding/json"
	"fmt"
	"strconv"
)

// eachSecret visits every secret that a subscription has a place for, under a name that is its own within the subscription.
func (s *Subscription) eachSecret(visit func(name string, secret **string)) {
	if c := s.HTTP; c != nil {
		if c.Basic != nil {
			visit("password", &c.Basic.Password)
		}
		if c.Bearer != nil {
			visit("bearerToken", &c.Bearer.Token)
		}
	}
	if d := s.Sluice.Destination; d != nil {
		d.eachSecret(visit)
	}
	for i := range s.Sluice.Signing {
		visit("signing/"+s.Sluice.Signing[i].ID, &s.Sluice.Signing[i].Secret)
	}
	if c := s.Sluice.OAuth2; c != nil {
		visit("clientSecret", &c.ClientSecret)
	}
	if c := s.Sluice.Certificate; c != nil {
		visit("key", &c.Key)
	}
	for i := range s.Sluice.Headers {
		visit("header/"+strconv.Itoa(i)+"/"+s.Sluice.Headers[i].Name, &s.Sluice.Headers[i].Value)
	}
}

func (d *Destination) eachSecret(visit func(name string, secret **string)) {
	if d.Kafka != nil {
		visit("kafka/password", &d.Kafka.Password)
	}
	if d.NATS != nil {
		visit("nats/password", &d.NATS.Password)
	}
	if d.AMQP != nil {
		visit("amqp/password", &d.AMQP.Password)
	}
	if d.SQS != nil {
		visit("sqs/secretAccessKey", &d.SQS.SecretAccessKey)
	}
	if d.SNS != nil {
		visit("sns/secretAccessKey", &d.SNS.SecretAccessKey)
	}
}

// Clone is a copy that shares nothing.
func (s *Subscription) Clone() (*Subscription, error) {
	text, err := json.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("subscription %s: %w", s.ID, err)
	}
	out := &Subscription{}
	if err := json.Unmarshal(text, out); err != nil {
		return nil, fmt.Errorf("subscription %s: %w", s.ID, err)
	}
	return out, nil
}

// TakeSecrets takes the secrets out: what is left may be shown and kept as it is.
func (s *Subscription) TakeSecrets() map[string]string {
	taken := map[string]string{}
	s.eachSecret(func(name string, secret **string) {
		if *secret != nil {
			taken[name], *secret = **secret, nil
		}
	})
	return taken
}

// PutSecrets puts secrets where there is a place for them and none is yet. So it completes what TakeSecrets has left, and keeps the stored
// secrets of a subscription that a client sends back as it was shown, with nulls.
func (s *Subscription) PutSecrets(taken map[string]string) {
	s.eachSecret(func(name string, secret **string) {
		if text, had := taken[name]; had && *secret == nil {
			*secret = &text
		}
	})
}
