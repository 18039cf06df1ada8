// Package events speaks SailPoint's Event Trigger API: which triggers there are, who is subscribed to them, and what became of their
// invocations. Clients that manage SailPoint's triggers manage ours without a change, so paths, members, statuses and the texts that a
// program reads are SailPoint's; what it lacks stands in members of its own. One set of handlers answers under every version.
//
// It knows no SQL: cmd gives it the stores, which package store implements.
package events

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"sluice/internal/client"
	"sluice/internal/fault"
	"sluice/triggers"
	"sluice/web/oauth"
)

// Subscriptions keep who is subscribed. aggregation.ErrNone says that there is no such subscription. What allowed and change return comes
// back in the error, and nothing is kept then.
type Subscriptions interface {
	// Subscriptions come without their secrets.
	Subscriptions(ctx context.Context) ([]triggers.Subscription, error)
	CreateSubscription(ctx context.Context, s triggers.Subscription, allowed func(others []triggers.Subscription) error) error
	// ChangeSubscription gives change the subscription with its secrets.
	ChangeSubscription(ctx context.Context, id string, change func(s *triggers.Subscription, others []triggers.Subscription) error) (triggers.Subscription, error)
	DeleteSubscription(ctx context.Context, id string) error
	// FilteredOut is how many events a subscription's filter did not let through, and the last of them, the newest first.
	FilteredOut(ctx context.Context, id string) (n int64, last []triggers.FilteredOut, err error)
}

// Invocations keep what was and is on its way. aggregation.ErrNone says that there is no such invocation.
type Invocations interface {
	Invocations(ctx context.Context, q triggers.Query) ([]triggers.Invocation, error)
	// Invoke makes tests for subscriptions of a trigger, of all or of some; subscribed tells whether there are any.
	Invoke(ctx context.Context, trigger string, input, content json.RawMessage, only []string) (made []triggers.Invocation, subscribed bool, err error)
	// Complete may also give triggers.ErrSecret and triggers.ErrOver. What check returns comes back in the error.
	Complete(ctx context.Context, id, secret string, output json.RawMessage, fault string, check func(triggers.Invocation) error) error
	Invocation(ctx context.Context, id string) (triggers.Invocation, error)
	Attempts(ctx context.Context, invocation int64) ([]triggers.Attempt, error)
	// Replay sends again what is over of what a query asks for, and returns how many those are, which may be some with an error too.
	Replay(ctx context.Context, q triggers.Query) (int64, error)
	// Abandon makes dead what is on its way or waits for its answer, and returns how many those are.
	Abandon(ctx context.Context, ids ...string) (int64, error)
	// Behind is the id of what an invocation waits behind; "" where it waits behind none.
	Behind(ctx context.Context, one triggers.Invocation) (string, error)
	// Tell emits an event, unless there is one of its id.
	Tell(ctx context.Context, e triggers.Event) (triggers.Told, error)
}

// Filters read the filters of subscriptions.
type Filters interface {
	// Compile says in a sentence why a text is no filter.
	Compile(filter string) error
	// Check says what a filter makes of a document, as triggers.Decode reads it: whether it passes, the filter compiles, and finds anything.
	Check(filter string, document any) (isValid, isValidJSONPath, isPathExist bool)
}

// Bearers verify tokens. It is oauth.Server.
type Bearers interface {
	Bearer(r *http.Request, version string) (oauth.Grant, error)
}

// Limits are how many subscriptions a trigger may have.
type Limits struct {
	FireAndForget   int // 0: 50, as at SailPoint
	RequestResponse int // 0: 1, as at SailPoint
}

// Options are what an API is made of.
type Options struct {
	Catalogue     func() *triggers.Catalogue // as it is by now
	Subscriptions Subscriptions
	Invocations   Invocations
	Filters       Filters
	Bearers       Bearers
	Limits        Limits
	// CheckReceiver says in a sentence why nothing could be sent to a subscription with its secrets, and quotes none of them; nil: everything can. It
	// is called in a transaction of the store, and so must not look names up.
	CheckReceiver func(s *triggers.Subscription) error
	Now           func() time.Time // nil: time.Now
	Log           *slog.Logger
}

// API answers requests. It is an http.Handler.
type API struct{ Options }

