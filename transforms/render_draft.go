package transforms

import (
	"strconv"
	"time"
)

// mostInteger is the greatest integer of a structured field (RFC 9651 3.3.1).
const mostInteger = 999_999_999_999_999

// draft writes RateLimit-Policy and RateLimit as in draft-ietf-httpapi-ratelimit-headers-10: a policy needs its quota, a
// state what is left. Retry-After, which goes before t, is written by itself.
func (p *painter) draft(limits []Limits) {
	var policy, state []byte
	for i := range limits {
		l := &limits[i]
		if l.HasLimit {
			policy = appendPolicy(appendName(policy, l.Policy), l)
		}
		if l.HasRemaining {
			state = appendState(appendName(state, l.Policy), l)
		}
	}
	if policy != nil {
		p.put("Ratelimit-Policy", policy)
	}
	if state != nil {
		p.put("Ratelimit", state)
	}
	for i := range limits {
		l := &limits[i]
		for _, source := range [...]string{l.From.Limit, l.From.Remaining, l.From.Reset} {
			// t hangs on r: a reset without a count left is not shown, and its header stays.
			if source != "Ratelimit" && source != "Ratelimit-Policy" && p.shows(l, source, true, true, l.HasRemaining) {
				p.retire(source)
			}
		}
	}
}

func appendPolicy(dst []byte, l *Limits) []byte {
	dst = strconv.AppendInt(append(dst, ";q="...), bounded(l.Limit), 10)
	if l.Unit != "" {
		dst = appendQuoted(append(dst, ";qu="...), l.Unit)
	}
	if l.Window > 0 {
		dst = strconv.AppendInt(append(dst, ";w="...), ceil(l.Window, time.Second), 10)
	}
	return dst
}

func appendState(dst []byte, l *Limits) []byte {
	dst = strconv.AppendInt(append(dst, ";r="...), bounded(l.Remaining), 10)
	if l.HasReset() {
		dst = strconv.AppendInt(append(dst, ";t="...), ceil(l.ResetAfter, time.Second), 10)
	}
	return dst
}

func bounded(v float64) int64 { return int64(min(max(0, v), mostInteger)) }

func appendName(dst []byte, name string) []byte {
	if len(dst) > 0 {
		dst = append(dst, ", "...)
	}
	if name == "" {
		name = "default"
	}
	return appendQuoted(dst, name)
}

// appendQuoted writes a structured field's string; what such a string cannot hold becomes "?".
func appendQuoted(dst []byte, s string) []byte {
	dst = append(dst, '"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c < ' ' || c >= 0x7f:
			dst = append(dst, '?')
		default:
			dst = append(dst, c)
		}
	}
	return append(dst, '"')
}
