package send_test

import (
	"bufio"
	"crypto/tls"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/nats-io/nats.go/jetstream"

	"sluice/triggers"
	"sluice/triggers/send"
)

// mostWritten is what one who is cut off early gets rid of: what was read, and what the sockets hold.
const mostWritten = 32 << 20

const (
	oversize  = "127.0.0.1 sent more at once than its protocol needs here, and was cut off"
	babbling  = "127.0.0.1 sent on and on and took no event, and was cut off"
	malformed = "no answer that can be read came from 127.0.0.1"
)

// flood writes attack, and what is endless until the connection ends or too much has been written. It returns how much that was.
func flood(c net.Conn, attack, endless string) int64 {
	written, err := io.WriteString(c, attack)
	for err == nil && endless != "" && written < 2*mostWritten {
		var n int
		n, err = io.WriteString(c, strings.Repeat(endless, 1+(32<<10)/len(endless)))
		written += n
	}
	_, _ = io.Copy(io.Discard, c)
	return int64(written)
}

// suffer sends to a broker that meets each connection with attack, and wants it cut off, told in clear words and tried again.
func suffer(t *testing.T, o send.Options, want string, to func(address string) triggers.Destination, attack func(net.Conn) int64) {
	t.Helper()
	var written atomic.Int64
	address, _ := listener(t, func(c net.Conn) {
		go func() {
			defer c.Close()
			written.Add(attack(c))
		}()
	})
	_, err := senders(t, o).Send(t.Context(), deliver(broker(to(address)), "i"))
	leaks(t, "flood", err)
	if err == nil || !strings.HasSuffix(err.Error(), ": "+want) || triggers.IsPermanent(err) {
		t.Errorf("got %v, want %s, to be tried again", err, want)
	}
	if n := written.Load(); n > mostWritten {
		t.Errorf("the broker wrote %d bytes, want it cut off early", n)
	}
}

const greeting = `INFO {"server_id":"x","version":"2.12.0","proto":1,"headers":true,"max_payload":1048576,"tls_required":`

// welcome lets a client of NATS in, by TLS where config is there.
func welcome(c net.Conn, config *tls.Config) (net.Conn, *bufio.Reader) {
	if config == nil {
		_, _ = io.WriteString(c, greeting+"false}\r\n")
	} else {
		_, _ = io.WriteString(c, greeting+"true}\r\n")
		c = tls.Server(c, config)
	}
	in := bufio.NewReader(c)
	return c, in
}

func TestHostileNATS(t *testing.T) {
	t.Parallel()
	own := newIssuer(t)
	config := &tls.Config{Certificates: []tls.Certificate{own.issue(t, same)}}
	for name, c := range map[string]struct{ attack, endless, want string }{
		"endless line":      {"-ERR ", planted["token"], oversize},
		"absurd size":       {"MSG x 1 4611686018427387904\r\n", "x", oversize},
		"largest size":      {"MSG x 1 9223372036854775807\r\n", "x", oversize},
		"size that wraps":   {"MSG x 1 18446744073709551626\r\n", "x", oversize},
		"GiB with a header": {"HMSG x 1 0 1073741824\r\n", "x", oversize},
		"endless pings":     {"", "PING\r\n", babbling},
		"endless errors":    {"", "-ERR 'Permissions Violation " + planted["key"] + "'\r\n", babbling},
		"endless messages":  {"", "MSG x 999 5\r\nhello\r\n", babbling},
		"two lines as one":  {"INFO \nMSG x 1 30\r\n", "MSG x 1 4611686018427387904\r\n", malformed},
		"no protocol":       {planted["token"] + "\r\n", "", malformed},
	} {
		for scheme, config := range map[string]*tls.Config{"nats": nil, "tls": config} {
			t.Run(name+" by "+scheme, func(t *testing.T) {
				t.Parallel()
				to := func(address string) triggers.Destination {
					return triggers.Destination{NATS: &triggers.NATSSubject{URL: scheme + "://" + address, Subject: "events"}}
				}
				suffer(t, send.Options{Roots: own.pool()}, c.want, to, func(conn net.Conn) int64 {
					conn, in := welcome(conn, config)
					for range 2 { // CONNECT and PING
						if _, err := in.ReadString('\n'); err != nil {
							return 0
						}
					}
					return flood(conn, "PONG\r\n"+c.attack, c.endless)
				})
			})
		}
	}
}

func TestHostileGreetingOfNATS(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ attack, endless, want string }{
		"endless":            {"INFO ", planted["token"], oversize},
		"none":               {planted["token"] + "\r\n", "", malformed},
		"no JSON":            {"INFO {" + planted["token"] + "\r\n", "", malformed},
		"more before TLS":    {greeting + "true}\r\nPONG\r\n", "", malformed},
		"TLS is not offered": {greeting + "false}\r\n", "", "one side wants TLS and the other does not"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			to := func(address string) triggers.Destination {
				return triggers.Destination{NATS: &triggers.NATSSubject{URL: "tls://" + address, Subject: "events", UserName: "ada", Password: ptr(planted["broker"])}}
			}
			suffer(t, send.Options{}, c.want, to, func(conn net.Conn) int64 { return flood(conn, c.attack, c.endless) })
		})
	}
}

