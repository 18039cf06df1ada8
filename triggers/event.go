// Package triggers is about facts: what an event is, which kinds of events there are, who subscribes to them, and what a delivery to a subscriber
// is. Everybody makes events, and nobody need know who acts on them, so this package lies at the bottom of the house and imports nothing of ours
// but internal/fault and internal/strict.
//
// The catalogue says of each trigger what its payload is made of. A file of catalogue/ describes it once, in a compact form, and both the
// JSON Schema that SailPoint's API serves and an Avro schema are made of that; a deployment's own triggers are files of the same form.
package triggers

import (
	"encoding/json"
	"time"
)

// Event is a fact about an identity, an account, a run, a subscription, or whatever a custom trigger is about. It never changes. ID is derived from what happened, not drawn: whoever finds the
// same fact a second time gives it the same ID, so that it is told once.
type Event struct {
	ID      string          // at most 64 characters; equal for the same fact
	Tenant  string          // "" where there is one
	Type    string          // a trigger's id, one of those below or of a custom trigger
	Source  string          // who says so: a connection, a client of the API by its name, "cli", or "sluice" itself
	Subject string          // whom it is about, of an account its native id; events of one subject are told in order
	Time    time.Time       // when it was found, UTC, in whole microseconds (the databases keep no more)
	Data    json.RawMessage // the trigger's input, as its schema says
}

// Told is an event in the outbox, and what became of it when it was emitted.
type Told struct {
	Event

	Number      int64        // its place in the outbox
	Fresh       bool         // it was not there before
	Invocations []Invocation // that it has made; of a fresh one alone
}

// Triggers of SailPoint's catalogue that an aggregation emits. The payloads are those of its published OpenAPI (v2026, schemas under
// trigger/example-input).
const (
	IdentityCreated              = "idn:identity-created"
	IdentityAttributesChanged    = "idn:identity-attributes-changed"
	IdentityDeleted              = "idn:identity-deleted"
	AccountCreated               = "idn:account-created"
	AccountUpdated               = "idn:account-updated"
	AccountDeleted               = "idn:account-deleted"
	AccountAttributesChanged     = "idn:account-attributes-changed"
	AccountAggregationCompleted  = "idn:account-aggregation-completed"
	AggregationAccountsCollected = "idn:aggregation-accounts-collected"
)

// AggregationHeld is ours: a run found so much gone or changed at once that an operator must approve it.
const AggregationHeld = "sluice:aggregation-held"

// What operators are told of subscriptions.
const (
	SubscriptionPaused  = "sluice:subscription-paused"  // its receiver does not work, and is left alone for a while
	SubscriptionResumed = "sluice:subscription-resumed" // it works again
)
