package send

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"golang.org/x/oauth2"

	"sluice/triggers"
)

// How much of an answer is read, where an output is wanted and where the record alone wants it. What comes after it is never read: its connection is
// closed. A secret that is cut in two here is blanked by its beginning: the record keeps less than that, but of what is left without secrets.
const (
	mostAnswer  = 1 << 20
	mostUnasked = 64 << 10
)

// defaultConcurrency bounds the connections to one receiver where the subscription does not.
const defaultConcurrency = 8

// httpSender posts events to one URL.
type httpSender struct {
	url     *url.URL
	guard   guard
	client  *http.Client
	headers http.Header // all that are the same each time
	sign    signer
	tokens  *tokens // nil = no OAuth2
	timeout time.Duration
}

func newHTTP(o Options, g guard, sub *triggers.Subscription, hidden *secrets) (*httpSender, error) {
	u, err := parse(sub.HTTP.URL, "https", "http")
	if err != nil {
		return nil, fmt.Errorf("httpConfig.url: %w", err)
	}
	headers, err := headersOf(sub)
	if err != nil {
		return nil, err
	}
	sign, err := newSigner(sub.Sluice.Signing)
	if err != nil {
		return nil, err
	}
	config, err := tlsOf(o.Roots, sub.Sluice.Certificate)
	if err != nil {
		return nil, err
	}
	connections := sub.Sluice.Concurrency
	if connections < 1 {
		connections = defaultConcurrency
	}
	client := &http.Client{
		Transport: g.transport(config, connections),
		// A redirect would be followed with the event, and with what proves who we are.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	s := &httpSender{url: u, guard: g, client: client, headers: headers, sign: sign, timeout: o.Timeout}
	if c := sub.Sluice.OAuth2; c != nil {
		if s.tokens, err = newTokens(c, client, o.Timeout, hidden); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func (s *httpSender) hosts() []host {
	all := []host{{"httpConfig.url", s.url.Hostname()}}
	if s.tokens != nil {
		all = append(all, host{"sluice.oauth2.tokenUrl", s.tokens.host})
	}
	return all
}

func (s *httpSender) close() { s.client.CloseIdleConnections() }

// Send posts d once; twice where the receiver no longer takes a token that was kept, because that is no answer to the event. All of it together has
// the time of a token and a request, because a lease and a node that stops wait no longer.
func (s *httpSender) Send(ctx context.Context, d triggers.Delivery) (triggers.Answer, error) {
	if s.tokens == nil {
		return s.post(ctx, s.timeout, d, nil)
	}
	var sent values // by the time of the answer they may have been renewed so often that nobody knows them
	answer, err := s.sendWithToken(ctx, d, &sent)
	return sent.clean(answer, err)
}

// sendWithToken is Send for who wants a token, and adds those that d goes out with to sent.
func (s *httpSender) sendWithToken(ctx context.Context, d triggers.Delivery, sent *values) (triggers.Answer, error) {
	end := time.Now().Add(s.tokens.timeout + s.timeout)
	token, err := s.tokens.get(ctx, s.tokens.timeout, nil)
	if err != nil {
		return triggers.Answer{}, err
	}
	*sent = append(*sent, token.AccessToken)
	answer, err := s.post(ctx, s.timeout, d, token)
	if answer.Status != http.StatusUnauthorized {
		return answer, err
	}
	fresh, failed := s.tokens.get(ctx, min(s.tokens.timeout, time.Until(end)), token)
	if failed != nil {
		return answer, failed
	}
	left := min(s.timeout, time.Until(end))
	if left <= 0 {
		return answer, err
	}
	*sent = append(*sent, fresh.AccessToken)
	return s.post(ctx, left, d, fresh)
}

func (s *httpSender) post(ctx context.Context, within time.Duration, d triggers.Delivery, token *oauth2.Token) (triggers.Answer, error) {
	// The time is for connecting, sending and the whole answer: a receiver that drips has no more than one that hangs.
	timed, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	req, err := s.request(timed, d, token)
	if err != nil {
		return triggers.Answer{}, err
	}
	resp, err := s.client.Do(req)
	if err != nil {
		return triggers.Answer{}, s.silence(ctx, within, err)
	}
	defer resp.Body.Close()
	most := mostAnswer
	if d.Kind != triggers.RequestResponse {
		most = mostUnasked
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, int64(most)+1))
	answer := triggers.Answer{Status: resp.StatusCode, Body: body[:min(len(body), most)], Cut: err != nil || len(body) > most}
	if verdict := judge(s.url.Hostname(), resp); verdict != nil {
		return answer, verdict
	}
	// Where no output is wanted, the status was the whole answer.
	if err != nil && d.Kind == triggers.RequestResponse {
		return answer, s.silence(ctx, within, err)
	}
	return answer, nil
}

// silence says why no answer came. ctx is the caller's, so that our own end of time is not taken for the caller's.
func (s *httpSender) silence(ctx context.Context, within time.Duration, err error) error {
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		return fmt.Errorf("%s did not answer whole within %s: %w", s.url.Hostname(), within.Round(time.Millisecond), context.DeadlineExceeded)
	}
	return unanswered(ctx, s.url.Hostname(), err)
}

func (s *httpSender) request(ctx context.Context, d triggers.Delivery, token *oauth2.Token) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url.String(), bytes.NewReader(d.Body))
	if err != nil {
		return nil, errors.New("httpConfig.url: it cannot be requested")
	}
	req.Header = s.headers.Clone()
	req.Header.Set("X-Sluice-Invocation-Id", d.Invocation.ID)
	if token != nil {
		token.SetAuthHeader(req)
	}
	return req, s.sign.mark(req.Header, d.Invocation.ID, time.Now(), d.Body)
}
