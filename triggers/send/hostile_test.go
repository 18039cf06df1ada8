package send_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"sluice/triggers"
	"sluice/triggers/send"
)

// wanting is a delivery whose receiver is to answer with an output.
func wanting(url string) triggers.Delivery {
	d := deliver(subscriber(url), "i")
	d.Kind = triggers.RequestResponse
	return d
}

func TestHang(t *testing.T) {
	t.Parallel()
	url := receiver(t, func(_ http.ResponseWriter, r *http.Request) {
		drain(r)
		<-r.Context().Done()
	})
	_, err := senders(t, send.Options{Timeout: 50 * time.Millisecond}).Send(t.Context(), wanting(url))
	if !errors.Is(err, context.DeadlineExceeded) || triggers.IsPermanent(err) || !strings.Contains(err.Error(), "did not answer whole within 50ms") {
		t.Errorf("got %v, want the end of time, to be tried again", err)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := senders(t, send.Options{}).Send(gone, wanting(url)); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want it broken off", err)
	}
}

// drip says 200 and then a byte from time to time, for ever.
func drip(w http.ResponseWriter, r *http.Request) {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		io.WriteString(w, " ")
		w.(http.Flusher).Flush()
		select {
		case <-tick.C:
		case <-r.Context().Done():
			return
		}
	}
}

func TestDrip(t *testing.T) {
	t.Parallel()
	url := receiver(t, drip)
	s := senders(t, send.Options{Timeout: time.Second})
	if _, err := s.Send(t.Context(), wanting(url)); !errors.Is(err, context.DeadlineExceeded) || triggers.IsPermanent(err) {
		t.Errorf("output wanted: got %v, want the end of time", err)
	}
	d := wanting(url)
	d.Kind = triggers.FireAndForget
	if answer, err := s.Send(t.Context(), d); err != nil || answer.Status != 200 || !answer.Cut {
		t.Errorf("no output wanted: got %+v and %v; the status was the answer", answer, err)
	}
}

// breaking takes a request and breaks the connection off.
func breaking(t *testing.T, before string) (string, *atomic.Int32) {
	t.Helper()
	asked := &atomic.Int32{}
	return receiver(t, func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		drain(r)
		conn, buffered, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		buffered.WriteString(before)
		_ = buffered.Flush()
		if before == "" {
			_ = conn.(*net.TCPConn).SetLinger(0) // a reset and no end
		}
		conn.Close()
	}), asked
}

func TestBrokenAnswers(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ before, want string }{
		"reset":       {"", "127.0.0.1 broke the connection off"},
		"short":       {"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{", "127.0.0.1 closed the connection before its answer was whole"},
		"not HTTP":    {"SSH-2.0-OpenSSH_9.9 s3cr3t-of-a-peer\r\n\r\n", "no answer that can be read came from 127.0.0.1"},
		"odd chunk":   {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "no answer that can be read came from 127.0.0.1"},
		"large head":  {"HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 1<<20), "no answer that can be read came from 127.0.0.1"},
		"no end":      {"HTTP/1.1 200 OK\r\nX: y", "127.0.0.1 closed the connection before its answer was whole"},
		"bad status":  {"HTTP/1.1 abc\r\n\r\n", "no answer that can be read came from 127.0.0.1"},
		"two lengths": {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{}", "no answer that can be read came from 127.0.0.1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url, asked := breaking(t, c.before)
			_, err := senders(t, send.Options{}).Send(t.Context(), wanting(url))
			if err == nil || err.Error() != c.want || triggers.IsPermanent(err) {
				t.Errorf("got %v, want %s", err, c.want)
			}
			if got := asked.Load(); got != 1 {
				t.Errorf("the receiver was asked %d times, want once", got)
			}
		})
	}
}

func TestGibibyte(t *testing.T) {
	t.Parallel()
	written := make(chan int64, 1)
	url := receiver(t, func(w http.ResponseWriter, _ *http.Request) {
		block := make([]byte, 64<<10)
		var n int64
		for n < 1<<30 {
			m, err := w.Write(block)
			n += int64(m)
			if err != nil {
				break
			}
		}
		written <- n
	})
	for kind, most := range map[triggers.Kind]int{triggers.FireAndForget: 64 << 10, triggers.RequestResponse: 1 << 20} {
		d := deliver(subscriber(url), "i")
		d.Kind = kind
		answer, err := senders(t, send.Options{}).Send(t.Context(), d)
		if err != nil || !answer.Cut || len(answer.Body) != most {
			t.Errorf("%s: got %d bytes, cut %t, %v; want the first %d", kind, len(answer.Body), answer.Cut, err, most)
		}
		// What the receiver got rid of is what was read and what the sockets hold.
		if n := <-written; n > 32<<20 {
			t.Errorf("%s: the receiver wrote %d bytes, want it cut off early", kind, n)
		}
	}
}

func TestKeptConnectionThatWasClosed(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	url := receiver(t, func(w http.ResponseWriter, r *http.Request) {
		drain(r)
		if asked.Add(1) == 2 { // as a server does whose own patience with a quiet connection is over
			conn, _, _ := w.(http.Hijacker).Hijack()
			conn.Close()
		}
	})
	s := senders(t, send.Options{})
	for range 2 {
		if _, err := s.Send(t.Context(), wanting(url)); err != nil {
			t.Errorf("got %v, want the second event on a fresh connection", err)
		}
	}
	if got := asked.Load(); got != 3 {
		t.Errorf("got %d requests, want 3", got)
	}
}

func TestNobodyListens(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	_, err = senders(t, send.Options{}).Send(t.Context(), wanting("http://"+l.Addr().String()))
	if err == nil || err.Error() != "127.0.0.1 refuses connections" {
		t.Errorf("got %v, want a refusal", err)
	}
}
