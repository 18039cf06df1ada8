package send_test

import (
	"context"
	"net"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"sluice/triggers"
	"sluice/triggers/send"
)

// server is the address of a real server that .ci/run has brought up, or the test is skipped, but not in CI.
func server(t *testing.T, variable, address string) string {
	t.Helper()
	if named := os.Getenv(variable); named != "" {
		address = named
	}
	conn, err := net.DialTimeout("tcp", address, 2*time.Second)
	if err == nil {
		conn.Close()
		return address
	}
	if os.Getenv("CI") != "" {
		t.Fatalf("%v; start the server, or name another by %s", err, variable)
	}
	t.Skipf("%v; start the server, or name another by %s", err, variable)
	return ""
}

// stream is a stream of the test's own, with the subject that it takes.
func stream(t *testing.T, change func(*jetstream.StreamConfig)) (jetstream.JetStream, *triggers.Subscription, jetstream.Stream) {
	t.Helper()
	url := "nats://" + server(t, "TEST_NATS", "127.0.0.1:4222")
	conn, err := nats.Connect(url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	name := "SLUICE_TEST_" + strconv.FormatInt(time.Now().UnixNano(), 36)
	config := jetstream.StreamConfig{Name: name, Subjects: []string{name + ".>"}, Storage: jetstream.MemoryStorage}
	change(&config)
	made, err := js.CreateStream(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = js.DeleteStream(context.Background(), name) })
	return js, broker(triggers.Destination{NATS: &triggers.NATSSubject{URL: url, Subject: name + ".identity"}}), made
}

func TestNATS(t *testing.T) {
	t.Parallel()
	_, sub, made := stream(t, func(*jetstream.StreamConfig) {})
	s := senders(t, send.Options{})
	for _, said := range []string{"", "the stream has it already, under this id"} { // the second is a duplicate, which the stream drops
		if answer, err := s.Send(t.Context(), deliver(sub, "i-1")); err != nil || answer.Status != 200 || string(answer.Body) != said {
			t.Fatalf("got %+v and %v, want it taken and %q", answer, err, said)
		}
	}
	for i, err := range s.SendAll(t.Context(), several(sub, 10)) {
		if err != nil {
			t.Errorf("event %d: %v", i, err)
		}
	}
	info, err := made.Info(t.Context())
	if err != nil || info.State.Msgs != 11 {
		t.Fatalf("got %+v and %v, want 11 messages", info, err)
	}
	msg, err := made.GetMsg(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	if string(msg.Data) != body || msg.Header.Get("Nats-Msg-Id") != "i-1" || msg.Header.Get("X-Sluice-Invocation-Id") != "i-1" || msg.Header.Get("X-Sluice-Trigger-Id") != sub.TriggerID {
		t.Errorf("got %s %v, want the event with its ids", msg.Data, msg.Header)
	}
}

// What is no subject to publish to is refused before anything is sent: on a connection it would be another line of the protocol.
func TestNATSSubjects(t *testing.T) {
	t.Parallel()
	s := senders(t, send.Options{})
	for subject, taken := range map[string]bool{
		"events": true, "hr.identity.deleted": true, "hr.Änderung": true, "a$b": true, "a b": false, "a..b": false, ".a": false, "a.": false, "a.>": false,
		"a.*.b": false, "a\r\nPUB b 1": false, "a\x00": false, "$JS.API.x": false, "$SYS": false, "$KV.bucket.key": true, strings.Repeat("a", 257): false, "a\u2028b": false,
	} {
		err := s.Check(broker(triggers.Destination{NATS: &triggers.NATSSubject{URL: "nats://127.0.0.1:4222", Subject: subject}}))
		if taken != (err == nil) {
			t.Errorf("%q: got %v, want it taken: %t", subject, err, taken)
		}
	}
}

func TestNATSRefusals(t *testing.T) {
	t.Parallel()
	_, full, _ := stream(t, func(c *jetstream.StreamConfig) { c.MaxMsgs, c.Discard = 1, jetstream.DiscardNew })
	_, small, _ := stream(t, func(c *jetstream.StreamConfig) { c.MaxMsgSize = 8 })
	s := senders(t, send.Options{})
	if _, err := s.Send(t.Context(), deliver(full, "i-1")); err != nil {
		t.Fatal(err)
	}
	nowhere := *full.Sluice.Destination.NATS
	nowhere.Subject = "sluice.test.nowhere." + full.ID
	huge := deliver(full, "i-3")
	huge.Body = []byte(`"` + strings.Repeat("x", 2<<20) + `"`)
	for want, c := range map[string]struct {
		d     triggers.Delivery
		final bool
	}{
		"the stream is full":                        {deliver(full, "i-2"), false},
		"the event is larger than the stream takes": {deliver(small, "i-2"), true},
		"the event is larger than the server takes": {huge, true},
		"no stream takes this subject":              {deliver(broker(triggers.Destination{NATS: &nowhere}), "i-2"), false},
	} {
		_, err := senders(t, send.Options{}).Send(t.Context(), c.d)
		if err == nil || !strings.HasSuffix(err.Error(), want) || triggers.IsPermanent(err) != c.final {
			t.Errorf("got %v, final %t; want %s, final %t", err, triggers.IsPermanent(err), want, c.final)
		}
	}
}

func TestNATSNobodyThere(t *testing.T) {
	t.Parallel()
	sub := broker(triggers.Destination{NATS: &triggers.NATSSubject{URL: "nats://127.0.0.1:1", Subject: "events"}})
	_, err := senders(t, send.Options{}).Send(t.Context(), deliver(sub, "i"))
	if want := "subject events of NATS: 127.0.0.1 refuses connections"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

// The connection is made again after it has been cut.
func TestNATSReconnects(t *testing.T) {
	t.Parallel()
	_, sub, _ := stream(t, func(*jetstream.StreamConfig) {})
	to := sub.Sluice.Destination.NATS
	between := newBetween(t, strings.TrimPrefix(to.URL, "nats://"))
	to.URL = "nats://" + between.address
	between.cutAndSend(t, sub)
}
