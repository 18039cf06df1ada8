package send

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"

	"sluice/triggers"
)

// EventBridgeOptions are a deployment's, because SailPoint's subscriptions name nothing but an account and a region.
type EventBridgeOptions struct {
	triggers.AccessKey

	// Source is what stands before the subscription in an event's source; "" = SailPoint's, by which existing rules find its events. AWS keeps
	// sources that begin with "aws." to its partners, so a bus that is not one needs another.
	Source string
	Bus    string // of the subscription's account; "" = default
}

// eventBridge puts events on a bus in the subscription's account.
type eventBridge struct {
	*cloud
	api         *eventbridge.Client
	bus, source string
}

// eventBridgeCodes is the rule table of EventBridge.
var eventBridgeCodes = map[string]codeRule{
	"MalformedDetail":                {final: true, says: "the event is no JSON object that EventBridge takes"},
	"ValidationException":            {final: true, says: "the event cannot be put as it is"},
	"ValidationError":                {final: true, says: "the event cannot be put as it is"},
	"RequestEntityTooLargeException": {final: true, says: "the event is too large for EventBridge"},
	"NotAuthorizedForSource":         {says: "sources that begin with aws. are kept to partners of AWS; the operator can set another"},
	"NotAuthorizedForSourceException": {
		says: "sources that begin with aws. are kept to partners of AWS; the operator can set another",
	},
	"AccessDeniedException":     {says: "the credentials may not put events on this bus"},
	"ResourceNotFoundException": {says: "the account has no such bus"},
	"ThrottlingException":       {says: "it gets too much at once"},
}

var accounts = regexp.MustCompile(`^[0-9]{12}$`)

func newEventBridge(o Options, g guard, sub *triggers.Subscription) (*eventBridge, error) {
	to, own := sub.EventBridge, o.EventBridge
	if !accounts.MatchString(to.Account) {
		return nil, errors.New("eventBridgeConfig.awsAccount is not 12 digits")
	}
	c, err := newCloud(o, g, "EventBridge", "events", to.Region, own.AccessKey)
	if err != nil {
		return nil, err
	}
	source, bus := own.Source, own.Bus
	if source == "" {
		source = "aws.partner/sailpoint.com"
	}
	if bus == "" {
		bus = "default"
	}
	return &eventBridge{
		cloud:  c,
		api:    eventbridge.NewFromConfig(c.config),
		bus:    fmt.Sprintf("arn:%s:events:%s:%s:event-bus/%s", partition(to.Region), to.Region, to.Account, bus),
		source: source,
	}, nil
}

// partition is the part of AWS that a region is in, as ARNs name it.
func partition(region string) string {
	switch {
	case strings.HasPrefix(region, "cn-"):
		return "aws-cn"
	case strings.HasPrefix(region, "us-gov-"):
		return "aws-us-gov"
	}
	return "aws"
}

func (b *eventBridge) Most() int { return mostInBatch }

func (b *eventBridge) Send(ctx context.Context, d triggers.Delivery) (triggers.Answer, error) {
	if err := b.SendAll(ctx, []triggers.Delivery{d})[0]; err != nil {
		return triggers.Answer{}, err
	}
	return triggers.Answer{Status: http.StatusOK}, nil
}

func (b *eventBridge) SendAll(ctx context.Context, all []triggers.Delivery) []error {
	ctx, cancel := context.WithTimeout(ctx, b.timeout) // for all its calls
	defer cancel()
	return inBatches(all, func(some []triggers.Delivery) []error { return b.put(ctx, some) })
}

// put makes one call. Of its entries some may be taken and others not, and each has its own outcome.
func (b *eventBridge) put(ctx context.Context, some []triggers.Delivery) []error {
	in := &eventbridge.PutEventsInput{}
	for _, d := range some {
		in.Entries = append(in.Entries, b.entry(d))
	}
	out, err := b.api.PutEvents(ctx, in)
	if err != nil {
		return each(len(some), b.judge(ctx, eventBridgeCodes, err))
	}
	if len(out.Entries) != len(some) {
		return each(len(some), fmt.Errorf("%s did not say what became of each event", b.service))
	}
	errs := make([]error, len(some))
	for i, e := range out.Entries {
		if e.ErrorCode != nil {
			errs[i] = b.refusal(eventBridgeCodes, *e.ErrorCode, 0)
		}
	}
	return errs
}

// entry is the envelope that SailPoint's events have. The body is the detail as it is, with the _metadata that it came with.
func (b *eventBridge) entry(d triggers.Delivery) types.PutEventsRequestEntry {
	_, name, _ := strings.Cut(d.Subscription.TriggerID, ":")
	e := types.PutEventsRequestEntry{
		Detail:       aws.String(string(d.Body)),
		DetailType:   aws.String(d.Subscription.TriggerID),
		EventBusName: aws.String(b.bus),
		Source:       aws.String(b.source + "/" + d.Subscription.ID + "/idn/" + name),
	}
	if at := d.Event.Time; !at.IsZero() {
		e.Time = &at
	}
	return e
}
