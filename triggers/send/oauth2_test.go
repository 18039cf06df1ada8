package send_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sluice/triggers"
	"sluice/triggers/send"
)

// authority gives tokens planted-token-1, -2 and so on, and counts them.
func authority(t *testing.T, seen func(*http.Request)) (string, *atomic.Int32) {
	t.Helper()
	given := &atomic.Int32{}
	return receiver(t, func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		seen(r)
		w.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprintf(w, `{"access_token":"%s-%d","token_type":"Bearer","expires_in":3600}`, planted["token"], given.Add(1))
	}), given
}

func TestTokenIsKeptAndRenewedOnce(t *testing.T) {
	t.Parallel()
	tokens, given := authority(t, func(r *http.Request) {
		user, password, _ := r.BasicAuth()
		if user != "client" || password != planted["oauth"] || r.Form.Get("grant_type") != "client_credentials" || r.Form.Get("scope") != "a b" {
			t.Errorf("got %s, %v; want the client in Authorization and the scopes", user, r.Form)
		}
	})
	var good atomic.Value
	good.Store("Bearer " + planted["token"] + "-1")
	var said atomic.Value
	said.Store("fine")
	var asked atomic.Int32
	url := receiver(t, func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		if r.Header.Get("Authorization") != good.Load() {
			w.WriteHeader(http.StatusUnauthorized)
			io.WriteString(w, r.Header.Get("Authorization"))
			return
		}
		_, _ = fmt.Fprint(w, said.Load())
	})
	sub := subscriber(url)
	sub.Sluice.OAuth2 = &triggers.ClientCredentials{TokenURL: tokens, ClientID: "client", ClientSecret: ptr(planted["oauth"]), Scopes: []string{"a", "b"}}
	s := senders(t, send.Options{})
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if _, err := s.Send(t.Context(), deliver(sub, "i")); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if given.Load() != 1 || asked.Load() != 8 {
		t.Errorf("got %d tokens for %d requests, want 1 for 8", given.Load(), asked.Load())
	}
	good.Store("Bearer " + planted["token"] + "-2") // the first has been revoked
	if _, err := s.Send(t.Context(), deliver(sub, "i")); err != nil || given.Load() != 2 || asked.Load() != 10 {
		t.Errorf("got %v, %d tokens and %d requests; want one more of each for the refusal", err, given.Load(), asked.Load())
	}
	good.Store("nothing")
	answer, err := s.Send(t.Context(), deliver(sub, "i"))
	if answer.Status != 401 || given.Load() != 3 || asked.Load() != 12 {
		t.Errorf("got %d, %d tokens and %d requests; want a refusal after one renewal", answer.Status, given.Load(), asked.Load())
	}
	leaks(t, "refused token", err)
	if string(answer.Body) != "Bearer [redacted]" {
		t.Errorf("got %q, want the fetched token redacted, too", answer.Body)
	}
	good.Store("Bearer " + planted["token"] + "-3")
	for n := range 3 { // a delivery may be answered with one that was renewed meanwhile
		said.Store(fmt.Sprintf("Bearer %s-%d", planted["token"], n+1))
		if answer, err := s.Send(t.Context(), deliver(sub, "i")); err != nil || string(answer.Body) != "Bearer [redacted]" || !answer.Hidden {
			t.Errorf("token %d: got %q, hidden %v, %v; want it redacted", n+1, answer.Body, answer.Hidden, err)
		}
	}
}

