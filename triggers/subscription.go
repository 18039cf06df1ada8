package triggers

import (
	"encoding/json"
	"time"
)

// Types of subscriptions, in SailPoint's words. INLINE, SCRIPT and WORKFLOW are accepted and listed; nothing is delivered to them (Delivers).
const (
	TypeHTTP        = "HTTP"
	TypeEventBridge = "EVENTBRIDGE"
)

// How an HTTP receiver answers (facts: "Response modes"). Of FIRE_AND_FORGET triggers only SYNC makes a difference: any 2xx is an answer.
const (
	DispatchSync    = "SYNC"    // 200 with the output
	DispatchAsync   = "ASYNC"   // 200 with {}, the output later at the callback URL
	DispatchDynamic = "DYNAMIC" // 200 with the output, or 202 and the output later
)

// How Sluice shows itself to an HTTP receiver.
const (
	NoAuth     = "NO_AUTH"
	BasicAuth  = "BASIC_AUTH"
	BearerAuth = "BEARER_TOKEN"
)

// Subscription says whom a trigger's events go to. Its JSON is SailPoint's; what SailPoint lacks stands under the member "sluice", so that a
// client with a closed list of values reads ours without a change. It holds secrets: what TakeSecrets leaves may be shown. Once a sender has seen it, it
// does not change: a change is another Subscription.
type Subscription struct {
	ID               string             `json:"id"`
	Name             string             `json:"name"`
	Description      *string            `json:"description"`
	TriggerID        string             `json:"triggerId"`
	TriggerName      string             `json:"triggerName"`
	Type             string             `json:"type"`
	ResponseDeadline string             `json:"responseDeadline"` // ISO 8601
	HTTP             *HTTPConfig        `json:"httpConfig,omitempty"`
	EventBridge      *EventBridgeConfig `json:"eventBridgeConfig,omitempty"`
	Workflow         json.RawMessage    `json:"workflowConfig,omitempty"` // as it came: nobody documents its shape
	Enabled          bool               `json:"enabled"`
	Filter           *string            `json:"filter"`
	Sluice           Extension          `json:"sluice"`
}

// Delivers tells whether events go to a subscription of this type. To the others they are not even addressed.
func (s *Subscription) Delivers() bool { return s.Type == TypeHTTP || s.Type == TypeEventBridge }

// Receiver is what kind of receiver a subscription has, in a word: http, eventbridge, kafka, nats, amqp, sqs, sns, or none.
func (s *Subscription) Receiver() string {
	to := s.Sluice.Destination
	switch {
	case s.Type == TypeEventBridge:
		return "eventbridge"
	case s.Type != TypeHTTP:
		return "none"
	case to == nil:
		return "http"
	case to.Kafka != nil:
		return "kafka"
	case to.NATS != nil:
		return "nats"
	case to.AMQP != nil:
		return "amqp"
	case to.SQS != nil:
		return "sqs"
	case to.SNS != nil:
		return "sns"
	}
	return "none"
}

// HTTPConfig is an HTTP receiver.
type HTTPConfig struct {
	URL            string       `json:"url"`
	DispatchMode   string       `json:"httpDispatchMode"`
	Authentication string       `json:"httpAuthenticationType"`
	Basic          *BasicConfig `json:"basicAuthConfig"`
	Bearer         *BearerToken `json:"bearerTokenAuthConfig"`
}

// BasicConfig is a user and a password, which is null in every answer.
type BasicConfig struct {
	UserName string  `json:"userName"`
	Password *string `json:"password"`
}

// BearerToken is a token, which is null in every answer.
type BearerToken struct {
	Token *string `json:"bearerToken"`
}

// EventBridgeConfig is an account of AWS and a region, in which its partner event source is.
type EventBridgeConfig struct {
	Account string `json:"awsAccount"` // 12 digits
	Region  string `json:"awsRegion"`
}

