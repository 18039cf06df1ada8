package web

import (
	"net/http"
	"strings"
)

// projection is what of a resource a client wants to see (RFC 7644, section 3.9). The zero one is all. Names are in lower case.
type projection struct {
	only    map[string]bool // nil: all
	without map[string]bool
}

func (v *visit) projection() (projection, error) {
	p := projection{only: v.names("attributes"), without: v.names("excludedAttributes")}
	if p.only != nil && p.without != nil {
		return p, refuse(http.StatusBadRequest, "bad_attributes", "say attributes or excludedAttributes, not both")
	}
	return p, nil
}

func (v *visit) names(parameter string) map[string]bool {
	var names map[string]bool
	for name := range strings.SplitSeq(v.question.Get(parameter), ",") {
		if name = bare(strings.TrimSpace(name)); name != "" {
			if names == nil {
				names = map[string]bool{}
			}
			names[name] = true
		}
	}
	return names
}

// wants tells whether an attribute will be shown at all, so that what is dear need not be found out.
func (p projection) wants(name string) bool {
	if p.only != nil {
		return p.only[name] || below(p.only, name+".")
	}
	return !p.without[name]
}

func below(names map[string]bool, prefix string) bool {
	for name := range names {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

// of takes out of a resource what is not to be shown. id and schemas always are.
func (p projection) of(document map[string]any) map[string]any {
	for key, value := range document {
		name, joint := strings.ToLower(key), "."
		if strings.HasPrefix(name, "urn:") {
			joint = ":"
		}
		switch {
		case name == "id" || name == "schemas":
		case p.only != nil && p.only[name]:
		case p.only != nil && !below(p.only, name+joint), p.without[name]:
			delete(document, key)
		default:
			p.inside(value, name+joint)
		}
	}
	return document
}

// inside does for the parts of an attribute what of does for the whole.
func (p projection) inside(value any, prefix string) {
	switch v := value.(type) {
	case map[string]any:
		for key := range v {
			name := prefix + strings.ToLower(key)
			if p.only != nil && !p.only[name] && !below(p.only, name+".") || p.without[name] {
				delete(v, key)
			}
		}
	case []any:
		for _, one := range v {
			p.inside(one, prefix)
		}
	}
}
