package transforms

import (
	"fmt"
	"net/url"
	"strings"
)

// buildLinkToBody: link_to_body puts the next page's URL, which the vendor gives in a Link header (RFC 8288), into the
// JSON body, rewritten to the caller's base URL.
//
//	field: .next        the default; a jq path
//	rel: next           the default
//	wrap: items         a body that is a list becomes {items: list, next: ...}
//
// Without such a link nothing is written, except that wrap still wraps: the last page has the same shape.
func buildLinkToBody(a *fields) Func {
	a.short("field")
	field, rel, wrap := a.text("field", ".next"), strings.ToLower(a.text("rel", "next")), a.text("wrap", "")
	assign, err := compileFilter("("+field+") = $value", "$value")
	if err != nil {
		a.fault("field", "%v", err)
	}
	wants := func(m *Message) bool { return !m.Request && (wrap != "" || len(m.Header["Link"]) > 0) }
	return Func{Body: true, Wants: wants, Apply: func(m *Message) error {
		if !wants(m) {
			return nil
		}
		target, ok := linkTo(m.Header["Link"], rel)
		if !ok {
			return fmt.Errorf("header Link: %w", ErrUnreadable)
		}
		if target == "" && wrap == "" {
			return nil
		}
		return writeNext(m, assign, target, wrap)
	}}
}

func writeNext(m *Message, assign *filter, target, wrap string) error {
	doc, err := document(m)
	if err != nil {
		return err
	}
	list, isList := doc.([]any)
	if wrap != "" && isList {
		doc = map[string]any{wrap: list}
	}
	if target == "" && !isList {
		return nil
	}
	if target != "" {
		next, err := rebase(m, target)
		if err != nil {
			return err
		}
		if doc, err = assign.run(doc, next); err != nil {
			return err
		}
	}
	return replaceJSON(m, doc)
}

// buildBodyToLink: body_to_link adds a Link header for the next page that the JSON body tells of.
//
//	next: .next                                            a URL in the body, or
//	cursor: {from: .response_metadata.next_cursor, param: cursor}   a cursor that goes into this request's query
//	rel: next                                              the default
//
// The URL is rewritten to the caller's base. Null, false, "" or an absent field: the last page, and no header.
func buildBodyToLink(a *fields) Func {
	a.short("next")
	next, rel := a.filter("next"), a.text("rel", "next")
	if strings.ContainsAny(rel, "\"\\\r\n") {
		a.fault("rel", "a relation type has no quotes and no line breaks")
	}
	var from *filter
	param := ""
	if c := a.sub("cursor"); c != nil {
		c.need("from")
		c.need("param")
		from, param = c.filter("from"), c.text("param", "")
		c.finish()
	}
	a.need("next", "cursor")
	if next != nil && from != nil {
		a.fault("cursor", "next or cursor, not both")
	}
	return Func{Body: true, Wants: func(m *Message) bool { return !m.Request && m.Status < 300 }, Apply: func(m *Message) error {
		doc, err := document(m)
		if err != nil {
			return err
		}
		target := ""
		if next != nil {
			target, err = nextFromURL(m, next, doc)
		} else {
			target, err = nextFromCursor(m, from, param, doc)
		}
		if err != nil || target == "" {
			return err
		}
		m.Header["Link"] = append(m.Header["Link"], "<"+target+`>; rel="`+rel+`"`)
		return nil
	}}
}

func nextFromURL(m *Message, next *filter, doc any) (string, error) {
	v, err := next.run(doc)
	if err != nil {
		return "", err
	}
	switch v := v.(type) {
	case nil, bool:
		return "", nil
	case string:
		if v == "" {
			return "", nil
		}
		return rebase(m, v)
	}
	return "", fmt.Errorf("%w: %s is no URL", ErrUnreadable, next.source)
}

func nextFromCursor(m *Message, from *filter, param string, doc any) (string, error) {
	v, err := from.run(doc)
	if err != nil {
		return "", err
	}
	cursor, ok := scalarText(v)
	if !ok {
		return "", nil
	}
	path, known := m.path()
	if !known {
		return "", fmt.Errorf("%w: no URL to put the cursor into", ErrUnreadable)
	}
	return strings.TrimRight(m.CallerBase, "/") + path + "?" + replaceParam(m.URL.RawQuery, param, cursor), nil
}

// replaceParam sets one parameter of a query and leaves all others byte for byte and in order.
func replaceParam(query, param, value string) string {
	var out []string
	for pair := range strings.SplitSeq(query, "&") {
		name, _, _ := strings.Cut(pair, "=")
		if plain, err := url.QueryUnescape(name); pair == "" || err == nil && plain == param {
			continue
		}
		out = append(out, pair)
	}
	return strings.Join(append(out, url.QueryEscape(param)+"="+url.QueryEscape(value)), "&")
}
