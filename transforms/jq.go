package transforms

import (
	"fmt"
	"strings"
	"time"

	"github.com/itchyny/gojq"
)

// The variables that a jq transform may use beside the document.
var jqVariables = []string{"$status", "$method", "$url", "$now", "$headers"}

// program is what jq was told.
type program struct {
	*filter
	within        time.Duration
	input, output int
	headers       bool
}

// buildJQ: jq puts the JSON body through a jq program, which must give exactly one result.
//
//	jq: '{users: .data}'        or  jq: {filter: '{users: .data}', timeout: 1s, max_input: 16777216, max_output: 16777216}
//
// The program has $status, $method, $url, $now (Unix seconds) and $headers (an object, names in lower case, repeated
// ones joined by ", "); it has no environment, no input and no modules. A body that is too large or no JSON, a program
// that takes too long or fails: the body stays as it was.
func buildJQ(a *fields) Func {
	a.short("filter")
	a.need("filter")
	p := program{
		filter: a.filter("filter", jqVariables...),
		within: a.span("timeout", filterTime),
		input:  a.whole("max_input", filterInput, 1, 256<<20),
		output: a.whole("max_output", filterOutput, 1, 256<<20),
	}
	if p.within <= 0 || p.within > 10*time.Second {
		a.fault("timeout", "want more than 0 and at most 10s")
	}
	if p.filter != nil {
		p.filter.within = p.within
		p.headers = strings.Contains(p.source, "$headers")
	}
	return Func{Body: true, Apply: p.apply}
}

func (p program) apply(m *Message) error {
	if len(m.Body) > p.input {
		return fmt.Errorf("%w: a body of %d bytes, max_input is %d", ErrUnreadable, len(m.Body), p.input)
	}
	doc, err := document(m)
	if err != nil {
		return err
	}
	result, err := p.run(doc, p.variables(m)...)
	if err != nil {
		return err
	}
	body, err := gojq.Marshal(result)
	if err != nil {
		return fmt.Errorf("%w: the result is no JSON", ErrUnreadable)
	}
	if len(body) > p.output {
		return fmt.Errorf("%w: a result of %d bytes, max_output is %d", ErrUnreadable, len(body), p.output)
	}
	replaceBody(m, body, "application/json")
	return nil
}

func (p program) variables(m *Message) []any {
	url := ""
	if m.URL != nil {
		url = m.URL.String()
	}
	headers := map[string]any{}
	if p.headers {
		for name, values := range m.Header {
			headers[strings.ToLower(name)] = strings.Join(values, ", ")
		}
	}
	return []any{m.Status, m.Method, url, int(m.Now.Unix()), headers}
}
