// Package redact takes secrets out of what somebody has said who was sent them. Where a text only might hold one nobody knows how it is written
// there, so it looks behind the escapes of JSON and URLs, too.
package redact

import (
	"cmp"
	"slices"
)

// Mark stands where a secret was.
const Mark = "[redacted]"

// least is how long a secret is at least, and what is taken for the beginning of one: fewer bytes would blank half of an innocent text.
const least = 4

// Secrets are values that no text may hold. What is shorter than four bytes is none.
type Secrets []string

// Blank blanks the secrets in text, as they are and behind the escapes of JSON and URLs. Where text was cut, its end may be half a secret, which is
// blanked, too. It returns text itself where that holds none.
func (s Secrets) Blank(text []byte, cut bool) []byte {
	var spans [][2]int
	for _, r := range append(readings(text), reading{plain: text}) {
		for _, secret := range s {
			if len(secret) < least {
				continue
			}
			spans = append(spans, r.find(secret)...)
			if cut {
				spans = append(spans, r.begun(secret, len(text))...)
			}
		}
	}
	return without(text, spans)
}

// without blanks spans of text, which may overlap.
func without(text []byte, spans [][2]int) []byte {
	if len(spans) == 0 {
		return text
	}
	slices.SortFunc(spans, func(a, b [2]int) int { return cmp.Compare(a[0], b[0]) })
	var out []byte
	end := 0
	for _, span := range spans {
		if span[0] >= end {
			out = append(append(out, text[end:span[0]]...), Mark...)
		}
		end = max(end, span[1])
	}
	return append(out, text[end:]...)
}
