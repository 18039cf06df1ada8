package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"
)

// arrival is one request that has come.
type arrival struct {
	Number   int
	Time     time.Time
	Method   string
	Path     string // masked
	Headers  http.Header
	Body     []byte
	Cut      bool
	Verified bool
	Problem  string // why it is not verified, or cannot be taken; "": nothing was asked, or all is well
	Repeated bool
	Answered int

	secrets []string // that the body may hold
}

// shortestHidden is how long a secret must be to be looked for in a body: shorter ones are in innocent text, too.
const shortestHidden = 6

// hide masks a secret in the body, and in what headers hold besides.
func (a *arrival) hide(secret string) {
	a.secrets = append(a.secrets, secret)
	for name, values := range a.Headers {
		for _, value := range values {
			if maskedHeader(name, value) == value {
				continue
			}
			if _, bare, two := strings.Cut(value, " "); two {
				value = bare
			}
			a.secrets = append(a.secrets, value)
		}
	}
}

// body is the body as it may be shown.
func (a *arrival) body() []byte {
	text := a.Body
	for _, secret := range a.secrets {
		if len(secret) >= shortestHidden {
			text = bytes.ReplaceAll(text, []byte(secret), []byte(masked))
		}
	}
	return text
}

func (a *arrival) headers() map[string][]string {
	shown := map[string][]string{}
	for name, values := range a.Headers {
		for _, value := range values {
			shown[name] = append(shown[name], maskedHeader(name, value))
		}
	}
	return shown
}

// arrivalLine is an arrival as -o json shows it: a line each.
type arrivalLine struct {
	Number   int                 `json:"number"`
	Time     time.Time           `json:"time"`
	Method   string              `json:"method"`
	Path     string              `json:"path"`
	Headers  map[string][]string `json:"headers"`
	Body     any                 `json:"body"` // JSON, or a string where it is none
	Verified bool                `json:"verified"`
	Problem  string              `json:"problem,omitempty"`
	Repeated bool                `json:"repeated,omitempty"`
	Answered int                 `json:"answered"`
}

// arrivalPrinter prints what a receiver gets. Many may call it at once.
type arrivalPrinter struct {
	output format

	mu     sync.Mutex
	out    io.Writer
	failed error // the first
}

func (p *arrivalPrinter) write(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, err := io.WriteString(p.out, text); err != nil && p.failed == nil {
		p.failed = fmt.Errorf("print: %w", err)
	}
}

// line prints a document in a line.
func (p *arrivalPrinter) line(document any) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(document); err != nil { // of strings, numbers, and JSON that was looked at
		return
	}
	p.write(b.String())
}

// arrived prints an arrival.
func (p *arrivalPrinter) arrived(a arrival) {
	body := a.body()
	if p.output == asJSON {
		l := arrivalLine{a.Number, a.Time, a.Method, a.Path, a.headers(), nil, a.Verified, a.Problem, a.Repeated, a.Answered}
		switch {
		case json.Valid(body):
			l.Body = json.RawMessage(body)
		case len(body) > 0:
			l.Body = strings.ToValidUTF8(string(body), "\uFFFD")
		}
		p.line(l)
		return
	}
	var b strings.Builder
	fmt.Fprintf(&b, "#%d  %s  %s %s  %s", a.Number, clock(a.Time), shownText(a.Method), shownText(a.Path), a.word())
	if a.Repeated {
		b.WriteString(", again")
	}
	fmt.Fprintf(&b, ", answered %d\n", a.Answered)
	headers := a.headers()
	for _, name := range slices.Sorted(maps.Keys(headers)) {
		for _, value := range headers[name] {
			fmt.Fprintf(&b, "  %s: %s\n", shownText(name), shownText(value))
		}
	}
	b.WriteString(indented(bodyShown(body, a.Cut)) + "\n")
	p.write(b.String())
}

// word says whether an arrival was verified.
func (a *arrival) word() string {
	switch {
	case a.Verified:
		return "verified"
	case a.Problem != "":
		return "NOT TAKEN: " + a.Problem
	}
	return "not verified: no --secret"
}

// bodyShown is a body for people.
func bodyShown(body []byte, cut bool) string {
	var pretty bytes.Buffer
	switch {
	case cut:
		return "(too long to be shown)\n"
	case len(body) == 0:
		return "(no body)\n"
	case json.Indent(&pretty, body, "", "  ") == nil:
		return pretty.String() + "\n"
	case !utf8.Valid(body):
		return fmt.Sprintf("(%d bytes that are no text)\n", len(body))
	}
	return string(body) + "\n"
}

// completed prints how an invocation was completed.
func (p *arrivalPrinter) completed(number int, how string) {
	if p.output == asJSON {
		p.line(struct {
			Number     int    `json:"number"`
			Completion string `json:"completion"`
		}{number, how})
		return
	}
	p.write(fmt.Sprintf("#%d  %s\n\n", number, shownText(how)))
}

// end prints the counts, and says whether all could be printed.
func (p *arrivalPrinter) end(counts receivedCounts) error {
	if p.output == asJSON {
		p.line(counts)
	} else {
		p.write(fmt.Sprintf("%d arrived, %d verified, %d repeated\n", counts.Arrived, counts.Verified, counts.Repeated))
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return errors.Join(p.failed)
}
