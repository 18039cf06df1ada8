package proxy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"sluice/connectors"
	"sluice/internal/fault"
)

// signIn answers calls of routes that hand out a token. A caller who signs in before every call gets the vendor's own answer from memory
// while its token lives; who signs in at the same time with the same credential waits for one call to the vendor. On a managed
// connection the caller gets a stand-in, and the vendor is not asked: the credential on the wire is Sluice's.
func (u *Upstreams) signIn(conn *connectors.Connection) Stage {
	if conn.Managed {
		return func(next http.RoundTripper) http.RoundTripper {
			return &standIn{next: next, conn: conn, metrics: u.opts.Metrics}
		}
	}
	memory, _ := keep(&u.kept, keptKey("signin", conn.Name, conn.Base.String()), func() (*tokenMemory, error) {
		return newTokenMemory(), nil
	})
	return func(next http.RoundTripper) http.RoundTripper {
		return &signer{next: next, conn: conn, memory: memory, metrics: u.opts.Metrics}
	}
}

type signer struct {
	next    http.RoundTripper
	conn    *connectors.Connection
	memory  *tokenMemory
	metrics *Metrics
}

// maxSignInBody and maxSignInAnswer bound what is held in memory of a sign-in, in bytes.
const (
	maxSignInBody   = 64 << 10
	maxSignInAnswer = 1 << 20
)

// RoundTrip implements http.RoundTripper.
func (s *signer) RoundTrip(r *http.Request) (*http.Response, error) {
	call := CallOf(r.Context())
	if call.Route.SignIn == nil {
		return s.watch(r)
	}
	var body []byte
	if r.Body != nil && r.Body != http.NoBody {
		data, rest, err := readAtMost(r.Body, maxSignInBody)
		if errors.Is(err, errTooLong) {
			long := r.WithContext(r.Context())
			long.Body = rest
			return s.next.RoundTrip(long)
		}
		_ = rest.Close()
		if err != nil {
			return nil, badBody(err)
		}
		body = data
	}
	return s.answer(r, call, body)
}

// watch passes a call on and takes in a 401 to a token that is handed out from memory: the vendor may have ended it early.
func (s *signer) watch(r *http.Request) (*http.Response, error) {
	resp, err := s.next.RoundTrip(r)
	if err != nil || resp.StatusCode != http.StatusUnauthorized {
		return resp, err
	}
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if strings.EqualFold(scheme, "Bearer") && s.memory.doubt(strings.TrimSpace(token)) {
		CallOf(r.Context()).Note("signin", "401 to a token in memory: the next sign-in goes to the vendor")
	}
	return resp, nil
}

// answer gives a sign-in the vendor's answer, from memory or from the vendor.
func (s *signer) answer(r *http.Request, call *Call, body []byte) (*http.Response, error) {
	key := s.memory.key(r, call.Route, body)
	if said := s.memory.recall(key); said != nil {
		call.Note("signin", "answered from memory: the token still lives")
		return s.fromMemory(r, call, said), nil
	}
	sent := detachedSignIn(r, call, body, patienceOf(s.conn, call.Route))
	led := false
	done := s.memory.flight.DoChan(string(key[:]), func() (any, error) {
		if said := s.memory.recall(key); said != nil {
			return said, nil // another flight has just landed
		}
		led = true
		return s.ask(sent, key)
	})
	select {
	case result := <-done:
		if led {
			call.takeWords(CallOf(sent.Context()))
		}
		if result.Err != nil {
			return nil, result.Err
		}
		said := result.Val.(*tokenAnswer)
		if led {
			return said.response(r, time.Now()), nil
		}
		call.Refused, call.Limits = said.refused, said.limits
		call.Note("signin", "another caller with the same credential was signing in: this is its answer")
		return s.fromMemory(r, call, said), nil
	case <-r.Context().Done():
		return nil, overdue(r.Context())
	}
}

func (s *signer) fromMemory(r *http.Request, call *Call, said *tokenAnswer) *http.Response {
	call.Answered = "signin"
	s.metrics.SignIn(s.conn.Name, "memory")
	return said.response(r, time.Now())
}

// overdue is what a caller gets who cannot wait for a sign-in that goes on without him.
func overdue(ctx context.Context) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return fault.New("signin", http.StatusGatewayTimeout, "sign_in_failed", "the vendor did not answer the sign-in in time; try again").Because(ctx.Err())
	}
	return ctx.Err()
}

// detachedSignIn is r on a Call of its own, so that the vendor's answer serves all who wait for it even when the first has left.
func detachedSignIn(r *http.Request, call *Call, body []byte, patience time.Duration) *http.Request {
	own := newCall(context.Background(), time.Now().Add(patience))
	own.ID, own.Connection, own.Route, own.Consumer, own.View, own.Lane = call.ID, call.Connection, call.Route, call.Consumer, call.View, call.Lane
	own.Remote, own.Caller, own.Arrived, own.trace = call.Remote, call.Caller, time.Now(), call.trace
	sent := r.Clone(own)
	if body != nil {
		sent.GetBody = func() (io.ReadCloser, error) { return newBytesBody(body), nil }
		sent.Body = newBytesBody(body)
		sent.ContentLength = int64(len(body))
		sent.TransferEncoding = nil
	}
	return sent
}

// takeWords takes over what the stages said on a Call that stood in for c.
func (c *Call) takeWords(from *Call) {
	c.Egress, c.Held, c.Refused, c.Limits = from.Egress, from.Held, from.Refused, from.Limits
	c.Answered, c.Cached, c.Attempts, c.Unread = from.Answered, from.Cached, from.Attempts, c.Unread+from.Unread
}

// ask has the vendor answer a sign-in and keeps the answer if it holds a token.
func (s *signer) ask(sent *http.Request, key memoryKey) (said *tokenAnswer, err error) {
	call := CallOf(sent.Context())
	defer call.end(context.Canceled)
	defer func() {
		if p := recover(); p != nil { // in this goroutine of its own it would end the process
			said, err = nil, fmt.Errorf("signin %s broke: %v", call.Route.Name, p)
		}
	}()
	resp, err := s.next.RoundTrip(sent)
	if err != nil {
		s.metrics.SignIn(s.conn.Name, "failed")
		return nil, err
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxSignInAnswer+1))
	_ = resp.Body.Close()
	if err != nil {
		s.metrics.SignIn(s.conn.Name, "failed")
		return nil, err
	}
	if len(body) > maxSignInAnswer {
		s.metrics.SignIn(s.conn.Name, "failed")
		return nil, fault.New("signin", http.StatusBadGateway, "answer_too_large", "the vendor's answer to the sign-in is longer than 1 MiB")
	}
	said = &tokenAnswer{
		status: resp.StatusCode, text: resp.Status, header: resp.Header, body: body, length: max(resp.ContentLength, int64(len(body))),
		at: time.Now(), refused: call.Refused, limits: call.Limits,
	}
	s.metrics.SignIn(s.conn.Name, said.outcome())
	if resp.StatusCode/100 == 2 && !call.Refused {
		s.memory.keep(key, call.Route.SignIn, said, s.conn.Connector.LimitHeaders)
	}
	return said, nil
}
