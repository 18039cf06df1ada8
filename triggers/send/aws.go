package send

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/smithy-go"

	"sluice/triggers"
)

// cloud is a way to one service of AWS in one region: signed, behind the guard, and without the library's own retries.
type cloud struct {
	service string // for texts, as in "SQS in eu-west-1"
	host    string
	guard   guard
	client  *http.Client
	config  aws.Config
	timeout time.Duration
}

// regions are what may stand in the name of a host of AWS.
var regions = regexp.MustCompile(`^[a-z]{2}(-[a-z]+)+-[0-9]{1,2}$`)

func newCloud(o Options, g guard, service, prefix, region string, key triggers.AccessKey) (*cloud, error) {
	if !regions.MatchString(region) {
		return nil, fmt.Errorf("%s: the region is none of AWS; write it as eu-west-1", service)
	}
	if (key.AccessKeyID == "") != (text(key.SecretAccessKey) == "") {
		return nil, fmt.Errorf("%s: accessKeyId and secretAccessKey go together", service)
	}
	config, err := tlsOf(o.Roots, nil)
	if err != nil {
		return nil, err
	}
	domain := ""
	if partition(region) == "aws-cn" {
		domain = ".cn"
	}
	c := &cloud{service: service + " in " + region, host: prefix + "." + region + ".amazonaws.com" + domain, guard: g, timeout: o.Timeout}
	c.client = &http.Client{
		Transport:     brief{g.transport(config, defaultConcurrency)},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	c.config = aws.Config{Region: region, HTTPClient: c.client, Retryer: func() aws.Retryer { return aws.NopRetryer{} }, Credentials: &machine{}}
	if key.AccessKeyID != "" {
		c.config.Credentials = credentials.NewStaticCredentialsProvider(key.AccessKeyID, text(key.SecretAccessKey), "")
	}
	if key.Endpoint == "" {
		return c, nil
	}
	u, err := url.Parse(key.Endpoint)
	if err != nil || u.Hostname() == "" || u.User != nil || u.Scheme != "https" && u.Scheme != "http" {
		return nil, fmt.Errorf("%s: endpoint is no URL of a host", service)
	}
	c.host, c.config.BaseEndpoint = u.Hostname(), aws.String(key.Endpoint)
	return c, nil
}

// brief cuts off answers over mostAnswer: the library reads a body to its end, and the endpoint may be the subscriber's.
type brief struct{ *http.Transport }

func (b brief) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := b.Transport.RoundTrip(r)
	if err == nil {
		resp.Body = http.MaxBytesReader(nil, resp.Body, mostAnswer)
	}
	return resp, err
}

// owned refuses an endpoint without a key: what the machine signs as itself goes to AWS and nowhere else.
func owned(service string, key triggers.AccessKey) error {
	if key.Endpoint != "" && key.AccessKeyID == "" {
		return fmt.Errorf("%s: an endpoint needs a key of its own, because the machine's is shown to AWS alone", service)
	}
	return nil
}

func (c *cloud) hosts() []host { return []host{{c.service, c.host}} }

func (c *cloud) close() { c.client.CloseIdleConnections() }

// codeRule says what a code of AWS means. Codes that are in no table are tried again: they are about rights, keys, quotas and outages, which
// are mended in time.
type codeRule struct {
	final bool // no later attempt would heal it
	says  string
}

// codes are odd names that only a peer which is not AWS would send; what does not fit is not told.
var codes = regexp.MustCompile(`^[A-Za-z0-9_.:-]{1,64}$`)

// refusal judges one code by a service's own table.
func (c *cloud) refusal(table map[string]codeRule, code string, after time.Duration) error {
	// The query protocol of SQS put a namespace before its codes, and some of its peers still do.
	code = strings.TrimPrefix(code, "AWS.SimpleQueueService.")
	rule := table[code]
	if !codes.MatchString(code) {
		code = "an error without a name"
	}
	err := fmt.Errorf("%s answered %s", c.service, code)
	if rule.says != "" {
		err = fmt.Errorf("%w: %s", err, rule.says)
	}
	switch {
	case rule.final:
		return triggers.Permanent(err)
	case after > 0:
		return triggers.RetryAfter(after, err)
	}
	return err
}

// judge puts a failed call into words.
func (c *cloud) judge(ctx context.Context, table map[string]codeRule, err error) error {
	if errors.Is(err, errNoCredentials) {
		return fmt.Errorf("%s was not asked: %w", c.service, errNoCredentials)
	}
	answer, ok := errors.AsType[*awshttp.ResponseError](err)
	if !ok || answer.Response == nil || answer.HTTPStatusCode() == 0 {
		return unanswered(ctx, c.host, err)
	}
	after := retryAfter(answer.Response.Header, time.Now())
	if named, ok := errors.AsType[smithy.APIError](err); ok {
		return c.refusal(table, named.ErrorCode(), after)
	}
	return fmt.Errorf("%s answered %s and nothing that can be read", c.service, named(answer.HTTPStatusCode()))
}
