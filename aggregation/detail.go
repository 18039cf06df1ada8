package aggregation

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"slices"
	"strings"
)

// Pending is an account that needs a call of its own.
type Pending struct {
	ID      string
	Row     json.RawMessage // of the listing, joins merged into it
	RowHash string
}

// Failure is an account that could not be read or mapped. The run goes on without it, and it counts as there and unchanged.
type Failure struct {
	ID     string
	Reason string // without anything of the vendor's document
	Status int    // of the vendor's answer; 0 where that is not the reason
}

// Details keeps accounts that were read by calls of their own. Each method takes the account off those that are pending, together with
// what it keeps, so that a crash repeats at most the call under way.
type Details interface {
	Detail(ctx context.Context, r Record) error
	Fail(ctx context.Context, f Failure) error
}

// accountStatuses are answers that are about one account, and say nothing of the next.
var accountStatuses = []int{
	http.StatusBadRequest, http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusConflict, http.StatusGone, http.StatusUnprocessableEntity,
}

// maxInARow is how many accounts may fail one after another: more than that is the connector's or the vendor's fault, and each costs a call.
const maxInARow = 50

// ErrFailing says that one account after another could not be read.
var ErrFailing = errors.New("one account after another fails")

// Detail reads accounts one by one, as pending gives them, and keeps each before the next call goes. An account that the vendor does not
// have any more or refuses, or whose document cannot be read or mapped, is kept as failed. So is one for which the vendor errs again and
// again while it answers for others. An answer that would be the same for others (401, 429, errors for one after the other, no way to the
// vendor) ends the partition with an error, and the account stays pending.
func (r *Reader) Detail(ctx context.Context, pending iter.Seq2[Pending, error], to Details) error {
	d := &detailing{reader: r, to: to}
	for p, err := range pending {
		if err == nil {
			err = ctx.Err()
		}
		if err == nil {
			err = d.next(ctx, p)
		}
		if err != nil {
			return err
		}
	}
	return d.rest(ctx)
}

// failureOf tells whether an error is about one account alone.
func failureOf(id string, err error) (Failure, bool) {
	f := Failure{ID: id, Reason: err.Error()}
	if status, ok := errors.AsType[*StatusError](err); ok {
		f.Status = status.Status
		return f, slices.Contains(accountStatuses, status.Status)
	}
	_, way := errors.AsType[*wayError](err)
	return f, !way && !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded)
}

// detail reads one account.
func (r *Reader) detail(ctx context.Context, p Pending) (Record, error) {
	row, err := parseDocument(p.Row)
	if err != nil {
		return Record{}, err
	}
	doc, err := r.document(ctx, Variables{Key: p.ID, Row: row})
	if err != nil {
		return Record{}, fmt.Errorf("%s: %w", routeOf(r.Plan.Detail), err)
	}
	if doc, err = overlay(row, doc); err != nil {
		return Record{}, fmt.Errorf("%s: %w", routeOf(r.Plan.Detail), err)
	}
	account, err := r.account(doc, p.ID)
	return Record{ID: p.ID, Account: account, RowHash: rowHash(p.Row, r.making()), ReadAt: r.now()}, err
}

// document calls for one account's document.
func (r *Reader) document(ctx context.Context, v Variables) (any, error) {
	request, err := NewRequest(ctx, r.Plan.Detail, v)
	if err != nil {
		return nil, err
	}
	resp, err := send(r.Pager.Client, request, routeOf(r.Plan.Detail))
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	return decode(&limited{resp.Body, orDefault(r.Pager.MaxBytes, maxAnswer)})
}

// Moves tells whether the listing is read by numbers of rows, so that whoever leaves the vendor while it is read makes another be passed
// over. Of such a listing, who is missing is to be asked for by Gone before it counts as deleted.
func (r *Reader) Moves() bool {
	return numbered(&r.Plan.List.Paging)
}

// Gone asks the vendor whether it really does not have an account any more: true after 404 or 410, false after an answer. known is false
// where the plan has no call for one account.
func (r *Reader) Gone(ctx context.Context, id string) (yes, known bool, err error) {
	if r.Plan.Detail == nil {
		return false, false, nil
	}
	_, err = r.document(ctx, Variables{Key: id})
	if gone(err) {
		return true, true, nil
	}
	if err != nil {
		return false, false, fmt.Errorf("account %s: %s: %w", id, routeOf(r.Plan.Detail), err)
	}
	return false, true, nil
}

// account maps a document to the canonical account of an id. A vendor may spell the id in another case here than in its listing; the
// listing's counts. Another account than the one that was asked for is refused.
func (r *Reader) account(doc any, id string) (json.RawMessage, error) {
	a, err := Map(&r.Resource.Map, r.Resource.Key, doc)
	if err != nil {
		return nil, err
	}
	if !strings.EqualFold(a.ID, id) {
		return nil, errors.New("key: the answer is about another account")
	}
	if r.Resource.FoldCase && a.Name == a.ID { // where it has no name of its own
		a.Name = id
	}
	a.ID = id
	return Encode(a)
}
