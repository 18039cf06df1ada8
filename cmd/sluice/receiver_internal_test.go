package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"sluice/mocks/teamdynamix"
)

// hookSecret is a secret of Standard Webhooks that is made of a byte.
func hookSecret(b byte) string {
	return "whsec_" + base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{b}, 32))
}

func hooks(t *testing.T, secrets ...string) (all []*standardwebhooks.Webhook) {
	t.Helper()
	for _, secret := range secrets {
		hook, err := standardwebhooks.NewWebhook(secret)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, hook)
	}
	return all
}

// signed is a request as Sluice sends it, signed by a secret; "" = it is not signed.
func signed(t *testing.T, secret, id, body string, at time.Time) *http.Request {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/hook/a?key=planted-password", strings.NewReader(body))
	r.Header.Set("Webhook-Id", id)
	r.Header.Set("Webhook-Timestamp", strconv.FormatInt(at.Unix(), 10))
	r.Header.Set("Authorization", "Bearer planted-token")
	r.Header.Set("X-Own", "planted-next-token")
	if secret != "" {
		signature, err := hooks(t, secret)[0].Sign(id, at, []byte(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Webhook-Signature", signature)
	}
	return r
}

// serve sends requests to a receiver, and returns the statuses and what it printed.
func serveAll(t *testing.T, r *receiver, out *bytes.Buffer, requests ...*http.Request) (statuses []int, printed string) {
	t.Helper()
	for _, req := range requests {
		w := httptest.NewRecorder()
		r.ServeHTTP(w, req)
		statuses = append(statuses, w.Code)
	}
	if err := r.close(); err != nil {
		t.Fatal(err)
	}
	for _, secret := range secretsOfSubscriptions {
		if strings.Contains(out.String(), secret) {
			t.Errorf("%s is shown: %s", secret, out)
		}
	}
	return statuses, out.String()
}

// TestListenVerifies: only what one of the secrets has signed, lately, is taken; nothing that may be a secret is printed.
func TestListenVerifies(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	r := newReceiver(t.Context(), play{}, hooks(t, hookSecret(1), hookSecret(2)), &arrivalPrinter{out: &out, output: asText})
	now := time.Now()
	body := `{"a":"planted-token","b":"\u001b[31m"}`
	changed := signed(t, hookSecret(1), "d", body, now)
	changed.Body = io.NopCloser(strings.NewReader(`{"a":"other"}`))
	statuses, printed := serveAll(t, r, &out,
		signed(t, hookSecret(1), "a", body, now), signed(t, hookSecret(2), "b", body, now), signed(t, hookSecret(2), "b", body, now),
		signed(t, "", "c", body, now), changed, signed(t, hookSecret(3), "e", body, now), signed(t, hookSecret(1), "f", body, now.Add(-time.Hour)),
		signed(t, hookSecret(1), "g", strings.Repeat("x", mostReceived+1), now))
	for i, want := range []int{200, 200, 200, 401, 401, 401, 401, 413} {
		if statuses[i] != want {
			t.Errorf("arrival %d: got %d, want %d", i+1, statuses[i], want)
		}
	}
	for _, want := range []string{
		"POST /hook/a?key=[masked]  verified, answered 200\n", "verified, again, answered 200\n", "Authorization: Bearer [masked]\n", "X-Own: [masked]\n", `"a": "[masked]"`, "Webhook-Id: a\n",
		"it is not signed", "none of the secrets has signed it, or it was changed", "more than five minutes off", "longer than 4 MiB, answered 413", "8 arrived, 3 verified, 1 repeated\n",
	} {
		if !strings.Contains(printed, want) {
			t.Errorf("got %s, want %q in it", printed, want)
		}
	}
}

func TestListenFails(t *testing.T) {
	t.Parallel()
	now := time.Now()
	for name, c := range map[string]struct {
		play play
		want []int
	}{
		"never":       {play{}, []int{200, 200, 200}},
		"always":      {play{status: 410}, []int{410, 410, 410}},
		"then works":  {play{status: 503, fail: 2}, []int{503, 503, 200}},
		"with output": {play{answer: answerSync, output: []byte(`{"x":1}`)}, []int{200, 200, 200}},
	} {
		var out bytes.Buffer
		r := newReceiver(t.Context(), c.play, nil, &arrivalPrinter{out: &out, output: asJSON})
		statuses, printed := serveAll(t, r, &out, signed(t, "", "a", "{}", now), signed(t, "", "a", "no JSON", now), signed(t, "", "b", "", now))
		for i, want := range c.want {
			if statuses[i] != want {
				t.Errorf("%s: arrival %d: got %d, want %d", name, i+1, statuses[i], want)
			}
		}
		lines := strings.Split(strings.TrimSpace(printed), "\n")
		var second arrivalLine
		if err := json.Unmarshal([]byte(lines[1]), &second); err != nil || second.Body != "no JSON" || !second.Repeated || second.Verified || second.Headers["Authorization"][0] != "Bearer [masked]" {
			t.Errorf("%s: got %s, %v, want a line of JSON", name, lines[1], err)
		}
		if want := `{"arrived":3,"verified":0,"repeated":1}`; lines[3] != want {
			t.Errorf("%s: got %s, want %s", name, lines[3], want)
		}
	}
	r := newReceiver(t.Context(), play{status: 429, retryAfter: 1500 * time.Millisecond}, nil, &arrivalPrinter{out: io.Discard})
	w := httptest.NewRecorder()
	r.ServeHTTP(w, signed(t, "", "a", "{}", now))
	if got := w.Header().Get("Retry-After"); got != "2" {
		t.Errorf("Retry-After: got %q, want 2", got)
	}
}

// TestListenCompletes: an invocation is completed after the delay, with its secret, where its URL says; and at no URL but such a one.
func TestListenCompletes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		var called []string
		status, began := 204, time.Now()
		r := newReceiver(t.Context(), play{answer: answerAsync, output: []byte(`{"x":1}`), delay: 5 * time.Second}, nil, &arrivalPrinter{out: &out, output: asText})
		r.client = &http.Client{Transport: roundTrip(func(req *http.Request) (*http.Response, error) {
			body, err := io.ReadAll(req.Body)
			called = append(called, req.URL.String()+" "+string(body)+" "+time.Since(began).String())
			return &http.Response{StatusCode: status, Body: io.NopCloser(strings.NewReader("you sent planted-token")), Header: http.Header{}, Request: req}, err
		})}
		send := func(url string) (status int, answer string) {
			began = time.Now()
			w := httptest.NewRecorder()
			body := `{"n":1,"_metadata":{"callbackURL":"` + url + `","secret":"planted-token"}}`
			r.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", strings.NewReader(body)))
			r.behind.Wait()
			return w.Code, w.Body.String()
		}
		const callback = "http://sluice.example/beta/trigger-invocations/17/complete"
		if code, answer := send(callback); code != 200 || answer != "{}" {
			t.Errorf("got %d %s, want 200 {}", code, answer)
		}
		if want := callback + ` {"secret":"planted-token","output":{"x":1}} 5s`; len(called) != 1 || called[0] != want {
			t.Fatalf("called: got %q, want %q", called, want)
		}
		status = 400
		send(callback)
		r.play.answer = answerDynamic
		if code, _ := send("http://169.254.169.254/latest"); code != 202 || len(called) != 2 {
			t.Errorf("an URL that completes nothing: got %d and %d calls, want 202 and none more", code, len(called))
		}
		r.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", strings.NewReader("{}")))
		r.behind.Wait()
		_, printed := serveAll(t, r, &out)
		for _, want := range []string{
			"#1  is completed: sluice.example answered 204\n", "#2  is not completed: sluice.example answered 400: you sent [masked]\n", `"secret": "[masked]"`,
			"#3  is not completed: its callbackURL is none of", "#4  cannot be completed: its body has no _metadata",
		} {
			if !strings.Contains(printed, want) {
				t.Errorf("got %s, want %q in it", printed, want)
			}
		}
	})
}

