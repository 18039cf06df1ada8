package teamdynamix

import (
	"net/http"
	"slices"
	"strconv"
)

// A person's groups and a group's members are one fact, kept with the person: both ways of reading agree.

// members answers GET groups/{id}/members with users without their collections, active or not [G].
func (c *call) members() {
	c.site.mu.RLock()
	g, err := c.groupOfPath(c.site)
	c.site.mu.RUnlock()
	if err != nil {
		c.settle(0, nil, err)
		return
	}
	list(c, c.site.heads(c.site.pick(func(p *person) bool { return p.in(g.ID) }, -1)))
}

func (p *person) in(group int) bool {
	return slices.ContainsFunc(p.groups, func(m membership) bool { return m.GroupID == group })
}

// addMembers answers POST groups/{id}/members?isPrimary=&isNotified=&isManager= with a list of UIDs as body [S].
func (c *call) addMembers() {
	c.changeMembers(func(p *person, group int, m membership) { m.GroupID = group; p.join(m) })
}

// removeMembers answers DELETE groups/{id}/members with a list of UIDs as body [S].
func (c *call) removeMembers() {
	c.changeMembers(func(p *person, group int, _ membership) { p.leave(group) })
}

// changeMembers changes everybody of the body's list, or nobody if one of them is unknown or a Customer [G].
func (c *call) changeMembers(fn func(p *person, group int, m membership)) {
	uids, err1 := read[[]string](c)
	m, err2 := c.terms()
	if err := first(err1, err2); err != nil {
		c.settle(0, nil, err)
		return
	}
	c.writing(http.StatusOK, func(s *site) (any, error) {
		g, err := c.groupOfPath(s)
		if err != nil {
			return nil, err
		}
		people, err := s.everyone(uids)
		if err != nil {
			return nil, err
		}
		err = s.changeAll(people, func(p *person) error { fn(p, g.ID, m); return nil })
		return note{-1, "The members of the group have been changed."}, err
	})
}

// everyone finds the people of a list of UIDs. The caller holds the lock.
func (s *site) everyone(uids []string) ([]int, error) {
	out := make([]int, 0, len(uids))
	for _, uid := range uids {
		i, ok := s.born.byUID(uid)
		if !ok || i >= s.count {
			return nil, badRequest("The person '%s' could not be found.", uid)
		}
		out = append(out, i)
	}
	return out, nil
}

// terms reads the three flags of a membership; absent ones are false.
func (c *call) terms() (membership, error) {
	primary, err1 := c.flag("isPrimary")
	notified, err2 := c.flag("isNotified")
	manager, err3 := c.flag("isManager")
	on := func(b *bool) bool { return b != nil && *b }
	return membership{IsPrimary: on(primary), IsNotified: on(notified), IsManager: on(manager)}, first(err1, err2, err3)
}

// first returns the first error there is.
func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// join adds a membership, or changes its terms. A person has at most one primary group.
func (p *person) join(m membership) {
	next := slices.Clone(p.groups)
	for k := range next {
		next[k].IsPrimary = next[k].IsPrimary && !m.IsPrimary
	}
	if k := slices.IndexFunc(next, func(o membership) bool { return o.GroupID == m.GroupID }); k >= 0 {
		next[k] = m
	} else {
		next = append(next, m)
	}
	p.groups = next
}

func (p *person) leave(group int) {
	p.groups = slices.DeleteFunc(slices.Clone(p.groups), func(m membership) bool { return m.GroupID == group })
}

// groupsOfPerson answers GET people/{uid}/groups.
func (c *call) groupsOfPerson() {
	c.reading(func(s *site) (any, error) {
		i, err := s.someone(c.r.PathValue("uid"))
		if err != nil {
			return nil, err
		}
		out := slices.Clone(s.at(i).groups)
		for k := range out {
			if g, err := s.groupByID(out[k].GroupID); err == nil {
				out[k].GroupName = g.Name
			}
		}
		return orEmpty(out), nil
	})
}

// addGroupsToPerson answers POST people/{uid}/groups?removeOtherGroups= with a list of group ids as body [S].
func (c *call) addGroupsToPerson() {
	ids, err1 := read[[]int](c)
	others, err2 := c.flag("removeOtherGroups")
	m, err3 := c.terms()
	if err := first(err1, err2, err3); err != nil {
		c.settle(0, nil, err)
		return
	}
	c.changeGroups(func(s *site, p *person) error {
		if others != nil && *others {
			p.groups = slices.DeleteFunc(slices.Clone(p.groups), func(m membership) bool { return !slices.Contains(ids, m.GroupID) })
		}
		return s.joinAll(p, ids, m)
	})
}

// joinAll adds p to every group of ids on the same terms. The caller holds the lock.
func (s *site) joinAll(p *person, ids []int, m membership) error {
	for _, id := range ids {
		if _, err := s.groupByID(id); err != nil {
			return badRequest("The group %d could not be found.", id)
		}
		m.GroupID = id
		p.join(m)
	}
	return nil
}

// addGroupToPerson answers PUT people/{uid}/groups/{id}?isPrimary=&isNotified=&isManager=.
func (c *call) addGroupToPerson() {
	m, err := c.terms()
	if err != nil {
		c.settle(0, nil, err)
		return
	}
	c.changeGroups(func(s *site, p *person) error {
		g, err := c.groupOfPath(s)
		m.GroupID = g.ID
		if err == nil {
			p.join(m)
		}
		return err
	})
}

// removeGroupFromPerson answers DELETE people/{uid}/groups/{id}.
func (c *call) removeGroupFromPerson() {
	c.changeGroups(func(s *site, p *person) error {
		id, err := strconv.Atoi(c.r.PathValue("id"))
		if err != nil || !p.in(id) {
			return notFound("The membership")
		}
		p.leave(id)
		return nil
	})
}

func (c *call) changeGroups(fn func(*site, *person) error) {
	c.writing(http.StatusOK, func(s *site) (any, error) {
		i, err := s.someone(c.r.PathValue("uid"))
		if err != nil {
			return nil, err
		}
		return note{-1, "The groups of the person have been changed."}, s.change(i, func(p *person) error { return fn(s, p) })
	})
}
