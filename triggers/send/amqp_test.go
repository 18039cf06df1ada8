package send_test

import (
	"context"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/Azure/go-amqp"

	"sluice/triggers"
	"sluice/triggers/send"
)

// node is a queue of the test's own at the real server, which .ci/run lets expire, and a way to read it.
func node(t *testing.T) (*triggers.Subscription, *amqp.Receiver) {
	t.Helper()
	url := "amqp://" + server(t, "TEST_AMQP", "127.0.0.1:5672")
	conn, err := amqp.Dial(t.Context(), url, &amqp.ConnOptions{SASLType: amqp.SASLTypePlain("guest", "guest")})
	if err != nil {
		t.Fatalf("%v; the server must speak AMQP 1.0", err)
	}
	t.Cleanup(func() { conn.Close() })
	session, err := conn.NewSession(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	address := "/queue/sluice-test-" + strconv.FormatInt(time.Now().UnixNano(), 36)
	reader, err := session.NewReceiver(t.Context(), address, nil)
	if err != nil {
		t.Fatal(err)
	}
	return broker(triggers.Destination{AMQP: &triggers.AMQPNode{URL: url, Address: address, UserName: "guest", Password: ptr("guest")}}), reader
}

func TestAMQP(t *testing.T) {
	t.Parallel()
	sub, reader := node(t)
	s := senders(t, send.Options{})
	for i, err := range s.SendAll(t.Context(), several(sub, 10)) {
		if err != nil {
			t.Fatalf("event %d: %v", i, err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	ids := map[any]bool{}
	for range 10 {
		msg, err := reader.Receive(ctx, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := reader.AcceptMessage(ctx, msg); err != nil {
			t.Fatal(err)
		}
		ids[msg.Properties.MessageID] = true
		if string(msg.GetData()) != body || *msg.Properties.ContentType != "application/json" || *msg.Properties.Subject != sub.TriggerID || !msg.Header.Durable ||
			msg.ApplicationProperties["X-Sluice-Invocation-Id"] != msg.Properties.MessageID {
			t.Errorf("got %s, %+v, %v", msg.GetData(), msg.Properties, msg.ApplicationProperties)
		}
	}
	if len(ids) != 10 || !ids["i-a"] || !ids["i-j"] {
		t.Errorf("got %v, want ten ids", ids)
	}
}

func TestAMQPRefusals(t *testing.T) {
	t.Parallel()
	sub, _ := node(t)
	change := func(f func(*triggers.AMQPNode)) *triggers.Subscription {
		to := *sub.Sluice.Destination.AMQP
		f(&to)
		return broker(triggers.Destination{AMQP: &to})
	}
	s := senders(t, send.Options{})
	for name, c := range map[string]struct {
		sub  *triggers.Subscription
		want string
	}{
		"no node":        {change(func(n *triggers.AMQPNode) { n.Address = "/exchange/sluice-test-nowhere/x" }), "there is no such node"},
		"wrong password": {change(func(n *triggers.AMQPNode) { n.Password = ptr(planted["broker"]) }), "it does not take the user and password"},
		"nobody there":   {change(func(n *triggers.AMQPNode) { n.URL = "amqp://127.0.0.1:1" }), "refuses connections"},
	} {
		_, err := s.Send(t.Context(), deliver(c.sub, "i"))
		leaks(t, name, err)
		if !strings.Contains(err.Error(), c.want) || triggers.IsPermanent(err) {
			t.Errorf("%s: got %v, want %s, to be tried again", name, err, c.want)
		}
	}
}

// The link is made again after its connection has been cut.
func TestAMQPReconnects(t *testing.T) {
	t.Parallel()
	sub, _ := node(t)
	to := sub.Sluice.Destination.AMQP
	between := newBetween(t, strings.TrimPrefix(to.URL, "amqp://"))
	to.URL = "amqp://" + between.address
	between.cutAndSend(t, sub)
}
