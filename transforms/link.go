package transforms

import (
	"strings"
)

// Link is one link of a Link header (RFC 8288).
type Link struct {
	Target string   // as it stands between < and >
	Rel    []string // relation types, in lower case
	start  int      // where Target starts in the header's value
}

// ParseLinks reads the value of one Link header. ok is false when any of it cannot be read; the links before that place
// are returned all the same. A link with an anchor speaks of another document and is left out (RFC 8288 3.2).
func ParseLinks(value string) (links []Link, ok bool) {
	const most = 64
	rest := value
	for len(links) < most {
		rest = strings.TrimLeft(rest, " \t,")
		if rest == "" {
			return links, true
		}
		if rest[0] != '<' {
			return links, false
		}
		end := strings.IndexByte(rest, '>')
		if end < 0 {
			return links, false
		}
		link := Link{Target: rest[1:end], start: len(value) - len(rest) + 1}
		anchored := false
		rest, anchored, ok = link.parameters(rest[end+1:])
		if !ok {
			return links, false
		}
		if !anchored {
			links = append(links, link)
		}
	}
	return links, false
}

// parameters takes `; name=value` pairs off rest, up to a comma or the end. The first rel counts (RFC 8288 3.3).
func (l *Link) parameters(rest string) (_ string, anchored, ok bool) {
	for {
		rest = strings.TrimLeft(rest, " \t")
		if rest == "" || rest[0] == ',' {
			return rest, anchored, true
		}
		if rest[0] != ';' {
			return rest, anchored, false
		}
		rest = strings.TrimLeft(rest[1:], " \t")
		n := strings.IndexAny(rest, "=;, \t")
		if n < 0 {
			n = len(rest)
		}
		name := strings.ToLower(rest[:n])
		rest = strings.TrimLeft(rest[n:], " \t")
		value := ""
		if strings.HasPrefix(rest, "=") {
			value, rest, ok = parameterValue(strings.TrimLeft(rest[1:], " \t"))
			if !ok {
				return rest, anchored, false
			}
		}
		if name == "rel" && l.Rel == nil {
			l.Rel = strings.Fields(strings.ToLower(value))
		}
		anchored = anchored || name == "anchor"
	}
}

// parameterValue takes a token or a quoted string off rest.
func parameterValue(rest string) (value, after string, ok bool) {
	if !strings.HasPrefix(rest, `"`) {
		n := strings.IndexAny(rest, ";, \t")
		if n < 0 {
			n = len(rest)
		}
		return rest[:n], rest[n:], true
	}
	var out strings.Builder
	for i := 1; i < len(rest); i++ {
		switch rest[i] {
		case '"':
			return out.String(), rest[i+1:], true
		case '\\':
			if i++; i == len(rest) {
				return "", "", false
			}
		}
		out.WriteByte(rest[i])
	}
	return "", "", false
}

// linkTo returns the target of the first link in values with the relation rel, "" when there is none, and ok false when
// a value before it cannot be read.
func linkTo(values []string, rel string) (target string, ok bool) {
	for _, value := range values {
		links, readable := ParseLinks(value)
		for _, link := range links {
			for _, r := range link.Rel {
				if r == rel {
					return link.Target, true
				}
			}
		}
		if !readable {
			return "", false
		}
	}
	return "", true
}
