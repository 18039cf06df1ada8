package filter

import (
	"fmt"
	"strings"
)

// trace is what an explanation is made of. A nil one takes nothing down.
type trace struct {
	lines   []string
	dropped int
	depth   int
	told    map[int]*predicate // by depth, the one whose values are being told
}

// full tells whether there is no room for another line, so that nobody makes one in vain.
func (t *trace) full() bool {
	if len(t.lines) < maxLines {
		return false
	}
	t.dropped++
	return true
}

func (t *trace) add(line string) {
	t.lines = append(t.lines, strings.Repeat("  ", t.depth)+line)
}

// open begins what a predicate says of one value, and returns what close needs.
func (t *trace) open(p *predicate, item any) int {
	if t == nil {
		return -1
	}
	if t.told[t.depth] != p && !t.full() {
		t.add(p.text)
	}
	t.told[t.depth] = p
	t.depth++
	at := -1
	if !t.full() {
		at = len(t.lines)
		t.add(short(item))
	}
	t.depth++
	delete(t.told, t.depth)
	return at
}

// close puts the verdict before the value.
func (t *trace) close(at int, passed bool) {
	if t == nil {
		return
	}
	t.depth -= 2
	if at < 0 {
		return
	}
	word := "did not pass: "
	if passed {
		word = "passed: "
	}
	text := strings.TrimLeft(t.lines[at], " ")
	t.lines[at] = t.lines[at][:len(t.lines[at])-len(text)] + word + text
}

func (t *trace) say(line string) {
	if !t.full() {
		t.add(line)
	}
}

// compared tells of a comparison with the values of its paths.
func (t *trace) compared(c *compare, left, right any, ok bool, err error) {
	if t.full() {
		return
	}
	var values []string
	for _, side := range []struct {
		operand
		value any
	}{{c.left, left}, {c.right, right}} {
		if side.path == nil {
			continue
		}
		is := side.text + " is " + short(side.value)
		if side.value == nothing {
			is = side.text + " is missing"
		}
		values = append(values, is)
	}
	line := answer(ok) + c.text
	if len(values) > 0 {
		line += " (" + strings.Join(values, ", ") + ")"
	}
	if err == nil && !ok && c.name == "=~" {
		line += partial(left, right)
	}
	t.add(line)
}

// partial says why a pattern does not match that a person would think does.
func partial(left, right any) string {
	p, is := right.(*pattern)
	if !is {
		p, is = left.(*pattern)
		left = right
	}
	switch text, isText := left.(string); {
	case !is:
		return ", which needs a pattern as in /.*john.*/i"
	case isText && p.within(text):
		return ", which must match the whole value: put .* at its ends"
	}
	return ""
}

func (t *trace) existence(text string, exists, want bool) {
	if t.full() {
		return
	}
	is := "is missing"
	if exists {
		is = "is there"
	}
	bang := ""
	if !want {
		bang = "!"
	}
	t.add(fmt.Sprintf("%s%s%s (%s %s)", answer(exists == want), bang, text, text, is))
}

func answer(ok bool) string {
	if ok {
		return "yes: "
	}
	return "no: "
}
