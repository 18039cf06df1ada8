package aggregation

import (
	"context"
	"fmt"
	"net/http"
	"net/url"

	"sluice/connectors"
)

// Pager reads lists page by page. Its zero numbers take the default in brackets. It is safe for concurrent use.
type Pager struct {
	Client   *http.Client // reaches the vendor through its chain; the host of its requests is ignored
	Base     *url.URL     // the connection's, to make what a vendor says of the next page relative to it; nil: only relative ones are followed
	MaxPages int          // of one list [100,000]
	MaxBytes int64        // of an answer that must be decoded whole [64 MiB]; one that is read row by row may be 32 times as large
	Batch    int          // rows that are handed over at once, of an answer that is read row by row [500]
}

// Page is rows that are kept together.
type Page struct {
	Rows  []any    // as encoding/json decodes them, numbers as json.Number
	First int      // number of the first of them within the list, from 0
	At    Position // where reading goes on once they are kept
}

// Pages reads a list from a position on and hands its rows to keep. Rows of one answer may come in several pages: all but the last have
// the answer's beginning for their position, because no vendor can go on in the middle of one. Whoever resumes there must first drop
// the rows from number At.Rows on. After the last page At.Done is true; there is one even where it has no rows.
//
// Errors name the route and the page, and nothing of the rows. ErrEmpty, ErrNotWhole and ErrEndless say that the list is not to be
// trusted: reading it again begins at its beginning.
func (p *Pager) Pages(ctx context.Context, l *connectors.Listing, v Variables, from Position, keep func(Page) error) error {
	for at := from; !at.Done; {
		next, err := p.page(ctx, l, v, at, keep)
		if err != nil {
			return fmt.Errorf("%s: page %d: %w", routeOf(&l.Request), at.Pages+1, err)
		}
		at = next
	}
	return nil
}

// page makes one call.
func (p *Pager) page(ctx context.Context, l *connectors.Listing, v Variables, at Position, keep func(Page) error) (Position, error) {
	if most := orDefault(p.MaxPages, 100_000); at.Pages >= most {
		return at, fmt.Errorf("%w: more than %d pages", ErrEndless, most)
	}
	r, err := pageRequest(ctx, l, v, at)
	if err != nil {
		return at, err
	}
	resp, err := send(p.Client, r, routeOf(&l.Request))
	if at.behind(err, "") {
		return at.done(), keep(Page{First: at.Rows, At: at.done()})
	}
	if err != nil {
		return at, at.refused(err)
	}
	defer resp.Body.Close()
	in := intake{at: at, keep: keep, batch: orDefault(p.Batch, 500), hash: l.Paging.Style != styleNone}
	doc, err := p.rows(resp, l, &in)
	if err != nil {
		return at, err
	}
	told, err := p.told(l, r.URL, resp.Header, doc)
	if err != nil {
		return at, err
	}
	if at.behind(nil, in.sum()) {
		return at.done(), keep(Page{First: at.Rows, At: at.done()})
	}
	next, err := at.after(l, in.count, in.sum(), told)
	if err != nil {
		return at, err
	}
	return next, in.flush(next)
}

// pageRequest makes the request of the page at a position.
func pageRequest(ctx context.Context, l *connectors.Listing, v Variables, at Position) (*http.Request, error) {
	paging := &l.Paging
	v.Page = at.variable(paging)
	r, err := NewRequest(ctx, &l.Request, v)
	if err != nil {
		return nil, err
	}
	if at.Next != "" && (paging.Style == styleLink || paging.Style == styleURL) {
		u, err := url.Parse(placeholder + at.Next)
		if err != nil {
			return nil, fmt.Errorf("paging.%s: not a URL", paging.Style)
		}
		r.URL = u
		return r, nil
	}
	query := r.URL.Query()
	if paging.Size > 0 && paging.SizeBy != "" {
		query.Set(paging.SizeBy, fmt.Sprint(paging.Size))
	}
	if value := at.param(paging); paging.Param != "" && value != "" {
		query.Set(paging.Param, value)
	}
	r.URL.RawQuery = query.Encode()
	return r, nil
}

func orDefault[T int | int64](n, otherwise T) T {
	if n > 0 {
		return n
	}
	return otherwise
}
