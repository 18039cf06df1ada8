package send

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sns/types"

	"sluice/triggers"
)

// topic publishes events to a topic of SNS.
type topic struct {
	*cloud
	api  *sns.Client
	arn  string
	fifo bool
}

// snsCodes is the rule table of SNS. A topic that is gone may be made again.
var snsCodes = map[string]codeRule{
	"InvalidParameter":      {final: true, says: "the event cannot be published as it is"},
	"InvalidParameterValue": {final: true, says: "the event cannot be published as it is"},
	"ValidationException":   {final: true, says: "the event cannot be published as it is"},
	"BatchRequestTooLong":   {final: true, says: "the event is too large for SNS"},
	"NotFound":              {says: "there is no such topic"},
	"AuthorizationError":    {says: "the credentials may not publish to this topic"},
	"Throttled":             {says: "it gets too much at once"},
}

func newSNS(o Options, g guard, to *triggers.SNSTopic) (*topic, error) {
	if err := owned("SNS", to.AccessKey); err != nil {
		return nil, err
	}
	parts := strings.Split(to.ARN, ":") // arn:aws:sns:REGION:ACCOUNT:NAME
	if len(parts) != 6 || parts[0] != "arn" || parts[2] != "sns" || parts[5] == "" {
		return nil, errors.New("sluice.destination.sns.arn is no ARN of a topic; write arn:aws:sns:REGION:ACCOUNT:NAME")
	}
	c, err := newCloud(o, g, "SNS", "sns", parts[3], to.AccessKey)
	if err != nil {
		return nil, err
	}
	return &topic{cloud: c, api: sns.NewFromConfig(c.config), arn: to.ARN, fifo: strings.HasSuffix(to.ARN, ".fifo")}, nil
}

func (t *topic) Most() int { return mostInBatch }

func (t *topic) Send(ctx context.Context, d triggers.Delivery) (triggers.Answer, error) {
	if err := t.SendAll(ctx, []triggers.Delivery{d})[0]; err != nil {
		return triggers.Answer{}, err
	}
	return triggers.Answer{Status: http.StatusOK}, nil
}

func (t *topic) SendAll(ctx context.Context, all []triggers.Delivery) []error {
	ctx, cancel := context.WithTimeout(ctx, t.timeout) // for all its calls
	defer cancel()
	return inBatches(all, func(some []triggers.Delivery) []error { return t.put(ctx, some) })
}

// put makes one call. An entry is found in the answer by its place in the call, which is its id there.
func (t *topic) put(ctx context.Context, some []triggers.Delivery) []error {
	in := &sns.PublishBatchInput{TopicArn: &t.arn}
	for i, d := range some {
		in.PublishBatchRequestEntries = append(in.PublishBatchRequestEntries, t.entry(i, d))
	}
	out, err := t.api.PublishBatch(ctx, in)
	if err != nil {
		return each(len(some), t.judge(ctx, snsCodes, err))
	}
	errs := each(len(some), fmt.Errorf("%s did not say what became of the event", t.service))
	for _, done := range out.Successful {
		settle(errs, done.Id, nil)
	}
	for _, failed := range out.Failed {
		settle(errs, failed.Id, t.refusal(snsCodes, aws.ToString(failed.Code), 0))
	}
	return errs
}

func (t *topic) entry(i int, d triggers.Delivery) types.PublishBatchRequestEntry {
	e := types.PublishBatchRequestEntry{
		Id: aws.String(strconv.Itoa(i)), Message: aws.String(string(d.Body)), MessageAttributes: map[string]types.MessageAttributeValue{},
	}
	for _, m := range marks(d) {
		e.MessageAttributes[m.name] = types.MessageAttributeValue{DataType: aws.String("String"), StringValue: aws.String(m.value)}
	}
	if t.fifo {
		e.MessageGroupId, e.MessageDeduplicationId = aws.String(group(d)), aws.String(d.Invocation.ID)
	}
	return e
}
