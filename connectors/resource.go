package connectors

import (
	"time"

	"sluice/transforms"
)

// Resource is one list at a vendor that can be aggregated: its people, groups, applications, roles or departments. It is read by one of
// its Plans into accounts.
type Resource struct {
	Name  string            // "people": what commands, URLs and tables call it
	Kind  string            // user | group: what SCIM and events make of it
	Key   *transforms.Query // of a row: the native id, a text or a number
	Plans []*Plan           // at least one; the first is the default
	Map   Mapping           // of a row or document to an account
	// FoldCase: ids are the same whatever the case of their letters, and are kept in small ones.
	FoldCase bool
	MaxAge   time.Duration // changed_only: an account whose row did not change is read again after so long; never 0
	Writes   []WriteRoute  // provisioning through the proxy that makes an early re-read of an account worth it
}

// Plan is a way to read a resource.
type Plan struct {
	Name   string            // "detail", "inverted"
	List   Listing           // every account's row, complete or not
	Joins  []Join            // calls whose rows complete those of the listing
	Detail *Request          // a call for one account, with $key and $row, whose fields replace those of its row; nil: the listing has all
	If     *transforms.Query // of a row, joins merged into it: whether the account needs Detail (a bool); nil: every one does
}

// Listing is a list and how it is paged.
type Listing struct {
	Request Request
	Items   *transforms.Query // of the answer's body: an array of rows
	Paging  Paging
	Empty   bool // an answer without any row may be true; otherwise it is an error, as TeamDynamix answers [] to who lacks rights
}

// Join is a call for each row of another resource, or of this one's own list, or one call for all. Each row of its answers belongs to one
// account and adds to its row. What Over names is read by the list of its first plan, without that plan's joins and detail; no two
// resources name each other.
type Join struct {
	Over  string            // a resource of the same connector, whose Key and rows give $key and $over; "": one call, without these
	List  Listing           // with $key and $over
	Owner *transforms.Query // of an item, with JoinVariables: the key of the account that it belongs to
	Add   *transforms.Query // of an item, with JoinVariables: an object. Arrays of it are appended to the row's of that name, all else replaces
}

// JoinVariables are those that Owner and Add of a join may use, in this order.
var JoinVariables = []string{"$over"}

// Request is a call as a template. Its path is relative to the base URL; {key} in it is the path-escaped key.
type Request struct {
	Method string
	Path   string                       // without a query
	Query  map[string]*transforms.Query // texts; null leaves the parameter out
	Body   *transforms.Query            // a JSON document; nil: none
}

// RequestVariables are those of a Request's programs, in this order; one that a place does not have is null there, and a program that uses
// it is refused when it is read. Their input is null. $page is what paging makes of the present page ({offset, limit, page, cursor}).
var RequestVariables = []string{"$key", "$row", "$over", "$page"}

// Paging is how a list goes on. Exactly one style.
type Paging struct {
	Style  string            // none | link | cursor | offset | page | url
	Param  string            // query parameter of offset, page or cursor; "" = the request's own programs use $page
	Size   int               // rows per page; 0 = the vendor's default. By offset or page, and without Total, the list ends with an empty page
	SizeBy string            // query parameter of Size; "" = none
	First  int               // of page: the number of the first; of offset: that of the first row
	Rel    string            // of link: the relation in the Link header ("next")
	Next   *transforms.Query // of cursor: the next one in the body; of url: the next page's URL. null or "" ends
	Total  *transforms.Query // how many rows there are in all; nil: not said. Fewer rows than that is a fetch that is not whole
}

// Mapping makes an account of a row. Its programs get the row, joins and detail merged into it.
type Mapping struct {
	Name         *transforms.Query
	Active       *transforms.Query            // a bool; nil: every account is
	Attributes   *transforms.Query            // an object of texts, numbers, bools, null and arrays of those
	Entitlements map[string]*transforms.Query // by type: an array of texts or numbers
}

// WriteRoute is a route template by which a call through the proxy changes accounts of the resource.
type WriteRoute struct {
	Match string // "PATCH /api/people/{uid}": one method, even where the file says several at once
	Param string // the path parameter that is the key; "" = not told, so that the next run reads changed rows only

	route   *Route // of the calls that it means
	segment int    // of the path, counted from the slash at its beginning, that is Param; -1 = none
}

// Plan returns the plan of that name, or nil; the first for "".
func (r *Resource) Plan(name string) *Plan {
	for _, p := range r.Plans {
		if p.Name == name || name == "" {
			return p
		}
	}
	return nil
}

// Resource returns the resource of that name, or nil.
func (c *Connector) Resource(name string) *Resource {
	for _, r := range c.Resources {
		if r.Name == name {
			return r
		}
	}
	return nil
}
