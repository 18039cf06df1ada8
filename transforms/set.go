package transforms

import (
	"fmt"
	"strings"

	"golang.org/x/net/http/httpguts"
)

// A source is where a value to set comes from: written down, another header, or the body by jq.
type source struct {
	literal any
	header  string
	jq      *filter
}

// buildSet: set writes headers and fields of the JSON body.
//
//	headers: {X-A: text, X-B: {jq: .token}, X-C: {header: X-D}}
//	body: {.status: active, .meta.region: {header: X-Region}, .list: {value: [1, 2]}}
//	if_absent: true       what is there already stays (in the body: what is there and not null)
//
// A header or path that has nothing to give sets nothing.
func buildSet(a *fields) Func {
	a.need("headers", "body")
	ifAbsent := a.flag("if_absent", false)
	headers := a.headerSources("headers")
	fields := a.bodySources("body", ifAbsent)
	body := len(fields) > 0
	for _, h := range headers {
		body = body || h.jq != nil
	}
	return Func{Body: body, Apply: func(m *Message) error {
		var doc any
		if body {
			var err error
			if doc, err = document(m); err != nil {
				return err
			}
		}
		for _, h := range headers {
			if ifAbsent && len(m.Header[h.name]) > 0 {
				continue
			}
			if err := h.set(m, doc); err != nil {
				return err
			}
		}
		return setFields(m, doc, fields)
	}}
}

type headerTarget struct {
	name string
	source
}

func (a *fields) headerSources(key string) []headerTarget {
	names := a.sub(key)
	if names == nil {
		return nil
	}
	var out []headerTarget
	for _, name := range names.keys() {
		t := headerTarget{names.headerName(name), names.source(name)}
		if text, ok := scalarText(jsonValue(t.literal)); t.literal != nil && (!ok || !httpguts.ValidHeaderFieldValue(text)) {
			names.fault(name, "want a text or a number without line breaks, not %s", kind(t.literal))
		}
		out = append(out, t)
	}
	names.finish()
	return out
}

func (t headerTarget) set(m *Message, doc any) error {
	v, ok := t.value(m, doc)
	if !ok {
		return nil
	}
	text, ok := scalarText(v)
	if !ok || !httpguts.ValidHeaderFieldValue(text) {
		return fmt.Errorf("%w: the value for header %s is no text on one line", ErrUnreadable, t.name)
	}
	setHeader(m.Header, t.name, text)
	return nil
}

type fieldTarget struct {
	path   string
	assign *filter // sets the path to $value
	source
}

func (a *fields) bodySources(key string, ifAbsent bool) []fieldTarget {
	paths := a.sub(key)
	if paths == nil {
		return nil
	}
	program := "(%s) = $value"
	if ifAbsent {
		program = "(%s) |= if . == null then $value else . end"
	}
	var out []fieldTarget
	for _, path := range paths.keys() {
		assign, err := compileFilter(fmt.Sprintf(program, path), "$value")
		if err != nil {
			paths.fault(path, "%v", err)
		}
		out = append(out, fieldTarget{path, assign, paths.source(path)})
	}
	paths.finish()
	return out
}

func setFields(m *Message, doc any, fields []fieldTarget) error {
	if len(fields) == 0 {
		return nil
	}
	for _, f := range fields {
		v, ok := f.value(m, doc)
		if !ok {
			continue
		}
		var err error
		if doc, err = f.assign.run(doc, v); err != nil {
			return err
		}
	}
	return replaceJSON(m, doc)
}

// source reads {value: X}, {header: NAME}, {jq: PROGRAM} or a scalar that stands for itself.
func (a *fields) source(key string) source {
	v, _ := a.get(key)
	from, ok := v.(map[string]any)
	if !ok {
		if v == nil {
			a.fault(key, "want a value; {value: null} sets null")
		}
		return source{literal: jsonValue(v)}
	}
	s := a.sub(key)
	if len(from) != 1 {
		s.fault("", "want one of value, header, jq")
	}
	out := source{header: s.header("header"), jq: s.filter("jq")}
	if v, ok := s.get("value"); ok {
		out.literal = jsonValue(v)
	}
	s.finish()
	return out
}

func (s source) value(m *Message, doc any) (any, bool) {
	switch {
	case s.header != "":
		values := m.Header[s.header]
		return strings.Join(values, ", "), len(values) > 0
	case s.jq != nil:
		v, err := s.jq.run(doc)
		return v, err == nil && v != nil
	}
	return s.literal, true
}