// TestListenIsSlow: a delay is before the answer, and ends with whoever waits or with the receiver.
func TestListenIsSlow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newReceiver(t.Context(), play{delay: time.Minute}, nil, &arrivalPrinter{out: io.Discard})
		began := time.Now()
		r.ServeHTTP(httptest.NewRecorder(), signed(t, "", "a", "{}", began))
		if took := time.Since(began); took != time.Minute {
			t.Errorf("got an answer after %s, want a minute", took)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		r.ServeHTTP(httptest.NewRecorder(), signed(t, "", "b", "{}", began).WithContext(ctx))
		if took := time.Since(began); took != time.Minute+time.Second {
			t.Errorf("who has gone was waited for %s, want a second", took-time.Minute)
		}
		time.AfterFunc(2*time.Second, func() { _ = r.close() })
		r.ServeHTTP(httptest.NewRecorder(), signed(t, "", "c", "{}", began))
		if took := time.Since(began); took != time.Minute+3*time.Second {
			t.Errorf("a receiver that ends went on to %s", took)
		}
	})
}

func TestListenRefuses(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	text := filepath.Join(folder, "text")
	if err := os.WriteFile(text, []byte("planted-token"), 0o600); err != nil {
		t.Fatal(err)
	}
	for args, want := range map[string]string{
		"--secret planted-token": "--secret number 1 must be env:NAME or file:PATH", "--secret env:GOOD --secret env:EMPTY": "--secret env:EMPTY: there is nothing in it",
		"--secret file:" + text: "is whsec_ and 24 to 64 bytes in base64", "--secret file:" + text + "x": "--secret cannot be read", "--secret env:BAD": "is whsec_",
		"--answer later --output " + text: "must be sync, async or dynamic", "--answer sync": "give both", "--output " + text: "give both", "--answer sync --output " + text: "it is not JSON",
		"--status 99": "--status is 99", "--fail -1": "--fail is -1", "--retry-after 1s": "give --status or --fail", "--delay 25h": "between 0s and 24h",
		"--listen 0.0.0.0:0": "say --expose", "--trigger idn:none": `there is no trigger "idn:none"`, "--format xml": "must be text or json", "x": "unknown command",
	} {
		vars := []string{"GOOD=" + hookSecret(1) + " " + hookSecret(2), "EMPTY= ", "BAD=whsec_planted-token"}
		code, out, errs := command(t, vars, append([]string{"listen"}, strings.Fields(args)...)...)
		if code != exitUsage || !strings.Contains(errs, want) || strings.Contains(out+errs, "planted-token") {
			t.Errorf("listen %s: got exit code %d, %s%s, want %s", args, code, out, errs, want)
		}
	}
}

