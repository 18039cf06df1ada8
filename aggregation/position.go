package aggregation

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"

	"sluice/connectors"
)

// The styles of connectors.Paging.
const (
	styleNone   = "none"
	styleLink   = "link"
	styleCursor = "cursor"
	styleOffset = "offset"
	stylePage   = "page"
	styleURL    = "url"
)

// Position is a place between two pages of a list, kept as JSON in a checkpoint. Its zero value is the list's beginning.
//
// A list that runs in a circle is found by Brent's method: the latest page at a power of two is remembered, and every later one held
// against it, so that a circle of any length is seen at the latest after three times its length, in constant memory.
type Position struct {
	Pages    int    `json:"pages,omitempty"` // that lie before it
	Rows     int    `json:"rows,omitempty"`  // of those
	Total    int    `json:"total,omitempty"` // what the vendor said last; 0 = nothing
	Next     string `json:"next,omitempty"`  // cursor, or URL relative to the base, of the page that follows
	Done     bool   `json:"done,omitempty"`
	Short    bool   `json:"short,omitempty"` // the last page had fewer rows than were asked for, so that the list may be at its end
	Last     string `json:"last,omitempty"`  // hash of the last page's rows
	PageMark string `json:"pageMark,omitempty"`
	NextMark string `json:"nextMark,omitempty"`
}

// variable is $page.
func (at Position) variable(p *connectors.Paging) any {
	page := map[string]any{"offset": p.First + at.Rows, "page": p.First + at.Pages, "limit": nil, "cursor": nil}
	if p.Size > 0 {
		page["limit"] = p.Size
	}
	if at.Next != "" {
		page["cursor"] = at.Next
	}
	return page
}

// param is the value of the query parameter Param at this position; "" leaves it out.
func (at Position) param(p *connectors.Paging) string {
	switch p.Style {
	case styleOffset:
		return strconv.Itoa(p.First + at.Rows)
	case stylePage:
		return strconv.Itoa(p.First + at.Pages)
	case styleCursor:
		return at.Next
	}
	return ""
}

// after is the position behind a page of count rows with a hash ("" where no further page can follow). It refuses a list that runs in a
// circle, and judges the whole list where the page was its last.
func (at Position) after(l *connectors.Listing, count int, page string, t told) (Position, error) {
	if count == 0 {
		page = "" // a vendor may well answer several empty pages on the way
	}
	next := ""
	if t.next != "" {
		next = hashOf([]byte(t.next))
	}
	if page != "" && (page == at.Last || page == at.PageMark) {
		return at, fmt.Errorf("%w: the page's rows are those of an earlier page", ErrEndless)
	}
	if next != "" && (t.next == at.Next || next == at.NextMark) {
		return at, fmt.Errorf("%w: the next page is one that was read before", ErrEndless)
	}
	at.Pages++
	at.Rows += count
	at.Next, at.Last = t.next, page
	at.Short = numbered(&l.Paging) && count < l.Paging.Size
	if numbered(&l.Paging) && t.total > 0 && t.total < at.Total {
		return at, fmt.Errorf("%w: it has become shorter while it was read, so that rows were passed over", ErrNotWhole)
	}
	if t.total > 0 {
		at.Total = t.total
	}
	if at.Pages&(at.Pages-1) == 0 {
		at.PageMark, at.NextMark = page, next
	}
	if at.Done = at.ends(&l.Paging, count); !at.Done {
		return at, nil
	}
	at = at.done()
	switch {
	case at.Rows < at.Total:
		return at, fmt.Errorf("%w: %d rows, and the vendor says there are %d", ErrNotWhole, at.Rows, at.Total)
	case at.Rows == 0 && !l.Empty:
		return at, ErrEmpty
	}
	return at, nil
}

// done is the end of the list at this position.
func (at Position) done() Position {
	return Position{Pages: at.Pages, Rows: at.Rows, Total: at.Total, Done: true}
}

// numbered tells whether a list is read by numbers of rows or pages.
func numbered(p *connectors.Paging) bool { return p.Style == styleOffset || p.Style == stylePage }

// behind tells whether an answer to the page at this position says that there is none. Only behind a page that was not full is a refusal, or
// the same page once more, a vendor's way to say that; elsewhere it spoils the list.
func (at Position) behind(err error, page string) bool {
	if !at.Short || at.Total > 0 {
		return false
	}
	if status, ok := errors.AsType[*StatusError](err); ok {
		return slices.Contains(noSuchPage, status.Status)
	}
	return err == nil && page != "" && page == at.Last
}

// noSuchPage are the answers of vendors who know no page behind the last one.
var noSuchPage = []int{http.StatusBadRequest, http.StatusNotFound, http.StatusUnprocessableEntity}

// refused makes of an error on the way to the page at this position what it says of the list: a later page that the vendor does not know
// any more, a cursor that has expired, spoils it.
func (at Position) refused(err error) error {
	if status, ok := errors.AsType[*StatusError](err); ok && at.Pages > 0 && slices.Contains(accountStatuses, status.Status) {
		return fmt.Errorf("%w: the vendor refuses to go on: %w", ErrNotWhole, err)
	}
	return err
}

// ends tells whether the page of count rows before this position was the last. By numbers and without a total that is an empty page: one
// with fewer rows than were asked for may come of a vendor that gives fewer at once by now, and everybody behind it would seem to have gone.
func (at Position) ends(p *connectors.Paging, count int) bool {
	switch p.Style {
	case styleLink, styleCursor, styleURL:
		return at.Next == ""
	case styleOffset, stylePage:
		if at.Total > 0 {
			return count == 0 || at.Rows >= at.Total
		}
		return count == 0
	}
	return true
}
