package aggregation

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"time"
)

// Settled is what is known of one account once all lists are read.
type Settled struct {
	Record                 // Account is nil where it is not known or did not need reading
	Row    json.RawMessage // not nil: the account needs a call of its own, which gets this row, joins merged into it
	Reason string          // not "": the account cannot be made of what was listed
}

// Accounts keeps what is settled.
type Accounts interface {
	// Settle keeps some accounts, in place of what was settled of the same IDs before.
	Settle(ctx context.Context, batch []Settled) error
}

// Tally counts what Settle did.
type Tally struct {
	Rows    int // accounts in the listing
	Pending int // that need a call of their own
	Skipped int // that did not change and were read in full lately
	Failed  int
	Doubled int // rows of an account that had one already: the list moved while it was read
	Strays  int // rows of joins for accounts that the listing does not have
}

// ChangedOnly makes Settle skip what did not change. The zero value skips nothing.
type ChangedOnly struct {
	Before iter.Seq2[Record, error] // the snapshot, in order of ID; nil: everything is read
	MaxAge time.Duration            // after which an account is read all the same; 0 = 7 days
}

const (
	settleBatch   = 500
	defaultMaxAge = 7 * 24 * time.Hour
)

// Settle puts rows and joins together, account by account in order of ID, makes those accounts that need no call of their own, and says
// which need one. It makes no calls and may be done again. An account that cannot be mapped fails by itself.
func (r *Reader) Settle(ctx context.Context, lists Lists, only ChangedOnly, to Accounts) (Tally, error) {
	steps, own, err := r.steps()
	if err != nil {
		return Tally{}, err
	}
	s := settler{reader: r, own: own, now: r.now(), maxAge: only.MaxAge}
	if s.maxAge <= 0 {
		s.maxAge = defaultMaxAge
	}
	if only.Before != nil {
		before, stop := pull("snapshot", only.Before)
		defer stop()
		s.before = before
		if s.prior, err = before(); err != nil {
			return Tally{}, err
		}
	}
	var batch []Settled
	var group []Row
	finish := func() error {
		account, err := s.settle(group)
		if err != nil || account.ID == "" {
			return err
		}
		if batch = append(batch, account); len(batch) < settleBatch {
			return nil
		}
		full := batch
		batch = nil
		return to.Settle(ctx, full)
	}
	for row, err := range lists.Rows(ctx, own, len(steps)-1, "") {
		if err != nil {
			return s.tally, err
		}
		if len(group) > 0 && group[0].ID != row.ID {
			if err := finish(); err != nil {
				return s.tally, err
			}
			group = group[:0]
		}
		group = append(group, row)
	}
	if len(group) > 0 {
		if err := finish(); err != nil {
			return s.tally, err
		}
	}
	if len(batch) == 0 {
		return s.tally, nil
	}
	return s.tally, to.Settle(ctx, batch)
}

func (r *Reader) now() time.Time {
	if r.Now != nil {
		return r.Now()
	}
	return time.Now()
}

// settler settles one account after the other.
type settler struct {
	reader *Reader
	own    int
	now    time.Time
	maxAge time.Duration
	before func() (*Record, error)
	prior  *Record // the first of the snapshot that is not below the account in hand
	tally  Tally
}

// settle settles the account whose rows these are; its ID is "" where the listing does not have it.
func (s *settler) settle(rows []Row) (Settled, error) {
	n := 0
	for n < len(rows) && rows[n].Step == s.own {
		n++
	}
	if n == 0 {
		s.tally.Strays += len(rows)
		return Settled{}, nil
	}
	s.tally.Rows++
	s.tally.Doubled += n - 1
	id := rows[0].ID
	doc, err := parseDocument(rows[n-1].JSON)
	for _, add := range rows[n:] {
		var more any
		if err == nil {
			more, err = parseDocument(add.JSON)
			doc = join(doc, more)
		}
	}
	if err != nil {
		return Settled{}, fmt.Errorf("account %s: %w", id, err)
	}
	merged, err := canonicalJSON(doc)
	if err != nil {
		return Settled{}, fmt.Errorf("account %s: %w", id, err)
	}
	prior, err := s.priorOf(id)
	if err != nil {
		return Settled{}, err
	}
	out := Settled{Record: Record{ID: id, RowHash: hashOf(merged)}}
	s.decide(&out, doc, merged, prior)
	return out, nil
}

// decide makes the account, or says that it needs a call of its own or none at all.
func (s *settler) decide(out *Settled, doc any, merged json.RawMessage, prior *Record) {
	needs, err := s.reader.needsDetail(doc)
	switch {
	case err != nil:
	case !needs:
		out.Account, err = s.reader.account(doc, out.ID)
		out.ReadAt = s.now
	case prior != nil && prior.Account != nil && prior.RowHash == out.RowHash && !Due(out.ID, prior.ReadAt, s.now, s.maxAge):
		out.ReadAt = prior.ReadAt
		s.tally.Skipped++
	default:
		out.Row = merged
		s.tally.Pending++
	}
	if err != nil {
		out.Reason = err.Error()
		s.tally.Failed++
	}
}

// needsDetail tells whether an account needs a call of its own.
func (r *Reader) needsDetail(doc any) (bool, error) {
	if r.Plan.Detail == nil {
		return false, nil
	}
	needs, err := boolOf(r.Plan.If, doc, true)
	if err != nil {
		return false, fmt.Errorf("if: %w", err)
	}
	return needs, nil
}

// priorOf returns the snapshot's record of an account; ids come in order.
func (s *settler) priorOf(id string) (*Record, error) {
	for s.prior != nil && s.prior.ID < id {
		var err error
		if s.prior, err = s.before(); err != nil {
			return nil, err
		}
	}
	if s.prior == nil || s.prior.ID != id {
		return nil, nil
	}
	return s.prior, nil
}

// Due tells whether an account that did not change is to be read again. Each account has its own moment within every maxAge, by a hash of
// its ID, and is due once that moment has come since it was read: however many were first read on one day, the same share of them is due
// on every later day.
func Due(id string, readAt, now time.Time, maxAge time.Duration) bool {
	if readAt.IsZero() || maxAge <= 0 {
		return true
	}
	sum := sha256.Sum256([]byte(id))
	phase := int64(binary.BigEndian.Uint64(sum[:8]) % uint64(maxAge))
	turn := func(t time.Time) int64 { return (t.UnixNano() - phase) / int64(maxAge) }
	return turn(now) > turn(readAt)
}

// join merges what a join adds into a row: arrays are appended to the row's arrays of that name, all else replaces. It changes and returns
// row where that is an object.
func join(row, add any) any {
	into, ok := row.(map[string]any)
	from, object := add.(map[string]any)
	if !ok || !object {
		return add
	}
	for name, value := range from {
		more, array := value.([]any)
		had, both := into[name].([]any)
		if array && both {
			value = append(had, more...)
		}
		into[name] = value
	}
	return into
}

// overlay merges a detail into a row: what the detail has replaces what the row has of that name.
func overlay(row, detail any) (any, error) {
	over, ok := detail.(map[string]any)
	if !ok {
		return nil, errNoObject
	}
	out := map[string]any{}
	if under, ok := row.(map[string]any); ok {
		maps.Copy(out, under)
	}
	maps.Copy(out, over)
	return out, nil
}

func parseDocument(b json.RawMessage) (any, error) { return decode(bytes.NewReader(b)) }
