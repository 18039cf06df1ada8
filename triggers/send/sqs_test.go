package send_test

import (
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"sluice/triggers"
	"sluice/triggers/send"
)

func TestSQS(t *testing.T) {
	t.Parallel()
	// The library holds the answer against what it sent.
	sum := md5.Sum([]byte(body))
	digest := hex.EncodeToString(sum[:])
	var got struct {
		QueueURL string `json:"QueueUrl"`
		Entries  []struct {
			ID, MessageBody, MessageGroupId, MessageDeduplicationId string
			MessageAttributes                                       map[string]struct{ StringValue string }
		}
	}
	key, asked := amazon(t, "sqs", func(w http.ResponseWriter, _ *http.Request, body string) {
		if err := json.Unmarshal([]byte(body), &got); err != nil {
			t.Error(err)
		}
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		// The second is refused for good, the third for now, and of the fourth nothing is said.
		io.WriteString(w, `{"Successful":[{"Id":"0","MessageId":"m","MD5OfMessageBody":"`+digest+`"}],"Failed":[{"Id":"2","Code":"InternalError","SenderFault":false},{"Id":"1","Code":"InvalidMessageContents","SenderFault":true}]}`)
	})
	sub := broker(triggers.Destination{SQS: &triggers.SQSQueue{URL: "https://sqs.eu-west-1.amazonaws.com/123456789012/events.fifo", Region: "eu-west-1", AccessKey: key}})
	errs := senders(t, send.Options{}).SendAll(t.Context(), several(sub, 4))
	if errs[0] != nil || !triggers.IsPermanent(errs[1]) || errs[2] == nil || triggers.IsPermanent(errs[2]) || errs[3] == nil || asked.Load() != 1 {
		t.Errorf("got %v in %d calls, want one taken, one refused for good and two to be tried again", errs, asked.Load())
	}
	if len(got.Entries) != 4 || got.QueueURL != sub.Sluice.Destination.SQS.URL {
		t.Fatalf("got %+v, want 4 entries for the queue", got)
	}
	e := got.Entries[1]
	if e.MessageBody != body || e.MessageDeduplicationId != "i-b" || len(e.MessageGroupId) != 64 || e.MessageGroupId != got.Entries[0].MessageGroupId {
		t.Errorf("got %+v, want the body, the invocation's id and the subject's group", e)
	}
	if e.MessageAttributes["X-Sluice-Invocation-Id"].StringValue != "i-b" || e.MessageAttributes["X-Sluice-Trigger-Id"].StringValue != triggers.IdentityCreated {
		t.Errorf("got %+v, want the ids", e.MessageAttributes)
	}
}

func TestSQSRefusals(t *testing.T) {
	t.Parallel()
	for code, final := range map[string]bool{"AWS.SimpleQueueService.NonExistentQueue": false, "QueueDoesNotExist": false, "AWS.SimpleQueueService.BatchRequestTooLong": true, "RequestThrottled": false} {
		key, _ := amazon(t, "sqs", refusing(400, "com.amazonaws.sqs#"+code))
		sub := broker(triggers.Destination{SQS: &triggers.SQSQueue{URL: "https://sqs.eu-west-1.amazonaws.com/1/q", Region: "eu-west-1", AccessKey: key}})
		_, err := senders(t, send.Options{}).Send(t.Context(), deliver(sub, "i"))
		leaks(t, code, err)
		if triggers.IsPermanent(err) != final || !strings.Contains(err.Error(), strings.TrimPrefix(code, "AWS.SimpleQueueService.")) {
			t.Errorf("%s: got %v, want final %t", code, err, final)
		}
	}
}

func TestSNS(t *testing.T) {
	t.Parallel()
	key, asked := amazon(t, "sns", func(w http.ResponseWriter, r *http.Request, _ string) {
		_ = r.ParseForm()
		form := func(name string) string { return r.Form.Get("PublishBatchRequestEntries.member.2." + name) }
		if r.Form.Get("Action") != "PublishBatch" || form("Message") != body || form("MessageDeduplicationId") != "i-b" || len(form("MessageGroupId")) != 64 {
			t.Errorf("got %v, want the body, the invocation's id and the subject's group", r.Form)
		}
		w.Header().Set("Content-Type", "text/xml")
		_, _ = fmt.Fprint(w, `<PublishBatchResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><PublishBatchResult>
			<Successful><member><Id>1</Id><MessageId>m</MessageId></member></Successful>
			<Failed><member><Id>0</Id><Code>InvalidParameter</Code><SenderFault>true</SenderFault></member><member><Id>2</Id><Code>InternalError</Code><SenderFault>false</SenderFault></member></Failed>
			</PublishBatchResult></PublishBatchResponse>`)
	})
	sub := broker(triggers.Destination{SNS: &triggers.SNSTopic{ARN: "arn:aws:sns:eu-west-1:123456789012:events.fifo", AccessKey: key}})
	errs := senders(t, send.Options{}).SendAll(t.Context(), several(sub, 3))
	if !triggers.IsPermanent(errs[0]) || errs[1] != nil || errs[2] == nil || triggers.IsPermanent(errs[2]) || asked.Load() != 1 {
		t.Errorf("got %v in %d calls, want one refused for good, one taken and one to be tried again", errs, asked.Load())
	}
}

func TestSNSRefusals(t *testing.T) {
	t.Parallel()
	for code, final := range map[string]bool{"NotFound": false, "InvalidParameter": true, "AuthorizationError": false, "Throttled": false} {
		key, _ := amazon(t, "sns", func(w http.ResponseWriter, _ *http.Request, _ string) {
			w.Header().Set("Content-Type", "text/xml")
			w.Header().Set("Retry-After", "3")
			w.WriteHeader(400)
			_, _ = fmt.Fprintf(w, `<ErrorResponse><Error><Type>Sender</Type><Code>%s</Code><Message>%s</Message></Error><RequestId>r</RequestId></ErrorResponse>`, code, planted["key"])
		})
		sub := broker(triggers.Destination{SNS: &triggers.SNSTopic{ARN: "arn:aws:sns:eu-west-1:123456789012:events", AccessKey: key}})
		_, err := senders(t, send.Options{}).Send(t.Context(), deliver(sub, "i"))
		leaks(t, code, err)
		if triggers.IsPermanent(err) != final || !strings.Contains(err.Error(), code) || !final && triggers.AfterOf(err) != 3*time.Second {
			t.Errorf("%s: got %v, want final %t", code, err, final)
		}
	}
}
