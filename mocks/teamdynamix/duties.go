package teamdynamix

import (
	"net/http"
	"slices"
	"strings"
)

// functionalRole is what a person does, for planning; it grants nothing.
type functionalRole struct {
	ID           int
	Name         string
	StandardRate float64
	CostRate     float64
	CreatedDate  string
	ModifiedDate string
	Comments     string
}

func (g *population) allDuties() []functionalRole {
	out := make([]functionalRole, g.functionalRoles)
	for i, name := range numbered(dutyNames, g.functionalRoles) {
		out[i] = functionalRole{
			ID: firstDuty + i, Name: name, StandardRate: float64(60 + 5*i), CostRate: float64(40 + 4*i),
			CreatedDate: stamp(founded), ModifiedDate: stamp(founded),
		}
	}
	return out
}

// duty finds a functional role. The caller holds the lock.
func (s *site) duty(id int) (functionalRole, error) {
	if id < firstDuty || id >= firstDuty+len(s.duties) {
		return functionalRole{}, notFound("The functional role")
	}
	return s.duties[id-firstDuty], nil
}

// createFunctionalRole answers POST functionalroles with the new role and 201 [G].
func (c *call) createFunctionalRole() {
	in, err := read[functionalRole](c)
	if err == nil && strings.TrimSpace(in.Name) == "" {
		err = badRequest("Name is required.")
	}
	if err != nil {
		c.settle(0, nil, err)
		return
	}
	c.writing(http.StatusCreated, func(s *site) (any, error) {
		in.ID, in.CreatedDate, in.ModifiedDate = firstDuty+len(s.duties), stamp(c.now()), stamp(c.now())
		s.duties = append(s.duties, in)
		return in, nil
	})
}

// updateFunctionalRole answers PUT functionalroles/{id}.
func (c *call) updateFunctionalRole() {
	in, err := read[functionalRole](c)
	if err == nil && strings.TrimSpace(in.Name) == "" {
		err = badRequest("Name is required.")
	}
	if err != nil {
		c.settle(0, nil, err)
		return
	}
	c.writing(http.StatusOK, func(s *site) (any, error) {
		id, err := c.id("The functional role")
		if err != nil {
			return nil, err
		}
		old, err := s.duty(id)
		if err != nil {
			return nil, err
		}
		in.ID, in.CreatedDate, in.ModifiedDate = old.ID, old.CreatedDate, stamp(c.now())
		s.duties[id-firstDuty] = in
		return in, nil
	})
}

// searchFunctionalRoles answers POST functionalroles/search.
func (c *call) searchFunctionalRoles() {
	q, err := read[struct {
		Name       string
		MaxResults int
	}](c)
	if err != nil {
		c.settle(0, nil, err)
		return
	}
	c.reading(func(s *site) (any, error) {
		out := []functionalRole{}
		for _, f := range s.duties {
			if q.MaxResults > 0 && len(out) == q.MaxResults {
				break
			}
			if strings.Contains(strings.ToLower(f.Name), strings.ToLower(q.Name)) {
				out = append(out, f)
			}
		}
		return out, nil
	})
}

// functionalRolesOfPerson answers GET people/{uid}/functionalroles.
func (c *call) functionalRolesOfPerson() {
	c.reading(func(s *site) (any, error) {
		i, err := s.someone(c.r.PathValue("uid"))
		if err != nil {
			return nil, err
		}
		out := slices.Clone(s.at(i).duties)
		for k := range out {
			if f, err := s.duty(out[k].FunctionalRoleID); err == nil {
				out[k].FunctionalRoleName = f.Name
			}
		}
		return orEmpty(out), nil
	})
}

// addFunctionalRole answers PUT people/{uid}/functionalroles/{id}?isPrimary=. A person has at most one primary role.
func (c *call) addFunctionalRole() {
	primary, err := c.flag("isPrimary")
	if err != nil {
		c.settle(0, nil, err)
		return
	}
	c.changeDuties(func(p *person, id int) error {
		d := duty{FunctionalRoleID: id, IsPrimary: primary != nil && *primary}
		next := slices.DeleteFunc(slices.Clone(p.duties), func(o duty) bool { return o.FunctionalRoleID == id })
		for k := range next {
			next[k].IsPrimary = next[k].IsPrimary && !d.IsPrimary
		}
		next = append(next, d)
		p.duties = next
		return nil
	})
}

// removeFunctionalRole answers DELETE people/{uid}/functionalroles/{id}.
func (c *call) removeFunctionalRole() {
	c.changeDuties(func(p *person, id int) error {
		k := slices.IndexFunc(p.duties, func(o duty) bool { return o.FunctionalRoleID == id })
		if k < 0 {
			return notFound("The functional role of the person")
		}
		p.duties = slices.Delete(slices.Clone(p.duties), k, k+1)
		return nil
	})
}

func (c *call) changeDuties(fn func(*person, int) error) {
	c.writing(http.StatusOK, func(s *site) (any, error) {
		i, err := s.someone(c.r.PathValue("uid"))
		if err != nil {
			return nil, err
		}
		id, err := c.id("The functional role")
		if err != nil {
			return nil, err
		}
		if _, err := s.duty(id); err != nil {
			return nil, err
		}
		return note{-1, "The functional roles of the person have been changed."}, s.change(i, func(p *person) error { return fn(p, id) })
	})
}
