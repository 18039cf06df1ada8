package send_test

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"sluice/triggers"
	"sluice/triggers/send"
)

// planted are secrets of every kind, each with a word of its own.
var planted = map[string]string{
	"password": "planted-password", "bearer": "planted-bearer", "signing": "cGxhbnRlZC1zaWduaW5nLXNlY3JldC0x", "oauth": "planted-oauth",
	"token": "planted-token", "header": "planted-header", "query": "planted-query", "path": "planted-path", "key": "planted-aws-key",
	"broker": "planted-broker-password",
}

// guilty is a subscription with all of them, which authenticates as auth.
func guilty(url, auth string) *triggers.Subscription {
	sub := subscriber(url + "/" + planted["path"] + "?key=" + planted["query"])
	sub.HTTP.Authentication = auth
	sub.HTTP.Basic = &triggers.BasicConfig{UserName: "ada", Password: ptr(planted["password"])}
	sub.HTTP.Bearer = &triggers.BearerToken{Token: ptr(planted["bearer"])}
	sub.Sluice.Signing = []triggers.SigningSecret{{ID: "a", Secret: ptr("whsec_" + planted["signing"])}}
	sub.Sluice.Headers = []triggers.Header{{Name: "X-Key", Value: ptr(planted["header"])}}
	return sub
}

// leaks fails where a planted secret stands in err or in anything that it wraps.
func leaks(t *testing.T, name string, err error) {
	t.Helper()
	if err == nil {
		t.Errorf("%s: got no error, want one to look at", name)
	}
	for at := err; at != nil; at = errors.Unwrap(at) {
		for _, text := range []string{at.Error(), fmt.Sprintf("%+v", at), fmt.Sprintf("%#v", at)} {
			for kind, secret := range planted {
				if strings.Contains(text, secret) {
					t.Errorf("%s: got %q, which holds the %s", name, text, kind)
				}
			}
		}
	}
}

func TestErrorsHoldNoSecret(t *testing.T) {
	t.Parallel()
	// A receiver that tells everything back, in every place that an error might be made of.
	echo := receiver(t, func(w http.ResponseWriter, r *http.Request) {
		all := strings.Join([]string{r.Header.Get("Authorization"), r.Header.Get("X-Key"), planted["signing"], planted["token"]}, " ")
		w.Header().Set("Location", "http://"+strings.ReplaceAll(r.Header.Get("X-Key"), " ", "")+".example/"+planted["token"])
		w.Header().Set("Www-Authenticate", all)
		w.WriteHeader(map[string]int{triggers.NoAuth: 302, triggers.BasicAuth: 401, triggers.BearerAuth: 500}[r.Header.Get("X-Mode")])
		io.WriteString(w, all)
	})
	broken := receiver(t, func(w http.ResponseWriter, r *http.Request) {
		conn, buffered, _ := w.(http.Hijacker).Hijack()
		_, _ = fmt.Fprintf(buffered, "%s %s %s\r\n\r\n", r.Header.Get("Authorization"), r.Header.Get("X-Key"), r.URL)
		_ = buffered.Flush()
		conn.Close()
	})
	hang := receiver(t, func(_ http.ResponseWriter, r *http.Request) {
		drain(r)
		<-r.Context().Done()
	})
	s := senders(t, send.Options{Timeout: 200 * time.Millisecond})
	for _, auth := range []string{triggers.NoAuth, triggers.BasicAuth, triggers.BearerAuth} {
		for name, url := range map[string]string{
			"echo": echo, "broken": broken, "hang": hang, "refused": "http://127.0.0.1:1", "private": "http://10.0.0.1", "no TLS": strings.Replace(echo, "http:", "https:", 1),
			"no name": "http://nowhere.invalid", "user in URL": "http://ada:" + planted["password"] + "@127.0.0.1", "no URL": "http://[" + planted["password"],
		} {
			sub := guilty(url, auth)
			sub.Sluice.Headers = append(sub.Sluice.Headers, triggers.Header{Name: "X-Mode", Value: ptr(auth)})
			_, err := s.Send(t.Context(), deliver(sub, "i"))
			leaks(t, name+" "+auth, err)
			leaks(t, name+" batch "+auth, s.SendAll(t.Context(), []triggers.Delivery{deliver(sub, "i")})[0])
		}
	}
}

