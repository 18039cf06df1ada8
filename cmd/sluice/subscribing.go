package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"sluice/connectors"
	"sluice/internal/seal"
	"sluice/store"
	"sluice/triggers"
	"sluice/triggers/filter"
	"sluice/triggers/send"
	"sluice/web/events"
	"sluice/web/oauth"
)

// What keys are derived for.
const (
	forTokens = "tokens"
	forTenant = "tenant"
)

// letSubscribe lets clients manage subscriptions, by SailPoint's API on the listeners that no connection owns. Where no secret can be kept no
// token can be made either, and the log says why when one is asked for.
func (a *App) letSubscribe(set *connectors.Set, db *store.DB, folder string) error {
	if !set.Database.IsZero() {
		folder = ""
	}
	ring, err := newSealer(set, folder).ring()
	if err != nil && !errors.Is(err, store.ErrUnsealed) {
		return err
	}
	keys, tenant, err := tokenKeys(ring)
	if err != nil {
		return err
	}
	if err := a.lookForKeys(db); err != nil {
		return err
	}
	if err := a.lookForTriggers(set, db); err != nil {
		return err
	}
	e := set.Events
	tokens := oauth.New(oauth.Options{Clients: db, Keys: keys, Tenant: tenant, TTL: e.Token, Calls: e.Calls, Window: e.Window, Log: a.log})
	options := eventOptions(set, db)
	options.Catalogue = func() *triggers.Catalogue { return a.upstreams.Set().Triggers() }
	options.Bearers, options.Log = tokens, a.log
	api := events.New(options)
	a.front.ServeAPI(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/oauth/token" {
			tokens.ServeHTTP(w, r)
			return
		}
		api.ServeHTTP(w, r)
	}))
	return nil
}

// lookForKeys tells an operator of subscriptions whose secrets none of the keys opens: nothing can be delivered to them.
func (a *App) lookForKeys(db *store.DB) error {
	ctx, cancel := context.WithTimeout(context.Background(), sealsWithin)
	defer cancel()
	names, err := db.Unopened(ctx)
	if err != nil || len(names) == 0 {
		return err
	}
	a.unopened = fmt.Sprintf("nothing is delivered to %d subscriptions, because no key opens their secrets: put the key back that sealed them, in seal.key or triggers.seal, and start again; or delete them and make them anew",
		len(names))
	a.log.Error(a.unopened, "subscriptions", names)
	return nil
}

// lookForTriggers tells an operator of subscriptions to triggers that are not there, as when the file of one was taken away: no event comes to them.
func (a *App) lookForTriggers(set *connectors.Set, db *store.DB) error {
	ctx, cancel := context.WithTimeout(context.Background(), sealsWithin)
	defer cancel()
	all, err := db.Subscriptions(ctx)
	for i := range all {
		if set.Triggers().Trigger(all[i].TriggerID) == nil {
			a.log.Warn("no event comes to a subscription, because its trigger is not there: put the trigger's file back, or delete the subscription",
				"subscription", all[i].Name, "trigger", all[i].TriggerID)
		}
	}
	return err
}

// sealsWithin is how long a start waits for a look at the database.
const sealsWithin = 10 * time.Second

// eventOptions are what the API and the command line manage subscriptions by.
func eventOptions(set *connectors.Set, db *store.DB) events.Options {
	return events.Options{
		Catalogue: set.Triggers, Subscriptions: db, Invocations: db, Filters: jsonPaths{},
		CheckReceiver: send.New(sendOptions(set)).Check,
		Limits:        events.Limits{FireAndForget: set.Events.FireAndForget, RequestResponse: set.Events.RequestResponse},
	}
}

// tokenKeys derives the keys of tokens from those that seal, and the tenant's id from the one whose own sorts first: while keys are replaced
// their order changes, and processes that have the same ones shall say the same.
func tokenKeys(ring *seal.Ring) (keys []oauth.Key, tenant string, err error) {
	if ring == nil {
		return nil, "", nil
	}
	seeds, err := ring.Derive(forTokens, oauth.SeedBytes)
	if err != nil {
		return nil, "", err
	}
	for _, seed := range seeds {
		key, err := oauth.NewKey(seed.ID, seed.Secret)
		if err != nil {
			return nil, "", err
		}
		keys = append(keys, key)
	}
	ids, err := ring.Derive(forTenant, 16)
	if err != nil {
		return nil, "", err
	}
	id := slices.MinFunc(ids, func(a, b seal.Derived) int { return strings.Compare(a.ID, b.ID) }).Secret
	return keys, uuid.UUID(id).String(), nil
}

// jsonPaths are filters as SailPoint's triggers read them.
type jsonPaths struct{}

// Compile implements events.Filters.
func (jsonPaths) Compile(text string) error {
	_, err := filter.Compile(text)
	return err
}

// Check implements events.Filters.
func (jsonPaths) Check(text string, document any) (isValid, isValidJSONPath, isPathExist bool) {
	return filter.Check(text, document)
}