// Extension is what SailPoint's subscriptions lack.
type Extension struct {
	// Destination is where events go instead of to httpConfig.url. Type is HTTP then, because SailPoint has no word for it.
	Destination   *Destination       `json:"destination,omitempty"`
	Ordering      string             `json:"ordering,omitempty"`      // subject: events of one subject one after the other, the default; none
	Concurrency   int                `json:"concurrency,omitempty"`   // deliveries under way at once; 0 = 8
	RatePerSecond float64            `json:"ratePerSecond,omitempty"` // 0 = no limit
	RetryFor      string             `json:"retryFor,omitempty"`      // ISO 8601; "" = P3D
	Metadata      bool               `json:"metadata,omitempty"`      // _metadata in FIRE_AND_FORGET and SYNC bodies too
	Signing       []SigningSecret    `json:"signing,omitempty"`       // at most two, the newest first; none: no signature
	OAuth2        *ClientCredentials `json:"oauth2,omitempty"`
	Certificate   *ClientCertificate `json:"clientCertificate,omitempty"`
	Headers       []Header           `json:"headers,omitempty"`

	// Told, and not taken from anybody.
	Paused   *Pause    `json:"paused,omitempty"`
	Created  time.Time `json:"created,omitzero"`
	Modified time.Time `json:"modified,omitzero"`
}

// Orderings of deliveries.
const (
	OrderingSubject = "subject"
	OrderingNone    = "none"
)

// Destination is a broker. One of its members is set.
type Destination struct {
	Kafka *KafkaTopic  `json:"kafka,omitempty"`
	NATS  *NATSSubject `json:"nats,omitempty"`
	AMQP  *AMQPNode    `json:"amqp,omitempty"`
	SQS   *SQSQueue    `json:"sqs,omitempty"`
	SNS   *SNSTopic    `json:"sns,omitempty"`
}

// KafkaTopic is a topic; the event's subject is the record's key.
type KafkaTopic struct {
	Brokers  []string `json:"brokers"` // host:port
	Topic    string   `json:"topic"`
	TLS      bool     `json:"tls,omitempty"`
	UserName string   `json:"userName,omitempty"` // SASL/PLAIN
	Password *string  `json:"password,omitempty"`
}

// NATSSubject is a subject that a JetStream stream takes.
type NATSSubject struct {
	URL      string  `json:"url"` // nats:// or tls://
	Subject  string  `json:"subject"`
	UserName string  `json:"userName,omitempty"`
	Password *string `json:"password,omitempty"`
}

// AMQPNode is a node of AMQP 1.0: a queue or topic, as of Azure Service Bus or RabbitMQ.
type AMQPNode struct {
	URL      string  `json:"url"` // amqp:// or amqps://
	Address  string  `json:"address"`
	UserName string  `json:"userName,omitempty"`
	Password *string `json:"password,omitempty"`
}

// SQSQueue is a queue of AWS.
type SQSQueue struct {
	URL    string `json:"url"`
	Region string `json:"region"`
	AccessKey
}

// SNSTopic is a topic of AWS.
type SNSTopic struct {
	ARN string `json:"arn"`
	AccessKey
}

// AccessKey is a key of AWS; without one the machine's own credentials are used, and those are shown to no other endpoint than AWS's.
type AccessKey struct {
	AccessKeyID     string  `json:"accessKeyId,omitempty"`
	SecretAccessKey *string `json:"secretAccessKey,omitempty"`
	Endpoint        string  `json:"endpoint,omitempty"` // instead of AWS's own
}

// SigningSecret is a secret of Standard Webhooks. A body is signed with each, so that a receiver can go from one to the next.
type SigningSecret struct {
	ID     string  `json:"id"`
	Secret *string `json:"secret"` // whsec_ and 24 to 64 bytes in base64
}

// ClientCredentials fetch a token from an authorization server (RFC 6749, 4.4).
type ClientCredentials struct {
	TokenURL     string   `json:"tokenUrl"`
	ClientID     string   `json:"clientId"`
	ClientSecret *string  `json:"clientSecret"`
	Scopes       []string `json:"scopes,omitempty"`
	InBody       bool     `json:"inBody,omitempty"` // the secret in the body instead of in Authorization
}

// ClientCertificate is shown in the TLS handshake.
type ClientCertificate struct {
	Certificate string  `json:"certificate"` // PEM, the chain
	Key         *string `json:"key"`         // PEM
}

// Header is one more header of each request.
type Header struct {
	Name  string  `json:"name"`
	Value *string `json:"value"`
}

// Pause says since when and why nothing is delivered to an enabled subscription. Events go on to be kept for it.
type Pause struct {
	Since  time.Time `json:"since"`
	Until  time.Time `json:"until,omitzero"` // when one delivery is tried; zero: not before an operator resumes it
	Reason string    `json:"reason"`
	By     string    `json:"by"` // circuit | operator
}
