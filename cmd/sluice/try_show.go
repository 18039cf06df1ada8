package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/fatih/color"

	"sluice/proxy"
)

// tryShow prints a trial for people.
type tryShow struct {
	w                      io.Writer
	bold, faint, good, bad *color.Color
}

func printTrial(env environment, t *trial) error {
	var out bytes.Buffer
	s := &tryShow{w: &out, bold: color.New(color.Bold), faint: color.New(color.Faint), good: color.New(color.FgGreen), bad: color.New(color.FgRed)}
	for _, c := range []*color.Color{s.bold, s.faint, s.good, s.bad} {
		c.DisableColor()
		if coloured(env) {
			c.EnableColor()
		}
	}
	s.trial(t)
	_, err := out.WriteTo(env.stdout)
	return err
}

func (s *tryShow) printf(format string, args ...any) { _, _ = fmt.Fprintf(s.w, format, args...) }

func (s *tryShow) trial(t *trial) {
	s.printf("%s %s\n", s.bold.Sprintf("%s %s", t.Method, t.Path), s.faint.Sprintf("on %s, in view %s, route %s", t.Connection, t.View, t.Route))
	for i, x := range t.Vendor {
		s.exchange(i, len(t.Vendor), x)
	}
	if len(t.Vendor) == 0 {
		s.printf("\n%s\n", s.bold.Sprint("nothing went to the vendor"))
	}
	s.answer(t)
	s.words(t.Words)
	verdict := s.good
	if t.Status >= http.StatusBadRequest {
		verdict = s.bad
	}
	s.printf("\n%s %s\n", verdict.Sprint(t.Status), s.summary(t))
}

// exchange shows what went over the wire.
func (s *tryShow) exchange(i, of int, x proxy.Exchange) {
	number := ""
	if of > 1 {
		number = fmt.Sprintf(", %d of %d", i+1, of)
	}
	s.printf("\n%s\n", s.bold.Sprint("to the vendor"+number))
	s.printf("  %s %s\n", x.Method, x.URL)
	s.headers(x.Header)
	s.body(x.Body)
	if x.Error != "" {
		s.printf("\n%s %s\n  %s\n", s.bold.Sprint("no answer from the vendor"), s.faint.Sprintf("after %s", rounded(x.Took)), x.Error)
		return
	}
	s.printf("\n%s %s\n", s.bold.Sprint("from the vendor"), s.faint.Sprintf("after %s", rounded(x.Took)))
	s.printf("  %d %s\n", x.Status, http.StatusText(x.Status))
	s.headers(x.Answer)
	s.body(x.Content)
}

// answer shows what the consumer gets, as a difference to the vendor's last answer where there is one.
func (s *tryShow) answer(t *trial) {
	s.printf("\n%s\n", s.bold.Sprint("to the consumer"))
	if t.Error != "" {
		s.printf("  %s\n", s.bad.Sprint(t.Error))
		return
	}
	s.printf("  %d %s\n", t.Status, http.StatusText(t.Status))
	if len(t.Vendor) == 0 || t.Vendor[len(t.Vendor)-1].Answer == nil {
		s.headers(t.Header)
		s.body(t.Body)
		return
	}
	last := t.Vendor[len(t.Vendor)-1]
	s.changes(last.Answer, t.Header)
	// The trace keeps the beginning of what the vendor sent.
	if last.Content != "" && strings.HasPrefix(t.Body, last.Content) {
		s.printf("  %s\n", s.faint.Sprintf("the body as the vendor sent it, %d bytes", len(t.Body)))
		return
	}
	s.body(t.Body)
}

// changes marks the headers that were added (+), removed (-) or rewritten (~) on the way.
func (s *tryShow) changes(before, after http.Header) {
	names := slices.Collect(maps.Keys(before))
	names = slices.AppendSeq(names, maps.Keys(after))
	slices.Sort(names)
	same := 0
	for _, name := range slices.Compact(names) {
		old, now := strings.Join(before[name], ", "), strings.Join(after[name], ", ")
		_, was := before[name]
		_, is := after[name]
		switch {
		case was && is && old == now:
			same++
		case !is:
			s.printf("%s %s: %s\n", s.bad.Sprint("-"), name, old)
		case !was:
			s.printf("%s %s: %s\n", s.good.Sprint("+"), name, now)
		default:
			s.printf("%s %s: %s %s\n", s.good.Sprint("~"), name, now, s.faint.Sprintf("(was %s)", old))
		}
	}
	if same > 0 {
		s.printf("  %s\n", s.faint.Sprintf("%d headers as the vendor sent them", same))
	}
}

func (s *tryShow) headers(h http.Header) {
	for _, name := range slices.Sorted(maps.Keys(h)) {
		for _, value := range h[name] {
			s.printf("  %s: %s\n", name, value)
		}
	}
}

// shownLines and shownBody are how much of a body is printed, in lines and bytes; -o json has more of it.
const (
	shownLines = 16
	shownBody  = 1600
)

// body prints a body: JSON indented, and only so much of a long one.
func (s *tryShow) body(text string) {
	if text == "" {
		return
	}
	size := len(text)
	var pretty bytes.Buffer
	if json.Indent(&pretty, []byte(text), "  ", "  ") == nil {
		text = pretty.String()
	}
	shown := strings.ToValidUTF8(text[:min(len(text), shownBody)], "")
	if lines := strings.SplitAfterN(shown, "\n", shownLines+1); len(lines) > shownLines {
		shown = strings.Join(lines[:shownLines], "")
	}
	if len(shown) < len(text) {
		shown = strings.TrimRight(shown, "\n ") + "\n  " + s.faint.Sprintf("… cut here; -o json shows more of the %d bytes", size)
	}
	s.printf("\n  %s\n", shown)
}

// words lists what the stages said.
func (s *tryShow) words(words []proxy.Word) {
	if len(words) == 0 {
		return
	}
	s.printf("\n%s\n", s.bold.Sprint("the stages"))
	t := tabwriter.NewWriter(s.w, 0, 0, 2, ' ', 0)
	for _, word := range words {
		_, _ = fmt.Fprintf(t, "  %s\t+%s\t%s\n", word.Stage, rounded(word.After), word.Text)
	}
	_ = t.Flush()
}

func (s *tryShow) summary(t *trial) string {
	text := "in " + rounded(t.Took)
	if t.Held > 0 {
		text += ", held for " + rounded(t.Held)
	}
	if t.Answered != "" {
		text += ", answered by " + t.Answered
	}
	if t.Cached != "" {
		text += ", cache " + t.Cached
	}
	if t.Attempts > 1 {
		text += fmt.Sprintf(", sent %d times", t.Attempts)
	}
	if t.Unread > 0 {
		text += fmt.Sprintf(", %d values could not be read and were left as they were", t.Unread)
	}
	return text
}

// rounded cuts a duration to what a reader cares for.
func rounded(d time.Duration) string {
	switch {
	case d < time.Millisecond:
		return d.Round(time.Microsecond).String()
	case d < time.Second:
		return d.Round(100 * time.Microsecond).String()
	}
	return d.Round(time.Millisecond).String()
}
