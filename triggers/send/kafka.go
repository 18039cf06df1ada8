package send

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"regexp"
	"strings"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/plain"

	"sluice/triggers"
)

// kafka produces records. Their key is the event's subject, so that a partition keeps the order of its events.
type kafka struct {
	guard   guard
	to      *triggers.KafkaTopic
	tls     *tls.Config // nil = plain
	client  *kgo.Client
	timeout time.Duration
	reached atomic.Bool           // the last records were taken
	dialled atomic.Pointer[error] // why the last broker could not be reached; the library tells only that time ran out
}

// mostKafka is what an answer of a broker may weigh. The library makes room at once for what is announced, and the largest that a producer asks for
// names the brokers and the partitions of one topic.
const mostKafka = 4 << 20

// kafkaRules is the rule table of Kafka: what it refuses for good, and what of the rest is worth words. The first row that fits holds.
var kafkaRules = []struct {
	err   error
	final bool
	says  string
}{
	{kerr.MessageTooLarge, true, "the event is too large for the topic"},
	{kerr.RecordListTooLarge, true, "the event is too large for the topic"},
	{kerr.InvalidRecord, true, "the topic refuses the record as it is, as one that is compacted does without a key"},
	{kerr.UnknownTopicOrPartition, false, "there is no such topic, or the user may not see it"},
	{kerr.TopicAuthorizationFailed, false, "the user may not write to the topic"},
	{kerr.SaslAuthenticationFailed, false, "the brokers do not take the user and password"},
	{kerr.NotEnoughReplicas, false, "too few replicas are in sync"},
	{kerr.ThrottlingQuotaExceeded, false, "it gets too much at once"},
}

// kafkaTopic is what Kafka takes for a topic's name (org.apache.kafka.common.internals.Topic).
var kafkaTopic = regexp.MustCompile(`^[A-Za-z0-9._-]{1,249}$`)

func newKafka(o Options, g guard, to *triggers.KafkaTopic) (*kafka, error) {
	if len(to.Brokers) == 0 || to.Topic == "" {
		return nil, errors.New("sluice.destination.kafka: brokers and topic are needed")
	}
	if !kafkaTopic.MatchString(to.Topic) || to.Topic == "." || to.Topic == ".." {
		return nil, errors.New("sluice.destination.kafka.topic: write letters, digits and . _ -, 249 at the most, and neither . nor .. alone")
	}
	for _, b := range to.Brokers {
		if host, port, err := net.SplitHostPort(b); err != nil || host == "" || port == "" || strings.ContainsAny(b, "@/?# ") {
			return nil, errors.New("sluice.destination.kafka.brokers: one is not written as host:port")
		}
	}
	k := &kafka{guard: g, to: to, timeout: o.Timeout}
	if to.TLS {
		var err error
		if k.tls, err = tlsOf(o.Roots, nil); err != nil {
			return nil, err
		}
	}
	options := []kgo.Opt{
		kgo.SeedBrokers(to.Brokers...), kgo.DefaultProduceTopic(to.Topic), kgo.ClientID("sluice"), kgo.Dialer(k.dial),
		// A record that fails is ours to send again. The client only looks soon who leads the partition now.
		// The library's own limit for a record counts from its timestamp, which is the event's; so the context bounds it.
		kgo.ProduceRequestTimeout(o.Timeout), kgo.RequestTimeoutOverhead(max(o.Timeout, time.Second)), kgo.RecordRetries(0), kgo.RequestRetries(1), kgo.UnknownTopicRetries(1), kgo.MetadataMinAge(time.Second),
		// Idempotence would keep records that time has run out for, and the invocation's id tells a duplicate anyway.
		kgo.DisableIdempotentWrite(), kgo.RequiredAcks(kgo.AllISRAcks()),
		kgo.BrokerMaxReadBytes(mostKafka), kgo.FetchMaxBytes(mostKafka), // the one may not be less than the other
		kgo.ProducerLinger(0), kgo.MaxBufferedRecords(1000),
	}
	if to.UserName != "" {
		options = append(options, kgo.SASL(plain.Auth{User: to.UserName, Pass: text(to.Password)}.AsMechanism()))
	}
	var err error
	if k.client, err = kgo.NewClient(options...); err != nil {
		return nil, errors.New("sluice.destination.kafka: the client cannot be made of these settings")
	}
	return k, nil
}

// dial reaches a broker, one that the subscription names or one that another broker has named: both stand behind the guard.
func (k *kafka) dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := k.guard.dial(ctx, network, address, k.tls)
	if err != nil && !errors.Is(ctx.Err(), context.Canceled) {
		k.dialled.Store(&err)
	} else if err == nil {
		k.dialled.Store(nil)
	}
	return conn, err
}

func (k *kafka) hosts() (all []host) {
	for _, b := range k.to.Brokers {
		name, _, _ := net.SplitHostPort(b)
		all = append(all, host{"sluice.destination.kafka.brokers", name})
	}
	return all
}

func (k *kafka) close() { k.client.Close() }

func (k *kafka) Most() int { return mostInBatch }

func (k *kafka) Send(ctx context.Context, d triggers.Delivery) (triggers.Answer, error) {
	if err := k.SendAll(ctx, []triggers.Delivery{d})[0]; err != nil {
		return triggers.Answer{}, err
	}
	return triggers.Answer{Status: http.StatusOK}, nil
}

func (k *kafka) SendAll(ctx context.Context, all []triggers.Delivery) []error {
	timed, cancel := context.WithTimeout(ctx, k.timeout)
	defer cancel()
	records := make([]*kgo.Record, len(all))
	place := make(map[*kgo.Record]int, len(all))
	for i, d := range all {
		records[i] = &kgo.Record{Key: []byte(d.Event.Subject), Value: d.Body, Timestamp: d.Event.Time}
		for _, m := range marks(d) {
			records[i].Headers = append(records[i].Headers, kgo.RecordHeader{Key: m.name, Value: []byte(m.value)})
		}
		place[records[i]] = i
	}
	// A client that produces looks for brokers until time runs out, and would tell of nothing else. So it asks for one first.
	if !k.reached.Load() {
		if err := k.client.Ping(timed); err != nil {
			return each(len(all), k.judge(ctx, err))
		}
	}
	k.reached.Store(true)
	errs := make([]error, len(all))
	for _, r := range k.client.ProduceSync(timed, records...) { // in the order in which they came back
		if r.Err != nil {
			k.reached.Store(false)
			errs[place[r.Record]] = k.judge(ctx, r.Err)
		}
	}
	return errs
}

func (k *kafka) judge(ctx context.Context, err error) error {
	for _, r := range kafkaRules {
		if !errors.Is(err, r.err) {
			continue
		}
		out := fmt.Errorf("topic %s of Kafka: %s", k.to.Topic, r.says)
		if r.final {
			return triggers.Permanent(out)
		}
		return out
	}
	if known, ok := errors.AsType[*kerr.Error](err); ok {
		return fmt.Errorf("topic %s of Kafka: a broker answered %s", k.to.Topic, known.Message)
	}
	if why := k.dialled.Load(); why != nil && ctx.Err() == nil {
		err = *why
	}
	return fmt.Errorf("topic %s of Kafka: %w", k.to.Topic, unanswered(ctx, "a broker", err))
}
