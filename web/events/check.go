package events

import (
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/sosodev/duration"

	"sluice/internal/fault"
	"sluice/triggers"
)

// Bounds of texts, so that nobody fills a database by a name.
const (
	mostName   = 256
	mostFilter = 8 << 10
	mostURL    = 4 << 10
	mostSecret = 16 << 10
)

// longestWait bounds a deadline. SailPoint documents no bound.
const longestWait = 366 * 24 * time.Hour

var (
	awsAccount = regexp.MustCompile(`^[0-9]{12}$`)
	awsRegion  = regexp.MustCompile(`^[a-z]{2}(-[a-z]+)+-[0-9]+$`)
)

func (a *API) now() time.Time { return a.Now().UTC().Truncate(time.Microsecond) }

// check holds a subscription, secrets included, against what can be known of it alone. No text of an error holds a value of the client's that may
// be a secret.
func (a *API) check(s *triggers.Subscription) error {
	switch {
	case strings.TrimSpace(s.Name) == "":
		return bad("name is required")
	case len(s.Name) > mostName:
		return bad("name is longer than %d bytes", mostName)
	case !slices.Contains([]string{triggers.TypeHTTP, triggers.TypeEventBridge, "INLINE", "SCRIPT", "WORKFLOW"}, s.Type):
		return bad("type must be HTTP, EVENTBRIDGE, INLINE, SCRIPT or WORKFLOW")
	case s.Type == triggers.TypeHTTP && s.HTTP == nil:
		return bad("httpConfig is required when type is HTTP")
	case s.Type == triggers.TypeEventBridge && s.EventBridge == nil:
		return bad("eventBridgeConfig is required when type is EVENTBRIDGE")
	}
	if err := span("responseDeadline", s.ResponseDeadline); err != nil {
		return err
	}
	if err := a.checkFilter(s.Filter); err != nil {
		return err
	}
	if err := checkSecrets(s); err != nil {
		return err
	}
	if s.HTTP != nil {
		if err := checkHTTP(s.HTTP); err != nil {
			return err
		}
	}
	if e := s.EventBridge; e != nil {
		switch {
		case !awsAccount.MatchString(e.Account):
			return bad("eventBridgeConfig.awsAccount must be 12 digits, as a string")
		case !awsRegion.MatchString(e.Region):
			return bad("eventBridgeConfig.awsRegion must be a region such as us-east-1")
		}
	}
	if err := checkExtension(&s.Sluice); err != nil {
		return err
	}
	if a.CheckReceiver != nil {
		if err := a.CheckReceiver(s); err != nil {
			return bad("%s", err)
		}
	}
	return nil
}

func (a *API) checkFilter(filter *string) error {
	if filter == nil {
		return nil
	}
	if len(*filter) > mostFilter {
		return bad("filter is longer than %d bytes", mostFilter)
	}
	if err := a.Filters.Compile(*filter); err != nil {
		return bad("filter cannot be used: %s", err)
	}
	return nil
}

// checkSecrets refuses a secret that no header could carry or no database keep.
func checkSecrets(s *triggers.Subscription) error {
	shown, err := s.Clone()
	if err != nil {
		return err
	}
	for name, secret := range shown.TakeSecrets() {
		if len(secret) > mostSecret {
			return bad("the secret %s is longer than %d bytes", name, mostSecret)
		}
		if name != "key" && strings.ContainsFunc(secret, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			return bad("the secret %s holds a control character, such as the end of a line", name)
		}
	}
	return nil
}

func checkHTTP(c *triggers.HTTPConfig) error {
	if err := checkURL("httpConfig.url", c.URL); err != nil {
		return err
	}
	switch {
	case !slices.Contains([]string{triggers.DispatchSync, triggers.DispatchAsync, triggers.DispatchDynamic}, c.DispatchMode):
		return bad("httpConfig.httpDispatchMode must be SYNC, ASYNC or DYNAMIC")
	case !slices.Contains([]string{triggers.NoAuth, triggers.BasicAuth, triggers.BearerAuth}, c.Authentication):
		return bad("httpConfig.httpAuthenticationType must be NO_AUTH, BASIC_AUTH or BEARER_TOKEN")
	case c.Authentication == triggers.BasicAuth && (c.Basic == nil || c.Basic.UserName == "" || c.Basic.Password == nil):
		return bad("httpConfig.basicAuthConfig with userName and password is required when httpAuthenticationType is BASIC_AUTH")
	case c.Authentication == triggers.BearerAuth && (c.Bearer == nil || c.Bearer.Token == nil || *c.Bearer.Token == ""):
		return bad("httpConfig.bearerTokenAuthConfig with bearerToken is required when httpAuthenticationType is BEARER_TOKEN")
	}
	return nil
}

// checkURL does not repeat a URL, because clients put keys into them.
func checkURL(member, text string) error {
	u, err := url.Parse(text)
	switch {
	case text == "":
		return bad("%s is required", member)
	case len(text) > mostURL:
		return bad("%s is longer than %d bytes", member, mostURL)
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.Opaque != "":
		return bad("%s must be an absolute URL that begins with https:// or http://", member)
	case u.User != nil:
		return bad("%s holds a user or a password, which every reader of the subscription would see: use basicAuthConfig", member)
	case u.Fragment != "":
		return bad("%s has a part behind #, which is never sent", member)
	}
	return nil
}

// span holds a duration of ISO 8601 against what can be waited for. It is added up in years first, because a time.Duration of some thousand
// years begins anew and may look like a short one.
func span(member, text string) error {
	d, err := duration.Parse(text)
	const day, hour = 1.0 / 365, 1.0 / 365 / 24
	if err != nil || d.Years+d.Months/12+(d.Weeks*7+d.Days)*day+(d.Hours+d.Minutes/60+d.Seconds/3600)*hour > 100 ||
		d.ToTimeDuration() <= 0 || d.ToTimeDuration() > longestWait {
		return bad("%s must be a duration of ISO 8601 such as PT1H, longer than none and a year at most", member)
	}
	return nil
}

// room refuses one subscription more than a trigger may have.
func (a *API) room(trigger *triggers.Trigger, others []triggers.Subscription) error {
	there := 0
	for _, o := range others {
		if o.TriggerID == trigger.ID {
			there++
		}
	}
	switch {
	case trigger.Kind == triggers.RequestResponse && there >= a.Limits.RequestResponse:
		return bad("trigger %s is REQUEST_RESPONSE and can have %d subscription, which it has; change or delete that one", trigger.ID, a.Limits.RequestResponse)
	case trigger.Kind != triggers.RequestResponse && there >= a.Limits.FireAndForget:
		return bad("trigger %s can have %d subscriptions, and has them; delete one", trigger.ID, a.Limits.FireAndForget)
	}
	return nil
}

// alone refuses a second subscription of a name, because clients find subscriptions by it.
func alone(s *triggers.Subscription, others []triggers.Subscription) error {
	if slices.ContainsFunc(others, func(o triggers.Subscription) bool { return strings.EqualFold(o.Name, s.Name) }) {
		return fault.New("triggers", http.StatusBadRequest, "duplicate_name", "there is a subscription with the name %q already", s.Name)
	}
	return nil
}
