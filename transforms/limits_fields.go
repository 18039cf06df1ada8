package transforms

import (
	"slices"
	"strings"
	"time"
)

// dailyUsage is the table of Salesforce's policies that count over 24 hours.
var dailyUsage = []string{"api-usage", "per-app-api-usage"}

// info reads Salesforce's `Sforce-Limit-Info: api-usage=10018/100000; per-app-api-usage=17/250(appName=x)`: used/limit,
// one policy each, no reset.
func (a *answer) info(name string) {
	value, ok := a.value(name)
	if !ok {
		return
	}
	start := len(a.limits)
	for part := range strings.FieldsFuncSeq(value, func(r rune) bool { return r == ';' || r == ',' }) {
		policy, usage, ok1 := strings.Cut(trimBlanks(part), "=")
		usage, _, _ = strings.Cut(usage, "(")
		usedText, limitText, ok2 := strings.Cut(usage, "/")
		used, ok3 := number(trimBlanks(usedText))
		limit, ok4 := number(trimBlanks(limitText))
		if !ok1 || !ok2 || !ok3 || !ok4 {
			a.limits = a.limits[:start]
			a.unreadable(name, value)
			return
		}
		l := Limits{
			Policy: policy, Limit: limit, HasLimit: true, Remaining: max(0, limit-used), HasRemaining: true,
			From: Origin{Limit: name, Remaining: name},
		}
		if slices.Contains(dailyUsage, policy) {
			l.Window = 24 * time.Hour
		}
		a.limits = append(a.limits, l)
	}
}

// index reads Zendesk's `zendesk-ratelimit-tickets-index: total=100; remaining=99; resets=41`: one header per policy, all with
// the same prefix; resets are seconds.
func (a *answer) index(prefix string) {
	var names []string
	for name := range a.header {
		if strings.HasPrefix(name, prefix) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		value, ok := a.value(name)
		if !ok {
			continue
		}
		l := Limits{Policy: strings.ToLower(name[len(prefix):])}
		if !readIndex(&l, name, value, a.now) {
			a.unreadable(name, value)
			continue
		}
		a.limits = append(a.limits, l)
	}
}

// readIndex reads total, remaining and resets out of the header of this name.
func readIndex(l *Limits, name, value string, now time.Time) bool {
	for part := range strings.SplitSeq(value, ";") {
		key, text, ok := strings.Cut(trimBlanks(part), "=")
		v, readable := number(trimBlanks(text))
		if !ok || !readable {
			return false
		}
		switch key {
		case "total":
			l.Limit, l.HasLimit, l.From.Limit = v, true, name
		case "remaining":
			l.Remaining, l.HasRemaining, l.From.Remaining = v, true, name
		case "resets":
			at, ok := parseDelta(trimBlanks(text), time.Second, now)
			if !ok {
				return false
			}
			l.Reset, l.ResetAfter, l.From.Reset = at, at.Sub(now), name
		}
	}
	return !l.empty()
}
