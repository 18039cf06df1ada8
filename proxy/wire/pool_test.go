package wire_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"sluice/internal/fault"
	"sluice/proxy/wire"
)

func TestEveryConnectionBusy(t *testing.T) {
	t.Parallel()
	arrived, let := make(chan struct{}, 2), make(chan struct{})
	v := serve(t, func(p *peer) {
		for p.request() == nil {
			arrived <- struct{}{}
			<-let
			io.WriteString(p, ok("x"))
		}
	})
	w := connect(t, v, wire.FastHTTP, func(o *wire.Options) { o.MaxConns, o.ConnectTimeout = 1, 50*time.Millisecond })
	first := make(chan error, 1)
	req := ask(t, "GET", "/first", nil)
	go func() { first <- whole(w.RoundTrip(req)) }()
	<-arrived
	err := whole(w.RoundTrip(ask(t, "POST", "/second", nil)))
	wantFault(t, err, 503, "connections_busy")
	if !wire.NotSent(err) || fault.Of(err).RetryAfter <= 0 {
		t.Errorf("NotSent = %t, RetryAfter = %v, want true and some time", wire.NotSent(err), fault.Of(err).RetryAfter)
	}
	close(let)
	if err := <-first; err != nil {
		t.Errorf("first = %v", err)
	}
	if err := whole(w.RoundTrip(ask(t, "GET", "/third", nil))); err != nil || v.conns.Load() != 1 {
		t.Errorf("third = %v over %d connections, want none over 1", err, v.conns.Load())
	}
}

// TestDeadlineEndsInOurQueue: a call whose time is over while it waits for one of our own connections is no failure of the vendor's.
func TestDeadlineEndsInOurQueue(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, engine string) {
		arrived, let := make(chan struct{}, 3), make(chan struct{})
		v := serve(t, func(p *peer) {
			for p.request() == nil {
				arrived <- struct{}{}
				<-let
				io.WriteString(p, ok("x"))
			}
		})
		w := connect(t, v, engine, func(o *wire.Options) { o.MaxConns = 1 })
		first := make(chan error, 1)
		req := ask(t, "GET", "/first", nil)
		go func() { first <- whole(w.RoundTrip(req)) }()
		<-arrived
		for _, kind := range []string{"armed", "lazy"} {
			ctx := until(t, kind, 150*time.Millisecond)
			err := whole(w.RoundTrip(ask(t, "POST", "/second", nil).WithContext(ctx)))
			wantFault(t, err, 503, "connections_busy")
			if got := fault.Of(err).RetryAfter; got <= 0 {
				t.Errorf("%s: RetryAfter = %v, want some time", kind, got)
			}
			if !wire.NotSent(err) || !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%s: NotSent = %t, error = %v, want true and context.DeadlineExceeded in it", kind, wire.NotSent(err), err)
			}
			err = whole(w.RoundTrip(ask(t, "POST", "/third", nil).WithContext(ctx)))
			wantFault(t, err, 504, "out_of_time")
			if !wire.NotSent(err) || !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%s, too late: NotSent = %t, error = %v, want true and context.DeadlineExceeded in it", kind, wire.NotSent(err), err)
			}
		}
		if got := v.count(); got != 1 {
			t.Errorf("requests at the vendor = %d, want the first alone", got)
		}
		close(let)
		if err := <-first; err != nil {
			t.Errorf("first = %v", err)
		}
	})
}

// TestUnaskedAnswer: what a vendor says on an idle connection is never taken for the next call's answer, and the next call is
// sent once, over another connection, whatever its method.
func TestUnaskedAnswer(t *testing.T) {
	t.Parallel()
	for name, unasked := range map[string]string{"close": "", "408": "HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			drained, said := make(chan struct{}), make(chan struct{})
			v := serve(t, func(p *peer) {
				if p.v.conns.Load() > 1 {
					answers(ok("second"))(p)
					return
				}
				_ = p.request()
				io.WriteString(p, ok("first"))
				<-drained
				if unasked == "" {
					p.Close()
				}
				io.WriteString(p, unasked)
				close(said)
				_, _ = p.br.ReadByte()
			})
			w := connect(t, v, wire.FastHTTP)
			for i, want := range []string{"first", "second"} {
				resp, err := w.RoundTrip(ask(t, "POST", "/", nil))
				if err != nil {
					t.Fatal(err)
				}
				if got := drain(t, resp); resp.StatusCode != 200 || got != want {
					t.Errorf("answer = %d %q, want 200 %q", resp.StatusCode, got, want)
				}
				if i == 0 {
					close(drained)
					<-said
				}
			}
			if got := v.count(); got != 2 {
				t.Errorf("requests at the vendor = %d, want 2", got)
			}
		})
	}
}

func TestCloseLetsCallsFinish(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, engine string) {
		arrived, let := make(chan struct{}), make(chan struct{})
		v := serve(t, func(p *peer) {
			for p.request() == nil {
				if p.v.count() == 1 {
					close(arrived)
					<-let
				}
				io.WriteString(p, ok("done"))
			}
		})
		w := connect(t, v, engine)
		done := make(chan error, 1)
		req := ask(t, "GET", "/", nil)
		go func() { done <- whole(w.RoundTrip(req)) }()
		<-arrived
		w.Close()
		close(let)
		if err := <-done; err != nil {
			t.Errorf("call in flight = %v, want it to finish", err)
		}
		if err := whole(w.RoundTrip(ask(t, "GET", "/", nil))); err != nil {
			t.Errorf("call after Close = %v", err)
		}
	})
}

// TestEarlyAnswer: a vendor that refuses a body half-way and breaks the connection is heard.
func TestEarlyAnswer(t *testing.T) {
	t.Parallel()
	v := serve(t, func(p *peer) {
		if _, err := p.head(); err == nil {
			io.WriteString(p, "HTTP/1.1 413 Content Too Large\r\nConnection: close\r\nContent-Length: 3\r\n\r\nbig")
		}
	})
	w := connect(t, v, wire.FastHTTP)
	body := strings.Repeat("x", 8<<20)
	resp, err := w.RoundTrip(ask(t, "POST", "/", strings.NewReader(body)))
	if err != nil {
		t.Fatal(err)
	}
	if got := drain(t, resp); resp.StatusCode != 413 || got != "big" {
		t.Errorf("answer = %d %q, want 413 big", resp.StatusCode, got)
	}
}
