package filter

import (
	"cmp"
	"encoding/json"
	"math"
	"strconv"
	"strings"
)

// decimal is a number as it is written: 0.digits times ten to the power of exponent. Numbers are compared as decimals where a float64
// would lose digits, as ids of twenty digits do; nothing is ever multiplied out, so that 1e999999999 costs no more than 1.
type decimal struct {
	negative bool
	digits   string // without zeros at either end; "" is zero
	exponent int
}

// numeric is false of most texts that are no number, at once.
func numeric(text string) bool {
	return text != "" && strings.IndexByte("+-.0123456789", text[0]) >= 0
}

// parseDecimal reads a number as Java's BigDecimal does.
func parseDecimal(text string) (decimal, bool) {
	var d decimal
	rest := text
	if rest != "" && (rest[0] == '-' || rest[0] == '+') {
		d.negative, rest = rest[0] == '-', rest[1:]
	}
	mantissa, power := rest, ""
	if at := strings.IndexAny(rest, "eE"); at >= 0 {
		mantissa, power = rest[:at], rest[at+1:]
		exponent, err := strconv.ParseInt(power, 10, 32)
		if err != nil {
			return d, false
		}
		d.exponent = int(exponent)
	}
	before, after, _ := strings.Cut(mantissa, ".")
	if len(before)+len(after) == 0 || strings.Trim(before, "0123456789") != "" || strings.Trim(after, "0123456789") != "" {
		return d, false
	}
	digits := before + after
	d.exponent += len(before)
	stripped := strings.TrimLeft(digits, "0")
	d.exponent -= len(digits) - len(stripped)
	d.digits = strings.TrimRight(stripped, "0")
	if d.digits == "" {
		return decimal{}, true
	}
	return d, true
}

// compare orders d and o.
func (d decimal) compare(o decimal) int {
	switch {
	case d.digits == "" && o.digits == "":
		return 0
	case d.sign() != o.sign():
		return cmp.Compare(d.sign(), o.sign())
	}
	order := cmp.Compare(d.exponent, o.exponent)
	if order == 0 {
		order = strings.Compare(d.digits, o.digits)
	}
	return order * d.sign()
}

func (d decimal) sign() int {
	switch {
	case d.digits == "":
		return 0
	case d.negative:
		return -1
	}
	return 1
}

// compareNumbers orders two numbers of a document or a filter; it is false when one is none.
func (e *evaluation) compareNumbers(a, b any) (order int, ok bool, err error) {
	x, small := exact(a)
	y, alsoSmall := exact(b)
	if small && alsoSmall {
		return cmp.Compare(x, y), true, nil
	}
	if err := e.step(2 + (written(a)+written(b))/chunk); err != nil {
		return 0, false, err
	}
	left, ok := toDecimal(a)
	right, also := toDecimal(b)
	return left.compare(right), ok && also, nil
}

// written is how many bytes of text a number is.
func written(n any) int {
	text, _ := n.(json.Number)
	return len(text)
}

// exact is n as a float64, if that loses nothing: up to fifteen digits do not.
func exact(n any) (float64, bool) {
	switch n := n.(type) {
	case float64:
		return n, true
	case json.Number:
		if len(n) > 15 || !plain(string(n)) {
			return 0, false
		}
		f, err := strconv.ParseFloat(string(n), 64)
		return f, err == nil
	}
	return 0, false
}

// plain tells whether a number has neither an exponent nor what only Go reads.
func plain(text string) bool {
	for _, c := range []byte(text) {
		if (c < '0' || c > '9') && c != '.' && c != '-' && c != '+' {
			return false
		}
	}
	return true
}

func toDecimal(n any) (decimal, bool) {
	switch n := n.(type) {
	case float64:
		return parseDecimal(strconv.FormatFloat(n, 'e', -1, 64))
	case json.Number:
		return parseDecimal(string(n))
	}
	return decimal{}, false
}

// numberText is a number as a text is compared with it.
func numberText(n any) string {
	switch n := n.(type) {
	case json.Number:
		return string(n)
	case float64:
		if a := math.Abs(n); a == 0 || a >= 1e-6 && a < 1e21 {
			return strconv.FormatFloat(n, 'f', -1, 64)
		}
		return strconv.FormatFloat(n, 'E', -1, 64)
	}
	return ""
}

// number is n for the functions that calculate.
func (e *evaluation) number(n any) (f float64, ok bool, err error) {
	if f, ok = exact(n); ok {
		return f, true, nil
	}
	text, is := n.(json.Number)
	if !is {
		return 0, false, nil
	}
	if err := e.through(4 * len(text)); err != nil { // it is read here and there
		return 0, false, err
	}
	if err := e.step(inexact(string(text))); err != nil {
		return 0, false, err
	}
	f, wrong := text.Float64()
	return f, wrong == nil, nil
}

// inexact is how many steps it takes at most to round a number to a float64: one so close to the middle between two is multiplied out, for
// which 5e-324 needs 27 µs. No more digits than these count there, and no larger powers of ten.
func inexact(text string) int {
	d, ok := parseDecimal(text)
	if !ok {
		return 0
	}
	return (min(len(d.digits), 800) + min(max(d.exponent, -d.exponent), 400)) / 2
}