// New returns an API.
func New(o Options) *API {
	if o.Limits.FireAndForget == 0 {
		o.Limits.FireAndForget = 50
	}
	if o.Limits.RequestResponse == 0 {
		o.Limits.RequestResponse = 1
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &API{o}
}

// operation is what one method and path do. id is the path's, "" where it has none.
type operation struct {
	scopes []string // each is enough; nil: no token is asked for
	do     func(a *API, v *visit) error
}

// visit is one request.
type visit struct {
	http.ResponseWriter
	*http.Request

	id    string // of the path
	grant oauth.Grant
}

var (
	subscriptionsRead  = []string{client.SubscriptionsRead, client.SubscriptionsWrite}
	subscriptionsWrite = []string{client.SubscriptionsWrite}
	triggersRead       = []string{client.SubscriptionsRead}
	invocationsRead    = []string{client.InvocationsRead, client.InvocationsWrite}
	invocationsWrite   = []string{client.InvocationsWrite}
	eventsEmit         = []string{client.EventsEmit}
)

// operations are all there are, by what follows the version: {id} is any segment. The per-service form of a path has its version behind the
// first segment, and is rewritten to this one.
var operations = map[string]map[string]operation{
	"/triggers": {http.MethodGet: {triggersRead, (*API).listTriggers}},
	"/trigger-subscriptions": {
		http.MethodGet:  {subscriptionsRead, (*API).listSubscriptions},
		http.MethodPost: {subscriptionsWrite, (*API).createSubscription},
	},
	"/trigger-subscriptions/{id}": {
		http.MethodGet:    {subscriptionsRead, (*API).getSubscription},
		http.MethodPut:    {subscriptionsWrite, (*API).putSubscription},
		http.MethodPatch:  {subscriptionsWrite, (*API).patchSubscription},
		http.MethodDelete: {subscriptionsWrite, (*API).deleteSubscription},
	},
	"/trigger-subscriptions/validate-filter": {http.MethodPost: {subscriptionsWrite, (*API).validateFilter}},
	"/trigger-invocations/status":            {http.MethodGet: {invocationsRead, (*API).listInvocations}},
	"/trigger-invocations/test":              {http.MethodPost: {invocationsWrite, (*API).testInvocation}},
	// Receivers complete with the invocation's secret alone; what they send in Authorization may be old, and is not looked at.
	"/trigger-invocations/{id}/complete": {http.MethodPost: {nil, (*API).completeInvocation}},
	// What SailPoint lacks.
	"/triggers/{id}/schema":             {http.MethodGet: {triggersRead, (*API).getSchema}},
	"/trigger-invocations/{id}":         {http.MethodGet: {invocationsRead, (*API).getInvocation}},
	"/trigger-invocations/{id}/replay":  {http.MethodPost: {invocationsWrite, (*API).replayInvocation}},
	"/trigger-invocations/{id}/abandon": {http.MethodPost: {invocationsWrite, (*API).abandonInvocation}},
	"/trigger-invocations/replay":       {http.MethodPost: {invocationsWrite, (*API).replayInvocations}},
	"/trigger-invocations/start":        {http.MethodPost: {eventsEmit, (*API).startInvocation}},
	// It tells of payloads, as invocations do.
	"/trigger-subscriptions/{id}/filtered": {http.MethodGet: {invocationsRead, (*API).listFiltered}},
}

// versions are those of SailPoint's API that have triggers. v1 is that of the per-service paths.
var versions = []string{"beta", "v2024", "v2025", "v2026"}

// ServeHTTP implements http.Handler.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	v := &visit{ResponseWriter: w, Request: r}
	if err := a.answer(v); err != nil {
		a.refuse(v, err)
	}
}

func (a *API) answer(v *visit) error {
	version, path, found := route(v.URL.EscapedPath())
	if !found {
		return notFound()
	}
	methods := operations[path]
	if methods == nil {
		if path, v.id, found = withoutID(path); !found {
			return notFound()
		}
		if methods = operations[path]; methods == nil {
			return notFound()
		}
	}
	op, allowed := methods[v.Method]
	if !allowed {
		return a.wrongMethod(v, methods)
	}
	if op.scopes == nil {
		return op.do(a, v)
	}
	var err error
	if v.grant, err = a.Bearers.Bearer(v.Request, version); err != nil {
		return err
	}
	if !client.May(v.grant.Scopes, op.scopes...) {
		return refuse(http.StatusForbidden, "forbidden", "The server understood the request but refuses to authorize it: the token has none of the scopes %s.", strings.Join(op.scopes, ", "))
	}
	return op.do(a, v)
}

// refuse is a fault of this package.
func refuse(status int, code, format string, args ...any) *fault.Error {
	return fault.New("triggers", status, code, format, args...)
}

// bad is a request that can be read and makes no sense.
func bad(format string, args ...any) *fault.Error {
	return refuse(http.StatusBadRequest, "bad_request", format, args...)
}

func notFound() *fault.Error {
	return refuse(http.StatusNotFound, "not_found", "The server did not find a current representation for the target resource.")
}
