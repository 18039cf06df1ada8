package aggregation

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"sluice/connectors"
	"sluice/transforms"
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
	Last     string `json:"last,omitempty"` // hash of the last page's rows
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

// told is what an answer says of the list as a whole.
type told struct {
	next  string
	total int
}

// told reads where the next page is and how many rows there are. doc is nil where the rows were read one by one, of which no program says
// anything.
func (p *Pager) told(l *connectors.Listing, current *url.URL, h http.Header, doc any) (t told, err error) {
	paging := &l.Paging
	if paging.Total != nil {
		if text, ok := paging.Total.Text(doc); ok {
			if t.total, err = strconv.Atoi(text); err != nil {
				return t, fmt.Errorf("paging.total: %s gives no whole number", paging.Total)
			}
		}
	}
	switch paging.Style {
	case styleLink:
		if t.next, err = linked(h, paging.Rel); err != nil {
			return t, err
		}
	case styleCursor, styleURL:
		v, err := paging.Next.Value(doc)
		if err != nil {
			return t, fmt.Errorf("paging.next: %w", err)
		}
		text, ok := textOf(v)
		if !ok && v != nil {
			return t, fmt.Errorf("paging.next: %s gives neither a text nor a number", paging.Next)
		}
		t.next = text
	}
	if t.next != "" && paging.Style != styleCursor {
		t.next, err = relative(p.Base, current, t.next)
	}
	return t, err
}

// linked returns the target of the link with a relation. A header that cannot be read is an error, as it may have held the next page.
func linked(h http.Header, rel string) (string, error) {
	if rel == "" {
		rel = "next"
	}
	for _, value := range h.Values("Link") {
		links, ok := transforms.ParseLinks(value)
		for _, link := range links {
			for _, r := range link.Rel {
				if strings.EqualFold(r, rel) {
					return link.Target, nil
				}
			}
		}
		if !ok {
			return "", fmt.Errorf("paging.link: a Link header that cannot be read")
		}
	}
	return "", nil
}

// relative makes the URL of a next page relative to the base. One at another host or outside of the base is refused: the credential goes
// nowhere else, and what lies there is not what the connector describes.
func relative(base, current *url.URL, next string) (string, error) {
	if base == nil {
		base = &url.URL{Scheme: current.Scheme, Host: current.Host}
	}
	root := strings.TrimSuffix(base.EscapedPath(), "/")
	here, err := url.Parse(base.Scheme + "://" + base.Host + root + current.EscapedPath())
	if err != nil {
		return "", fmt.Errorf("the next page: no URL to begin from")
	}
	u, err := here.Parse(next)
	if err != nil {
		return "", fmt.Errorf("the next page: not a URL")
	}
	if !strings.EqualFold(u.Host, base.Host) {
		return "", fmt.Errorf("the next page: at another host than the connection's base URL")
	}
	rest, within := strings.CutPrefix(u.EscapedPath(), root+"/")
	if !within {
		return "", fmt.Errorf("the next page: outside of the connection's base URL")
	}
	if u.RawQuery != "" {
		rest += "?" + u.RawQuery
	}
	return rest, nil
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
	if numbered := l.Paging.Style == styleOffset || l.Paging.Style == stylePage; numbered && t.total > 0 && t.total < at.Total {
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
	at = Position{Pages: at.Pages, Rows: at.Rows, Total: at.Total, Done: true}
	switch {
	case at.Rows < at.Total:
		return at, fmt.Errorf("%w: %d rows, and the vendor says there are %d", ErrNotWhole, at.Rows, at.Total)
	case at.Rows == 0 && !l.Empty:
		return at, ErrEmpty
	}
	return at, nil
}

// refused makes of an error on the way to the page at this position what it says of the list: a later page that the vendor does not know
// any more, a cursor that has expired, spoils it.
func (at Position) refused(err error) error {
	if status, ok := errors.AsType[*StatusError](err); ok && at.Pages > 0 && slices.Contains(accountStatuses, status.Status) {
		return fmt.Errorf("%w: the vendor refuses to go on: %w", ErrNotWhole, err)
	}
	return err
}

// ends tells whether the page of count rows before this position was the last.
func (at Position) ends(p *connectors.Paging, count int) bool {
	switch p.Style {
	case styleLink, styleCursor, styleURL:
		return at.Next == ""
	case styleOffset, stylePage:
		if at.Total > 0 {
			return count == 0 || at.Rows >= at.Total
		}
		return count == 0 || count < p.Size
	}
	return true
}
