package connectors

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"sluice/internal/strict"
)

// tests compiles the tests of a connector; sluice check runs them.
func (b *connectorBuild) tests(views map[string]*View) {
	names := map[string]bool{}
	for i, entry := range b.written.Tests {
		key := index("tests", i)
		if names[entry.Name] && entry.Name != "" {
			b.fault(key+".name", "%q is already the name of another test", entry.Name)
		}
		names[entry.Name] = true
		if views != nil && views[entry.View] == nil {
			b.fault(key+".view", "there is no view %q: %s", entry.View, suggest(entry.View, slices.Collect(maps.Keys(views))))
		}
		b.made.Tests = append(b.made.Tests, b.test(key, entry))
	}
}

func (b *connectorBuild) test(key string, entry testEntry) Test {
	t := Test{
		Name: entry.Name, View: entry.View, Unread: entry.Unread,
		Request: b.exchange(key+".request", entry.Request.contentEntry),
		Answer:  b.exchange(key+".answer", entry.Answer.contentEntry),
		Expect:  b.exchange(key+".expect", entry.Expect.contentEntry),
		Where: func(at, format string, args ...any) strict.Fault {
			return b.file.doc.Faultf(joinKey(key, at), format, args...)
		},
	}
	if entry.Now != "" {
		now, err := time.Parse(time.RFC3339Nano, entry.Now)
		if err != nil {
			b.fault(key+".now", "is %q, must be a time such as 2018-03-28T16:07:15Z", entry.Now)
		}
		t.Now = now
	}
	t.Request.Method, t.Request.Path = entry.Request.Method, entry.Request.Path
	b.call(key+".request", t.Request.Method, t.Request.Path)
	if entry.Sent != nil {
		sent := b.exchange(key+".sent", entry.Sent.contentEntry)
		sent.Method, sent.Path = entry.Sent.Method, entry.Sent.Path
		t.Sent = &sent
	}
	t.Answer.Status = entry.Answer.Status
	if t.Answer.Status == 0 {
		t.Answer.Status = http.StatusOK
	}
	if t.Expect.Status = entry.Expect.Status; t.Expect.Status == 0 {
		t.Expect.Status = t.Answer.Status
	}
	for _, name := range slices.Sorted(maps.Keys(t.Answer.Headers)) {
		if len(t.Answer.Headers[name]) == 0 {
			b.fault(fmt.Sprintf("%s.answer.headers.%s", key, name), "has no value: [] stands only in expect and sent, for a header that must be absent")
		}
	}
	return t
}

func (b *connectorBuild) call(key, method, path string) {
	if !slices.Contains(methods, method) {
		b.fault(key+".method", "%q is no method: %s", method, suggest(method, methods))
	}
	if path != "" && !strings.HasPrefix(path, "/") {
		b.fault(key+".path", "is %q, must begin with / (it is relative to base_url)", path)
	}
}

func (b *connectorBuild) exchange(key string, c contentEntry) Exchange {
	e := Exchange{JSON: c.JSON, HasBody: c.Body != nil || c.JSON != nil}
	if c.Body != nil {
		e.Body = *c.Body
	}
	if c.Body != nil && c.JSON != nil {
		b.fault(key+".json", "stands beside body, but a message has one body: remove one")
	}
	if len(c.Headers) > 0 {
		e.Headers = make(map[string][]string, len(c.Headers))
	}
	for name, values := range c.Headers {
		e.Headers[http.CanonicalHeaderKey(name)] = values
	}
	return e
}
