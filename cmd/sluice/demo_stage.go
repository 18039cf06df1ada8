package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"unicode/utf8"

	"github.com/fatih/color"
)

// demoStage prints the demo, two columns within 100 characters.
type demoStage struct {
	w      io.Writer
	good   *color.Color
	bad    *color.Color
	bold   *color.Color
	faint  *color.Color
	acts   int
	broken bool // a promise was not kept
}

const (
	demoWidth  = 98
	demoColumn = 48
)

func newDemoStage(env environment) *demoStage {
	s := &demoStage{
		w: env.stdout, good: color.New(color.FgGreen), bad: color.New(color.FgRed), bold: color.New(color.Bold), faint: color.New(color.Faint),
	}
	for _, c := range []*color.Color{s.good, s.bad, s.bold, s.faint} {
		if coloured(env) {
			c.EnableColor()
		} else {
			c.DisableColor()
		}
	}
	return s
}

func (s *demoStage) write(text string) { _, _ = io.WriteString(s.w, text) }

func (s *demoStage) title(text string) { s.write(s.bold.Sprint(text) + "\n") }

// scene opens the next scene.
func (s *demoStage) scene(what, call string) {
	s.acts++
	s.write("\n" + s.bold.Sprintf("%d. %s", s.acts, what) + s.faint.Sprint("   "+call) + "\n\n")
}

// headings names the two columns.
func (s *demoStage) headings(direct, through string) {
	s.write("\n")
	s.columns([]string{"directly", direct}, []string{"through Sluice", through})
	s.write("\n")
}

// para prints a paragraph, wrapped.
func (s *demoStage) para(text string) {
	for _, line := range wrap(text, demoWidth) {
		s.write(line + "\n")
	}
}

// columns prints lines side by side; a long one goes on in the next line of its column.
func (s *demoStage) columns(left, right []string) {
	left, right = fold(left), fold(right)
	for i := range max(len(left), len(right)) {
		a, b := "", ""
		if i < len(left) {
			a = left[i]
		}
		if i < len(right) {
			b = right[i]
		}
		s.write(strings.TrimRight("  "+pad(a, demoColumn+2)+b, " ") + "\n")
	}
}

// verdict says under each column what it comes to. The right one is what Sluice promises.
func (s *demoStage) verdict(leftOK bool, leftYes, leftNo string, rightOK bool, rightYes, rightNo string) {
	s.broken = s.broken || !rightOK
	mark := func(ok bool, yes, no string) []string {
		if ok {
			return fold([]string{"✓ " + yes})
		}
		return fold([]string{"✗ " + no})
	}
	left, right := mark(leftOK, leftYes, leftNo), mark(rightOK, rightYes, rightNo)
	paint := func(ok bool, text string) string {
		if ok {
			return s.good.Sprint(text)
		}
		return s.bad.Sprint(text)
	}
	for i := range max(len(left), len(right)) {
		line := "  "
		if i < len(left) {
			line += paint(leftOK, left[i]) + strings.Repeat(" ", demoColumn+2-utf8.RuneCountInString(left[i]))
		} else {
			line += strings.Repeat(" ", demoColumn+2)
		}
		if i < len(right) {
			line += paint(rightOK, right[i])
		}
		s.write(strings.TrimRight(line, " ") + "\n")
	}
}

// table prints the figures.
func (s *demoStage) table(rows [][3]string) {
	s.write("\n")
	t := tabwriter.NewWriter(s.w, 0, 0, 4, ' ', tabwriter.AlignRight)
	for _, row := range rows {
		_, _ = fmt.Fprintf(t, "%s\t%s\t%s\t\n", pad(row[0], 42), row[1], row[2])
	}
	_ = t.Flush()
	s.write("\n")
}

// pad fills text up to width characters.
func pad(text string, width int) string {
	return text + strings.Repeat(" ", max(0, width-utf8.RuneCountInString(text)))
}

// fold wraps every line to a column.
func fold(lines []string) (out []string) {
	for _, line := range lines {
		out = append(out, wrap(line, demoColumn)...)
	}
	return out
}

// wrap breaks text at blanks so that no line is longer than width characters, unless a word is.
func wrap(text string, width int) (lines []string) {
	rest := []rune(text)
	for len(rest) > width {
		cut := width
		for cut > 0 && rest[cut] != ' ' {
			cut--
		}
		if cut == 0 {
			break
		}
		lines = append(lines, strings.TrimRight(string(rest[:cut]), " "))
		rest = rest[cut+1:]
	}
	return append(lines, string(rest))
}
