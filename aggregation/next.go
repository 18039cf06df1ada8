package aggregation

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"sluice/connectors"
	"sluice/transforms"
)

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
			return "", errors.New("paging.link: a Link header that cannot be read")
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
		return "", errors.New("the next page: no URL to begin from")
	}
	u, err := here.Parse(next)
	if err != nil {
		return "", errors.New("the next page: not a URL")
	}
	if !strings.EqualFold(u.Host, base.Host) {
		return "", errors.New("the next page: at another host than the connection's base URL")
	}
	rest, within := strings.CutPrefix(u.EscapedPath(), root+"/")
	if !within {
		return "", errors.New("the next page: outside of the connection's base URL")
	}
	if u.RawQuery != "" {
		rest += "?" + u.RawQuery
	}
	return rest, nil
}
