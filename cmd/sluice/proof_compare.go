package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"

	"sluice/connectors"
	"sluice/proxy"
)

// fault notes that the test failed at one of its keys.
func (p *proof) fault(key, format string, args ...any) {
	p.faults = append(p.faults, p.test.Where(key, "test %q: %s", p.test.Name, fmt.Sprintf(format, args...)))
}

// compareUnread compares how many values the transforms left as they were. A transform that could not do its work looks like one that had
// nothing to do: without this a test would prove nothing of it.
func (p *proof) compareUnread(trace *proxy.Trace) {
	got := trace.Outcome().Unread
	if got == p.test.Unread {
		return
	}
	why := "every value could be read"
	if left := trace.Left(); len(left) > 0 {
		why = strings.Join(left, "; ")
	}
	p.fault("unread", "got %d of the values left as they were, want %d: %s", got, p.test.Unread, why)
}

// compareSent compares what the vendor got, where the test says something of it.
func (p *proof) compareSent() {
	want := p.test.Sent
	if want == nil {
		return
	}
	if p.sent == nil {
		p.fault("sent", "got nothing sent to the vendor, want %s %s", want.Method, want.Path)
		return
	}
	if want.Method != "" && want.Method != p.sent.method {
		p.fault("sent.method", "got %s, want %s", p.sent.method, want.Method)
	}
	if want.Path != "" && want.Path != p.sent.path {
		p.fault("sent.path", "got %q, want %q", p.sent.path, want.Path)
	}
	p.compare("sent", want, p.sent)
}

// compareAnswer compares what the caller got.
func (p *proof) compareAnswer(got *message) {
	want := &p.test.Expect
	if got.status != want.Status {
		p.fault("expect.status", "got %d, want %d", got.status, want.Status)
	}
	p.compare("expect", want, got)
}

// compare compares headers and body of a message. Headers that the test does not name may be anything.
func (p *proof) compare(key string, want *connectors.Exchange, got *message) {
	for _, name := range slices.Sorted(maps.Keys(want.Headers)) {
		values, at := want.Headers[name], key+".headers."+p.spelling(name)
		switch have := got.header[name]; {
		case len(values) == 0 && len(have) > 0:
			p.fault(at, "got %s, want the header absent", quoted(have))
		case len(values) > 0 && len(have) == 0:
			p.fault(at, "got no such header, want %s", quoted(values))
		case !slices.Equal(values, have):
			p.fault(at, "got %s, want %s", quoted(have), quoted(values))
		}
	}
	switch {
	case !want.HasBody:
	case want.JSON != nil:
		p.compareJSON(key+".json", want.JSON, got.body)
	case want.Body != string(got.body):
		p.fault(key+".body", "got %s, want %s", excerpt(got.body), excerpt([]byte(want.Body)))
	}
}

// spelling is a header's name as the connector's file spells it, so that the fault stands at it.
func (p *proof) spelling(name string) string {
	source := string(p.connector.Source)
	for rest, at := source, 0; ; {
		i := indexFold(rest, name)
		if i < 0 {
			return name
		}
		at += i
		if found := source[at : at+len(name)]; http.CanonicalHeaderKey(found) == name {
			return found
		}
		at++
		rest = source[at:]
	}
}

// indexFold is strings.Index in any case of ASCII letters.
func indexFold(s, part string) int {
	for i := 0; i+len(part) <= len(s); i++ {
		if strings.EqualFold(s[i:i+len(part)], part) {
			return i
		}
	}
	return -1
}

func (p *proof) compareJSON(key string, want any, body []byte) {
	written, err := json.Marshal(want)
	if err != nil {
		p.fault(key, "cannot be written as JSON: %v", err)
		return
	}
	expected, _ := decodeJSON(written) // it has just been written
	got, err := decodeJSON(body)
	if err != nil {
		p.fault(key, "got a body that is not JSON: %s", excerpt(body))
		return
	}
	if where, a, b, same := difference("", got, expected); !same {
		at := ""
		if where != "" {
			at = "at " + where + " "
		}
		p.fault(key, "%sgot %s, want %s", at, a, b)
	}
}

// decodeJSON reads one document; numbers keep all their digits.
func decodeJSON(data []byte) (any, error) {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		return nil, err
	}
	if dec.More() {
		return nil, fmt.Errorf("more than one JSON document")
	}
	return v, nil
}

// difference finds the first place at which two JSON values differ and says what stands there in each. Numbers are compared by
// value: 1.0 is 1.
func difference(at string, got, want any) (where, a, b string, same bool) {
	switch w := want.(type) {
	case map[string]any:
		if g, ok := got.(map[string]any); ok {
			return differentField(at, g, w)
		}
	case []any:
		if g, ok := got.([]any); ok && len(g) == len(w) {
			for i := range w {
				if where, a, b, same = difference(fmt.Sprintf("%s[%d]", at, i), g[i], w[i]); !same {
					return where, a, b, false
				}
			}
			return "", "", "", true
		}
	case json.Number:
		if g, ok := got.(json.Number); ok && sameNumber(g, w) {
			return "", "", "", true
		}
	default:
		if got == want {
			return "", "", "", true
		}
	}
	return at, compact(got), compact(want), false
}

func differentField(at string, got, want map[string]any) (where, a, b string, same bool) {
	names := slices.Sorted(maps.Keys(want))
	for name := range got {
		if _, known := want[name]; !known {
			return at + "." + name, compact(got[name]), "no such field", false
		}
	}
	for _, name := range names {
		have, ok := got[name]
		if !ok {
			return at + "." + name, "no such field", compact(want[name]), false
		}
		if where, a, b, same = difference(at+"."+name, have, want[name]); !same {
			return where, a, b, false
		}
	}
	return "", "", "", true
}

// longestExponent keeps a number such as 1e999999999 from being written out.
const longestExponent = 64

func sameNumber(a, b json.Number) bool {
	if a == b {
		return true
	}
	if len(a) > longestExponent || len(b) > longestExponent || hugeExponent(a) || hugeExponent(b) {
		return false
	}
	x, okX := new(big.Rat).SetString(a.String())
	y, okY := new(big.Rat).SetString(b.String())
	return okX && okY && x.Cmp(y) == 0
}

func hugeExponent(n json.Number) bool {
	i := strings.IndexAny(n.String(), "eE")
	return i >= 0 && len(n)-i > 4
}

// compact shows a JSON value.
func compact(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	if len(text) > longestExcerpt {
		return excerpt(text)
	}
	return string(text)
}

// quoted shows the values of a header.
func quoted(values []string) string {
	if len(values) == 1 {
		return fmt.Sprintf("%q", values[0])
	}
	return fmt.Sprintf("%q", values)
}

// longestExcerpt bounds what a fault repeats of a body.
const longestExcerpt = 200

func excerpt(body []byte) string {
	if len(body) <= longestExcerpt {
		return fmt.Sprintf("%q", body)
	}
	cut := longestExcerpt
	for cut > 0 && !utf8.RuneStart(body[cut]) {
		cut--
	}
	return fmt.Sprintf("%q … (%d bytes)", body[:cut], len(body))
}