// TestListenPlaysTheWholeWay: sluice listen gets what sluice serve sends, verifies it, and completes it; a test of the subscription sees that.
func TestListenPlaysTheWholeWay(t *testing.T) {
	t.Parallel()
	r := newRig(t, plainConfig+"triggers: {allow_networks: [127.0.0.0/8]}\n", teamdynamix.Options{})
	r.data = t.TempDir()
	output := filepath.Join(t.TempDir(), "approver.json")
	if err := os.WriteFile(output, []byte(`{"id":"2c","name":"Ann","type":"IDENTITY"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	out, errs, ended := &logText{}, &logText{}, make(chan int, 1)
	go func() {
		ended <- run(ctx, []string{"listen", "--listen", "127.0.0.1:0", "--secret", "env:HOOK", "--answer", "async", "--output", output,
			"--trigger", "idn:access-request-dynamic-approver"}, []string{"HOOK=" + hookSecret(1)}, nil, out, errs)
	}()
	var subscription string
	r.eventually("the receiver to say where it is", func() bool {
		subscription = regexp.MustCompile(`(?s)\{\n.*?\n\}\n`).FindString(errs.String())
		return subscription != ""
	})
	if said := errs.String(); !strings.Contains(said, `triggers: {allow_networks: ["127.0.0.0/8"]}`) || strings.Contains(said, hookSecret(1)) {
		t.Errorf("at the start: got %s, want the networks and no secret", said)
	}
	r.start()
	d := &desk{t: t, args: []string{"--data", r.data, "--config", r.folder}}
	id := d.create(strings.Replace(subscription, "whsec_…", hookSecret(1), 1))
	if got := d.do("", exitOK, "subscriptions", "test", id, "--wait", "1m"); !strings.Contains(got, "the receiver gave an answer that fits") || !strings.Contains(got, "asked") {
		t.Errorf("test: got %s, want it completed", got)
	}
	r.eventually("the completion to be printed", func() bool { return strings.Contains(out.String(), "is completed: ") })
	stop()
	if code := <-ended; code != exitOK {
		t.Errorf("listen: got exit code %d, %s", code, errs)
	}
	for _, want := range []string{"verified, answered 200\n", "is completed: ", "1 arrived, 1 verified, 0 repeated\n", `"secret": "[masked]"`} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("printed: got %s, want %q in it", out, want)
		}
	}
}
