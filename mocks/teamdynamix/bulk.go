package teamdynamix

import (
	"net/http"
	"slices"
	"strings"
)

// order is the body of the bulk methods. Paths and limits are documented; the fields are our guess from the names of the
// vendor's parameter records. Everybody of the list is changed, or nobody.
type order struct {
	UserUIDs              []string
	AccountIDs            []int
	ApplicationNames      []string
	OrgApplications       []orgApplication
	GroupIDs              []int
	TemplateID            int
	ReplaceExisting       bool
	RemoveOtherGroups     bool
	IsPrimary, IsNotified bool
	IsManager             bool
}

// outcome is the answer of a bulk method [G].
type outcome struct {
	UpdatedCount int
	Message      string
}

// bulkAccounts answers POST people/bulk/changeacctdepts: the first account becomes the default one.
func (c *call) bulkAccounts() {
	c.bulk(func(_ *site, p *person, o order) error {
		if len(o.AccountIDs) == 0 {
			return badRequest("AccountIDs is required.")
		}
		p.DefaultAccountID = o.AccountIDs[0]
		return nil
	})
}

// bulkActive answers POST people/bulk/changeactivestatus?isActive= with a list of UIDs as body.
func (c *call) bulkActive() {
	status, err := c.flag("isActive")
	if err == nil && status == nil {
		err = badRequest("The isActive parameter is required.")
	}
	if err != nil {
		c.settle(0, nil, err)
		return
	}
	c.bulkList(func(_ *site, p *person) error { p.IsActive = *status; return nil })
}

// bulkTemplate answers POST people/bulk/applydesktop and applydashboard. Nothing that this API shows depends on them.
func (c *call) bulkTemplate() {
	c.bulk(func(_ *site, _ *person, o order) error {
		if o.TemplateID <= 0 {
			return badRequest("TemplateID is required.")
		}
		return nil
	})
}

// bulkApplications answers POST people/bulk/changeapplications: standard applications, by name.
func (c *call) bulkApplications() {
	c.bulk(func(_ *site, p *person, o order) error {
		next := []string{}
		if !o.ReplaceExisting {
			next = slices.Clone(p.Applications)
		}
		for _, name := range o.ApplicationNames {
			if !slices.ContainsFunc(next, func(have string) bool { return strings.EqualFold(have, name) }) {
				next = append(next, name)
			}
		}
		p.Applications = next
		return nil
	})
}

// bulkOrgApplications answers POST people/bulk/changeorgapplications: platform applications, each with a role.
func (c *call) bulkOrgApplications() {
	c.bulk(func(_ *site, p *person, o order) error {
		var next []orgApplication
		if !o.ReplaceExisting {
			next = slices.Clone(p.OrgApplications)
		}
		for _, a := range o.OrgApplications {
			next = slices.DeleteFunc(next, func(have orgApplication) bool { return have.ID == a.ID })
			next = append(next, a)
		}
		p.OrgApplications = next
		return nil
	})
}

// bulkSecurityRole answers POST people/bulk/changesecurityrole/{id} with a list of UIDs as body.
func (c *call) bulkSecurityRole() {
	c.bulkList(func(s *site, p *person) error {
		role, ok := s.roleByID(c.r.PathValue("id"))
		if !ok {
			return notFound("The security role")
		}
		p.SecurityRoleID = role.ID
		return nil
	})
}

// bulkGroups answers POST people/bulk/managegroups.
func (c *call) bulkGroups() {
	c.bulk(func(s *site, p *person, o order) error {
		if o.RemoveOtherGroups {
			p.groups = slices.DeleteFunc(slices.Clone(p.groups), func(m membership) bool { return !slices.Contains(o.GroupIDs, m.GroupID) })
		}
		return s.joinAll(p, o.GroupIDs, membership{IsPrimary: o.IsPrimary, IsNotified: o.IsNotified, IsManager: o.IsManager})
	})
}

// bulk changes everybody of an order.
func (c *call) bulk(fn func(*site, *person, order) error) {
	o, err := read[order](c)
	c.forAll(o.UserUIDs, err, func(s *site, p *person) error { return fn(s, p, o) })
}

// bulkList changes everybody of a body that is nothing but UIDs.
func (c *call) bulkList(fn func(*site, *person) error) {
	uids, err := read[[]string](c)
	c.forAll(uids, err, fn)
}

func (c *call) forAll(uids []string, err error, fn func(*site, *person) error) {
	if err == nil && len(uids) == 0 {
		err = badRequest("At least one user is required.")
	}
	if err != nil {
		c.settle(0, nil, err)
		return
	}
	c.writing(http.StatusOK, func(s *site) (any, error) {
		people, err := s.everyone(uids)
		if err != nil {
			return nil, err
		}
		err = s.changeAll(people, func(p *person) error { return fn(s, p) })
		return outcome{len(people), "The users have been changed."}, err
	})
}
