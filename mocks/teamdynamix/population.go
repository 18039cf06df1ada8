package teamdynamix

import (
	"encoding/hex"
	"slices"
	"strconv"
	"strings"
)

// population is who lives at the vendor before anybody writes: every trait of person i is a function of seed and i, so
// that nothing is stored, and both ways from a uid or a user name back to i are arithmetic.
type population struct {
	seed                                                      uint64
	people, groups, roles, functionalRoles, accounts, stdApps int
	orgApps                                                   uint64 // of ten thousand Users, how many have a platform application
	beid                                                      string
	apps                                                      []string
}

// A salt for each independent trait.
const (
	saltUID = iota + 1
	saltName
	saltKind
	saltRole
	saltAccount
	saltApps
	saltGroups
	saltOrgApps
	saltDuty
	saltContact
	saltManager
	saltPermission
	saltGroup
	saltBEID
	saltKey
	saltRoleID
)

// The first ids of each kind of record. Different starts make a mix-up of two kinds of id visible.
const (
	firstGroup      = 1001
	firstAccount    = 301
	firstDuty       = 51
	firstApp        = 21
	firstReference  = 100001
	firstPermission = 1
	permissionCount = 60
)

func newPopulation(o Options) population {
	g := population{
		seed: mix(uint64(o.Seed)), people: max(0, o.People), groups: max(0, o.Groups), roles: max(0, o.SecurityRoles),
		functionalRoles: max(0, o.FunctionalRoles), accounts: max(0, o.Accounts), stdApps: max(0, o.Applications), beid: o.BEID,
		orgApps: uint64(10_000 * min(max(0, o.OrgApplicationShare), 1)),
	}
	g.apps = numbered(standardApplications, g.stdApps)
	return g
}

// numbered returns n names: the given ones, then the given ones with a number.
func numbered(names []string, n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = names[i%len(names)]
		if round := i / len(names); round > 0 {
			out[i] += " " + strconv.Itoa(round+1)
		}
	}
	return out
}

// mix is splitmix64's finisher: equal in, equal out; near in, far out.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// draw is the random number that belongs to trait salt of record i.
func (g *population) draw(salt, i int) uint64 {
	return mix(g.seed ^ mix(uint64(salt)<<40^uint64(i)))
}

// guid is a version-4 GUID for record i of kind salt.
func (g *population) guid(salt, i int) string {
	return g.format(uint32(g.draw(salt, i)), salt, i)
}

func (g *population) format(head uint32, salt, i int) string {
	hi, lo := g.draw(salt, ^i), g.draw(salt+1<<20, i)
	b := [16]byte{
		byte(head >> 24), byte(head >> 16), byte(head >> 8), byte(head), byte(hi), byte(hi >> 8), byte(hi>>16)&0x0f | 0x40, byte(hi >> 24),
		byte(lo)&0x3f | 0x80, byte(lo >> 8), byte(lo >> 16), byte(lo >> 24), byte(lo >> 32), byte(lo >> 40), byte(lo >> 48), byte(lo >> 56),
	}
	var out [36]byte
	hex.Encode(out[:8], b[:4])
	hex.Encode(out[9:13], b[4:6])
	hex.Encode(out[14:18], b[6:8])
	hex.Encode(out[19:23], b[8:10])
	hex.Encode(out[24:], b[10:])
	out[8], out[13], out[18], out[23] = '-', '-', '-', '-'
	return string(out[:])
}

// A uid begins with the index times an odd number, plus a shift by seed: a bijection on 32 bits that looks like none.
const (
	uidFactor  = 0x9e3779b1
	uidInverse = 0x0e8b2f51 // uidFactor * uidInverse = 1 modulo 2^32
)

// uid is the UID of person i, born or created later.
func (g *population) uid(i int) string {
	return g.format(uint32(i)*uidFactor+uint32(g.seed), saltUID, i)
}

// byUID returns the index for which uid gives the GUID; whether such a person exists is not asked.
func (g *population) byUID(uid string) (int, bool) {
	if len(uid) != 36 {
		return 0, false
	}
	head, err := strconv.ParseUint(uid[:8], 16, 32)
	if err != nil {
		return 0, false
	}
	i := int((uint32(head) - uint32(g.seed)) * uidInverse)
	return i, strings.EqualFold(g.uid(i), uid)
}

// userName is the name that person i was born with: initial, last name, index.
func (g *population) userName(i int) string {
	first, last := g.name(i)
	return strings.ToLower(first[:1] + last + strconv.Itoa(i))
}

// byUserName returns the born person of that name.
func (g *population) byUserName(name string) (int, bool) {
	digits := strings.TrimLeftFunc(name, func(r rune) bool { return r < '0' || r > '9' })
	i, err := strconv.Atoi(digits)
	if err != nil || i < 0 || i >= g.people {
		return 0, false
	}
	return i, strings.EqualFold(g.userName(i), name)
}

func (g *population) name(i int) (first, last string) {
	h := g.draw(saltName, i)
	return firstNames[h%uint64(len(firstNames))], lastNames[h>>32%uint64(len(lastNames))]
}

// inGroups appends the groups that person i was born into: up to four, low numbers more often, so that group sizes differ.
// A Customer has none [V].
func (g *population) inGroups(i int, out []membership) []membership {
	if g.groups == 0 || g.customer(i) {
		return out
	}
	h := g.draw(saltGroups, i)
	for n := h % 5; n > 0; n-- {
		h = mix(h)
		x := float64(h>>11) / (1 << 53)
		id := firstGroup + int(x*x*float64(g.groups))
		if slices.ContainsFunc(out, func(m membership) bool { return m.GroupID == id }) {
			continue
		}
		out = append(out, membership{GroupID: id, IsPrimary: len(out) == 0, IsNotified: h&1 == 1, IsManager: h>>1&31 == 0})
	}
	return out
}

// customer tells whether person i is a Customer, three in ten, or a User.
func (g *population) customer(i int) bool { return g.draw(saltKind, i)%10 < 3 }
