package teamdynamix

import (
	"iter"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// search is UserSearch [V and the vendor's XML comments]. There is no paging: no offset, no cursor, no link.
type search struct {
	SearchText     string // part of full name, user name, external or alternate id; at most 50 characters
	IsActive       *bool  // absent means true: inactive people are lost in silence
	IsConfidential *bool
	IsEmployee     *bool
	AppName        string
	AccountIDs     []int // compared with the default account alone
	MaxResults     *int  // absent means all
	ReferenceIDs   []int
	ExternalID     string
	AlternateID    string
	UserName       string
	SecurityRoleID string
}

// searchPeople answers POST people/search with users without their collections.
func (c *call) searchPeople() {
	q, err := read[search](c)
	if err == nil && len([]rune(q.SearchText)) > 50 {
		err = badRequest("SearchText must not be longer than 50 characters.")
	}
	if err != nil {
		c.settle(0, nil, err)
		return
	}
	if q.IsActive == nil {
		yes := true
		q.IsActive = &yes
	}
	limit := -1
	if q.MaxResults != nil && *q.MaxResults > 0 {
		limit = *q.MaxResults
	}
	list(c, c.site.heads(c.site.pick(q.matches, limit)))
}

// lookupPeople answers GET people/lookup: active people by text, 50 unless maxResults says another number of 1 to 100.
// One outside is brought inside [G].
func (c *call) lookupPeople() {
	limit := 50
	if text := c.query("maxResults"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			c.message(http.StatusBadRequest, "The value of maxResults is not valid.")
			return
		}
		limit = min(max(n, 1), 100)
	}
	yes := true
	q := search{SearchText: c.query("searchText"), IsActive: &yes}
	list(c, c.site.heads(c.site.pick(q.matches, limit)))
}

// userTypes are the words that userlist takes for userType [S]; None is no filter.
var userTypes = map[string]int{"": 0, "none": 0, "user": typeUser, "customer": typeCustomer, "resourceplaceholder": 8, "serviceaccount": 9}

// listPeople answers GET people/userlist: the whole organisation in one call. A filter that is absent or empty is none, so that,
// unlike search, this one gives the inactive as well.
func (c *call) listPeople() {
	active, err1 := c.flag("isActive")
	confidential, err2 := c.flag("isConfidential")
	employee, err3 := c.flag("isEmployee")
	kind, ok := userTypes[strings.ToLower(c.query("userType"))]
	if err1 != nil || err2 != nil || err3 != nil || !ok {
		c.message(http.StatusBadRequest, "A filter has a value that is not valid.")
		return
	}
	q := search{IsActive: active, IsConfidential: confidential, IsEmployee: employee}
	found := c.site.pick(func(p *person) bool { return (kind == 0 || p.TypeID == kind) && q.matches(p) }, -1)
	list(c, func(yield func(listing) bool) {
		for _, f := range found {
			var l listing
			if f.edited != nil {
				l = f.edited.listing
			} else {
				c.site.born.list(f.index, &l)
			}
			if !yield(l) {
				return
			}
		}
	})
}

// matches tells whether p is among those asked for. Cheap questions come first: most people fail one of them.
func (q search) matches(p *person) bool {
	return is(q.IsActive, p.IsActive) && is(q.IsConfidential, p.IsConfidential) && is(q.IsEmployee, p.IsEmployee) &&
		(len(q.AccountIDs) == 0 || slices.Contains(q.AccountIDs, p.DefaultAccountID)) &&
		(len(q.ReferenceIDs) == 0 || slices.Contains(q.ReferenceIDs, p.ReferenceID)) &&
		(q.ExternalID == "" || strings.EqualFold(q.ExternalID, p.ExternalID)) &&
		(q.AlternateID == "" || strings.EqualFold(q.AlternateID, p.AlternateID)) &&
		(q.UserName == "" || strings.EqualFold(q.UserName, p.UserName)) &&
		(q.SecurityRoleID == "" || strings.EqualFold(q.SecurityRoleID, p.SecurityRoleID)) &&
		(q.AppName == "" || p.holds(q.AppName)) &&
		(q.SearchText == "" || p.like(q.SearchText))
}

func is(want *bool, got bool) bool { return want == nil || *want == got }

// holds tells whether p has been granted the application, standard or platform.
func (p *person) holds(app string) bool {
	return slices.ContainsFunc(p.Applications, func(name string) bool { return strings.EqualFold(name, app) }) ||
		slices.ContainsFunc(p.OrgApplications, func(a orgApplication) bool { return strings.EqualFold(a.Name, app) })
}

// like is SQL's LIKE '%text%' over the four fields, without wildcards of the caller's.
func (p *person) like(text string) bool {
	text = strings.ToLower(text)
	for _, field := range []string{p.FullName, p.UserName, p.ExternalID, p.AlternateID} {
		if strings.Contains(strings.ToLower(field), text) {
			return true
		}
	}
	return false
}

// found is one person of a result. A born one is made again when it is sent, because 55,000 would fill the memory.
type found struct {
	index  int
	edited *person
}

// pick returns the first limit people that match; all, if limit is negative.
func (s *site) pick(match func(*person) bool, limit int) []found {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var out []found
	for i, p := range s.each() {
		if len(out) == limit {
			break
		}
		if match(p) {
			out = append(out, found{i, s.edited[i]})
		}
	}
	return out
}

// heads makes the users of a result, one at a time, without their collections.
func (s *site) heads(result []found) iter.Seq[user] {
	return func(yield func(user) bool) {
		for _, f := range result {
			p := f.edited
			if p == nil {
				p = s.born.born(f.index)
			}
			s.mu.RLock()
			u := s.head(p)
			s.mu.RUnlock()
			if !yield(u) {
				return
			}
		}
	}
}