// A server that wants TLS gets it, whether the subscription says so or not, and events come through it as they do without.
func TestNATSByTLS(t *testing.T) {
	t.Parallel()
	_, sub, made := stream(t, func(*jetstream.StreamConfig) {})
	own := newIssuer(t)
	config := &tls.Config{Certificates: []tls.Certificate{own.issue(t, same)}}
	to := sub.Sluice.Destination.NATS
	real := strings.TrimPrefix(to.URL, "nats://")
	address, _ := listener(t, func(c net.Conn) {
		go func() {
			defer c.Close()
			there, err := net.Dial("tcp", real)
			if err != nil {
				return
			}
			defer there.Close()
			greeted := bufio.NewReader(there)
			_, _ = greeted.ReadString('\n') // ours says that TLS is wanted
			here, in := welcome(c, config)
			go func() { _, _ = io.Copy(there, in) }()
			_, _ = io.Copy(here, greeted)
		}()
	})
	for _, scheme := range []string{"tls", "nats"} {
		to.URL = scheme + "://" + address
		if err := senders(t, send.Options{Roots: own.pool()}).SendAll(t.Context(), several(sub, 3)); err[0] != nil || err[1] != nil || err[2] != nil {
			t.Errorf("%s: got %v, want it taken", scheme, err)
		}
		if _, err := senders(t, send.Options{}).Send(t.Context(), deliver(sub, "i")); err == nil || !strings.Contains(err.Error(), "is signed by nobody whom Sluice trusts") {
			t.Errorf("%s: got %v, want the certificate refused", scheme, err)
		}
	}
	if info, err := made.Info(t.Context()); err != nil || info.State.Msgs != 3 {
		t.Errorf("got %+v and %v, want 3 messages", info, err)
	}
}

// frame is one of AMQP: its type, and its body, which begins with a performative of the kind and its fields.
func frame(typ, kind byte, fields ...string) string {
	list := strings.Join(fields, "")
	body := "\x00\x53" + string([]byte{kind}) + "\xd0" + number(len(list)+4) + number(len(fields)) + list
	return number(len(body)+8) + "\x02" + string([]byte{typ}) + "\x00\x00" + body
}

func number(n int) string { return string([]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}) }

func TestHostileAMQP(t *testing.T) {
	t.Parallel()
	login := "AMQP\x03\x01\x00\x00" + frame(1, 0x40, "\xa3\x09ANONYMOUS") + frame(1, 0x44, "\x50\x00") + "AMQP\x00\x01\x00\x00"
	begun := login + frame(0, 0x10, "\xa1\x01x") + frame(0, 0x11, "\x60\x00\x00", "\x43", "\x52\xff", "\x52\xff")
	flow := []string{"\x43", "\x52\xff", "\x43", "\x52\xff"}
	for name, c := range map[string]struct{ attack, endless, want string }{
		"frame of 4 GiB":          {"AMQP\x03\x01\x00\x00\xff\xff\xff\xff\x02\x01\x00\x00", planted["token"], oversize},
		"frame of 2 GiB":          {begun + "\x7f\xff\xff\xff\x02\x00\x00\x00", planted["token"], oversize},
		"two headers":             {"AMQP\x03\x01\x00\x00AMQP\x03\x01\x00\x00", planted["token"], oversize},
		"no protocol":             {planted["token"], planted["token"], malformed},
		"endless life":            {begun, "\x00\x00\x00\x08\x02\x00\x00\x00", babbling},
		"endless flow":            {begun, frame(0, 0x13, append(flow, "\x40", "\x40", "\x40", "\x40", "\x40", "\x41")...), babbling},
		"endless settling":        {begun + frame(0, 0x15, "\x41", "\x43", "\x70\xff\xff\xff\xff"), "", oversize},
		"credit of nothing":       {begun + frame(0, 0x13, append(flow, "\x43")...), "", malformed},
		"frames of nothing":       {login + frame(0, 0x10, "\xa1\x01x", "\x40", "\x52\x10"), "", malformed},
		"lists within lists":      {login + frame(0, 0x10, "\xa1\x01x", strings.Repeat("\xd0\x00\x00\x40\x00\x00\x00\x30\x00", 2000)), "", malformed},
		"key that is none":        {login + frame(0, 0x10, "\xa1\x01x", "\xc1\x09\x02\x00\x80"+"\x00\x00\x00\x00"+"\x40"), "", malformed},
		"list that claims enough": {begun + frame(0, 0x15, "\x41", "\xd0\x00\x00\x00\x04\x00\xff\xff\xff"), "", malformed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			to := func(address string) triggers.Destination {
				return triggers.Destination{AMQP: &triggers.AMQPNode{URL: "amqp://" + address, Address: "events"}}
			}
			suffer(t, send.Options{}, c.want, to, func(conn net.Conn) int64 {
				go func() { _, _ = io.Copy(io.Discard, conn) }()
				return flood(conn, c.attack, c.endless)
			})
		})
	}
}
