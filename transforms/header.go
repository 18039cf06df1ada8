package transforms

import (
	"fmt"
	"strings"
	"time"
)

// buildHeaderTime: header_time writes a header's time in another format.
//
//	header: X-RateLimit-Reset     or headers: [...]
//	from: imf                     default auto
//	to: unix
//	name: X-Other                 the result goes to another header; the first stays
//	keep: X-Upstream-Reset        what the vendor wrote goes there
//
// An absolute time becomes a relative one by the distance to the answer's own Date, so that a vendor's wrong clock does
// not matter; without a Date, and the other way round, Message.Now counts.
func buildHeaderTime(a *fields) Func {
	names := append(a.headers("header"), a.headers("headers")...)
	from, to := a.format("from", Auto), a.format("to", Auto)
	name, keep := a.header("name"), a.header("keep")
	a.need("header", "headers")
	a.need("to")
	if to == Auto && a.has("to") {
		a.fault("to", "auto is for reading; want a format to write")
	}
	if len(names) > 1 && (name != "" || keep != "") {
		a.fault("headers", "name and keep go with a single header")
	}
	return Func{Apply: func(m *Message) error {
		var bad error
		for _, source := range names {
			if err := rewriteTime(m, source, from, to, name, keep); err != nil {
				bad = fmt.Errorf("header %s: %w", source, err)
			}
		}
		return bad
	}}
}

func rewriteTime(m *Message, source string, from, to Format, name, keep string) error {
	values := m.Header[source]
	if len(values) == 0 {
		return nil
	}
	if !allSame(values) {
		return fmt.Errorf("%w: it occurs %d times with different values", ErrUnreadable, len(values))
	}
	t, err := ParseTime(values[0], from, m.Now)
	if err != nil {
		return err
	}
	base := m.Now
	if to.Relative() && !readAsRelative(values[0], from) {
		base = dateOf(m.Header, m.Now)
	}
	original := values[0]
	target := name
	if target == "" {
		target = source
	}
	setHeader(m.Header, target, FormatTime(t, to, base))
	if keep != "" {
		setHeader(m.Header, keep, original)
	}
	return nil
}

// readAsRelative says whether value, which reads as f, is a distance and no instant.
func readAsRelative(value string, f Format) bool {
	value = trimBlanks(value)
	switch f {
	case Auto:
		whole, _, number := decimal(value)
		return number && whole < plausible || looksLikeDuration(value)
	case RetryAfter:
		return isNumber(value)
	}
	return f.Relative()
}

// dateOf returns the answer's Date, or now when there is none that can be read.
func dateOf(h map[string][]string, now time.Time) time.Time {
	if date := h["Date"]; len(date) > 0 {
		if t, ok := parseHTTPDate(trimBlanks(date[0]), HTTPDate, now); ok {
			return t
		}
	}
	return now
}

func allSame(values []string) bool {
	for _, v := range values[1:] {
		if v != values[0] {
			return false
		}
	}
	return true
}

// buildRenameHeader: rename_header moves headers, `{from: X, to: Y}` or `{names: {X: Y, ...}}`. A header that is there
// already under the new name is replaced; an absent one changes nothing.
func buildRenameHeader(a *fields) Func {
	type move struct{ from, to string }
	var moves []move
	if a.has("from") || a.has("to") {
		a.need("from")
		a.need("to")
		moves = append(moves, move{a.header("from"), a.header("to")})
	}
	if names := a.sub("names"); names != nil {
		for _, from := range names.keys() {
			moves = append(moves, move{names.headerName(from), names.header(from)})
		}
		names.finish()
	}
	a.need("from", "names")
	return Func{Apply: func(m *Message) error {
		for _, v := range moves {
			if values := m.Header[v.from]; len(values) > 0 && v.from != v.to {
				m.Header[v.to] = values
				delete(m.Header, v.from)
			}
		}
		return nil
	}}
}

// buildRemove: remove takes headers away (a name may end in * for all that start so) and fields out of the JSON body.
//
//	headers: [X-Powered-By, X-Amz-*]
//	body: [.password, ".users[].secret"]
func buildRemove(a *fields) Func {
	a.need("headers", "body")
	names := a.texts("headers")
	for i, name := range names {
		names[i] = canonicalPattern(name)
	}
	var cuts []*filter
	for i, path := range a.texts("body") {
		f, err := compileFilter("del(" + path + ")")
		if err != nil {
			a.fault(at("body", i, a.values["body"]), "%v", err)
			continue
		}
		cuts = append(cuts, f)
	}
	return Func{Body: len(cuts) > 0, Apply: func(m *Message) error {
		for _, name := range names {
			removeHeaders(m.Header, name)
		}
		return editBody(m, cuts)
	}}
}

func removeHeaders(h map[string][]string, pattern string) {
	prefix, many := strings.CutSuffix(pattern, "*")
	if !many {
		delete(h, pattern)
		return
	}
	for name := range h {
		if len(name) >= len(prefix) && strings.EqualFold(name[:len(prefix)], prefix) {
			delete(h, name)
		}
	}
}

// editBody runs each filter over the JSON body in turn; one that fails leaves the body whole.
func editBody(m *Message, filters []*filter) error {
	if len(filters) == 0 {
		return nil
	}
	doc, err := document(m)
	if err != nil {
		return err
	}
	for _, f := range filters {
		if doc, err = f.run(doc); err != nil {
			return err
		}
	}
	return replaceJSON(m, doc)
}
