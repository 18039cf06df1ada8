// Package aggregation reads what a vendor has of people, groups and roles through the request road, sees what changed since the last
// time, and makes each change an event. It runs in jobs that cmd takes from a store's queue, and keeps everything that must survive a
// crash behind the interfaces that it declares. It knows neither SQL nor Fiber.
//
// The road of a run:
//
//	plan       Needs, Estimated: how many calls, how long by the limits' budget
//	list       Reader.List: pages of the listing, then of the joins, whose rows complete those of the listing; each page is kept with the
//	           place where reading goes on, before the next call goes
//	settle     Reader.Settle: rows and joins are put together, without calls; what needs no call of its own is an account now
//	partition  Cut: the accounts that need a call, cut into partitions; each is a job that any node may take
//	detail     Reader.Detail: a partition at a time, an account at a time; each account is kept before the next call goes
//	diff       Diff: the ordered comparison of what was read with the snapshot; a run that is not whole is never compared for deletions
//	guard      Guard: too much gone or changed at once holds the run until an operator approves it
//	commit     Origin: the events of the changes, in one transaction with the snapshot
package aggregation

import (
	"encoding/json"
	"time"
)

// Account is what a vendor has of one person, group or role. Its JSON is what the HTTP API, the export and the snapshot show.
type Account struct {
	ID           string              `json:"id"` // native, as the vendor spells it
	Name         string              `json:"name"`
	Active       bool                `json:"active"`
	Attributes   map[string]any      `json:"attributes"`   // texts, json.Number, bools, nil, arrays of those
	Entitlements map[string][]string `json:"entitlements"` // by type; sorted, without doubles
}

// Scope is what a snapshot, a run or an event is about.
type Scope struct{ Connection, Resource string }

// Record is an account as the store keeps it. Account is canonical JSON (see Encode): two accounts are equal when these bytes are. A run's
// record without one leaves the snapshot's record as it is, RowHash included: a failure is to be tried again by the next run.
type Record struct {
	ID      string
	Account json.RawMessage // nil: the listing has the row, but its account was not read or could not be
	RowHash string          // of the listing's row, to see whether it changed
	ReadAt  time.Time       // when the account was last read in full
}

// Attribute is one attribute that changed. Active, name and each type of entitlement count as attributes too.
type Attribute struct {
	Name     string          `json:"attribute"`
	Old, New json.RawMessage // null: it was not there, or is not there now
}

// ChangeKind says what happened to an account.
type ChangeKind uint8

// What can happen.
const (
	Created ChangeKind = iota + 1
	Changed
	Deleted
)

// Change is one account that differs from the snapshot.
type Change struct {
	Kind          ChangeKind
	ID            string
	Before, After json.RawMessage // canonical; nil where there is none
	Attributes    []Attribute     // of Changed, in order of their names
}
