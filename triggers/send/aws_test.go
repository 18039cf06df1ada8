package send_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"sluice/triggers"
	"sluice/triggers/send"
)

const accessKey = "AKIDEXAMPLE"

// verifySigV4 signs what the server got once more, with the library's own signer, and wants the same signature.
func verifySigV4(r *http.Request, body []byte, service, region, secret string) bool {
	at, err := time.Parse("20060102T150405Z", r.Header.Get("X-Amz-Date"))
	_, signed, found := strings.Cut(r.Header.Get("Authorization"), "SignedHeaders=")
	if err != nil || !found {
		return false
	}
	signed, _, _ = strings.Cut(signed, ",")
	again, err := http.NewRequestWithContext(r.Context(), r.Method, "http://"+r.Host+r.URL.RequestURI(), nil)
	if err != nil {
		return false
	}
	again.ContentLength = r.ContentLength
	for name := range strings.SplitSeq(signed, ";") {
		if values := r.Header.Values(name); values != nil {
			again.Header[http.CanonicalHeaderKey(name)] = values
		}
	}
	sum := sha256.Sum256(body)
	err = v4.NewSigner().SignHTTP(r.Context(), aws.Credentials{AccessKeyID: accessKey, SecretAccessKey: secret}, again, hex.EncodeToString(sum[:]), service, region, at)
	return err == nil && again.Header.Get("Authorization") == r.Header.Get("Authorization")
}

// amazon is a service of AWS that takes only what is signed with the planted key, and answers as answer says.
func amazon(t *testing.T, service string, answer func(w http.ResponseWriter, r *http.Request, body string)) (triggers.AccessKey, *atomic.Int32) {
	t.Helper()
	asked := &atomic.Int32{}
	url := receiver(t, func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		got, _ := io.ReadAll(r.Body)
		if !verifySigV4(r, got, service, "eu-west-1", planted["key"]) {
			t.Errorf("%s: the signature does not verify: %v", service, r.Header)
		}
		if verifySigV4(r, append(got, ' '), service, "eu-west-1", planted["key"]) || verifySigV4(r, got, service, "eu-west-1", "another") {
			t.Errorf("%s: another body or key verifies, too", service)
		}
		r.Body = io.NopCloser(strings.NewReader(string(got)))
		answer(w, r, string(got))
	})
	return triggers.AccessKey{AccessKeyID: accessKey, SecretAccessKey: ptr(planted["key"]), Endpoint: url}, asked
}

// several are n deliveries to sub, i-0 and so on.
func several(sub *triggers.Subscription, n int) (all []triggers.Delivery) {
	for i := range n {
		all = append(all, deliver(sub, "i-"+string(rune('a'+i))))
	}
	return all
}

// refusing answers a whole call with code and status.
func refusing(status int, code string) func(http.ResponseWriter, *http.Request, string) {
	return func(w http.ResponseWriter, _ *http.Request, _ string) {
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		w.Header().Set("X-Amzn-Errortype", code)
		if status == 503 {
			w.Header().Set("Retry-After", "4")
		}
		w.WriteHeader(status)
		io.WriteString(w, `{"__type":"`+code+`","message":"`+planted["key"]+`"}`)
	}
}

