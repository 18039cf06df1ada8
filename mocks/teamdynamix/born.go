package teamdynamix

import (
	"strconv"
	"strings"
	"time"
)

// noDate is how .NET writes a date that is not set.
const noDate = "0001-01-01T00:00:00"

// beidInt is the short form of the organisation's id.
const beidInt = 77

// sketch fills p with all of born person i that a search may ask for, reusing p's slices. The names of groups and roles
// are left to site.show, because writes may change those.
func (g *population) sketch(i int, p *person) {
	apps, orgs, groups := p.Applications[:0], p.OrgApplications[:0], p.groups[:0]
	*p = person{}
	g.list(i, &p.listing)
	p.SecurityRoleID = g.roleOf(i)
	p.Applications = g.appsOf(i, apps)
	p.OrgApplications = g.orgAppsOf(i, orgs)
	p.groups = g.inGroups(i, groups)
}

// list fills the listing of born person i.
func (g *population) list(i int, l *listing) {
	first, last := g.name(i)
	kind := g.draw(saltKind, i)
	name := g.userName(i)
	*l = listing{
		UID: g.uid(i), ReferenceID: firstReference + i, UserName: name,
		FirstName: first, LastName: last, FullName: first + " " + last,
		PrimaryEmail: name + "@campus.example", AlertEmail: name + "@campus.example", AuthenticationUserName: name,
		ExternalID: "E" + strconv.Itoa(4000000+i), AlternateID: strconv.Itoa(900000000 + i),
		IsEmployee: kind>>8%10 < 6, IsActive: kind>>16%100 < 92, IsConfidential: kind>>24%100 < 2,
		TypeID: typeUser,
	}
	if g.customer(i) {
		l.TypeID = typeCustomer
	}
	if g.accounts > 0 {
		l.DefaultAccountID = firstAccount + int(g.draw(saltAccount, i)%uint64(g.accounts))
	}
}

// roleOf is the global security role of born person i; empty for a Customer [V].
func (g *population) roleOf(i int) string {
	if g.roles == 0 || g.customer(i) {
		return ""
	}
	h := g.draw(saltRole, i)
	low := min(h%uint64(g.roles), h>>32%uint64(g.roles)) // the low roles have the most holders
	return g.guid(saltRoleID, int(low))
}

// appsOf appends the standard applications of born person i: the first to nearly every User, the later the rarer.
func (g *population) appsOf(i int, out []string) []string {
	if g.customer(i) {
		return out
	}
	h := g.draw(saltApps, i)
	for j, app := range g.apps {
		h = mix(h)
		if h%100 < uint64(max(4, 95-8*j)) {
			out = append(out, app)
		}
	}
	return out
}

// orgAppsOf appends the platform applications of born person i, each with one of that application's two roles.
func (g *population) orgAppsOf(i int, out []orgApplication) []orgApplication {
	if g.customer(i) {
		return out
	}
	for j, app := range platformApplications {
		h := g.draw(saltOrgApps, i<<2|j)
		if h%10_000 >= g.orgApps {
			continue
		}
		out = append(out, orgApplication{
			ID: g.platformID(j), Name: app.name, Description: app.about, SystemClass: app.class,
			SecurityRoleID: g.appRole(j, int(h>>8&1)), IsAdministrator: h>>16%20 == 0, IsDefault: len(out) == 0,
		})
	}
	return out
}

// platformID is the id of platform application j; they follow the standard ones.
func (g *population) platformID(j int) int { return firstApp + g.stdApps + j }

// appRole is the GUID of role k (0 or 1) of platform application j.
func (g *population) appRole(j, k int) string { return g.guid(saltRoleID, 1<<20|j<<1|k) }

// born makes the whole of person i.
func (g *population) born(i int) *person {
	p := &person{}
	g.sketch(i, p)
	p.duties = g.dutiesOf(i)
	h := g.draw(saltContact, i)
	p.BEID, p.BEIDInt = g.beid, beidInt
	p.Nickname = p.FirstName
	p.MiddleName = string(rune('A' + h%26))
	p.AlternateEmail = strings.ToLower(p.FirstName) + strconv.Itoa(i) + "@home.example"
	p.WorkPhone = phone(h >> 5)
	p.PrimaryPhone, p.MobilePhone = p.WorkPhone, phone(h>>9)
	p.WorkAddress, p.WorkCity = strconv.Itoa(int(h>>13%900)+100)+" College Avenue", cities[h>>17%uint64(len(cities))]
	p.WorkState, p.WorkZip, p.WorkCountry = "OH", strconv.Itoa(43000+int(h>>21%900)), "United States"
	p.HomeAddress, p.HomeCity = strconv.Itoa(int(h>>25%900)+1)+" Maple Street", cities[h>>29%uint64(len(cities))]
	p.HomeState, p.HomeZip, p.HomeCountry = "OH", strconv.Itoa(44000+int(h>>33%900)), "United States"
	p.WorkableHours, p.ShouldReportTime = 8, h>>37&1 == 1
	p.ReportTimeAfterDate, p.EndDate, p.Birthday = noDate, noDate, noDate
	p.TZID, p.TZName = 2, "(GMT-05:00) Eastern Time (US and Canada)"
	p.Company, p.Title = "Example University", titles[h>>41%uint64(len(titles))]
	p.LocationID, p.LocationName = int(h>>45%40)+501, "Building "+strconv.Itoa(int(h>>45%40)+1)
	p.LocationRoomID, p.LocationRoomName = int(h>>49%300)+9001, "Room "+strconv.Itoa(int(h>>49%300)+101)
	p.ResourcePoolID, p.ResourcePoolName = int(h>>53%6)+11, "Pool "+strconv.Itoa(int(h>>53%6)+1)
	p.Attributes = []attribute{
		{ID: 7101, Name: "Badge Number", Value: strconv.Itoa(70000 + i), ValueText: strconv.Itoa(70000 + i)},
		{ID: 7102, Name: "Start Date", Value: started(h), ValueText: started(h)},
	}
	if i > 0 {
		boss := int(g.draw(saltManager, i) % uint64(i)) // upwards only: no circles
		first, last := g.name(boss)
		p.ReportsToUID, p.ReportsToFullName = g.uid(boss), first+" "+last
	}
	return p
}

// dutiesOf gives three Users in ten one functional role.
func (g *population) dutiesOf(i int) []duty {
	h := g.draw(saltDuty, i)
	if g.functionalRoles == 0 || g.customer(i) || h%10 >= 3 {
		return nil
	}
	return []duty{{FunctionalRoleID: firstDuty + int(h>>8%uint64(g.functionalRoles)), IsPrimary: true}}
}

// phone is a number of the range kept for fiction.
func phone(h uint64) string { return "(614) 555-01" + strconv.Itoa(int(h%90)+10) }

func started(h uint64) string {
	return time.Date(2010, 1, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, int(h%5000)).Format("2006-01-02")
}
