package events

import (
	"encoding/base64"
	"regexp"
	"slices"
	"strings"

	"sluice/triggers"
)

// Bounds of what is ours.
const (
	mostConcurrency = 1000
	mostHeaders     = 20
	leastRate       = 0.001 // a slower one looks like a subscription that does not work
)

var signingID = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

// checkExtension holds what is ours of a subscription against what can be done.
func checkExtension(x *triggers.Extension) error {
	switch {
	case !slices.Contains([]string{"", triggers.OrderingSubject, triggers.OrderingNone}, x.Ordering):
		return bad("sluice.ordering must be subject or none")
	case x.Concurrency < 0 || x.Concurrency > mostConcurrency:
		return bad("sluice.concurrency must be between 0 and %d", mostConcurrency)
	case x.RatePerSecond != 0 && x.RatePerSecond < leastRate:
		return bad("sluice.ratePerSecond must be at least %g, which is one in 1,000 seconds; left out or 0 is no limit", leastRate)
	case len(x.Signing) > 2:
		return bad("sluice.signing has more than two secrets")
	case len(x.Headers) > mostHeaders:
		return bad("sluice.headers are more than %d", mostHeaders)
	case x.Certificate != nil && (x.Certificate.Certificate == "" || x.Certificate.Key == nil):
		return bad("sluice.clientCertificate needs certificate and key, both in PEM")
	}
	if x.RetryFor != "" {
		if err := span("sluice.retryFor", x.RetryFor); err != nil {
			return err
		}
	}
	if err := checkSigning(x.Signing); err != nil {
		return err
	}
	if c := x.OAuth2; c != nil {
		if c.ClientID == "" || c.ClientSecret == nil {
			return bad("sluice.oauth2 needs clientId and clientSecret")
		}
		if err := checkURL("sluice.oauth2.tokenUrl", c.TokenURL); err != nil {
			return err
		}
	}
	if err := checkHeaders(x.Headers); err != nil {
		return err
	}
	return checkDestination(x.Destination)
}

func checkHeaders(all []triggers.Header) error {
	for i, h := range all {
		if h.Value == nil {
			return bad("sluice.headers: %s needs a value", h.Name)
		}
		if slices.ContainsFunc(all[:i], func(other triggers.Header) bool { return strings.EqualFold(other.Name, h.Name) }) {
			return bad("sluice.headers: %s is there twice", h.Name)
		}
	}
	return nil
}

// checkSigning wants secrets as Standard Webhooks has them.
func checkSigning(all []triggers.SigningSecret) error {
	for i, s := range all {
		if !signingID.MatchString(s.ID) || i > 0 && all[0].ID == s.ID {
			return bad("sluice.signing: each secret needs an id of its own, of letters, digits and . _ -")
		}
		if s.Secret == nil {
			return bad("sluice.signing: %s needs a secret", s.ID)
		}
		text, prefixed := strings.CutPrefix(*s.Secret, "whsec_")
		secret, err := base64.StdEncoding.DecodeString(text)
		if !prefixed || err != nil || len(secret) < 24 || len(secret) > 64 {
			return bad("sluice.signing: the secret of %s must be whsec_ and 24 to 64 bytes in base64", s.ID)
		}
	}
	return nil
}

// checkDestination wants one broker, with what it is found by.
func checkDestination(d *triggers.Destination) error {
	if d == nil {
		return nil
	}
	there, missing := 0, ""
	for _, c := range []struct {
		given bool
		wants string
		has   func() bool
	}{
		{d.Kafka != nil, "kafka needs brokers and topic", func() bool { return len(d.Kafka.Brokers) > 0 && d.Kafka.Topic != "" }},
		{d.NATS != nil, "nats needs url and subject", func() bool { return d.NATS.URL != "" && d.NATS.Subject != "" }},
		{d.AMQP != nil, "amqp needs url and address", func() bool { return d.AMQP.URL != "" && d.AMQP.Address != "" }},
		{d.SQS != nil, "sqs needs url and region", func() bool { return d.SQS.URL != "" && d.SQS.Region != "" }},
		{d.SNS != nil, "sns needs arn", func() bool { return d.SNS.ARN != "" }},
	} {
		if c.given {
			there++
			if !c.has() {
				missing = c.wants
			}
		}
	}
	switch {
	case there != 1:
		return bad("sluice.destination must name one of kafka, nats, amqp, sqs and sns")
	case missing != "":
		return bad("sluice.destination.%s", missing)
	}
	return nil
}