// While many deliveries are under way, each with tokens of its own, more tokens are renewed than are remembered: each answer is still without those that
// its delivery went out with.
func TestTokensUnderWay(t *testing.T) {
	t.Parallel()
	const deliveries = 48
	var given atomic.Int32
	tokens := receiver(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprintf(w, `{"access_token":"%s-%d-end","token_type":"Bearer","expires_in":1}`, planted["token"], given.Add(1))
	})
	var arrived sync.WaitGroup
	arrived.Add(deliveries)
	var first sync.Map
	url := receiver(t, func(w http.ResponseWriter, r *http.Request) {
		auth := r.Header.Get("Authorization")
		before, again := first.LoadOrStore(r.Header.Get("X-Sluice-Invocation-Id"), auth)
		if !again { // it is sent once more, with another token
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		arrived.Done()
		arrived.Wait()
		w.Header().Set("Location", "http://"+strings.TrimPrefix(auth, "Bearer ")+".example/")
		w.WriteHeader(http.StatusFound)
		_, _ = fmt.Fprint(w, before, ", ", auth)
	})
	sub := subscriber(url)
	sub.Sluice.Concurrency = deliveries
	sub.Sluice.OAuth2 = &triggers.ClientCredentials{TokenURL: tokens, ClientID: "client", ClientSecret: ptr(planted["oauth"])}
	s := senders(t, send.Options{})
	var all sync.WaitGroup
	for n := range deliveries {
		all.Go(func() {
			answer, err := s.Send(t.Context(), deliver(sub, fmt.Sprint(n)))
			leaks(t, "renewed token", err)
			if string(answer.Body) != "Bearer [redacted], Bearer [redacted]" || !answer.Hidden {
				t.Errorf("got %q, hidden %v, %v; want both tokens redacted", answer.Body, answer.Hidden, err)
			}
		})
	}
	all.Wait()
	if given.Load() != 2*deliveries {
		t.Errorf("got %d tokens, want two for each delivery", given.Load())
	}
}

func TestTokenInBody(t *testing.T) {
	t.Parallel()
	tokens, _ := authority(t, func(r *http.Request) {
		if r.Form.Get("client_id") != "client" || r.Form.Get("client_secret") != planted["oauth"] || r.Header.Get("Authorization") != "" {
			t.Errorf("got %v, want the client in the body", r.Form)
		}
	})
	url, last := listening(t)
	sub := subscriber(url)
	sub.Sluice.OAuth2 = &triggers.ClientCredentials{TokenURL: tokens, ClientID: "client", ClientSecret: ptr(planted["oauth"]), InBody: true}
	if _, err := senders(t, send.Options{}).Send(t.Context(), deliver(sub, "i")); err != nil {
		t.Fatal(err)
	}
	if got := last().header.Get("Authorization"); got != "Bearer "+planted["token"]+"-1" {
		t.Errorf("got %q, want the token", got)
	}
}

func TestNoToken(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		want   string
		after  time.Duration
	}{
		"refused":   {says(401, `{"error":"invalid_client","error_description":"`+planted["oauth"]+`"}`), "127.0.0.1 answered 401 Unauthorized (invalid_client)", 0},
		"odd word":  {says(400, `{"error":"`+planted["oauth"]+`"}`), "127.0.0.1 answered 400 Bad Request", 0},
		"too many":  {says(429, "{}"), "127.0.0.1 answered 429 Too Many Requests", 7 * time.Second},
		"down":      {says(503, planted["oauth"]), "127.0.0.1 answered 503 Service Unavailable", 7 * time.Second},
		"redirect":  {says(307, ""), "127.0.0.1 answered 307 Temporary Redirect", 0},
		"no token":  {says(200, `{"token":"`+planted["oauth"]+`"}`), "the answer of 127.0.0.1 holds none", 0},
		"not JSON":  {says(200, planted["oauth"]), "the answer of 127.0.0.1 holds none", 0},
		"for hours": {func(_ http.ResponseWriter, r *http.Request) { drain(r); <-r.Context().Done() }, "127.0.0.1 did not answer in time: context deadline exceeded", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sub := subscriber("http://127.0.0.1:1")
			sub.Sluice.OAuth2 = &triggers.ClientCredentials{TokenURL: receiver(t, c.answer), ClientID: "client", ClientSecret: ptr(planted["oauth"])}
			options := send.Options{}
			if name == "for hours" {
				options.Timeout = 50 * time.Millisecond
			}
			_, err := senders(t, options).Send(t.Context(), deliver(sub, "i"))
			leaks(t, name, err)
			if got := strings.TrimPrefix(err.Error(), "no token for this subscription: "); got != c.want || triggers.IsPermanent(err) || triggers.AfterOf(err) != c.after {
				t.Errorf("got %v after %s, want %s after %s", err, triggers.AfterOf(err), c.want, c.after)
			}
		})
	}
}

// says answers status and text, and to be asked again after 7 s.
func says(status int, text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Retry-After", "7")
		w.Header().Set("Location", "http://169.254.169.254/")
		w.WriteHeader(status)
		io.WriteString(w, text)
	}
}
