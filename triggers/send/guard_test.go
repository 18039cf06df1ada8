package send_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"sluice/internal/addresses"
	"sluice/triggers"
	"sluice/triggers/send"
)

func TestAddressesThatAreRefused(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	url := receiver(t, func(http.ResponseWriter, *http.Request) { asked.Add(1) })
	_, port, _ := net.SplitHostPort(strings.TrimPrefix(url, "http://"))
	s := send.New(send.Options{})
	t.Cleanup(s.Close)
	for _, host := range []string{
		"127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "[64:ff9b::7f00:1]", "[64:ff9b::a9fe:a9fe]", "[2002:7f00:1::]", "0.0.0.0", "[::]",
		"169.254.169.254", "[fd00:ec2::254]", "[fe80::1]", "10.0.0.1", "172.16.0.1", "192.168.1.1", "100.64.0.1", "224.0.0.1", "[ff02::1]",
		"255.255.255.255", "198.18.0.1", "192.0.0.192", "[fc00::1]", "[2001:db8::1]",
	} {
		target := "http://" + host + ":" + port + "/secret-path?key=hunter22"
		sub := subscriber(target)
		for name, err := range map[string]error{
			"check": s.Check(sub),
			"send":  func() error { _, err := s.Send(t.Context(), deliver(sub, "i")); return err }(),
		} {
			if !errors.Is(err, addresses.ErrRefused) || triggers.IsPermanent(err) || !strings.Contains(err.Error(), "allow_networks") {
				t.Errorf("%s %s: got %v, want it refused in clear words", name, host, err)
			} else if strings.Contains(err.Error(), "hunter22") || strings.Contains(err.Error(), "secret-path") {
				t.Errorf("%s %s: got %v, which quotes the URL", name, host, err)
			}
		}
	}
	if n := asked.Load(); n != 0 {
		t.Errorf("the receiver was asked %d times, want never", n)
	}
}

func TestRefusalInWords(t *testing.T) {
	t.Parallel()
	const want = "169.254.169.254 is no address that events are sent to: address refused: 169.254.169.254 lies in 169.254.0.0/16; use a public address, or let the operator list the network under allow_networks"
	s := send.New(send.Options{})
	t.Cleanup(s.Close)
	if err := s.Check(subscriber("http://169.254.169.254/latest")); err == nil || err.Error() != "httpConfig.url: "+want {
		t.Errorf("check:\n got %v\nwant httpConfig.url: %s", err, want)
	}
	if _, err := s.Send(t.Context(), deliver(subscriber("http://169.254.169.254/latest"), "i")); err == nil || err.Error() != want {
		t.Errorf("send:\n got %v\nwant %s", err, want)
	}
}

// destinations is one subscription of each kind, all of which lead to address.
func destinations(address string) (map[string]*triggers.Subscription, send.EventBridgeOptions) {
	key := triggers.AccessKey{AccessKeyID: accessKey, SecretAccessKey: ptr(planted["key"]), Endpoint: "http://" + address}
	oauth := subscriber("https://8.8.8.8/")
	oauth.Sluice.OAuth2 = &triggers.ClientCredentials{TokenURL: "http://" + address, ClientID: "c", ClientSecret: ptr(planted["oauth"])}
	return map[string]*triggers.Subscription{
		"http": subscriber("http://" + address), "eventbridge": bridge(), "oauth2": oauth,
		"kafka": broker(triggers.Destination{Kafka: &triggers.KafkaTopic{Brokers: []string{address}, Topic: "t"}}),
		"nats":  broker(triggers.Destination{NATS: &triggers.NATSSubject{URL: "nats://" + address, Subject: "s"}}),
		"amqp":  broker(triggers.Destination{AMQP: &triggers.AMQPNode{URL: "amqp://" + address, Address: "q"}}),
		"sqs":   broker(triggers.Destination{SQS: &triggers.SQSQueue{URL: "https://sqs.eu-west-1.amazonaws.com/1/q", Region: "eu-west-1", AccessKey: key}}),
		"sns":   broker(triggers.Destination{SNS: &triggers.SNSTopic{ARN: "arn:aws:sns:eu-west-1:123456789012:t", AccessKey: key}}),
	}, send.EventBridgeOptions{AccessKey: key}
}

// listener takes connections, counts them and hands them to f.
func listener(t *testing.T, f func(net.Conn)) (string, *atomic.Int32) {
	t.Helper()
	opened := &atomic.Int32{}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			opened.Add(1)
			f(c)
		}
	}()
	return l.Addr().String(), opened
}

func TestEveryDestinationIsGuarded(t *testing.T) {
	t.Parallel()
	address, opened := listener(t, func(c net.Conn) { c.Close() })
	all, options := destinations(address)
	s := send.New(send.Options{EventBridge: options})
	t.Cleanup(s.Close)
	for name, sub := range all {
		if err := s.Check(sub); !errors.Is(err, addresses.ErrRefused) {
			t.Errorf("%s: check got %v, want it refused", name, err)
		}
		if _, err := s.Send(t.Context(), deliver(sub, "i")); !errors.Is(err, addresses.ErrRefused) {
			t.Errorf("%s: send got %v, want it refused", name, err)
		}
	}
	if n := opened.Load(); n != 0 {
		t.Errorf("%d connections were opened, want none", n)
	}
}

// A peer that takes a connection and is silent, or hangs up, holds nobody and is tried again, whatever it was to speak.
func TestEveryDestinationMayFail(t *testing.T) {
	t.Parallel()
	silent, _ := listener(t, func(c net.Conn) { t.Cleanup(func() { c.Close() }) })
	rude, _ := listener(t, func(c net.Conn) { c.Close() })
	garbage, _ := listener(t, func(c net.Conn) {
		_, _ = c.Write([]byte(strings.Repeat(planted["token"]+planted["key"]+"\r\n", 100)))
		c.Close()
	})
	for kind, address := range map[string]string{"silent": silent, "rude": rude, "garbage": garbage} {
		all, options := destinations(address)
		s := senders(t, send.Options{Timeout: 100 * time.Millisecond, EventBridge: options})
		for name, sub := range all {
			_, err := s.Send(t.Context(), deliver(sub, "i"))
			leaks(t, kind+" "+name, err)
			if triggers.IsPermanent(err) || kind == "silent" && !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%s %s: got %v, want it tried again", kind, name, err)
			}
		}
	}
}
