package send

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"sluice/triggers"
)

// tokenTimeout is for a token, besides the time for the request that it is for.
const tokenTimeout = 4 * time.Second

// tokens keeps the token of one subscription, and fetches one for all who wait.
type tokens struct {
	config  clientcredentials.Config
	host    string
	client  *http.Client
	timeout time.Duration
	hidden  *secrets
	turn    chan struct{} // holds one value: who has taken it may look at kept, and fetch
	kept    *oauth2.Token
}

func newTokens(c *triggers.ClientCredentials, client *http.Client, timeout time.Duration, hidden *secrets) (*tokens, error) {
	u, err := parse(c.TokenURL, "https", "http")
	if err != nil {
		return nil, fmt.Errorf("sluice.oauth2.tokenUrl: %w", err)
	}
	style := oauth2.AuthStyleInHeader
	if c.InBody {
		style = oauth2.AuthStyleInParams
	}
	t := &tokens{
		config: clientcredentials.Config{ClientID: c.ClientID, ClientSecret: text(c.ClientSecret), TokenURL: u.String(), Scopes: c.Scopes, AuthStyle: style},
		host:   u.Hostname(), client: client, timeout: min(timeout, tokenTimeout), hidden: hidden,
		turn: make(chan struct{}, 1),
	}
	t.turn <- struct{}{}
	return t, nil
}

// get returns the kept token, or a new one where it has ended or is the refused one.
func (t *tokens) get(ctx context.Context, within time.Duration, refused *oauth2.Token) (*oauth2.Token, error) {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	select {
	case <-t.turn:
		defer func() { t.turn <- struct{}{} }()
	case <-ctx.Done():
		return nil, t.words(ctx, ctx.Err())
	}
	if t.kept.Valid() && t.kept != refused {
		return t.kept, nil
	}
	fresh, err := t.config.Token(context.WithValue(ctx, oauth2.HTTPClient, t.client))
	if err != nil {
		return nil, t.words(ctx, err)
	}
	old := ""
	if t.kept != nil {
		old = t.kept.AccessToken
	}
	t.hidden.swap(old, fresh.AccessToken)
	t.kept = fresh
	return fresh, nil
}

// refusals are the words of RFC 6749, 5.2. Only these are told: what else a server writes there may be anything.
var refusals = []string{"invalid_request", "invalid_client", "invalid_grant", "unauthorized_client", "unsupported_grant_type", "invalid_scope"}

// words is the rule table of authorization servers: whatever they answer is tried again, because credentials are renewed there; where
// they say when, that is obeyed.
func (t *tokens) words(ctx context.Context, err error) error {
	refusal, ok := errors.AsType[*oauth2.RetrieveError](err)
	if !ok {
		if known := unanswered(ctx, t.host, err); ctx.Err() != nil || !isMalformed(known) {
			return fmt.Errorf("no token for this subscription: %w", known)
		}
		return fmt.Errorf("no token for this subscription: the answer of %s holds none", t.host)
	}
	status := refusal.Response.StatusCode
	out := fmt.Errorf("no token for this subscription: %s answered %s", t.host, named(status))
	if slices.Contains(refusals, refusal.ErrorCode) {
		out = fmt.Errorf("%w (%s)", out, refusal.ErrorCode)
	}
	if d := retryAfter(refusal.Response.Header, time.Now()); d > 0 && ruleOf(status).after {
		return triggers.RetryAfter(d, out)
	}
	return out
}
