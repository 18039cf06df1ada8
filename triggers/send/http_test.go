package send_test

import (
	"io"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"sluice/triggers"
	"sluice/triggers/send"
)

const (
	newSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	oldSecret = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
)

// heard is what a receiver got.
type heard struct {
	header http.Header
	body   []byte
	method string
	proto  int
	path   string
}

// listening is a receiver that answers 200 and an output.
func listening(t *testing.T) (string, func() heard) {
	t.Helper()
	last := atomic.Pointer[heard]{}
	url := receiver(t, func(w http.ResponseWriter, r *http.Request) {
		got, _ := io.ReadAll(r.Body)
		last.Store(&heard{r.Header.Clone(), got, r.Method, r.ProtoMajor, r.URL.RequestURI()})
		io.WriteString(w, `{"approved":true}`)
	})
	return url, func() heard { return *last.Load() }
}

func TestRequestIsSailPoints(t *testing.T) {
	t.Parallel()
	url, last := listening(t)
	s := senders(t, send.Options{})
	for name, c := range map[string]struct {
		config triggers.HTTPConfig
		want   []string
	}{
		"none":   {triggers.HTTPConfig{Authentication: triggers.NoAuth}, nil},
		"basic":  {triggers.HTTPConfig{Authentication: triggers.BasicAuth, Basic: &triggers.BasicConfig{UserName: "ada", Password: ptr("pass:word")}}, []string{"Basic YWRhOnBhc3M6d29yZA=="}},
		"bearer": {triggers.HTTPConfig{Authentication: triggers.BearerAuth, Bearer: &triggers.BearerToken{Token: ptr("tok-1234")}}, []string{"Bearer tok-1234"}},
	} {
		sub := subscriber(url)
		c.config.URL = url + "/hook/%2f?key=v"
		sub.HTTP = &c.config
		sub.Sluice.Headers = []triggers.Header{{Name: "x-tenant", Value: ptr("acme")}, {Name: "X-Tenant", Value: ptr("again")}}
		answer, err := s.Send(t.Context(), deliver(sub, "i-1"))
		if err != nil || answer.Status != 200 || string(answer.Body) != `{"approved":true}` || answer.Cut {
			t.Fatalf("%s: got %+v and %v", name, answer, err)
		}
		got := last()
		if got.method != "POST" || string(got.body) != body || got.path != "/hook/%2f?key=v" {
			t.Errorf("%s: got %s %s %s", name, got.method, got.path, got.body)
		}
		for header, want := range map[string][]string{
			"Authorization": c.want, "Content-Type": {"application/json"}, "User-Agent": {"Sluice"}, "X-Sluice-Invocation-Id": {"i-1"}, "Webhook-Id": {"i-1"},
			"X-Tenant": {"acme", "again"}, "Webhook-Signature": nil, "Idempotency-Key": nil, "Accept-Encoding": nil,
		} {
			if !slices.Equal(got.header[header], want) {
				t.Errorf("%s: got %s = %q, want %q", name, header, got.header[header], want)
			}
		}
	}
}

func TestSignatureVerifiesWithEitherSecret(t *testing.T) {
	t.Parallel()
	url, last := listening(t)
	sub := subscriber(url)
	sub.Sluice.Signing = []triggers.SigningSecret{{ID: "new", Secret: ptr(newSecret)}, {ID: "old", Secret: ptr(oldSecret)}}
	if _, err := senders(t, send.Options{}).Send(t.Context(), deliver(sub, "i-1")); err != nil {
		t.Fatal(err)
	}
	got := last()
	for _, secret := range []string{newSecret, oldSecret} {
		verifier, err := standardwebhooks.NewWebhook(secret)
		if err != nil {
			t.Fatal(err)
		}
		if err := verifier.Verify(got.body, got.header); err != nil {
			t.Errorf("got %v, want it verified: %v", err, got.header)
		}
		if err := verifier.Verify(append(got.body, ' '), got.header); err == nil {
			t.Error("another body was verified, too")
		}
	}
	other, _ := standardwebhooks.NewWebhook("whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")
	if err := other.Verify(got.body, got.header); err == nil {
		t.Error("a secret that nobody has verified it")
	}
}