func TestSettingsHoldNoSecret(t *testing.T) {
	t.Parallel()
	s := senders(t, send.Options{Timeout: 200 * time.Millisecond})
	for name, change := range map[string]func(*triggers.Subscription){
		"signing": func(b *triggers.Subscription) { b.Sluice.Signing[0].Secret = ptr("whsec_!" + planted["signing"]) },
		"certificate": func(b *triggers.Subscription) {
			b.Sluice.Certificate = &triggers.ClientCertificate{Certificate: "x", Key: ptr(planted["key"])}
		},
		"header": func(b *triggers.Subscription) { b.Sluice.Headers[0].Value = ptr(planted["header"] + "\n") },
		"bearer": func(b *triggers.Subscription) {
			b.HTTP.Authentication = triggers.BearerAuth
			b.HTTP.Bearer.Token = ptr(planted["bearer"] + "\n")
		},
		"nats": func(b *triggers.Subscription) {
			b.Sluice.Destination = &triggers.Destination{NATS: &triggers.NATSSubject{URL: "nats://a:" + planted["broker"] + "@127.0.0.1:1", Subject: "s"}}
		},
		"nats gone": func(b *triggers.Subscription) {
			b.Sluice.Destination = &triggers.Destination{NATS: &triggers.NATSSubject{URL: "nats://127.0.0.1:1", Subject: "s", UserName: "a", Password: ptr(planted["broker"])}}
		},
		"amqp gone": func(b *triggers.Subscription) {
			b.Sluice.Destination = &triggers.Destination{AMQP: &triggers.AMQPNode{URL: "amqp://127.0.0.1:1", Address: "s", UserName: "a", Password: ptr(planted["broker"])}}
		},
		"kafka gone": func(b *triggers.Subscription) {
			b.Sluice.Destination = &triggers.Destination{Kafka: &triggers.KafkaTopic{Brokers: []string{"127.0.0.1:1"}, Topic: "s", UserName: "a", Password: ptr(planted["broker"])}}
		},
		"sqs gone": func(b *triggers.Subscription) {
			b.Sluice.Destination = &triggers.Destination{SQS: &triggers.SQSQueue{URL: "http://127.0.0.1:1/q", Region: "eu-west-1", AccessKey: triggers.AccessKey{AccessKeyID: "a", SecretAccessKey: ptr(planted["key"]), Endpoint: "http://127.0.0.1:1"}}}
		},
	} {
		sub := guilty("http://127.0.0.1:1", triggers.NoAuth)
		change(sub)
		_, err := s.Send(t.Context(), deliver(sub, "i"))
		leaks(t, name, err)
	}
}

func TestLeaksAreSeen(t *testing.T) {
	t.Parallel()
	for kind, secret := range maps.All(planted) {
		probe := &testing.T{}
		leaks(probe, kind, fmt.Errorf("outer: %w", errors.New("got "+secret)))
		if !probe.Failed() {
			t.Errorf("a %s in an error went unseen", kind)
		}
	}
}

// What a receiver sends back over and over is blanked and so gets short: the half token at the end of what is read is in what the record keeps.
func TestRedactCutAnswer(t *testing.T) {
	t.Parallel()
	const kept, together = 4 << 10, 8
	for _, size := range []int{20, 333, 1400, 2047, 3001, 9001, 50_000} {
		token := ""
		for n := 0; len(token) < size; n++ {
			token += fmt.Sprintf("%05d.", n)
		}
		token = token[:size]
		for name, write := range map[string]func(string) string{
			"plain": func(s string) string { return s }, "JSON": func(s string) string { return strings.ReplaceAll(s, ".", `\u002e`) },
			"URL": func(s string) string { return strings.ReplaceAll(s, "0", "%30") },
		} {
			url := receiver(t, func(w http.ResponseWriter, r *http.Request) {
				io.WriteString(w, strings.Repeat(write(r.Header.Get("Authorization"))+"\n", 1+70_000/size))
			})
			sub := subscriber(url)
			sub.HTTP.Authentication, sub.HTTP.Bearer = triggers.BearerAuth, &triggers.BearerToken{Token: &token}
			got, err := senders(t, send.Options{}).Send(t.Context(), deliver(sub, "i"))
			if err != nil || !got.Cut || !got.Hidden || !strings.HasPrefix(string(got.Body), "Bearer [redacted]") {
				t.Fatalf("%s of %d: got %.40q, cut %v, hidden %v, %v", name, size, got.Body, got.Cut, got.Hidden, err)
			}
			text := string(got.Body[:min(len(got.Body), kept)])
			for from := range len(token) - together {
				if some := write(token[from : from+together]); strings.Contains(text, some) {
					t.Errorf("%s of %d: %s of the token is kept, at the end of %d bytes", name, size, some, len(text))
					break
				}
			}
		}
	}
}

