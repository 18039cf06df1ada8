package connectors

import (
	"net/http"
	"strings"
)

// router finds the route of a call: a trie of path segments. A literal beats a parameter, a parameter beats the rest, and a
// branch that ends nowhere is left for the next best, so at most every node is visited once. It allocates nothing.
type router struct {
	root  node
	fold  bool              // literal segments match in any case
	other map[string]*Route // by method; "*" for the rest: calls that no template matches
}

type node struct {
	literals []edge
	param    *node
	ends     leaf // templates that end here
	rest     leaf // templates that end here in {rest...}
}

type edge struct {
	literal string
	to      *node
}

// leaf is the routes of one path, a few at most: one per method.
type leaf []*Route

// find returns the route of a call: the exact method, else GET for HEAD (a vendor counts both alike), else "*".
func (l leaf) find(method string) *Route {
	var every, get *Route
	for _, route := range l {
		switch route.Method {
		case method:
			return route
		case anyMethod:
			every = route
		case http.MethodGet:
			get = route
		}
	}
	if get != nil && method == http.MethodHead {
		return get
	}
	return every
}

// add puts a route at its template. The caller has made sure that no two routes share shape and method.
func (r *router) add(t *template, route *Route) {
	at := &r.root
	for _, s := range t.segments {
		at = at.child(s)
	}
	if t.rest {
		at.rest = append(at.rest, route)
	} else {
		at.ends = append(at.ends, route)
	}
}

func (n *node) child(s segment) *node {
	if s.param {
		if n.param == nil {
			n.param = &node{}
		}
		return n.param
	}
	for _, e := range n.literals {
		if e.literal == s.literal {
			return e.to
		}
	}
	to := &node{}
	n.literals = append(n.literals, edge{s.literal, to})
	return to
}

// route finds the route of a method and a path as it stands in the request line, query or not.
func (r *router) route(method, rawPath string) *Route {
	if i := strings.IndexAny(rawPath, "?#"); i >= 0 {
		rawPath = rawPath[:i]
	}
	if found := r.find(&r.root, method, strings.TrimPrefix(rawPath, "/")); found != nil {
		return found
	}
	if other := r.other[method]; other != nil {
		return other
	}
	return r.other[anyMethod]
}

func (r *router) find(n *node, method, path string) *Route {
	if path == "" {
		if found := n.ends.find(method); found != nil {
			return found
		}
		return n.rest.find(method)
	}
	part, path, _ := strings.Cut(path, "/")
	plain := strings.IndexByte(part, '%') < 0
	for i := range n.literals {
		e := &n.literals[i]
		if part != e.literal && (plain && !r.fold || !sameSegment(part, e.literal, r.fold)) {
			continue
		}
		if found := r.find(e.to, method, path); found != nil {
			return found
		}
	}
	if n.param != nil && part != "" {
		if found := r.find(n.param, method, path); found != nil {
			return found
		}
	}
	return n.rest.find(method)
}

// sameSegment compares a raw segment, percent-decoded on the way, with a literal. Only ASCII letters fold: more would need a
// decision about each vendor's tables. A broken escape stands for itself.
func sameSegment(raw, literal string, fold bool) bool {
	i := 0
	for ; i < len(raw); i++ {
		if literal == "" {
			return false
		}
		c := raw[i]
		if c == '%' && i+2 < len(raw) {
			if high, low := unhex(raw[i+1]), unhex(raw[i+2]); high < 16 && low < 16 {
				c, i = high<<4|low, i+2
			}
		}
		if fold && 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != literal[0] {
			return false
		}
		literal = literal[1:]
	}
	return literal == ""
}

// unhex returns 16 for what is no hexadecimal digit.
func unhex(c byte) byte {
	switch {
	case '0' <= c && c <= '9':
		return c - '0'
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10
	}
	return 16
}
