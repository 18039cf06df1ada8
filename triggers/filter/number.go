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
	if before+after == "" || strings.Trim(before, "0123456789") != "" || strings.Trim(after, "0123456789") != "" {
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
func compareNumbers(a, b any) (int, bool) {
	x, small := exact(a)
	y, alsoSmall := exact(b)
	if small && alsoSmall {
		return cmp.Compare(x, y), true
	}
	left, ok := toDecimal(a)
	right, also := toDecimal(b)
	return left.compare(right), ok && also
}

// exact is n as a float64, if that loses nothing: up to fifteen digits do not.
func exact(n any) (float64, bool) {
	switch n := n.(type) {
	case float64:
		return n, true
	case json.Number:
		if len(n) > 15 || strings.ContainsAny(string(n), "eE") {
			return 0, false
		}
		f, err := strconv.ParseFloat(string(n), 64)
		return f, err == nil
	}
	return 0, false
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
func number(n any) (float64, bool) {
	switch n := n.(type) {
	case float64:
		return n, true
	case json.Number:
		f, err := n.Float64()
		return f, err == nil
	}
	return 0, false
}