func TestSubscriptionsThatCannotBeUsed(t *testing.T) {
	t.Parallel()
	s := senders(t, send.Options{})
	for want, change := range map[string]func(*triggers.Subscription){
		"Host is set by Sluice": func(b *triggers.Subscription) {
			b.Sluice.Headers = []triggers.Header{{Name: "host", Value: ptr("evil")}}
		},
		"Content-Length is set by Sluice":      func(b *triggers.Subscription) { b.Sluice.Headers = []triggers.Header{{Name: "content-length"}} },
		"Webhook-Id is set by Sluice":          func(b *triggers.Subscription) { b.Sluice.Headers = []triggers.Header{{Name: "WEBHOOK-ID"}} },
		"X-Sluice-Anything is set by Sluice":   func(b *triggers.Subscription) { b.Sluice.Headers = []triggers.Header{{Name: "x-sluice-anything"}} },
		"Proxy-Authorization is set by Sluice": func(b *triggers.Subscription) { b.Sluice.Headers = []triggers.Header{{Name: "proxy-authorization"}} },
		"no name of a header":                  func(b *triggers.Subscription) { b.Sluice.Headers = []triggers.Header{{Name: "a b"}} },
		"bytes that no header may hold": func(b *triggers.Subscription) {
			b.Sluice.Headers = []triggers.Header{{Name: "a", Value: ptr("x\r\nY: z")}}
		},
		"is no secret": func(b *triggers.Subscription) {
			b.Sluice.Signing = []triggers.SigningSecret{{Secret: ptr("whsec_!!!!")}}
		},
		"24 to 64 bytes": func(b *triggers.Subscription) {
			b.Sluice.Signing = []triggers.SigningSecret{{Secret: ptr("whsec_AAAA")}}
		},
		"at most 2 sign":                   func(b *triggers.Subscription) { b.Sluice.Signing = make([]triggers.SigningSecret, 3) },
		"no pair in PEM":                   func(b *triggers.Subscription) { b.Sluice.Certificate = &triggers.ClientCertificate{Certificate: "x"} },
		"user or password":                 func(b *triggers.Subscription) { b.HTTP.URL = "https://ada:hunter22@receiver.example/" },
		`scheme is "ftp"`:                  func(b *triggers.Subscription) { b.HTTP.URL = "ftp://receiver.example/" },
		"not a URL with a host":            func(b *triggers.Subscription) { b.HTTP.URL = "https:///path" },
		"port is not":                      func(b *triggers.Subscription) { b.HTTP.URL = "https://receiver.example:99999/" },
		"basicAuthConfig is missing":       func(b *triggers.Subscription) { b.HTTP.Authentication = triggers.BasicAuth },
		"bearerTokenAuthConfig is missing": func(b *triggers.Subscription) { b.HTTP.Authentication = triggers.BearerAuth },
		"none of NO_AUTH":                  func(b *triggers.Subscription) { b.HTTP.Authentication = "DIGEST" },
		"oauth2.tokenUrl: not a URL":       func(b *triggers.Subscription) { b.Sluice.OAuth2 = &triggers.ClientCredentials{TokenURL: "nowhere"} },
		"httpConfig is missing":            func(b *triggers.Subscription) { b.HTTP = nil },
		"subscription of type SCRIPT":      func(b *triggers.Subscription) { b.Type = "SCRIPT" },
		"names none of kafka":              func(b *triggers.Subscription) { b.Sluice.Destination = &triggers.Destination{} },
		"Authorization is what": func(b *triggers.Subscription) {
			b.Sluice.OAuth2 = &triggers.ClientCredentials{TokenURL: "https://as.example"}
			b.Sluice.Headers = []triggers.Header{{Name: "authorization", Value: ptr("x")}}
		},
		"brokers and topic are needed": func(b *triggers.Subscription) {
			b.Sluice.Destination = &triggers.Destination{Kafka: &triggers.KafkaTopic{}}
		},
		"nats.subject is missing": func(b *triggers.Subscription) {
			b.Sluice.Destination = &triggers.Destination{NATS: &triggers.NATSSubject{URL: "nats://a"}}
		},
		"neither $JS nor $SYS at the beginning": func(b *triggers.Subscription) {
			b.Sluice.Destination = &triggers.Destination{NATS: &triggers.NATSSubject{URL: "nats://a", Subject: "$JS.API.STREAM.PURGE.x"}}
		},
		"letters, digits and . _ -": func(b *triggers.Subscription) {
			b.Sluice.Destination = &triggers.Destination{Kafka: &triggers.KafkaTopic{Brokers: []string{"a:9092"}, Topic: "a b"}}
		},
		"neither . nor .. alone": func(b *triggers.Subscription) {
			b.Sluice.Destination = &triggers.Destination{Kafka: &triggers.KafkaTopic{Brokers: []string{"a:9092"}, Topic: ".."}}
		},
		"amqp.address: it has": func(b *triggers.Subscription) {
			b.Sluice.Destination = &triggers.Destination{AMQP: &triggers.AMQPNode{URL: "amqp://a", Address: "/queue/a\r\nb"}}
		},
		"amqp.address is missing": func(b *triggers.Subscription) {
			b.Sluice.Destination = &triggers.Destination{AMQP: &triggers.AMQPNode{URL: "amqp://a"}}
		},
		"the region is none of AWS": func(b *triggers.Subscription) {
			b.Sluice.Destination = &triggers.Destination{SQS: &triggers.SQSQueue{URL: "https://q", Region: "evil.example/x"}}
		},
		"an endpoint needs a key of its own": func(b *triggers.Subscription) {
			b.Sluice.Destination = &triggers.Destination{SNS: &triggers.SNSTopic{ARN: "arn:aws:sns:eu-west-1:1:t", AccessKey: triggers.AccessKey{Endpoint: "https://evil.example"}}}
		},
		"no ARN of a topic": func(b *triggers.Subscription) {
			b.Sluice.Destination = &triggers.Destination{SNS: &triggers.SNSTopic{ARN: "t"}}
		},
		"awsAccount is not 12 digits": func(b *triggers.Subscription) {
			b.Type = triggers.TypeEventBridge
			b.EventBridge = &triggers.EventBridgeConfig{Account: "1", Region: "eu-west-1"}
		},
	} {
		sub := subscriber("http://127.0.0.1:1/")
		change(sub)
		_, sent := s.Send(t.Context(), deliver(sub, "i"))
		errs := map[string]error{"check": s.Check(sub), "send": sent}
		if sub.Type == "SCRIPT" { // it may be kept, and is sent nothing
			delete(errs, "check")
		}
		for name, err := range errs {
			if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hunter22") {
				t.Errorf("%s: got %v, want %q in it", name, err, want)
			}
		}
	}
}
