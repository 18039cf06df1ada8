package send_test

import (
	"context"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"sluice/triggers"
	"sluice/triggers/send"
)

// cluster is a Kafka with one topic of three partitions.
func cluster(t *testing.T, opts ...kfake.Opt) *kfake.Cluster {
	t.Helper()
	c, err := kfake.NewCluster(append(opts, kfake.SeedTopics(3, "events"), kfake.NumBrokers(1))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func kafkaSubscriber(c *kfake.Cluster, topic string) *triggers.Subscription {
	return broker(triggers.Destination{Kafka: &triggers.KafkaTopic{Brokers: c.ListenAddrs(), Topic: topic}})
}

func TestKafka(t *testing.T) {
	t.Parallel()
	c := cluster(t)
	s := senders(t, send.Options{})
	sub := kafkaSubscriber(c, "events")
	for i, err := range s.SendAll(t.Context(), several(sub, 10)) {
		if err != nil {
			t.Fatalf("record %d: %v", i, err)
		}
	}
	if answer, err := s.Send(t.Context(), deliver(sub, "i-last")); err != nil || answer.Status != 200 {
		t.Fatalf("got %+v and %v", answer, err)
	}
	reader, err := kgo.NewClient(kgo.SeedBrokers(c.ListenAddrs()...), kgo.ConsumeTopics("events"))
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	var records []*kgo.Record
	for len(records) < 11 && ctx.Err() == nil {
		records = append(records, reader.PollFetches(ctx).Records()...)
	}
	var ids []string
	for _, r := range records {
		headers := map[string]string{}
		for _, h := range r.Headers {
			headers[h.Key] = string(h.Value)
		}
		ids = append(ids, headers["X-Sluice-Invocation-Id"])
		if string(r.Key) != "p1" || string(r.Value) != body || r.Partition != records[0].Partition || headers["X-Sluice-Subscription-Id"] != sub.ID {
			t.Errorf("got key %s, value %s, partition %d, headers %v; want the subject's", r.Key, r.Value, r.Partition, headers)
		}
	}
	if got, want := strings.Join(ids, " "), "i-a i-b i-c i-d i-e i-f i-g i-h i-i i-j i-last"; got != want {
		t.Errorf("got %s, want %s in their order", got, want)
	}
}

func TestKafkaRefusals(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		code  *kerr.Error
		want  string
		final bool
	}{
		"too large":    {kerr.MessageTooLarge, "topic events of Kafka: the event is too large for the topic", true},
		"invalid":      {kerr.InvalidRecord, "topic events of Kafka: the topic refuses the record as it is, as one that is compacted does without a key", true},
		"unauthorized": {kerr.TopicAuthorizationFailed, "topic events of Kafka: the user may not write to the topic", false},
		"replicas":     {kerr.NotEnoughReplicas, "topic events of Kafka: too few replicas are in sync", false},
		"odd":          {kerr.PolicyViolation, "topic events of Kafka: a broker answered POLICY_VIOLATION", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := cluster(t)
			k.ControlKey(kmsg.Produce.Int16(), func(req kmsg.Request) (kmsg.Response, error, bool) {
				k.KeepControl()
				return produced(req.(*kmsg.ProduceRequest), c.code), nil, true
			})
			_, err := senders(t, send.Options{}).Send(t.Context(), deliver(kafkaSubscriber(k, "events"), "i"))
			if err == nil || err.Error() != c.want || triggers.IsPermanent(err) != c.final {
				t.Errorf("got %v, final %t; want %s, final %t", err, triggers.IsPermanent(err), c.want, c.final)
			}
		})
	}
}

// produced answers req with code for each of its partitions.
func produced(req *kmsg.ProduceRequest, code *kerr.Error) kmsg.Response {
	resp := req.ResponseKind().(*kmsg.ProduceResponse)
	for _, topic := range req.Topics {
		out := kmsg.NewProduceResponseTopic()
		out.Topic, out.TopicID = topic.Topic, topic.TopicID
		for _, p := range topic.Partitions {
			part := kmsg.NewProduceResponseTopicPartition()
			part.Partition, part.ErrorCode = p.Partition, code.Code
			out.Partitions = append(out.Partitions, part)
		}
		resp.Topics = append(resp.Topics, out)
	}
	return resp
}

func TestKafkaWithoutTopicOrPassword(t *testing.T) {
	t.Parallel()
	s := senders(t, send.Options{})
	_, err := s.Send(t.Context(), deliver(kafkaSubscriber(cluster(t), "nowhere"), "i"))
	if err == nil || err.Error() != "topic nowhere of Kafka: there is no such topic, or the user may not see it" {
		t.Errorf("got %v, want the topic missed", err)
	}
	sub := kafkaSubscriber(cluster(t, kfake.EnableSASL(), kfake.Superuser("PLAIN", "ada", planted["broker"])), "events")
	sub.Sluice.Destination.Kafka.UserName, sub.Sluice.Destination.Kafka.Password = "ada", ptr(planted["broker"])
	if _, err := s.Send(t.Context(), deliver(sub, "i")); err != nil {
		t.Errorf("got %v, want the password taken", err)
	}
	k := cluster(t, kfake.EnableSASL(), kfake.Superuser("PLAIN", "ada", "another"))
	k.ControlKey(kmsg.SASLAuthenticate.Int16(), func(req kmsg.Request) (kmsg.Response, error, bool) { // as a real one does; this one would hang up
		k.KeepControl()
		resp := req.ResponseKind().(*kmsg.SASLAuthenticateResponse)
		resp.ErrorCode, resp.ErrorMessage = kerr.SaslAuthenticationFailed.Code, ptr(planted["broker"])
		return resp, nil, true
	})
	wrong := *sub.Sluice.Destination.Kafka
	wrong.Brokers = k.ListenAddrs()
	_, err = s.Send(t.Context(), deliver(broker(triggers.Destination{Kafka: &wrong}), "i"))
	leaks(t, "wrong password", err)
	if !strings.Contains(err.Error(), "do not take the user and password") {
		t.Errorf("got %v, want the password refused", err)
	}
}

func TestKafkaNobodyThere(t *testing.T) {
	t.Parallel()
	sub := broker(triggers.Destination{Kafka: &triggers.KafkaTopic{Brokers: []string{"127.0.0.1:1"}, Topic: "events"}})
	_, err := senders(t, send.Options{}).Send(t.Context(), deliver(sub, "i"))
	if want := "topic events of Kafka: a broker refuses connections"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

// A broker that takes a record and never says so holds nobody longer than the time for an answer, or little more.
func TestKafkaHangs(t *testing.T) {
	t.Parallel()
	k := cluster(t)
	k.ControlKey(kmsg.Produce.Int16(), func(kmsg.Request) (kmsg.Response, error, bool) {
		k.KeepControl()
		return nil, nil, true
	})
	_, err := senders(t, send.Options{Timeout: 100 * time.Millisecond}).Send(t.Context(), deliver(kafkaSubscriber(k, "events"), "i"))
	if want := "topic events of Kafka: a broker did not answer in time: context deadline exceeded"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

// A broker that announces a large answer is not made room for.
func TestHostileKafka(t *testing.T) {
	t.Parallel()
	to := func(address string) triggers.Destination {
		return triggers.Destination{Kafka: &triggers.KafkaTopic{Brokers: []string{address}, Topic: "events"}}
	}
	suffer(t, send.Options{}, "no answer that can be read came from a broker", to, func(conn net.Conn) int64 { return flood(conn, "\x06\x00\x00\x00", planted["token"]) })
}