func TestRedact(t *testing.T) {
	t.Parallel()
	for said, want := range map[string]string{
		"a " + planted["password"] + " b " + planted["header"] + " YWRhOnBsYW50ZWQtcGFzc3dvcmQ= c": "a [redacted] b [redacted] [redacted] c",
		"nothing of it": "nothing of it",
	} {
		url := receiver(t, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, said) })
		got, err := senders(t, send.Options{}).Send(t.Context(), deliver(guilty(url, triggers.BasicAuth), "i"))
		if err != nil || string(got.Body) != want || got.Hidden != (said != want) {
			t.Errorf("got %q, hidden %v, %v; want %q", got.Body, got.Hidden, err, want)
		}
	}
}

// A receiver that is to complete an invocation was sent a secret for it, which is in nothing that it says: not as it was sent, nor with other
// escapes, nor as the half where an answer was cut.
func TestInvocationsSecretIsHidden(t *testing.T) {
	t.Parallel()
	const secret, most = "8ad7ec6a-6f0e-4b0e-a0d6-4d6ae4f6c1aa", 64 << 10
	send := func(status int, answer string) (triggers.Answer, error, error) {
		url := receiver(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "http://"+secret+".example/")
			w.WriteHeader(status)
			io.WriteString(w, answer)
		})
		s, d := senders(t, send.Options{}), deliver(subscriber(url), "i")
		d.Invocation.Secret = secret
		got, err := s.Send(t.Context(), d)
		return got, err, s.SendAll(t.Context(), []triggers.Delivery{d})[0]
	}
	for said, want := range map[string]string{
		`{"secret":"` + secret + `"}`:                                    `{"secret":"[redacted]"}`,
		`{"secret":"` + strings.ReplaceAll(secret, "-", `\u002d`) + `"}`: `{"secret":"[redacted]"}`,
		secret[:8]: secret[:8],
	} {
		if got, err, _ := send(200, said); err != nil || string(got.Body) != want || got.Hidden != (said != want) {
			t.Errorf("%s: got %s, hidden %v, %v; want %s", said, got.Body, got.Hidden, err, want)
		}
	}
	for n := 4; n <= len(secret); n++ {
		before := strings.Repeat("x", most-n)
		if got, _, _ := send(200, before+secret+"y"); string(got.Body) != before+"[redacted]" {
			t.Errorf("cut after %d characters: got it to end with %s, want no beginning of the secret", n, got.Body[most-n-1:])
		}
	}
	_, one, batch := send(302, "")
	for _, err := range []error{one, batch} {
		if err == nil || strings.Contains(err.Error(), secret) || !strings.Contains(err.Error(), "[redacted].example") {
			t.Errorf("got %v, want an error that names the place without the secret", err)
		}
	}
}

// A short value of a header is no secret: an answer that says true, or the tenant's name, is kept as it is.
func TestShortHeaderIsNoSecret(t *testing.T) {
	t.Parallel()
	for value, kept := range map[string]bool{"true": true, "tenant7": true, "key-0123": false} {
		url := receiver(t, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, `{"approved":"`+value+`"}`) })
		sub := subscriber(url)
		sub.Sluice.Headers = []triggers.Header{{Name: "X-Debug", Value: &value}}
		got, err := senders(t, send.Options{}).Send(t.Context(), deliver(sub, "i"))
		if err != nil || strings.Contains(string(got.Body), value) != kept || got.Hidden == kept {
			t.Errorf("%s: got %s, hidden %t, %v, want it kept: %t", value, got.Body, got.Hidden, err, kept)
		}
	}
}
