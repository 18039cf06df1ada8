package transforms

import (
	"bytes"
	"net/http"
	"strconv"
	"strings"
)

// Matcher says whether a message is of a kind: an answer whose status, headers and body are such. All given conditions
// must hold; the zero Matcher matches every message.
type Matcher struct {
	Body bool // Match needs Message.Body

	statuses []statusRange
	header   *headerCondition
	contains [][]byte
	jq       *filter
}

type statusRange struct{ from, to int }

type headerCondition struct {
	name             string
	contains, equals string
	absent           bool
}

// CompileMatcher compiles a matcher from YAML data, a mapping of:
//
//	status: 403 | "4xx" | "400-499" | a list of those
//	header: {name: X, contains: text | equals: text | present: true | present: false}
//	body_contains: text | a list, of which one must occur, letter for letter
//	jq: a program whose result on the JSON body must be true
//
// Its error is an ArgErrors.
func CompileMatcher(args any) (Matcher, error) {
	a := newFields(args)
	a.need("status", "header", "body_contains", "jq")
	m := Matcher{statuses: a.statuses("status"), jq: a.filter("jq")}
	for _, text := range a.texts("body_contains") {
		m.contains = append(m.contains, []byte(text))
	}
	if h := a.sub("header"); h != nil {
		m.header = compileHeaderCondition(h)
	}
	m.Body = len(m.contains) > 0 || m.jq != nil
	return m, a.done()
}

func compileHeaderCondition(a *fields) *headerCondition {
	a.short("name")
	a.need("name")
	c := &headerCondition{name: a.header("name"), contains: a.text("contains", ""), equals: a.text("equals", ""), absent: !a.flag("present", true)}
	if c.contains != "" && c.equals != "" {
		a.fault("equals", "contains or equals, not both")
	}
	if c.absent && (c.contains != "" || c.equals != "") {
		a.fault("present", "an absent header has no value to compare")
	}
	a.finish()
	return c
}

// statuses reads status codes, classes (4xx) and ranges (400-499).
func (a *fields) statuses(key string) []statusRange {
	v, ok := a.get(key)
	if !ok {
		return nil
	}
	list, ok := v.([]any)
	if !ok {
		list = []any{v}
	}
	var out []statusRange
	for i, one := range list {
		r, ok := parseStatus(one)
		if !ok {
			a.fault(at(key, i, v), `want a status such as 403, "4xx" or "400-499", not %s`, kind(one))
			continue
		}
		out = append(out, r)
	}
	return out
}

func parseStatus(v any) (statusRange, bool) {
	if n, ok := wholeNumber(v); ok {
		return statusRange{n, n}, n >= 100 && n <= 599
	}
	s, _ := v.(string)
	if class, ok := strings.CutSuffix(strings.ToLower(s), "xx"); ok && len(class) == 1 && class >= "1" && class <= "5" {
		n := int(class[0]-'0') * 100
		return statusRange{n, n + 99}, true
	}
	from, to, ranged := strings.Cut(s, "-")
	if !ranged {
		to = from
	}
	first, err1 := strconv.Atoi(strings.TrimSpace(from))
	last, err2 := strconv.Atoi(strings.TrimSpace(to))
	return statusRange{first, last}, err1 == nil && err2 == nil && first >= 100 && last <= 599 && first <= last
}

// Match says whether m fits. A body that a jq condition cannot read does not fit.
func (w Matcher) Match(m *Message) bool {
	if !w.head(m) {
		return false
	}
	if len(w.contains) > 0 && !containsAny(m.Body, w.contains) {
		return false
	}
	if w.jq == nil {
		return true
	}
	doc, err := document(m)
	if err != nil {
		return false
	}
	v, err := w.jq.run(doc)
	return err == nil && v == true
}

// Wants is the part of Match that needs no body: false says that no body could make m fit, so that it may stream on unread.
func (w Matcher) Wants(m *Message) bool { return w.head(m) }

// head is the part of Match that needs no body.
func (w Matcher) head(m *Message) bool {
	return (len(w.statuses) == 0 || statusIn(m.Status, w.statuses)) && (w.header == nil || w.header.holds(m.Header))
}

func (c *headerCondition) holds(h http.Header) bool {
	values := h[c.name]
	if len(values) == 0 || c.absent {
		return (len(values) == 0) == c.absent
	}
	for _, v := range values {
		switch {
		case c.equals != "" && v == c.equals,
			c.contains != "" && strings.Contains(v, c.contains),
			c.equals == "" && c.contains == "":
			return true
		}
	}
	return false
}

func statusIn(status int, ranges []statusRange) bool {
	for _, r := range ranges {
		if status >= r.from && status <= r.to {
			return true
		}
	}
	return false
}

func containsAny(body []byte, texts [][]byte) bool {
	for _, text := range texts {
		if bytes.Contains(body, text) {
			return true
		}
	}
	return false
}
