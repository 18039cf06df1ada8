package aggregation

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
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
	Lost    int // that seem to have lost something by joins that move, and stay as they were until the next run says so too
	Asked   int // of those pending: that seem to have lost something so, and are asked for
	Strays  int // rows of joins for accounts that the listing does not have
}

const settleBatch = 500

// Settle puts rows and joins together, account by account in order of ID, makes those accounts that need no call of their own, and says
// which need one. It makes no calls and may be done again. An account that cannot be mapped fails by itself.
func (r *Reader) Settle(ctx context.Context, lists Lists, only ChangedOnly, to Accounts) (Tally, error) {
	steps, own, err := r.steps()
	if err != nil {
		return Tally{}, err
	}
	before, err := only.priors()
	if err != nil {
		return Tally{}, err
	}
	defer before.stop()
	s := settler{reader: r, own: own, making: r.making(), now: r.now(), before: before, moves: !only.Sure && joinsMove(steps, own)}
	var batch []Settled
	for rows, err := range groups(lists.Rows(ctx, own, len(steps)-1, "")) {
		if err != nil {
			return s.tally, err
		}
		account, listed, err := s.settle(rows)
		if err != nil {
			return s.tally, err
		}
		if listed {
			batch = append(batch, account)
		}
		if len(batch) == settleBatch {
			if err := to.Settle(ctx, batch); err != nil {
				return s.tally, err
			}
			batch = nil
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
	making []byte // goes into each row's hash: when it is another one, what was made of the same row may be another account
	now    time.Time
	before *priors
	moves  bool // joins may have passed somebody over
	tally  Tally
}

// settle settles the account whose rows these are; listed is false where only joins know of it.
func (s *settler) settle(rows []Row) (out Settled, listed bool, err error) {
	n := 0
	for n < len(rows) && rows[n].Step == s.own {
		n++
	}
	if n == 0 {
		s.tally.Strays += len(rows)
		return Settled{}, false, nil
	}
	s.tally.Rows++
	s.tally.Doubled += n - 1
	id := rows[0].ID
	doc, err := together(rows[n-1:])
	if err != nil {
		return Settled{}, false, fmt.Errorf("account %s: %w", id, err)
	}
	merged, err := canonicalJSON(doc)
	if err != nil {
		return Settled{}, false, fmt.Errorf("account %s: %w", id, err)
	}
	prior, err := s.before.of(id)
	if err != nil {
		return Settled{}, false, err
	}
	out = Settled{Record: Record{ID: id, RowHash: rowHash(merged, s.making)}}
	s.decide(&out, doc, merged, prior)
	return out, true, nil
}

// rowHash is by what a row, joins merged into it, and the way in which its account is made of it are recognised.
func rowHash(merged json.RawMessage, making []byte) string {
	return hashOf(slices.Concat(merged, making))
}

// decide makes the account, or says that it needs a call of its own or none at all.
func (s *settler) decide(out *Settled, doc any, merged json.RawMessage, prior *Record) {
	needs, err := s.reader.needsDetail(doc)
	switch {
	case err != nil:
	case !needs:
		out.Account, err = s.reader.account(doc, out.ID)
		if out.ReadAt = s.now; err == nil && s.moves {
			err = s.doubt(out, merged, prior)
		}
	case s.before.fresh(prior, out.RowHash, s.now):
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
