package transforms

import (
	"fmt"
	"strconv"
	"time"
)

// A waitSource is one place where a vendor may say how long to wait.
type waitSource struct {
	header string
	json   *filter
	format Format
}

// waiting is what retry_after was told.
type waiting struct {
	from        []waitSource
	least, most time.Duration
	fallback    time.Duration
	keep        string
	always      bool
}

// buildRetryAfter: retry_after writes an integer Retry-After, in seconds and rounded up, from whatever the vendor says.
//
//	from: [{header: Retry-After}, {header: X-RateLimit-Reset, format: imf}, {json: .retry_after_ms, format: delta_ms}]
//	min: 1s, max: 180s       clip (SailPoint's Web Services connector takes 1 to 180 s)
//	fallback: 60s            when nothing is said; without it nothing is written
//	keep: X-Upstream-Retry-After
//
// from defaults to Retry-After itself. The longest of the waits that can be read counts. Without `when` it
// applies to 429 and 503. An instant counts from the answer's own Date, which cancels a wrong clock.
func buildRetryAfter(a *fields) Func {
	w := waiting{
		least: a.span("min", 0), most: a.span("max", 0), fallback: a.span("fallback", 0),
		keep: a.header("keep"), always: a.conditional,
	}
	if w.most > 0 && w.least > w.most {
		a.fault("min", "min is more than max")
	}
	body := false
	for _, from := range a.subs("from") {
		s := compileWaitSource(from)
		body = body || s.json != nil
		w.from = append(w.from, s)
	}
	if len(w.from) == 0 {
		w.from = []waitSource{{header: "Retry-After", format: RetryAfter}}
	}
	return Func{Body: body, Wants: w.wants, Apply: w.apply}
}

func compileWaitSource(a *fields) waitSource {
	a.short("header")
	s := waitSource{header: a.header("header"), json: a.filter("json")}
	a.need("header", "json")
	if s.header != "" && s.json != nil {
		a.fault("json", "header or json, not both")
	}
	otherwise := Auto
	if s.header == "Retry-After" {
		otherwise = RetryAfter
	}
	s.format = a.format("format", otherwise)
	a.finish()
	return s
}

func (w waiting) wants(m *Message) bool {
	return !m.Request && (w.always || m.Status == 429 || m.Status == 503)
}

func (w waiting) apply(m *Message) error {
	if !w.wants(m) {
		return nil
	}
	wait, found, err := w.longest(m)
	if !found {
		if w.fallback == 0 {
			return err
		}
		wait = w.fallback
	}
	wait = max(wait, w.least)
	if w.most > 0 {
		wait = min(wait, w.most)
	}
	if old := m.Header["Retry-After"]; w.keep != "" && len(old) > 0 {
		setHeader(m.Header, w.keep, old[0])
	}
	setHeader(m.Header, "Retry-After", strconv.FormatInt(ceil(wait, time.Second), 10))
	return err
}

// longest returns the longest wait that can be read; err tells of one that cannot.
func (w waiting) longest(m *Message) (wait time.Duration, found bool, err error) {
	var doc any
	for _, s := range w.from {
		where, value := s.header, ""
		if s.header != "" {
			value = firstValue(m.Header, s.header)
		} else {
			where = s.json.source
			if doc == nil {
				doc, _ = document(m)
			}
			value, _ = s.json.text(doc)
		}
		if value == "" {
			continue
		}
		d, bad := readWait(value, s.format, m)
		if bad != nil {
			err = fmt.Errorf("%s: %w", where, bad)
			continue
		}
		wait, found = max(wait, d), true
	}
	return wait, found, err
}

func readWait(value string, f Format, m *Message) (time.Duration, error) {
	base := m.Now
	if !readAsRelative(value, f) {
		base = dateOf(m.Header, m.Now)
	}
	return ParseWait(value, f, base)
}

func firstValue(h map[string][]string, name string) string {
	if values := h[name]; len(values) > 0 {
		return values[0]
	}
	return ""
}