func TestRefusedCalls(t *testing.T) {
	t.Parallel()
	for code, c := range map[string]struct {
		status int
		want   string
		final  bool
		after  time.Duration
	}{
		"ValidationException":       {400, "EventBridge in eu-west-1 answered ValidationException: the event cannot be put as it is", true, 0},
		"AccessDeniedException":     {400, "EventBridge in eu-west-1 answered AccessDeniedException: the credentials may not put events on this bus", false, 0},
		"ThrottlingException":       {429, "EventBridge in eu-west-1 answered ThrottlingException: it gets too much at once", false, 0},
		"ServiceUnavailable":        {503, "EventBridge in eu-west-1 answered ServiceUnavailable", false, 4 * time.Second},
		"SignatureDoesNotMatch":     {403, "EventBridge in eu-west-1 answered SignatureDoesNotMatch", false, 0},
		"planted key of AWS <html>": {500, "EventBridge in eu-west-1 answered an error without a name", false, 0},
	} {
		t.Run(code, func(t *testing.T) {
			t.Parallel()
			key, asked := amazon(t, "events", refusing(c.status, code))
			s := senders(t, send.Options{EventBridge: send.EventBridgeOptions{AccessKey: key}})
			_, err := s.Send(t.Context(), deliver(bridge(), "i"))
			leaks(t, code, err)
			if err.Error() != c.want || triggers.IsPermanent(err) != c.final || triggers.AfterOf(err) != c.after {
				t.Errorf("got %v after %s, final %t; want %s after %s, final %t", err, triggers.AfterOf(err), triggers.IsPermanent(err), c.want, c.after, c.final)
			}
			if asked.Load() != 1 {
				t.Errorf("got %d calls, want one and no more", asked.Load())
			}
		})
	}
}

func TestMachineWithoutCredentials(t *testing.T) { //nolint:paralleltest // it sets the environment
	for name, value := range map[string]string{
		"AWS_EC2_METADATA_DISABLED": "true", "AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_CONFIG_FILE": t.TempDir() + "/none",
		"AWS_SHARED_CREDENTIALS_FILE": t.TempDir() + "/none", "AWS_PROFILE": "",
	} {
		t.Setenv(name, value)
	}
	s := senders(t, send.Options{})
	_, err := s.Send(t.Context(), deliver(bridge(), "i"))
	if want := "EventBridge in eu-west-1 was not asked: the machine has no credentials of AWS, and the subscription brings none"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

// What a peer that plays AWS sends without end is not read to its end.
func TestEndlessAnswerOfAWS(t *testing.T) {
	t.Parallel()
	var written atomic.Int64
	key, _ := amazon(t, "sqs", func(w http.ResponseWriter, _ *http.Request, _ string) {
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		block, err := []byte(strings.Repeat(planted["token"], 5000)), error(nil)
		for n := 0; err == nil && written.Load() < 2*mostWritten; written.Add(int64(n)) {
			if written.Load() == 0 {
				io.WriteString(w, `{"Successful":[{"Id":"`)
			}
			n, err = w.Write(block)
		}
	})
	sub := broker(triggers.Destination{SQS: &triggers.SQSQueue{URL: "https://sqs.eu-west-1.amazonaws.com/1/q", Region: "eu-west-1", AccessKey: key}})
	_, err := senders(t, send.Options{}).Send(t.Context(), deliver(sub, "i"))
	leaks(t, "endless", err)
	if triggers.IsPermanent(err) || written.Load() > mostWritten {
		t.Errorf("got %v after %d bytes, want it cut off and tried again", err, written.Load())
	}
}

// Calls for one event each, after one for all that was refused, have the time of one attempt together.
func TestCallsShareTheirTime(t *testing.T) {
	t.Parallel()
	refuse := refusing(400, "BatchRequestTooLong")
	var asked atomic.Int32
	key, _ := amazon(t, "sqs", func(w http.ResponseWriter, r *http.Request, body string) {
		if asked.Add(1) == 1 {
			refuse(w, r, body)
			return
		}
		<-r.Context().Done()
	})
	sub := broker(triggers.Destination{SQS: &triggers.SQSQueue{URL: "https://sqs.eu-west-1.amazonaws.com/1/q", Region: "eu-west-1", AccessKey: key}})
	for i, err := range senders(t, send.Options{Timeout: 300 * time.Millisecond}).SendAll(t.Context(), several(sub, 5)) {
		if !errors.Is(err, context.DeadlineExceeded) || triggers.IsPermanent(err) {
			t.Errorf("event %d: got %v, want the end of time", i, err)
		}
	}
	if n := asked.Load(); n != 2 {
		t.Errorf("got %d calls, want none after the time of the attempt", n)
	}
}
