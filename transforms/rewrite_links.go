package transforms

import "fmt"

// A linkPlace is where in the JSON body a URL stands.
type linkPlace struct{ read, write *filter }

// rewriting is what rewrite_links was told.
type rewriting struct {
	headers []string
	places  []linkPlace
}

// buildRewriteLinks: rewrite_links makes the vendor's URLs lead through the caller's base, so that a caller who follows
// a page link or a redirect does not go round us.
//
//	headers: [Link, Location]      the default, with Content-Location
//	body: [.next, ".links.next"]   jq paths to URLs
//
// A URL that leaves the vendor's base stays as it is and is reported.
func buildRewriteLinks(a *fields) Func {
	r := rewriting{headers: a.headers("headers")}
	if r.headers == nil && !a.has("body") {
		r.headers = []string{"Link", "Location", "Content-Location"}
	}
	for i, path := range a.texts("body") {
		p, err := compileLinkPlace(path)
		if err != nil {
			a.fault(at("body", i, a.values["body"]), "%v", err)
			continue
		}
		r.places = append(r.places, p)
	}
	return Func{Body: len(r.places) > 0, Wants: func(m *Message) bool { return !m.Request }, Apply: r.apply}
}

func compileLinkPlace(path string) (p linkPlace, err error) {
	if p.read, err = compileFilter(path); err != nil {
		return p, err
	}
	p.write, err = compileFilter("("+path+") = $value", "$value")
	return p, err
}

func (r rewriting) apply(m *Message) error {
	if m.Request {
		return nil
	}
	bad := rewriteHeaders(m, r.headers)
	if len(r.places) == 0 {
		return bad
	}
	if err := r.body(m); err != nil {
		return err
	}
	return bad
}

// body rewrites what it can and reports the last URL that it could not.
func (r rewriting) body(m *Message) (bad error) {
	doc, err := document(m)
	if err != nil {
		return err
	}
	changed := false
	for _, p := range r.places {
		link, ok := p.read.text(doc)
		if !ok {
			continue
		}
		target, err := rebase(m, link)
		if err != nil {
			bad = fmt.Errorf("%s: %w", p.read.source, err)
			continue
		}
		if doc, err = p.write.run(doc, target); err != nil {
			return err
		}
		changed = true
	}
	if !changed {
		return bad
	}
	if err := replaceJSON(m, doc); err != nil {
		return err
	}
	return bad
}

func rewriteHeaders(m *Message, names []string) (bad error) {
	for _, name := range names {
		for i, value := range m.Header[name] {
			rewritten, err := rewriteHeader(m, name, value)
			if err != nil {
				bad = fmt.Errorf("header %s: %w", name, err)
				continue
			}
			m.Header[name][i] = rewritten
		}
	}
	return bad
}

func rewriteHeader(m *Message, name, value string) (string, error) {
	if name != "Link" {
		return rebase(m, value)
	}
	links, ok := ParseLinks(value)
	if !ok {
		return "", ErrUnreadable
	}
	// From the last to the first, so that the places of those still to come do not move.
	for i := len(links) - 1; i >= 0; i-- {
		target, err := rebase(m, links[i].Target)
		if err != nil {
			return "", err
		}
		at := links[i].start
		value = value[:at] + target + value[at+len(links[i].Target):]
	}
	return value, nil
}
