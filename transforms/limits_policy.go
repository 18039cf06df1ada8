package transforms

import (
	"strconv"
	"strings"
	"time"
)

// policy reads one policy's own headers.
func (a *answer) policy(p *policyReader) {
	l := Limits{Policy: p.name, Window: p.window}
	var others []Limits
	if value, ok := a.value(p.limit); ok {
		if others, ok = readLimit(&l, value); ok {
			l.From.Limit = p.limit
		} else {
			a.unreadable(p.limit, value)
		}
	}
	if v, ok := a.number(p.remaining); ok {
		l.Remaining, l.HasRemaining, l.From.Remaining = v, true, p.remaining
	}
	if used, ok := a.number(p.used); ok && !l.HasRemaining && l.HasLimit {
		l.Remaining, l.HasRemaining = max(0, l.Limit-used), true
	}
	if v, ok := a.number(p.cost); ok {
		l.Cost = v
	}
	a.reset(&l, p.reset)
	if wait, name, ok := a.wait(p.retry); ok {
		l.RetryAfter, l.HasRetry, l.From.RetryAfter = wait, true, name
	}
	if _, window, ok := a.when(p.windowHeader); ok && window > 0 {
		l.Window = window
	}
	if !l.empty() || l.Window != p.window {
		a.limits = append(a.limits, l)
	}
	for i := range others {
		others[i].From.Limit = p.limit
	}
	a.limits = append(a.limits, others...)
}

func (a *answer) number(name string) (float64, bool) {
	value, ok := a.value(name)
	if !ok {
		return 0, false
	}
	v, ok := number(value)
	if !ok {
		a.unreadable(name, value)
	}
	return v, ok
}

// number reads a whole unsigned decimal number; no sign, exponent or unit.
func number(s string) (float64, bool) {
	whole, nano, ok := decimal(s)
	if !ok {
		return 0, false
	}
	if nano == 0 {
		return float64(whole), true
	}
	v, err := strconv.ParseFloat(s, 64)
	return v, err == nil
}

// readLimit reads a limit header's value into l. Beside a bare number vendors write
//
//	100, 100;window=60, 10000;window=86400   WHOOP; draft -06's quota policies: the first is the one that counts now
//	500, 500;w=1                             the same with w
//	1000: 1000                               agent.ai
//	1m                                       BoldDesk: ASP.NET Core rate limiting writes the window here and no limit
//
// The further quota policies come back as Limits of their own, named after their window.
func readLimit(l *Limits, value string) (others []Limits, ok bool) {
	if v, ok := number(value); ok {
		l.Limit, l.HasLimit = v, true
		return nil, true
	}
	if window, ok := parsePeriod(value); ok {
		l.Window = window
		return nil, true
	}
	if first, second, ok := strings.Cut(value, ":"); ok && trimBlanks(first) == trimBlanks(second) {
		value = trimBlanks(first)
	}
	first, rest, _ := strings.Cut(value, ",")
	limit, window, ok := quota(first)
	if !ok {
		return nil, false
	}
	all := []Limits{}
	for rest != "" {
		var one string
		one, rest, _ = strings.Cut(rest, ",")
		v, w, ok := quota(one)
		if !ok {
			return nil, false
		}
		if v == limit && w > 0 && window == 0 {
			window = w
			continue
		}
		name := "w=" + strconv.FormatInt(int64(w/time.Second), 10)
		all = append(all, Limits{Policy: name, Limit: v, HasLimit: true, Window: w})
	}
	l.Limit, l.HasLimit = limit, true
	if window > 0 {
		l.Window = window
	}
	return all, true
}

// quota reads `100;window=60`, parameters optional; unknown ones (a comment) are passed over.
func quota(s string) (limit float64, window time.Duration, ok bool) {
	head, parameters, _ := strings.Cut(s, ";")
	if limit, ok = number(trimBlanks(head)); !ok {
		return 0, 0, false
	}
	for one := range strings.SplitSeq(parameters, ";") {
		name, value, _ := strings.Cut(trimBlanks(one), "=")
		if name != "w" && name != "window" {
			continue
		}
		seconds, _, ok := decimal(trimBlanks(value))
		if !ok || seconds >= plausible {
			return 0, 0, false
		}
		window = time.Duration(seconds) * time.Second
	}
	return limit, window, true
}
