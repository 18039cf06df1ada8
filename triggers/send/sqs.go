package send

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"sluice/triggers"
)

// queue sends events to a queue of SQS.
type queue struct {
	*cloud
	api  *sqs.Client
	url  string
	fifo bool
}

// sqsCodes is the rule table of SQS. A queue that is gone may be made again.
var sqsCodes = map[string]codeRule{
	"InvalidMessageContents": {final: true, says: "the event has characters that SQS does not take"},
	"BatchRequestTooLong":    {final: true, says: "the event is too large for SQS"},
	"InvalidParameterValue":  {final: true, says: "the event cannot be sent as it is"},
	"MissingParameter":       {final: true, says: "the event cannot be sent as it is"},
	"NonExistentQueue":       {says: "there is no such queue"},
	"QueueDoesNotExist":      {says: "there is no such queue"},
	"AccessDenied":           {says: "the credentials may not send to this queue"},
	"RequestThrottled":       {says: "it gets too much at once"},
}

func newSQS(o Options, g guard, to *triggers.SQSQueue) (*queue, error) {
	if err := owned("SQS", to.AccessKey); err != nil {
		return nil, err
	}
	if _, err := parse(to.URL, "https", "http"); err != nil {
		return nil, fmt.Errorf("sluice.destination.sqs.url: %w", err)
	}
	c, err := newCloud(o, g, "SQS", "sqs", to.Region, to.AccessKey)
	if err != nil {
		return nil, err
	}
	return &queue{cloud: c, api: sqs.NewFromConfig(c.config), url: to.URL, fifo: strings.HasSuffix(to.URL, ".fifo")}, nil
}

func (q *queue) Most() int { return mostInBatch }

func (q *queue) Send(ctx context.Context, d triggers.Delivery) (triggers.Answer, error) {
	if err := q.SendAll(ctx, []triggers.Delivery{d})[0]; err != nil {
		return triggers.Answer{}, err
	}
	return triggers.Answer{Status: http.StatusOK}, nil
}

func (q *queue) SendAll(ctx context.Context, all []triggers.Delivery) []error {
	ctx, cancel := context.WithTimeout(ctx, q.timeout) // for all its calls
	defer cancel()
	return inBatches(all, func(some []triggers.Delivery) []error { return q.put(ctx, some) })
}

// put makes one call. An entry is found in the answer by its place in the call, which is its id there.
func (q *queue) put(ctx context.Context, some []triggers.Delivery) []error {
	in := &sqs.SendMessageBatchInput{QueueUrl: &q.url}
	for i, d := range some {
		in.Entries = append(in.Entries, q.entry(i, d))
	}
	out, err := q.api.SendMessageBatch(ctx, in)
	if err != nil {
		return each(len(some), q.judge(ctx, sqsCodes, err))
	}
	errs := each(len(some), fmt.Errorf("%s did not say what became of the event", q.service))
	for _, done := range out.Successful {
		settle(errs, done.Id, nil)
	}
	for _, failed := range out.Failed {
		settle(errs, failed.Id, q.refusal(sqsCodes, aws.ToString(failed.Code), 0))
	}
	return errs
}

func (q *queue) entry(i int, d triggers.Delivery) types.SendMessageBatchRequestEntry {
	e := types.SendMessageBatchRequestEntry{
		Id: aws.String(strconv.Itoa(i)), MessageBody: aws.String(string(d.Body)), MessageAttributes: map[string]types.MessageAttributeValue{},
	}
	for _, m := range marks(d) {
		e.MessageAttributes[m.name] = types.MessageAttributeValue{DataType: aws.String("String"), StringValue: aws.String(m.value)}
	}
	if q.fifo {
		e.MessageGroupId, e.MessageDeduplicationId = aws.String(group(d)), aws.String(d.Invocation.ID)
	}
	return e
}

// settle sets the outcome of the entry whose id is its place.
func settle(errs []error, id *string, err error) {
	if i, no := strconv.Atoi(aws.ToString(id)); no == nil && i >= 0 && i < len(errs) {
		errs[i] = err
	}
}
